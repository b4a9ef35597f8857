"""The glyph stage: tower and projector learn to name the glyph at every timestep of a tile.

First half of vision alignment. Data: an endless stream of `adotx.data.rows` tiles. Model: tower, projector
and three heads on the image tokens (initial, medial, final of a syllable; four timesteps of 8 pixels a
token). Loss: the heads' cross entropies. Validation: the share of glyphs named right in held-out fonts and
texts. The heads are thrown away: what stays is that an image token says which glyphs it covers and where, so
that the language model later has no search to do. Knows nothing of tokens.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import IterableDataset, get_worker_info
from transformers import SiglipVisionConfig

from adotx.alphabet import character
from adotx.data.rows import CELL, GRID, TIMESTEP, TIMESTEPS, RowFonts, RowText, RowTile, make_tile
from adotx.hf.projector import LDPNetV2Projector
from adotx.hf.vision_tower import AX4VLVisionTower
from adotx.train.architecture import model_config, pixel_values
from adotx.train.attention import ROWS, set_row_window
from adotx.train.corpus import reading_fonts, reading_text
from adotx.train.recipe import Recipe
from adotx.train.timesteps import TimestepHeads
from adotx.train.trainer import device_of, fit, precision

NEEDS = ()
#: tiles that are measured
_CHECKED = 32
_CHECKED_AT_ONCE = 16
#: patch rows in a band
BAND = 2


def run(recipe: Recipe) -> Path:
    """Train tower and projector; their weights stand under their published names."""
    config = model_config(recipe)
    torch.manual_seed(recipe.seed)
    model = GlyphReader(config.vision_config, config.text_config.hidden_size, recipe.whole_share)
    rng = random.Random(recipe.seed)
    text, fonts = reading_text(recipe.corpora, "validation"), reading_fonts(recipe.fonts, "validation")
    checks = [make_tile(rng, text, fonts) for _ in range(_CHECKED)]
    tiles = RowTiles(reading_text(recipe.corpora, "train"), reading_fonts(recipe.fonts, "train"), recipe.seed)

    def measure() -> str:
        share = glyph_accuracy(model, checks, recipe.dtype)
        return f"glyphs right, unseen fonts and texts {share:.4f}"

    return fit(model, tiles, recipe, measure, collate)


class RowTiles(IterableDataset):
    """Endless tiles: pixels uint8 [384, 384], labels int16 [144, 4, 3]."""

    def __init__(self, text: RowText, fonts: RowFonts, seed: int | str, rows: int = GRID) -> None:
        self.text, self.fonts, self.seed, self.rows = text, fonts, seed, rows

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        info = get_worker_info()
        rng = random.Random(f"{self.seed}/{info.id if info else 0}")
        while True:
            tile = make_tile(rng, self.text, self.fonts, self.rows)
            yield {"pixels": tile.pixels, "labels": tile.labels}


def collate(samples: Sequence[dict[str, np.ndarray]]) -> dict[str, torch.Tensor]:
    """Samples of `RowTiles` to a batch."""
    return {key: torch.from_numpy(np.stack([s[key] for s in samples])) for key in samples[0]}


class GlyphReader(nn.Module):
    """Tower, projector and heads; a share of the steps attends to whole tiles, the others to bands."""

    def __init__(self, vision: SiglipVisionConfig, out_hidden_size: int, whole_share: float = 0.12) -> None:
        super().__init__()
        vision._attn_implementation = ROWS
        self.vision_tower = AX4VLVisionTower(vision)
        self.multi_modal_projector = LDPNetV2Projector(vision.hidden_size, out_hidden_size, GRID)
        self.heads = TimestepHeads(out_hidden_size)
        self.whole_share = whole_share

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 [n, 384, 384] -> image tokens [n, 144, width]."""
        return self.multi_modal_projector(self.vision_tower(pixel_values(pixels)))

    def forward(self, pixels: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        whole = not self.training or random.random() < self.whole_share
        set_row_window(self.vision_tower, 0 if whole else BAND)
        return {"loss": self.heads.loss(self.features(pixels), labels)}


@torch.no_grad()
def read(model: GlyphReader, pixels: torch.Tensor) -> list[list[str]]:
    """The predicted character of each of the 144 x 4 timesteps of each tile, whole-tile attention."""
    set_row_window(model.vision_tower, 0)
    first, medial, final = (t.argmax(-1).flatten(1).tolist() for t in model.heads(model.features(pixels)))
    return [
        [character(a, b, c) for a, b, c in zip(*tile, strict=True)]
        for tile in zip(first, medial, final, strict=True)
    ]


def glyph_accuracy(model: GlyphReader, tiles: list[RowTile], dtype: str = "bfloat16") -> float:
    """Share of glyphs that are read right at the timestep of their centre."""
    model.eval()
    right = total = 0
    for start in range(0, len(tiles), _CHECKED_AT_ONCE):
        part = tiles[start : start + _CHECKED_AT_ONCE]
        pixels = torch.from_numpy(np.stack([t.pixels for t in part])).to(device_of(model))
        with precision(device_of(model), dtype):
            answers = read(model, pixels)
        for tile, answer in zip(part, answers, strict=True):
            for g in tile.glyphs:
                timestep = min(TIMESTEPS - 1, max(0, int(g.x % CELL // TIMESTEP)))
                right += answer[g.cell * TIMESTEPS + timestep] == tile.rows[g.row][g.index]
                total += 1
    model.train()
    return right / max(1, total)
