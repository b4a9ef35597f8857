"""Image tokens into their slots: embeddings of a prompt and image features in, fused embeddings out.

In: `inputs_embeds` [batch, length, hidden], the slots in it as a bool mask, features in the slots' order.
Out: new embeddings, or AdotxError ``fusion.count`` with both numbers.
Does not know towers, caches or tokenizers.

The counts are looked at where that can be done: not while a graph is traced or on the meta device, where they
are not known. There the graph itself checks the sum when it runs, without numbers in its message.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from adotx.errors import AdotxError


def slot_mask(
    input_ids: torch.Tensor | None, inputs_embeds: torch.Tensor, embedding: nn.Module, slot: int
) -> torch.Tensor:
    """Where image tokens go.

    Args:
        input_ids: [batch, length], or None where a caller embedded the ids itself.
        inputs_embeds: [batch, length, hidden].
        embedding: the module that embeds ids (called, so that offloaded weights are fetched).
        slot: the id of a slot.

    Returns:
        bool [batch, length].
    """
    if input_ids is not None:
        return input_ids == slot
    one = embedding(torch.full((1,), slot, dtype=torch.long, device=inputs_embeds.device))
    return (inputs_embeds == one.to(inputs_embeds.device, inputs_embeds.dtype)).all(-1)


def counts_are_known(tensor: torch.Tensor) -> bool:
    """Whether numbers can be read from a tensor: false on the meta device and while a graph is traced."""
    return tensor.device.type != "meta" and not torch.compiler.is_compiling()


def put_into_slots(
    slots: torch.Tensor, inputs_embeds: torch.Tensor, features: torch.Tensor, per_tile: int | None
) -> torch.Tensor:
    """Overwrite the slots.

    Args:
        slots: bool [batch, length].
        inputs_embeds: [batch, length, hidden]; left alone.
        features: [..., hidden], in the order of the slots.
        per_tile: slots of a tile, of which each row must have a multiple; None where tiles may be cut
            (a prompt that is prefilled in chunks).

    Returns:
        [batch, length, hidden].

    Raises:
        AdotxError: ``fusion.count``.
    """
    features = features.reshape(-1, features.shape[-1])
    if counts_are_known(slots):
        check_counts(slots, len(features), per_tile)
    else:
        # Looked at on the device, when the graph runs: reading the number out would break the graph in two.
        torch._assert_async(slots.sum() == len(features), "image slots and features differ in number")
    features = features.to(inputs_embeds.device, inputs_embeds.dtype)
    return inputs_embeds.masked_scatter(slots.unsqueeze(-1).to(inputs_embeds.device), features)


def check_counts(slots: torch.Tensor, features: int | None, per_tile: int | None) -> None:
    """AdotxError ``fusion.count`` unless the rows have whole tiles, `features` in all (None: any number)."""
    in_rows: list[int] = slots.sum(dim=1).tolist()
    broken = [f"row {row} has {count}" for row, count in enumerate(in_rows) if per_tile and count % per_tile]
    if not broken and features in (None, sum(in_rows)):
        return
    tiles = f"{features // per_tile} tiles of {per_tile}" if features is not None and per_tile else ""
    parts = [tiles, f"no multiple of {per_tile}: {', '.join(broken)}" if broken else ""]
    raise AdotxError(
        "fusion.count",
        "{slots} image slots in input_ids but {features} image features ({detail})",
        "input_ids and pixel_values",
        "build both with AX4VLProcessor",
        slots=sum(in_rows),
        features=sum(in_rows) if features is None else features,
        detail="; ".join(part for part in parts if part) or "encoded before",
    )


def refuse_empty_slots(slots: torch.Tensor, room: int) -> None:
    """AdotxError ``fusion.count`` where a row has `room` slots or more, for which no pixels came."""
    in_rows = slots.sum(dim=1)
    if int(in_rows.max()) < room:
        return
    what = "{slots} image slots in input_ids but {features} image features (no pixel_values)"
    remedy = "pass the images along"
    raise AdotxError("fusion.count", what, "input_ids", remedy, slots=int(in_rows.sum()), features=0)


def encoded(outputs: Any) -> torch.Tensor:
    """The image tokens [tokens or tiles, ..., hidden] of an entry of `mm_encoder_outputs`."""
    tokens = getattr(outputs, "pooler_output", outputs)
    return tokens if isinstance(tokens, torch.Tensor) else torch.cat([part.flatten(0, -2) for part in tokens])
