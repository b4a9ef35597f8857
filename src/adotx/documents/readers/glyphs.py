"""Characters with their places in a row, and which characters of two readings of it are the same.

In: two strings. Out: pairs of places. Knows no model and no pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True)
class Glyph:
    """A character that a reader has seen at a place of a row.

    Attributes:
        char: what it is.
        x0, x1: where it stands, in pixels of the row.
        sure: how sure its reader is, 0 to 1.
    """

    char: str
    x0: float
    x1: float
    sure: float

    @property
    def x(self) -> float:
        """Its middle."""
        return (self.x0 + self.x1) / 2

    def moved(self, x: float) -> Glyph:
        """The same further to the right."""
        return Glyph(self.char, self.x0 + x, self.x1 + x, self.sure)


#: places in two sequences that belong together, None where one has nothing for the other's
Pair = tuple[int | None, int | None]


def aligned(a: Sequence[str], b: Sequence[str]) -> list[Pair]:
    """The pairs, in order, of the cheapest edits from `a` to `b`, each of which costs 1."""
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    before, after = a[start : len(a) - end], b[start : len(b) - end]
    costs = [[float(x != y) for y in after] for x in before]
    middle = cheapest(costs, [1.0] * len(before), [1.0] * len(after))
    shifted = [(None if i is None else start + i, None if j is None else start + j) for i, j in middle]
    same = [(n, n) for n in range(start)]
    return [*same, *shifted, *((len(a) - end + n, len(b) - end + n) for n in range(end))]


def cheapest(costs: Sequence[Sequence[float]], drop: Sequence[float], add: Sequence[float]) -> list[Pair]:
    """The pairs, in order, of the cheapest alignment of two sequences.

    Args:
        costs: [n][m], of pairing the one's i-th with the other's j-th.
        drop: [n], of leaving the one's without a partner.
        add: [m], of leaving the other's without one.
    """
    table = [[0.0, *accumulate(add)]]
    for own, lost in zip(costs, drop, strict=True):
        above = table[-1]
        here = [above[0] + lost]
        for j, paired in enumerate(own):
            here.append(min(above[j] + paired, above[j + 1] + lost, here[j] + add[j]))
        table.append(here)
    pairs: list[Pair] = []
    i, j = len(drop), len(add)
    while i or j:
        cost = table[i][j]
        if i and j and cost == table[i - 1][j - 1] + costs[i - 1][j - 1]:
            i, j = i - 1, j - 1
            pairs.append((i, j))
        elif i and cost == table[i - 1][j] + drop[i - 1]:
            i -= 1
            pairs.append((i, None))
        else:
            j -= 1
            pairs.append((None, j))
    return pairs[::-1]
