"""The blocks of a document: one small frozen dataclass for each kind, with optional geometry and confidence.

Geometry, confidence and alignment are no part of equality or of the Markdown: two blocks are equal when they
say the same. Knows no syntax.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self, TypeVar

Kind = Literal["heading", "paragraph", "item", "quote", "code", "fields", "table", "formula", "figure"]
Align = Literal["left", "center", "right", "justify", ""]
#: (x0, y0, x1, y1) in pixels of the page image
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Span:
    """Text in one style."""

    text: str
    bold: bool = False
    code: bool = False


def _spans(text: str | Iterable[Span]) -> tuple[Span, ...]:
    return (Span(text),) if isinstance(text, str) else tuple(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What all blocks have.

    Attributes:
        align: how the block is set; empty for the page's habit.
        page: number of its page in the document, from 1; None where unknown.
        box: where it stands on that page; None where unknown.
        confidence: how sure its reader is, 0..1; None where unknown.
    """

    kind: ClassVar[Kind]
    align: Align = field(default="", compare=False)
    page: int | None = field(default=None, compare=False)
    box: Box | None = field(default=None, compare=False)
    confidence: float | None = field(default=None, compare=False)

    def at(self, box: Box | None, page: int | None = None) -> Self:
        """The same block with a place."""
        return replace(self, box=box, page=self.page if page is None else page)


@dataclass(frozen=True, slots=True)
class TextBlock(Block):
    """A block of running text."""

    spans: tuple[Span, ...]

    @property
    def text(self) -> str:
        """The text of `spans` without marks."""
        return "".join(span.text for span in self.spans)


@dataclass(frozen=True, slots=True)
class Heading(TextBlock):
    """A heading of level 1 to 6."""

    kind = "heading"
    level: int = 1

    @classmethod
    def of(cls, text: str | Iterable[Span], level: int = 1, align: Align = "") -> Self:
        return cls(_spans(text), level, align=align)


@dataclass(frozen=True, slots=True)
class Paragraph(TextBlock):
    """A paragraph of running text."""

    kind = "paragraph"

    @classmethod
    def of(cls, text: str | Iterable[Span], align: Align = "") -> Self:
        return cls(_spans(text), align=align)


@dataclass(frozen=True, slots=True)
class Item(TextBlock):
    """An item of a list; neighbouring items are one list.

    Attributes:
        marker: ``"-"`` for any bullet, else as shown (``"1."``, ``"가."``).
        level: nesting depth from 0.
    """

    kind = "item"
    marker: str = "-"
    level: int = 0

    @classmethod
    def of(cls, text: str | Iterable[Span], marker: str = "-", level: int = 0) -> Self:
        return cls(_spans(text), marker, level)


@dataclass(frozen=True, slots=True)
class Quote(TextBlock):
    """A paragraph that is set apart: in a box, beside a bar."""

    kind = "quote"

    @classmethod
    def of(cls, text: str | Iterable[Span]) -> Self:
        return cls(_spans(text))


@dataclass(frozen=True, slots=True)
class Code(Block):
    """Program text, line by line."""

    kind = "code"
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fields(Block):
    """Lines of key and value, as in forms and receipts.

    Attributes:
        rows: (key, value) each; either may be empty.
        marker: what stands between them: ``":"``, or nothing where the keys bring their own.
    """

    kind = "fields"
    rows: tuple[tuple[str, str], ...]
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: all that it says; its paragraphs are lines.
        colspan, rowspan: how many columns and rows it spans.
        inner: where tables stand inside: the text in pieces, and they between; empty where there are none.
    """

    text: str = ""
    colspan: int = 1
    rowspan: int = 1
    inner: tuple[str | Table, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Table(Block):
    """A table, row by row as HTML has it: a cell that spans rows stands in the first of them only.

    Attributes:
        rows: the cells.
        header_rows: how many rows from the top are the header.
        parts: the tables of single pages that this one was joined of, as they stand there; none where it
            stands on one page.
    """

    kind = "table"
    rows: tuple[tuple[Cell, ...], ...]
    header_rows: int = 1
    parts: tuple[Table, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, rows: Iterable[Sequence[str]], align: Align = "") -> Self:
        """A table without merged cells."""
        return cls(tuple(tuple(map(Cell, row)) for row in rows), align=align)

    @property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """What the cells of each row say."""
        return tuple(tuple(cell.text for cell in row) for row in self.rows)

    @property
    def plain(self) -> bool:
        """Whether no cells are merged, none holds a table, and all rows are equally long."""
        widths = {len(row) for row in self.rows}
        return len(widths) == 1 and all(
            cell.colspan == cell.rowspan == 1 and not cell.inner for row in self.rows for cell in row
        )

    def placed(self) -> Iterator[tuple[int, int, Cell]]:
        """(row, column, cell) of each cell's top left corner, as HTML's table model places them."""
        below: dict[int, int] = {}  # column -> rows that a cell from above still covers
        for number, row in enumerate(self.rows):
            column = 0
            covered, below = below, {at: left - 1 for at, left in below.items() if left > 1}
            for cell in row:
                while column in covered:
                    column += 1
                yield number, column, cell
                for at in range(column, column + cell.colspan):
                    if cell.rowspan > 1:
                        below[at] = cell.rowspan - 1
                column += cell.colspan


@dataclass(frozen=True, slots=True)
class Formula(Block):
    """A displayed formula in LaTeX."""

    kind = "formula"
    latex: str


@dataclass(frozen=True, slots=True)
class Figure(Block):
    """A picture on the page.

    Attributes:
        caption: its caption or a description.
        target: where its pixels are; empty where they are kept nowhere.
    """

    kind = "figure"
    caption: str
    target: str = ""


_Text = TypeVar("_Text", bound=TextBlock)


def with_text(block: _Text, spans: Sequence[Span]) -> _Text:
    """`block` with other text: neighbouring spans of one style joined."""
    joined: list[Span] = []
    for span in spans:
        if joined and (joined[-1].bold, joined[-1].code) == (span.bold, span.code):
            joined[-1] = replace(joined[-1], text=joined[-1].text + span.text)
        else:
            joined.append(span)
    return replace(block, spans=tuple(joined))
