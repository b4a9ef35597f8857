"""What runs over the pages of one document: headers, footers, page numbers, tables that go on.

In: the blocks of page after page. Out: the same, each page as soon as the next is known, without page
numbers, with running text where it stands first, and with a table that goes on over pages as one, on the page
where it begins. What runs is told by neighbouring pages: the outermost blocks of both, at the same height,
that say the same or are numbers. One page alone stays as it is. Knows no readers and no files.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher

from adotx.documents.doubt import plain
from adotx.markdown import Block, Cell, Fields, Heading, Item, Table, TextBlock

#: Running blocks at the top or bottom of a page, at most: more that is equal is a form, filled in twice.
_MOST_RUNNING = 2
#: Of two readings of one running line; a letter in five may be read in another way.
_SAME = 0.8
#: Of the line's height: how far the same line may lie higher or lower on the next page (scans).
_MOVED = 2.0
#: Of a table's width: how far its edges may be found apart on two pages.
_EDGES = 0.03
#: The same where no column of figures tells that a table goes on; how much shorter and longer than its
#: column's others a cell of it may be.
_SAME_EDGES, _SHORTER, _LONGER = 0.012, 0.7, 1.4
#: Letters of a running line, at most: what is longer is a sentence.
_LONGEST = 80
#: Headings of this level may be set as running lines are; larger ones are titles, of slides too.
_SMALL_HEADING = 3
_NUMBER = re.compile(
    r"[-–—~·|(<\[]*(?:제|p\.?|page|페이지|쪽)?\d{1,4}(?:(?:/|of|중)\d{1,4})?(?:쪽|페이지|면)?[-–—~·|)>\].,]*",
    re.I,
)


@dataclass
class Running:
    """A page while its neighbours are looked at.

    Attributes:
        all: its blocks, in order.
        left: those that are left of them.
        running: those of `left` at the page's foot that run on, and so part no table.
    """

    all: tuple[Block, ...]
    left: list[Block]
    running: list[Block] = field(default_factory=list)

    @classmethod
    def of(cls, blocks: Sequence[Block]) -> Running:
        return cls(tuple(blocks), list(blocks))

    @property
    def last(self) -> int | None:
        """The place in `left` of what stands last on the page but for running text."""
        own = [at for at, block in enumerate(self.left) if not any(block is each for each in self.running)]
        return own[-1] if own else None


def over_pages(pages: Iterable[Sequence[Block]]) -> Generator[list[Block], None, None]:
    """The blocks of each page without what runs over pages.

    A page is given when the next one is known, pages over which one table runs when it has ended. Where
    `pages` raises, the pages that are held come first.
    """
    held: list[Running] = []  # the first may end with a table that goes on; all between are used up
    failure: BaseException | None = None
    source = iter(pages)
    while True:
        try:
            page = Running.of(next(source))
        except StopIteration:
            break
        except (Exception, KeyboardInterrupt) as error:  # told after the pages before it
            failure = error
            break
        if held:
            _drop(held[-1], page)
            last = held[0].last
            table = page.left and last is not None and joined_table(held[0].left[last], page.left[0])
            if table and last is not None:
                held[0].left[last] = table
                del page.left[0]
            if not table or page.left:
                yield from (each.left for each in held)
                held = []
        held.append(page)
    yield from (each.left for each in held)
    if failure is not None:
        raise failure


def _drop(before: Running, after: Running) -> None:
    """Take out of two neighbouring pages what runs over both: numbers from both, text from the second."""
    for edge in (_tops, _bottoms):
        for first in edge(before.all):
            second = next(
                (each for each in edge(after.all) if _level(first, each) and _runs(first, each)), None
            )
            if second is not None:
                _remove(after.left, second)
                if _is_number(first, second):
                    _remove(before.left, first)
                elif edge is _bottoms:
                    before.running.append(first)


def joined_table(before: Block, after: Block) -> Table | None:
    """Two tables of neighbouring pages as one, where the second goes on with the first; else None.

    It does where it repeats the header row; without one, where it is as wide, has as many columns, and begins
    with figures in those columns that hold figures, or with words as long as those of their columns.
    """
    if not (isinstance(before, Table) and isinstance(after, Table) and before.rows and after.rows):
        return None
    heads = max(before.header_rows, 1)
    first, second = before.rows[:heads], after.rows[:heads]
    if _spans(first) == _spans(second) and _alike(_said(first), _said(second)):
        return _joined(before, after, heads)
    body = [row for row in before.texts[heads:]]
    if not (before.plain and after.plain and body and len(body[0]) == len(after.rows[0])):
        return None
    figures = [n for n in range(len(body[0])) if 2 * sum(_has_digit(row[n]) for row in body) > len(body)]
    begins = [_has_digit(after.texts[0][n]) for n in figures]
    if figures:
        goes_on = _as_wide(before, after, _EDGES) and 2 * sum(begins) > len(begins)
    else:
        goes_on = _as_wide(before, after, _SAME_EDGES) and _is_row_of(after.texts[0], body)
    return _joined(before, after, 0) if goes_on else None


def _is_row_of(row: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Whether a row of words is one of a table's own rather than the header of another: most of its cells are
    as long as those of their columns are, which names of columns are not."""
    if len(body) < 2:
        return False
    fits = 0
    for text, column in zip(row, zip(*body, strict=True), strict=True):
        lengths = [len(each) for each in column]
        fits += min(lengths) * _SHORTER <= len(text) <= max(lengths) * _LONGER
    return 2 * fits > len(row)


