"""The numbers before paragraphs: how a number is written, and what comes after what.

In: the formats that HWPX and DOCX name, and the level of each numbered paragraph in turn. Out: "제3장",
"나.", "2)", "③". Knows no files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

_SYLLABLES = "가나다라마바사아자차카타파하"
_JAMO = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"
_STEMS, _STEMS_HANJA = "갑을병정무기경신임계", "甲乙丙丁戊己庚辛壬癸"
_BRANCHES_HANJA = "子丑寅卯辰巳午未申酉戌亥"
_DIGITS, _DIGITS_HANJA = "영일이삼사오육칠팔구", "零一二三四五六七八九"
_TENS, _TENS_HANJA = ("", "십", "백", "천"), ("", "十", "百", "千")
_NATIVE = ("하나", "둘", "셋", "넷", "다섯", "여섯", "일곱", "여덟", "아홉")
_NATIVE_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
_ROMAN = ((1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
          (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))  # fmt: skip
_SYMBOLS = "*†‡§"
_MOST = 9999  # a number beyond is written plainly


def circled(number: int) -> str:
    """①, up to ㊿; plain with parentheses beyond."""
    for first, last, start in ((1, 20, 0x2460), (21, 35, 0x3251), (36, 50, 0x32B1)):
        if first <= number <= last:
            return chr(start + number - first)
    return "⓪" if number == 0 else f"({number})"


def _cycle(letters: str, start: int = 0) -> Callable[[int], str]:
    """가 ... 하, then 가가 or what comes around again."""

    def write(number: int) -> str:
        times, at = divmod(number - 1, len(letters))
        return (chr(start + at) if start else letters[at]) * (times + 1 if times < 5 else 1)

    return write


def _latin(number: int) -> str:
    letters = ""
    while number > 0:
        number, at = divmod(number - 1, 26)
        letters = chr(ord("a") + at) + letters
    return letters


def _roman(number: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        times, number = divmod(number, value)
        text += letters * times
    return text


def _spelled(number: int, digits: str, tens: Sequence[str]) -> str:
    text, one = "", digits[1]
    for place, digit in enumerate(reversed(f"{number}")):
        if digit != "0":
            text = ("" if digit == "1" and place else digits[int(digit)]) + tens[place] + text
    return text or one


def _native(number: int) -> str:
    if number > 99:
        return str(number)
    tens, ones = divmod(number, 10)
    return _NATIVE_TENS[tens] + (_NATIVE[ones - 1] if ones else "")


def _ring(start: int, count: int, plain: Callable[[int], str]) -> Callable[[int], str]:
    return lambda number: chr(start + number - 1) if number <= count else f"({plain(number)})"


_syllable, _jamo = _cycle(_SYLLABLES), _cycle(_JAMO)
#: format -> how a number from 1 on is written; the names are those of HWPX, then those of DOCX
_FORMATS: dict[str, Callable[[int], str]] = {
    "DIGIT": str,
    "CIRCLED_DIGIT": circled,
    "ROMAN_CAPITAL": _roman,
    "ROMAN_SMALL": lambda n: _roman(n).lower(),
    "LATIN_CAPITAL": lambda n: _latin(n).upper(),
    "LATIN_SMALL": _latin,
    "CIRCLED_LATIN_CAPITAL": _ring(0x24B6, 26, lambda n: _latin(n).upper()),
    "CIRCLED_LATIN_SMALL": _ring(0x24D0, 26, _latin),
    "HANGUL_SYLLABLE": _syllable,
    "CIRCLED_HANGUL_SYLLABLE": _ring(0x326E, 14, _syllable),
    "HANGUL_JAMO": _jamo,
    "CIRCLED_HANGUL_JAMO": _ring(0x3260, 14, _jamo),
    "HANGUL_PHONETIC": lambda n: _spelled(n, _DIGITS, _TENS),
    "IDEOGRAPH": lambda n: _spelled(n, _DIGITS_HANJA, _TENS_HANJA),
    "CIRCLED_IDEOGRAPH": _ring(0x3280, 10, lambda n: _spelled(n, _DIGITS_HANJA, _TENS_HANJA)),
    "DECAGON_CIRCLE": _cycle(_STEMS),
    "DECAGON_CIRCLE_HANJA": _cycle(_STEMS_HANJA),
    "DECAGON_CRICLE": _cycle(_STEMS),
    "DECAGON_CRICLE_HANJA": _cycle(_STEMS_HANJA),
    "SYMBOL": _cycle(_SYMBOLS),
    "decimal": str,
    "decimalZero": lambda n: f"{n:02}",
    "decimalEnclosedCircle": circled,
    "decimalEnclosedCircleChinese": circled,
    "decimalEnclosedFullstop": lambda n: chr(0x2487 + n) if n <= 20 else f"{n}.",
    "decimalEnclosedParen": lambda n: chr(0x2473 + n) if n <= 20 else f"({n})",
    "decimalFullWidth": lambda n: "".join(chr(ord(digit) + 0xFEE0) for digit in str(n)),
    "upperRoman": _roman,
    "lowerRoman": lambda n: _roman(n).lower(),
    "upperLetter": lambda n: _latin(n).upper(),
    "lowerLetter": _latin,
    "ganada": _syllable,
    "chosung": _jamo,
    "koreanDigital": lambda n: "".join(_DIGITS[int(digit)] for digit in str(n)),
    "koreanDigital2": lambda n: "".join(_DIGITS_HANJA[int(digit)] for digit in str(n)),
    "koreanCounting": lambda n: _spelled(n, _DIGITS, _TENS),
    "koreanLegal": _native,
    "chineseCounting": lambda n: _spelled(n, _DIGITS_HANJA, _TENS_HANJA),
    "ideographDigital": lambda n: "".join(_DIGITS_HANJA[int(digit)] for digit in str(n)),
    "japaneseCounting": lambda n: _spelled(n, _DIGITS_HANJA, _TENS_HANJA),
    "ideographTraditional": _cycle(_STEMS_HANJA),
    "ideographZodiac": _cycle(_BRANCHES_HANJA),
    "ordinal": lambda n: (
        f"{n}{'th' if n % 100 in (11, 12, 13) else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"
    ),
    "none": lambda n: "",
}


def written(number: int, format: str) -> str:
    """A number in a format; digits where the format is unknown or the number has no such form."""
    write = _FORMATS.get(format, str)
    return write(number) if 0 < number <= _MOST or write is circled else str(number)


@dataclass(frozen=True)
class Level:
    """How the numbers of one level look.

    Attributes:
        parts: literal texts, and levels (from 0) whose numbers stand there.
        format: of its own number.
        start: its first number.
        plain: write the numbers of other levels as digits, as legal numbering does.
    """

    parts: tuple[str | int, ...]
    format: str = "DIGIT"
    start: int = 1
    plain: bool = False


@dataclass
class Counter:
    """A numbering in use: gives each numbered paragraph its number."""

    levels: Sequence[Level]
    numbers: dict[int, int] = field(default_factory=dict)

    def next(self, level: int) -> str:
        """The next number of a level; those below begin anew."""
        if not self.levels:
            return ""
        level = min(max(level, 0), len(self.levels) - 1)
        for above in range(level):
            self.numbers.setdefault(above, self.levels[above].start)
        self.numbers[level] = self.numbers.get(level, self.levels[level].start - 1) + 1
        for below in [each for each in self.numbers if each > level]:
            del self.numbers[below]
        return self._text(level)

    def _text(self, level: int) -> str:
        own = self.levels[level]
        text = ""
        for part in own.parts:
            if isinstance(part, str):
                text += part
            elif part < len(self.levels):
                format = "DIGIT" if own.plain and part != level else self.levels[part].format
                text += written(self.numbers.get(part, self.levels[part].start), format)
        return text.strip()
