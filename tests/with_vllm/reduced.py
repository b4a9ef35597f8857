"""nano with the decoder's linear layers in 4 or 8 bits, written as the tools of each format write them.

In: a checkpoint. Out: a folder with the same in fewer bits, and torch's model with the same rounded weights.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from references import Torch
from safetensors.torch import load_file, save_file

GROUP = 128
_WHOLE = ["lm_head", "vision_tower", "multi_modal_projector"]
_PATTERNS = [f"re:.*{name}.*" for name in _WHOLE]
# In which order AWQ lays eight columns into a word.
_AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]
Tensors = dict[str, torch.Tensor]


def _compressed(weights: dict[str, Any], form: str, **group: Any) -> dict[str, Any]:
    """The `quantization_config` of compressed-tensors."""
    symmetric = {"type": "int", "symmetric": True, "observer": "minmax", "dynamic": False}
    return {
        "quant_method": "compressed-tensors",
        "format": form,
        "quantization_status": "compressed",
        "config_groups": {"group_0": {"targets": ["Linear"], "weights": {**symmetric, **weights}, **group}},
        "ignore": _PATTERNS,
    }


_TOKEN = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "token", "dynamic": True}
CONFIGS: dict[str, dict[str, Any]] = {
    "w8a8": _compressed({"num_bits": 8, "strategy": "channel"}, "int-quantized", input_activations=_TOKEN),
    "w4a16": _compressed({"num_bits": 4, "strategy": "group", "group_size": GROUP}, "pack-quantized"),
    "gptq": {
        "quant_method": "gptq",
        "bits": 4,
        "group_size": GROUP,
        "desc_act": False,
        "sym": True,
        "lm_head": False,
        "checkpoint_format": "gptq",
    },
    "awq": {
        "quant_method": "awq",
        "bits": 4,
        "group_size": GROUP,
        "zero_point": True,
        "version": "gemm",
        "modules_to_not_convert": _WHOLE,
    },
}


def rounded(weight: torch.Tensor, bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Whole numbers [out, in] and scales [out, groups] of a weight; one group for a row in 8 bits."""
    groups = weight.float().view(len(weight), -1, GROUP if bits == 4 else weight.shape[1])
    most = 2 ** (bits - 1) - 1
    scale = (groups.abs().amax(-1) / most).to(torch.bfloat16).float().clamp(min=1e-9)
    return (groups / scale[..., None]).round().clamp(-most, most).view(weight.shape), scale


def packed(numbers: torch.Tensor) -> torch.Tensor:
    """[..., 8 n] numbers of 4 bits -> [..., n] words, the first in the lowest bits."""
    shifts = torch.arange(0, 32, 4)
    words = (numbers.to(torch.int64).unflatten(-1, (-1, 8)) << shifts).sum(-1)
    return (words - (words >> 31 << 32)).to(torch.int32)


def _written(kind: str, numbers: torch.Tensor, scale: torch.Tensor) -> Tensors:
    """What stands in the file for a layer's `weight`."""
    if kind == "w8a8":
        return {"weight": numbers.to(torch.int8), "weight_scale": scale}
    unsigned, scales = numbers + 8, scale.to(torch.bfloat16)
    if kind == "w4a16":
        shape = torch.tensor(numbers.shape)
        return {"weight_packed": packed(unsigned), "weight_scale": scales, "weight_shape": shape}
    down = {"scales": scales.T.to(torch.float16)}
    if kind == "gptq":
        down["g_idx"] = torch.arange(numbers.shape[1], dtype=torch.int32) // GROUP
        # The format keeps zero points less one.
        down["qzeros"] = packed(torch.full((scale.shape[1], len(scale)), 7))
        return {"qweight": packed(unsigned).T, **down}
    order = torch.arange(len(numbers)).view(-1, 8)[:, _AWQ_ORDER].flatten()
    down["qzeros"] = packed(torch.full((scale.shape[1], len(scale)), 8))
    return {"qweight": packed(unsigned.T[:, order]), **down}


def reduced(source: Path, target: Path, kind: str, everywhere: bool = False) -> Path:
    """A folder with the linear layers of the decoder (`everywhere`: of the tower too) in fewer bits."""
    shutil.copytree(source, target)
    bits = 8 if kind == "w8a8" else 4
    tensors: Tensors = {}
    for name, tensor in load_file(source / "model.safetensors").items():
        layer = name.startswith("language_model.model.layers.") or (everywhere and ".self_attn." in name)
        if layer and name.endswith("proj.weight"):
            for part, value in _written(kind, *rounded(tensor, bits)).items():
                tensors[name.removesuffix("weight") + part] = value.contiguous()
        else:
            tensors[name] = tensor
    save_file(tensors, target / "model.safetensors", {"format": "pt"})
    config = json.loads((source / "config.json").read_text()) | {"quantization_config": CONFIGS[kind]}
    (target / "config.json").write_text(json.dumps(config))
    return target


def _rounding(_: Any, given: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    scale = given[0].abs().amax(-1, keepdim=True).clamp(min=1e-9) / 127
    return ((given[0] / scale).round() * scale,)


def simulate(reference: Torch, kind: str) -> None:
    """The same arithmetic in torch: weights rounded; in `w8a8` each position's activations on the way."""
    hook: Callable[..., Any] | None = _rounding if kind == "w8a8" else None
    for layer in reference.model.language_model.model.layers.modules():
        if isinstance(layer, torch.nn.Linear):
            numbers, scale = rounded(layer.weight.data, 8 if hook else 4)
            layer.weight.data = (numbers.view(*scale.shape, -1) * scale[..., None]).view(numbers.shape)
            if hook:
                layer.register_forward_pre_hook(hook)
