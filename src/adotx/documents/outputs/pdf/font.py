"""A font that draws nothing: what is set in it is not seen, but can be found, marked and copied.

In: texts. Out: their codes, and a composite font (Type0, Identity-H, CIDFontType2) with a TrueType program of
two glyphs, each a line without area, and a ToUnicode map of the letters that were used. Wide letters (Hangul,
Hanja) are an em wide, others half of one. The glyphs are not empty because PDFium leaves out text whose box
is. Knows no pages.
"""

from __future__ import annotations

import struct
import unicodedata
import zlib

from adotx.documents.outputs.pdf.objects import Name, PdfFile

#: Of the em: how far the box of a line reaches above and below its base line. Less than the em together: type
#: is larger than its ink, and programs tell by its size which lines are close enough to be of one column.
ASCENT, DESCENT = 0.48, 0.12
_WIDE, _NARROW = 1000, 500
_NAME = Name("ADOTXA+Invisible")
_PRIVATE = range(0xE000, 0xF900)


def advance(char: str) -> float:
    """The width of a letter in em."""
    return (_WIDE if unicodedata.east_asian_width(char) in "WF" else _NARROW) / 1000


def width_of(text: str) -> float:
    """The width of a text in em."""
    return sum(map(advance, text))


class InvisibleFont:
    """The font of one file.

    Codes are the letters' own in Unicode, so that the map back to them is a few ranges: on a small page a map
    of letters weighs more than its text. Letters that have none of two bytes get one of the private area.

    Attributes:
        ref: of the font, which is written by `write` after all texts are known.
    """

    def __init__(self, pdf: PdfFile) -> None:
        self.ref = pdf.reserve()
        self._pdf = pdf
        self._used: set[int] = set()
        self._private: dict[str, int] = {}

    def encoded(self, text: str) -> bytes:
        """The codes of a text, two bytes a letter."""
        return b"".join(struct.pack(">H", self._code(char)) for char in text)

    def _code(self, char: str) -> int:
        code = ord(char)
        if 0 < code < 0xD800 or _PRIVATE.stop <= code < 0xFFFE:
            self._used.add(code)
            return code
        if char not in self._private and len(self._private) >= len(_PRIVATE):
            return self._code("\ufffd")
        return self._private.setdefault(char, _PRIVATE[len(self._private)])

    def write(self) -> None:
        """Write the font."""
        pdf = self._pdf
        program = _program()
        above, below = round(1000 * ASCENT), round(-1000 * DESCENT)
        descriptor = {
            "Type": Name("FontDescriptor"), "FontName": _NAME, "Flags": 4, "ItalicAngle": 0, "StemV": 80,
            "FontBBox": [0, below, 1000, above], "Ascent": above, "Descent": below, "CapHeight": above,
            "FontFile2": pdf.add_stream(program, {"Length1": len(program)}, pack=True),
        }  # fmt: skip
        runs = self._runs()
        # Codes of narrow letters are glyph 1, those of wide ones glyph 2.
        glyphs = b"".join(
            struct.pack(">H", 2 if wide else 1) * (last - first + 1) for first, last, wide in runs
        )
        # Twice: a run of zeros takes a byte for each thousand once, and those are all the same.
        twice = {"Filter": [Name("FlateDecode")] * 2}
        to_glyph = pdf.add_stream(zlib.compress(zlib.compress(glyphs, 9), 9), twice)
        narrow = [each for first, last, wide in runs if not wide for each in (first, last, _NARROW)]
        descendant = {
            "Type": Name("Font"), "Subtype": Name("CIDFontType2"), "BaseFont": _NAME,
            "CIDSystemInfo": {"Registry": "Adobe", "Ordering": "Identity", "Supplement": 0},
            "FontDescriptor": pdf.add(descriptor), "DW": _WIDE, "W": narrow, "CIDToGIDMap": to_glyph,
        }  # fmt: skip
        font = {
            "Type": Name("Font"), "Subtype": Name("Type0"), "BaseFont": _NAME, "Encoding": Name("Identity-H"),
            "DescendantFonts": [pdf.add(descendant)],
            "ToUnicode": pdf.add_stream(self._to_unicode(), {}, pack=True),
        }  # fmt: skip
        pdf.add(font, at=self.ref)

    def _runs(self) -> list[tuple[int, int, bool]]:
        """(first, last, whether its letters are wide) of runs of codes from 0; unused ones go with their
        neighbours."""
        letters = {code: chr(code) for code in self._used} | {
            code: char for char, code in self._private.items()
        }
        runs = [(0, 0, False)]
        for code in sorted(letters):
            wide = advance(letters[code]) == 1.0
            first, last, before = runs[-1]
            if wide == before:
                runs[-1] = (first, code, wide)
            else:
                runs.append((last + 1, code, wide))
        return runs

    def _to_unicode(self) -> bytes:
        lines = [
            "/CIDInit/ProcSet findresource begin 12 dict begin begincmap/CMapType 2 def",
            "1 begincodespacerange<0000><ffff>endcodespacerange",
        ]
        # A range may not go over its last byte.
        ranges = [
            f"<{high:02x}00><{high:02x}ff><{high:02x}00>" for high in sorted({c >> 8 for c in self._used})
        ]
        own = [
            f"<{code:04x}><{char.encode('utf-16-be', 'replace').hex()}>"
            for char, code in self._private.items()
        ]
        for kind, entries in (("range", ranges), ("char", own)):
            for at in range(0, len(entries), 100):  # as many as a block may have
                some = entries[at : at + 100]
                lines.append(f"{len(some)} beginbf{kind}{''.join(some)}endbf{kind}")
        lines.append("endcmap end end")
        return "\n".join(lines).encode("ascii")


