"""Markdown as blocks: parse a document into blocks, write blocks as Markdown. The truth of every made page.

In and out: Markdown text <-> a list of `Block`. The subset that a page can show: headings, paragraphs, list
items, pipe tables, fenced code, quotes, and `fields` (lines of "key: value", as in forms and receipts).
Text is not escaped: the truth is what the reader sees. Does not know: fonts, pages, corpora.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Kind = Literal["heading", "paragraph", "item", "table", "code", "quote", "fields"]
Align = Literal["left", "center", "right", "justify", ""]


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one style."""

    text: str
    bold: bool = False
    code: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a document.

    Attributes:
        kind: what it is.
        spans: the text of headings, paragraphs, items and quotes.
        level: heading level 1-6, or an item's nesting depth from 0.
        marker: an item's marker: ``"-"`` for any bullet, else as shown (``"1."``, ``"가."``); for `fields`,
            what stands between key and value (``":"`` or nothing).
        rows: the cells of a table (the first row is its header) or the pairs of `fields`.
        lines: the lines of a code block.
        align: how the block wants to be set; empty for the page's habit. Not part of the Markdown.
    """

    kind: Kind
    spans: tuple[Span, ...] = ()
    level: int = 0
    marker: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    lines: tuple[str, ...] = ()
    align: Align = field(default="", compare=False)

    @property
    def text(self) -> str:
        """The text of `spans` without marks."""
        return "".join(span.text for span in self.spans)


def heading(text: str, level: int = 1, align: Align = "") -> Block:
    return Block("heading", (Span(text),), level=level, align=align)


def paragraph(text: str | Sequence[Span], align: Align = "") -> Block:
    return Block("paragraph", (Span(text),) if isinstance(text, str) else tuple(text), align=align)


def item(text: str | Sequence[Span], marker: str = "-", level: int = 0) -> Block:
    return Block("item", (Span(text),) if isinstance(text, str) else tuple(text), level=level, marker=marker)


def quote(text: str | Sequence[Span]) -> Block:
    return Block("quote", (Span(text),) if isinstance(text, str) else tuple(text))


def table(rows: Iterable[Sequence[str]]) -> Block:
    return Block("table", rows=tuple(tuple(row) for row in rows))


def code(lines: Iterable[str]) -> Block:
    return Block("code", lines=tuple(lines))


def fields(pairs: Iterable[tuple[str, str]], marker: str = ":", align: Align = "") -> Block:
    return Block("fields", rows=tuple(pairs), marker=marker, align=align)


def inline_markdown(spans: Iterable[Span]) -> str:
    """Spans as Markdown: ``**bold**`` and ```` `code` ````; marks never touch blank space."""
    out: list[str] = []
    for span in spans:
        mark = "`" if span.code else "**" if span.bold else ""
        inner = span.text.strip(" ")
        if not mark or not inner:
            out.append(span.text)
            continue
        left = span.text[: len(span.text) - len(span.text.lstrip(" "))]
        right = span.text[len(span.text.rstrip(" ")) :]
        out.append(f"{left}{mark}{inner}{mark}{right}")
    return "".join(out)


def block_markdown(block: Block, indent: str = "") -> str:
    """One block as Markdown; `indent` is what stands before a nested item."""
    if block.kind == "heading":
        return f"{'#' * block.level} {inline_markdown(block.spans)}"
    if block.kind == "item":
        return f"{indent}{block.marker} {inline_markdown(block.spans)}"
    if block.kind == "quote":
        return f"> {inline_markdown(block.spans)}"
    if block.kind == "code":
        return "\n".join(("```", *block.lines, "```"))
    if block.kind == "fields":
        return "\n".join(f"{key}{block.marker} {value}".strip() for key, value in block.rows)
    if block.kind == "table":
        rows = [f"| {' | '.join(row)} |" for row in block.rows]
        return "\n".join((rows[0], f"|{' --- |' * len(block.rows[0])}", *rows[1:]))
    return inline_markdown(block.spans)


def item_indents(blocks: Sequence[Block]) -> list[str]:
    """What stands before each block's marker: nested items start under their parent's text."""
    indents: list[str] = []
    stack: list[str] = []  # indent of the text of the open item at each level
    for block in blocks:
        if block.kind != "item":
            stack.clear()
            indents.append("")
            continue
        del stack[block.level :]
        indents.append(stack[-1] if stack else "")
        stack.append(indents[-1] + " " * (len(block.marker) + 1))
    return indents


def to_markdown(blocks: Sequence[Block]) -> str:
    """The blocks as one Markdown text: blocks a blank line apart, the items of a list and of a quote not."""
    out: list[str] = []
    for number, (block, indent) in enumerate(zip(blocks, item_indents(blocks), strict=True)):
        if number:
            before = blocks[number - 1].kind
            out.append("\n" if before == block.kind == "item" else "\n\n")
        out.append(block_markdown(block, indent))
    return "".join(out)


_FENCE = re.compile(r"^\s*(```+|~~~+)")
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_ITEM = re.compile(r"^(\s*)([-*+]|\d{1,3}[.)])\s+(.*)$")
_DELIMITER = re.compile(r"^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_RULE = re.compile(r"^\s*([-*_])(\s*\1){2,}\s*$")
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()\s]*(?:\([^()]*\))?[^()]*\)|\[[^\[\]]*\])")
# Korean particles follow a mark directly: _메모이제이션_이라고.
_EMPHASIS = re.compile(r"(?<![\w*])([*_])(?=[^\s*_])([^*_]+?)(?<=\S)\1(?![A-Za-z0-9_*])")
_MARK = re.compile(r"(`+)(.+?)\1|\*\*(?=\S)(.+?)(?<=\S)\*\*")


def parse_inline(text: str) -> tuple[Span, ...]:
    """Bold and code spans of one paragraph; links become their text, single ``*emphasis*`` plain text."""
    text = " ".join(_LINK.sub(r"\1", text).split())
    spans: list[Span] = []
    at = 0
    for match in _MARK.finditer(text):
        if match.start() > at:
            spans.append(Span(_plain(text[at : match.start()])))
        if match[2] is not None:
            spans.append(Span(match[2].strip(), code=True))
        else:
            spans.append(Span(_plain(match[3]).replace("`", ""), bold=True))
        at = match.end()
    if at < len(text):
        spans.append(Span(_plain(text[at:])))
    return tuple(span for span in spans if span.text)


def _plain(text: str) -> str:
    return _EMPHASIS.sub(r"\2", text)


def _cells(line: str) -> tuple[str, ...]:
    line = line.strip().removeprefix("|").removesuffix("|")
    return tuple("".join(s.text for s in parse_inline(cell)) for cell in line.split("|"))


def parse_markdown(text: str) -> list[Block]:
    """The blocks of a Markdown document. Rules are left out; what is not understood is a paragraph."""
    blocks: list[Block] = []
    lines = text.replace("\t", "    ").split("\n")
    at = 0
    levels: list[int] = []  # indents of the open list items
    while at < len(lines):
        line = lines[at]
        at += 1
        fence = _FENCE.match(line)
        if fence:
            body: list[str] = []
            while at < len(lines) and not lines[at].strip().startswith(fence[1]):
                body.append(lines[at].rstrip())
                at += 1
            at += 1
            blocks.append(code(body))
        elif not line.strip() or _RULE.match(line):
            continue
        elif match := _HEADING.match(line):
            blocks.append(Block("heading", parse_inline(match[2]), level=len(match[1])))
        elif "|" in line and at < len(lines) and "|" in lines[at] and _DELIMITER.match(lines[at]):
            rows = [_cells(line)]
            at += 1
            while at < len(lines) and "|" in lines[at] and lines[at].strip():
                rows.append(_cells(lines[at]))
                at += 1
            width = len(rows[0])
            blocks.append(table((*row, *[""] * width)[:width] for row in rows))
        elif line.lstrip().startswith(">"):
            body = [line.lstrip()[1:].strip()]
            while at < len(lines) and lines[at].lstrip().startswith(">") and lines[at].strip(" >"):
                body.append(lines[at].lstrip()[1:].strip())
                at += 1
            if "".join(body):
                blocks.append(Block("quote", parse_inline(" ".join(body))))
        elif match := _ITEM.match(line):
            body, at = _paragraph(lines, at, [match[3]])
            if not (blocks and blocks[-1].kind == "item"):
                levels.clear()
            while levels and levels[-1] >= len(match[1]) + 1:
                levels.pop()
            levels.append(len(match[1]) + 1)
            marker = match[2] if match[2][0].isdigit() else "-"
            blocks.append(Block("item", parse_inline(" ".join(body)), level=len(levels) - 1, marker=marker))
        else:
            body, at = _paragraph(lines, at, [line])
            blocks.append(Block("paragraph", parse_inline(" ".join(body))))
    return [block for block in blocks if block.spans or block.rows or block.lines]


def _paragraph(lines: list[str], at: int, body: list[str]) -> tuple[list[str], int]:
    while at < len(lines) and lines[at].strip():
        following = lines[at]
        if _FENCE.match(following) or _HEADING.match(following) or _ITEM.match(following):
            break
        if following.lstrip().startswith((">", "|")) or _RULE.match(following):
            break
        body.append(following.strip())
        at += 1
    return body, at


def with_text(block: Block, spans: Sequence[Span]) -> Block:
    """`block` with other text: neighbouring spans of one style joined."""
    joined: list[Span] = []
    for span in spans:
        if joined and (joined[-1].bold, joined[-1].code) == (span.bold, span.code):
            joined[-1] = replace(joined[-1], text=joined[-1].text + span.text)
        else:
            joined.append(span)
    return replace(block, spans=tuple(joined))
