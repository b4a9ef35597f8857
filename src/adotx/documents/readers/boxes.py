"""Boxes to be ticked in the rows that they stand in: what ink proves and a reader may miss.

In: what a reader says of a row, where its characters stand, and the boxes of the page. Out: the same with ☐ or
☑ where a box stands: the page's picture has them all empty (`layout.ticks`). Knows no models and no pixels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from adotx.documents.layout import Piece, Tick
from adotx.documents.readers.answers import RowAnswer
from adotx.documents.readers.timesteps import Seen

EMPTY, TICKED = "☐", "☑"
# A reader's character stands for a box that it has its middle in, give or take so many pixels of a row, unless
# it is a syllable, letter or digit that the reader is surer of than this, or as sure as the heads.
_BESIDE, _MEANT = 3.0, 0.9
_LETTER = re.compile("[가-힣0-9A-Za-z]")


def with_ticks(
    answer: RowAnswer, seen: Sequence[Seen], piece: Piece, ticks: Sequence[Tick]
) -> tuple[RowAnswer, list[Seen]]:
    """A row's answer with its boxes as signs.

    Args:
        answer: about the row.
        seen: where its characters stand; empty where that is not known: then it stays as it is.
        piece: the row.
        ticks: the page's.
    """
    x0, y0, x1, y1 = piece.box
    own = [each for each in ticks if _stands_in(each, (x0, y0, x1, y1))]
    if not own or len(seen) != len(answer.text):
        return answer, list(seen)
    chars = list(zip(answer.text, answer.sure, seen, strict=True))
    for tick in sorted(own, key=lambda each: each.box[0]):
        left, right = piece.at(tick.box[0]), piece.at(tick.box[2])
        sign = TICKED if tick.ticked else EMPTY
        taken = [n for n, each in enumerate(chars) if _is_of_box(*each, left, right)]
        at = taken[0] if taken else _behind(chars, (left + right) / 2)
        end = taken[-1] + 1 if taken else at
        place = Seen(left, right, sign, 1.0)
        blanks = [(" ", 1.0, Seen(x, x, " ", 1.0)) for x in (left, right)]
        before, after = chars[:at], chars[end:]
        if before and before[-1][0] not in " ([":
            before.append(blanks[0])
        if after and after[0][0] not in " )]":
            after.insert(0, blanks[1])
        chars = [*before, (sign, 1.0, place), *after]
    text = "".join(char for char, _, _ in chars)
    return replace(answer, text=text, sure=tuple(sure for _, sure, _ in chars)), [s for _, _, s in chars]


def _stands_in(tick: Tick, box: tuple[int, int, int, int]) -> bool:
    x, y = (tick.box[0] + tick.box[2]) / 2, (tick.box[1] + tick.box[3]) / 2
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _is_of_box(char: str, sure: float, seen: Seen, left: float, right: float) -> bool:
    if char == " " or char in (EMPTY, TICKED) and seen.sure == 1.0 and seen.x0 != left:
        return False
    if _LETTER.match(char) and (sure >= _MEANT or seen.char == char):
        return False
    return left - _BESIDE <= (seen.x0 + seen.x1) / 2 <= right + _BESIDE


def _behind(chars: Sequence[tuple[str, float, Seen]], x: float) -> int:
    """The place before the first character whose middle is behind `x`."""
    for n, (char, _, seen) in enumerate(chars):
        if char != " " and (seen.x0 + seen.x1) / 2 > x:
            return n
    return len(chars)
