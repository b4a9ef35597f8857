"""Boxes ticked by hand, as print shows them.

In: a clean page. Out: the same, with every box over whose sides something is drawn made the black square
that readers know (■ beside □); empty boxes, and printed ones with a mark inside, stay as they are. Where a
page has no empty box of the same size nothing is changed: framed letters look like ticked boxes. Knows
nothing of lines or text.
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
# How far ticks reach beyond their boxes, at least and at most, as shares of the side.
_BEYOND, _OVERSHOOT = 0.08, 0.6
# What the black square leaves free on each side of its box.
_INSET = 0.08


@dataclass(frozen=True)
class _Square:
    box: Box
    ticked: bool

    @property
    def side(self) -> float:
        return (self.box[2] - self.box[0] + self.box[3] - self.box[1]) / 2


def print_ticks(page: CleanPage, em: float) -> None:
    """Show boxes that are ticked by hand as print has ticked ones, in place.

    Args:
        page: `gray` and `ink` change.
        em: pixels per em.
    """
    squares = _squares(page.ink, em)
    empty = [square.side for square in squares if not square.ticked]
    for square in squares:
        if square.ticked and any(abs(square.side - side) < _UNEQUAL * side for side in empty):
            _redraw(page, square)


def _squares(ink: np.ndarray, em: float) -> list[_Square]:
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


def _square(ink: np.ndarray, across: np.ndarray, down: np.ndarray, left: Box) -> _Square | None:
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
    apart = max(2, round(_APART * high))
    beside, below = ink[y0:y1, max(0, x0 - apart) : x0], ink[y1 : y1 + apart, x0:x1]
    if any(area.size and area.mean() > _CLEAN for area in (beside, below)):
        return None
    margin = stroke + max(1, round(0.06 * high))
    inside = ink[y0 + margin : y1 - margin, x0 + margin : x1 - margin]
    if not inside.size or inside.mean() > _FULL:
        return None
    return _Square((x0, y0, x1, y1), bool(inside.mean() > _EMPTY))


def _redraw(page: CleanPage, square: _Square) -> None:
    x0, y0, x1, y1 = square.box
    over = round(_OVERSHOOT * square.side)
    top, left = max(0, y0 - over), max(0, x0 - over)
    area = np.s_[top : y1 + over, left : x1 + over]
    # What hangs together with the box inside of the area is the box and its tick.
    count, labels = cv2.connectedComponents(page.ink[area].astype(np.uint8), connectivity=8)
    of_box = np.zeros(count, bool)
    of_box[labels[y0 - top : y1 - top, x0 - left : x1 - left]] = True
    of_box[0] = False
    own = of_box[labels]
    rows, columns = (np.flatnonzero(own.any(axis)) for axis in (1, 0))
    beyond = _BEYOND * square.side
    if rows[0] + top > y0 - beyond and columns[-1] + left < x1 - 1 + beyond:
        return
    gone = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    page.gray[area][gone], page.ink[area][gone] = round(PAPER), False
    inset = round(_INSET * square.side)
    black = np.s_[y0 + inset : y1 - inset, x0 + inset : x1 - inset]
    page.gray[black], page.ink[black] = round(INK), True
