"""Quantisation: its error bounds, its packing, and which matrix of a model is kept how."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from adotx.checkpoint import ModelConfig, expected_tensors, parse_config
from adotx.engine.weights import formats
from adotx.errors import AdotxError
from engine_checkpoints import NANO_TEXT, NANO_VISION, TINY_TEXT, TINY_VISION, vl_config

# Weights of trained models: zeros, tiny, outliers, but nothing that float16 scales could not hold.
VALUES = st.one_of(
    st.just(0.0), st.floats(-1, 1, width=32), st.floats(-60, 60, width=32), st.floats(2**-12, 2**-9, width=32)
)


@st.composite
def matrices(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    """float32 [rows, groups * group] and group."""
    group = draw(st.sampled_from([16, 32, 128]))
    shape = draw(st.tuples(st.integers(1, 5), st.integers(1, 3)))
    weight = draw(hnp.arrays(np.float32, (shape[0], shape[1] * group), elements=VALUES))
    return weight, group


@given(matrices())
def test_int8_is_off_by_half_a_step_at_most(drawn: tuple[np.ndarray, int]) -> None:
    weight, _ = drawn
    q, scale = formats.quantize_rows(weight)
    assert (q.dtype, scale.dtype, scale.shape) == (np.int8, np.float32, (len(weight), 1))
    error = np.abs(formats.dequantize_rows(q, scale) - weight)
    assert (error <= scale * np.float32(0.5001)).all()
    assert np.allclose(scale[:, 0] * 127, np.abs(weight).max(axis=1), rtol=1e-6, atol=1e-30)


@given(matrices())
def test_int4_keeps_its_bound(drawn: tuple[np.ndarray, int]) -> None:
    weight, group = drawn
    packed, scale = formats.quantize_groups(weight, group)
    rows, columns = weight.shape
    assert (packed.dtype, packed.shape) == (np.uint8, (rows, columns // 2))
    assert (scale.dtype, scale.shape) == (np.float16, (rows, columns // group))
    error = np.abs(formats.dequantize_groups(packed, scale) - weight).reshape(-1, group).astype(np.float64)
    largest = np.abs(weight).reshape(-1, group).max(axis=1).astype(np.float64)
    # Half a step of max / 8 each, or a whole one at the end that does not reach max. Scales are float16:
    # below 2**-25 they are zero, so a group of values below 8 * 2**-25 may be.
    bound = group * (largest / 8 * 1.01 + 2**-22) ** 3
    assert ((error**3).sum(axis=1) <= bound).all()


@given(matrices(), st.integers(0, 1 << 30))
def test_groups_and_rows_do_not_depend_on_their_neighbours(drawn: tuple[np.ndarray, int], seed: int) -> None:
    weight, group = drawn
    random = np.random.default_rng(seed)
    packed, scale = formats.quantize_groups(weight, group)
    row = random.integers(len(weight))
    alone = formats.quantize_groups(weight[row : row + 1], group)
    np.testing.assert_array_equal(alone[0], packed[row : row + 1])
    np.testing.assert_array_equal(alone[1], scale[row : row + 1])


def test_int4_of_gaussian_rows_is_near_the_best_uniform_quantiser() -> None:
    # 4-bit uniform quantisation of a Gaussian with its best step has a relative error of 0.107 (Max, 1960);
    # scales for groups of 128 fit the values that are there, so they do a little better.
    weight = np.random.default_rng(0).standard_normal((256, 1024), dtype=np.float32)
    error = formats.dequantize_groups(*formats.quantize_groups(weight, 128)) - weight
    assert 0.09 < np.sqrt((error**2).mean()) < 0.107


def test_representable_weights_come_back_exactly() -> None:
    random = np.random.default_rng(0)
    q = random.integers(-8, 8, (64, 8, 16))
    q[..., 0] = -8
    weight = (q * random.choice([0.25, -0.5, 2.0], (64, 8, 1))).reshape(64, 128).astype(np.float32)
    np.testing.assert_array_equal(formats.dequantize_groups(*formats.quantize_groups(weight, 16)), weight)
    zeros = np.zeros((2, 32), np.float32)
    np.testing.assert_array_equal(formats.dequantize_groups(*formats.quantize_groups(zeros, 16)), zeros)
    np.testing.assert_array_equal(formats.dequantize_rows(*formats.quantize_rows(zeros)), zeros)


@given(hnp.arrays(np.int8, st.tuples(st.integers(1, 4), st.integers(1, 9).map(lambda n: 2 * n)),
                  elements=st.integers(-8, 7)))  # fmt: skip
def test_packing_is_lossless_and_low_half_first(q: np.ndarray) -> None:
    packed = formats.pack(q)
    np.testing.assert_array_equal(formats.unpack(packed), q)
    assert packed[0, 0] == int(q[0, 0]) % 16 + 16 * (int(q[0, 1]) % 16)


@given(st.integers(1, 40000))
def test_groups_divide_rows(columns: int) -> None:
    group = formats.group_size(columns)
    if group is None:
        assert columns % 16
    else:
        assert columns % group == 0 and 16 <= group <= 128
        assert group == 128 or columns % (2 * group)


UNTIED = vl_config({**NANO_TEXT, "tie_word_embeddings": False}, NANO_VISION, 12)


def config_of(raw: dict) -> ModelConfig:
    return parse_config(raw)


@pytest.mark.parametrize("weights", ["int8", "int4"])
@settings(deadline=None)
@given(st.sampled_from([TINY_TEXT, NANO_TEXT, vl_config(TINY_TEXT, TINY_VISION, 2),
                        vl_config(NANO_TEXT, NANO_VISION, 12),
                        UNTIED]))  # fmt: skip
def test_the_plan_takes_every_matrix_once(weights: str, raw: dict) -> None:
    config = config_of(raw)
    shapes = expected_tensors(config)
    planned = formats.plan(config, weights)
    parts = [part for matrix in planned for part in matrix.parts]
    linear = {name for name, shape in shapes.items() if len(shape) == 2}
    exempt = {name for name in linear if name.endswith("position_embedding.weight")}
    if not config.text.tie_word_embeddings:
        exempt |= {
            name for name in linear if name.endswith("embed_tokens.weight")
        }  # looked up, not multiplied
    assert len(parts) == len(set(parts)) and set(parts) == linear - exempt
    for matrix in planned:
        assert [shapes[part] for part in matrix.parts] == [(n, matrix.columns) for n in matrix.heights]
        in_layers = "vision" not in matrix.name and ".layers." in matrix.name
        assert matrix.kind == ("int4" if weights == "int4" and in_layers else "int8")
        weight = np.random.default_rng(0).standard_normal((3, matrix.columns), dtype=np.float32)
        made = matrix.quantize(weight)
        assert [a.dtype for a in made] == list(matrix.dtypes)
        assert [a.shape[1] for a in made] == [shape[1] for shape in matrix.shapes]


@pytest.mark.parametrize(
    ("hidden", "inner", "group"), [(3584, 18944, 256), (896, 4864, 128), (384, 1024, 128)]
)
def test_all_rows_share_the_larger_group_or_none(hidden: int, inner: int, group: int) -> None:
    raw = {
        **TINY_TEXT,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_attention_heads": hidden // 64,
    }
    groups = {matrix.group for matrix in formats.plan(config_of(raw), "int4") if matrix.kind == "int4"}
    assert groups == {group}


def test_rows_that_no_group_divides_stay_int8() -> None:
    config = config_of({**TINY_TEXT, "intermediate_size": 100})
    kinds = {matrix.name: matrix.kind for matrix in formats.plan(config, "int4")}
    assert kinds["model.layers.0.mlp.down_proj"] == "int8"
    assert kinds["model.layers.0.mlp.gate_proj+up_proj"] == "int4"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_refused(bad: float) -> None:
    matrix = formats.plan(config_of(TINY_TEXT), "int4")[0]
    weight = np.zeros((2, matrix.columns), np.float32)
    weight[1, 5] = bad
    with pytest.raises(AdotxError, match=r"not numbers") as caught:
        matrix.quantize(weight)
    assert matrix.name in str(caught.value)


def test_no_openvino_is_needed(tmp_path: Path) -> None:
    import subprocess
    import sys

    modules = "sys, adotx.engine.weights.convert, adotx.engine.weights.formats"
    program = f"import {modules}; assert 'openvino' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
