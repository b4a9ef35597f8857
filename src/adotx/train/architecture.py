"""The model that the stages train: a recipe in, its configuration or a fresh model out.

The ids are those of our tokenizer. Knows nothing of data or losses.
"""

from __future__ import annotations

import torch

from adotx.hf import AX4VLConfig, AX4VLForConditionalGeneration
from adotx.train.attention import GUIDED, ROWS
from adotx.train.recipe import Recipe


def model_config(recipe: Recipe) -> AX4VLConfig:
    """The architecture of the recipe."""
    vision = {
        "num_channels": 3,
        "layer_norm_eps": 1e-6,
        "hidden_act": "gelu_pytorch_tanh",
        "attention_dropout": 0.0,
        "vision_use_head": False,
    }
    text = {
        "vocab_size": recipe.vocab_size,
        "bos_token_id": 0,
        "eos_token_id": 27,
        "pad_token_id": 1,
        "attention_dropout": 0.0,
    }
    return AX4VLConfig(
        vision_config=vision | recipe.model["vision"],
        text_config=text | recipe.model["text"],
        tie_word_embeddings=True,
    )


def new_model(recipe: Recipe) -> AX4VLForConditionalGeneration:
    """A fresh model with the training attentions."""
    torch.manual_seed(recipe.seed)
    model = AX4VLForConditionalGeneration(model_config(recipe))
    model.vision_tower.config._attn_implementation = ROWS
    model.language_model.set_attn_implementation(GUIDED)
    return model


def pixel_values(pixels: torch.Tensor) -> torch.Tensor:
    """Grey tiles, uint8 [n, 384, 384] -> the tower's input, float32 [n, 3, 384, 384] in -1..1."""
    return (pixels.float() / 127.5 - 1)[:, None].expand(-1, 3, -1, -1)
