"""An open page of a PDF in, all that its text layer is judged and laid out by: glyphs, pictures, fields.

Calls PDFium, whose lock whoever calls holds. What is filled into forms and typed over the page is made part
of it first, so that it has glyphs and places like all else. Judges nothing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from adotx.documents.text_layer.glyphs import Glyphs, device_matrix, read_glyphs
from adotx.documents.text_layer.ink import Drawn
from adotx.documents.text_layer.vertical import as_written

if TYPE_CHECKING:
    import pypdfium2

# Pixels per em at which a page is laid out, pixels per point at which that may be, pixels of a page at most.
_EM, _SCALES, _MOST_PIXELS = 21.0, (1.4, 20.0), 9_000_000
# Pictures inside of forms inside of forms: deeper ones are left out.
_DEPTH = 8
#: more objects than that are a drawing or a map, which is slow to take apart
MOST_OBJECTS = 60_000
Box = tuple[float, float, float, float]
_SAME = np.eye(3)


@dataclass
class Tick:
    """A field to be ticked: where, in pixels of the layout; whether it is."""

    box: Box
    on: bool


@dataclass
class Extract:
    """A page taken apart.

    Attributes:
        glyphs: those that lie on it.
        drawn: pictures of it with and without its text.
        pictures: boxes of its pictures.
        ticks: its fields to be ticked.
        typed: boxes of what somebody has typed over it.
        damaged: how many of its pictures cannot be decoded.
        scale: pixels of the layout per point.
        size: (width, height) of the page in pixels of the layout.
    """

    glyphs: Glyphs
    drawn: Drawn
    pictures: list[Box]
    scale: float
    size: tuple[int, int]
    ticks: list[Tick] = field(default_factory=list)
    typed: list[Box] = field(default_factory=list)
    damaged: int = 0


def take_apart(document: pypdfium2.PdfDocument, index: int) -> Extract | None:
    """Page `index`, from 0, of an open PDF; None where it has no text.

    Raises:
        pypdfium2.PdfiumError: the page cannot be had.
    """
    page = document[index]
    try:
        ticks, typed = list(_ticks(document, page)), list(_typed(page))
        if _make_part(page):
            page.close()
            page = document[index]
        glyphs = as_written(read_glyphs(page, device_matrix(page, 1.0)))
        if not (~glyphs.blank).any():
            return None
        scale = _scale(page.get_size(), glyphs)
        matrix = device_matrix(page, scale)
        # What lies outside of the page's box is on no page that anyone sees.
        glyphs = _on_page(glyphs.scaled(scale), page, scale)
        drawn, size = _drawn(page, scale)
        found = list(_pictures(page, matrix, drawn.rest))
        pictures, damaged = [box for box, whole in found if whole], sum(not whole for _, whole in found)
        for tick in ticks:
            tick.box = _mapped(tick.box, matrix)
        typed = [_mapped(box, matrix) for box in typed]
        return Extract(glyphs, drawn, pictures, scale, size, ticks, typed, damaged)
    finally:
        page.close()


def _scale(size: tuple[float, float], glyphs: Glyphs) -> float:
    em = float(np.median(glyphs.ems[~glyphs.blank]))
    most = (_MOST_PIXELS / max(size[0] * size[1], 1.0)) ** 0.5
    return float(min(np.clip(_EM / max(em, 0.1), *_SCALES), most))


def _on_page(glyphs: Glyphs, page: pypdfium2.PdfPage, scale: float) -> Glyphs:
    width, height = (side * scale for side in page.get_size())
    x, y = glyphs.boxes[:, [0, 2]].mean(1), glyphs.boxes[:, [1, 3]].mean(1)
    return glyphs[(x >= 0) & (x <= width) & (y >= 0) & (y <= height)]


def _drawn(page: pypdfium2.PdfPage, scale: float) -> tuple[Drawn, tuple[int, int]]:
    """The page in grey, with and without its text."""
    from pypdfium2 import raw

    whole = _rendered(page, scale)
    texts = [drawn for kind, drawn, _ in _objects(page) if kind == raw.FPDF_PAGEOBJ_TEXT]
    for text in texts:
        raw.FPDFPageObj_SetIsActive(text, False)
    rest = _rendered(page, scale)
    for text in texts:
        raw.FPDFPageObj_SetIsActive(text, True)
    return Drawn(whole, rest), (whole.shape[1], whole.shape[0])


def _objects(page: pypdfium2.PdfPage) -> Iterator[tuple[int, Any, np.ndarray]]:
    """(kind, object, matrix [3, 3] to the page) of what a page draws, that inside of forms too;
    `MOST_OBJECTS` at most."""
    from pypdfium2 import raw

    count = 0
    todo: list[tuple[Any, int, np.ndarray]] = [
        (raw.FPDFPage_GetObject(page, index), 0, _SAME) for index in range(raw.FPDFPage_CountObjects(page))
    ]
    todo.reverse()
    while todo and count < MOST_OBJECTS:
        drawn, depth, matrix = todo.pop()
        kind = raw.FPDFPageObj_GetType(drawn)
        if kind == raw.FPDF_PAGEOBJ_FORM and depth < _DEPTH:
            inner = range(raw.FPDFFormObj_CountObjects(drawn))
            own = _within(matrix, drawn)
            todo += [(raw.FPDFFormObj_GetObject(drawn, index), depth + 1, own) for index in reversed(inner)]
        count += 1
        yield kind, drawn, matrix


def _within(matrix: np.ndarray, form: Any) -> np.ndarray:
    """The way to the page from inside of a form whose own way there is `matrix`."""
    from pypdfium2 import raw

    own = raw.FS_MATRIX()
    if not raw.FPDFPageObj_GetMatrix(form, ctypes.byref(own)):
        return matrix
    inner = np.array([[own.a, own.c, own.e], [own.b, own.d, own.f], [0.0, 0.0, 1.0]])
    return np.asarray(matrix @ inner)


def _rendered(page: pypdfium2.PdfPage, scale: float) -> np.ndarray:
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        return np.array(bitmap.to_numpy(), np.uint8).reshape(bitmap.height, bitmap.width)
    finally:
        bitmap.close()


def _pictures(page: pypdfium2.PdfPage, matrix: np.ndarray, rest: np.ndarray) -> Iterator[tuple[Box, bool]]:
    """The boxes of a page's pictures, as far as they are on it, and whether each can be decoded."""
    from pypdfium2 import raw

    height, width = rest.shape
    edges = [ctypes.c_float() for _ in range(4)]
    for kind, picture, inside in _objects(page):
        if kind != raw.FPDF_PAGEOBJ_IMAGE or not raw.FPDFPageObj_GetBounds(picture, *edges):
            continue
        left, bottom, right, top = (edge.value for edge in edges)
        x0, y0, x1, y1 = _mapped((left, bottom, right, top), matrix @ inside)
        x0, y0, x1, y1 = max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
        if x1 > x0 and y1 > y0:
            inside = rest[int(y0) : int(y1) + 1, int(x0) : int(x1) + 1]
            # Decoding takes as long as drawing, so only what looks empty is looked at.
            yield (x0, y0, x1, y1), inside.min() < inside.max() or _decodes(picture)


