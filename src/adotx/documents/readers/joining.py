"""Two readings of a row made one: the first reader's text, the second reader's figures, Latin and Hanja.

In: a text with its certainties, where its characters stand if that is known, and the glyphs of a second
reader that knows no Hangul. Out: the text and its figures, each with what both readers said. Knows no models.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter

from adotx.documents.layout.pack import EM
from adotx.documents.readers.confidence import Evidence, character
from adotx.documents.readers.glyphs import Glyph
from adotx.documents.readers.missed import SIGNS
from adotx.documents.readers.pairing import BEYOND, HANGUL, of_token, paired, plain
from adotx.documents.readers.timesteps import Seen

# A second reader's figure stands where it is at least this sure of each of its characters and as sure as the
# first is of its own, or so much surer. Signs that it leaves out are believed from the third on.
SURE, _SURER, _KEPT = 0.9, 0.3, 0.8
_HANJA = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
# A syllable whose probability is lower may be anything, a Hanja too: the second reader is asked.
_UNSURE = 0.6
_TWICE, _DASHES = re.compile(r"([,.-])\1"), frozenset("-~–—")
# A character is as likely wrong as right.
_EVEN = 0.5
# A sign that stands apart behind other text, less likely than this and unseen by the second reader, is none.
_UNLIKELY = 0.5
# Boxes to be ticked stand apart before a word, and a tick that is lost is another answer.
_BOXES = frozenset("□■☐☑✓✔○●")
# Share of Hanja in a row from which on it is put together by places, and the gap that is a space, in pixels.
_MIXED, _SPACE = 0.25, 5.0
_DIGIT = re.compile("[0-9０-９]")
# No blank stands before a closing sign or behind an opening one; one stands behind the end of a clause.
_CLOSING, _OPENING, _ENDING = (
    frozenset(".,:;!?)]}」』》〉】”’"),
    frozenset("([{「『《〈【“‘"),
    frozenset(".,;!?"),
)
# Signs of formulas that stand in no other text.
_FORMULA, _SHORTEST_FORMULA, _HANGUL_SHARE = frozenset("√∑∫∏∂"), 3, 0.1
# A figure that is a whole row, as in a table's cell; shorter ones may be anything.
_WHOLE_FIGURE = re.compile(r"(?=.*[0-9].*[0-9])[0-9.,:/%+()~-]{3,}")
# Mean probability below which a first reading says nothing.
_LOST = 0.5
# Share of a row's letters that the heads must see too for their places to be trusted.
_TRUSTED = 0.7
# Tokens that are worth a second look: figures, Latin, Hanja.
_WORTH = re.compile("[0-9０-９A-Za-z\u3400-\u9fff\uf900-\ufaff]")
# A token is shown with so much beside it, in pixels of a row: about a syllable.
_BESIDE = 28


@dataclass(frozen=True)
class Token:
    """A run of characters that are neither Hangul nor blank.

    Attributes:
        start, end: its place in the joined text.
        first, second: what each reader has there; "" for nothing, `second` None where it was not asked.
    """

    start: int
    end: int
    first: str
    second: str | None = None

    @property
    def is_figure(self) -> bool:
        """Whether it has digits."""
        return bool(_DIGIT.search(self.first + (self.second or "")))

    @property
    def differs(self) -> bool:
        """Whether both readers have read it and not the same digits."""
        digits = [_DIGIT.findall(plain(text or "")) for text in (self.first, self.second)]
        return self.second is not None and digits[0] != digits[1]


@dataclass(frozen=True)
class JoinedRow:
    """A row's text, what speaks for each of its characters, and its tokens.

    Attributes:
        formula: it is one, which takes more than a row of signs to tell.
        struck: (start, end) of what is struck out in the text.
    """

    text: str
    evidence: tuple[Evidence, ...]
    tokens: tuple[Token, ...] = ()
    formula: bool = False
    struck: tuple[tuple[int, int], ...] = ()


def asked_spans(text: str, sure: Sequence[float], seen: Sequence[Seen], width: int) -> list[tuple[int, int]]:
    """Where in a row the second reader has something to say: (x0, x1) in pixels, from left to right.

    Args:
        text: what the first reader says of the row.
        sure: its probability of each character.
        seen: where its characters stand; empty where that is not known: then it is the whole row or nothing.
        width: of the row's ink.
    """
    unsure = {n for n, share in enumerate(sure) if share < (_KEPT if text[n] in SIGNS else _UNSURE)}
    tokens = [
        (start, end)
        for start, end in _tokens(text, unsure)
        if _WORTH.search(text[start:end]) or unsure & set(range(start, end))
    ]
    seen = _places(text, seen)
    if _is_lost(sure) or (tokens and not seen):
        return [(0, width)]
    spans: list[tuple[int, int]] = []
    for start, end in tokens:
        x0 = max(0, round(seen[start].x0) - _BESIDE)
        x1 = min(width, round(seen[end - 1].x1) + _BESIDE)
        if spans and x0 - spans[-1][1] < _BESIDE:
            spans[-1] = (spans[-1][0], x1)
        elif x1 > x0:
            spans.append((x0, x1))
    return spans


def alone(text: str, sure: Sequence[float], seen: Sequence[Seen]) -> JoinedRow:
    """A row that the second reader was not asked about; arguments as for `joined_row`."""
    tokens = tuple(Token(start, end, text[start:end]) for start, end in _tokens(text))
    return JoinedRow(text, tuple(_evidence(text, sure, seen)), tokens)


def joined_row(text: str, sure: Sequence[float], seen: Sequence[Seen], glyphs: Sequence[Glyph]) -> JoinedRow:
    """Both readings of a row.

    Args:
        text: of the first reader.
        sure: its probability of each character.
        seen: what the timestep heads see there, and where; empty where there are none.
        glyphs: of the second reader.
    """
    if _is_lost(sure) and (other := _second_alone(glyphs)).text:
        return other
    own = _evidence(text, sure, seen)
    if is_formula(text, glyphs):
        return _formula(glyphs)
    if seen and not _places(text, seen) and _is_hanja(text, glyphs):
        return _by_places(text, own, seen, glyphs)
    seen = _places(text, seen)
    strange = _strange(text, sure, seen, glyphs)
    pairs = paired(text, seen, glyphs, strange)
    out, evidence, tokens = "", list[Evidence](), list[Token]()
    at, taken = 0, -1
    for start, end in _tokens(text, strange):
        old = text[start:end]
        # What an earlier token has taken is not to be had twice.
        own_places = [j for j in of_token(text, pairs, (start, end), glyphs, bool(seen)) if j > taken]
        theirs, taken = [glyphs[j] for j in own_places], max([taken, *own_places])
        said = "".join(glyph.char for glyph in theirs)
        least = min((glyph.sure for glyph in theirs), default=0.0)
        if not said and _is_stray(text, start, end, sure):
            out, evidence, at = out + text[at : start - 1], evidence + own[at : start - 1], end
            continue
        out, evidence = out + text[at:start], evidence + own[at:start]
        new, of_new = old, own[start:end]
        if plain(said) == plain(new):
            of_new = [replace(each, second=glyph.sure) for each, glyph in zip(of_new, theirs, strict=True)]
        elif _is_worth(old, said) and (
            _stands(old, said, min(sure[start:end]), least)
            or _is_outvoted(own[start:end], seen[start:end], theirs)
        ):
            if not said:  # and the heads see a digit
                theirs = [Glyph(seen[start].char, seen[start].x0, seen[start].x1, seen[start].sure)]
            of_new = _changed(new, own[start:end], seen[start:end], theirs)
            new = "".join(glyph.char for glyph in theirs)
        else:
            of_new = [replace(each, second=-least) for each in of_new]
        tokens.append(Token(len(out), len(out) + len(new), old, said))
        out, evidence, at = out + new, evidence + of_new, end
    return JoinedRow(out + text[at:], (*evidence, *own[at:]), tuple(tokens))


def is_formula(text: str, glyphs: Sequence[Glyph]) -> bool:
    """Whether a row is one: hardly any Hangul, and signs that the second reader is sure of and that stand in
    formulas alone; a check mark by itself looks like a root."""
    signs = any(glyph.char in _FORMULA and glyph.sure >= SURE for glyph in glyphs)
    hangul = len(HANGUL.findall(text))  # the first reader takes a sign that it does not know for a syllable
    return signs and len(glyphs) >= _SHORTEST_FORMULA and hangul <= _HANGUL_SHARE * len(text)


def _formula(glyphs: Sequence[Glyph]) -> JoinedRow:
    """A row that is a formula, which the first reader was not taught."""
    text = "".join(glyph.char for glyph in glyphs)
    evidence = tuple(Evidence(glyph.sure) for glyph in glyphs)
    return JoinedRow(text, evidence, (Token(0, len(text), "", text),), formula=True)


def _stands(old: str, said: str, first: float, second: float) -> bool:
    """Whether the second reader's text for a token replaces the first's, by the least probability of each."""
    letters = ["".join(filter(str.isalnum, text)) for text in (old, said)]
    if letters[0] == letters[1] and len(said) < len(old) and first >= _KEPT:
        return False
    if _once(old) == _once(said):  # it sees equal signs that touch as one, and commas twice
        if len(said) == len(old):  # .."" for ."""
            return bool(_TWICE.search(old)) and second >= SURE and first < _KEPT and not _TWICE.search(said)
        return len(said) > len(old) and second >= SURE and not _TWICE.search(said)
    if said == "~" and old == "-":
        return second >= SURE and first < _KEPT
    if SIGNS.issuperset(said):  # it knows those of ASCII
        return second >= SURE and second - first >= _SURER
    if not _WORTH.search(old) and first >= _UNLIKELY:  # of signs it knows few: □ is 口 or a digit to it
        return False
    if second >= SURE:
        return second >= first
    # What it takes Hangul for is Hanja, so that must be sure.
    return second - first >= _SURER and not _HANJA.search(said)


