"""Where the words of a line stand: a line's text, its corners and the page's picture in, a place a word out.

A line says only where it begins and ends. Between, its words are set to the gaps in its ink that fit their
widths best; where there is no picture, or no such gaps, by widths alone. Knows no formats.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from adotx.documents.doubt import plain
from adotx.documents.readers import TextLine

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]

# Widths in em of letters as they are usually set; only their ratios matter here.
_WIDE, _BLANK = 0.95, 0.3
_WIDTHS = {
    **dict.fromkeys("iljI.,:;'|!`", 0.27), **dict.fromkeys("ftr()[]{}-/\\\"·", 0.36),
    **dict.fromkeys("mwMW@%", 0.85), **dict.fromkeys("ABCDEFGHKNOPQRSTUVXYZ&", 0.66),
}  # fmt: skip
# Darker or lighter than the paper by this share of the greatest difference is ink.
_INK = 0.4
# Letters of a line that are placed by its ink; a line of more is none.
_MOST_WORDS = 400


@dataclass(frozen=True)
class Word:
    """A word of a line.

    Attributes:
        text: what it says, without blanks.
        start: where it begins in the line's text.
        x0, x1: where it begins and ends on the line, as shares of its length.
    """

    text: str
    start: int
    x0: float
    x1: float

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def words_of(line: TextLine, picture: np.ndarray | None = None) -> list[Word]:
    """The words of a line, in order.

    Args:
        line: its doubtful figures are plain here.
        picture: uint8 [H, W], the page in grey; None where there is none.
    """
    words = _by_widths(plain(line.text))
    if picture is None or len(words) > _MOST_WORDS:
        return words
    ink = ink_columns(line.quad, picture)
    if not ink.any():
        return words
    runs = _runs(ink)
    size = len(ink)
    first, last = runs[0][0] / size, runs[-1][1] / size
    expected = [(first + word.x0 * (last - first), first + word.x1 * (last - first)) for word in words]
    placed = _to_gaps(expected, [(start / size, end / size) for start, end in runs])
    return [Word(word.text, word.start, *at) for word, at in zip(words, placed, strict=True)]


def letter_width(char: str) -> float:
    """About how wide a letter is set, in em."""
    if char.isspace():
        return _BLANK
    if unicodedata.combining(char):
        return 0.0
    return _WIDTHS.get(char, _WIDE if unicodedata.east_asian_width(char) in "WF" else 0.55)


def point_at(quad: Sequence[Point], along: float, down: float) -> Point:
    """The point of a line's box so far along it and so far down, both 0 to 1."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = quad
    top = ax + (bx - ax) * along, ay + (by - ay) * along
    bottom = dx + (cx - dx) * along, dy + (cy - dy) * along
    return top[0] + (bottom[0] - top[0]) * down, top[1] + (bottom[1] - top[1]) * down


def part_of(quad: Sequence[Point], x0: float, x1: float) -> Quad:
    """The part of a line's box between two shares of its length."""
    return point_at(quad, x0, 0), point_at(quad, x1, 0), point_at(quad, x1, 1), point_at(quad, x0, 1)


def size_of(quad: Sequence[Point]) -> tuple[float, float]:
    """(length, height) of a line's box."""
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = quad
    length = (np.hypot(bx - ax, by - ay) + np.hypot(cx - dx, cy - dy)) / 2
    height = (np.hypot(dx - ax, dy - ay) + np.hypot(cx - bx, cy - by)) / 2
    return float(length), float(height)


def ink_columns(quad: Sequence[Point], picture: np.ndarray) -> np.ndarray:
    """bool [length]: in which columns of a line there is ink, seen along the line."""
    length, height = (max(1, round(side)) for side in size_of(quad))
    if length * height > picture.size:
        return np.zeros(0, bool)
    corners = np.array([[0, 0], [length, 0], [length, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(np.array(quad, np.float32), corners)
    straight = cv2.warpPerspective(picture, matrix, (length, height), borderMode=cv2.BORDER_REPLICATE)
    away = np.abs(straight.astype(np.int16) - int(np.median(straight)))
    most = int(away.max(initial=0))
    if most < 24:
        return np.zeros(length, bool)
    ink = away > _INK * most
    ink[ink.mean(axis=1) > 0.9] = False  # an underline, a ruling
    return ink.any(axis=0)


def _by_widths(text: str) -> list[Word]:
    widths = [letter_width(char) for char in text]
    total = sum(widths) or 1.0
    words: list[Word] = []
    at, start, begins = 0.0, -1, 0.0
    for n, char in enumerate((*text, " ")):
        if char.isspace():
            if start >= 0:
                words.append(Word(text[start:n], start, begins / total, at / total))
                start = -1
        elif start < 0:
            start, begins = n, at
        at += widths[n] if n < len(text) else 0.0
    return words


def _runs(ink: np.ndarray) -> list[tuple[int, int]]:
    """(start, end) of each run of columns with ink."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], ink.astype(np.int8), [0]))))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _to_gaps(
    expected: Sequence[tuple[float, float]], runs: Sequence[tuple[float, float]]
) -> list[tuple[float, float]]:
    """Words set to runs of ink: each takes one or more of them, in order, so that all are as wide as they
    should be and the gaps between them are the widest. As they were expected where there are too few runs."""
    words, count = len(expected), len(runs)
    if count < words or words == 0:
        return list(expected)
    starts, ends = np.array([run[0] for run in runs]), np.array([run[1] for run in runs])
    gaps = np.append(starts[1:] - ends[:-1], 0.0)  # behind each run
    # cost[k]: of the words so far, the last of which ends with run k.
    cost = np.full(count, np.inf)
    came = np.zeros((words, count), np.int32)
    for n, (x0, x1) in enumerate(expected):
        begins = np.zeros(1) if n == 0 else cost[:-1]
        first = np.arange(1) if n == 0 else np.arange(1, count)  # the run that the word begins with
        wide = ends[None, :] - starts[first][:, None]
        off = ((wide - (x1 - x0)) ** 2 + 0.1 * (starts[first] - x0)[:, None] ** 2) / max(x1 - x0, 1e-3)
        total = begins[:, None] + off
        total[first[:, None] > np.arange(count)[None, :]] = np.inf
        best = total.argmin(axis=0)
        came[n] = first[best]
        cost = total[best, np.arange(count)]
        if n + 1 < words:
            cost = cost - 2.0 * gaps  # a wide gap is a word's end
    last = count - 1
    placed: list[tuple[float, float]] = []
    if not np.isfinite(cost[last]):
        return list(expected)
    for n in range(words - 1, -1, -1):
        first = int(came[n, last])
        placed.append((float(starts[first]), float(ends[last])))
        last = first - 1
    return placed[::-1]
