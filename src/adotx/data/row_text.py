"""Text of reading rows: real lines by their rarest syllable, syllables that no context tells, figures, marks.

In: lines of the corpora and a seed. Out: `RowText.pieces`: strings, each mostly longer than a row, many short
ones among them, as on paper. A reader of characters must know every syllable alike, so lines are drawn by the
rarest syllable in them (the long tail of SynthTIGER, arXiv 2107.09313) and begin near it, within a sentence.
Knows nothing of images, fonts or models.
"""

from __future__ import annotations

import random
import re
from bisect import bisect
from collections.abc import Callable, Sequence
from types import MappingProxyType

import numpy as np

from adotx import alphabet
from adotx.alphabet import readable
from adotx.data import fill, office
from adotx.data.figures import figure

#: shares of rows by kind; `syllables` are what no context tells
MIX = MappingProxyType(
    {
        "prose": 0.32,
        "syllables": 0.22,
        "figures": 0.16,
        "facts": 0.07,
        "latin": 0.14,
        "symbols": 0.03,
        "hanja": 0.06,
    }
)
#: longest piece in characters: more than a row of narrow letters holds
LONGEST = 60
# Weight of a line = count of its rarest syllable ** -_TAIL; rarer than _FLOOR counts as _FLOOR.
_TAIL, _FLOOR = 0.8, 12
#: rows of 1 to 6 characters, and tiles whose rows are all of one kind (a table of figures, an English page)
_SHORT, _ONE_KIND = 0.2, 0.25
_HANGUL_FIRST, _HANGUL_LAST = 0xAC00, 0xD7A3
_BRACKETS = ("()", "[]", "「」", "『』", "《》", "〈〉", "【】", "〔〕", "“”", "‘’", '""', "''", "{}", "<>")
_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"
_TILDES = re.compile("~{2,}")
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ASCII = _LETTERS + "-_./@#%&()[]{}:;,!?'\"*+=<>|~^$\\`"