def _once(text: str) -> str:
    """A text in which no sign stands twice in a row."""
    return "".join(char if char in SIGNS else "".join(run) for char, run in groupby(text))


def _is_worth(old: str, said: str) -> bool:
    """Whether the second reader's `said` is worth holding against the first's `old`."""
    if _DASHES.issuperset(old + said) and said != "~":  # a small ~ looks like -, and - never like ~
        return False
    return bool(_WORTH.search(old + said)) or SIGNS.issuperset(said)


def _is_outvoted(own: Sequence[Evidence], seen: Sequence[Seen], theirs: Sequence[Glyph]) -> bool:
    """Whether the heads see what the second reader does, character by character, and the first reader's is
    likelier wrong than right by what all of them say."""
    if not seen:
        return False
    if not theirs and len(own) == 1 and seen[0].char.isdigit():  # a lone letter, which may be a digit
        return character(own[0]) < _EVEN
    if len(own) != len(theirs):
        return False
    if any(each.char != glyph.char for each, glyph in zip(seen, theirs, strict=True)):
        return False
    against = [replace(each, second=-glyph.sure) for each, glyph in zip(own, theirs, strict=True)]
    return min(map(character, against)) < _EVEN


def _is_stray(text: str, start: int, end: int, sure: Sequence[float]) -> bool:
    """Whether a token is a sign that stands apart and that the first reader hardly believes in: ink that is
    no text. What a row begins with is left, for a list would lose its marks."""
    apart = start > 0 and text[start - 1] == " " and text[end : end + 1] in ("", " ")
    if not apart or _WORTH.search(text[start:end]):
        return False
    box = bool(text[end:].strip()) and bool(_BOXES.intersection(text[start:end]))
    return not box and min(sure[start:end]) < _UNLIKELY


