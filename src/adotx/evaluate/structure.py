"""Structure F1: does a page have the parts that it should, in their order?

In: the blocks of two pages. Out: `Counts`. The elements are headings with their level, list items with their
depth and whether they are numbered, tables with their numbers of rows and columns, code, quotations, formulas
and figures; running text is left out, since it shows in the character error rate. What they say does not
matter here. Matched is the longest common subsequence of the two sequences of elements.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adotx.evaluate.counts import Counts
from adotx.markdown import Block, Code, Figure, Formula, Heading, Item, Quote, Table

Element = tuple[object, ...]


def count_structure(hypothesis: Sequence[Block], reference: Sequence[Block]) -> Counts:
    """Matched, said and true elements of a page."""
    said, true = elements(hypothesis), elements(reference)
    return Counts(_common(said, true), len(said), len(true))


def elements(blocks: Sequence[Block]) -> list[Element]:
    """The structure of a page, running text left out."""
    out: list[Element] = []
    for block in blocks:
        match block:
            case Heading():
                out.append(("heading", block.level))
            case Item():
                out.append(("item", block.level, block.marker != "-"))
            case Table():
                columns = max((column + cell.colspan for _, column, cell in block.placed()), default=0)
                out.append(("table", len(block.rows), columns))
            case Code() | Quote() | Formula() | Figure():
                out.append((block.kind,))
    return out


def _common(a: Sequence[Element], b: Sequence[Element]) -> int:
    """Length of the longest common subsequence."""
    numbers = {element: number for number, element in enumerate(dict.fromkeys((*a, *b)))}
    codes = np.array([numbers[element] for element in b], np.int64)
    row = np.zeros(len(b) + 1, np.int64)
    for element in a:
        row[1:] = np.maximum.accumulate(np.maximum(row[1:], row[:-1] + (codes == numbers[element])))
    return int(row[-1])
