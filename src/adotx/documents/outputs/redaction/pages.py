"""What was read on a page, without the numbers of some kinds: a `PageResult` in, one out.

A number is looked for in every text with what stands before it: the block before, the key, the head of its
column. What is one in one place is covered wherever the page says it, in blocks, joined tables, lines and
reasons, also where a line end, a gap or the border of a cell runs through it. Where it stands on the picture
is told by the lines, whose covered letters `pictures` draws over; a number that no line has gets a line of
its own over its block, or over the page. Knows no pictures.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from adotx.documents.doubt import plain, with_texts
from adotx.documents.outputs.redaction.kinds import MASK, hits
from adotx.documents.readers import TextLine
from adotx.documents.transcribe import PageResult
from adotx.markdown import Block, Code, Fields, Figure, Formula, Item, Table, TextBlock

# Kinds whose parts stand in cells of their own on forms.
_IN_CELLS = frozenset(("resident", "foreigner", "phone"))
# Letters of the text before that may say what a number is.
_BEFORE = 40
_BROKEN = re.compile(r"[0-9][-‐–—.]?\n[-‐–—.]?[0-9]")
# The corners of a page whose size is not known; nothing is drawn over what has no picture.
_PAGE = (10_000, 10_000)


@dataclass
class _Found:
    """What is to be covered on a page.

    Attributes:
        said: the letters and digits of each number, and the block that says it; None: a line or a reason.
    """

    said: dict[str, Block | None] = field(default_factory=dict)

    def look(self, text: str, kinds: Iterable[str], context: str = "", block: Block | None = None) -> None:
        for hit in hits(text, kinds, context):
            self.said.setdefault(_squeezed(text[hit.start : hit.end]), block)

    def look_over(self, before: str, text: str, kinds: Iterable[str], block: Block | None = None) -> None:
        """A number that begins at the end of one text and goes on in the next."""
        if _BROKEN.search(f"{before.rstrip()}\n{text.lstrip()}"):
            self.look(f"{before.rstrip()}\n{text.lstrip()[:_BEFORE]}", kinds, block=block)


def redacted(page: PageResult, kinds: frozenset[str]) -> PageResult:
    """The page with all numbers of these kinds covered."""
    if not kinds:
        return page
    blocks = tuple(page.doubted or page.blocks)
    found = _Found()
    before = ""
    for block in blocks:
        for text, context in _texts(block, before):
            found.look(text, kinds, context, block)
            found.look_over(before, text, kinds, block)
        if isinstance(block, Table):
            _look_in_rows(block, kinds, found)
        before = _tail(block)
    before = ""
    for line in page.lines:
        found.look(line.text, kinds, before)
        found.look_over(before, line.text, kinds)
        before = plain(line.text)[-_BEFORE:]
    found.look(page.reason, kinds)
    if not found.said:
        return page
    covered = _covered_blocks(blocks, found.said)
    return replace(
        page,
        blocks=with_texts(covered, plain),
        doubted=covered if page.doubted else (),
        lines=_covered_lines(page, found.said),
        reason=_cover((page.reason,), found.said)[0] if page.reason else page.reason,
    )


def _texts(block: Block, before: str) -> Iterator[tuple[str, str]]:
    """(text, what stands before it) of each text of a block."""
    match block:
        case TextBlock():
            marker = f"{block.marker} " if isinstance(block, Item) else ""
            yield f"{marker}{block.text}", before
        case Code():
            yield "\n".join(block.lines), before
        case Fields():
            for key, value in block.rows:
                yield f"{key}{block.marker} {value}", before
                yield value, f"{before} {key}"
                before = f"{key} {value}"[-_BEFORE:]
        case Table():
            yield from _cells(block)
        case Formula():
            yield block.latex, before
        case Figure():
            yield block.caption, before


def _cells(table: Table) -> Iterator[tuple[str, str]]:
    """Each cell with the heads of its columns and what stands left of it."""
    heads: dict[int, str] = {}
    left: dict[int, str] = {}
    for row, column, cell in table.placed():
        for at in range(column, column + cell.colspan):
            if row < max(table.header_rows, 1):
                heads[at] = f"{heads.get(at, '')} {cell.text}"[-_BEFORE:]
        yield cell.text, f"{heads.get(column, '')} {left.get(row, '')}"
        left[row] = f"{left.get(row, '')} {cell.text}"[-_BEFORE:]
        for part in cell.inner:
            if isinstance(part, Table):
                yield from _cells(part)
    for part in table.parts:
        yield from _cells(part)


def _look_in_rows(table: Table, kinds: frozenset[str], found: _Found) -> None:
    """Numbers whose parts, or digits, stand in cells of their own."""
    for row in table.texts:
        found.look("|".join(row), kinds & _IN_CELLS, block=table)
        single: list[str] = []
        for text in (*row, "none"):
            if len(text.strip()) <= 1:
                single.append(text.strip())
                continue
            if len(single) >= 9:
                found.look("|".join(single), kinds, block=table)
            single = []


def _tail(block: Block) -> str:
    match block:
        case TextBlock():
            return plain(block.text)[-_BEFORE:]
        case Fields():
            return plain(" ".join(block.rows[-1]))[-_BEFORE:] if block.rows else ""
    return ""


def _covered_blocks(blocks: tuple[Block, ...], said: Iterable[str]) -> tuple[Block, ...]:
    """Blocks with what is to be covered in them; all their texts, one after another, count as one."""
    texts: list[str] = []

    def gathered(text: str) -> str:
        texts.append(text)
        return text

    with_texts(blocks, gathered)
    covered = iter(_cover(texts, said))
    return with_texts(blocks, lambda _: next(covered))


def _covered_lines(page: PageResult, said: dict[str, Block | None]) -> tuple[TextLine, ...]:
    texts = [line.text for line in page.lines]
    whole = _squeezed("".join(texts))
    out = [_with_text(line, text) for line, text in zip(page.lines, _cover(texts, said), strict=True)]
    width, height = page.size or _PAGE
    for number, block in said.items():
        if number not in whole:
            x0, y0, x1, y1 = block.box if block is not None and block.box else (0, 0, width, height)
            out.append(TextLine(MASK, ((x0, y0), (x1, y0), (x1, y1), (x0, y1))))
    return tuple(out)


def _with_text(line: TextLine, text: str) -> TextLine:
    """A line, and its words, with what is covered in it."""
    words, texts = line.words, text.split()
    if len(words) == len(texts):
        words = tuple(replace(word, text=said) for word, said in zip(words, texts, strict=True))
    elif MASK in text:
        words = ()
    return replace(line, text=text, words=words)


def _cover(texts: Sequence[str], said: Iterable[str]) -> list[str]:
    """Texts that are one after another, with each of the numbers covered wherever it stands in them."""
    letters = [(n, at) for n, text in enumerate(texts) for at, char in enumerate(text) if _counts(char)]
    whole = "".join(_folded(texts[n][at]) for n, at in letters)
    out = [list(text) for text in texts]
    for number in said:
        at = whole.find(number) if number else -1
        while at >= 0:
            for n, place in letters[at : at + len(number)]:
                out[n][place] = MASK
            at = whole.find(number, at + len(number))
    return ["".join(text) for text in out]


def _folded(char: str) -> str:
    folded = unicodedata.normalize("NFKC", plain(char)).lower()
    return folded if len(folded) == 1 else char


def _counts(char: str) -> bool:
    return char.isalnum() or char == "@"


def _squeezed(text: str) -> str:
    return "".join(_folded(char) for char in text if _counts(char))
