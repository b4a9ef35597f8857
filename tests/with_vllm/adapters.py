"""Adapters made with PEFT on torch's model, untrained but not without effect; and torch with one."""

from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from references import Torch

#: which linear layers of the model a LoRA lies on: of the language model alone, or wherever the names match
LANGUAGE = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
EVERYWHERE = ["q_proj", "v_proj"]


def save_adapter(
    base: Path, folder: Path, targets: str | list[str], seed: int, strength: float = 2.0
) -> Torch:
    """Write an adapter for a checkpoint; returns torch's model with it."""
    reference = Torch(base)
    torch.manual_seed(seed)
    config = LoraConfig(r=8, lora_alpha=16, target_modules=targets, init_lora_weights=False)
    model = get_peft_model(reference.model, config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.mul_(strength)
    model.save_pretrained(folder)
    reference.model = model.eval()
    return reference


def without_tower(adapted: Torch) -> Torch:
    """The same with nothing of the adapter left on the tower; for good."""
    with torch.no_grad():
        for name, parameter in adapted.model.named_parameters():
            if "vision_tower" in name and "lora_B" in name:
                parameter.zero_()
    return adapted
