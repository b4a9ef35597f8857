"""Which characters of a row are struck out: strikes of the page held against where characters stand.

In: a row's text, where its characters stand, the strikes of the page. Out: spans of the text. A strike begins
and ends between two characters, at a blank rather than inside of a word. Knows no models and no ink.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from adotx.documents.assembly.groups import BULLET, NUMBER, TICK
from adotx.documents.assembly.letter_widths import advance
from adotx.documents.layout import Piece, Strike
from adotx.documents.readers.glyphs import aligned
from adotx.documents.readers.timesteps import Seen

# A word's end that is up to so much further from a strike's end than another place is where it ends, in
# pixels of a row: places are told to eight.
_WORD = 8.0
_MARKS = frozenset(",.;:!?)]")
# Less of a strike than this, in pixels of a row, is no character.
_LEAST = 10.0


def struck_spans(
    text: str, read: str, seen: Sequence[Seen], piece: Piece, strikes: Sequence[Strike]
) -> list[tuple[int, int]]:
    """(start, end) of what is struck out in a row's text, from left to right.

    Args:
        text: of the row.
        read: the text that `seen` is of.
        seen: where its characters stand; empty where that is not known: then letters' usual widths tell.
        piece: the row.
        strikes: of its page.
    """
    x0, y0, x1, y1 = piece.box
    spans: list[tuple[int, int]] = []
    for strike in strikes:
        left, right = max(x0, strike.box[0]), min(x1, strike.box[2])
        if not text or right <= left or not y0 < strike.middle < y1:
            continue
        start, end = piece.at(left), piece.at(right)
        if end - start < _LEAST:
            continue
        edges = _edges(text, _places(text, read, seen, piece))
        first, last = max(_nearest(edges, text, start), _item(text)), _nearest(edges, text, end)
        if first < last:
            spans.append((first, last))
    return _apart(sorted(spans))


def _item(text: str) -> int:
    """Where what an item says begins: its mark stays one where all of it is struck out."""
    mark = BULLET.match(text) or NUMBER.match(text) or TICK.match(text)
    return mark.end() if mark else 0


def _places(text: str, read: str, seen: Sequence[Seen], piece: Piece) -> list[tuple[float, float]]:
    """(x0, x1) of each character, in pixels of the row."""
    if len(seen) == len(read) and seen:
        known: list[tuple[float, float] | None] = [None] * len(text)
        for own, other in aligned(text, read):
            if own is not None and other is not None:
                known[own] = seen[other].x0, seen[other].x1
        return _filled(known)
    begin, end = piece.at(piece.box[0]), piece.at(piece.box[2])
    ends = [0.0, *accumulate(map(advance, text))]
    step = (end - begin) / max(ends[-1], 1e-6)
    return [(begin + a * step, begin + b * step) for a, b in pairwise(ends)]


def _filled(known: Sequence[tuple[float, float] | None]) -> list[tuple[float, float]]:
    """Characters without a place share the room between their neighbours."""
    out: list[tuple[float, float]] = []
    for at, place in enumerate(known):
        if place is None:
            before = out[-1][1] if out else 0.0
            behind = next(((n, each) for n, each in enumerate(known[at:]) if each), None)
            step = max(behind[1][0] - before, 0.0) / behind[0] if behind else 0.0
            place = before, before + step
        out.append(place)
    return out


def _edges(text: str, places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Where each character may be parted from the one before it, the row's ends included: (from, to)."""
    inked = [(n, place) for n, place in enumerate(places) if text[n] != " "]
    edges = []
    for at in range(len(text) + 1):
        before = max((place[1] for n, place in inked if n < at), default=float("-inf"))
        behind = min((place[0] for n, place in inked if n >= at), default=float("inf"))
        middle = (before + behind) / 2
        edges.append((before, behind) if _ends_word(text, at) and before < behind else (middle, middle))
    return edges


def _nearest(edges: Sequence[tuple[float, float]], text: str, x: float) -> int:
    """The place in a text where a strike that ends at `x` does."""

    def far(at: int) -> float:
        low, high = edges[at]
        return max(low - x, x - high, 0.0) + (0.0 if _ends_word(text, at) or _is_marked(text, at) else _WORD)

    return min(range(len(edges)), key=far)


def _ends_word(text: str, at: int) -> bool:
    """Whether a word ends or begins at a place."""
    return at in (0, len(text)) or " " in text[at - 1 : at + 1]


def _is_marked(text: str, at: int) -> bool:
    """Whether a mark stands behind a place that a word may be struck out without."""
    return text[at] in _MARKS and _ends_word(text, at + 1)


def _apart(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that meet as one."""
    out: list[tuple[int, int]] = []
    for start, end in spans:
        if out and start <= out[-1][1]:
            out[-1] = out[-1][0], max(end, out[-1][1])
        else:
            out.append((start, end))
    return out
