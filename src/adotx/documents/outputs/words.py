"""Where the words of a line stand: its reader says, or the widths of its letters do.

In: a line with its corners. Out: its words, each with its part of the line. Knows no pictures and no formats.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot

from adotx.documents.doubt import plain
from adotx.documents.readers import TextLine

Point = tuple[float, float]
Quad = Sequence[Point]

# Widths in em of letters as they are usually set; only their ratios matter here.
_WIDE, _OTHER, _BLANK = 0.95, 0.55, 0.3
_WIDTHS = {
    **dict.fromkeys("iljI.,:;'|!`", 0.27), **dict.fromkeys("ftr()[]{}-/\\\"·", 0.36),
    **dict.fromkeys("mwMW@%", 0.85), **dict.fromkeys("ABCDEFGHKNOPQRSTUVXYZ&", 0.66),
}  # fmt: skip


@dataclass(frozen=True)
class Word:
    """A word of a line.

    Attributes:
        text: what it says, without blanks.
        quad: its corners, as those of lines.
        apart: whether it is known where it begins and ends.
    """

    text: str
    quad: Quad
    apart: bool = True


def words_of(line: TextLine) -> list[Word]:
    """The words of a line, in order; doubtful figures are plain."""
    texts = plain(line.text).split()
    if len(texts) == len(line.words):
        # All as high as their line: programs take words of other heights for words of another line.
        said = [
            Word(text, part_of(line.quad, along(line.quad, word.quad[0]), along(line.quad, word.quad[1])))
            for text, word in zip(texts, line.words, strict=True)
        ]
        # Where its reader saw no gap, two words meet.
        touch = [one.quad[1] == other.quad[0] for one, other in pairwise(line.words)]
        met = [any(pair) for pair in zip([False, *touch], [*touch, False], strict=True)]
        return [Word(word.text, word.quad, not meets) for word, meets in zip(said, met, strict=True)]
    return [Word(text, part_of(line.quad, *at), len(texts) == 1) for text, at in _by_widths(plain(line.text))]


def letter_width(char: str) -> float:
    """About how wide a letter is set, in em."""
    if char.isspace():
        return _BLANK
    if unicodedata.combining(char):
        return 0.0
    return _WIDTHS.get(char, _WIDE if unicodedata.east_asian_width(char) in "WF" else _OTHER)


def width_between(text: str, start: int, end: int) -> tuple[float, float]:
    """Where letters of a text begin and end, as shares of its width."""
    widths = [letter_width(char) for char in text]
    total = sum(widths) or 1.0
    return sum(widths[:start]) / total, sum(widths[:end]) / total


def point_at(quad: Quad, along: float, down: float) -> Point:
    """The point of a box so far along it and so far down, both 0 to 1."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = quad
    top = ax + (bx - ax) * along, ay + (by - ay) * along
    bottom = dx + (cx - dx) * along, dy + (cy - dy) * along
    return top[0] + (bottom[0] - top[0]) * down, top[1] + (bottom[1] - top[1]) * down


def along(quad: Quad, point: Point) -> float:
    """How far along a box a point lies, as a share of its length."""
    (ax, ay), (bx, by), *_ = quad
    length = (bx - ax) ** 2 + (by - ay) ** 2
    return ((point[0] - ax) * (bx - ax) + (point[1] - ay) * (by - ay)) / length if length else 0.0


def part_of(quad: Quad, x0: float, x1: float, above: float = 0.0) -> Quad:
    """The part of a box between two shares of its length; so much of its height more above and below."""
    corners = ((x0, -above), (x1, -above), (x1, 1 + above), (x0, 1 + above))
    return tuple(point_at(quad, *corner) for corner in corners)


def size_of(quad: Quad) -> tuple[float, float]:
    """(length, height) of a box."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = quad
    length = (hypot(bx - ax, by - ay) + hypot(cx - dx, cy - dy)) / 2
    return length, (hypot(dx - ax, dy - ay) + hypot(cx - bx, cy - by)) / 2


def _by_widths(text: str) -> list[tuple[str, tuple[float, float]]]:
    out: list[tuple[str, tuple[float, float]]] = []
    at = 0
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        out.append((word, width_between(text, start, at)))
    return out
