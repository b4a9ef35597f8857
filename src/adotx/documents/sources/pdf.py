"""A PDF in, its pages out, rendered when they are opened, with what is filled into forms and typed over them.

PDFium is not thread-safe, not even for two documents: every call into it is made under one lock.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from PIL import Image

from adotx.documents.readers import PageReading
from adotx.documents.sources.page import PageImage, ReadPicture
from adotx.documents.text_layer import reading_of, take_apart
from adotx.errors import AdotxError, Sentence
from adotx.vision import Limits

if TYPE_CHECKING:
    import pypdfium2

SUFFIXES = frozenset((".pdf",))
#: dots per inch at which pages are rendered
DPI = 200
_POINTS_PER_INCH = 72
# Re-entrant: the garbage collector may close one document while its thread renders another.
PDFIUM = threading.RLock()


def matches(head: bytes) -> bool:
    """Whether "%PDF-" stands anywhere in the first kilobyte, as other readers accept it."""
    return b"%PDF-" in head[:1024]


def pages(path: Path, limits: Limits, dpi: int, password: str | None = None) -> Iterator[PageImage]:
    """All pages of a PDF.

    Args:
        limits: on pixels: a page with more is rendered at a lower resolution.
        dpi: resolution of the pictures.
        password: the user's or the owner's; not used where none is needed.

    Raises:
        AdotxError: ``pdf.encrypted``, ``pdf.password``, ``pdf.damaged``, ``pdf.empty``; on opening a page
            ``pdf.page``.
    """
    document = _Document(path, password)
    for index in range(document.count):
        page = PageImage(index + 1, None)
        yield replace(
            page,
            open=partial(document.render, index, limits.max_pixels, dpi, page.missing),
            given=partial(document.given, index, limits.max_pixels, dpi, page),
        )


class _Document:
    """An open PDF, closed when the last of its pages is forgotten.

    Attributes:
        count: its pages, at least 1.
    """

    def __init__(self, path: Path, password: str | None) -> None:
        import pypdfium2

        self._path = path
        with PDFIUM:
            try:
                self._pdf = pypdfium2.PdfDocument(path, password)
                self._pdf.init_forms()  # before any page is loaded, or what is filled in is not drawn
                self.count = len(self._pdf)
            except pypdfium2.PdfiumError as error:
                if "password" not in str(error).lower():
                    raise AdotxError(
                        "pdf.damaged", "the PDF cannot be opened", str(path), "export it again"
                    ) from None
                if password is None:
                    raise AdotxError(
                        "pdf.encrypted",
                        "the PDF is protected by a password",
                        str(path),
                        "give it with {option}",
                        option="--password",
                    ) from None
                raise AdotxError(
                    "pdf.password",
                    "this is not the PDF's password",
                    str(path),
                    "check {option}",
                    option="--password",
                ) from None
        if not self.count:
            raise AdotxError("pdf.empty", "the PDF has no pages", str(path), "export it again")

    def render(self, index: int, max_pixels: int, dpi: int, missing: list[Sentence]) -> Image.Image:
        """Page `index`, from 0, as an RGB picture of its own; `missing` gets what could not be drawn."""
        import pypdfium2

        where = f"{self._path}, page {index + 1}"
        with PDFIUM:
            try:
                page = self._pdf[index]
                try:
                    width, height = page.get_size()  # in points
                    if not (width > 0 and height > 0):
                        raise AdotxError("pdf.page", "the page has no area", where, "export the PDF again")
                    largest = (max_pixels / (width * height)) ** 0.5
                    _remove_icons(page)
                    bitmap = page.render(scale=min(dpi / _POINTS_PER_INCH, largest))
                    try:
                        drawn = bitmap.to_pil().convert("RGB")  # a copy, the bitmap's memory goes
                        damaged = _damaged_pictures(page, bitmap, drawn)
                    finally:
                        bitmap.close()
                    if damaged:
                        missing.append(_damaged(damaged))
                    return drawn
                finally:
                    page.close()
            except (pypdfium2.PdfiumError, MemoryError) as error:
                raise AdotxError(
                    "pdf.page",
                    "the page cannot be rendered: {reason}",
                    where,
                    "export the PDF again",
                    reason=str(error),
                ) from None

    def given(
        self, index: int, max_pixels: int, dpi: int, page: PageImage, read: ReadPicture
    ) -> PageReading | None:
        """Page `index` as its text layer has it; None where there is none, or none to be trusted."""
        import pypdfium2

        with PDFIUM:
            try:
                extract = take_apart(self._pdf, index)
                width, height = self._pdf.get_page_size(index)
            except (pypdfium2.PdfiumError, MemoryError):
                return None  # drawing it says what is wrong
        if extract is None:
            return None
        scale = min(dpi / _POINTS_PER_INCH, (max_pixels / (width * height)) ** 0.5)
        size = (math.ceil(width * scale), math.ceil(height * scale))
        draw = partial(self.render, index, max_pixels, dpi, [])
        reading = reading_of(extract, draw, size, read, page.notes, page.missing)
        if reading is not None and extract.damaged:
            page.missing.append(_damaged(extract.damaged))
        return reading

    def __del__(self) -> None:
        if hasattr(self, "_pdf"):
            with PDFIUM:
                self._pdf.close()


def _damaged(count: int) -> Sentence:
    return Sentence("{count} damaged picture(s) could not be drawn", count=count)


def _remove_icons(page: pypdfium2.PdfPage) -> None:
    """Take the icons of comments off a page in memory: a viewer's buttons, which cover print."""
    from pypdfium2 import raw

    icons = (raw.FPDF_ANNOT_TEXT, raw.FPDF_ANNOT_POPUP, raw.FPDF_ANNOT_FILEATTACHMENT, raw.FPDF_ANNOT_SOUND)
    for index in reversed(range(raw.FPDFPage_GetAnnotCount(page))):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        raw.FPDFPage_CloseAnnot(annotation)
        if kind in icons:
            raw.FPDFPage_RemoveAnnot(page, index)


def _damaged_pictures(page: pypdfium2.PdfPage, bitmap: pypdfium2.PdfBitmap, drawn: Image.Image) -> int:
    """How many pictures of a page cannot be decoded: PDFium leaves their places empty without a word."""
    from pypdfium2 import raw

    places = bitmap.get_posconv(page)
    damaged = 0
    for picture in page.get_objects((raw.FPDF_PAGEOBJ_IMAGE,)):
        box = (0, 0, *drawn.size)
        if picture.container is None:  # else its bounds are those of the form that it is a part of
            left, bottom, right, top = picture.get_bounds()
            (x0, y0), (x1, y1) = places.to_bitmap(left, bottom), places.to_bitmap(right, top)
            box = min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
        # Decoding takes as long as drawing, so only what looks empty is looked at.
        if not _is_even(drawn.crop(box)):
            continue
        decoded = raw.FPDFImageObj_GetBitmap(picture)
        if decoded:
            raw.FPDFBitmap_Destroy(decoded)
        damaged += not decoded
    return damaged


def _is_even(picture: Image.Image) -> bool:
    """Whether all pixels are the same; so are those of no pixels."""
    if not picture.width * picture.height:
        return True
    bands = cast("tuple[tuple[int, int], ...]", picture.getextrema())  # of an RGB picture
    return all(low == high for low, high in bands)
