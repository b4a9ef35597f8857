"""The invisible text of a page: lines with their places in, the operators that set them out.

Every word is set over its ink, as high as its line, the blank behind it as wide as the gap, so that programs
find words and their places, and copy lines with their blanks. Lines stand in reading order. Knows no files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import hypot

from adotx.documents.outputs.pdf.font import ASCENT, DESCENT, InvisibleFont, width_of
from adotx.documents.outputs.plain_text import to_text
from adotx.documents.outputs.words import Point, along, letter_width, words_of
from adotx.documents.readers import TextLine
from adotx.documents.transcribe import PageResult

#: of a line of a page whose lines are not known, in em, and how much of its height is type
_WIDEST, _TYPE = 45.0, 0.7
# In points, and of the size of type: what is smaller is not there.
_LEAST = 0.01
# In points: what nobody sees between a word's end and its ink.
_UNSEEN = 0.1


def text_operators(
    lines: Sequence[TextLine],
    to_points: Callable[[Point], Point],
    font: InvisibleFont,
) -> bytes:
    """The text object of a page.

    Args:
        lines: in reading order.
        to_points: from pixels of the page's picture to points of the PDF's page, which count upwards.
        font: what it is set in, under the name F.
    """
    parts = (part for line in lines for part in _line(line, to_points, font))
    return "\n".join(("BT 3 Tr", *parts, "ET\n")).encode("ascii")


def lines_of(page: PageResult, size: tuple[int, int]) -> Sequence[TextLine]:
    """The lines of a page; where they are not known its text in lines that fill its blocks' boxes, or the
    page, so that it is found at least."""
    if page.lines or not page.blocks:
        return page.lines
    if all(block.box for block in page.blocks):
        parts = [(to_text([block]), block.box) for block in page.blocks]
    else:
        parts = [(to_text(page.blocks), (0.05 * size[0], 0.05 * size[1], 0.95 * size[0], 0.95 * size[1]))]
    return [line for text, box in parts if box for line in _filling(text, box)]


def _filling(text: str, box: tuple[float, float, float, float]) -> list[TextLine]:
    x0, y0, x1, y1 = box
    words = text.split()
    # As many lines as make letters about as high as they are wide.
    total = sum(map(letter_width, " ".join(words))) or 1.0
    count = max(1, round((total * (y1 - y0) / max(x1 - x0, 1.0)) ** 0.5))
    most = max(min(total / count * 1.05, _WIDEST), 1.0)
    rows: list[str] = []
    width = most
    for word in words:
        wide = sum(map(letter_width, f"{word} "))
        if width + wide > most:
            rows.append(word)
            width = wide
        else:
            rows[-1] += f" {word}"
            width += wide
    step = (y1 - y0) / max(len(rows), 1)
    lines = []
    for n, row in enumerate(rows):
        top, bottom = y0 + n * step, y0 + (n + _TYPE) * step
        lines.append(TextLine(row, ((x0, top), (x1, top), (x1, bottom), (x0, bottom))))
    return lines


def _line(line: TextLine, to_points: Callable[[Point], Point], font: InvisibleFont) -> Iterator[str]:
    """A line's words and the blanks between them, each stretched to its width, one after another."""
    (ax, ay), (bx, by), _, (dx, dy) = (to_points(point) for point in line.quad)
    length, height = hypot(bx - ax, by - ay), hypot(dx - ax, dy - ay)
    if length < _LEAST or height < _LEAST:
        return
    size = height / (ASCENT + DESCENT)
    down = ASCENT / (ASCENT + DESCENT)
    x, y = ax + down * (dx - ax), ay + down * (dy - ay)
    right, up = ((bx - ax) / length, (by - ay) / length), ((ax - dx) / height, (ay - dy) / height)
    turn = " ".join(_number(value, 4) for value in (*right, *up))
    yield f"/F {_number(size, 2)} Tf"
    at: float | None = None
    for word in words_of(line):
        start, end = along(line.quad, word.quad[0]) * length, along(line.quad, word.quad[1]) * length
        if at is not None and start - at > _LEAST * size:
            yield _stretched(" ", start - at, size, font)
        else:
            yield f"{turn} {_number(x + right[0] * start, 1)} {_number(y + right[1] * start, 1)} Tm"
        if end - start > _LEAST * size:
            yield _stretched(word.text, end - start, size, font)
            at = end


def _stretched(text: str, length: float, size: float, font: InvisibleFont) -> str:
    scale = min(max(100 * length / (size * width_of(text)), 0.1), 10_000.0)
    digits = 0 if 0.5 / scale * length < _UNSEEN else 1
    return f"{_number(scale, digits)} Tz <{font.encoded(text).hex()}> Tj"


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if digits else str(round(value))
