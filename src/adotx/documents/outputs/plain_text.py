"""Blocks in, plain text out: no marks, cells of a table apart by tabs, a blank line between blocks.

Text stays as the page has it. Knows no pages.
"""

from __future__ import annotations

from collections.abc import Sequence

from adotx.documents.doubt import plain
from adotx.markdown import (
    Block,
    Code,
    Fields,
    Figure,
    Formula,
    Item,
    Table,
    TextBlock,
    item_indents,
)


def to_text(blocks: Sequence[Block]) -> str:
    """The blocks as text without a final line break."""
    out: list[str] = []
    before: Block | None = None
    for block, indent in zip(blocks, item_indents(blocks), strict=True):
        text = plain(_block(block, indent))
        if not text.strip():
            continue
        if before is not None:
            out.append("\n" if isinstance(before, Item) and isinstance(block, Item) else "\n\n")
        out.append(text)
        before = block
    return "".join(out)


def rows_of(table: Table) -> list[list[str]]:
    """A table's cells as a grid: a merged cell says what it says in its first place, the others are empty."""
    placed = list(table.placed())
    width = max((column + cell.colspan for _, column, cell in placed), default=0)
    rows = [[""] * width for _ in table.rows]
    for row, column, cell in placed:
        rows[row][column] = plain(cell.text)
    return rows


def _block(block: Block, indent: str) -> str:
    match block:
        case Item():
            return f"{indent}{block.marker} {block.text}"
        case TextBlock():
            return block.text
        case Code():
            return "\n".join(block.lines)
        case Fields():
            return "\n".join(f"{key}{block.marker} {value}".strip() for key, value in block.rows)
        case Table():
            return "\n".join("\t".join(_one_line(text) for text in row) for row in rows_of(block))
        case Formula():
            return block.latex
        case Figure():
            return block.caption
    raise AssertionError(type(block))


def _one_line(text: str) -> str:
    return " ".join(text.split())
