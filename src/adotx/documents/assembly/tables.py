"""Rows of cells in, tables and fields out.

In: a `PlacedGrid`. Out: blocks with boxes. Whether a grid is a table, a form or a receipt is told by its
rules, by which cells are filled, and by numbers under a header. Knows nothing of the rest of the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from adotx.documents.assembly.joins import join_lines
from adotx.documents.assembly.placed import PlacedGrid, PlacedLine, box_of
from adotx.documents.struck import UNSEEN
from adotx.markdown import Block, Cell, Fields, Paragraph, Table
from adotx.markdown.line_breaks import is_hangul

_NUMERIC = re.compile(r"^[-+₩$(]?\d[\d,.\s]*\)?\s?(원|%|개|건|명|점)?$")

# Lines that begin within so many em of each other are flush; a name stands in by so many.
_FLUSH, _STANDS_IN = 0.4, 1.2

# A syllable would have fitted into so many em; of lines that break between words this share leave so much.
_ROOM, _RAGGED = 1.3, 0.25

PlacedRow = Sequence[Sequence[PlacedLine]]


def grid_blocks(grid: PlacedGrid) -> list[Block]:
    """A table, fields, or one after the other."""
    rows = [row for row in grid.rows if any(row)]
    if not rows:
        return []
    anywhere = not (grid.exact and _breaks_between_words(grid))
    if grid.spans:
        return [_merged(grid, anywhere)]
    texts = [[join_lines(cell, anywhere) for cell in row] for row in rows]
    width = max(map(len, texts))
    texts = [row + [""] * (width - len(row)) for row in texts]
    if width == 1:  # one box under another
        boxes = [box_of(row[0]) for row in rows]
        return [Paragraph.of(text[0]).at(box) for text, box in zip(texts, boxes, strict=True)]
    if grid.ruled and (grid.exact or width != 2 or not _are_settings(rows)):
        return [Table.of(texts).at(grid.box or _around(rows)) if grid.exact else _table(rows, texts)]
    if width == 2:
        return _pairs(rows, texts)
    # Sums under a receipt's goods: first and last column only.
    start, end = 0, len(rows)
    while end > start and _is_pair(texts[end - 1]):
        end -= 1
    while start < end and _is_pair(texts[start]):
        start += 1
    blocks: list[Block] = [_fields(rows[:start], texts[:start])] if start else []
    if end > start:
        blocks.append(_table(rows[start:end], texts[start:end]))
    if end < len(rows):
        blocks.append(_fields(rows[end:], texts[end:]))
    return blocks


def _merged(grid: PlacedGrid, anywhere: bool) -> Table:
    """A table with merged cells; rows and columns that no cell begins in are left out."""
    places = range(len(grid.rows)), range(max(map(len, grid.rows)))
    covered = {
        (row + down, column + across)
        for (row, column), (high, wide) in grid.spans.items()
        for down in range(high)
        for across in range(wide)
        if down or across
    }
    begun = [(row, column) for row in places[0] for column in places[1] if (row, column) not in covered]
    used = [sorted({place[axis] for place in begun}) for axis in (0, 1)]
    rows: list[tuple[Cell, ...]] = []
    for row in used[0]:
        cells = []
        for column in used[1]:
            if (row, column) in covered:
                continue
            high, wide = grid.spans.get((row, column), (1, 1))
            rowspan = sum(row <= at < row + high for at in used[0])
            colspan = sum(column <= at < column + wide for at in used[1])
            cells.append(Cell(join_lines(grid.rows[row][column], anywhere), colspan, rowspan))
        rows.append(tuple(cells))
    # A header cell over two rows makes both of them header.
    head = max((cell.rowspan for cell in rows[0]), default=1)
    return Table(tuple(rows), head if head < len(rows) else 1).at(grid.box or _around(grid.rows))


def _breaks_between_words(grid: PlacedGrid) -> bool:
    """Whether lines of cells end before words that would not have fitted: narrow cells break words wherever
    their edge is, and then all lines end near it."""
    cells = [
        (column, cell)
        for number, row in enumerate(grid.rows)
        for column, cell in enumerate(row)
        if grid.spans.get((number, column), (1, 1))[1] == 1
    ]
    edges: dict[int, float] = {}
    for column, cell in cells:
        edges[column] = max([edges.get(column, 0.0), *(line.x1 for line in cell)])
    seams = ragged = 0
    for column, cell in cells:
        for line, after in pairwise(cell):
            if is_hangul(line.text[-1]) and is_hangul(after.text[0]):
                seams += 1
                ragged += edges[column] - line.x1 > _ROOM * line.em
    return ragged > _RAGGED * seams


def _is_pair(texts: Sequence[str]) -> bool:
    return bool(texts[0]) and sum(map(bool, texts)) == 2 and len(texts) > 2


def _pairs(rows: Sequence[PlacedRow], texts: list[list[str]]) -> list[Block]:
    """Two columns: a table if a header stands over numbers or stands in over its columns, else keys and
    values.

    Cells of a table stand in from the margin, sums under it do not.
    """
    lefts = [row[0][0].x0 if row[0] else None for row in rows]
    heights = [line.core[1] - line.core[0] for row in rows for cell in row for line in cell]
    end = _sums_from(lefts, slack=0.15 * float(np.median(heights)))
    numbers = [bool(_NUMERIC.match(row[1].translate(UNSEEN))) for row in texts[:end]]
    colons = sum(row[0].rstrip().endswith((":", "：")) for row in texts)
    headed = end > 1 and not numbers[0] and 0 < len(texts[0][1]) <= 8 and not colons
    if headed and sum(numbers[1:]) >= 0.8 * (end - 1) and (end > 2 or end < len(rows)):
        sums: list[Block] = [_fields(rows[end:], texts[end:])] if end < len(rows) else []
        return [_table(rows[:end], texts[:end]), *sums]
    if _inset_head(rows):
        return [_table(rows, texts)]
    return [_fields(rows, texts)]


def _are_settings(rows: Sequence[PlacedRow]) -> bool:
    """Whether the second of two columns is set to the right though few of its cells are numbers: values of
    settings, with rules between them."""
    lines = [line for row in rows for cell in row[1:2] for line in cell]
    if len(lines) < 3:
        return False
    starts, ends, em = [line.x0 for line in lines], [line.x1 for line in lines], lines[0].em
    numbers = sum(line.text[:1].isdigit() for line in lines)
    flush = max(ends) - min(ends) < _FLUSH * em < max(starts) - min(starts)
    return flush and numbers < 0.5 * len(lines)


def _inset_head(rows: Sequence[PlacedRow]) -> bool:
    """Whether the first row stands in from where all others begin: names in the middle of wide columns."""
    for cells in zip(*rows, strict=True):
        head, body = cells[0], [line.x0 for cell in cells[1:] for line in cell]
        if len(head) != 1 or len(cells) < 3 or not body:
            return False
        em = head[0].em
        if max(body) - min(body) > _FLUSH * em or head[0].x0 - max(body) < _STANDS_IN * em:
            return False
    return True


def _sums_from(lefts: Sequence[float | None], slack: float) -> int:
    """First row of the sums under a two-column table: they start further left than all its cells.

    Args:
        lefts: where the first cell of each row begins.
        slack: pixels that letters of one column may begin apart.
    """
    known = [left if left is not None else 10**6 for left in lefts]
    best, widest = len(lefts), slack
    for row in range(2, len(lefts)):
        step = min(known[1:row]) - max(known[row:])
        if step > widest:
            best, widest = row, step
    return best


def _fields(rows: Sequence[PlacedRow], texts: Sequence[Sequence[str]]) -> Block:
    filled = [[text for text in row if text] for row in texts]
    return Fields(tuple((row[0], " ".join(row[1:])) for row in filled)).at(_around(rows))


def _table(rows: Sequence[PlacedRow], texts: Sequence[Sequence[str]]) -> Block:
    used = [any(row[at] for row in texts) for at in range(len(texts[0]))]
    shown = [[text for text, keep in zip(row, used, strict=True) if keep] for row in texts]
    return Table.of(shown).at(_around(rows))


def _around(rows: Sequence[PlacedRow]) -> tuple[float, float, float, float] | None:
    return box_of([line for row in rows for cell in row for line in cell])
