"""Two attention functions for training on CPUs, registered with transformers under the names below.

`ROWS`: the tower's, whole tiles or bands of patch rows. `GUIDED`: the decoder's causal attention that keeps
the weights of a few heads, so that a loss can say where they should look. Both are plain matrix products in
the working precision: on AMX machines that is several times faster than the fused kernel at these sizes
(docs/log.md). Know nothing of the losses.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from transformers import AttentionInterface, AttentionMaskInterface

PATCHES = 24  # a side of a tile in patches
ROWS, GUIDED = "adotx_rows", "adotx_guided"


def rows_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    scaling: float | None = None,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Attention of a tile [n, heads, 576, d]; with `module.row_window`, within bands of patch rows.

    Most training steps look at bands only: text rows do not need one another, and a band costs a twelfth of a
    tile.
    """
    n, heads, tokens, width = query.shape
    scaling = scaling or 1 / math.sqrt(width)
    window = getattr(module, "row_window", 0)
    if window and tokens == PATCHES * PATCHES:
        bands = PATCHES // window
        query, key, value = (
            t.reshape(n, heads, bands, window * PATCHES, width)
            .transpose(1, 2)
            .reshape(n * bands, heads, -1, width)
            for t in (query, key, value)
        )
    weights = torch.matmul(query * scaling, key.transpose(-1, -2)).softmax(-1)
    out = torch.matmul(weights, value).transpose(1, 2)
    return out.reshape(n, tokens, heads, width), None


def set_row_window(tower: nn.Module, window: int) -> None:
    """Bands of `window` patch rows in every layer of the tower; 0 is the published whole-tile attention."""
    module: Any
    for module in tower.modules():
        if hasattr(module, "q_proj"):
            module.row_window = window


def guided_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    scaling: float | None = None,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Causal grouped-query attention.

    The first `module.guided` heads leave their weights [n, heads, q, k] in `module.seen`.
    Rows are right-padded, so that causality alone keeps padding out.
    """
    n, heads, length, width = query.shape
    groups, keys = key.shape[1], key.shape[2]
    share = heads // groups
    scores = torch.matmul(
        (query * (scaling or 1 / math.sqrt(width))).reshape(n, groups, share * length, width),
        key.transpose(-1, -2),
    ).view(n, groups, share, length, keys)
    if length > 1:
        future = torch.ones(length, keys, dtype=torch.bool).triu(keys - length + 1)
        scores = scores.masked_fill(future, torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1)
    if guided := getattr(module, "guided", 0):
        module.seen = weights.flatten(1, 2)[:, :guided]
    out = torch.matmul(weights.view(n, groups, share * length, keys), value).view(n, heads, length, width)
    return out.transpose(1, 2), None


AttentionInterface.register(ROWS, rows_attention)
AttentionInterface.register(GUIDED, guided_attention)
AttentionMaskInterface.register(GUIDED, lambda *args, **kwargs: None)
