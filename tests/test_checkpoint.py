"""checkpoint: configurations of both families, tensor stores, finding and opening."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adotx.checkpoint import (
    TensorStore,
    TileRule,
    expected_tensors,
    memory_estimate,
    open_checkpoint,
    parameter_count,
    parse_config,
    read_config,
)
from adotx.checkpoint.contradictions import contradictions, disagreements, leftovers
from adotx.errors import AdotxError
from checkpoint_toys import PREPROCESSOR, PROCESSOR, VL, edited, one_line, toy_checkpoint, write

QWEN_72B = {
    "model_type": "qwen2", "hidden_size": 8192, "num_hidden_layers": 80, "num_attention_heads": 64,
    "num_key_value_heads": 8, "intermediate_size": 29568, "vocab_size": 152064, "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0, "max_position_embeddings": 131072, "tie_word_embeddings": False,
}  # fmt: skip


# -- configurations


@pytest.mark.parametrize(
    ("name", "tensors", "parameters"), [("vl", 782, 7_689_660_144), ("light", 339, 7_259_624_960)]
)
def test_published_configs(shared: Path, name: str, tensors: int, parameters: int) -> None:
    path = shared / "ax4" / name
    config = read_config(path)
    assert parameter_count(config) == parameters
    names = TensorStore(path).names()
    assert sorted(expected_tensors(config)) == names and len(names) == tensors
    assert not contradictions(config) and not disagreements(config) and not leftovers(config)
    text = config.text
    assert (text.hidden_size, text.num_attention_heads, text.num_key_value_heads, text.head_dim) == (
        3584,
        28,
        4,
        128,
    )
    assert text.rms_norm_eps == 1e-5 and text.rope_theta == 1e6 and text.rope_scaling is None


def test_published_vl_details(shared: Path) -> None:
    config = read_config(shared / "ax4" / "vl")
    assert config.image_token_id == 22 and config.tiles == TileRule()
    assert config.tiles.max_image_tokens == 13 * 144
    assert config.vision and config.vision.feature_layer == 0 and config.vision.grid == 24


def test_golden_tiny(shared: Path) -> None:
    path = shared / "ax4" / "golden" / "tiny"
    checkpoint = open_checkpoint(path)
    shapes = expected_tensors(checkpoint.config)
    assert len(shapes) == 98 and {n: checkpoint.tensors.spec(n)[1] for n in shapes} == shapes
    checkpoint.require_tensors()
    # No processor files there: the tile follows the tower, the tokens the projector.
    assert checkpoint.config.tiles == TileRule(tile_size=64, tokens_per_tile=4)
    assert checkpoint.name == "tiny" and checkpoint.eos_ids == (0,) and checkpoint.extra == {}


def test_72b_shape() -> None:
    config = parse_config(QWEN_72B)
    assert parameter_count(config) == 72_706_203_648  # the published total of Qwen2.5-72B
    assert config.text.head_dim == 128 and config.vision is None and config.tiles is None


def test_transformers_5_spelling() -> None:
    new = edited(
        QWEN_72B,
        {
            "rope_theta": ...,
            "rope_parameters": {"rope_theta": 1000000.0, "rope_type": "default"},
            "dtype": "bfloat16",
        },
    )
    assert parse_config(new).text == parse_config(QWEN_72B).text
    yarn = edited(new, {"rope_parameters.rope_type": "yarn", "rope_parameters.factor": 4.0})
    scaling = parse_config(yarn).text.rope_scaling
    assert scaling is not None and scaling["rope_type"] == "yarn" and scaling["factor"] == 4.0
    old = edited(QWEN_72B, {"rope_scaling": {"type": "yarn", "factor": 4.0}})
    assert parse_config(old).text.rope_scaling == {"type": "yarn", "rope_type": "yarn", "factor": 4.0}
    with pytest.raises(AdotxError, match="rope_theta 10000 differs"):
        parse_config(edited(new, {"rope_theta": 10000}))


def test_image_processor_inside_processor_config(tmp_path: Path) -> None:
    write(tmp_path, "config.json", VL)
    write(
        tmp_path,
        "processor_config.json",
        PROCESSOR | {"image_processor": PREPROCESSOR | {"max_num_tiles": 24}},
    )
    tiles = read_config(tmp_path).tiles
    assert tiles and tiles.max_tiles == 24
    write(tmp_path, "preprocessor_config.json", PREPROCESSOR)
    found = disagreements(read_config(tmp_path))
    assert len(found) == 1 and "12" in found[0] and "24" in found[0]


def test_sliding_window_is_only_what_is_used() -> None:
    assert parse_config(edited(QWEN_72B, {"sliding_window": 4096})).text.sliding_window is None
    used = {"sliding_window": 4096, "use_sliding_window": True}
    assert parse_config(edited(QWEN_72B, used)).text.sliding_window == 4096
    assert (
        parse_config(edited(QWEN_72B, used | {"layer_types": ["full_attention"]})).text.sliding_window is None
    )


def test_defaults_are_those_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    mine = parse_config({"model_type": "qwen2"}).text
    theirs = transformers.Qwen2Config()
    for key in (
        "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size",
        "vocab_size", "rms_norm_eps", "max_position_embeddings", "tie_word_embeddings", "hidden_act",
    ):  # fmt: skip
        assert getattr(mine, key) == getattr(theirs, key), key
    assert mine.rope_theta == theirs.rope_parameters["rope_theta"]
    tower = parse_config(edited(VL, {"vision_config": {}, "projector_config": {}})).vision
    siglip = transformers.SiglipVisionConfig()
    for key in (
        "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "patch_size",
        "image_size", "num_channels", "layer_norm_eps", "hidden_act",
    ):  # fmt: skip
        assert getattr(tower, key) == getattr(siglip, key), key
    assert parse_config({**theirs.to_dict(), "model_type": "qwen2"}).text == mine


def test_tied_models_have_no_output_matrix() -> None:
    untied, tied = parse_config(VL), parse_config(edited(VL, {"tie_word_embeddings": True}))
    assert set(expected_tensors(untied)) - set(expected_tensors(tied)) == {"language_model.lm_head.weight"}
    assert parse_config(
        edited(VL, {"tie_word_embeddings": ..., "text_config.tie_word_embeddings": True})
    ).text.tie_word_embeddings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"projector_config.in_hidden_size": 40}, "in_hidden_size 40 differs from vision hidden_size 32"),
        ({"projector_config.out_hidden_size": 40}, "out_hidden_size 40 differs from text hidden_size 48"),
        ({"text_config.hidden_size": 50}, "hidden_size 50 is not a multiple of num_attention_heads 6"),
        ({"text_config.num_key_value_heads": 4}, "not a multiple of num_key_value_heads 4"),
        ({"text_config.hidden_act": "gelu"}, "'silu'"),
        ({"vision_config.num_attention_heads": 5}, "vision hidden_size 32"),
        ({"vision_config.image_size": 70}, "image_size 70 is not a multiple of patch_size 16"),
        ({"vision_config.image_size": 48, "projector_config.grid_size": 2}, "do not pool evenly"),
        ({"vision_config.image_size": 128}, "tile size 64 differs from image_size 128"),
        ({"projector_config.grid_size": 4}, "num_tokens_per_tile 4 differs from grid_size 4"),
        ({"image_token_index": 320}, "image_token_index 320 is outside the vocabulary of 320"),
        ({"vision_feature_layer": 7}, "vision_feature_layer 7"),
        ({"vision_feature_select_strategy": "default"}, "'full'"),
        ({"quantization_config": {"quant_method": "gptq"}}, "gptq"),
    ],
)
def test_contradictions_are_named(tmp_path: Path, changes: dict, said: str) -> None:
    write(tmp_path, "config.json", edited(VL, changes))
    write(tmp_path, "preprocessor_config.json", PREPROCESSOR)
    write(tmp_path, "processor_config.json", PROCESSOR)
    with pytest.raises(AdotxError) as caught:
        open_checkpoint(tmp_path)
    assert said in one_line(caught.value) and caught.value.code == "config.contradiction"


@pytest.mark.parametrize(
    "changes",
    [{"do_tile_pad": True}, {"do_normalize": False}, {"rescale_factor": 1.0}, {"min_num_tiles": 13}],
)
def test_processor_settings_that_adotx_does_not_have(changes: dict) -> None:
    assert len(contradictions(parse_config(VL, PREPROCESSOR | changes, PROCESSOR))) == 1


def test_second_copies_that_differ() -> None:
    copies = {
        "llm_config": VL["text_config"] | {"num_hidden_layers": 3},
        "max_num_tiles": 6,
        "max_dynamic_patch": 6,
    }
    config = parse_config(edited(VL, copies), PREPROCESSOR, PROCESSOR)
    assert not contradictions(config)
    found = disagreements(config)
    assert [s.split()[0] for s in found] == ["text_config.num_hidden_layers", "preprocessor_config"]
    assert leftovers(config) == ["max_num_tiles 12 differs from the unused max_dynamic_patch 6"]
    # The processor's own file decides.
    assert config.tiles and config.tiles.max_tiles == 12


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model_type": "llama"}, "config.family"),
        ({"model_type": ..., "architectures": ...}, "config.family"),
        ({"text_config": ...}, "config.value"),
        ({"text_config": 3}, "config.value"),
        ({"text_config.model_type": "llama"}, "config.value"),
        ({"text_config.hidden_size": "48"}, "config.value"),
        ({"text_config.num_attention_heads": 0}, "config.value"),
        ({"text_config.num_hidden_layers": True}, "config.value"),
        ({"text_config.rms_norm_eps": float("nan")}, "config.value"),
        ({"text_config.rope_parameters": []}, "config.value"),
        ({"image_token_index": ...}, "config.value"),
        ({"image_token_index": -1}, "config.value"),
        ({"vision_feature_layer": [1, 2]}, "config.value"),
        ({"tie_word_embeddings": "no"}, "config.value"),
    ],
)
def test_values_that_cannot_be_read(changes: dict, code: str) -> None:
    with pytest.raises(AdotxError) as caught:
        parse_config(edited(VL, changes))
    one_line(caught.value)
    assert caught.value.code == code


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(
    key=st.sampled_from(
        [*VL, "rope_scaling", *(f"{s}.{k}" for s in VL if isinstance(VL[s], dict) for k in VL[s])]
    ),
    value=_json,
)
def test_any_value_is_read_or_refused_in_one_line(key: str, value: object) -> None:
    try:
        config = parse_config(edited(VL, {key: value}), PREPROCESSOR, PROCESSOR)
        contradictions(config), disagreements(config), leftovers(config)
    except AdotxError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 200_000])
def test_unreadable_config(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(AdotxError) as caught:
        open_checkpoint(tmp_path)
    assert caught.value.code == "config.unreadable" and "config.json" in one_line(caught.value)


def test_memory_of_the_published_model(shared: Path) -> None:
    need = memory_estimate(read_config(shared / "ax4" / "vl"))
    assert need.weights["bf16"] == 15_379_320_288
    assert 0.5 < need.weights["int8"] / need.weights["bf16"] < 0.51
    assert 0.25 < need.weights["int4"] / need.weights["bf16"] < 0.4
    assert need.kv_per_token["bf16"] == 2 * 28 * 4 * 128 * 2 and need.kv(10) == 10 * need.kv_per_token["bf16"]


# -- finding and opening


def test_what_is_not_a_checkpoint(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"x")
    for source in (tmp_path / "absent", file, "skt/A.X-4.0-VL-Light", "no such\nmodel", tmp_path):
        with pytest.raises(AdotxError) as caught:
            open_checkpoint(source)
        one_line(caught.value)


def test_nano_opens_or_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from adotx.checkpoint import source

    monkeypatch.setattr(source.resources, "files", lambda package: tmp_path)
    with pytest.raises(AdotxError, match="bundled") as caught:
        open_checkpoint()
    assert caught.value.code == "checkpoint.nano_absent"
    toy_checkpoint(tmp_path / "nano", {"adotx": {"version": 1}})
    nano = open_checkpoint()
    assert nano.name == "nano" and nano.extra == {"version": 1} and nano.eos_ids == (0, 27, 1)


def test_end_ids_without_generation_config(tmp_path: Path) -> None:
    toy_checkpoint(tmp_path)
    (tmp_path / "generation_config.json").unlink()
    assert open_checkpoint(tmp_path).eos_ids == (0,)
    write(tmp_path, "tokenizer_config.json", {"eos_token": {"content": "<|im_end|>"}})
    assert open_checkpoint(tmp_path).eos_ids == (0, 27)


def test_hub_ids_are_fetched_only_online(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    toy_checkpoint(tmp_path)
    asked = []

    def fetch(hub_id: str, allow_patterns: list[str]) -> str:
        asked.append(hub_id)
        # No code and no pickles come along.
        assert not {"*", "*.py", "*.bin", "*.pt"} & set(allow_patterns)
        if hub_id.endswith("gone"):
            raise OSError("404\nmany\nlines")
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", fetch)
    with pytest.raises(AdotxError):
        open_checkpoint("some/model")
    assert not asked
    assert open_checkpoint("some/model", online=True).name == "some/model"
    with pytest.raises(AdotxError) as caught:
        open_checkpoint("some/gone", online=True)
    assert caught.value.code == "checkpoint.hub"
    one_line(caught.value)


def test_no_torch_and_no_engine_is_imported() -> None:
    import subprocess
    import sys

    code = (
        "import sys, adotx.checkpoint; "
        "heavy = 'torch', 'transformers', 'openvino', 'tokenizers', 'huggingface_hub'; "
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
