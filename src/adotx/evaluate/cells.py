"""Cell F1: are the cells of tables where they belong, and do they say what they should?

In: the blocks of two pages. Out: `Counts`. A cell is matched where the other page's table has a cell with its
top left corner in the same row and column and with the same text (NFC, white space single); blank cells do
not count. Tables are paired in reading order so that most cells match. This is exact cell matching as in
table recognition; Göbel et al. (ICDAR 2013) count pairs of neighbouring cells instead and Smock et al.
(GriTS, 2022) align rows and columns first, so a row that is missing costs less there. Knows no other blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from adotx.evaluate.cer import normalise_text
from adotx.evaluate.counts import Counts
from adotx.markdown import Block, Table

Cells = Counter[tuple[int, int, str]]


def count_cells(hypothesis: Sequence[Block], reference: Sequence[Block]) -> Counts:
    """Matched, said and true cells of a page's tables."""
    said, true = _tables(hypothesis), _tables(reference)
    # best[i, j]: most matches of the first i tables with the first j.
    best = np.zeros((len(said) + 1, len(true) + 1), np.int64)
    for i, a in enumerate(said, 1):
        for j, b in enumerate(true, 1):
            paired = best[i - 1, j - 1] + (a & b).total()
            best[i, j] = max(paired, best[i - 1, j], best[i, j - 1])
    return Counts(int(best[-1, -1]), sum(map(Counter.total, said)), sum(map(Counter.total, true)))


def _tables(blocks: Sequence[Block]) -> list[Cells]:
    return [
        Counter(
            (row, column, text) for row, column, cell in block.placed() if (text := normalise_text(cell.text))
        )
        for block in blocks
        if isinstance(block, Table)
    ]
