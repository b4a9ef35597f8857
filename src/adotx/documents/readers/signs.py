"""Signs that ink proves, in the rows that they stand in: boxes to be ticked, numbers in circles, bars.

In: what a reader says of a row, where its characters stand, and the signs with their places. Out: the same
with the signs: ☐ or ☑ where a box stands (the page's picture has them all empty, `layout.ticks`), ①, ㉠ or ㉮
by what stands in a ring, | and Ⅰ by their ink. Knows no models.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from adotx.documents.layout import Layout, Piece, Tick, bars_in, line_em
from adotx.documents.readers.answers import RowAnswer
from adotx.documents.readers.glyphs import Glyph
from adotx.documents.readers.timesteps import Seen

EMPTY, TICKED = "☐", "☑"
# A reader's character stands for a sign that it has its middle in, give or take so many pixels of a row,
# unless it is a syllable, letter or digit that the reader is surer of than this, or as sure as the heads.
_BESIDE, _MEANT = 3.0, 0.9
# What is looked for by its looks is so far from where a reader sees it.
_NEAR = 10.0
_LETTER = re.compile("[가-힣0-9A-Za-z]")
# How sure the second reader is of a number in a ring, and the first of a syllable there.
_NUMBER, _SYLLABLE = 0.9, 0.4
_SYLLABLES, _JAMO = "가나다라마바사아자차카타파하", "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"
# What both readers take consonants that stand alone for, the second first; the model was shown few of them.
_LOOKS = (
    dict(
        zip(
            "」¬コ┐7LㄴC亡匚こE己2口日廿H人A入○O0スズ天不大キ三王",
            "ㄱㄱㄱㄱㄱㄴㄴㄷㄷㄷㄷㄷㄹㄹㅁㅂㅂㅂㅅㅅㅅㅇㅇㅇㅈㅈㅊㅊㅊㅋㅌㅌ",
            strict=True,
        )
    ),
    dict(
        zip(
            "그구7L근큰ㄹ□ㄷㅂㅅ○ㅇㅈㅊㅋㅌㅍㅎㄱㄴㅁ",
            "ㄱㄱㄱㄴㄹㄹㄹㅁㄷㅂㅅㅇㅇㅈㅊㅋㅌㅍㅎㄱㄴㅁ",
            strict=True,
        )
    ),
)


# What readers take a bar for.
_UPRIGHT = frozenset("lI|ㅣ!1")


@dataclass(frozen=True)
class Sign:
    """A sign and where it stands in its row, in pixels of the row.

    Attributes:
        apart: blanks are around it.
        instead: the only characters that it may stand for; then it is put in for no others.
    """

    char: str
    x0: float
    x1: float
    apart: bool = False
    instead: frozenset[str] = frozenset()


def bars_of(layout: Layout, piece: Piece, answer: RowAnswer) -> Iterator[Sign]:
    """The bars of a row where their ink tells what they are: strokes between letters, and the numeral one
    that opens a row."""
    if not _UPRIGHT.intersection(answer.text):
        return
    opens = answer.text[:1] in _UPRIGHT and answer.text[1:2] == "."
    for bar in bars_in(layout.page, piece.box, line_em(layout, piece.line)):
        x0, x1 = piece.at(bar.box[0]), piece.at(bar.box[2])
        if bar.below:
            yield Sign("|", x0, x1, instead=_UPRIGHT - {"1"})
        elif opens and bar.box[0] == piece.box[0]:
            yield Sign("Ⅰ", x0, x1, instead=_UPRIGHT)


def ticks_in(piece: Piece, ticks: Sequence[Tick]) -> list[Sign]:
    """The boxes of a page that stand in a row."""
    x0, y0, x1, y1 = piece.box
    return [
        Sign(TICKED if tick.ticked else EMPTY, piece.at(tick.box[0]), piece.at(tick.box[2]), apart=True)
        for tick in ticks
        if x0 <= (tick.box[0] + tick.box[2]) / 2 <= x1 and y0 <= (tick.box[1] + tick.box[3]) / 2 <= y1
    ]


def in_ring(first: RowAnswer, second: Sequence[Glyph]) -> str:
    """The sign for what stands in a ring; "" where that is nothing known.

    Args:
        first, second: what both readers say of the inside.
    """
    said = "".join(glyph.char for glyph in second)
    text = first.text.strip(" .:,'")
    syllable = len(text) == 1 and text in _SYLLABLES
    is_number = said.isascii() and said.isdigit() and 1 <= int(said) <= 20
    if (
        is_number
        and min(glyph.sure for glyph in second) >= _NUMBER
        and not (syllable and first.least >= _MEANT)
    ):
        return chr(ord("①") + int(said) - 1)
    if syllable and first.least >= _SYLLABLE:
        return chr(ord("㉮") + _SYLLABLES.index(text))
    for looks, own in zip(_LOOKS, (said, text), strict=True):
        if jamo := looks.get(own):
            return chr(ord("㉠") + _JAMO.index(jamo))
    return ""


def with_signs(
    answer: RowAnswer, seen: Sequence[Seen], signs: Iterable[Sign]
) -> tuple[RowAnswer, list[Seen]]:
    """A row's answer with signs.

    Args:
        answer: about the row.
        seen: where its characters stand; empty where that is not known: then it stays as it is.
        signs: of the row.
    """
    chars = list(zip(answer.text, answer.sure, seen, strict=False))
    if len(chars) < len(answer.text):
        return answer, list(seen)
    for sign in sorted(signs, key=lambda each: each.x0):
        taken = [n for n, each in enumerate(chars) if _is_of(sign, *each)]
        at = taken[0] if taken else _behind(chars, (sign.x0 + sign.x1) / 2)
        end = taken[-1] + 1 if taken else at
        if sign.instead and not taken:
            at -= at > 0 and chars[at - 1][0] == " "
            if not _is_between_letters(chars, at, end):
                continue
        blank = (" ", 1.0, Seen(sign.x1, sign.x1, " ", 1.0))
        before, after = chars[:at], chars[end:]
        if sign.apart and before and before[-1][0] not in " ([":
            before.append(blank)
        if (sign.apart or not before) and after and after[0][0] not in " )]":
            after.insert(0, blank)
        chars = [*before, (sign.char, 1.0, Seen(sign.x0, sign.x1, sign.char, 1.0)), *after]
    text = "".join(char for char, _, _ in chars)
    return replace(answer, text=text, sure=tuple(sure for _, sure, _ in chars)), [s for _, _, s in chars]


def _is_between_letters(chars: Sequence[tuple[str, float, Seen]], at: int, end: int) -> bool:
    """Whether Latin letters stand before and behind a place: nothing else in them is a bar."""
    beside = [char for char, _, _ in (*chars[max(0, at - 1) : at], *chars[end : end + 1])]
    return len(beside) == 2 and all(char.isascii() and char.isalpha() for char in beside)


def _is_of(sign: Sign, char: str, sure: float, seen: Seen) -> bool:
    """Whether a reader's character stands for a sign."""
    middle = (seen.x0 + seen.x1) / 2
    if sign.instead:
        return char in sign.instead and abs(middle - (sign.x0 + sign.x1) / 2) <= _NEAR
    if char == " " or (_LETTER.match(char) and (sure >= _MEANT or seen.char == char)):
        return False
    return sign.x0 - _BESIDE <= middle <= sign.x1 + _BESIDE


def _behind(chars: Sequence[tuple[str, float, Seen]], x: float) -> int:
    """The place before the first character whose middle is not before `x`."""
    for n, (char, _, seen) in enumerate(chars):
        if char != " " and (seen.x0 + seen.x1) / 2 >= x:
            return n
    return len(chars)
