"""A layout and what its lines say in, Markdown out.

The conventions are the page maker's (`adotx.data.pages`): blocks a blank line apart, items of one list
not, pipe tables with the first row as header, forms and receipts one "key: value" a line, code in fences,
text not escaped. Knows no models.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from adotx.documents.assembly.blocks import (
    Block,
    Body,
    Seen,
    flow_blocks,
    framed_blocks,
    join_lines,
    set_levels,
)
from adotx.documents.assembly.joins import sigmoid, space_odds
from adotx.documents.layout.bands import Flow, Grid, TextLine
from adotx.documents.layout.pack import line_em, words_of
from adotx.documents.layout.page import Layout

Texts = Mapping[TextLine, str]
# How often a line that may break anywhere ends at the end of a word.
_SPACE_SHARE = 0.28
_NUMERIC = re.compile(r"^[-+₩$(]?\d[\d,.\s]*\)?\s?(원|%|개|건|명|점)?$")


def assemble(layout: Layout, texts: Texts) -> str:
    """The page as Markdown.

    Args:
        layout: of the page.
        texts: what each line says; lines that are missing or empty are left out.
    """
    seen = {
        id(region): [s for s in (_seen(layout, line, texts) for line in region.lines) if s is not None]
        for region in layout.regions
        if isinstance(region, Flow)
    }
    body = _body(layout, seen)
    blocks: list[Block] = []
    for region in layout.regions:
        if isinstance(region, Grid):
            blocks += _grid_blocks(region, texts)
            continue
        lines = seen[id(region)]
        if not lines:
            continue
        if region.mark:
            blocks += framed_blocks(lines, region.right, region.mark, body)
        else:
            blocks += flow_blocks(lines, region.right, body)
    blocks = _merged(blocks)
    set_levels(blocks)
    return write_blocks(blocks)


def _seen(layout: Layout, line: TextLine, texts: Texts) -> Seen | None:
    text = " ".join(texts.get(line, "").split())
    if not text:
        return None
    segments = [layout.segments[i] for i in line.segments]
    em = line_em(layout, line)
    wide = max(segments, key=lambda s: s.width)
    words = words_of(layout, line)
    gaps = [word.before for word in words[1:]]
    return Seen(
        text=text,
        x0=line.box[0],
        x1=line.box[2],
        y=(line.core[0] + line.core[1]) / 2,
        em=em,
        weight=wide.weight * wide.height / em,
        advance=sum(word.x1 - word.x0 for word in words) / max(sum(map(_advance, text)), 0.1),
        first=words[0].x1 - words[0].x0 if words else 0.0,
        gap=float(np.median(gaps)) / em if gaps else 0.0,
    )


def _advance(char: str) -> float:
    """About how many em wide a character's ink is."""
    if char == " ":
        return 0.0
    if ord(char) < 0x2000:
        return 0.27 if char in "iIl.,:;'|!()[]" else 0.62 if char.isupper() else 0.5
    return 0.9


def _body(layout: Layout, seen: Mapping[int, Sequence[Seen]]) -> Body:
    """What is usual: medians over the width of all lines, and how lines are broken."""
    lines = [line for group in seen.values() for line in group]
    if not lines:
        return Body(max(layout.em, 1.0), 0.1, max(layout.em, 1.0))
    widths = np.array([line.x1 - line.x0 for line in lines])

    def usual(values: Sequence[float]) -> float:
        order = np.argsort(values)
        share = np.cumsum(widths[order]) / widths.sum()
        return float(np.array(values)[order][np.searchsorted(share, 0.5)])

    em = usual([line.em for line in lines])
    advance = usual([line.advance for line in lines])
    return Body(em, usual([line.weight for line in lines]), advance, _breaks_anywhere(layout, seen, em))


def _breaks_anywhere(layout: Layout, seen: Mapping[int, Sequence[Seen]], em: float) -> bool:
    """Whether lines end between syllables on this page: by the right edge and by what stands at the seams."""
    rooms, evidence = [], 0.0
    for region in layout.regions:
        if not isinstance(region, Flow) or region.mark == "panel":
            continue
        for a, b in pairwise(seen[id(region)]):
            room = (region.right - a.x1) / em
            if not (0.85 < a.em / em < 1.15 and b.y - a.y < 2.3 * em) or abs(a.em - b.em) > 0.15 * em:
                continue
            if room > b.first / em + 0.8 or not ("가" <= a.text[-1] <= "힣" and "가" <= b.text[0] <= "힣"):
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


# Tables and fields ------------------------------------------------------------------------------------------


def _cell_text(cell: Sequence[TextLine], texts: Texts) -> str:
    lines = [" ".join(texts.get(line, "").split()) for line in cell]
    # Narrow cells break words wherever the edge is.
    return join_lines([line for line in lines if line], True)


