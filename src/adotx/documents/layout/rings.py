"""Numbers and letters in circles: which rings stand in a row, and what stands in them.

In: a page's ink and a row. Out: the rings and the grey of their insides. A ring is a circle of the height of
letters whose stroke is closed and apart from what stands in it. Knows no text and no models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from adotx.documents.layout.clean import PAPER, Box, CleanPage
from adotx.documents.layout.pack import LEFT, ROW, ROWS, TILE
from adotx.documents.layout.row_parts import parts_of

# Sizes of rings, in em, and how far from round they are.
_SMALLEST, _LARGEST, _UNEQUAL = 0.55, 1.25, 0.15
# The stroke lies beyond the first share of the radius; within the second is what stands inside, and between
# them hardly anything: the third share of it.
_STROKE, _INSIDE, _BETWEEN = 0.8, 0.72, 0.3
# So many sectors of a circle, each of which has ink of a ring.
_SECTORS = 24
# What stands inside is at least so high, as a share of the ring.
_LEAST_INSIDE = 0.25
# Pixels of a row that it is shown high, and paper around it in pixels of the page.
_SHOWN, _MARGIN = 21, 1


@dataclass(frozen=True)
class Ring:
    """A circle with something in it.

    Attributes:
        box: its outer edge, (x0, y0, x1, y1) in the clean page.
        inside: box of what stands in it.
    """

    box: Box
    inside: Box


def rings_in(page: CleanPage, box: Box, em: float) -> Iterator[Ring]:
    """The rings of a row, from left to right.

    Args:
        page: the clean page.
        box: of the row.
        em: pixels per em of the row.
    """
    x0, y0, x1, y1 = box
    ink = page.ink[y0:y1, x0:x1].astype(np.uint8)
    for x, y, wide, high, _ in parts_of(page, box):
        large = _SMALLEST * em <= min(wide, high) and max(wide, high) <= _LARGEST * em
        if not large or abs(wide - high) > _UNEQUAL * max(wide, high):
            continue
        inside = _inside(ink[y : y + high, x : x + wide])
        if inside is not None:
            left, top, right, low = inside
            yield Ring(
                (x0 + x, y0 + y, x0 + x + wide, y0 + y + high),
                (x0 + x + left, y0 + y + top, x0 + x + right, y0 + y + low),
            )


def insides(page: CleanPage, rings: Sequence[Ring]) -> np.ndarray:
    """Tiles of rows, uint8 [n, 384, 384], with what stands in the rings."""
    tiles = np.full((-(-len(rings) // ROWS), TILE, TILE), round(PAPER), np.uint8)
    for number, ring in enumerate(rings):
        x0, y0, x1, y1 = ring.inside
        gray = page.gray[y0 - _MARGIN : y1 + _MARGIN, x0 - _MARGIN : x1 + _MARGIN]
        scale = _SHOWN / (y1 - y0)
        size = max(1, round(gray.shape[1] * scale)), min(ROW, round(gray.shape[0] * scale))
        shown = np.asarray(Image.fromarray(gray).resize(size, Image.Resampling.BICUBIC))
        tile, row = divmod(number, ROWS)
        top = row * ROW + (ROW - shown.shape[0]) // 2
        tiles[tile, top : top + shown.shape[0], LEFT : LEFT + shown.shape[1]] = shown
    return tiles


def _inside(ink: np.ndarray) -> Box | None:
    """The box of what stands in a ring that fills a picture; None where is no ring, or nothing in it."""
    high, wide = ink.shape
    ys, xs = np.mgrid[:high, :wide]
    ys, xs = (ys + 0.5) * 2 / high - 1, (xs + 0.5) * 2 / wide - 1
    far = np.hypot(ys, xs)
    stroke = (ink > 0) & (far >= _STROKE)
    sectors = np.floor((np.arctan2(ys, xs) / np.pi + 1) / 2 * _SECTORS).astype(int) % _SECTORS
    if len(np.unique(sectors[stroke])) < _SECTORS:
        return None
    between = (far < _STROKE) & (far >= _INSIDE)
    inner = (ink > 0) & (far < _INSIDE)
    if not between.any() or ink[between].mean() > _BETWEEN or not inner.any() or ink[far > 1.05].mean() > 0.2:
        return None
    rows, columns = np.flatnonzero(inner.any(1)), np.flatnonzero(inner.any(0))
    if rows[-1] - rows[0] < _LEAST_INSIDE * high:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
