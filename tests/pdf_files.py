"""PDFs for tests, written object by object: text in an embedded face, what its layer says of it, pictures.

The face is a package's (`hangul_fonts`), cut down to the letters that are drawn. `says` maps each letter to
what the text layer says of it, so that layers can be wrong in every way that layers are.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache

import pytest
from PIL import Image

from hangul_fonts import hangul_font

A4 = (595, 842)


@dataclass
class Text:
    """A line of text: (x, y) of its baseline from the lower left, its size in points, its render mode."""

    x: float
    y: float
    said: str
    size: float = 11.0
    mode: int = 0
    turn: int = 0


@dataclass
class Picture:
    """A picture between (x, y) and (x + width, y + height)."""

    image: Image.Image
    x: float
    y: float
    width: float
    height: float


@dataclass
class Page:
    """What a page draws, in order; `more` is drawn before all of it; `extra` goes into its dictionary, each
    "@" in it being a form that draws one of `objects`."""

    drawn: Sequence[Text | Picture]
    more: str = ""
    extra: str = ""
    size: tuple[float, float] = A4
    objects: list[Text] = field(default_factory=list)


@dataclass(frozen=True)
class _Face:
    """A font cut down: its file, codes of letters, widths of codes in 1/1000 em; `outlines`: TrueType's."""

    file: bytes
    codes: dict[str, int]
    widths: dict[int, int]
    ascent: int
    descent: int
    outlines: bool


@cache
def _face(letters: str) -> _Face:
    subset, ttlib = pytest.importorskip("fontTools.subset"), pytest.importorskip("fontTools.ttLib")
    options = subset.Options(notdef_outline=True, layout_features=[], name_IDs=[])
    font = subset.load_font(str(hangul_font()), options)
    cut = subset.Subsetter(options)
    cut.populate(text=letters)
    cut.subset(font)
    file = io.BytesIO()
    font.save(file)
    outlines = "glyf" in font
    if not outlines:  # the codes of such a font are in its names
        file = io.BytesIO(ttlib.TTFont(io.BytesIO(file.getvalue())).getTableData("CFF "))
    order = {
        name: number if outlines or not name.startswith("cid") else int(name[3:])
        for number, name in enumerate(font.getGlyphOrder())
    }
    codes = {chr(code): order[name] for code, name in font.getBestCmap().items() if chr(code) in letters}
    unit = 1000 / font["head"].unitsPerEm
    widths = {order[name]: round(font["hmtx"][name][0] * unit) for name in font.getGlyphOrder()}
    line = font["hhea"]
    sizes = (round(line.ascent * unit), round(line.descent * unit))
    return _Face(file.getvalue(), codes, widths, *sizes, outlines)


def width_of(said: str, size: float) -> float:
    """How wide a text is set, in points."""
    face = _face("".join(sorted(set(said))))
    return sum(face.widths[face.codes[char]] for char in said) * size / 1000


