"""Parts of the hf room alone: configuration, projector, tower, image processor; what other tests build on.

The vocabulary made here (every byte, the family's control tokens) needs no files from outside.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import adotx.hf as hf  # noqa: E402
from adotx.checkpoint.tokenizer import AddedToken, byte_to_char, save_tokenizer_json  # noqa: E402
from adotx.errors import AdotxError  # noqa: E402
from adotx.hf.vision_tower import AX4VLVisionTower  # noqa: E402

PII = ("resident_reg", "foreigner_reg", "business_reg", "credit_card", "passport", "driver_license")
PII += ("telephone", "health_insurance", "bank_account")
CONTROL = [f"<|{name}|>" for name in ("endoftext", "pad", "unk", "sep", "mask", "cls", "image", "audio")]
CONTROL += ["<|user|>", "<|system|>", "<|assistant|>", *(f"<|extra_id_{i}|>" for i in range(14))]
CONTROL += ["<|im_start|>", "<|im_sep|>", "<|im_end|>", *(f"<|{name}|>" for name in PII)]
TOOL_TAGS = ["</tool_output>", "<tool_output>", "</tool_call>", "<tool_call>"]
VOCAB = 41 + 256


def small_config(**changes) -> hf.AX4VLConfig:
    """A whole model of a few thousand parameters; 4 image tokens a tile of 64 pixels."""
    settings = {
        "vision_config": {
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 24,
            "patch_size": 16,
            "image_size": 64,
            "vision_use_head": False,
        },
        "projector_config": {"in_hidden_size": 16, "out_hidden_size": 24, "grid_size": 2},
        "text_config": {
            "hidden_size": 24,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "intermediate_size": 32,
            "vocab_size": VOCAB,
            "rms_norm_eps": 1e-5,
            "rope_theta": 1_000_000,
            "max_position_embeddings": 512,
            "bos_token_id": 0,
            "eos_token_id": 0,
            "pad_token_id": 1,
        },
    }
    return hf.AX4VLConfig(**{**settings, **changes})


def small_model(seed: int = 0, **changes) -> hf.AX4VLForConditionalGeneration:
    """The model of `small_config` with random weights large enough that outputs differ."""
    torch.manual_seed(seed)
    model = hf.AX4VLForConditionalGeneration(small_config(**changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.2)
    return model


def write_processor(path: Path) -> Path:
    """Processor files for `small_config`, as another tool than ours would write them."""
    vocab = {char: 41 + byte for byte, char in byte_to_char().items()}
    added = [AddedToken(i, token) for i, token in enumerate(CONTROL)]
    added += [AddedToken(37 + i, token, special=False) for i, token in enumerate(TOOL_TAGS)]
    save_tokenizer_json(path, vocab, [], added)
    files = {
        "tokenizer_config.json": {
            "tokenizer_class": "GPT2Tokenizer",
            "eos_token": "<|im_end|>",
            "bos_token": "<|endoftext|>",
            "pad_token": "<|pad|>",
            "unk_token": "<|unk|>",
            "auto_map": {"AutoProcessor": "processing_ax4vl.AX4VLProcessor"},
        },
        "preprocessor_config.json": {
            "image_processor_type": "AX4VLImageProcessor",
            "processor_class": "AX4VLProcessor",
            "auto_map": {"AutoImageProcessor": "image_processing_ax4vl.AX4VLImageProcessor"},
            "size": {"shortest_edge": 64},
            "max_num_tiles": 4,
            "resample": 2,
        },
        "processor_config.json": {
            "processor_class": "AX4VLProcessor",
            "auto_map": {"AutoProcessor": "processing_ax4vl.AX4VLProcessor"},
            "num_tokens_per_tile": 4,
            "patch_size": 16,
            "image_token": "<|extra_id_11|>",
        },
    }
    for name, content in files.items():
        (path / name).write_text(json.dumps(content), encoding="utf-8")
    return path


def test_config_keeps_unknown_keys_and_drops_the_machine_of_its_authors(tmp_path):
    written = small_config(template="axvlm", adotx={"note": "kept"}, max_num_tiles=24).to_dict()
    written |= {"attn_implementation": "eager", "auto_map": {"AutoConfig": "x.Y"}}
    written["text_config"] |= {"use_cache": False, "attn_implementation": "eager", "odd": 1}
    (tmp_path / "config.json").write_text(json.dumps(written, default=str), encoding="utf-8")
    config = hf.AX4VLConfig.from_pretrained(tmp_path)
    assert config._attn_implementation is None and config.text_config.use_cache is True
    config.save_pretrained(tmp_path / "again")
    saved = json.loads((tmp_path / "again" / "config.json").read_text())
    assert (
        saved["template"] == "axvlm" and saved["adotx"] == {"note": "kept"} and saved["max_num_tiles"] == 24
    )
    assert saved["text_config"]["odd"] == 1 and saved["image_token_index"] == 22
    assert saved["text_config"]["rope_theta"] == 1_000_000
    assert "auto_map" not in saved and "attn_implementation" not in saved
    again = hf.AX4VLConfig.from_pretrained(tmp_path / "again")
    assert again.to_diff_dict() == config.to_diff_dict()


def test_published_config(shared):
    config = hf.AX4VLConfig.from_pretrained(shared / "ax4" / "vl")
    assert config.image_token_id == config.image_token_index == 22 and config.tokens_per_tile == 144
    assert config.text_config.rms_norm_eps == 1e-5 and config.text_config.vocab_size == 102400
    assert config.text_config.rope_parameters["rope_theta"] == 1_000_000
    assert not config.tie_word_embeddings and config.vision_feature_layer == 0
    with torch.device("meta"):
        model = hf.AX4VLForConditionalGeneration(config)
    index = json.loads((shared / "ax4" / "vl" / "model.safetensors.index.json").read_text())
    assert set(model.state_dict()) == set(index["weight_map"]) and len(model.state_dict()) == 782
    assert sum(p.numel() for p in model.parameters()) == 7_689_660_144


@pytest.mark.parametrize(
    ("changes", "numbers"),
    [
        ({"projector_config": {"in_hidden_size": 17, "out_hidden_size": 24, "grid_size": 2}}, ("17", "16")),
        ({"projector_config": {"in_hidden_size": 16, "out_hidden_size": 25, "grid_size": 2}}, ("25", "24")),
        ({"vision_feature_select_strategy": "default"}, ("default",)),
    ],
)
def test_contradictions_are_named(changes, numbers):
    with pytest.raises(AdotxError) as caught:
        small_config(**changes)
    assert all(number in str(caught.value) for number in numbers) and "\n" not in str(caught.value)


def test_flag_of_the_whole_decides_about_tying():
    text = small_config().text_config.to_dict() | {"tie_word_embeddings": True}
    assert small_config(text_config=text).tie_word_embeddings is True
    whole = small_config(text_config=text, tie_word_embeddings=False)
    assert whole.tie_word_embeddings is whole.text_config.tie_word_embeddings is False


def test_projector_is_its_formula():
    torch.manual_seed(1)
    projector = hf.LDPNetV2Projector(6, 5, 3).double()
    assert list(projector.state_dict()) == [
        "mlp.mlp.0.weight",
        "mlp.mlp.0.bias",
        "mlp.mlp.2.weight",
        "mlp.mlp.2.bias",
        "peg.peg.0.weight",
        "peg.peg.0.bias",
    ]
    x = torch.randn(2, 36, 6, dtype=torch.float64)
    hidden = projector.mlp.mlp[2](torch.nn.functional.gelu(projector.mlp.mlp[0](x)))
    pooled = hidden.view(2, 3, 2, 3, 2, 5).mean(dim=(2, 4))
    kernel, bias = projector.peg.peg[0].weight, projector.peg.peg[0].bias
    padded = torch.zeros(2, 5, 5, 5, dtype=torch.float64)
    padded[:, 1:4, 1:4] = pooled
    expected = pooled + bias
    for dy in range(3):
        for dx in range(3):
            expected = expected + padded[:, dy : dy + 3, dx : dx + 3] * kernel[:, 0, dy, dx]
    assert torch.allclose(projector(x), expected.reshape(2, 9, 5), atol=1e-12)
    with pytest.raises(AdotxError, match="35 patches"):
        projector(x[:, :35])


def test_tower_equals_transformers_siglip():
    from transformers import SiglipVisionModel

    config = small_config().vision_config
    torch.manual_seed(2)
    tower, other = AX4VLVisionTower(config).eval(), SiglipVisionModel(config).eval()
    with torch.no_grad():
        for parameter in tower.parameters():
            parameter.normal_(std=0.3)
    # transformers 5 has no `vision_model` level in its own class
    state = {k.removeprefix("vision_model."): v for k, v in tower.state_dict().items()}
    names = set(other.state_dict())
    if not names <= set(state):
        state = tower.state_dict()
    assert other.load_state_dict(state, strict=False).missing_keys == []
    tiles = torch.randn(3, 3, 64, 64)
    with torch.no_grad():
        expected = other(tiles, output_hidden_states=True)
        assert torch.allclose(tower(tiles), expected.last_hidden_state, atol=2e-5)
        for layer in (1, 2, -1, -2):
            assert torch.allclose(tower(tiles, layer), expected.hidden_states[layer], atol=2e-5)
    with pytest.raises(AdotxError, match=r"\[3, 3, 48, 64\]"):
        tower(tiles[:, :, :48])


def golden_picture(case: dict) -> Image.Image:
    """The picture that images.json describes."""
    w, h = case["width"], case["height"]
    y, x = np.mgrid[0:h, 0:w]
    n = np.random.RandomState(case["seed"]).randint(0, 64, (h, w))
    rgb = np.stack([(7 * x + 3 * y + n) % 256, (2 * x + 11 * y + n) % 256, (x * y + n) % 256], axis=-1)
    return Image.fromarray(rgb.astype(np.uint8)).convert(case["mode"])


def test_image_processor_equals_the_published_one(shared):
    processor = hf.AX4VLImageProcessor.from_pretrained(shared / "ax4" / "vl", published_pixels=True)
    cases = json.loads((shared / "ax4" / "golden" / "images.json").read_text())["cases"]
    for case in cases:
        out = processor(golden_picture(case), return_tensors="np")
        pixel_values = out["pixel_values"]
        assert pixel_values.dtype == np.float32 and list(pixel_values.shape) == case["shape"]
        assert hashlib.sha256(np.ascontiguousarray(pixel_values)).hexdigest() == case["sha256"], case
        assert out["num_tiles"].tolist() == [case["num_tiles"]]
        assert out["image_sizes"].tolist() == [[case["width"], case["height"]]]


def test_image_processor_inputs_and_refusals(tmp_path):
    processor = hf.AX4VLImageProcessor(size=64, max_num_tiles=4)
    picture = Image.effect_noise((128, 64), 80).convert("RGB")
    picture.save(tmp_path / "page.png")
    array = np.asarray(picture)
    same = [picture, array, torch.from_numpy(array.copy()).permute(2, 0, 1), tmp_path / "page.png"]
    out = processor([same[:2], [same[2]], (same[3],)], return_tensors="pt")
    assert out.pixel_values.shape == (12, 3, 64, 64) and out.num_tiles.tolist() == [3, 3, 3, 3]
    assert all(torch.equal(out.pixel_values[:3], out.pixel_values[i : i + 3]) for i in (3, 6, 9))
    assert processor.get_number_of_tiles(128, 64) == 3
    assert processor(picture, max_num_tiles=1)["num_tiles"] == [1]
    assert len(processor(picture, use_thumbnail=False)["pixel_values"]) == 2
    for bad, message in [
        ({"do_normalize": False}, "do_normalize"),
        ({"surprise": 1}, "surprise"),
    ]:
        with pytest.raises(AdotxError, match=message):
            processor(picture, **bad)
    with pytest.raises(AdotxError, match="do_tile_pad"):
        hf.AX4VLImageProcessor(do_tile_pad=True)
    with pytest.raises(AdotxError, match="float64"):
        processor(array / 255)
    (tmp_path / "note.txt").write_text("no picture")
    with pytest.raises(AdotxError, match=r"note\.txt"):
        processor(tmp_path / "note.txt")


def test_transparency_and_orientation_are_what_a_person_sees():
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    seen = hf.AX4VLImageProcessor(size=64)(clear)["pixel_values"]
    published = hf.AX4VLImageProcessor(size=64, published_pixels=True)(clear)["pixel_values"]
    assert seen.min() == 1.0 and published.max() == -1.0
