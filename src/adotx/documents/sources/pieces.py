"""What documents of text are put together from, whatever their format: runs and things that stand between
them in; paragraphs, items, headings, and the cells of tables out.

In: `Run`s and `Apart`s in the order of the file. Knows no format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from adotx.documents.assembly.groups import BULLET, NUMBER
from adotx.markdown import (
    Block,
    Cell,
    Code,
    Fields,
    Figure,
    Formula,
    Heading,
    Item,
    Paragraph,
    Quote,
    Span,
    Table,
    TextBlock,
)
from adotx.markdown.html_table import MOST_COLUMNS, MOST_ROWS

#: what is said of a picture that shows nothing readable
NO_PICTURE = Figure("")
_CHAPTER = re.compile(r"제\s?\d{1,4}\s?(편|장|절|관)(?:의\d+)?(?=\s|$)")
_CHAPTER_LEVELS = {"편": 1, "장": 2, "절": 3, "관": 4}
_SENTENCE = re.compile(r"[.!?…][\"'”’)\]]*$|다$")
_MOST_HEADING = 90
# Signs before a line that say what it is, rather than that it is one of several.
_REMARKS = frozenset("※☞*")
_SUPERSCRIPTS = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_SUBSCRIPTS = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
# A list's levels begin apart by at least this, in hundredths of a point.
_SLACK = 200


@dataclass(frozen=True, slots=True)
class Run:
    """Text in one style; a line break in it ends a line."""

    text: str
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Apart:
    """Blocks that stand in a paragraph's text.

    Attributes:
        blocks: they.
        inline: they stand where they are, like a letter; else beside the paragraph.
    """

    blocks: Sequence[Block]
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of a paragraph besides its text.

    Attributes:
        marker: its number or "-"; empty where it has none, or has it in its text.
        heading: its level where its style says that it is a heading, else 0.
        ratio: how much larger than running text it is set.
        indent: where it begins, in hundredths of a point.
        level: depth of its number, from 0.
    """

    marker: str = ""
    heading: int = 0
    ratio: float = 1.0
    indent: int = 0
    level: int = 0


def raised(text: str, how: str) -> str:
    """Text set high ("sup") or low ("sub"), with the signs that Unicode has, else between tags."""
    if not text.strip() or how not in ("sup", "sub"):
        return text
    table = _SUPERSCRIPTS if how == "sup" else _SUBSCRIPTS
    if all(ord(sign) in table or sign == " " for sign in text):
        return text.translate(table)
    return text if "<" in text else f"<{how}>{text}</{how}>"


def paragraph(pieces: Iterable[Run | Apart], look: Look) -> Iterator[Block]:
    """The blocks of one paragraph: its lines, and what stands between or beside them."""
    behind: list[Block] = []
    runs: list[Run] = []
    said = False
    for piece in pieces:
        if isinstance(piece, Run):
            runs.append(piece)
            continue
        if not any(run.text.strip() for run in runs):
            yield from piece.blocks if not said or piece.inline else ()
            behind += () if not said or piece.inline else piece.blocks
        elif piece.inline:
            yield from _lines(runs, look if not said else replace(look, marker="", heading=0))
            runs, said = [], True
            yield from piece.blocks
        else:
            behind += piece.blocks
    yield from _lines(runs, look if not said else replace(look, marker="", heading=0))
    yield from behind


def in_line(piece: Run | Apart | Formula) -> Run | Apart | Formula:
    """A box that stands in a line of text with one line in it is part of that line."""
    if isinstance(piece, Apart) and piece.inline and len(piece.blocks) == 1:
        [block] = piece.blocks
        if isinstance(block, Quote):
            return Run(block.text)
    return piece


def _lines(runs: Sequence[Run], look: Look) -> Iterator[Block]:
    lines: list[list[Span]] = [[]]
    for run in runs:
        for number, text in enumerate(run.text.split("\n")):
            if number:
                lines.append([])
            if text:
                lines[-1].append(Span(text, run.bold))
    for spans in lines:
        joined = _stripped(spans)
        if joined:
            yield _line(joined, look, len(spans[0].text) - len(spans[0].text.lstrip()))
            look = replace(look, marker="")


