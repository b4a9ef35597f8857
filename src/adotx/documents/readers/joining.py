"""Two readings of a row made one: the first reader's text, the second reader's figures, Latin and Hanja.

In: a text with its certainties, where its characters stand if that is known, and the glyphs of a second reader
that knows no Hangul. Out: the text and its figures, each with what both readers said. Knows no models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adotx.documents.readers.glyphs import Glyph, Pair, cheapest
from adotx.documents.readers.timesteps import Seen

# A second reader's figure stands where it is at least this sure of each of its characters.
SURE = 0.9
# Pixels of a row: glyphs whose middles are further apart than a wide character are not the same.
_APART = 28.0
# To a reader without Hangul a syllable is nothing, or one or two strange things: cheap either way.
_HANGUL_DROPPED, _HANGUL_PAIRED, _STRANGE_ADDED = 0.3, 0.35, 0.6
_NEVER = 9.0
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
# What stands together without Hangul or blanks: a figure, a word, a sign.
_TOKEN = re.compile("[^\\s\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]+")
_DIGIT = re.compile("[0-9]")
# Signs that both readers tell apart badly, or write in several ways: no reason to change anything.
_SAME = str.maketrans("·・‧•∙–—―∼‘’“”`´_", "·····---~''\"\"''-")


@dataclass(frozen=True)
class Token:
    """A run of characters that are neither Hangul nor blank, as both readers have it.

    Attributes:
        start, end: its place in the joined text.
        first, second: what each reader has there; "" for nothing, `second` None where nobody asked it.
        sure: of the first reader, its least certain character.
        second_sure: of the second.
    """

    start: int
    end: int
    first: str
    second: str | None
    sure: float
    second_sure: float

    @property
    def is_figure(self) -> bool:
        """Whether it has digits."""
        return bool(_DIGIT.search(self.first + (self.second or "")))

    @property
    def agreed(self) -> bool:
        """Whether both readers say the same."""
        return self.second is not None and _plain(self.first) == _plain(self.second)


@dataclass(frozen=True)
class JoinedRow:
    """A row's text with the certainty of each character, and its tokens."""

    text: str
    sure: tuple[float, ...]
    tokens: tuple[Token, ...] = ()


def wanted(text: str) -> bool:
    """Whether a second reader has anything to say about a row that reads like this."""
    return not text or _TOKEN.search(text) is not None


def alone(text: str, sure: Sequence[float]) -> JoinedRow:
    """A row that one reader has read."""
    tokens = tuple(
        Token(found.start(), found.end(), found[0], None, min(sure[found.start() : found.end()]), 0.0)
        for found in _TOKEN.finditer(text)
    )
    return JoinedRow(text, tuple(sure), tokens)


def joined_row(
    text: str, sure: Sequence[float], seen: Sequence[Seen], glyphs: Sequence[Glyph]
) -> JoinedRow:
    """Both readings of a row.

    Args:
        text: of the first reader.
        sure: of each of its characters.
        seen: where each of them stands; empty where that is not known.
        glyphs: of the second reader.
    """
    if not text:
        return _second_alone(glyphs)
    pairs = _paired(text, seen, glyphs)
    out, certain, tokens = "", list[float](), list[Token]()
    at = 0
    for found in _TOKEN.finditer(text):
        start, end = found.span()
        out, certain = out + text[at:start], certain + list(sure[at:start])
        theirs = _of_token(text, pairs, start, end, glyphs)
        said = "".join(glyph.char for glyph in theirs)
        least = min((glyph.sure for glyph in theirs), default=0.0)
        token = Token(len(out), 0, found[0], said, min(sure[start:end]), least)
        if said and not token.agreed and least >= SURE:
            new, of_new = said, [glyph.sure for glyph in theirs]
        else:
            new, of_new = found[0], list(sure[start:end])
        tokens.append(Token(len(out), len(out) + len(new), found[0], said, token.sure, least))
        out, certain, at = out + new, certain + of_new, end
    return JoinedRow(out + text[at:], (*certain, *sure[at:]), tuple(tokens))


def _second_alone(glyphs: Sequence[Glyph]) -> JoinedRow:
    """A row in which the first reader finds nothing: what the second is sure of, if it is plain ASCII."""
    text = "".join(glyph.char for glyph in glyphs)
    least = min((glyph.sure for glyph in glyphs), default=0.0)
    if len(text) < 2 or not text.isascii() or least < SURE or not _DIGIT.search(text):
        return JoinedRow("", ())
    token = Token(0, len(text), "", text, 0.0, least)
    return JoinedRow(text, tuple(glyph.sure for glyph in glyphs), (token,))


def _paired(text: str, seen: Sequence[Seen], glyphs: Sequence[Glyph]) -> list[Pair]:
    """Places in the text and the second reader's glyphs for them; blanks are in no pair."""
    letters = [n for n, char in enumerate(text) if char != " "]

    def cost(n: int, glyph: Glyph) -> float:
        if seen and abs((seen[n].x0 + seen[n].x1) / 2 - glyph.x) > _APART:
            return _NEVER
        if _HANGUL.match(text[n]):
            return _HANGUL_PAIRED if not glyph.char.isdigit() else 1.0
        return float(_plain(text[n]) != _plain(glyph.char))

    costs = [[cost(n, glyph) for glyph in glyphs] for n in letters]
    drop = [_HANGUL_DROPPED if _HANGUL.match(text[n]) else 1.0 for n in letters]
    add = [1.0 if glyph.char.isdigit() else _STRANGE_ADDED for glyph in glyphs]
    return [(None if i is None else letters[i], j) for i, j in cheapest(costs, drop, add)]


def _of_token(text: str, pairs: Sequence[Pair], start: int, end: int, glyphs: Sequence[Glyph]) -> list[Glyph]:
    """The second reader's glyphs for the token at `start` to `end`: its partners and what lies between them.

    Digits at either end for which the first reader has nothing belong to it too where no Hangul is next to it.
    """
    inside = [place for place, (i, _) in enumerate(pairs) if i is not None and start <= i < end]
    low, high = inside[0], inside[-1]
    if start == 0 or text[start - 1] == " ":
        while low > 0 and pairs[low - 1][0] is None and _figure_part(glyphs, pairs[low - 1][1]):
            low -= 1
    if end == len(text) or text[end] == " ":
        while high + 1 < len(pairs) and pairs[high + 1][0] is None and _figure_part(glyphs, pairs[high + 1][1]):
            high += 1
    return [glyphs[j] for _, j in pairs[low : high + 1] if j is not None]


def _figure_part(glyphs: Sequence[Glyph], place: int | None) -> bool:
    return place is not None and glyphs[place].char in "0123456789,.-"


def _plain(text: str) -> str:
    return text.translate(_SAME)
