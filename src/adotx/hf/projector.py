"""LDPNetV2 projector: vision features of whole tiles in, image tokens of the language model out (torch only).

In: float [tiles, patches, in_hidden_size], patches a square map in row-major order.
Out: float [tiles, grid_size * grid_size, out_hidden_size], again row-major.
Does not know configurations, checkpoints, text or how many images the tiles belong to.

Source: MobileVLM V2's LDPNetV2 (feature transform, token reduction, positional enhancement), with the state
names of the published A.X 4.0 VL Light: ``mlp.mlp.0``, ``mlp.mlp.2``, ``peg.peg.0``. Pooling has no weights.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from adotx.errors import AdotxError


class FeatureTransform(nn.Module):
    """Two linear layers with an exact (erf) GELU between them, applied to each patch on its own."""

    def __init__(self, in_hidden_size: int, out_hidden_size: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(in_hidden_size, out_hidden_size),
            nn.GELU(),
            nn.Linear(out_hidden_size, out_hidden_size),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """[tiles, patches, in] -> [tiles, patches, out]."""
        return self.mlp(features)


class PositionalEnhancement(nn.Module):
    """Depth-wise 3x3 convolution added to its own input, which mixes neighbouring tokens."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.peg = nn.Sequential(nn.Conv2d(hidden_size, hidden_size, 3, padding=1, groups=hidden_size))

    def forward(self, feature_map: torch.Tensor) -> torch.Tensor:
        """[tiles, channels, rows, cols] -> the same shape."""
        return self.peg(feature_map) + feature_map


class LDPNetV2Projector(nn.Module):
    """From vision features to image tokens.

    Args:
        in_hidden_size: channels of the vision tower.
        out_hidden_size: channels of the language model.
        grid_size: a tile becomes ``grid_size * grid_size`` image tokens.
    """

    def __init__(self, in_hidden_size: int, out_hidden_size: int, grid_size: int) -> None:
        super().__init__()
        self.in_hidden_size = in_hidden_size
        self.out_hidden_size = out_hidden_size
        self.grid_size = grid_size
        self.mlp = FeatureTransform(in_hidden_size, out_hidden_size)
        self.dwn = nn.AdaptiveAvgPool2d((grid_size, grid_size))
        self.peg = PositionalEnhancement(out_hidden_size)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Project the features of whole tiles.

        Args:
            features: [tiles, patches, in_hidden_size]; patches must be a square number.

        Returns:
            [tiles, grid_size * grid_size, out_hidden_size].

        Raises:
            AdotxError: ``projector.shape`` when the patches do not form a square map.
        """
        tiles, patches, _ = features.shape
        side = math.isqrt(patches)
        if side * side != patches:
            raise AdotxError(
                "projector.shape",
                "{patches} patches in a tile do not form a square map",
                "vision features",
                "use a vision tower with square tiles and no class token",
                patches=patches,
            )
        hidden = self.mlp(features)
        feature_map = hidden.transpose(1, 2).reshape(tiles, self.out_hidden_size, side, side)
        feature_map = self.peg(self.dwn(feature_map))
        return feature_map.flatten(2).transpose(1, 2)
