"""What stands on a page of the exam, and its truth as Markdown.

In: headings, texts, lists, tables, fields in reading order. Out: `markdown`, the truth in the conventions of
docs/evaluation.md, and `characters`, what fonts must be able to draw. The same blocks become the picture
(`markup`, `office`), so that truth and picture cannot differ. A model of its own: knows nothing of adotx.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Heading:
    """A heading of level 1 to 3."""

    text: str
    level: int = 1


@dataclass(frozen=True)
class Text:
    """A paragraph; `role` names how it is set (a class of `markup`), and is no part of the truth."""

    text: str
    role: str = ""


@dataclass(frozen=True)
class Item:
    """An item of a list: its marker as shown ("1.", "가.") or "-" for a bullet, its depth from 0."""

    text: str
    marker: str = "-"
    level: int = 0


@dataclass(frozen=True)
class Fields:
    """Lines of key and value; `mark` is what is printed behind the key, ":" or nothing."""

    rows: tuple[tuple[str, str], ...]
    mark: str = ":"


@dataclass(frozen=True)
class Cell:
    """A cell of a table and the columns and rows that it spans."""

    text: str
    colspan: int = 1
    rowspan: int = 1


@dataclass(frozen=True)
class Table:
    """A table, row by row as HTML has it; `rules` says how it is drawn: "all", "rows" or "none"."""

    rows: tuple[tuple[Cell, ...], ...]
    rules: str = "all"
    header_rows: int = 1

    @classmethod
    def of(cls, rows: Sequence[Sequence[str]], rules: str = "all") -> Table:
        """A table without merged cells."""
        return cls(tuple(tuple(map(Cell, row)) for row in rows), rules)

    @property
    def merged(self) -> bool:
        """Whether a cell spans others."""
        return any(cell.colspan > 1 or cell.rowspan > 1 for row in self.rows for cell in row)


@dataclass(frozen=True)
class Rule:
    """A line across the page; no part of the truth."""

    dashed: bool = False


Block = Heading | Text | Item | Fields | Table | Rule


@dataclass
class Page:
    """A page before it is laid out.

    Attributes:
        blocks: in reading order.
        kind: the kind of page.
        columns: columns of running text below the first heading.
        theme: name of a look in `markup`.
        hand: to be set in a handwriting face.
    """

    blocks: list[Block]
    kind: str
    columns: int = 1
    theme: str = "paper"
    hand: bool = False
    facts: dict[str, str] = field(default_factory=dict)


def markdown(blocks: Sequence[Block]) -> str:
    """The truth: blocks a blank line apart, the items of a list not, a line break at the end."""
    out: list[str] = []
    before: Block | None = None
    indents: list[int] = []  # where the text of the open item of each depth begins
    for block in blocks:
        if isinstance(block, Rule):
            continue
        if isinstance(block, Item):
            del indents[block.level :]
            at = indents[-1] if indents else 0
            indents.append(at + len(block.marker) + 1)
            said = f"{' ' * at}{block.marker} {block.text}"
        else:
            indents.clear()
            said = _said(block)
        if before is not None:
            out.append("\n" if isinstance(before, Item) and isinstance(block, Item) else "\n\n")
        out.append(said)
        before = block
    return "".join(out) + "\n"


def _said(block: Block) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {block.text}"
        case Fields():
            return "\n".join(f"{key}{block.mark} {value}".strip() for key, value in block.rows)
        case Table():
            return _html(block) if block.merged or block.header_rows > 1 else _pipes(block)
        case Text():
            return block.text
    raise AssertionError(type(block))


def _pipes(table: Table) -> str:
    rows = [f"| {' | '.join(cell.text for cell in row)} |" for row in table.rows]
    return "\n".join((rows[0], f"|{' --- |' * len(table.rows[0])}", *rows[1:]))


def _html(table: Table) -> str:
    lines = ["<table>"]
    for number, row in enumerate(table.rows):
        name = "th" if number < table.header_rows else "td"
        cells = "".join(
            f"<{name}{span_attributes(cell)}>{html.escape(cell.text, quote=False)}</{name}>" for cell in row
        )
        lines.append(f"<tr>{cells}</tr>")
    return "\n".join((*lines, "</table>"))


def span_attributes(cell: Cell) -> str:
    """The colspan and rowspan of a cell as HTML has them."""
    spans = (("colspan", cell.colspan), ("rowspan", cell.rowspan))
    return "".join(f' {name}="{count}"' for name, count in spans if count > 1)


def texts(blocks: Sequence[Block]) -> list[str]:
    """Every text that is drawn, in reading order."""
    out: list[str] = []
    for block in blocks:
        match block:
            case Heading() | Text():
                out.append(block.text)
            case Item():
                # A bullet is drawn as one, whatever its look.
                out += [block.text] if block.marker == "-" else [block.marker, block.text]
            case Fields():
                out += [part for key, value in block.rows for part in (key + block.mark, value) if part]
            case Table():
                out += [cell.text for row in block.rows for cell in row if cell.text]
    return out


def characters(blocks: Sequence[Block]) -> set[str]:
    """All characters that are drawn."""
    return set("".join(texts(blocks))) - {" "}
