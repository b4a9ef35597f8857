"""The timestep heads: which glyph covers each of the four timesteps of an image token.

In: image tokens [n, 144, width] and the labels of `RowTile`. Out: logits, their loss, the heads' tensors as
they are kept beside an exported checkpoint (`timesteps.safetensors`), where the row reader uses them for
places, agreement and confidence. Knows nothing of how images become tokens.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from adotx.alphabet import FINALS, FIRST_CLASSES, IGNORE, MEDIALS
from adotx.data.rows import TIMESTEPS

#: name of the file beside a checkpoint, without its suffix
FILE = "timesteps"
#: what the heads are told of a timestep
WIDTH = 128
#: share of the image tokens that a training step looks at
_SHARE = 0.4


class TimestepHeads(nn.Module):
    """Classifiers of every timestep: first part (or another character), medial, final."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-5)
        self.project = nn.Linear(width, TIMESTEPS * WIDTH)
        self.classes_head = nn.Linear(WIDTH, FIRST_CLASSES + MEDIALS + FINALS)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Image tokens [..., width] -> float32 logits of the three heads, each [..., 4, classes]."""
        timesteps = F.gelu(self.project(self.norm(features)), approximate="tanh").unflatten(
            -1, (TIMESTEPS, -1)
        )
        return self.classes_head(timesteps).float().split([FIRST_CLASSES, MEDIALS, FINALS], -1)

    def loss(self, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Loss over image tokens [n, 144, width] with labels [n, 144, 4, 3]; training takes some of them."""
        features, labels = features.flatten(0, 1), labels.flatten(0, 1)
        if self.training:
            chosen = torch.randperm(len(features), device=features.device)[: round(_SHARE * len(features))]
            features, labels = features[chosen], labels[chosen]
        return timestep_loss(self(features), labels)


def timestep_loss(heads: tuple[torch.Tensor, ...], labels: torch.Tensor) -> torch.Tensor:
    """Sum of the heads' mean cross entropies; labels [..., 4, 3]. 0 for a head without a label."""
    first, medial, final = (_mean_loss(h, labels[..., i]) for i, h in enumerate(heads))
    return first + medial + final


def _mean_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    flat = labels.flatten().long()
    total = F.cross_entropy(logits.flatten(0, -2), flat, ignore_index=IGNORE, reduction="sum")
    # A batch of page rows has no labels: the places of its glyphs are not known.
    return total / (flat != IGNORE).sum().clamp(min=1)


def published(heads: TimestepHeads) -> dict[str, torch.Tensor]:
    """The tensors under the names of the file, in bfloat16."""
    named = {name.replace("classes_head", "classes"): t for name, t in heads.state_dict().items()}
    return {name: tensor.bfloat16() for name, tensor in named.items()}


def as_heads(kept: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What `published` gave, under the names of `TimestepHeads`."""
    return {name.replace("classes.", "classes_head."): tensor.float() for name, tensor in kept.items()}
