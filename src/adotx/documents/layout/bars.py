"""Upright bars in a row: strokes without any flag, foot or bow, and how they stand to what is beside them.

In: a page's ink and a row. Out: the bars. A bar between letters that reaches below both is no letter; one
with room for a whole em around it is a numeral that is set so wide. Knows no text and no models.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adotx.documents.layout.clean import Box, CleanPage
from adotx.documents.layout.row_parts import parts_of

# How high a bar is at least and how wide at most, in em, and the share of its box that it fills.
_HIGH, _WIDE, _FULL = 0.6, 0.2, 0.92
# How far it reaches below its neighbours, in em; neighbours are at least so high and at most so far from it.
_BELOW, _LETTER, _NEAR = 0.09, 0.35, 0.5
# The room beside a bar that is set as wide as an em.
_ROOM = 0.22


@dataclass(frozen=True)
class Bar:
    """An upright bar.

    Attributes:
        box: (x0, y0, x1, y1) in the clean page.
        below: it reaches below the letters on both sides, and up as high as the higher one.
        roomy: it has much room on both sides, or stands first and has it behind.
    """

    box: Box
    below: bool
    roomy: bool


def bars_in(page: CleanPage, box: Box, em: float) -> Iterator[Bar]:
    """The bars of a row that are `below` or `roomy`, from left to right.

    Args:
        page: the clean page.
        box: of the row.
        em: pixels per em of the row.
    """
    x0, y0, _, _ = box
    parts = parts_of(page, box)
    for n, (x, y, wide, high, area) in enumerate(parts):
        if high < _HIGH * em or wide > _WIDE * em or area < _FULL * wide * high:
            continue
        left = x - max((part[0] + part[2] for part in parts[:n]), default=-(10**6))
        right = min((part[0] for part in parts[n + 1 :]), default=10**6) - (x + wide)
        letters = [part for part in parts if part[3] >= _LETTER * em]
        sides = (
            [part for part in letters if 0 <= x - part[0] - part[2] <= _NEAR * em][-1:],
            [part for part in letters if 0 <= part[0] - x - wide <= _NEAR * em][:1],
        )
        below = all(side and _reaches_below((y, y + high), side[0], em) for side in sides)
        roomy = left >= _ROOM * em and _ROOM * em <= right <= em
        if below or roomy:
            yield Bar((x0 + x, y0 + y, x0 + x + wide, y0 + y + high), below, roomy)


def _reaches_below(bar: tuple[int, int], letter: list[int], em: float) -> bool:
    _, y, _, high, _ = letter
    return bar[1] >= y + high + _BELOW * em and bar[0] <= y + _BELOW * em
