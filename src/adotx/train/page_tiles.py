"""Reading samples cut from whole made pages, by the code that cuts them in transcription.

In: `adotx.data.pages`, laid out and packed by `adotx.documents`. Out: tiles whose rows have known text. What
this adds to `adotx.data.rows`: real line finding, scaling and cutting, with their faults. A row whose text is
not certain is left out.
Knows nothing of models.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from adotx.data.fonts import find_fonts, split_fonts
from adotx.data.glyphs import IGNORE
from adotx.data.look import FontSet
from adotx.data.pages import Page, make_page
from adotx.data.rows import GRID, SLOTS, TILE, RowTile
from adotx.data.source import TextSource
from adotx.documents.layout.pack import ROW, ROWS, pack
from adotx.documents.layout.page import lay_out
from adotx.evaluate.alignment import align_rows
from adotx.train.reading_stage import ReadingSample, ReadingTiles, reading_sample


def page_tiles(page: Page) -> Iterator[RowTile]:
    """Tiles of the rows of a page whose text is certain; glyph places are not known, so labels are IGNORE."""
    layout = lay_out(page.image)
    if layout.blank:
        return
    packed = pack(layout)
    certain = [
        (packed.tiles[p.tile, p.row * ROW : (p.row + 1) * ROW], row.text)
        for p, row in zip(packed.pieces, align_rows(layout, packed, page), strict=True)
        if row.certain
    ]
    labels = np.full((GRID * GRID, SLOTS, 3), IGNORE, np.int16)
    for start in range(0, len(certain), ROWS):
        rows = certain[start : start + ROWS]
        pixels = np.full((TILE, TILE), int(packed.tiles[0, -1, -1]), np.uint8)
        for number, (strip, _) in enumerate(rows):
            pixels[number * ROW : (number + 1) * ROW] = strip
        yield RowTile(pixels, [text for _, text in rows], [], labels)


class PageTiles(IterableDataset):
    """Endless samples, `share` of them from pages, the others from `tiles`."""

    def __init__(self, tiles: ReadingTiles, corpora: Path, fonts: Sequence[Path], share: float) -> None:
        self.tiles, self.share, self.seed = tiles, share, tiles.seed
        self.source = TextSource.from_corpora(corpora, "train")
        self.fonts = FontSet(split_fonts(find_fonts(fonts))[0])

    def __iter__(self) -> Iterator[ReadingSample]:
        info = get_worker_info()
        seed = f"pages/{self.seed}/{info.id if info else 0}"
        rng = random.Random(seed)
        self.tiles.seed = self.seed
        drawn, number = iter(self.tiles), 0
        waiting: list[RowTile] = []
        weights = [w for _, w in self.tiles.prompts]
        while True:
            if rng.random() >= self.share:
                yield next(drawn)
                continue
            while not waiting:
                number += 1
                waiting = list(page_tiles(make_page(f"{seed}/{number}", self.source, self.fonts)))
            prompt = rng.choices(self.tiles.prompts, weights)[0][0]
            yield reading_sample(waiting.pop(), self.tiles.tokenizer, prompt)
