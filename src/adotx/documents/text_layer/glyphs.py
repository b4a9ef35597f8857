"""A page of a PDF in, the glyphs of its text layer where they stand out.

Out: `Glyphs`, arrays with a place for each character in the order in which the file draws them, in pixels of
an upright picture of the page. What PDFium has added of its own (blanks, ends of lines) is left out. Whoever
calls holds PDFium's lock. Judges nothing.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pypdfium2

#: more characters than any page that people read has
MOST_GLYPHS = 200_000
_SPACES = frozenset((9, 10, 13, 32, 160, 0x3000, *range(0x2000, 0x200B)))
_BOLD = 600
_BOLD_NAMES = ("bold", "black", "heavy", "extrab", "semib", "demib")
_INVISIBLE, _STROKED = 3, (2, 6)
_FIXED_PITCH = 1
_FIXED_NAMES, _SYMBOL_NAMES = ("mono", "courier", "consol", "coding"), ("dingbat", "wingding", "symbol")
# Scans lie askew by so many degrees, and what is written into them with them; watermarks by more.
_ASKEW = 12.0


@dataclass(frozen=True)
class Face:
    """The font of some glyphs.

    Attributes:
        name: as the file has it.
        embedded: whether its shapes are in the file.
        bold: by its name, weight, or strokes around its letters.
        fixed: all of its letters are equally wide.
        symbols: its letters are signs: what they are called says nothing.
    """

    name: str
    embedded: bool = True
    bold: bool = False
    fixed: bool = False
    symbols: bool = False


@dataclass
class Glyphs:
    """Characters that are drawn on a page; all arrays are as long.

    Attributes:
        codes: int64 [n], code points as the file has them.
        broken: bool [n]: PDFium found no character for what is drawn.
        boxes: float64 [n, 4], (x0, y0, x1, y1) of the shape; of blanks, their room.
        rooms: float64 [n, 4], from where the glyph begins to where the next one does.
        bases: float64 [n], where the baseline is, across the direction of writing.
        ems: float64 [n], pixels per em.
        turns: int64 [n], quarter turns clockwise of the direction of writing; -1 for askew.
        faces: int64 [n], places in `fonts`.
        visible: bool [n], False for what is drawn invisibly, as OCR programs do.
        fonts: the fonts.
        objects: int64 [n], numbers of the operations that draw them.
    """

    codes: np.ndarray
    broken: np.ndarray
    boxes: np.ndarray
    rooms: np.ndarray
    bases: np.ndarray
    ems: np.ndarray
    turns: np.ndarray
    faces: np.ndarray
    visible: np.ndarray
    fonts: list[Face]
    objects: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, chosen: np.ndarray) -> Glyphs:
        arrays = {
            each.name: getattr(self, each.name)[chosen] for each in fields(self) if each.name != "fonts"
        }
        return replace(self, **arrays)

    def scaled(self, scale: float) -> Glyphs:
        """The same on a picture that is so many times as large."""
        places = {name: getattr(self, name) * scale for name in ("boxes", "rooms", "bases", "ems")}
        return replace(self, **places)

    @cached_property
    def blank(self) -> np.ndarray:
        """bool [n]: white space."""
        return np.isin(self.codes, list(_SPACES))


def device_matrix(page: pypdfium2.PdfPage, scale: float) -> np.ndarray:
    """float64 [2, 3]: (x, y, 1) of the page, in points, -> pixels of its picture at `scale` pixels a point,
    its box and rotation heeded."""
    from pypdfium2 import raw

    width, height = page.get_size()
    # PDFium gives whole pixels, so it is asked about a very large picture.
    large = 1 << 20
    across, down = ctypes.c_int(), ctypes.c_int()
    at = []
    for x, y in ((0.0, 0.0), (100.0, 0.0), (0.0, 100.0)):
        raw.FPDF_PageToDevice(page, 0, 0, large, large, 0, x, y, across, down)
        at.append((across.value * width / large, down.value * height / large))
    origin = np.array(at[0])
    columns = [(np.array(at[1]) - origin) / 100, (np.array(at[2]) - origin) / 100, origin]
    return scale * np.stack(columns, 1)


def read_glyphs(page: pypdfium2.PdfPage, matrix: np.ndarray) -> Glyphs:
    """The glyphs of a page, those outside of its picture too.

    Args:
        page: open.
        matrix: of `device_matrix`.
    """
    from pypdfium2 import raw

    text = raw.FPDFText_LoadPage(page)
    try:
        return _read(raw, text, matrix)
    finally:
        raw.FPDFText_ClosePage(text)


def _read(raw: Any, text: Any, matrix: np.ndarray) -> Glyphs:
    count = min(max(raw.FPDFText_CountChars(text), 0), MOST_GLYPHS)
    operations = _Operations(raw, text)
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    edges = [ctypes.byref(edge) for edge in (left, right, bottom, top)]
    room = raw.FS_RECTF()
    room_at = ctypes.byref(room)
    codes: list[int] = []
    broken: list[bool] = []
    numbers: list[int] = []
    boxes: list[tuple[float, float, float, float]] = []
    rooms: list[tuple[float, float, float, float]] = []
    for index in range(count):
        code = raw.FPDFText_GetUnicode(text, index)
        if code in _SPACES and raw.FPDFText_IsGenerated(text, index) == 1:
            continue
        raw.FPDFText_GetCharBox(text, index, *edges)
        raw.FPDFText_GetLooseCharBox(text, index, room_at)
        # What ends a line is a sign of PDFium's own to it, whatever the file has.
        if code in (2, 0xFFFE) and raw.FPDFText_IsHyphen(text, index) == 1:
            code = 0xAD
        codes.append(code)
        broken.append(code < 32 or (code >= 0x80 and raw.FPDFText_HasUnicodeMapError(text, index) == 1))
        numbers.append(operations.number(index))
        boxes.append((left.value, bottom.value, right.value, top.value))
        rooms.append((room.left, room.bottom, room.right, room.top))
    objects = np.array(numbers, np.int64)
    place = _mapped(np.array(boxes).reshape(-1, 4), matrix)
    places = _mapped(np.array(rooms).reshape(-1, 4), matrix)
    blank = (place[:, 2] <= place[:, 0]) | (place[:, 3] <= place[:, 1])
    place[blank] = places[blank]
    ems, turns, bases = (each[objects] for each in operations.measured(matrix))
    _share_out(place, places, objects, turns)
    return Glyphs(
        np.array(codes, np.int64),
        np.array(broken, bool),
        place,
        places,
        bases,
        ems,
        turns,
        np.array(operations.faces, np.int64)[objects],
        np.array(operations.visible, bool)[objects],
        operations.fonts,
        objects,
    )


def _mapped(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Boxes (left, bottom, right, top) of the page as (x0, y0, x1, y1) of its picture."""
    corners = [
        np.stack([boxes[:, x], boxes[:, y], np.ones(len(boxes))], 1) @ matrix.T
        for x in (0, 2)
        for y in (1, 3)
    ]
    every = np.stack(corners)
    return np.concatenate([every.min(0), every.max(0)], 1)


