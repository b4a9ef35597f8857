"""Fractions: level bars with print above and below them and more of their formula beside them.

In: a clean page, before its rules are taken away. Out: the bars. What stands above and below is read line by
line, so that a page with fractions is not told whole. Knows no text and no models.
"""

from __future__ import annotations

import numpy as np

from adotx.documents.layout.clean import Box, CleanPage
from adotx.documents.layout.rulings import runs

# A bar's least and most length, its most thickness, and the paper above and below it, in em.
_SHORT, _LONG, _THICK, _PAPER = 1.2, 16.0, 0.16, 0.06
# In em: how far from it its numerator ends and its denominator begins, and how far these reach beyond it and
# lie off its middle, or so much of its length off it.
_NEAR, _BEYOND, _OFF, _OFF_LONG = 0.8, 0.35, 0.5, 0.12
# What stands beside it does so within so many em, and is cut by its height between these shares of its own.
_BESIDE, _MIDDLE = 2.5, (0.15, 0.85)
# Letters of this shape, width by height, as high as so much of a fraction are large type, of which the
# bar is a stroke ("은").
_LETTER, _AS_HIGH = (0.6, 1.6), 0.8


def fractions_in(page: CleanPage, em: float) -> list[Box]:
    """The bars of a page's fractions.

    Args:
        page: with its rules.
        em: pixels per em.
    """
    return [bar for bar in _bars(page.faint, em) if _parts_stand(page.boxes, bar, em)]


def _bars(mask: np.ndarray, em: float) -> list[Box]:
    """Level strokes with paper above and below."""
    found: list[list[int]] = []
    for row, start, end in runs(mask, round(_SHORT * em)).tolist():
        last = next(
            (bar for bar in reversed(found) if bar[3] == row and start < bar[2] and end > bar[0]), None
        )
        if last is None:
            found.append([start, row, end, row + 1])
        else:
            last[0], last[2], last[3] = min(start, last[0]), max(end, last[2]), row + 1
    paper = max(1, round(_PAPER * em))
    return [
        (x0, y0, x1, y1)
        for x0, y0, x1, y1 in found
        if y1 - y0 <= max(3, _THICK * em)
        and x1 - x0 <= _LONG * em
        and not mask[max(0, y0 - 1 - paper) : max(0, y0 - 1), x0:x1].any()
        and not mask[y1 + 1 : y1 + 1 + paper, x0:x1].any()
    ]


def _parts_stand(boxes: np.ndarray, bar: Box, em: float) -> bool:
    """Whether a numerator, a denominator and more of a formula stand around a bar."""
    x0, y0, x1, y1 = bar
    left, top, right, low = boxes.T
    middle = (left + right) / 2
    off = max(_OFF * em, _OFF_LONG * (x1 - x0))
    over = (left >= x0 - _BEYOND * em) & (right <= x1 + _BEYOND * em)
    over &= np.abs(middle - (x0 + x1) / 2) <= off
    above = over & (low >= y0 - _NEAR * em) & (low <= y1 + _BEYOND * em) & ((top + low) / 2 < y0)
    below = over & (top <= y1 + _NEAR * em) & (top >= y0 - _BEYOND * em) & ((top + low) / 2 > y1)
    share = ((y0 + y1) / 2 - top) / np.maximum(low - top, 1)
    level = (share >= _MIDDLE[0]) & (share <= _MIDDLE[1])
    beside = level & (
        ((right <= x0 + _BEYOND * em) & (right >= x0 - _BESIDE * em))
        | ((left >= x1 - _BEYOND * em) & (left <= x1 + _BESIDE * em))
    )
    if not (above.any() and below.any() and beside.any()):
        return False
    highest, lowest = top[above].min(), low[below].max()
    shape = (right - left) / np.maximum(low - top, 1)
    letters = (shape >= _LETTER[0]) & (shape <= _LETTER[1])
    letters &= (right >= x0 - _BESIDE * em) & (left <= x1 + _BESIDE * em)
    shared = np.minimum(low, lowest) - np.maximum(top, highest)
    return not bool((letters & (shared >= _AS_HIGH * (lowest - highest))).any())
