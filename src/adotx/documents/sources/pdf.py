"""A PDF in, its pages out, rendered when they are opened.

PDFium is not thread-safe, not even for two documents: every call into it is made under one lock.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PIL import Image

from adotx.documents.sources.page import PageImage
from adotx.errors import AdotxError
from adotx.vision import Limits

SUFFIXES = frozenset((".pdf",))
#: dots per inch at which pages are rendered
DPI = 200
_POINTS_PER_INCH = 72
# Re-entrant: the garbage collector may close one document while its thread renders another.
_PDFIUM = threading.RLock()


def matches(head: bytes) -> bool:
    """Whether "%PDF-" stands anywhere in the first kilobyte, as other readers accept it."""
    return b"%PDF-" in head[:1024]


def pages(path: Path, limits: Limits, dpi: int) -> Iterator[PageImage]:
    """All pages of a PDF.

    Args:
        limits: on the file's bytes; a page with more pixels is rendered at a lower resolution.
        dpi: resolution of the pictures.

    Raises:
        AdotxError: ``pdf.too_many_bytes``, ``pdf.encrypted``, ``pdf.damaged``, ``pdf.empty``; on opening a
            page ``pdf.page``.
    """
    size = path.stat().st_size
    if size > limits.max_bytes:
        what = "{size:,} bytes are more than {limit:,}"
        raise AdotxError(
            "pdf.too_many_bytes", what, str(path), "split the PDF", size=size, limit=limits.max_bytes
        )
    document = _Document(path)
    for index in range(document.count):
        yield PageImage(index + 1, partial(document.render, index, limits.max_pixels, dpi))


class _Document:
    """An open PDF, closed when the last of its pages is forgotten.

    Attributes:
        count: its pages, at least 1.
    """

    def __init__(self, path: Path) -> None:
        import pypdfium2

        self._path = path
        with _PDFIUM:
            try:
                self._pdf = pypdfium2.PdfDocument(path)
                self.count = len(self._pdf)
            except pypdfium2.PdfiumError as error:
                locked = "password" in str(error).lower()
                raise AdotxError(
                    "pdf.encrypted" if locked else "pdf.damaged",
                    "the PDF is protected by a password" if locked else "the PDF cannot be opened",
                    str(path),
                    "save it without a password" if locked else "export it again",
                ) from None
        if not self.count:
            raise AdotxError("pdf.empty", "the PDF has no pages", str(path), "export it again")

    def render(self, index: int, max_pixels: int, dpi: int) -> Image.Image:
        """Page `index`, from 0, as an RGB picture of its own."""
        import pypdfium2

        where = f"{self._path}, page {index + 1}"
        with _PDFIUM:
            try:
                page = self._pdf[index]
                try:
                    width, height = page.get_size()  # in points
                    if not (width > 0 and height > 0):
                        raise AdotxError("pdf.page", "the page has no area", where, "export the PDF again")
                    largest = (max_pixels / (width * height)) ** 0.5
                    bitmap = page.render(scale=min(dpi / _POINTS_PER_INCH, largest))
                    try:
                        return bitmap.to_pil().convert("RGB")  # a copy, the bitmap's memory goes
                    finally:
                        bitmap.close()
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

    def __del__(self) -> None:
        if hasattr(self, "_pdf"):
            with _PDFIUM:
                self._pdf.close()
