"""Digits of full width: as wide as a syllable each, which readers take for digits with blanks between them.

In: what a reader says of a row and where its characters stand. Out: the same with `３３７` for `3 3 7` where
the ink stands an em apart from digit to digit. Knows no models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from adotx.documents.layout import Layout, Piece, line_em, parts_of
from adotx.documents.readers.answers import RowAnswer
from adotx.documents.readers.glyphs import cheapest
from adotx.documents.readers.pairing import HANGUL
from adotx.documents.readers.timesteps import Seen

# From digit to digit, in em; digits with a blank between them are up to 0.87 apart.
_LEAST, _MOST = 0.9, 1.12
# How high a digit is at least, and how far from where a reader sees it its ink may stand, in em.
_HIGH, _NEAR = 0.45, 1.0
_DIGITS, _SIGNS = frozenset("0123456789"), frozenset(",.-/:")
_WIDE = {0x21 + n: 0xFF01 + n for n in range(94)}


def in_full_width(
    layout: Layout, piece: Piece, answer: RowAnswer, seen: Sequence[Seen]
) -> tuple[RowAnswer, list[Seen]]:
    """A row's answer with its digits of full width.

    Args:
        layout: of the page.
        piece: the row.
        answer: about it.
        seen: where its characters stand; empty where that is not known: then it stays as it is.
    """
    text = answer.text
    places = [n for n, char in enumerate(text) if char in _DIGITS]
    if len(seen) != len(text) or len(places) < 2 or not HANGUL.search(text):
        return answer, list(seen)
    changed: dict[int, str] = {}
    for chain in _chains(layout, piece, text, places, seen):
        first, last = chain[0], chain[-1]
        if " " in text[first:last] and _counts(text, chain):
            continue
        for n in range(first, last + 1):
            changed[n] = "" if text[n] == " " else text[n].translate(_WIDE)
    if not changed:
        return answer, list(seen)
    kept = [n for n in range(len(text)) if changed.get(n, text[n])]
    return (
        replace(
            answer,
            text="".join(changed.get(n, text[n]) for n in kept),
            sure=tuple(answer.sure[n] for n in kept),
        ),
        [replace(seen[n], char=seen[n].char.translate(_WIDE)) if n in changed else seen[n] for n in kept],
    )


def _chains(
    layout: Layout, piece: Piece, text: str, places: Sequence[int], seen: Sequence[Seen]
) -> Iterator[list[int]]:
    """Runs of two digits and more whose inks stand an em apart; a sign between two takes an em of its own."""
    em = line_em(layout, piece.line)
    inks = [
        piece.box[0] + x + wide / 2
        for x, _, wide, high, _ in parts_of(layout.page, piece.box)
        if high >= _HIGH * em
    ]
    of_digit = _nearest(piece, em, inks, [(seen[n].x0 + seen[n].x1) / 2 for n in places])
    chain: list[int] = []
    at: int | None = None
    for (one, ink), following in zip(zip(places, of_digit, strict=True), places[1:], strict=False):
        between = text[one + 1 : following].replace(" ", "")
        at = ink if at is None else at
        after = None if at is None else at + 1 + (between == "/")
        joined = False
        if after is not None and after < len(inks) and len(between) <= 1 and set(between) <= _SIGNS:
            joined = _LEAST <= (inks[after] - inks[at or 0]) / (em * (1 + len(between))) <= _MOST
        if joined:
            chain, at = [*(chain or [one]), following], after
            continue
        if chain:
            yield chain
        chain, at = [], None
    if chain:
        yield chain


def _nearest(piece: Piece, em: float, inks: Sequence[float], middles: Sequence[float]) -> list[int | None]:
    """Which ink is each digit's, in order; None where there is none near it.

    Args:
        inks: their middles in the page, from left to right.
        middles: of the digits, where a reader sees them in the row.
    """
    costs = [[abs(piece.at(ink) - x) / (_NEAR * em * piece.scale) for ink in inks] for x in middles]
    pairs = cheapest(costs, [1.0] * len(middles), [0.0] * len(inks))
    found = {i: j for i, j in pairs if i is not None}
    return [found[i] for i in range(len(middles))]


def _counts(text: str, chain: Sequence[int]) -> bool:
    """Whether digits count up, as answers to choose from do."""
    return len(chain) > 2 and all(int(text[b]) == int(text[a]) + 1 for a, b in pairwise(chain))
