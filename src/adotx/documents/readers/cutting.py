"""Cuts a page at white space into pieces, in reading order, whose type is large enough for a model's tiles.

In: a page image and a tile rule. Out: pieces and their pictures. A model stretches every picture to a grid of
tiles; print that is too small there is larger when it is shown a piece of the page. Cuts run along white
bands between lines and white gutters between columns, never through a line, and only where everything on one
side is read before everything on the other. Knows no models and no text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from adotx.documents.layout import Box, Flow, Grid, Layout, line_em
from adotx.documents.layout.rulings import runs
from adotx.documents.layout.straighten import warp
from adotx.vision import plan

if TYPE_CHECKING:
    from adotx.checkpoint import TileRule

#: pixels per em in tile space from which type is read well
LEAST_EM = 16.0
# Paper around the ink of a piece, in em.
_MARGIN = 1.0
# A white band between lines is at least this high, a gutter between columns this wide, in em.
_LEAST_BAND, _LEAST_GUTTER = 0.12, 0.6
# Share of dark pixels along a cut: specks and thin rules may cross it, a picture may not.
_SPECKS = 0.01
# White counts for a cut up to this many em.
_WIDE = 3.0
# Cuts that do not make all type large enough must make it this much larger.
_GAIN = 1.05
# The type of a piece is such that this share of its text, by width, is smaller.
_SMALLER = 0.25
# 2 ** 4 pieces are the most.
_DEPTH = 4


@dataclass(frozen=True)
class _Unit:
    """What is never cut: a line of text, or a row of table `table` (-1: none); `place` in reading order."""

    box: Box
    em: float
    place: int
    table: int = -1


@dataclass(frozen=True)
class PagePiece:
    """A part of a page.

    Attributes:
        box: (x0, y0, x1, y1) in the clean page.
        units: the lines and table rows in it, in reading order.
        whole: it is the page itself.
    """

    box: Box
    units: tuple[_Unit, ...]
    whole: bool = False


@dataclass(frozen=True)
class _Cut:
    """Two boxes with their units, the first read before the second; `white` em lie between them."""

    first: PagePiece
    second: PagePiece
    white: float

    @property
    def through_table(self) -> bool:
        tables = {unit.table for unit in self.first.units} & {unit.table for unit in self.second.units}
        return bool(tables - {-1})

    @property
    def evenness(self) -> float:
        areas = sorted((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (self.first.box, self.second.box))
        return areas[0] / max(areas[1], 1)


class Sheet:
    """A page that can be cut.

    Args:
        image: RGB, as a person sees the page.
        layout: of the image.
        rule: how the model cuts pictures into tiles.
    """

    def __init__(self, image: Image.Image, layout: Layout, rule: TileRule) -> None:
        self._image, self._layout, self._rule = image, layout, rule
        height, width = layout.ink.shape
        units = tuple(_units(layout))
        self.whole = PagePiece((0, 0, width, height), units, whole=True)

    def pieces(self) -> list[PagePiece]:
        """The page in pieces, in reading order: itself where its type is large enough, else as few as bring
        it to `LEAST_EM`, or as near as cuts can."""
        if self._type(self.whole) >= LEAST_EM:
            return [self.whole]
        cut = self._merged(self._cut_up(self._trimmed(self.whole), _DEPTH))
        return cut if self._worth_it(cut, self.whole) else [self.whole]

    def halves(self, piece: PagePiece) -> list[PagePiece]:
        """A piece in two, cut as evenly as white space allows; empty where it cannot be cut."""
        cuts = list(self._cuts(self._trimmed(piece)))
        if not cuts:
            return []
        best = max(cuts, key=lambda cut: (not cut.through_table, cut.evenness))
        return [self._trimmed(best.first), self._trimmed(best.second)]

    def picture(self, piece: PagePiece) -> Image.Image:
        """What a model is shown: the page as it is, or a piece of it, upright, with paper around it; RGB."""
        if piece.whole:
            return self._image
        zoom, upright = self._zoom, self._upright
        x0, y0, x1, y1 = (round(value * zoom) for value in piece.box)
        margin = self._margin
        out = Image.new("RGB", (x1 - x0 + 2 * margin, y1 - y0 + 2 * margin), self._paper)
        out.paste(upright.crop((x0, y0, x1, y1)), (margin, margin))
        return out

    # How large type is

    @property
    def _zoom(self) -> float:
        """Pixels of the image for one of the clean page."""
        return self._layout.page.zoom

    @property
    def _margin(self) -> int:
        return round(_MARGIN * self._layout.em * self._zoom)

    @cached_property
    def _upright(self) -> Image.Image:
        zoom, (height, width) = self._zoom, self._layout.ink.shape
        size = round(width * zoom), round(height * zoom)
        to_page = np.linalg.inv(self._layout.page.matrix)
        return Image.fromarray(warp(np.asarray(self._image), np.diag([zoom, zoom, 1.0]) @ to_page, size))

    @cached_property
    def _paper(self) -> tuple[int, int, int]:
        red, green, blue = np.median(np.asarray(self._image)[::4, ::4].reshape(-1, 3), 0).tolist()
        return round(red), round(green), round(blue)

    def _type(self, piece: PagePiece) -> float:
        """Pixels per em in tile space of a piece's smaller type; infinite where there is none."""
        if not piece.units:
            return float("inf")
        sizes = np.array([unit.em for unit in piece.units])
        widths = np.array([unit.box[2] - unit.box[0] for unit in piece.units], np.float64)
        order = np.argsort(sizes)
        share = np.cumsum(widths[order]) / max(widths.sum(), 1.0)
        em = float(sizes[order][np.searchsorted(share, _SMALLER)]) * self._zoom
        if piece.whole:
            width, height = self._image.size
        else:
            x0, y0, x1, y1 = (value * self._zoom for value in piece.box)
            width, height = round(x1 - x0) + 2 * self._margin, round(y1 - y0) + 2 * self._margin
        across, down = plan(max(width, 1), max(height, 1), self._rule).canvas
        return em * min(across / width, down / height)

    def _worth_it(self, cut: Sequence[PagePiece], before: PagePiece) -> bool:
        """Whether all type is large enough in `cut`, or at least larger, on average over the lines."""

        def legible(pieces: Sequence[PagePiece]) -> float:
            return sum(len(piece.units) * min(self._type(piece), LEAST_EM) for piece in pieces if piece.units)

        reached = all(self._type(piece) >= LEAST_EM for piece in cut)
        return reached or legible(cut) > _GAIN * legible([before])

    # Cuts

    def _cut_up(self, piece: PagePiece, depth: int) -> list[PagePiece]:
        if depth == 0 or self._type(piece) >= LEAST_EM:
            return [piece]
        cuts = list(self._cuts(piece))
        if not cuts:
            return [piece]
        best = max(cuts, key=self._rank)
        parts = [self._trimmed(part) for part in (best.first, best.second)]
        cut = [each for part in parts for each in self._cut_up(part, depth - 1)]
        return cut if self._worth_it(cut, piece) else [piece]

    def _rank(self, cut: _Cut) -> tuple[bool, float, float]:
        reached = min(LEAST_EM, self._type(cut.first), self._type(cut.second)) / LEAST_EM
        return not cut.through_table, round(reached, 1), min(cut.white, _WIDE) / _WIDE + cut.evenness

    def _cuts(self, piece: PagePiece) -> Iterator[_Cut]:
        """All places where a piece may be cut in two."""
        x0, y0, x1, y1 = piece.box
        for axis, least in ((1, _LEAST_BAND), (0, _LEAST_GUTTER)):
            start = piece.box[axis]
            for low, high in self._white(piece.box, axis, max(2, round(least * self._layout.em))):
                at = start + (low + high) // 2
                before = tuple(u for u in piece.units if u.box[axis + 2] <= at)
                after = tuple(u for u in piece.units if u.box[axis] >= at)
                if not before or not after or len(before) + len(after) < len(piece.units):
                    continue
                if max(unit.place for unit in before) > min(unit.place for unit in after):
                    continue
                boxes: tuple[Box, Box]
                if axis == 1:
                    boxes = (x0, y0, x1, start + low), (x0, start + high, x1, y1)
                else:
                    boxes = (x0, y0, start + low, y1), (start + high, y0, x1, y1)
                white = (high - low) / self._layout.em
                yield _Cut(PagePiece(boxes[0], before), PagePiece(boxes[1], after), white)

    def _white(self, box: Box, axis: int, least: int) -> list[tuple[int, int]]:
        """Blank intervals inside a box along an axis (0: x, 1: y), from its start on, without its edges."""
        x0, y0, x1, y1 = box
        area = np.s_[y0:y1, x0:x1]
        # The axes of an array are y, x: all rows of a column are its axis 0, as x is the box's.
        text = self._layout.ink[area].any(axis)
        blank = ~text & (self._layout.page.ink[area].mean(axis) < _SPECKS)
        found = runs(blank[None, :], least)[:, 1:].tolist()
        return [(low, high) for low, high in found if low > 0 and high < len(blank)]

    def _trimmed(self, piece: PagePiece) -> PagePiece:
        """A piece with its box drawn around its ink."""
        x0, y0, x1, y1 = piece.box
        ink = self._layout.page.ink[y0:y1, x0:x1]
        rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
        if not len(rows):
            return PagePiece(piece.box, piece.units)
        pad = 2  # blurred edges of letters
        box = (
            max(x0, x0 + int(columns[0]) - pad),
            max(y0, y0 + int(rows[0]) - pad),
            min(x1, x0 + int(columns[-1]) + 1 + pad),
            min(y1, y0 + int(rows[-1]) + 1 + pad),
        )
        return PagePiece(box, piece.units)

    def _merged(self, pieces: list[PagePiece]) -> list[PagePiece]:
        """Neighbours in one where the box around both holds nothing else and its type is still large
        enough."""
        at = 0
        while at + 1 < len(pieces):
            both = _around(pieces[at], pieces[at + 1])
            others = pieces[:at] + pieces[at + 2 :]
            if self._type(both) >= LEAST_EM and not any(_overlap(both.box, other.box) for other in others):
                pieces = [*pieces[:at], both, *pieces[at + 2 :]]
            else:
                at += 1
        return pieces


def _units(layout: Layout) -> Iterator[_Unit]:
    """Lines and table rows in reading order."""
    place = 0
    for number, region in enumerate(layout.regions):
        if isinstance(region, Flow):
            for line in region.lines:
                yield _Unit(line.box, line_em(layout, line), place)
                place += 1
            continue
        if not isinstance(region, Grid):
            continue
        for row in region.rows:
            lines = [line for cell in row for line in cell]
            if not lines:
                continue
            top, low = min(line.box[1] for line in lines), max(line.box[3] for line in lines)
            em = min(line_em(layout, line) for line in lines)
            yield _Unit((region.box[0], top, region.box[2], low), em, place, number)
            place += 1


def _around(a: PagePiece, b: PagePiece) -> PagePiece:
    x0, y0 = min(a.box[0], b.box[0]), min(a.box[1], b.box[1])
    x1, y1 = max(a.box[2], b.box[2]), max(a.box[3], b.box[3])
    return PagePiece((x0, y0, x1, y1), a.units + b.units)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
