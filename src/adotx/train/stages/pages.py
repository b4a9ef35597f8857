"""The pages stage: the reader goes on with lines as transcription cuts them from whole pages.

Data: a share of the samples is cut from made pages (`adotx.data.pages`) that are laid out and packed by
`adotx.documents`; the others are fresh tiles as in the reading stage. What this adds: real line finding,
scaling and cutting, with their faults. A row whose text is not certain is left out; where its glyphs lie is
not known, so only the text loss sees it. Model, losses and validation: those of the reading stage, from whose
weights this one starts.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from adotx.alphabet import IGNORE
from adotx.data.look import FontSet
from adotx.data.pages import Page, make_page
from adotx.data.rows import GRID, TILE, TIMESTEPS, RowTile
from adotx.data.source import TextSource
from adotx.documents.layout.pack import ROW, ROWS, pack
from adotx.documents.layout.page import lay_out
from adotx.evaluate.alignment import align_rows
from adotx.train.corpus import faces, page_text
from adotx.train.recipe import Recipe
from adotx.train.results import need
from adotx.train.row_samples import ReadingSample, reading_sample
from adotx.train.stages.reading import ReadingTiles, reading_tiles, train_reader
from adotx.train.trainer import load_weights

NEEDS = ("tokenizer", "reading")


def run(recipe: Recipe) -> Path:
    """Train on; the published weights stand under `model.*`."""
    fonts = FontSet(faces(recipe.fonts)["train"])
    samples = PageTiles(reading_tiles(recipe), page_text(recipe.corpora), fonts, recipe.page_share)
    return train_reader(recipe, load_weights(need(recipe, "reading")), samples)


def page_tiles(page: Page) -> Iterator[RowTile]:
    """Tiles of the rows of a page whose text is certain; labels are IGNORE."""
    layout = lay_out(page.image)
    if layout.blank:
        return
    packed = pack(layout)
    certain = [
        (packed.tiles[p.tile, p.row * ROW : (p.row + 1) * ROW], row.text)
        for p, row in zip(packed.pieces, align_rows(layout, packed, page), strict=True)
        if row.certain and row.text
    ]
    labels = np.full((GRID * GRID, TIMESTEPS, 3), IGNORE, np.int16)
    for start in range(0, len(certain), ROWS):
        rows = certain[start : start + ROWS]
        pixels = np.full((TILE, TILE), int(packed.tiles[0, -1, -1]), np.uint8)
        for number, (strip, _) in enumerate(rows):
            pixels[number * ROW : (number + 1) * ROW] = strip
        yield RowTile(pixels, [text for _, text in rows], [], labels)


class PageTiles(IterableDataset):
    """Endless samples, `share` of them from pages, the others from `tiles`."""

    def __init__(self, tiles: ReadingTiles, source: TextSource, fonts: FontSet, share: float) -> None:
        self.tiles, self.source, self.fonts, self.share, self.seed = tiles, source, fonts, share, tiles.seed

    def __iter__(self) -> Iterator[ReadingSample]:
        info = get_worker_info()
        seed = f"pages/{self.seed}/{info.id if info else 0}"
        rng = random.Random(seed)
        self.tiles.seed = self.seed
        drawn, number = iter(self.tiles), 0
        waiting: list[RowTile] = []
        while True:
            if rng.random() >= self.share:
                yield next(drawn)
                continue
            while not waiting:
                number += 1
                waiting = list(page_tiles(make_page(f"{seed}/{number}", self.source, self.fonts)))
            yield reading_sample(waiting.pop(), self.tiles.tokenizer)
