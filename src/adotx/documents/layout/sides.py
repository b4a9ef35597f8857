"""Sides of tables that no rule closes. In: where rules begin and end. Out: where the sides are.

Knows no frames and no text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: uprights that run on by so many em have a row of cells beside them
ROW_HIGH = 0.9
# Of so many level rules this share begin, or end, within so many em of each other, and so many em beyond the
# outermost upright, where the side of a table is open.
_SIDED, _MOST_RULES, _SAME_END, _BEYOND = 3, 0.65, 0.6, 1.2


def open_sides(
    starts: Sequence[float], ends: Sequence[float], inner: tuple[float, float], em: float
) -> list[float]:
    """Where most level rules of a table begin, or end, beyond its outermost uprights.

    Args:
        starts, ends: of its level rules.
        inner: places of its first and last upright.
    """
    if len(starts) < _SIDED:
        return []
    sides = []
    for places, outermost, way in ((starts, inner[0], -1), (ends, inner[1], 1)):
        at = float(np.median(places))
        agree = np.mean([abs(place - at) < _SAME_END * em for place in places])
        if agree > _MOST_RULES and way * (at - outermost) > _BEYOND * em:
            sides.append(at)
    return sides


def open_end(starts: Sequence[float], ends: Sequence[float], at: float, em: float) -> float | None:
    """Where a row of cells ends that goes on over the page's edge: its uprights run up from its one level
    rule, or down from it, all equally far.

    Args:
        starts, ends: of its uprights.
        at: of the level rule.
    """
    for places, way in ((starts, -1), (ends, 1)):
        far = float(np.median(places))
        if way * (far - at) > ROW_HIGH * em and max(abs(place - far) for place in places) < _SAME_END * em:
            return far
    return None
