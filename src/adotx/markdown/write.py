"""Blocks in, Markdown text out: the only writer.

Text stays as the reader sees it but for what would vanish or become another block (`escapes`). Tables are
pipe tables; where cells are merged or hold tables, or the header has several rows, HTML, since pipes cannot
say it. Lines of a cell stand apart by ``<br>``. Fields are a "key: value" a line, formulas stand between
``$$``, figures are images. Knows no geometry.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from adotx.markdown.blocks import (
    Block,
    Cell,
    Code,
    Fields,
    Figure,
    Formula,
    Heading,
    Item,
    Quote,
    Span,
    Table,
    TextBlock,
)
from adotx.markdown.escapes import block_escaped, escaped

_FENCE = re.compile(r"\s*(`{3,})")


def to_markdown(blocks: Sequence[Block]) -> str:
    """The blocks as one Markdown text without a final line break.

    Blocks stand a blank line apart, the items of a list do not; blocks without content leave no trace.
    """
    out: list[str] = []
    before: Block | None = None
    for block, indent in zip(blocks, item_indents(blocks), strict=True):
        text = _block(block, indent)
        if not text:
            continue
        if before is not None:
            out.append("\n" if isinstance(before, Item) and isinstance(block, Item) else "\n\n")
        out.append(text)
        before = block
    return "".join(out)


def item_indents(blocks: Sequence[Block]) -> list[str]:
    """What stands before each block's marker: nested items start under their parent's text."""
    indents: list[str] = []
    stack: list[str] = []  # indent of the text of the open item at each level
    for block in blocks:
        if not isinstance(block, Item):
            stack.clear()
            indents.append("")
            continue
        del stack[block.level :]
        indents.append(stack[-1] if stack else "")
        stack.append(indents[-1] + " " * (len(block.marker) + 1))
    return indents


def inline_markdown(spans: Iterable[Span]) -> str:
    """Spans as Markdown: ``**bold**`` and ```` `code` ````; marks never touch blank space."""
    out: list[str] = []
    for span in spans:
        mark = "`" if span.code else "**" if span.bold else ""
        inner = span.text.strip(" ")
        if not mark or not inner:
            out.append(escaped(span.text))
            continue
        inner = inner if span.code else escaped(inner)
        left = span.text[: len(span.text) - len(span.text.lstrip(" "))]
        right = span.text[len(span.text.rstrip(" ")) :]
        out.append(f"{left}{mark}{inner}{mark}{right}")
    return "".join(out)


def _block(block: Block, indent: str) -> str:
    match block:
        case Heading():
            return f"{'#' * max(1, block.level)} {inline_markdown(block.spans)}"
        case Item():
            return f"{indent}{block.marker} {inline_markdown(block.spans)}"
        case Quote():
            return f"> {inline_markdown(block.spans)}"
        case TextBlock():
            return block_escaped(inline_markdown(block.spans))
        case Code():
            return _code(block) if block.lines else ""
        case Fields():
            return "\n".join(escaped(f"{key}{block.marker} {value}").strip() for key, value in block.rows)
        case Table():
            if not block.rows:
                return ""
            return _pipes(block) if block.plain and block.header_rows <= 1 else _html(block)
        case Formula():
            apart = "\n" if "\n" in block.latex else ""
            return f"$${apart}{block.latex}{apart}$$" if block.latex else ""
        case Figure():
            return f"![{block.caption}]({block.target})"
    raise AssertionError(type(block))


def _code(block: Code) -> str:
    inner = [len(match[1]) for line in block.lines if (match := _FENCE.match(line))]
    fence = "`" * (max([2, *inner]) + 1)
    return "\n".join((fence, *block.lines, fence))


def _pipes(block: Table) -> str:
    rows = [" | ".join(_pipe_cell(text) for text in row) for row in block.texts]
    lines = [f"| {row} |" for row in rows]
    return "\n".join((lines[0], f"|{' --- |' * len(block.rows[0])}", *lines[1:]))


def _pipe_cell(text: str) -> str:
    return escaped(text).replace("|", "\\|").replace("\n", "<br>")


def _html(block: Table) -> str:
    return "\n".join(_html_lines(block))


def _html_lines(block: Table) -> list[str]:
    lines = ["<table>"]
    for number, row in enumerate(block.rows):
        name = "th" if number < block.header_rows else "td"
        lines.append("<tr>" + "".join(_html_cell(name, cell) for cell in row) + "</tr>")
    return [*lines, "</table>"]


def _html_cell(name: str, cell: Cell) -> str:
    spans = (("colspan", cell.colspan), ("rowspan", cell.rowspan))
    attributes = "".join(f' {key}="{count}"' for key, count in spans if count > 1)
    inner = "".join(
        _html_text(part) if isinstance(part, str) else "".join(_html_lines(part))
        for part in cell.inner or (cell.text,)
    )
    return f"<{name}{attributes}>{inner}</{name}>"


def _html_text(text: str) -> str:
    return html.escape(text, quote=False).replace("\n", "<br>")