def _changed(
    old: str, own: Sequence[Evidence], seen: Sequence[Seen], glyphs: Sequence[Glyph]
) -> list[Evidence]:
    """What speaks for a token of the second reader's in the place of `old`, of the first reader's."""
    if len(old) != len(glyphs):
        against = -min(each.sure for each in own)
        return [Evidence(glyph.sure, 0.0, against) for glyph in glyphs]
    out = []
    for n, (glyph, char, each) in enumerate(zip(glyphs, old, own, strict=True)):
        heads = 0.0
        if seen:
            heads = seen[n].sure if seen[n].char == glyph.char else -seen[n].sure
        out.append(Evidence(glyph.sure, heads, each.sure if char == glyph.char else -each.sure))
    return out


def _is_lost(sure: Sequence[float]) -> bool:
    """Whether the first reader finds nothing in a row, or does not know what it sees there."""
    return not sure or sum(sure) / len(sure) < _LOST


def _second_alone(glyphs: Sequence[Glyph]) -> JoinedRow:
    """A row in which the first reader is lost: what the second is sure of, if it is one figure."""
    text = "".join(glyph.char for glyph in glyphs)
    least = min((glyph.sure for glyph in glyphs), default=0.0)
    if least < SURE or not _WHOLE_FIGURE.fullmatch(text):
        return JoinedRow("", ())
    return JoinedRow(text, tuple(Evidence(glyph.sure) for glyph in glyphs), (Token(0, len(text), "", text),))