def _joined(before: Table, after: Table, repeated: int) -> Table:
    """Both as one that remembers them; so many rows of the second were said before."""
    parts = (before.parts or (before,)) + (after.parts or (after,))
    return replace(before, rows=before.rows + after.rows[repeated:], parts=parts)


def _spans(rows: Sequence[Sequence[Cell]]) -> list[list[int]]:
    return [[cell.colspan for cell in row] for row in rows]


def _said(rows: Sequence[Sequence[Cell]]) -> str:
    return _squeezed("|".join(cell.text for row in rows for cell in row))


def _has_digit(text: str) -> bool:
    return any(char.isdigit() for char in text)


def _as_wide(before: Block, after: Block, share: float) -> bool:
    """Whether two blocks begin and end at the same x, by a share of their width."""
    if before.box is None or after.box is None:
        return False
    slack = share * (before.box[2] - before.box[0])
    return abs(before.box[0] - after.box[0]) < slack and abs(before.box[2] - after.box[2]) < slack


def _tops(blocks: Sequence[Block]) -> list[Block]:
    """The running candidates above all else, from the top."""
    placed = sorted((b for b in blocks if b.box is not None), key=lambda b: b.box[1] if b.box else 0.0)
    return [each for each in placed[:_MOST_RUNNING] if _line(each)]


def _bottoms(blocks: Sequence[Block]) -> list[Block]:
    """The same below all else, from the bottom."""
    placed = sorted((b for b in blocks if b.box is not None), key=lambda b: -b.box[3] if b.box else 0.0)
    return [each for each in placed[:_MOST_RUNNING] if _line(each)]


def _line(block: Block) -> str:
    """What a block says that may be a running line, squeezed; "" where it may not."""
    if isinstance(block, TextBlock) and not (isinstance(block, Heading) and block.level < _SMALL_HEADING):
        text = block.marker + block.text if isinstance(block, Item) else block.text
    elif isinstance(block, Fields) and len(block.rows) == 1:
        text = "".join(block.rows[0])
    else:
        return ""
    text = _squeezed(text)
    return text if len(text) <= _LONGEST else ""


def _level(first: Block, second: Block) -> bool:
    """Whether two blocks lie at the same height of their pages and are as high."""
    if first.box is None or second.box is None:
        return False
    height = max(first.box[3] - first.box[1], second.box[3] - second.box[1])
    return abs(first.box[1] - second.box[1]) < _MOVED * height and abs(first.box[3] - second.box[3]) < (
        _MOVED * height
    )


def _runs(first: Block, second: Block) -> bool:
    said, again = _line(first), _line(second)
    return _is_number(first, second) or _alike(said, again)


def _is_number(first: Block, second: Block) -> bool:
    """Whether two blocks are nothing but the numbers of their pages."""
    return all(_NUMBER.fullmatch(_line(each)) for each in (first, second))


def _alike(first: str, second: str) -> bool:
    return SequenceMatcher(None, first, second, autojunk=False).ratio() >= _SAME


def _squeezed(text: str) -> str:
    return "".join(plain(text).split())


def _remove(blocks: list[Block], block: Block) -> None:
    blocks[:] = [each for each in blocks if each is not block]
