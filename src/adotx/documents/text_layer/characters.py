"""What a text layer's code points say, and which of them say nothing.

In: code points, as arrays. Out: the text of each as it is meant (ligatures as letters, signs of symbol fonts
as signs, radicals as the Hanja they look like), and which cannot be what is drawn. Knows no geometry.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

import numpy as np

# Wingdings and Symbol put their signs into the private area at F000 plus their code.
_SYMBOLS = {
    **dict.fromkeys((0xB7, 0x6C, 0x9F, 0xA8A8), "•"),
    **{0xA7: "▪", 0x6E: "■", 0x6F: "□", 0xA8: "□", 0x71: "□", 0x75: "◆", 0x76: "❖", 0xD8: "➢", 0xE0: "→"},
    **{0xFC: "✓", 0xFB: "✗", 0xFE: "☑", 0xFD: "☒", 0x2A: "*", 0x2D: "-", 0x20: " ", 0xA1: "○", 0xA4: "◎"},
}
_PRIVATE = ((0xE000, 0xF8FF), (0xF0000, 0xFFFFD), (0x100000, 0x10FFFD))
_NOTHING = frozenset((0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF))
_RADICALS = (0x2E80, 0x2FDF)
_LIGATURES = (0xFB00, 0xFB06)
_JAMO = re.compile("[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]+|\\w[\u0300-\u036f]+")
_PARTS = ((0x300, 0x36F), (0x1100, 0x11FF), (0xA960, 0xA97F), (0xD7B0, 0xD7FF))
# Names of glyphs, or numbers of them, where their characters ought to be.
_GLYPH_NAMES = re.compile(
    r"\(cid:\d+\)|/?\b(?:glyph|gid|cid|index|uni|[gGcC])_?(?:[0-9A-F]{4}|\d{1,5})\b(?=$|[\s/(gGcCu])|/[A-Z][0-9A-F]{2}\b",
)
_MOST_NAMES = 0.15


@cache
def text_of(code: int) -> str:
    """What a code point says; "" for what says nothing."""
    if 0xF000 <= code <= 0xF0FF:
        return _SYMBOLS.get(code - 0xF000, "")
    if code < 32 or code in _NOTHING or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF or 0x7F <= code < 0xA0:
        return ""
    char = chr(code)
    if _LIGATURES[0] <= code <= _LIGATURES[1] or _RADICALS[0] <= code <= _RADICALS[1]:
        return unicodedata.normalize("NFKC", char)
    return "" if _is_bad(code) else char


@cache
def _is_bad(code: int) -> bool:
    """Whether a code point cannot be the character of anything that is drawn."""
    if 0xF000 <= code <= 0xF0FF and code - 0xF000 in _SYMBOLS:
        return False
    if code < 32 or 0x7F <= code < 0xA0 or code > 0x10FFFF or code in (0xFFFD, 0xFFFE, 0xFFFF):
        return True
    if any(low <= code <= high for low, high in _PRIVATE):
        return True
    return unicodedata.category(chr(code)) in ("Cn", "Cs")


def bad(codes: np.ndarray) -> np.ndarray:
    """bool [n]: code points that say nothing of what is drawn: control characters, private ones, none."""
    found, back = np.unique(codes, return_inverse=True)
    return np.array([_is_bad(code) for code in found.tolist()], bool)[back]


def has_parts(codes: np.ndarray) -> bool:
    """Whether some code points are parts of letters, which `composed` is for."""
    return any(bool(((codes >= low) & (codes <= high)).any()) for low, high in _PARTS)


def composed(text: str) -> str:
    """Letters that are written in parts, such as jamo, as the letters they make; all else as it is."""
    return _JAMO.sub(lambda found: unicodedata.normalize("NFC", found[0]), text)


def names_glyphs(text: str) -> bool:
    """Whether much of a text is names or numbers of glyphs."""
    named = sum(len(found[0]) for found in _GLYPH_NAMES.finditer(text))
    return named > _MOST_NAMES * max(len(text.replace(" ", "")), 1) and named > 20


def is_mistaken(text: str) -> bool:
    """Whether a text is Korean whose bytes were taken for those of Western letters."""
    western = [char for char in text if 0x80 <= ord(char) < 0x250]
    if len(western) < 0.3 * max(len(text), 1) or len(western) < 8:
        return False
    for reading in ("cp1252", "latin-1"):
        try:
            raw = text.encode(reading, "ignore")
        except UnicodeError:
            continue
        for meant in ("cp949", "utf-8"):
            decoded = raw.decode(meant, "ignore")
            hangul = sum("가" <= char <= "힣" for char in decoded)
            if hangul > 0.25 * len(raw) / (2 if meant == "cp949" else 3) and hangul >= 4:
                return True
    return False
