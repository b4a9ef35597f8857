"""Rows that were read in, lines and words where they stand on the input picture out.

In: packed rows with their texts, doubts included. Out: `TextLine`s in reading order, in pixels of the picture
before it was set upright. Words are told apart by the ink's gaps: where there are as many as the text has
spaces they are those, else the gaps nearest to where its spaces ought to be. Knows no models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np

from adotx.documents.assembly.letter_widths import text_width
from adotx.documents.layout import Box, Layout, Packed, Piece, line_em, words_of
from adotx.documents.layout.pack import glyph_runs
from adotx.documents.readers import TextLine

# A gap so many em wide speaks for itself as much as one em of distance from where it ought to be speaks
# against it.
_GAP = 2.0


def lines_where_they_stand(
    layout: Layout, packed: Packed, texts: Sequence[str], confidences: Sequence[float | None]
) -> list[TextLine]:
    """A line for each row that says something.

    Args:
        layout, packed: of the page.
        texts, confidences: of `packed.pieces`.
    """
    found = []
    for piece, text, sure in zip(packed.pieces, texts, confidences, strict=True):
        text = " ".join(text.split())
        if text:
            words = tuple(
                TextLine(word, _quad(layout, (x0, piece.box[1], x1, piece.box[3])), sure)
                for word, (x0, x1) in zip(
                    text.split(" "), _words(layout, piece, text.split(" ")), strict=True
                )
            )
            found.append(TextLine(text, _quad(layout, piece.box), sure, words))
    return found


def _quad(layout: Layout, box: Box) -> tuple[tuple[float, float], ...]:
    x0, y0, x1, y1 = box
    return tuple(layout.to_input(x, y) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)))


def _words(layout: Layout, piece: Piece, words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """(x0, x1) of each word of a row in the clean page."""
    x0, _, x1, _ = piece.box
    inked = [word for word in words_of(layout, piece.line) if x0 <= (word.x0 + word.x1) / 2 < x1]
    if len(inked) == len(words):
        return ((word.x0, word.x1) for word in inked)
    glyphs = [run for run in glyph_runs(layout, piece.line).tolist() if x0 <= run[0] and run[1] <= x1]
    gaps = [(a[1], b[0]) for a, b in pairwise(glyphs)]
    chosen = _nearest(gaps, _expected(words, x0, x1), max(line_em(layout, piece.line), 1.0))
    edges = [x0, *(edge for gap in chosen for edge in gap), x1]
    return zip(edges[::2], edges[1::2], strict=True)


def _expected(words: Sequence[str], x0: float, x1: float) -> list[float]:
    """Where the spaces between words ought to be, by the widths of what they say."""
    ends = np.array(list(accumulate(text_width(f"{word} ") for word in words)))
    return list(x0 + (x1 - x0) * ends[:-1] / max(float(ends[-1]), 1e-6))


def _nearest(gaps: Sequence[tuple[int, int]], places: Sequence[float], em: float) -> list[tuple[int, int]]:
    """A gap for each place, in order; places themselves where gaps are too few."""
    if len(gaps) < len(places):
        return [(round(place), round(place)) for place in places]
    # cost[i] of the first i places with gaps up to the one at hand
    costs = np.full((len(places) + 1, len(gaps) + 1), np.inf)
    costs[0] = 0.0
    for i, place in enumerate(places, 1):
        for j, (a, b) in enumerate(gaps, 1):
            own = abs((a + b) / 2 - place) / em - _GAP * (b - a) / em
            costs[i, j] = min(costs[i, j - 1], costs[i - 1, j - 1] + own)
    chosen, j = [], len(gaps)
    for i in range(len(places), 0, -1):
        while j > i and costs[i, j] == costs[i, j - 1]:
            j -= 1
        chosen.append(gaps[j - 1])
        j -= 1
    return chosen[::-1]
