"""Our CPU kernels against numpy, in every instruction set: linear layers to the bit, attention to bf16."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adotx.checkpoint import open_checkpoint
from adotx.engine import Engine, Request, SamplingParams, native
from adotx.engine.model.ops import parameter
from adotx.engine.native import sources
from adotx.engine.runtime import compile_model, openvino
from adotx.engine.weights import formats
from adotx.engine.weights.formats import Matrix

ROOT = Path(__file__).parent.parent
here = pytest.mark.skipif(native.kernels() is None, reason=f"no kernels: {native.why_not()}")
F = np.float32


def linear(kind: str, weight: np.ndarray, group: int, **extra: object) -> tuple[native.Linear, np.ndarray]:
    """The layer and the float32 matrix that its integers stand for."""
    rows, columns = weight.shape
    matrix = Matrix("m", ("m",), (rows,), columns, kind, group if kind == "int4" else columns)
    q, scale = matrix.quantize(weight)
    dequantize = formats.dequantize_groups if kind == "int4" else formats.dequantize_rows
    return native.Linear(matrix, q, scale, **extra), dequantize(q, scale)


def run(layer: native.Linear, x: np.ndarray, residual: np.ndarray | None = None) -> np.ndarray:
    ov = openvino()
    given = [parameter("x", ov.Type.f32, [-1, x.shape[1]])]
    if residual is not None:
        given.append(parameter("residual", ov.Type.f32, [-1, residual.shape[1]]))
    compiled = compile_model(ov.Model([layer(*given)], given, "linear"), "f32", threads=2)
    return compiled([x] if residual is None else [x, residual])[0].copy()


def quantized(x: np.ndarray, group: int) -> np.ndarray:
    """x as the kernels see it: int8 in groups of columns; float32 throughout, as they compute."""
    out = np.empty_like(x)
    for start in range(0, x.shape[1], group):
        part = x[:, start : start + group]
        end = np.abs(part).max(axis=1, keepdims=True)
        inverse = np.divide(F(127), end, out=np.zeros_like(end), where=end > 0)
        out[:, start : start + group] = np.rint(part * inverse) * (end / F(127))
    return out


@st.composite
def layers(draw: st.DrawFn) -> tuple[str, np.ndarray, int, np.ndarray]:
    """kind, weight [n, k], group, inputs [rows, k]."""
    kind = draw(st.sampled_from(["int8", "int4"]))
    group = draw(st.sampled_from([32, 64, 128, 256])) if kind == "int4" else native.INPUT_GROUP
    columns = group * draw(st.integers(1, 3)) if kind == "int4" else 32 * draw(st.integers(1, 13))
    random = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    rows, count = draw(st.integers(1, 100)), draw(st.integers(1, 40))
    x = random.standard_normal((count, columns), dtype=F) * draw(st.sampled_from([0, 1e-6, 1, 300]))
    return kind, random.standard_normal((rows, columns), dtype=F), group, x.astype(F)


@here
@settings(max_examples=60, deadline=None)
@given(layers())
def test_a_layer_multiplies_what_was_quantised(drawn: tuple[str, np.ndarray, int, np.ndarray]) -> None:
    kind, weight, group, x = drawn
    layer, exact = linear(kind, weight, group)
    wanted = quantized(x, group).astype(np.float64) @ exact.T.astype(np.float64)
    np.testing.assert_allclose(run(layer, x), wanted, rtol=1e-5, atol=1e-5 * np.abs(wanted).max() + 1e-30)


@here
@pytest.mark.parametrize("kind", ["int8", "int4"])
@pytest.mark.parametrize("rows", [1, 5, 12, 13, 200])
def test_norm_gate_bias_and_residual(kind: str, rows: int) -> None:
    random = np.random.default_rng(rows)
    weight, bias = random.standard_normal((70, 384), dtype=F), random.standard_normal(70, dtype=F)
    x, residual = random.standard_normal((rows, 384), dtype=F), random.standard_normal((rows, 70), dtype=F)
    scale = random.standard_normal(384, dtype=F)
    layer, exact = linear(kind, weight, 128, bias=bias, norm=(scale, 1e-5))
    normal = x / np.sqrt((x.astype(np.float64) ** 2).mean(axis=1, keepdims=True) + 1e-5) * scale
    wanted = quantized(normal.astype(F), 128) @ exact.T + bias + residual
    # A value that lies between two integers may be rounded to the other one.
    step = np.abs(normal).max() / 127 * np.abs(exact).max()
    assert np.abs(run(layer, x, residual) - wanted).max() < 2 * step
    layer, exact = linear(kind, weight, 128, gated=True)
    a, b = random.standard_normal((2, rows, 384), dtype=F) * F(3)
    gated = a / (1 + np.exp(-a)) * b
    step = np.abs(gated).max() / 127 * np.abs(exact).max()
    assert np.abs(run(layer, np.hstack([a, b])) - quantized(gated, 128) @ exact.T).max() < 2 * step


@here
def test_rows_do_not_depend_on_their_company() -> None:
    x = np.random.default_rng(0).standard_normal((300, 896), dtype=F)
    for kind in ("int8", "int4"):
        layer, _ = linear(kind, np.random.default_rng(1).standard_normal((333, 896), dtype=F), 128)
        whole = run(layer, x)
        for rows in (slice(0, 1), slice(7, 20), slice(100, 217)):
            np.testing.assert_array_equal(run(layer, x[rows]), whole[rows])


@here
def test_what_is_not_finite_does_not_pass_for_a_number() -> None:
    x = np.ones((3, 64), F)
    x[0, 5], x[1, 5] = np.inf, np.nan
    layer, _ = linear("int8", np.ones((4, 64), F), 64)
    y = run(layer, x)
    assert not np.isfinite(y[:2]).any() and np.isfinite(y[2]).all()


# Attention


def bf16(x: np.ndarray) -> np.ndarray:
    import ml_dtypes

    return x.astype(ml_dtypes.bfloat16).astype(F)


class Attention:
    """Attention over a cache, of one layer between two others."""

    def __init__(self, queries: int, keys: int, dim: int, blocks: int) -> None:
        self.heads = queries, keys, dim
        config = SimpleNamespace(
            num_attention_heads=queries, num_key_value_heads=keys, head_dim=dim, num_hidden_layers=3
        )
        self.cos, self.sin = self.angles(np.arange(3000))
        self.cache = native.Cache(config, self.cos, self.sin)
        self.cache.reserve(blocks)

    def angles(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        angles = np.outer(positions, 1e6 ** (-np.arange(0, self.heads[2], 2) / self.heads[2]))
        return tuple(np.tile(f(angles), 2).astype(F) for f in (np.cos, np.sin))  # type: ignore[return-value]

    def __call__(self, runs: list[tuple[int, np.ndarray, list[int]]]) -> np.ndarray:
        """runs: (positions already there, qkv [n, width], blocks)."""
        needed = [-(-(past + len(qkv)) // native.BLOCK) for past, qkv, _ in runs]
        self.cache.step(
            np.array([past for past, _, _ in runs], np.int32),
            np.array([len(qkv) for _, qkv, _ in runs], np.int32),
            np.concatenate([b[:n] for (_, _, b), n in zip(runs, needed, strict=True)]).astype(np.int32),
            np.cumsum([0, *needed], dtype=np.int32),
        )
        return self.cache.attend(1, np.concatenate([qkv for _, qkv, _ in runs]))

    def reference(self, qkv: np.ndarray) -> np.ndarray:
        """Causal attention of a whole sequence from position 0, keys, values and queries rounded to bf16."""
        queries, keys, dim = self.heads
        cos, sin = (x[:, None] for x in self.angles(np.arange(len(qkv))))

        def turn(x: np.ndarray) -> np.ndarray:
            half = dim // 2
            return x * cos + np.concatenate([-x[..., half:], x[..., :half]], -1) * sin

        q, k, v = np.split(qkv.reshape(len(qkv), -1, dim), [queries, queries + keys], axis=1)
        q, k, v = bf16(turn(q)), bf16(turn(k)), bf16(v)
        k, v = (np.repeat(x, queries // keys, axis=1) for x in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k, dtype=np.float64) / np.sqrt(dim)
        scores[:, *np.triu_indices(len(qkv), 1)] = -np.inf
        shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares /= shares.sum(axis=-1, keepdims=True)
        return np.einsum("hqk,khd->qhd", shares, v).reshape(len(qkv), -1)


HEADS = [(14, 2, 64), (28, 4, 128), (6, 2, 64), (3, 3, 32), (20, 2, 32)]


@here
@pytest.mark.parametrize("heads", HEADS)
def test_attention_is_attention(heads: tuple[int, int, int]) -> None:
    random = np.random.default_rng(sum(heads))
    width = (heads[0] + 2 * heads[1]) * heads[2]
    whole = [random.standard_normal((n, width), dtype=F) for n in (1, 2, 31, 33, 70, 513, 1030, 1300)]
    needed = [-(-len(qkv) // native.BLOCK) for qkv in whole]
    free = random.permutation(sum(needed) + 5).tolist()
    blocks = [[free.pop() for _ in range(n)] for n in needed]
    attention = Attention(*heads, sum(needed) + 5)
    # Almost all of each first, several sequences at once; then the rest, beside each other.
    begun = [len(qkv) - min(len(qkv), cut) for qkv, cut in zip(whole, (1, 1, 1, 2, 5, 1, 3, 1), strict=True)]
    first = attention([(0, qkv[:n], b) for qkv, n, b in zip(whole, begun, blocks, strict=True) if n])
    rest = attention([(n, qkv[n:], b) for qkv, n, b in zip(whole, begun, blocks, strict=True)])
    for qkv, n in zip(whole, begun, strict=True):
        wanted = attention.reference(qkv)
        got, first = np.concatenate([first[:n], rest[: len(qkv) - n]]), first[n:]
        rest = rest[len(qkv) - n :]
        # Shares are rounded to bf16, 2**-9 each.
        np.testing.assert_allclose(got, wanted, atol=0.015)
        assert np.sqrt(((got - wanted) ** 2).mean()) < 0.004 * np.sqrt((wanted**2).mean())


@here
def test_what_others_left_in_a_block_is_not_seen() -> None:
    random, width = np.random.default_rng(0), (6 + 4) * 64
    attention = Attention(6, 2, 64, 4)
    broken, qkv = np.full((96, width), np.nan, F), random.standard_normal((69, width), dtype=F)
    assert np.isnan(attention([(0, broken, [2, 0, 3])])).all()
    np.testing.assert_array_equal(
        attention([(0, qkv, [3, 0, 2])]), Attention(6, 2, 64, 3)([(0, qkv, [0, 1, 2])])
    )


@here
def test_a_position_sees_the_same_in_any_company_and_piece() -> None:
    random, heads = np.random.default_rng(0), (14, 2, 64)
    qkv = random.standard_normal((2500, 18 * 64), dtype=F)
    blocks = list(range(79))
    whole = Attention(*heads, 80)([(0, qkv, blocks)])
    pieces = Attention(*heads, 160)
    out, other = [], random.standard_normal((40, 18 * 64), dtype=F)
    for start, end in [(0, 700), (700, 1023), (1023, 1025), (1025, 1026), (1026, 2499), (2499, 2500)]:
        runs = [(0, other, [100, 101]), (start, qkv[start:end], blocks)]
        out.append(pieces(runs[start % 2 :])[-(end - start) :])
    np.testing.assert_array_equal(np.concatenate(out), whole)


@here
@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_outputs_are_the_same_to_the_bit_in_any_company_and_piece(weights: str) -> None:
    def request(seed: int) -> Request:
        ids = np.random.default_rng(seed).integers(30, 8192, 40 + 97 * (seed % 11)).tolist()
        return Request(ids, slots=[], sampling=SamplingParams(20 + seed, ignore_eos=True, logprobs=2))

    def read(seeds: list[list[int]], **settings: int) -> list[object]:
        engine = Engine.load(open_checkpoint("nano"), weights, **settings)
        outputs = [o for together in seeds for o in engine.generate([request(seed) for seed in together])]
        return [(output.ids, output.logprobs) for output in outputs]

    alone = read([[seed] for seed in range(12)], kv_memory=16 << 20, threads=1)
    # In pieces, side by side, preempted (1,010 positions are 32 blocks), and then from the prefix cache.
    together = read([list(range(12))] * 2, kv_memory=3 << 20, step_tokens=70, threads=2)
    assert together[:12] == alone and together[12:] == alone
    assert read([list(range(12))], kv_memory=16 << 20, speculate=4) == alone


# The library


@here
@pytest.mark.skipif("ADOTX_KERNELS" in os.environ, reason="one at a time")
@pytest.mark.parametrize("name", ["avx2", "avx512", "avx512_bf16", "amx"])
def test_every_instruction_set(name: str) -> None:
    environment = {**os.environ, "ADOTX_KERNELS": name}
    probe = [sys.executable, "-c", "from adotx.engine import native; print(native.kernels())"]
    found = subprocess.run(probe, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    if found != name:
        pytest.skip(f"this processor has no {name}")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_constants_are_those_of_the_header() -> None:
    header = (sources.FOLDER / "kernels.h").read_text(encoding="utf-8")
    found = {name: int(value) for name, value in re.findall(r"\b([A-Z_]+) = (\d+)", header)}
    assert (found["BLOCK"], found["STEP"], found["LARGEST_HEAD"]) == (
        native.BLOCK, native.STEP, native.LARGEST_HEAD
    )  # fmt: skip
    assert found["LARGEST_GROUP"] >= max(formats.LARGE_GROUP, native.INPUT_GROUP)


def test_a_library_of_other_sources_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ADOTX_KERNELS", raising=False)
    monkeypatch.setattr(native, "library", native.library.__wrapped__)  # looked for anew each time
    if native.LIBRARY.exists():
        monkeypatch.setattr(native, "digest", lambda: "other")
        assert native._load.__wrapped__() == (None, "built from other sources; install adotx again")
    (tmp_path / "no.so").write_bytes(b"no library")
    monkeypatch.setattr(native, "LIBRARY", tmp_path / "no.so")
    library, why = native._load.__wrapped__()
    assert library is None and "cannot be loaded" in why
    monkeypatch.setattr(native, "LIBRARY", tmp_path / "missing.so")
    assert native._load.__wrapped__()[0] is None
    monkeypatch.setenv("ADOTX_KERNELS", "none")
    assert native._load.__wrapped__() == (None, "switched off by ADOTX_KERNELS")


def test_without_a_compiler_the_build_says_what_it_needs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "hatch_build.py")],
        env={**os.environ, "CXX": str(tmp_path / "none")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode and "needs Linux on x86-64, g++ and OpenVINO" in done.stderr
