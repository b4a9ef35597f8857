"""Checkpoint directories with random weights, for the engine's tests and quick benchmark."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np

from adotx.checkpoint import expected_tensors, open_checkpoint

TINY_TEXT = {
    "model_type": "qwen2", "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 6,
    "num_key_value_heads": 2, "intermediate_size": 96, "vocab_size": 320, "rms_norm_eps": 1e-5,
    "rope_theta": 1e6, "max_position_embeddings": 512, "tie_word_embeddings": True, "eos_token_id": 0,
}  # fmt: skip
NANO_TEXT = {
    **TINY_TEXT, "hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1024, "vocab_size": 16384,
    "max_position_embeddings": 8192,
}  # fmt: skip
TINY_VISION = {
    "model_type": "siglip_vision_model", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "intermediate_size": 64, "patch_size": 16, "image_size": 64, "num_channels": 3, "layer_norm_eps": 1e-6,
    "hidden_act": "gelu_pytorch_tanh",
}  # fmt: skip
NANO_VISION = {
    **TINY_VISION, "hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 6,
    "intermediate_size": 1152, "image_size": 384,
}  # fmt: skip


def vl_config(text: dict, vision: dict, grid: int, **extra: object) -> dict:
    """config.json of family a.x-4-vl."""
    projector = {
        "model_type": "ldpnetv2_projector", "grid_size": grid,
        "in_hidden_size": vision["hidden_size"], "out_hidden_size": text["hidden_size"],
    }  # fmt: skip
    return {
        "model_type": "a.x-4-vl", "image_token_index": 22, "vision_feature_layer": 0,
        "vision_feature_select_strategy": "full", "tie_word_embeddings": text["tie_word_embeddings"],
        "text_config": text, "vision_config": vision, "projector_config": projector, **extra,
    }  # fmt: skip


def write_checkpoint(path: Path, config: dict, *, dtype: str = "float32", spread: float = 1.0) -> Path:
    """Write config.json and model.safetensors; the random weights are the same on every run.

    `spread` scales the matrices.
    """
    import ml_dtypes
    from safetensors.numpy import save_file

    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    tensors = {}
    for name, shape in expected_tensors(open_checkpoint(path).config).items():
        random = np.random.default_rng(zlib.crc32(name.encode()))
        values = random.standard_normal(shape, dtype=np.float32)
        if len(shape) == 1:
            values = values * np.float32(0.1) + np.float32("norm" in name and name.endswith("weight"))
        else:
            values *= np.float32(spread / np.sqrt(np.prod(shape[1:])))
        tensors[name] = values.astype(ml_dtypes.bfloat16) if dtype == "bfloat16" else values
    save_file(tensors, path / "model.safetensors")
    return path
