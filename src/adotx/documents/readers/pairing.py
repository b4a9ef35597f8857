"""Which characters of two readings of a row are of one token: the first reader's text, the second's glyphs.

In: a text, where its characters stand if that is known, and glyphs. Out: pairs of both, and a token's glyphs.
Knows no models and decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from adotx.documents.readers.glyphs import Glyph, Pair, cheapest
from adotx.documents.readers.timesteps import Seen

# Pixels of a row: a glyph whose middle is that far outside of a character's place is not that character: few
# where a digit beside a syllable must not be taken for it, many where readers see narrow signs shifted.
_BEYOND_HANGUL, BEYOND = 3.0, 16.0
# To a reader without Hangul a syllable is nothing, or one or two strange things: cheap either way.
_HANGUL_DROPPED, _HANGUL_PAIRED, _STRANGE_ADDED = 0.3, 0.35, 0.6
_NEVER = 9.0
#: syllables and jamo
HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
#: of figures
SEPARATORS = ",.-"
#: signs of full width -> the usual ones
NARROW = {0xFF01 + n: 0x21 + n for n in range(94)}
# Signs that both readers tell apart badly, or write in several ways: no reason to change anything.
_SAME = str.maketrans("·・‧•∙–—―∼‘’“”`´", "·····---~''\"\"''") | NARROW


def paired(
    text: str, seen: Sequence[Seen], glyphs: Sequence[Glyph], strange: Collection[int] = ()
) -> list[Pair]:
    """Places in the text and the second reader's glyphs for them; blanks are in no pair."""
    letters = [n for n, char in enumerate(text) if char != " "]

    def is_hangul(n: int) -> bool:
        return n not in strange and HANGUL.match(text[n]) is not None

    def cost(n: int, glyph: Glyph) -> float:
        hangul = is_hangul(n)
        if seen:
            beyond = max(seen[n].x0 - glyph.x, glyph.x - seen[n].x1)
            if beyond > (_BEYOND_HANGUL if hangul else BEYOND):
                return _NEVER
        if hangul:
            return _HANGUL_PAIRED
        return float(plain(text[n]) != plain(glyph.char))

    costs = [[cost(n, glyph) for glyph in glyphs] for n in letters]
    drop = [_HANGUL_DROPPED if is_hangul(n) else 1.0 for n in letters]
    add = [1.0 if glyph.char.isdigit() else _STRANGE_ADDED for glyph in glyphs]
    return [(None if i is None else letters[i], j) for i, j in cheapest(costs, drop, add)]


def of_token(
    text: str, pairs: Sequence[Pair], span: tuple[int, int], glyphs: Sequence[Glyph], placed: bool
) -> list[int]:
    """Places of the second reader's glyphs for a token: its partners and what lies between them.

    Digits at either end for which the first reader has nothing belong to it too, but where Hangul touches it
    only if the places of both are known: a syllable may look like digits.
    """
    start, end = span
    inside = [place for place, (i, _) in enumerate(pairs) if i is not None and start <= i < end]
    within = pairs[inside[0] : inside[-1] + 1]
    found = [j for i, j in within if j is not None and not (i is None and _is_twice(glyphs, j))]
    if found:
        found = _same_ends(text, pairs, (inside[0], inside[-1]), glyphs, found)
        before, behind = reversed(pairs[: inside[0]]), pairs[inside[-1] + 1 :]
        found = _quotes(glyphs, found[0], before)[::-1] + found + _quotes(glyphs, found[-1], behind)
    if placed or start == 0 or text[start - 1] == " ":
        found = _lost(glyphs, reversed(pairs[: inside[0]]))[::-1] + found
    if placed or end == len(text) or text[end] == " ":
        found += _lost(glyphs, pairs[inside[-1] + 1 :])
    return found


def _same_ends(
    text: str, pairs: Sequence[Pair], span: tuple[int, int], glyphs: Sequence[Glyph], found: list[int]
) -> list[int]:
    """A token's glyphs with the one beside them that is the token's own end: without a partner only because
    the readers see it too far apart. Without it the token would be taken for one that the second reader has
    shorter.

    Args:
        span: the first and the last of the token's pairs.
    """
    for at, edge, way in ((span[0], found[0] - 1, -1), (span[1], found[-1] + 1, 1)):
        own, partner = pairs[at]
        if own is None or partner is not None or (None, edge) not in pairs:
            continue
        if plain(text[own]) == plain(glyphs[edge].char):
            found = [edge, *found] if way < 0 else [*found, edge]
    return found


def _quotes(glyphs: Sequence[Glyph], edge: int, pairs: Iterable[Pair]) -> list[int]:
    """Further quotation marks beside one of a token, which the first reader does not have: code has three."""
    own = glyphs[edge].char
    found: list[int] = []
    for i, j in pairs:
        if own not in "\"'" or i is not None or j is None or glyphs[j].char != own:
            break
        found.append(j)
    return found


def _is_twice(glyphs: Sequence[Glyph], place: int) -> bool:
    """Whether a separator stands beside another of its kind: CTC sees one again in the blank behind it."""
    char = glyphs[place].char
    beside = [*glyphs[max(place - 1, 0) : place], *glyphs[place + 1 : place + 2]]
    return char in SEPARATORS and any(glyph.char == char for glyph in beside)


def _lost(glyphs: Sequence[Glyph], pairs: Iterable[Pair]) -> list[int]:
    """Parts of figures without a partner, up to the first pair, the last of them a digit. What has no partner
    in the other reading is passed over, for its order among these is arbitrary."""
    lost: list[int] = []
    for i, j in pairs:
        if j is None:
            continue
        if i is not None or glyphs[j].char not in "0123456789" + SEPARATORS:
            break
        lost.append(j)
    while lost and not glyphs[lost[-1]].char.isdigit():
        lost.pop()
    return lost


def plain(text: str) -> str:
    return text.translate(_SAME)