def _program() -> bytes:
    """A TrueType font (ISO/IEC 14496-22): nothing, and two glyphs that are a line from corner to corner."""
    ascent, descent = round(1000 * ASCENT), round(-1000 * DESCENT)
    lines = b""
    for width in (_NARROW, _WIDE):
        # One contour of two points; flags 1: on the curve, places as differences of two bytes each.
        box = struct.pack(">hhhhh", 1, 0, descent, width, ascent)
        lines += box + struct.pack(">HHBBhhhh", 1, 0, 1, 1, 0, width, descent, ascent - descent)
    each = len(lines) // 2
    head = struct.pack(
        ">IIIIHHQQhhhhHHhhh", 0x00010000, 0x00010000, 0, 0x5F0F3CF5, 0b1011, 1000, 0, 0,
        0, descent, 1000, ascent, 0, 8, 2, 1, 0,
    )  # fmt: skip
    hhea = struct.pack(">IhhhH11hH", 0x00010000, ascent, descent, 0, 1000, *[0] * 11, 3)
    maxp = struct.pack(">IH13H", 0x00010000, 3, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
    metrics = struct.pack(">HhHhHh", _NARROW, 0, _NARROW, 0, _WIDE, 0)
    tables = {
        b"glyf": lines, b"head": head, b"hhea": hhea, b"hmtx": metrics,
        b"loca": struct.pack(">IIII", 0, 0, each, 2 * each), b"maxp": maxp,
    }  # fmt: skip
    start = 12 + 16 * len(tables)
    directory, body = struct.pack(">IHHHH", 0x00010000, len(tables), 64, 2, 16 * len(tables) - 64), b""
    for tag, data in tables.items():
        padded = data + bytes(-len(data) % 4)
        total = sum(struct.unpack(f">{len(padded) // 4}I", padded)) & 0xFFFFFFFF
        directory += struct.pack(">4sIII", tag, total, start + len(body), len(data))
        body += padded
    whole = bytearray(directory + body)
    adjustment = (0xB1B0AFBA - sum(struct.unpack(f">{len(whole) // 4}I", whole))) & 0xFFFFFFFF
    at = whole.index(struct.pack(">I", 0x5F0F3CF5)) - 4
    whole[at : at + 4] = struct.pack(">I", adjustment)
    return bytes(whole)
