"""Vision alignment, first half: the tower and the projector learn to name the glyph in every slot of a tile.

In: an endless stream of `adotx.data.rows` tiles. Out: weights of the tower and projector under their
published names. The heads are thrown away: what stays is that an image token says which glyphs it covers and
where, so that the language model later has no search to do. Knows nothing of tokens.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import IterableDataset, get_worker_info
from transformers import SiglipVisionConfig

from adotx.data.glyphs import FINALS, FIRST_CLASSES, IGNORE, MEDIALS, character
from adotx.data.rows import GRID, SLOTS, RowFonts, RowText, make_tile
from adotx.hf.projector import LDPNetV2Projector
from adotx.hf.vision_tower import AX4VLVisionTower
from adotx.train.attention import ROWS, set_row_window


class GlyphReader(nn.Module):
    """Tower, projector and the three slot heads; loss: the mean over slots of the heads' cross entropies."""

    def __init__(self, vision: SiglipVisionConfig, out_hidden_size: int, whole_share: float = 0.12) -> None:
        super().__init__()
        vision._attn_implementation = ROWS
        self.vision_tower = AX4VLVisionTower(vision)
        self.multi_modal_projector = LDPNetV2Projector(vision.hidden_size, out_hidden_size, GRID)
        self.slot_norm = nn.LayerNorm(out_hidden_size)
        self.slot_head = nn.Linear(out_hidden_size, SLOTS * (FIRST_CLASSES + MEDIALS + FINALS))
        self.whole_share = whole_share

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 [n, 384, 384] -> image tokens [n, 144, out]."""
        x = (pixels.float() / 127.5 - 1)[:, None].expand(-1, 3, -1, -1)
        return self.multi_modal_projector(self.vision_tower(x))

    def slots(self, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Logits of the three heads, each [n, 144, 4, classes]."""
        logits = self.slot_head(self.slot_norm(features)).float()
        return logits.unflatten(-1, (SLOTS, -1)).split([FIRST_CLASSES, MEDIALS, FINALS], -1)

    def forward(self, pixels: torch.Tensor, labels: torch.Tensor, **_: object) -> dict[str, torch.Tensor]:
        if self.training:
            set_row_window(self.vision_tower, 0 if random.random() < self.whole_share else 2)
        else:
            set_row_window(self.vision_tower, 0)
        loss = slot_loss(self.slots(self.features(pixels)), labels)
        return {"loss": loss}

    @torch.no_grad()
    def read(self, pixels: torch.Tensor) -> list[list[str]]:
        """The predicted character of each of the 144 x 4 slots."""
        first, medial, final = (t.argmax(-1).flatten(1).tolist() for t in self.slots(self.features(pixels)))
        return [
            [character(a, b, c) for a, b, c in zip(*rows, strict=True)]
            for rows in zip(first, medial, final, strict=True)
        ]


def slot_loss(heads: tuple[torch.Tensor, ...], labels: torch.Tensor) -> torch.Tensor:
    """Sum of the heads' mean cross entropies; labels [n, 144, 4, 3]. 0 for a head without a label."""
    first, medial, final = (_mean_loss(h, labels[..., i]) for i, h in enumerate(heads))
    return first + medial + final


def _mean_loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    flat = labels.flatten().long()
    total = F.cross_entropy(logits.flatten(0, -2), flat, ignore_index=IGNORE, reduction="sum")
    return total / (flat != IGNORE).sum().clamp(
        min=1
    )  # a batch of page rows has none: their places are not known


class RowTiles(IterableDataset):
    """Endless tiles as tensors: pixels uint8 [384, 384], labels int16 [144, 4, 3]."""

    def __init__(self, text: RowText, fonts: RowFonts, seed: int, rows: int = GRID) -> None:
        self.text, self.fonts, self.seed, self.rows = text, fonts, seed, rows

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        info = get_worker_info()
        rng = random.Random(f"{self.seed}/{info.id if info else 0}")
        while True:
            tile = make_tile(rng, self.text, self.fonts, self.rows)
            yield {"pixels": tile.pixels, "labels": tile.labels}


@torch.no_grad()
def glyph_accuracy(model: GlyphReader, tiles: list) -> float:
    """Share of glyphs whose centre slot is read right, whole-tile attention."""
    model.eval()
    set_row_window(model.vision_tower, 0)
    right = total = 0
    for start in range(0, len(tiles), 16):
        part = tiles[start : start + 16]
        with torch.autocast("cpu", torch.bfloat16):
            read = model.read(torch.from_numpy(np.stack([t.pixels for t in part])))
        for tile, slots in zip(part, read, strict=True):
            for g in tile.glyphs:
                slot = min(SLOTS - 1, max(0, int(g.x % 32 // 8)))
                right += slots[g.cell * SLOTS + slot] == tile.rows[g.row][g.index]
                total += 1
    model.train()
    return right / max(1, total)