def _grid_blocks(grid: Grid, texts: Texts) -> list[Block]:
    """A table, fields, or one after the other."""
    both = [(row, [_cell_text(cell, texts) for cell in row]) for row in grid.rows]
    kept, rows = [row for row, said in both if any(said)], [said for _, said in both if any(said)]
    if not rows:
        return []
    width = max(len(row) for row in rows)
    rows = [row + [""] * (width - len(row)) for row in rows]
    if width == 1:  # one box under another
        return [Block("paragraph", row[0]) for row in rows]
    if grid.ruled:
        return [_table(rows)]
    if width == 2:
        lefts = [row[0][0].box[0] if row[0] else None for row in kept]
        heights = [line.core[1] - line.core[0] for row in kept for cell in row for line in cell]
        return _pairs(rows, lefts, 0.15 * float(np.median(heights)))
    # Sums under a receipt's goods: first and last column only.
    start, end = 0, len(rows)
    while end > start and _is_pair(rows[end - 1]):
        end -= 1
    while start < end and _is_pair(rows[start]):
        start += 1
    blocks = [_fields(rows[:start])] if start else []
    if end > start:
        blocks.append(_table(rows[start:end]))
    if end < len(rows):
        blocks.append(_fields(rows[end:]))
    return blocks


def _is_pair(row: Sequence[str]) -> bool:
    return bool(row[0]) and sum(map(bool, row)) == 2 and len(row) > 2


def _pairs(rows: list[list[str]], lefts: Sequence[int | None], slack: float) -> list[Block]:
    """Two columns: a table if a header stands over numbers, else key and value.

    Args:
        rows: the cells' texts.
        lefts: where the first cell of each row begins; cells of a table stand in from the margin, sums do
        not.
        slack: pixels that letters of one column may begin apart.
    """
    end = _sums_from(lefts, slack)
    numbers = [bool(_NUMERIC.match(row[1])) for row in rows[:end]]
    colons = sum(row[0].rstrip().endswith((":", "：")) for row in rows)
    headed = end > 1 and not numbers[0] and 0 < len(rows[0][1]) <= 8 and not colons
    if headed and sum(numbers[1:]) >= 0.8 * (end - 1) and (end > 2 or end < len(rows)):
        return [_table(rows[:end]), *([_fields(rows[end:])] if end < len(rows) else [])]
    return [_fields(rows)]


def _sums_from(lefts: Sequence[int | None], slack: float) -> int:
    """First row of the sums under a two-column table: they start further left than all its cells."""
    known = [left if left is not None else 10**6 for left in lefts]
    best, widest = len(lefts), slack
    for row in range(2, len(lefts)):
        step = min(known[1:row]) - max(known[row:])
        if step > widest:
            best, widest = row, step
    return best


def _fields(rows: Sequence[Sequence[str]]) -> Block:
    return Block("fields", rows=[[cell for cell in row if cell] for row in rows])


def _table(rows: Sequence[Sequence[str]]) -> Block:
    keep = [any(row[at] for row in rows) for at in range(len(rows[0]))]
    return Block("table", rows=[[cell for cell, kept in zip(row, keep, strict=True) if kept] for row in rows])


# Writing ----------------------------------------------------------------------------------------------------


def _merged(blocks: Sequence[Block]) -> list[Block]:
    """Fields that follow each other as one block."""
    out: list[Block] = []
    for block in blocks:
        if out and block.kind == out[-1].kind == "fields":
            out[-1] = Block("fields", rows=out[-1].rows + block.rows)
        else:
            out.append(block)
    return out


def write_blocks(blocks: Sequence[Block]) -> str:
    """Blocks as Markdown text, without a final line break."""
    out: list[str] = []
    indents: list[str] = []
    before: Block | None = None
    for block in blocks:
        if block.kind == "item":
            if before is None or before.kind != "item":
                indents = []
            del indents[block.level :]
            indent = indents[-1] if indents else ""
            indents.append(indent + " " * (len(block.marker) + 1))
            text = f"{indent}{block.marker} {block.text}"
        else:
            text = _written(block)
        if not text:
            continue
        if before is not None:
            out.append("\n" if before.kind == block.kind == "item" else "\n\n")
        out.append(text)
        before = block
    return "".join(out)


def _written(block: Block) -> str:
    if block.kind == "heading":
        return f"{'#' * max(1, block.level)} {block.text}"
    if block.kind == "quote":
        return f"> {block.text}"
    if block.kind == "code":
        return "\n".join(("```", *block.lines, "```"))
    if block.kind == "fields":
        return "\n".join(" ".join(row) for row in block.rows)
    if block.kind == "table":
        rows = ["| " + " | ".join(row) + " |" for row in block.rows]
        return "\n".join((rows[0], "|" + " --- |" * len(block.rows[0]), *rows[1:]))
    return block.text
