"""SigLIP vision tower under the published tensor names: tiles in, features out (torch only).

In: float [tiles, 3, image_size, image_size], normalised to -1..1.
Out: float [tiles, patches, hidden_size], patches row-major.
Does not know tile plans, projectors or text.

Written here because transformers 5 removed the submodule `vision_model` from its SigLIP: with these modules
the published names `vision_tower.vision_model.*` are the names of the parameters, and nothing is renamed on
loading or saving, whatever the version. Source: SigLIP (pre-norm transformer, learned positions, no class
token).
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel, SiglipVisionConfig
from transformers.activations import ACT2FN
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from adotx.errors import AdotxError


class AX4VLVisionEmbeddings(nn.Module):
    """Patch embedding plus a learned position embedding."""

    def __init__(self, config: SiglipVisionConfig) -> None:
        super().__init__()
        side, patch = config.image_size, config.patch_size
        assert isinstance(side, int) and isinstance(patch, int), "tiles and patches are square"
        self.image_size = side
        self.patch_embedding = nn.Conv2d(config.num_channels, config.hidden_size, patch, stride=patch)
        self.position_embedding = nn.Embedding((side // patch) ** 2, config.hidden_size)

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """[tiles, channels, size, size] -> [tiles, patches, hidden_size]."""
        size = self.image_size
        if pixel_values.ndim != 4 or pixel_values.shape[-2:] != (size, size):
            raise AdotxError(
                "vision.shape",
                "pixel values are {shape}, expected [tiles, 3, {size}, {size}]",
                "pixel_values",
                "prepare images with AX4VLImageProcessor, all tiles of a batch in the first dimension",
                shape=list(pixel_values.shape),
                size=size,
            )
        patches = self.patch_embedding(pixel_values.to(self.patch_embedding.weight.dtype))
        patches = patches.flatten(2).transpose(1, 2)
        # The module is called, not its weight read: hooks of offloading and of ZeRO fetch weights at a call.
        return patches + self.position_embedding(torch.arange(patches.shape[1], device=patches.device))


def eager_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: object,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Plain attention, softmax in float32; [tiles, heads, patches, dim] -> [tiles, patches, heads, dim]."""
    weights = torch.matmul(query, key.transpose(-1, -2)) * scaling
    if attention_mask is not None:
        weights = weights + attention_mask
    weights = nn.functional.softmax(weights, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = nn.functional.dropout(weights, p=dropout, training=module.training)
    return torch.matmul(weights, value).transpose(1, 2), weights


class AX4VLVisionAttention(nn.Module):
    """Attention of every patch to every patch of the same tile."""

    def __init__(self, config: SiglipVisionConfig) -> None:
        super().__init__()
        self.config = config
        self.head_dim = config.hidden_size // config.num_attention_heads
        self.scaling = self.head_dim**-0.5
        self.is_causal = False
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.k_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.v_proj = nn.Linear(config.hidden_size, config.hidden_size)
        self.out_proj = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """[tiles, patches, hidden_size] -> the same shape."""
        shape = (*hidden.shape[:-1], -1, self.head_dim)
        query, key, value = (
            projection(hidden).view(shape).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        attention = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation, eager_attention)
        output, _ = attention(
            self,
            query,
            key,
            value,
            None,
            scaling=self.scaling,
            dropout=self.config.attention_dropout if self.training else 0.0,
            is_causal=False,
        )
        return self.out_proj(output.reshape(hidden.shape))


class AX4VLVisionMLP(nn.Module):
    """Two linear layers with the configured activation."""

    def __init__(self, config: SiglipVisionConfig) -> None:
        super().__init__()
        self.activation = ACT2FN[config.hidden_act]
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """[..., hidden_size] -> the same shape."""
        return self.fc2(self.activation(self.fc1(hidden)))


class AX4VLVisionLayer(GradientCheckpointingLayer):
    """One pre-norm transformer layer; recomputed in the backward pass when gradient checkpointing is on."""

    def __init__(self, config: SiglipVisionConfig) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.self_attn = AX4VLVisionAttention(config)
        self.layer_norm2 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = AX4VLVisionMLP(config)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """[tiles, patches, hidden_size] -> the same shape."""
        hidden = hidden + self.self_attn(self.layer_norm1(hidden))
        return hidden + self.mlp(self.layer_norm2(hidden))


class AX4VLVisionEncoder(nn.Module):
    """The stack of layers."""

    def __init__(self, config: SiglipVisionConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList([AX4VLVisionLayer(config) for _ in range(config.num_hidden_layers)])


class AX4VLVisionTransformer(nn.Module):
    """Embeddings, layers and the last norm."""

    def __init__(self, config: SiglipVisionConfig) -> None:
        super().__init__()
        self.embeddings = AX4VLVisionEmbeddings(config)
        self.encoder = AX4VLVisionEncoder(config)
        self.post_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, pixel_values: torch.Tensor, feature_layer: int = 0) -> torch.Tensor:
        """Features of whole tiles.

        Args:
            pixel_values: [tiles, channels, size, size].
            feature_layer: 0 for the last layer after the last norm; otherwise an index into the embeddings'
                output followed by each layer's (so 1 is the first layer and -1 the last before the norm).

        Returns:
            [tiles, patches, hidden_size].
        """
        hidden = self.embeddings(pixel_values)
        depth = len(self.encoder.layers)
        # An inner layer needs no work above it; 0 needs all of them and the norm.
        stop = depth if feature_layer == 0 else range(depth + 1)[feature_layer]
        for layer in self.encoder.layers[:stop]:
            hidden = layer(hidden)
        return self.post_layernorm(hidden) if feature_layer == 0 else hidden


class AX4VLVisionTower(PreTrainedModel):
    """Adds the submodule `vision_model` of the published tensor names, and the choice of attention."""

    config_class = SiglipVisionConfig
    base_model_prefix = "vision_model"
    main_input_name = "pixel_values"
    input_modalities = ("image",)  # type: ignore[assignment]
    supports_gradient_checkpointing = True
    _no_split_modules = ["AX4VLVisionLayer"]  # noqa: RUF012
    _supports_flash_attn = True
    _supports_sdpa = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    def __init__(self, config: SiglipVisionConfig) -> None:
        super().__init__(config)
        self.vision_model = AX4VLVisionTransformer(config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Where adapters under reentrant checkpointing are made to get gradients."""
        return self.vision_model.embeddings.patch_embedding

    def forward(self, pixel_values: torch.Tensor, feature_layer: int = 0) -> torch.Tensor:
        """See `AX4VLVisionTransformer.forward`."""
        return self.vision_model(pixel_values, feature_layer)
