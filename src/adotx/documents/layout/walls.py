"""Where upright rules part the cells of a table. In: a mask of rules, their places. Out: walls, cell by cell.

Knows no frames and no text.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

# A line that covers this share of a cell's side is a wall.
_WALL = 0.7
# Where a rule crosses a wall: within so many em.
_CROSSING = 0.4


def same_place(em: float) -> float:
    """Pixels that two rules of a table lie apart at most to count as one."""
    return max(3.0, 0.18 * em)


def walls(mask: np.ndarray, xs: np.ndarray, ys: np.ndarray, em: float) -> np.ndarray:
    """Where the upright rules between columns part two cells: bool [len(ys) - 1, len(xs) - 2].

    Where the level rules that a wall would meet are broken just there, a stamp lies over all three, and the
    wall is taken to be under it.
    """
    reach, near = max(2, round(same_place(em))), round(_CROSSING * em)
    out = np.zeros((len(ys) - 1, len(xs) - 2), bool)
    for column, (left, x, right) in enumerate(zip(xs[:-2], xs[1:-1], xs[2:], strict=True)):
        at = slice(max(0, round(x) - reach), round(x) + reach + 1)
        broken = []
        for y in ys:
            rule = np.logical_or.reduce(mask[max(0, round(y) - reach) : round(y) + reach + 1], 0)
            sides = np.concatenate([rule[_inner(left, x)], rule[_inner(x, right)]])
            crossing = rule[max(0, round(x) - near) : round(x) + near + 1]
            broken.append(bool(sides.mean() > 0.5 > crossing.mean()))
        for row, (top, low) in enumerate(pairwise(ys)):
            hidden = broken[row] and broken[row + 1]
            out[row, column] = hidden or _is_wall(mask[_inner(top, low), at])
    return out


def _inner(start: float, end: float) -> slice:
    """What lies between two rules, without them."""
    step = 0.12 * (end - start)
    return slice(max(0, round(start + step)), max(1, round(end - step)))


def _is_wall(area: np.ndarray) -> bool:
    """Whether a straight line runs from the top of a mask to its bottom; a letter is not as high."""
    if not area.size:
        return True
    wide = area.copy()  # a line may step aside by a pixel
    wide[:, 1:] |= area[:, :-1]
    wide[:, :-1] |= area[:, 1:]
    return bool(wide.mean(0).max() > _WALL)
