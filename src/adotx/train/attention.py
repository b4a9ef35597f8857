"""Two attention functions for training, registered with transformers under the names below.

`ROWS`: the tower's, whole tiles or bands of patch rows. `GUIDED`: the decoder's causal attention that keeps
the weights of a few heads in the layers that have some, so that a loss can say where they should look.
In: query, key, value [n, heads, length, width] on any device. Out: [n, length, heads, width] there.
Know nothing of the losses.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface

PATCHES = 24  # a side of a tile in patches
ROWS, GUIDED = "adotx_rows", "adotx_guided"
#: for a Qwen2 decoder with `GUIDED`, which masks by itself: spares a look at the positions on their device
NO_MASK: dict[str, torch.Tensor | None] = {"full_attention": None}


def prefers_matmul(device: torch.device) -> bool:
    """Whether plain matrix products beat the fused kernel at the sizes of these models.

    On CPUs they do (docs/log.md); on accelerators the fused kernel does, and needs no memory for the weights.
    """
    return device.type == "cpu"


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

    Text rows do not need one another, and a band costs a twelfth of a tile.
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
    if prefers_matmul(query.device):
        weights = torch.matmul(query * scaling, key.transpose(-1, -2)).softmax(-1)
        out = torch.matmul(weights, value)
    else:
        out = scaled_dot_product_attention(query, key, value, scale=scaling)
    return out.transpose(1, 2).reshape(n, tokens, heads, width), None


def set_row_window(tower: nn.Module, window: int) -> None:
    """Bands of `window` patch rows in every layer of the tower; 0 is the published whole-tile attention."""
    for module in tower.modules():
        if hasattr(module, "q_proj"):
            module.row_window = window  # type: ignore[assignment]


def guided_attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    scaling: float | None = None,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Grouped-query attention: causal, or as `attention_mask` [n, q, k] says where it is given.

    The first `module.guided` heads leave their weights [n, heads, q, k] in `module.attention_weights`.
    Rows are right-padded, so that causality alone keeps padding out.
    """
    n, heads, length, width = query.shape
    groups, keys = key.shape[1], key.shape[2]
    scaling = scaling or 1 / math.sqrt(width)
    guided = getattr(module, "guided", 0)
    future = None
    if attention_mask is not None:
        future = ~attention_mask
    elif length > 1:
        future = torch.ones(length, keys, dtype=torch.bool, device=query.device).triu(keys - length + 1)
    if not guided and not prefers_matmul(query.device):
        # Then the kernel makes the causal mask itself, and may be a flash kernel.
        whole = length == keys and attention_mask is None
        out = scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if whole or future is None else ~_for_heads(future),
            is_causal=whole and length > 1,
            scale=scaling,
            enable_gqa=groups != heads,
        )
        return out.transpose(1, 2), None
    share = heads // groups
    scores = torch.matmul(
        (query * scaling).reshape(n, groups, share * length, width), key.transpose(-1, -2)
    ).view(n, groups, share, length, keys)
    if future is not None:
        scores = scores.masked_fill(_for_heads(future, 5), torch.finfo(scores.dtype).min)
    weights = scores.softmax(-1)
    if guided:
        module.attention_weights = weights.flatten(1, 2)[:, :guided]
    out = torch.matmul(weights.view(n, groups, share * length, keys), value).view(n, heads, length, width)
    return out.transpose(1, 2), None


def _for_heads(mask: torch.Tensor, dims: int = 4) -> torch.Tensor:
    """[q, k] or [n, q, k] -> [n or 1, 1, ..., q, k] of `dims` dimensions."""
    mask = mask if mask.ndim == 3 else mask[None]
    return mask.view(len(mask), *[1] * (dims - 3), *mask.shape[1:])


AttentionInterface.register(ROWS, rows_attention)
AttentionInterface.register(GUIDED, guided_attention)
AttentionMaskInterface.register(GUIDED, lambda *args, **kwargs: None)
