"""What each packed row of a made page says, by the page's truth: what a perfect reader would answer.

In: a `Layout`, its `Packed` rows, the `Page` that was made. Out: a text for each row and whether it is
certain. Certain is what stands whole inside a row, or is cut where the faces' advance widths leave no doubt;
it is what training takes. Of the rest, a truth line is dealt out to the rows that show it in proportion to
their ink, cut at the word boundary (or, inside a word, the character) nearest to the share; benchmarks that
measure layout alone take all. Knows nothing of models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from adotx.data.fonts import load
from adotx.documents.assembly.letter_widths import advance
from adotx.documents.layout.pack import Packed
from adotx.documents.layout.page import Layout

if TYPE_CHECKING:
    from adotx.data.pages import Page
    from adotx.data.typeset import Line

#: a cut nearer than this (in em) to a glyph's middle leaves open on which side the glyph is
_DOUBT = 0.12
#: an end nearer than this (in em) to the line's is the line's
_SLACK = 0.4
#: a piece lower than this share of its line's ink has lost some of it
_PART = 0.55
#: text narrower than this share of its line has been justified or tabbed
_NATURAL = 0.96
#: least share of a row's width that a truth line must cover to be what the row shows
_LEAST_OVERLAP = 0.2


@dataclass(frozen=True)
class AlignedRow:
    """What a packed row says; "" where it shows no line of the page."""

    text: str
    certain: bool


@dataclass(frozen=True)
class _Place:
    """Where a row stands on the page before its skew: its ends, the middle of its height, and half of
    that."""

    left: float
    right: float
    y: float
    half: float


def align_rows(layout: Layout, packed: Packed, page: Page) -> list[AlignedRow]:
    """The text of each row of `packed`, in its order; the rows of one line together never say it twice."""
    places = _places(layout, packed, page)
    rows = [AlignedRow(text or "", text is not None) for text in (_between(page, place) for place in places)]
    shown: dict[int, list[int]] = {}
    for number, place in enumerate(places):
        best = _line_at(page.lines, place)
        if best is not None:
            shown.setdefault(best, []).append(number)
    for at, numbers in shown.items():
        numbers.sort(key=lambda n: (places[n].left, places[n].right))
        if len(numbers) == 1 and rows[numbers[0]].certain:
            continue  # it may show its neighbours' text, too
        widths = [places[n].right - places[n].left for n in numbers]
        pieces = [packed.pieces[n] for n in numbers]
        words = [a.line is not b.line or a.glue == " " for a, b in pairwise(pieces)]
        aligned = _completed(page.lines[at].text, [rows[n] for n in numbers], widths, words)
        for number, row in zip(numbers, aligned, strict=True):
            rows[number] = row
    return rows


def _places(layout: Layout, packed: Packed, page: Page) -> list[_Place]:
    flat = np.linalg.inv(np.vstack([np.reshape(page.affine, (2, 3)), [0, 0, 1]]))
    out = []
    for piece in packed.pieces:
        x0, y0, x1, y1 = piece.box
        middle, half = (y0 + y1) / 2, (y1 - y0) / 2
        (left, y, _), (right, z, _) = (flat @ (*layout.to_input(x, middle), 1.0) for x in (x0, x1))
        out.append(_Place(left, right, (y + z) / 2, half))
    return out


# Certain ----------------------------------------------------------------------------------------------------


def _between(page: Page, place: _Place) -> str | None:
    """What the lines of the page show in a place; None where that is not certain."""
    lines = [n for n in page.lines if n.flat[1] <= place.y <= n.flat[3]]
    lines = [n for n in lines if n.flat[0] < place.right and n.flat[2] > place.left]
    parts = []
    for line in sorted(lines, key=lambda n: n.flat[0]):
        if 2 * place.half < _PART * (line.flat[3] - line.flat[1]):
            return None  # only some of the line's height was found
        slack = _SLACK * line.size
        first = -math.inf if place.left <= line.flat[0] + slack else place.left
        last = math.inf if place.right >= line.flat[2] - slack else place.right
        if first == -math.inf and last == math.inf:
            parts.append(line.text)
            continue
        edges = _edges(page, line)
        shown = None if edges is None else _shown(line.text, edges, first, last, _DOUBT * line.size)
        if shown is None:
            return None
        parts.append(shown)
    return " ".join(part for part in parts if part) or None


def _shown(text: str, edges: list[float], first: float, last: float, doubt: float) -> str | None:
    """The part of a text between two cuts; words go as a whole unless a cut is well inside them."""
    words, at = [], 0
    for word in text.split(" "):
        x0, x1 = edges[at], edges[at + len(word)]
        inside = (min(x1, last) - max(x0, first)) / max(x1 - x0, 1e-6)
        if word and inside > 0.85:
            words.append(word)
        elif word and inside > 0.15:
            middles = [
                (p + q) / 2 for p, q in zip(edges[at:], edges[at + 1 : at + 1 + len(word)], strict=False)
            ]
            if any(min(abs(m - first), abs(m - last)) < doubt for m in middles):
                return None
            words.append("".join(c for m, c in zip(middles, word, strict=True) if first < m < last))
        at += len(word) + 1
    return " ".join(words)


def _edges(page: Page, line: Line) -> list[float] | None:
    """Left edge of each character and the right edge of the last.

    None where a tab stands at an unknown space or no face is known. What a justified line is wider than its
    text goes to its spaces.
    """
    wide, size = line.flat[2] - line.flat[0], max(8, round(line.size))
    if line.kind == "code":  # fixed pitch: Hangul takes two cells
        widths = [2.0 if ord(char) > 0x1100 else 1.0 for char in line.text]
    elif not page.fonts:
        return None
    else:
        faces = [[load(face, size).getlength(char) for char in line.text] for face in page.fonts]
        fitting = min(faces, key=lambda w: abs(sum(w) - wide))
        widths = fitting if sum(fitting) >= _NATURAL * wide else faces[0]
    spaces = line.text.count(" ")
    if line.kind != "code" and sum(widths) < _NATURAL * wide and spaces:
        more = (wide - sum(widths)) / spaces
        if spaces > 1 and more > 0.35 * size:
            return None
        widths = [w + more * (char == " ") for w, char in zip(widths, line.text, strict=True)]
    else:
        widths = [w * wide / max(1.0, sum(widths)) for w in widths]
    return [line.flat[0], *(line.flat[0] + np.cumsum(widths)).tolist()]


# In proportion ----------------------------------------------------------------------------------------------


def _completed(
    text: str, rows: list[AlignedRow], widths: list[float], at_words: list[bool]
) -> list[AlignedRow]:
    """The rows of one line, so that together they say its text: what certain rows leave is dealt to the
    others.

    Certain rows that leave text between them, or none to an uncertain one, are not certain after all.
    """
    ends = _anchors(text, rows, at_words)
    out: list[AlignedRow] = []
    at = start = 0  # rows and characters that are done
    while at < len(rows):
        anchor = ends[at]
        if anchor is not None:
            out.append(rows[at])
            at, start = at + 1, anchor[1]
            continue
        stop = next((n for n in range(at, len(rows)) if ends[n] is not None), len(rows))
        following = ends[stop] if stop < len(rows) else None
        end = following[0] if following else len(text)
        if not text[start:end].strip():
            return [AlignedRow(part, False) for part in _dealt(text, widths, at_words)]
        parts = _dealt(text[start:end].strip(), widths[at:stop], at_words[at : stop - 1])
        out += [AlignedRow(part, False) for part in parts]
        at, start = stop, end
    return out


def _anchors(text: str, rows: list[AlignedRow], at_words: list[bool]) -> list[tuple[int, int] | None]:
    """Where the certain rows of a line stand in its text; None for those that do not fit together.

    Nor do rows fit that end inside a word where the ink has a word gap, or the other way round.
    """
    spans: list[tuple[int, int] | None] = []
    at = 0
    for row in rows:
        start = text.find(row.text, at) if row.certain else -1
        spans.append((start, start + len(row.text)) if start >= 0 else None)
        at = start + len(row.text) if start >= 0 else at
    apart: set[int] = set()
    whole = [(0, 0), *spans, (len(text), len(text))]
    for number, (a, b) in enumerate(pairwise(whole)):
        if a is not None and b is not None and text[a[1] : b[0]].strip():
            apart |= {number - 1, number}
    for number, between in enumerate(at_words):
        for at, edge in ((number, 1), (number + 1, 0)):
            span = spans[at]
            if span is not None and (" " in text[max(span[edge] - 1, 0) : span[edge] + 1]) != between:
                apart.add(at)
    return [None if number in apart else span for number, span in enumerate(spans)]


def _line_at(lines: list[Line], place: _Place) -> int | None:
    """Index of the truth line at a row's height that covers most of its width."""
    best, most = None, _LEAST_OVERLAP
    for number, line in enumerate(lines):
        x0, y0, x1, y1 = line.flat
        slack = 0.15 * line.size
        if not y0 - slack <= place.y <= y1 + slack:
            continue
        overlap = (min(place.right, x1) - max(place.left, x0)) / max(place.right - place.left, 1e-6)
        overlap -= 0.3 * abs(place.y - (y0 + y1) / 2) / line.size
        if overlap > most:
            best, most = number, overlap
    return best


def _dealt(text: str, widths: list[float], at_words: list[bool]) -> list[str]:
    """`text` cut into as many parts as there are widths; `at_words` says which cuts fall between words."""
    if len(widths) == 1:
        return [text]
    units = np.cumsum([0.0] + [advance(char) for char in text])
    shares = np.cumsum(widths) / sum(widths)
    cuts = [0]
    for share, between in zip(shares[:-1], at_words, strict=True):
        wanted = share * units[-1]
        places = [
            i for i in range(cuts[-1] + 1, len(text)) if (text[i - 1] == " ") == between and text[i] != " "
        ]
        cuts.append(min(places, key=lambda i: abs(units[i] - wanted)) if places else cuts[-1])
    cuts.append(len(text))
    return [text[a:b].strip() for a, b in pairwise(cuts)]