class Lines:
    """Lines with a draw that favours rare syllables."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = [" ".join(line.split()) for line in lines]
        # One array of all code points: a table of counts, then the least count within each line.
        points = np.frombuffer("\n".join([*self.lines, ""]).encode("utf-32-le"), np.uint32)
        hangul = (points >= _HANGUL_FIRST) & (points <= _HANGUL_LAST)
        count = np.bincount(points[hangul], minlength=_HANGUL_LAST + 1)
        never = len(points) + 1
        seen = np.where(hangul, count[np.where(hangul, points, 0)], never)
        ends = np.flatnonzero(points == ord("\n"))
        starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)[: len(self.lines)]
        least = np.minimum.reduceat(seen, starts) if len(starts) else np.zeros(0)
        #: place of each line's rarest syllable
        self.at = [int(np.argmin(seen[a : b + 1])) for a, b in zip(starts, ends, strict=True)]
        weights = np.where(least < never, np.maximum(least, _FLOOR) ** -_TAIL, 0.0)
        self.edges = np.cumsum(weights).tolist()

    def draw(self, rng: random.Random) -> str:
        """A piece of a line around its rarest syllable; it mostly begins and ends within a sentence."""
        if not self.edges or not self.edges[-1]:
            return rng.choice(self.lines) if self.lines else ""
        number = min(bisect(self.edges, rng.random() * self.edges[-1]), len(self.lines) - 1)
        line = self.lines[number]
        start = max(0, self.at[number] - rng.randint(0, 11))
        if start and rng.random() < 0.8:  # lines of a page mostly break at spaces
            start = line.rfind(" ", 0, start + 1) + 1
        return line[start : start + LONGEST]


class RowText:
    """A stream of pieces: a share of each kind of `MIX`, some of them short, some with the mark of a list.

    Args:
        korean, english, code, law: lines.
        random_share: rows of syllables that no context tells, in place of what `mix` says.
        marked_share: rows that begin like the lines of a list.
    """

    def __init__(
        self,
        korean: Sequence[str],
        english: Sequence[str],
        code: Sequence[str] = (),
        law: Sequence[str] = (),
        random_share: float | None = None,
        marked_share: float = 0.08,
        short_share: float = _SHORT,
        mix: MappingProxyType[str, float] | dict[str, float] = MIX,
    ) -> None:
        self.korean, self.law, self.english, self.code = Lines(korean), Lines(law), english, code
        self.marked_share, self.short_share = marked_share, short_share
        mix = dict(mix)
        if random_share is not None:
            rest = sum(mix.values()) - mix.get("syllables", 0.0)
            mix = {kind: share * (1 - random_share) / rest for kind, share in mix.items()}
            mix["syllables"] = random_share
        self.kinds, self.shares = list(mix), list(mix.values())
        self.every = [chr(c) for c in range(_HANGUL_FIRST, _HANGUL_LAST + 1)]
        self.common = [c for c in self.every if len(c.encode("euc-kr", "ignore")) == 2]
        # Single jamo stand in reviews; what paper has of them is a list mark.
        self.symbols = [c for c in alphabet.SYMBOLS if not c.isascii() and not "ㄱ" <= c <= "ㆎ"]
        self.hanja = list(alphabet.HANJA)
        self._makers: dict[str, Callable[[random.Random], str]] = {
            "prose": self._prose,
            "syllables": self._syllables,
            "figures": self._figures,
            "facts": self._facts,
            "latin": self._foreign,
            "symbols": self._symbols,
            "hanja": self._hanja,
        }

    def pieces(self, rng: random.Random, count: int) -> list[str]:
        """`count` strings of the alphabet; none is empty."""
        if rng.random() < _ONE_KIND:
            kinds = rng.choices(self.kinds, self.shares) * count
        else:
            kinds = rng.choices(self.kinds, self.shares, k=count)
        return [self.piece(rng, kind) for kind in kinds]

    def piece(self, rng: random.Random, kind: str) -> str:
        """One string of a kind."""
        while True:
            text = " ".join(readable(self._makers[kind](rng)).split())
            if kind != "figures" and rng.random() < self.short_share:
                text = _short(rng, text)
            elif kind in ("prose", "syllables", "facts") and rng.random() < self.marked_share:
                text = readable(_mark(rng)) + text
            # A run of tildes is one: two on either side of a word mean that it is struck out.
            text = _TILDES.sub("~", text[:LONGEST].strip())
            if text:
                return text

    def _prose(self, rng: random.Random) -> str:
        r = rng.random()
        if r < 0.25:
            return _within(rng, office.sentence(rng))
        lines = self.law if r < 0.4 and self.law.lines else self.korean
        text = lines.draw(rng)
        return f"{text} {lines.draw(rng)}" if len(text) < 20 and rng.random() < 0.5 else text

    def _syllables(self, rng: random.Random) -> str:
        """Words of two to five syllables of KS X 1001, every tenth row of all 11,172."""
        pool = self.every if rng.random() < 0.1 else self.common
        out = []
        for _ in range(8):
            word = "".join(rng.choices(pool, k=rng.choices((1, 2, 3, 4, 5), (1, 5, 5, 3, 2))[0]))
            if rng.random() < 0.4:
                word += rng.choice(office.ENDINGS)
            r = rng.random()
            if r < 0.12:
                word += rng.choice(",.,.,.?!:;·")
            elif r < 0.18:
                word = _bracketed(rng, word)
            elif r < 0.22:
                word += rng.choice(("·", "/", "-", "~", "‧", "")) + "".join(rng.choices(pool, k=2))
            out.append(figure(rng) if rng.random() < 0.03 else word)
        return ("" if rng.random() < 0.1 else " ").join(out)

    def _figures(self, rng: random.Random) -> str:
        r = rng.random()
        if r < 0.45:  # a cell
            return figure(rng)
        if r < 0.65:  # cells side by side
            return " ".join(figure(rng) for _ in range(6))
        if r < 0.85:  # figures among words
            words = (rng.choice((office.noun, office.label))(rng) for _ in range(6))
            return " ".join(part for word in words for part in (word, figure(rng)))
        if r < 0.95:  # a line of a receipt
            price, count = fill.price(rng), rng.randint(1, 20)
            return f"{fill.product(rng)} {price:,} {count} {price * count:,}"
        return f"{office.label(rng)} : {figure(rng)}"

    def _facts(self, rng: random.Random) -> str:
        maker = rng.choices(
            (
                fill.address,
                fill.name,
                fill.company,
                fill.product,
                fill.department,
                fill.shop,
                fill.bank_account,
                office.label,
            ),
            (6, 5, 3, 2, 1, 1, 1, 6),
        )[0]
        text = maker(rng)
        r = rng.random()
        if r < 0.25:
            text = f"{office.label(rng)}{rng.choice((' ', ': ', ' : ', ':'))}{text}"
        elif r < 0.4:
            text = f"{text} {fill.name(rng)} {fill.job(rng)}"
        elif r < 0.5:
            text = _leaders(rng, text)
        elif r < 0.6:
            text = " ".join((text, *(office.label(rng) for _ in range(4))))
        return _within(rng, text) if rng.random() < 0.2 else text

    def _foreign(self, rng: random.Random) -> str:
        r = rng.random()
        if r < 0.4 and self.english:
            return _within(rng, " ".join(rng.choice(self.english).split()))
        if r < 0.6:  # English words in Korean lines
            words = (office.noun(rng) if rng.random() < 0.6 else rng.choice(office.LATIN) for _ in range(9))
            return " ".join(words)
        if r < 0.72:
            return rng.choice((fill.email, _address, _address, fill.english_name))(rng)
        if r < 0.82:
            return " ".join(_model(rng) for _ in range(5))
        if r < 0.88 and self.code:
            return rng.choice(self.code)
        if r < 0.92:
            return " ".join(rng.choice(office.LATIN).upper() for _ in range(6))
        return "".join(rng.choice(_ASCII) + (" " if rng.random() < 0.15 else "") for _ in range(40))

    def _symbols(self, rng: random.Random) -> str:
        """Words with the symbols of forms, lists, prices and signs."""
        if not self.symbols:
            return figure(rng)
        out = []
        for _ in range(7):
            word = rng.choice((office.label, office.noun, office.noun, figure))(rng)
            symbol, r = rng.choice(self.symbols), rng.random()
            if r < 0.35:
                out.append(symbol + (" " if rng.random() < 0.4 else "") + word)
            elif r < 0.5:
                out.append(word + symbol)
            elif r < 0.65:
                out.append(_bracketed(rng, word))
            elif r < 0.85:
                out.append(rng.choice("□□☐☑■○●◎✓✔※☆★△▲▷▶◇◆→⇒") + " " + word)
            else:
                out.append("".join(rng.choices(self.symbols, k=rng.randint(1, 4))))
        return " ".join(out)

    def _hanja(self, rng: random.Random) -> str:
        if not self.hanja:
            return self._syllables(rng)
        out = []
        for _ in range(6):
            if rng.random() < 0.4:
                word, reading = office.hanja(rng)
            else:
                word = "".join(rng.choices(self.hanja, k=rng.choices((1, 2, 3, 4), (2, 6, 2, 2))[0]))
                reading = "".join(rng.choices(self.common, k=len(word)))
            r = rng.random()
            if r < 0.4:
                out.append(f"{reading}({word})" + (rng.choice(office.ENDINGS) if rng.random() < 0.5 else ""))
            elif r < 0.75:
                out.append(word + (rng.choice(office.ENDINGS) if rng.random() < 0.6 else ""))
            else:
                out.append(rng.choice((word, office.noun(rng), figure(rng), fill.name(rng))))
        return " ".join(out)


def _bracketed(rng: random.Random, word: str) -> str:
    pair = rng.choice(_BRACKETS)
    return f"{pair[0]}{word}{pair[1]}"


def _mark(rng: random.Random) -> str:
    """What some lines of lists, laws and letters begin with."""
    number = rng.randint(1, 30)
    syllable = rng.choice("가나다라마바사아자차카타파하")
    marks = (
        *("• ", "· ", "- ", "○ ", "□ ", "■ ", "▪ ", "※ ", "* ", "◎ ", "● ", "▶ ", "☞ ", "◆ ", "ㅇ ", "→ "),
        *(f"{number}. ", f"{number}. ", f"{number}) ", f"({number}) ", f"{number}-{rng.randint(1, 9)}. "),
        *(
            f"{syllable}. ",
            f"{syllable}) ",
            f"({syllable}) ",
            f"제{number}조 ",
            f"제{number}조({office.noun(rng)}) ",
        ),
        *(f"{rng.choice(_CIRCLED)} ", f"{rng.choice(_CIRCLED)} ", f"{rng.choice('ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ')}. "),
        *(
            f"제{number}항 ",
            f"[{number}] ",
            f"Q{number}. ",
            f"<{office.noun(rng)}> ",
            f"【{office.noun(rng)}】 ",
        ),
    )
    return rng.choice(marks)


def _leaders(rng: random.Random, text: str) -> str:
    """A line of a table of contents."""
    dot = rng.choice((".", "·", "…", ". "))
    return f"{_short(rng, text, 12)} {dot * rng.randint(3, 14)} {rng.randint(1, 300)}"


def _address(rng: random.Random) -> str:
    """A web address."""
    word = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 10)))
    host = rng.choice(
        ("www.{}.co.kr", "www.{}.com", "{}.go.kr", "{}.or.kr", "https://{}.kr", "http://{}.net/")
    )
    path = "/" + "".join(rng.choices(_LETTERS, k=rng.randint(2, 8))) if rng.random() < 0.3 else ""
    return host.format(word) + path


def _model(rng: random.Random) -> str:
    """A model, part or serial number."""
    capitals = "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=rng.randint(1, 4)))
    digits = "".join(rng.choices("0123456789", k=rng.randint(1, 6)))
    tail = "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=rng.randint(0, 3)))
    return (
        rng.choice(("{}-{}{}", "{}{}{}", "{}-{}-{}", "{} {}{}", "{}{}/{}"))
        .format(capitals, digits, tail)
        .strip("-/")
    )


def _within(rng: random.Random, text: str) -> str:
    """`text` from a random place on, mostly the beginning of a word."""
    if len(text) < 16 or rng.random() < 0.3:
        return text
    start = rng.randrange(len(text) - 10)
    return text[start if rng.random() < 0.2 else text.rfind(" ", 0, start + 1) + 1 :]


def _short(rng: random.Random, text: str, most: int = 6) -> str:
    """One to `most` characters of the text, whole words where they are not longer."""
    words = text.split()
    if not words:
        return ""
    at = rng.randrange(len(words))
    limit, out = rng.randint(1, most), words[at][:most]
    for word in words[at + 1 :]:
        if len(out) + 1 + len(word) > limit:
            break
        out += " " + word
    return out if rng.random() < 0.7 else out[:limit].strip()
