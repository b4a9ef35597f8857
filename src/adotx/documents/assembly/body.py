"""What is usual on a page: the size and weight of its running text, and how its lines are broken.

In: a `PlacedPage`. Out: `Body`. Judges no single line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from adotx.documents.assembly.joins import sigmoid, space_odds
from adotx.documents.assembly.placed import PlacedLine, PlacedPage
from adotx.markdown.line_breaks import is_hangul

# Less running text than this share of what stands in tables does not show what is usual.
_LITTLE = 0.3
# How often a line that may break anywhere ends at the end of a word.
_SPACE_SHARE = 0.28


@dataclass(frozen=True)
class Body:
    """Running text on a page.

    Attributes:
        em: pixels per em.
        weight: stroke width in em.
        advance: pixels per em by the width of what lines say.
        anywhere: whether lines break between syllables, not between words only.
    """

    em: float
    weight: float
    advance: float
    anywhere: bool = False

    def ratio(self, group: Sequence[PlacedLine]) -> float:
        """How much larger than running text a group of lines is set."""
        tall = float(np.mean([line.em for line in group])) / self.em
        wide = float(np.mean([line.advance for line in group])) / self.advance
        return float(np.sqrt(tall * np.clip(wide, 0.75 * tall, 1.3 * tall)))


def body_of(page: PlacedPage) -> Body:
    """Medians over the width of all lines outside of tables; of those inside, too, where little else is."""
    lines = [line for flow in page.flows() for line in flow.lines]
    cells = [line for grid in page.grids() for row in grid.rows for cell in row for line in cell]
    if _width(lines) < _LITTLE * _width(cells):
        lines += cells
    if not lines:
        return Body(max(page.em, 1.0), 0.1, max(page.em, 1.0))
    widths = np.array([line.x1 - line.x0 for line in lines])

    def usual(values: Sequence[float]) -> float:
        order = np.argsort(values)
        share = np.cumsum(widths[order]) / widths.sum()
        return float(np.array(values)[order][np.searchsorted(share, 0.5)])

    em = usual([line.em for line in lines])
    weight, advance = usual([line.weight for line in lines]), usual([line.advance for line in lines])
    return Body(em, weight, advance, _breaks_anywhere(page, em))


def _width(lines: Sequence[PlacedLine]) -> float:
    return sum(line.x1 - line.x0 for line in lines)


def _breaks_anywhere(page: PlacedPage, em: float) -> bool:
    """Whether lines end between syllables on this page: by the right edge and by what stands at the seams."""
    rooms, evidence = [], 0.0
    for flow in page.flows():
        if flow.mark == "panel":
            continue
        for a, b in pairwise(flow.lines):
            room = (flow.right - a.x1) / em
            if not (0.85 < a.em / em < 1.15 and b.y - a.y < 2.3 * em) or abs(a.em - b.em) > 0.15 * em:
                continue
            if room > b.first / em + 0.8 or not (is_hangul(a.text[-1]) and is_hangul(b.text[0])):
                continue
            rooms.append(room)
            odds = sigmoid(space_odds(a.text, b.text))
            evidence += max(math.log(max(odds, 1e-4) / _SPACE_SHARE), -4.0)
    if not rooms:
        return False
    ragged = sum(room > 1.25 for room in rooms)
    evidence += 3.0 * ragged
    if max(rooms) > 0.4:  # not justified: then a flush edge speaks for breaks anywhere
        evidence -= 0.7 * (len(rooms) - ragged)
    return evidence < 0
