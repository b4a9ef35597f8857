"""Signs that the model passes over: where heads and second reader see one it has none, it is put in.

In: what the model says of a row, where its characters stand, and what the heads and the second reader see
there. Out: the same with the signs. Digits and letters are left to the joining of both readings. Knows no
models and no pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adotx.documents.readers.answers import RowAnswer
from adotx.documents.readers.glyphs import Glyph, aligned
from adotx.documents.readers.timesteps import Seen

#: signs of ASCII, which both know
SIGNS = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_{|}~")
# How far apart, in pixels of a row, both may see the same sign, and how sure they must be of it together.
_APART, _TOGETHER = 14.0, 1.1


def with_missed(
    answer: RowAnswer, seen: Sequence[Seen], heads: Sequence[Glyph], second: Sequence[Glyph]
) -> tuple[RowAnswer, list[Seen]]:
    """A row's answer with the signs that it lacks.

    Args:
        answer: about the row.
        seen: where its characters stand.
        heads, second: all that they see.
    """
    places = [n for n, char in enumerate(answer.text) if char != " "]
    pairs = aligned([answer.text[n] for n in places], [glyph.char for glyph in heads])
    text, sure, out = answer.text, list(answer.sure), list(seen)
    at = 0  # of the character behind the last one that is paired
    added = 0
    for own, theirs in pairs:
        if own is not None:
            at = places[own] + 1 + added
        elif theirs is not None and (both := _seen_by_both(heads[theirs], second, text, out)):
            text = text[:at] + both.char + text[at:]
            sure.insert(at, both.sure)
            out.insert(at, Seen(both.x0, both.x1, both.char, heads[theirs].sure))
            at, added = at + 1, added + 1
    return (replace(answer, text=text, sure=tuple(sure)) if added else answer), out


def _seen_by_both(head: Glyph, second: Sequence[Glyph], text: str, seen: Sequence[Seen]) -> Glyph | None:
    """What the second reader sees of a sign of the heads'; None where it does not, or the text has it."""
    if head.char not in SIGNS:
        return None
    if any(
        char == head.char and abs((each.x0 + each.x1) / 2 - head.x) <= _APART
        for char, each in zip(text, seen, strict=True)
    ):
        return None
    same = [glyph for glyph in second if glyph.char == head.char and abs(glyph.x - head.x) <= _APART]
    best = max(same, key=lambda glyph: glyph.sure, default=None)
    return best if best and best.sure + head.sure >= _TOGETHER else None