def _stripped(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Neighbours of one style joined, blanks around the line left out."""
    joined = [
        Span("".join(span.text for span in group), bold)
        for bold, group in groupby(spans, lambda span: span.bold and bool(span.text.strip()))
    ]
    while joined and (text := joined[0].text.lstrip()) != joined[0].text:
        joined[:1] = [replace(joined[0], text=text)] if text else []
    while joined and (text := joined[-1].text.rstrip()) != joined[-1].text:
        joined[-1:] = [replace(joined[-1], text=text)] if text else []
    return tuple(joined)


def _line(spans: tuple[Span, ...], look: Look, blanks: int) -> Block:
    text = "".join(span.text for span in spans)
    found = BULLET.match(text) or NUMBER.match(text)
    level = heading_level(f"{look.marker} {text}" if look.marker != "-" else "", text, look, bool(found))
    if level:
        plain = f"{look.marker} {text}" if look.marker not in ("", "-") else text
        return Heading.of(plain, level)
    # Where it begins stands in `box` until `with_depths` has seen its neighbours.
    x0 = float(look.indent + 500 * blanks + 2000 * look.level)
    if look.marker:
        return Item(spans, look.marker, look.level).at((x0, 0, 0, 0))
    if found and found[1] not in _REMARKS:
        # A bullet is part of the text that the file gives, unless Markdown's own says the same.
        bullet = BULLET.match(text) is not None
        rest = spans if bullet and found[1] != "-" else _without(spans, found.end())
        return Item(rest, "-" if bullet else found[1]).at((x0, 0, 0, 0))
    return Paragraph(spans)


def heading_level(marked: str, text: str, look: Look, item: bool) -> int:
    """1 to 6 where a line is a heading, else 0.

    Args:
        marked: the line with its number; empty where it has a bullet.
        text: the line.
        look: its style.
        item: whether its text begins as a list's item does.
    """
    if len(text) > _MOST_HEADING or not re.search(r"\w", text):
        return 0
    chapter = _CHAPTER.match(marked.strip())
    # A line of the contents ends with its page.
    if chapter and not re.search(r"[\s.…·]\d{1,4}$", text) and not _SENTENCE.search(text):
        return _CHAPTER_LEVELS[chapter[1]]
    if look.heading:
        return look.heading if len(text) <= 60 or not _SENTENCE.search(text) else 0
    if item or look.marker or _SENTENCE.search(text):
        return 0
    return 1 if look.ratio >= 1.65 else 2 if look.ratio >= 1.2 else 0


def _without(spans: tuple[Span, ...], count: int) -> tuple[Span, ...]:
    """The spans without their first `count` letters."""
    kept = []
    for span in spans:
        taken = min(count, len(span.text))
        count -= taken
        if taken < len(span.text):
            kept.append(replace(span, text=span.text[taken:]))
    return tuple(kept)


def with_depths(blocks: Iterable[Block]) -> list[Block]:
    """Blocks of `paragraph`, with the depths of list items that follow each other by where they begin."""
    done: list[Block] = []
    indents: list[float] = []
    for block in blocks:
        if isinstance(block, Item) and block.box is not None:
            if not (done and isinstance(done[-1], Item)):
                indents = []
            x0 = block.box[0]
            while indents and x0 < indents[-1] - _SLACK:
                indents.pop()
            if not indents or x0 > indents[-1] + _SLACK:
                indents.append(x0)
            block = replace(block, level=min(len(indents) - 1, 8), box=None)
        done.append(block)
    return done


# Tables


@dataclass(frozen=True, slots=True)
class Placed:
    """A cell and where its file says that it stands; row and column from 0, -1 where it says nothing."""

    cell: Cell
    row: int = -1
    column: int = -1


def table(rows: Sequence[Sequence[Placed]], header_rows: int = 1) -> Table:
    """A table of cells that may be merged; holes become empty cells, so that columns stand below each other.

    Where the file's own places contradict each other the cells stand in the order of the file.
    """
    placed = _by_place(rows)
    cells = [tuple(each.cell for each in row) for row in rows] if placed is None else placed
    count = len(cells)
    clipped = tuple(
        tuple(
            replace(
                cell,
                colspan=max(1, min(cell.colspan, MOST_COLUMNS)),
                rowspan=max(1, min(cell.rowspan, count - number, MOST_ROWS)),
            )
            for cell in row
        )
        for number, row in enumerate(cells)
    )
    return Table(clipped, min(header_rows, count))


def _by_place(rows: Sequence[Sequence[Placed]]) -> list[tuple[Cell, ...]] | None:
    flat = [each for row in rows for each in row]
    if not flat or any(each.row < 0 or each.column < 0 for each in flat):
        return None
    height = max(each.row for each in flat) + 1
    width = max(each.column + max(1, each.cell.colspan) for each in flat)
    if height > 4 * len(rows) + 64 or width > MOST_COLUMNS or height * width > 64 * len(flat) + 4096:
        return None
    grid: list[list[Cell | bool]] = [[False] * width for _ in range(height)]  # True: covered by another
    for each in flat:
        right = each.column + max(1, each.cell.colspan)
        for y in range(each.row, min(height, each.row + max(1, each.cell.rowspan))):
            if any(grid[y][each.column : right]):
                return None
            grid[y][each.column : right] = [True] * (right - each.column)
        grid[each.row][each.column] = each.cell
    return [tuple(Cell() if at is False else at for at in row if at is not True) for row in grid]  # type: ignore[misc]


def cell_of(blocks: Iterable[Block], colspan: int = 1, rowspan: int = 1) -> Cell:
    """A cell that holds these blocks: a line for each, and where tables stand between them."""
    inner: list[str | Table] = []
    for block in blocks:
        if isinstance(block, Table):
            inner.append(block)
        elif text := flat(block):
            if inner and isinstance(inner[-1], str):
                inner[-1] = f"{inner[-1]}\n{text}"
            else:
                inner.append(text)
    text = "\n".join(part if isinstance(part, str) else flat(part) for part in inner)
    nested = tuple(inner) if any(isinstance(part, Table) for part in inner) else ()
    return Cell(text.strip("\n"), colspan, rowspan, nested)


def flat(block: Block) -> str:
    """What a block says, as text of a cell."""
    match block:
        case Item():
            return f"{block.marker} {block.text}"
        case TextBlock():
            return block.text
        case Fields():
            return "\n".join(f"{key}{block.marker} {value}".strip() for key, value in block.rows)
        case Code():
            return "\n".join(block.lines)
        case Formula():
            return f"${block.latex}$"
        case Figure():
            return block.caption
        case Table():
            return "\n".join(" ".join(cell.text for cell in row if cell.text) for row in block.rows)
    raise AssertionError(block.kind)


def boxed(blocks: Iterable[Block]) -> list[Block]:
    """Blocks that stand in a box: paragraphs set apart, all else as it is."""
    return [Quote(block.spans) if type(block) is Paragraph else block for block in blocks]