def _is_hanja(text: str, glyphs: Sequence[Glyph]) -> bool:
    """Whether so much of a row is Hanja to the second reader that the first loses its way in it."""
    hanja = sum(glyph.sure >= SURE and _HANJA.match(glyph.char) is not None for glyph in glyphs)
    return hanja >= max(3, _MIXED * len(text.replace(" ", "")))


def _by_places(
    text: str, own: Sequence[Evidence], seen: Sequence[Seen], glyphs: Sequence[Glyph]
) -> JoinedRow:
    """A row of mixed script: from left to right what the second reader is sure of, and between it the
    syllables that decoder and heads agree on. What none is sure of is lost; it was nonsense before."""
    theirs = [glyph for glyph in glyphs if glyph.sure >= (SURE if _HANJA.match(glyph.char) else _LOST)]
    found = [(glyph.x, glyph.char, -1, Evidence(glyph.sure)) for glyph in theirs]
    for n, (char, each, evidence) in enumerate(zip(text, seen, own, strict=True)):
        x = (each.x0 + each.x1) / 2
        is_known = each.char == char or evidence.sure >= SURE
        if is_known and HANGUL.match(char) and all(abs(x - glyph.x) > EM / 2 for glyph in theirs):
            found.append((x, char, n, evidence))
    out, of_chars, end, last = "", list[Evidence](), 0.0, -1
    for x, char, n, evidence in sorted(found, key=itemgetter(0)):
        if min(n, last) >= 0 and not text[last + 1 : n].strip():
            is_apart = n - last > 1
        else:
            is_apart = _parts(out[-1:], char, x - _wide(char) / 2 - end)
        if out and is_apart:
            out, of_chars = out + " ", [*of_chars, evidence]
        out, of_chars, end, last = out + char, [*of_chars, evidence], x + _wide(char) / 2, n
    tokens = tuple(Token(start, stop, "", out[start:stop]) for start, stop in _tokens(out))
    return JoinedRow(out, tuple(of_chars), tokens)


def _parts(before: str, char: str, gap: float) -> bool:
    """Whether a blank stands between two characters `gap` pixels apart, by the rules of spelling or by it."""
    if char in _CLOSING or before in _OPENING:
        return False
    return (before in _ENDING and not char.isdigit()) or gap > _SPACE


def _wide(char: str) -> float:
    """About how wide a character is in a row, in pixels."""
    if HANGUL.match(char) or _HANJA.match(char):
        return EM
    return EM / 2 if char.isalnum() else EM / 3


def _evidence(text: str, sure: Sequence[float], seen: Sequence[Seen]) -> list[Evidence]:
    """What the first reader and the heads say of each character."""
    if not seen:
        return [Evidence(p) for p in sure]
    heads = [each.sure if each.char == char else -each.sure for char, each in zip(text, seen, strict=True)]
    return [Evidence(p, head) for p, head in zip(sure, heads, strict=True)]


def _places(text: str, seen: Sequence[Seen]) -> Sequence[Seen]:
    """Where characters stand, if that can be trusted: where the heads see much of the same text."""
    letters = [each.char == char for char, each in zip(text, seen, strict=False) if char != " "]
    return seen if sum(letters) >= _TRUSTED * len(letters) else ()


def _tokens(text: str, strange: Collection[int] = ()) -> Iterator[tuple[int, int]]:
    """What stands together without Hangul or blanks (a figure, a word, a sign): (start, end) of each.

    Args:
        strange: places of syllables that may be something else.
    """
    inside = [char != " " and (n in strange or not HANGUL.match(char)) for n, char in enumerate(text)]
    for is_token, places in groupby(range(len(text)), key=inside.__getitem__):
        if is_token:
            first, *others = places
            yield first, (others[-1] if others else first) + 1


def _strange(text: str, sure: Sequence[float], seen: Sequence[Seen], glyphs: Sequence[Glyph]) -> set[int]:
    """Places of unsure syllables where the second reader is sure of Hanja.

    It passes over Hangul (in 80 rows of it one character was sure Hanja to it), so its Hanja can be trusted,
    but not against the decoder and the heads together.
    """
    hanja = [glyph.x for glyph in glyphs if glyph.sure >= SURE and _HANJA.match(glyph.char)]
    if not seen:
        return set()
    unsure = [
        n
        for n, share in enumerate(sure)
        if share < _UNSURE and HANGUL.match(text[n]) and seen[n].char != text[n]
    ]
    return {n for n in unsure if any(seen[n].x0 - BEYOND < x < seen[n].x1 + BEYOND for x in hanja)}
