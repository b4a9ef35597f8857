"""Small whole checkpoints, written from nothing, for the tests of the checkpoint room."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from adotx.checkpoint import AddedToken, AxTokenizer, expected_tensors, parse_config
from adotx.checkpoint.tokenizer import byte_to_char
from adotx.errors import AdotxError

# The published list: 41 control tokens, ids 0 to 40, the last four not special.
SPECIALS = [
    *(f"<|{name}|>" for name in ("endoftext", "pad", "unk", "sep", "mask", "cls", "image", "audio")),
    *(f"<|{name}|>" for name in ("user", "system", "assistant")),
    *(f"<|extra_id_{i}|>" for i in range(14)),
    *(f"<|{name}|>" for name in ("im_start", "im_sep", "im_end")),
    *(f"<|{name}|>" for name in ("resident_reg", "foreigner_reg", "business_reg")),
    *(f"<|{name}|>" for name in ["credit_card", "passport", "driver_license", "telephone"]),
    *(f"<|{name}|>" for name in ["health_insurance", "bank_account"]),
    "</tool_output>", "<tool_output>", "</tool_call>", "<tool_call>",
]  # fmt: skip
ADDED = [AddedToken(i, text, text.startswith("<|")) for i, text in enumerate(SPECIALS)]

VL: dict[str, Any] = {
    "model_type": "a.x-4-vl",
    "architectures": ["AX4VLForConditionalGeneration"],
    "image_token_index": 22,
    "tie_word_embeddings": False,
    "vision_feature_layer": 0,
    "vision_feature_select_strategy": "full",
    "an_unknown_key": {"of": ["another", "version"]},
    "text_config": {
        "model_type": "qwen2",
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
        "intermediate_size": 96,
        "vocab_size": 320,
        "rms_norm_eps": 1e-5,
        "rope_theta": 1000000,
        "max_position_embeddings": 2048,
        "eos_token_id": 0,
    },
    "vision_config": {
        "model_type": "siglip_vision_model",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "patch_size": 16,
        "image_size": 64,
    },
    "projector_config": {
        "model_type": "ldpnetv2_projector",
        "in_hidden_size": 32,
        "out_hidden_size": 48,
        "grid_size": 2,
    },
}
PREPROCESSOR: dict[str, Any] = {
    "do_pad": False, "do_tile_pad": False, "image_mean": [0.5] * 3, "image_std": [0.5] * 3,
    "max_num_tiles": 12, "min_num_tiles": 1, "rescale_factor": 1 / 255, "size": {"shortest_edge": 64},
    "use_thumbnail": True,
}  # fmt: skip
PROCESSOR: dict[str, Any] = {"image_token": "<|extra_id_11|>", "num_tokens_per_tile": 4, "patch_size": 16}


def one_line(error: AdotxError) -> str:
    """The message, which must be one line with a remedy."""
    text = str(error)
    assert "\n" not in text and error.remedy, text
    return text


def edited(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of `base` with dotted keys set; a value of ... removes the key."""
    result = copy.deepcopy(base)
    for dotted, value in changes.items():
        *parents, key = dotted.split(".")
        place = result
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is ...:
            place.pop(key, None)
        else:
            place[key] = value
    return result


def toy_vocab() -> tuple[dict[str, int], list[str]]:
    """Control tokens 0-40, bytes 41-296, merges from 297 on: 320 ids, as the published files do it."""
    vocab = {text: i for i, text in enumerate(SPECIALS)}
    chars = byte_to_char()
    vocab |= {char: 41 + i for i, char in enumerate(sorted(chars.values()))}
    merges = []
    words = ("안녕", "하세요", " the", "im", "end", "<|", "|>", "tool", "call")
    for word in words:
        parts = [chars[b] for b in word.encode()]
        while len(parts) > 1 and len(vocab) < 320:
            pair, product = f"{parts[0]} {parts[1]}", parts[0] + parts[1]
            if product not in vocab:
                vocab[product] = len(vocab)
                merges.append(pair)
            parts[:2] = [product]
    assert len(vocab) == 320
    return vocab, merges


def toy_tokenizer(**changes: Any) -> AxTokenizer:
    vocab, merges = toy_vocab()
    return AxTokenizer({"vocab": vocab, "merges": merges, **changes}, ADDED)


def write(path: Path, name: str, value: Any) -> None:
    (path / name).write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def toy_checkpoint(path: Path, changes: dict[str, Any] | None = None) -> Path:
    """A whole VL checkpoint with random weights; `changes` edit config.json after the weights are made."""
    path.mkdir(parents=True, exist_ok=True)
    write(path, "config.json", edited(VL, changes or {}))
    write(path, "preprocessor_config.json", PREPROCESSOR)
    write(path, "processor_config.json", PROCESSOR)
    write(path, "generation_config.json", {"eos_token_id": [0, 27, 1]})
    toy_tokenizer().save(path)
    random = np.random.default_rng(0)
    shapes = expected_tensors(parse_config(VL, PREPROCESSOR, PROCESSOR))
    save_file(
        {n: random.standard_normal(s).astype(np.float32) for n, s in shapes.items()},
        path / "model.safetensors",
    )
    return path
