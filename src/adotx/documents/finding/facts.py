"""What a document says under a name: its blocks in; facts out, each with its names, its value and its line.

A fact is a form's field, a cell of a table under the names of its row and column, what stands behind a label
or a colon, a figure at its line's end, a date that stands alone, or a sentence. What it stands under (title,
heading, party) goes with it. Nothing is inferred. Knows no questions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from adotx.documents.finding.names import DATE, LABELS, MAIL, NAMES, PARTIES
from adotx.markdown import Block, Fields, Heading, Table
from adotx.markdown.blocks import TextBlock

_MARKER = r"^\s*(?:[-*·•○●■□▶※]\s*|\(?\d{1,2}[.)]\s+|[가-하][.)]\s+)?"
_LABELLED = re.compile(_MARKER + r"([^:：\n(]{1,30}?)\s*[:：]\s*(\S.*)$")
_IN_BRACKETS = re.compile(r"\(([가-힣A-Za-z ]{2,12})\s*[:：]\s*([^()]+)\)")
_FIGURE_IN_BRACKETS = re.compile(r"\(([가-힣]{2,8})\s+(\d[^()]*)\)")
_MAIL_ALONE = re.compile(rf"(?<![:：]\s)(?<![:：\w.+-])({MAIL})")
_SIGNED = re.compile(r"^\s*([가-힣 ]{2,10}?)\s*[:：]?\s+([가-힣]{2,4})\s*\((?:인|서명|印|날인)[^)]*\)\s*$")
_FIGURE_AT_END = re.compile(r"^\s*(\D{2,30}?)\s+([₩$€£¥]?-?\d[\d,.:/-]*\s*[가-힣%A-Za-z]{0,4})\s*$")
_DATE_ALONE = re.compile(rf"^\s*({DATE})(?:\s*(?:No\.?|#)\s*[\w-]+)?\s*$", re.I)
_SENTENCE = re.compile(r"(?<=[^\d\s][.!?])\s+|(?<=\d\.)\s+(?=[A-Z][a-z])|\n")  # no end: "2026. 9. 3. 오후"
# A row with such a figure is no row of names.
_LONG_FIGURE = re.compile(r"\d{5,}|\d[\d-]{6,}|@|\d,\d{3}")
_KNOWN = re.compile(
    r"(?<![^\s/(|])(" + "|".join(sorted(map(re.escape, LABELS), key=len, reverse=True)) + r")(?=[\s:：(]|$)",
    re.I,
)
_MOST_LABEL = 20
# What a letter is about is its title.
_SUBJECTS = frozenset(("제목", "건명", "subject"))


@dataclass(frozen=True)
class Fact:
    """Something that a document says.

    Attributes:
        labels: what names it: a label, or of a cell its column's.
        value: what stands there.
        line: where it was found, as on the page.
        page: its page, from 1; None where unknown.
        loose: it is a sentence, whose value is looked for when it is known what is asked.
        row: of a cell, the other cells of its row.
        under: title, heading and party under which it stands.
    """

    labels: tuple[str, ...]
    value: str
    line: str
    page: int | None = None
    loose: bool = False
    row: tuple[str, ...] = ()
    under: tuple[str, ...] = ()


def facts(blocks: Iterable[Block]) -> Iterator[Fact]:
    """All that is said, in the order of the pages."""
    title, subject, heading, party = "", "", "", ""
    for block in blocks:
        if isinstance(block, TextBlock) and not title:
            title = block.text
        if isinstance(block, Heading):
            heading, party = block.text, ""
        for fact in _of(block):
            if fact.labels and bare(fact.labels[0]) in PARTIES:
                party = fact.labels[0]
            if fact.labels and bare(fact.labels[0]) in _SUBJECTS and not subject:
                subject = fact.value
            under = tuple(filter(None, dict.fromkeys((title, subject, heading, *(fact.under or (party,))))))
            yield replace(fact, under=under)


def _of(block: Block) -> Iterator[Fact]:
    if isinstance(block, Fields):
        for key, value in block.rows:
            line = f"{key} {block.marker} {value}".replace("  ", " ")
            if key.strip() and value.strip():
                yield Fact((key,), value, line, block.page)
                yield from _inside(value, line, block.page)
    elif isinstance(block, Table):
        yield from _of_table(block)
    elif isinstance(block, TextBlock):
        if isinstance(block, Heading) and block.level == 1:
            yield Fact(("제목 title",), block.text, block.text, block.page)
        yield from _of_text(block.text, block.page, sentences=not isinstance(block, Heading))


def _of_text(text: str, page: int | None, sentences: bool) -> Iterator[Fact]:
    for line in filter(str.strip, text.split("\n")):
        plain = line.strip()
        if alone := _DATE_ALONE.match(line):
            yield Fact(("날짜 date",), alone[1].strip(), plain, page)
        elif signed := _SIGNED.match(line):
            yield Fact((signed[1],), signed[2], plain, page)
        elif (found := _LABELLED.match(line) or _FIGURE_AT_END.match(line)) and not (
            found[1][-1].isdigit() and found[2][0].isdigit()  # "09:18"
        ):
            yield Fact((found[1],), found[2].strip(), plain, page)
        yield from _inside(line, plain, page)
    if sentences:
        for sentence in filter(None, (part and part.strip() for part in _SENTENCE.split(text))):
            yield Fact((sentence,), sentence, sentence, page, loose=True)


def _inside(text: str, line: str, page: int | None) -> Iterator[Fact]:
    """Values behind labels within a line: in brackets, and behind names that everybody uses."""
    for pattern in (_IN_BRACKETS, _FIGURE_IN_BRACKETS):
        for found in pattern.finditer(text):
            yield Fact((found[1],), found[2].strip(), line, page)
    for found in _MAIL_ALONE.finditer(text):
        yield Fact(("이메일 email",), found[1].rstrip("."), line, page)
    known = list(_KNOWN.finditer(text))
    for at, found in enumerate(known):
        end = known[at + 1].start() if at + 1 < len(known) else len(text)
        value = re.split(r"\s{2,}|\s[/|]\s", text[found.end() : end].lstrip(" \t:："), maxsplit=1)[0].strip(
            " \t/|,"
        )
        # "총액은 ..." is a sentence, "총액 5,000원" and "수신 각 부서장" are not.
        if value and (len(known) > 1 or not text[: found.start()].strip()) and value != text.strip():
            yield Fact((found[1],), value, line, page)


def _of_table(table: Table) -> Iterator[Fact]:
    """Each cell under the names of its column and row, and behind the cell to its left, as forms have it."""
    grid: dict[tuple[int, int], str] = {}
    own: set[tuple[int, int]] = set()
    for row, column, cell in table.placed():
        own.add((row, column))
        for y in range(row, row + cell.rowspan):
            for x in range(column, column + min(cell.colspan, 64)):
                grid[y, x] = " ".join(cell.text.split())
    header_rows = table.header_rows
    spanning = any(cell.colspan > 1 for row, _, cell in table.placed() if row == 0 and cell.rowspan == 1)
    if spanning and header_rows == 1 and not _is_body(grid, 1):
        header_rows = 2
    if any(_is_body(grid, row) for row in range(header_rows)) or _is_form(grid):
        header_rows = 0
    heads: dict[int, str] = {}
    for (row, column), text in sorted(grid.items()):
        if row < header_rows and text and text not in heads.get(column, ""):
            heads[column] = f"{heads[column]} {text}" if column in heads else text
    rows: dict[int, list[tuple[int, str]]] = {}
    for (row, column), text in sorted(grid.items()):
        rows.setdefault(row, []).append((column, text))
    width = len({column for _, column in grid})

    def heads_only(row: int, column: int, text: str) -> bool:
        """Whether a cell of a row of names names what is below it, rather than says what is left of it."""
        below = [grid.get((y, column), "") for y in rows if y >= header_rows]
        figures = sum(bool(re.search(r"\d", each)) for each in below)
        return (
            row < header_rows
            and is_label(text)
            and (width % 2 == 1 or bare(text) in NAMES or figures > len(below) / 2)
        )

    def by_turns(said: list[str]) -> bool:
        """Whether each second cell of a row is a name, and the others are what they name."""
        return len(said) == 2 or (len(said) % 2 == 0 and all(map(is_label, said[::2])))

    for row, cells in rows.items():
        line = " | ".join(text for column, text in cells if (row, column) in own)
        said = [text for _, text in cells if text]
        if len(said) == 2 < len(cells) and row >= header_rows and is_label(said[0]):  # a sum
            yield Fact((said[0],), said[1], line, table.page)
        for at, (column, text) in enumerate(cells):
            if not text or (row, column) not in own:
                continue
            under = _party_of(grid, row, column)
            yield from _inside(text, line, table.page)
            before = cells[at - 1][1] if at else ""
            # Behind the name of a party stands the name of what is said of it; under names of columns no cell
            # is more than others what the first of its row names.
            named = bare(before) not in PARTIES or bare(text) not in NAMES
            named = named and (row < header_rows or not heads or by_turns(said) or bare(before) in NAMES)
            if before and before != text and named and is_label(before) and not heads_only(row, column, text):
                yield Fact((before,), text, line, table.page, under=under)
            if row < header_rows or not heads.get(column):
                continue
            others = tuple(dict.fromkeys(other for x, other in cells if x != column and other))
            if others or len(rows) == header_rows + 1:
                yield Fact((heads[column],), text, line, table.page, row=others, under=under)


def _is_body(grid: dict[tuple[int, int], str], row: int) -> bool:
    return any(_LONG_FIGURE.search(text) for (y, _), text in grid.items() if y == row)


def _party_of(grid: dict[tuple[int, int], str], row: int, column: int) -> tuple[str, ...]:
    """The party right of whose name a cell stands: in its row, or below it where its place is blank."""
    for x in range(column - 1, -1, -1):
        y = row
        while y >= 0 and not grid.get((y, x), ""):
            y -= 1
        if bare(grid.get((y, x), "")) in PARTIES:
            return (grid[y, x],)
    return ()


def _is_form(grid: dict[tuple[int, int], str]) -> bool:
    """Whether the first row is names and what they name by turns, not names of columns."""
    first = [text for (y, _), text in sorted(grid.items()) if y == 0]
    names, values = first[::2], first[1::2]
    return (
        len(names) == len(values)
        and all(map(is_label, names))
        and any(bare(name) in NAMES for name in names)
        and not all(map(is_label, values))
    )


def is_label(text: str) -> bool:
    """Whether a cell names rather than says: few signs, and no figure."""
    return len(bare(text)) <= _MOST_LABEL and not re.search(r"\d", text)


def bare(text: str) -> str:
    """Letters and digits alone: spaces within Korean words are nobody's habit."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", text).casefold())
