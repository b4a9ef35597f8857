"""Digits of full width: as wide as a syllable each, which readers take for digits with blanks between them.

In: what a reader says of a row and where its characters stand. Out: the same with `３３７` for `3 3 7` where
the ink stands an em apart from digit to digit. Knows no models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from adotx.documents.layout import Layout, Piece, line_em, parts_of
from adotx.documents.readers.answers import RowAnswer
from adotx.documents.readers.glyphs import cheapest
from adotx.documents.readers.pairing import HANGUL, NARROW
from adotx.documents.readers.timesteps import Seen

# From digit to digit, in em; in most type digits with a blank between them are up to 0.92 apart.
_LEAST, _MOST = 0.93, 1.12
# How high a digit is at least, and how far from where a reader sees it its ink may stand, in em.
_HIGH, _NEAR = 0.45, 1.0
# So many digits in a row: two stand an em apart in wide or justified type, too.
_FEWEST = 3
# Digits between which a reader sees blanks are single figures unless about the room that a digit has in its
# em is beside them: in type all of one width "3 3 7" stands as far apart.
_ROOM = 0.18, 0.5
_DIGITS, _SIGNS = frozenset("0123456789"), frozenset(",.-/:")
_WIDE = {usual: wide for wide, usual in NARROW.items()}


@dataclass(frozen=True)
class _Run:
    """Digits that stand an em apart: their places in the text, and the room beside them, in em."""

    places: tuple[int, ...]
    before: float
    behind: float


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
    if len(seen) != len(text) or len(places) < _FEWEST or not HANGUL.search(text):
        return answer, list(seen)
    changed: dict[int, str] = {}
    for run in _runs(layout, piece, text, places, seen):
        first, last = run.places[0], run.places[-1]
        if len(run.places) < _FEWEST or not _is_whole(text, first, last):
            continue
        if " " not in text[first:last] or _is_one(text, run):
            for n in range(first, last + 1):
                changed[n] = "" if text[n] == " " else text[n].translate(_WIDE)
    kept = [n for n in range(len(text)) if changed.get(n, text[n])]
    return (
        replace(
            answer,
            text="".join(changed.get(n, text[n]) for n in kept),
            sure=tuple(answer.sure[n] for n in kept),
        ),
        [replace(seen[n], char=seen[n].char.translate(_WIDE)) if n in changed else seen[n] for n in kept],
    )


def _runs(
    layout: Layout, piece: Piece, text: str, places: Sequence[int], seen: Sequence[Seen]
) -> Iterator[_Run]:
    """Runs of two digits and more whose inks stand an em apart; a sign between two takes an em of its own."""
    em = line_em(layout, piece.line)
    parts = parts_of(layout.page, piece.box)
    inks = [(x, x + wide) for x, _, wide, high, _ in parts if high >= _HIGH * em]
    middles = [piece.box[0] + (x0 + x1) / 2 for x0, x1 in inks]
    of_digit = _nearest(piece, em, middles, [(seen[n].x0 + seen[n].x1) / 2 for n in places])

    def run(chain: Sequence[int], first: int, last: int) -> _Run:
        x0, x1 = inks[first][0], inks[last][1]
        before = min((x0 - x - wide for x, _, wide, _, _ in parts if x + wide <= x0 + 2), default=0)
        behind = min((x - x1 for x, *_ in parts if x >= x1 - 2), default=0)
        return _Run(tuple(chain), before / em, behind / em)

    chain: list[int] = []
    first = at = -1
    for (one, ink), following in zip(zip(places, of_digit, strict=True), places[1:], strict=False):
        if not chain:
            first = at = -1 if ink is None else ink
        between = text[one + 1 : following].replace(" ", "")
        after = at + 1 + (between == "/")
        signs = len(between) <= 1 and set(between) <= _SIGNS
        apart = middles[after] - middles[at] if signs and at >= 0 and after < len(inks) else 0.0
        if _LEAST <= apart / (em * (1 + len(between))) <= _MOST:
            chain, at = [*(chain or [one]), following], after
            continue
        if chain:
            yield run(chain, first, at)
        chain = []
    if chain:
        yield run(chain, first, at)


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


def _is_whole(text: str, first: int, last: int) -> bool:
    """Whether no digit, letter or sign beside a run belongs to it."""
    beside = text[max(0, first - 1) : first] + text[last + 1 : last + 2]
    return not any(char.isascii() and char not in " ()[]" for char in beside)


def _is_one(text: str, run: _Run) -> bool:
    """Whether digits between which a reader sees blanks are one figure: with the room of their em on a side,
    and not counting up as answers to choose from do."""
    digits = [int(text[n]) for n in run.places]
    counts = all(b == a + 1 for a, b in pairwise(digits))
    room = any(_ROOM[0] <= side <= _ROOM[1] for side in (run.before, run.behind))
    return room and not counts