def _share_out(boxes: np.ndarray, rooms: np.ndarray, objects: np.ndarray, turns: np.ndarray) -> None:
    """Part the place of each ligature, whose letters all have the whole of it, among them."""
    same = np.all(rooms[1:] == rooms[:-1], 1) & (objects[1:] == objects[:-1])
    edge = np.diff(np.concatenate([[0], same.astype(np.int8), [0]]))
    for start, end in zip(
        np.flatnonzero(edge == 1).tolist(), np.flatnonzero(edge == -1).tolist(), strict=True
    ):
        run = np.arange(start, end + 1)
        for places in (boxes, rooms):
            low, high = (0, 2) if turns[run[0]] in (-1, 0, 2) else (1, 3)
            edges = np.linspace(places[run[0], low], places[run[0], high], len(run) + 1)
            order = run[::-1] if turns[run[0]] in (2, 3) else run
            places[order, low], places[order, high] = edges[:-1], edges[1:]


class _Operations:
    """What the glyphs of one drawing operation share; asked for once each.

    Attributes:
        faces, visible: of each operation.
        fonts: what `faces` are places in.
    """

    def __init__(self, raw: Any, text: Any) -> None:
        self._raw, self._text = raw, text
        # The pointer itself: making an object of it takes longer than all else.
        prototype = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
        self._object_of = ctypes.cast(raw.FPDFText_GetTextObject, prototype)
        self._address = ctypes.cast(text, ctypes.c_void_p)
        self._known: dict[int | None, int] = {}
        self._fonts: dict[tuple[int, bool], int] = {}
        self._rows: list[tuple[float, ...]] = []
        self.faces: list[int] = []
        self.visible: list[bool] = []
        self.fonts: list[Face] = []

    def number(self, index: int) -> int:
        """The number of the operation that draws a character."""
        key = self._object_of(self._address, index)
        number = self._known.get(key)
        if number is None:
            number = self._known[key] = len(self._rows)
            self._look(index)
        return number

    def measured(self, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(em, quarter turns, baseline) of each operation."""
        rows = np.array(self._rows, np.float64).reshape(-1, 7)
        size, a, b, c, d, x, y = rows.T
        linear, sign = matrix[:, :2], np.where(size < 0, -1.0, 1.0)
        along, up = linear @ np.stack([a * sign, b * sign]), linear @ np.stack([c, d])
        ems = np.maximum(np.abs(size) * np.hypot(*up), 1e-3)
        angle = np.degrees(np.arctan2(along[1], along[0]))
        quarters = np.round(angle / 90)
        turns = np.where(np.abs(angle - 90 * quarters) <= _ASKEW, quarters % 4, -1).astype(np.int64)
        at = linear @ np.stack([x, y]) + matrix[:, 2:]
        # Measured in the direction that is down for whoever reads.
        bases = np.select([turns == 1, turns == 2, turns == 3], [-at[0], -at[1], at[0]], at[1])
        return ems, turns, bases

    def _look(self, index: int) -> None:
        raw, text = self._raw, self._text
        matrix = raw.FS_MATRIX()
        raw.FPDFText_GetMatrix(text, index, matrix)
        x, y = ctypes.c_double(), ctypes.c_double()
        raw.FPDFText_GetCharOrigin(text, index, x, y)
        size = raw.FPDFText_GetFontSize(text, index)
        drawn = raw.FPDFText_GetTextObject(text, index)
        mode = raw.FPDFTextObj_GetTextRenderMode(drawn) if drawn else 0
        self._rows.append((size, matrix.a, matrix.b, matrix.c, matrix.d, x.value, y.value))
        self.faces.append(self._face(drawn, mode in _STROKED))
        self.visible.append(mode != _INVISIBLE)

    def _face(self, drawn: Any, stroked: bool) -> int:
        raw = self._raw
        font = raw.FPDFTextObj_GetFont(drawn) if drawn else None
        key = (ctypes.addressof(font.contents) if font else 0, stroked)
        if key not in self._fonts:
            self._fonts[key] = len(self.fonts)
            self.fonts.append(_font(raw, font, stroked) if font else Face("", bold=stroked))
        return self._fonts[key]


def _font(raw: Any, font: Any, stroked: bool) -> Face:
    buffer = ctypes.create_string_buffer(256)
    raw.FPDFFont_GetBaseFontName(font, buffer, 256)
    whole = buffer.value.decode("utf-8", "replace")
    name = whole.partition("+")[2] or whole
    low = name.lower()
    flags = max(raw.FPDFFont_GetFlags(font), 0)
    return Face(
        name,
        raw.FPDFFont_GetIsEmbedded(font) == 1,
        stroked or any(word in low for word in _BOLD_NAMES) or raw.FPDFFont_GetWeight(font) >= _BOLD,
        bool(flags & _FIXED_PITCH) or any(word in low for word in _FIXED_NAMES),
        any(word in low for word in _SYMBOL_NAMES),
    )
