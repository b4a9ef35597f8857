"""The glyph alphabet of the reading stages: the class of a character where every timestep of a row has one.

A Hangul syllable is three labels (initial, medial, final: Unicode 15, section 3.12), so a syllable never seen
in training is still read from parts that were; every other character of `SYMBOLS` is one class beside the
nineteen initials. Knows nothing of images, fonts or models.
"""

from __future__ import annotations

BLANK = 0
INITIALS, MEDIALS, FINALS = 19, 21, 28

SYMBOLS = (
    "".join(chr(c) for c in range(0x21, 0x7F))
    + "".join(chr(c) for c in range(0x3131, 0x3164))  # compatibility jamo
    + "·…“”‘’「」『』《》〈〉【】〔〕→←↑↓↔⇒※○●◎□■△▲▽▼◇◆★☆①②③④⑤⑥⑦⑧⑨⑩"
    + "–—×÷±°℃₩€£¥©®™§¶•◦‣✓✔☑☐≤≥≠≈∞∑√µαβγδπλσ²³½㎡㎏㎝㎞"
)
_SYMBOL_CLASS = {c: 1 + INITIALS + i for i, c in enumerate(SYMBOLS)}
#: blank, nineteen initials, the symbols
FIRST_CLASSES = 1 + INITIALS + len(SYMBOLS)
#: label of the medial and final heads where there is no syllable
IGNORE = -100


def classes(char: str) -> tuple[int, int, int] | None:
    """(first, medial, final) of one character, None outside the alphabet.

    Medial and final are IGNORE off Hangul.
    """
    index = ord(char) - 0xAC00
    if 0 <= index < INITIALS * MEDIALS * FINALS:
        return 1 + index // (MEDIALS * FINALS), index // FINALS % MEDIALS, index % FINALS
    first = _SYMBOL_CLASS.get(char)
    return None if first is None else (first, IGNORE, IGNORE)


def character(first: int, medial: int, final: int) -> str:
    """The character of three predicted classes; '' for blank."""
    if first == BLANK:
        return ""
    if first <= INITIALS:
        return chr(0xAC00 + ((first - 1) * MEDIALS + medial) * FINALS + final)
    return SYMBOLS[first - 1 - INITIALS]


def readable(text: str) -> str:
    """The text without characters outside the alphabet; spaces stay."""
    return "".join(c for c in text if c == " " or classes(c) is not None)