def pdf(pages: Sequence[Page], says: Callable[[str], str | None] | None = lambda char: char) -> bytes:
    """A PDF.

    Args:
        pages: at least one.
        says: what the layer says of a letter; None for nothing; itself None: there is no ToUnicode at all.
    """
    letters = "".join(
        sorted(
            {
                char
                for page in pages
                for text in (*page.drawn, *page.objects)
                if isinstance(text, Text)
                for char in text.said
            }
        )
    )
    face = _face(letters or "가")
    objects: list[bytes] = [b"", b"", b""]  # catalogue, pages, font

    def add(body: bytes) -> int:
        objects.append(body)
        return len(objects)

    def stream(content: bytes, more: str = "") -> int:
        packed = zlib.compress(content)
        return add(
            f"<< /Length {len(packed)} /Filter /FlateDecode {more} >>\nstream\n".encode()
            + packed
            + b"\nendstream"
        )

    if face.outlines:
        program = f"/FontFile2 {stream(face.file, f'/Length1 {len(face.file)}')} 0 R"
    else:
        program = f"/FontFile3 {stream(face.file, '/Subtype /CIDFontType0C')} 0 R"
    box = f"[0 {face.descent} 1000 {face.ascent}]"
    widths = " ".join(f"{code} [{width}]" for code, width in sorted(face.widths.items()))
    kind = "/CIDFontType2 /CIDToGIDMap /Identity" if face.outlines else "/CIDFontType0"
    descriptor = add(
        f"<< /Type /FontDescriptor /FontName /ABCDEF+Test /Flags 4 /FontBBox {box} /ItalicAngle 0 "
        f"/Ascent {face.ascent} /Descent {face.descent} /CapHeight 700 /StemV 80 {program} >>".encode()
    )
    inner = add(
        f"<< /Type /Font /Subtype {kind} /BaseFont /ABCDEF+Test /CIDSystemInfo << /Registry (Adobe) "
        f"/Ordering (Identity) /Supplement 0 >> /FontDescriptor {descriptor} 0 R /DW 1000 "
        f"/W [{widths}] >>".encode()
    )
    unicode = "" if says is None else f"/ToUnicode {stream(_cmap(face.codes, says))} 0 R"
    objects[2] = (
        f"<< /Type /Font /Subtype /Type0 /BaseFont /ABCDEF+Test /Encoding /Identity-H "
        f"/DescendantFonts [{inner} 0 R] {unicode} >>".encode()
    )
    kids = []
    for page in pages:
        names, content = [], [page.more]
        for drawn in page.drawn:
            if isinstance(drawn, Text):
                codes = "".join(f"{face.codes[char]:04x}" for char in drawn.said)
                matrix = {0: "1 0 0 1", 1: "0 -1 1 0", 2: "-1 0 0 -1", 3: "0 1 -1 0"}[drawn.turn]
                place = f"{matrix} {drawn.x} {drawn.y} Tm"
                content.append(f"BT /F1 {drawn.size} Tf {drawn.mode} Tr {place} <{codes}> Tj ET")
            else:
                buffer = io.BytesIO()
                drawn.image.convert("RGB").save(buffer, "JPEG", quality=90)
                jpeg = buffer.getvalue()
                wide, high = drawn.image.size
                number = add(
                    f"<< /Type /XObject /Subtype /Image /Width {wide} /Height {high} /ColorSpace /DeviceRGB "
                    f"/BitsPerComponent 8 /Filter /DCTDecode /Length {len(jpeg)} >>\nstream\n".encode()
                    + jpeg
                    + b"\nendstream"
                )
                names.append(f"/I{number} {number} 0 R")
                content.append(f"q {drawn.width} 0 0 {drawn.height} {drawn.x} {drawn.y} cm /I{number} Do Q")
        body = stream("\n".join(content).encode())
        extra = page.extra
        for part in page.objects:
            codes = "".join(f"{face.codes[char]:04x}" for char in part.said)
            look = f"BT /F1 {part.size} Tf {part.x} {part.y} Td <{codes}> Tj ET".encode()
            kind = "/Type /XObject /Subtype /Form /BBox [0 0 400 40] /Resources << /Font << /F1 3 0 R >> >>"
            extra = extra.replace("@", f"{stream(look, kind)} 0 R", 1)
        width, height = page.size
        kids.append(
            add(
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width} {height}] /Contents {body} 0 R {extra} "
                f"/Resources << /Font << /F1 3 0 R >> /XObject << {' '.join(names)} >> >> >>".encode()
            )
        )
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[1] = (
        f"<< /Type /Pages /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] /Count {len(kids)} >>".encode()
    )
    return _written(objects)


def _written(objects: Sequence[bytes]) -> bytes:
    out, places = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += "".join(f"{place:010} 00000 n \n" for place in places).encode()
    return bytes(
        out + f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    )


def _cmap(glyphs: dict[str, int], says: Callable[[str], str | None]) -> bytes:
    """A ToUnicode map."""
    said = [(glyph, says(char)) for char, glyph in glyphs.items()]
    rows = [f"<{glyph:04x}> <{text.encode('utf-16-be').hex()}>" for glyph, text in said if text is not None]
    parts = [
        f"{len(rows[at : at + 100])} beginbfchar\n" + "\n".join(rows[at : at + 100]) + "\nendbfchar"
        for at in range(0, len(rows), 100)
    ]
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /T def /CMapType 2 def\n"
        "1 begincodespacerange <0000> <ffff> endcodespacerange\n" + "\n".join(parts) + "\nendcmap end end"
    ).encode()
