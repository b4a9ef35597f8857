"""Boxes to be ticked: where they stand, which are ticked, and the ticks away.

In: a clean page. Out: its boxes, and the page with the ticked ones made the empty ones that readers know: a
tick is anything to a reader, and what it reaches over is not read. Where a page has no empty box of the same
size nothing is changed: framed letters look like ticked boxes. Knows nothing of lines or text.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from adotx.documents.layout.clean import INK, PAPER, Box, CleanPage

# Sides of boxes, in em; how far from equal a box's sides are, and the boxes of a page are among each other.
_SHORTEST, _LONGEST, _UNEQUAL = 0.45, 1.3, 0.16
# A stroke is at most this wide, as a share of the side; sides are inked to at least this share.
_STROKE, _DRAWN = 0.22, 0.85
# Left of a box and below it is paper for this share of its side, with at most so much ink.
_APART, _CLEAN = 0.15, 0.06
# Inside of its strokes an empty box has less ink than the first, a ticked one less than the second: more is
# a printed square.
_EMPTY, _FULL = 0.03, 0.8
# How far ticks reach beyond their boxes at most, and the stroke of boxes that are drawn anew, as shares of
# the side.
_OVERSHOOT, _DRAWN_ANEW = 0.6, 0.08
# A box that is not quite upright reaches so much beyond where its left side ends.
_ASKEW = 0.08


@dataclass(frozen=True)
class Tick:
    """A box to be ticked: (x0, y0, x1, y1) in the clean page, without what a tick has beyond it."""

    box: Box
    ticked: bool

    @property
    def side(self) -> float:
        """The mean of its sides, in pixels."""
        return (self.box[2] - self.box[0] + self.box[3] - self.box[1]) / 2

    def is_like(self, other: Tick) -> bool:
        """Whether both are of one size."""
        return abs(self.side - other.side) < _UNEQUAL * other.side


def take_ticks(page: CleanPage, em: float) -> list[Tick]:
    """Find the boxes, and show ticked ones as empty ones, in place.

    Args:
        page: `gray` and `ink` change.
        em: pixels per em.

    Returns:
        The boxes of a size of which there are ticked and empty ones; of others nothing tells that they are to
        be ticked.
    """
    squares = _squares(page.ink, em)
    empty = [square for square in squares if not square.ticked]
    ticked = [square for square in squares if square.ticked and any(map(square.is_like, empty))]
    for square in ticked:
        _redraw(page, square)
    return [*ticked, *(square for square in empty if any(each.is_like(square) for each in ticked))]


def _squares(ink: np.ndarray, em: float) -> list[Tick]:
    """The boxes of a page, empty ones and ticked ones, from left to right."""
    least = max(5, round(_SHORTEST * em))
    mask = ink.astype(np.uint8)
    across = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, least), np.uint8))
    if not across.any():
        return []
    down = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((least, 1), np.uint8))
    lefts = [side for side in _strokes(down) if side[3] - side[1] <= _LONGEST * em]
    found = (_square(ink, across, down, left) for left in lefts)
    return [square for square in found if square is not None]


def _strokes(mask: np.ndarray) -> list[Box]:
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    return [(x, y, x + w, y + h) for x, y, w, h, _ in stats[1:].tolist() if w <= _STROKE * h + 2]


def _square(ink: np.ndarray, across: np.ndarray, down: np.ndarray, left: Box) -> Tick | None:
    """The box whose left side an upright is; None where it is none, or does not stand apart."""
    x0, y0, stroke_end, y1 = left
    high = y1 - y0
    rim, slack = max(2, round(_STROKE * high)), round(_UNEQUAL * high)
    # Where the tick crosses the other sides they may seem longer.
    ends = down[y0:y1, x0 + high - rim : x0 + high + slack]
    if ends.any(1).mean() < _DRAWN:
        return None
    x1 = x0 + high - rim + int(np.flatnonzero(ends.mean(0) > 0.5)[-1:].sum()) + 1
    top, low = across[y0 : y0 + rim, x0:x1].any(0), across[y1 - rim : y1, x0:x1].any(0)
    if min(top.mean(), low.mean()) < _DRAWN:
        return None
    stroke = stroke_end - x0
    apart, askew = max(2, round(_APART * high)), round(_ASKEW * high)
    left_end, low_end = max(0, x0 - askew), y1 + askew
    beside, below = ink[y0:y1, max(0, left_end - apart) : left_end], ink[low_end : low_end + apart, x0:x1]
    if any(area.size and area.mean() > _CLEAN for area in (beside, below)):
        return None
    margin = stroke + max(1, round(0.06 * high))
    inside = ink[y0 + margin : y1 - margin, x0 + margin : x1 - margin]
    if not inside.size or inside.mean() > _FULL:
        return None
    return Tick((x0, y0, x1, y1), bool(inside.mean() > _EMPTY))


def _redraw(page: CleanPage, square: Tick) -> None:
    x0, y0, x1, y1 = square.box
    over = round(_OVERSHOOT * square.side)
    top, left = max(0, y0 - over), max(0, x0 - over)
    area = np.s_[top : y1 + over, left : x1 + over]
    # What hangs together with the box inside of the area is the box and its tick.
    count, labels = cv2.connectedComponents(page.ink[area].astype(np.uint8), connectivity=8)
    of_box = np.zeros(count, bool)
    of_box[labels[y0 - top : y1 - top, x0 - left : x1 - left]] = True
    of_box[0] = False
    gone = cv2.dilate(of_box[labels].astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    page.gray[area][gone], page.ink[area][gone] = round(PAPER), False
    stroke = max(2, round(_DRAWN_ANEW * square.side))
    inner = np.s_[y0 + stroke : y1 - stroke, x0 + stroke : x1 - stroke]
    for mask, ink, paper in ((page.gray, round(INK), round(PAPER)), (page.ink, True, False)):
        mask[y0:y1, x0:x1] = ink
        mask[inner] = paper