def _decodes(picture: Any) -> bool:
    from pypdfium2 import raw

    bitmap = raw.FPDFImageObj_GetBitmap(picture)
    if bitmap:
        raw.FPDFBitmap_Destroy(bitmap)
    return bool(bitmap)


def _mapped(box: Box, matrix: np.ndarray) -> Box:
    """A box (left, bottom, right, top) of the page in pixels."""
    corners = np.array([(x, y, 1.0) for x in (box[0], box[2]) for y in (box[1], box[3])]) @ matrix.T
    (x0, y0), (x1, y1) = corners.min(0).tolist(), corners.max(0).tolist()
    return x0, y0, x1, y1


# Annotations ----------------------------------------------------------------------------------------------


def _subtypes(page: pypdfium2.PdfPage) -> Iterator[tuple[int, Any]]:
    """(subtype, annotation) of each annotation of a page, open for as long as it is looked at."""
    from pypdfium2 import raw

    for index in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        if not annotation:
            continue
        try:
            yield raw.FPDFAnnot_GetSubtype(annotation), annotation
        finally:
            raw.FPDFPage_CloseAnnot(annotation)


def _ticks(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage) -> Iterator[Tick]:
    """The fields of a page that are there to be ticked; boxes in points."""
    from pypdfium2 import raw

    form = document.formenv
    if form is None:
        return
    kinds = (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON)
    for subtype, annotation in _subtypes(page):
        if subtype != raw.FPDF_ANNOT_WIDGET:
            continue
        kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
        rect = raw.FS_RECTF()
        if kind in kinds and raw.FPDFAnnot_GetRect(annotation, ctypes.byref(rect)):
            on = raw.FPDFAnnot_IsChecked(form, annotation) == 1
            yield Tick((rect.left, rect.bottom, rect.right, rect.top), on)


def _typed(page: pypdfium2.PdfPage) -> Iterator[Box]:
    """The boxes of what is typed over a page, in points."""
    from pypdfium2 import raw

    for subtype, annotation in _subtypes(page):
        rect = raw.FS_RECTF()
        if subtype == raw.FPDF_ANNOT_FREETEXT and raw.FPDFAnnot_GetRect(annotation, ctypes.byref(rect)):
            yield rect.left, rect.bottom, rect.right, rect.top


def _make_part(page: pypdfium2.PdfPage) -> bool:
    """Make what is filled in and typed over a page part of its contents; whether there was anything."""
    from pypdfium2 import raw

    without = (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP)
    if all(subtype in without for subtype, _ in _subtypes(page)):
        return False
    return bool(raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY) == raw.FLATTEN_SUCCESS)
