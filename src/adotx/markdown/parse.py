"""Markdown text in, blocks out: the only parser.

Reads what `write` writes and what models and people write besides: HTML tables, formulas between ``$$``,
images, "key: value" lines that stand together (fields). What is not understood is a paragraph; horizontal
rules are left out. Safe on any text: time grows in proportion to its length. Knows no pages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from adotx.markdown.blocks import (
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
    Table,
)
from adotx.markdown.escapes import block_unescaped
from adotx.markdown.html_table import MOST_COLUMNS, parse_html_table
from adotx.markdown.inline import parse_inline

_FENCE = re.compile(r"\s*(```+|~~~+)")
_HEADING = re.compile(r"(#{1,6})\s")
_ITEM = re.compile(r"(\s*)([-*+]|\d{1,3}[.)])\s+(.*)")
# What Korean documents number with besides; Markdown itself does not know these as lists.
_KOREAN_ITEM = re.compile(
    r"(\s*)(\(\d{1,3}\)|\([가-하]\)|[가나다라마바사아자차카타파하][.)]|[①-⑳㉠-㉻]|[a-z][.)])\s+(.*)"
)
_DELIMITER = re.compile(r":?-+:?")
_TABLE = re.compile(r"\s*<table(?=[\s>]|$)", re.I)
_TABLE_END = re.compile(r"</table\s*>|<table(?=[\s>]|$)", re.I)
_FIGURE = re.compile(r"!\[([^\[\]]*)\]\(([^()\s]*)\)")
_FIELD = re.compile(r"([^\s:][^:]{0,24}):(?:\s+(.*))?")
_BREAK = re.compile(r"(?<!\\)<br\s*/?>", re.I)


def parse_markdown(text: str, extended: bool = True) -> list[Block]:
    """The blocks of a Markdown document.

    Args:
        text: the document.
        extended: also read HTML tables, formulas, figures, fields, items with Korean markers, escaped signs.
            Without, all of these are text, as in the corpora that pages are made from.
    """
    blocks = _Parser(text.replace("\t", "    ").split("\n"), extended).parse()
    return [block for block in blocks if _has_content(block)]


def _has_content(block: Block) -> bool:
    match block:
        case Heading() | Paragraph() | Item() | Quote():
            return bool(block.spans)
        case Code():
            return bool(block.lines)
        case Table():
            return bool(block.rows)
    return True


@dataclass
class _Parser:
    """Reads line by line; `at` is the line that is read next."""

    lines: list[str]
    extended: bool
    at: int = 0
    blocks: list[Block] = field(default_factory=list)
    levels: list[int] = field(default_factory=list)  # indents of the open list items
    formulas_end: bool = True  # whether a closing $$ may still come

    def parse(self) -> list[Block]:
        while self.at < len(self.lines):
            line = self.lines[self.at]
            self.at += 1
            if fence := _FENCE.match(line):
                self._code(fence[1])
            elif not line.strip() or _is_rule(line) or (self.extended and self._extended(line)):
                continue
            elif match := _HEADING.match(line):
                title = line[match.end() :].strip().rstrip("#").rstrip()
                self.blocks.append(Heading(parse_inline(title), len(match[1])))
            elif self._is_table(line):
                self._table(line)
            elif line.lstrip().startswith(">"):
                self._quote(line)
            elif match := self._item(line):
                self._add_item(match)
            else:
                body = self._paragraph(line)
                self.blocks.append(self._fields(body) or self._text(body))
        return self.blocks

    def _text(self, body: list[str]) -> Paragraph:
        text = " ".join(body)
        if self.extended:
            text = block_unescaped(_BREAK.sub(" ", text))
        return Paragraph(parse_inline(text))

    def _code(self, fence: str) -> None:
        body: list[str] = []
        while self.at < len(self.lines) and not self.lines[self.at].strip().startswith(fence):
            body.append(self.lines[self.at].rstrip())
            self.at += 1
        self.at += 1
        self.blocks.append(Code(tuple(body)))

    def _quote(self, line: str) -> None:
        body = [line.lstrip()[1:].strip()]
        while self.at < len(self.lines):
            following = self.lines[self.at].lstrip()
            if not (following.startswith(">") and following.strip(" >")):
                break
            body.append(following[1:].strip())
            self.at += 1
        if "".join(body):
            self.blocks.append(Quote(parse_inline(" ".join(body))))

    def _item(self, line: str) -> re.Match[str] | None:
        return _ITEM.match(line) or (_KOREAN_ITEM.match(line) if self.extended else None)

    def _add_item(self, match: re.Match[str]) -> None:
        indent, marker = len(match[1]) + 1, match[2]
        body = self._paragraph(match[3])
        if not (self.blocks and isinstance(self.blocks[-1], Item)):
            self.levels.clear()
        while self.levels and self.levels[-1] >= indent:
            self.levels.pop()
        self.levels.append(indent)
        marker = "-" if marker in "-*+" else marker
        self.blocks.append(Item(parse_inline(" ".join(body)), marker, len(self.levels) - 1))

    def _paragraph(self, first: str) -> list[str]:
        """`first` and the lines that go on with it."""
        body = [first]
        while self.at < len(self.lines) and self.lines[self.at].strip():
            following = self.lines[self.at]
            if _FENCE.match(following) or _HEADING.match(following) or self._item(following):
                break
            if following.lstrip().startswith((">", "|")) or _is_rule(following):
                break
            if self.extended and (_TABLE.match(following) or following.lstrip().startswith("$$")):
                break
            body.append(following.strip())
            self.at += 1
        return body

    # Pipe tables

    def _is_table(self, line: str) -> bool:
        if "|" not in line or self.at >= len(self.lines) or "|" not in self.lines[self.at]:
            return False
        cells = self.lines[self.at].strip().removeprefix("|").removesuffix("|").split("|")
        return all(_DELIMITER.fullmatch(cell.strip()) for cell in cells) and line.count("|") <= MOST_COLUMNS

    def _table(self, line: str) -> None:
        rows = [self._cells(line)]
        self.at += 1
        while self.at < len(self.lines) and "|" in self.lines[self.at] and self.lines[self.at].strip():
            rows.append(self._cells(self.lines[self.at]))
            self.at += 1
        width = len(rows[0])
        blank = (Cell(),) * width
        self.blocks.append(Table(tuple((row + blank)[:width] for row in rows)))

    def _cells(self, line: str) -> tuple[Cell, ...]:
        line = line.strip().removeprefix("|")
        if not self.extended:
            texts = line.removesuffix("|").split("|")
        else:
            # An escaped pipe is part of its cell.
            texts = _BREAK.sub(" ", line).replace("\\|", "\0").removesuffix("|").split("|")
            texts = [text.replace("\0", "|") for text in texts]
        return tuple(Cell(_plain(text)) for text in texts)

    # Beyond the subset that made pages show

    def _extended(self, line: str) -> bool:
        """Read a block that only the extended syntax knows; False where none begins here."""
        stripped = line.strip()
        if figure := _FIGURE.fullmatch(stripped):
            self.blocks.append(Figure(" ".join(figure[1].split()), figure[2]))
        elif stripped.startswith("$$"):
            return self._formula(stripped)
        elif _TABLE.match(line):
            self._html_table(line)
        else:
            return False
        return True

    def _fields(self, body: list[str]) -> Fields | None:
        """Lines of key and value; None where they are running text, or a single line."""
        matches = [_FIELD.fullmatch(line.strip()) for line in body] if self.extended else []
        found = [(_plain(match[1]), _plain(match[2] or "")) for match in matches if match is not None]
        return Fields(tuple(found), ":") if len(found) == len(body) > 1 else None

    def _formula(self, first: str) -> bool:
        if len(first) > 4 and first.endswith("$$"):
            self.blocks.append(Formula(first[2:-2].strip()))
            return True
        if not self.formulas_end or len(first) == 4:
            return False
        body = [first[2:]]
        for number in range(self.at, len(self.lines)):
            line = self.lines[number].strip()
            if line.endswith("$$"):
                self.at = number + 1
                latex = "\n".join([*body, line[:-2]]).strip()
                if latex:
                    self.blocks.append(Formula(latex))
                return True
            body.append(line)
        self.formulas_end = False
        return False

    def _html_table(self, first: str) -> None:
        """Up to its end tag, or the end of the text: an answer may be cut inside a table."""
        body: list[str] = []
        depth = 0
        line: str | None = first
        while line is not None:
            rest = None
            for match in _TABLE_END.finditer(line):
                depth += -1 if match[0].startswith("</") else 1
                if depth == 0:
                    line, rest = line[: match.end()], line[match.end() :]
                    break
            body.append(line)
            if rest is not None:
                if rest.strip():
                    self.at -= 1
                    self.lines[self.at] = rest
                break
            line = self.lines[self.at] if self.at < len(self.lines) else None
            self.at += line is not None
        table, outside = parse_html_table("\n".join(body))
        if outside:
            self.blocks.append(Paragraph(parse_inline(outside)))
        if table is not None:
            self.blocks.append(table)


def _plain(text: str) -> str:
    """Text without its marks."""
    return "".join(span.text for span in parse_inline(text))


def _is_rule(line: str) -> bool:
    """Whether a line is a horizontal rule: three or more of one of ``-*_``."""
    marks = "".join(line.split())
    return len(marks) >= 3 and marks[0] in "-*_" and not marks.strip(marks[0])
