"""The layer over a PDF's own pages, by PDFium: its content streams stay as they are.

In: a document that is a PDF. Out: the same file with one object more on each page that was read from its
pixels. A hidden text layer that was not trusted is taken out; a page whose visible text was not becomes a
picture. Protection by a password is lifted, which `Document.notes` say. Where there is nothing to lay over
and nothing to lift, the same bytes.
"""

from __future__ import annotations

import shutil
import tempfile
from ctypes import byref, c_double
from typing import TYPE_CHECKING, BinaryIO

from adotx.documents.outputs.document import Document
from adotx.documents.outputs.pdf import Pages
from adotx.documents.outputs.pdf.objects import PdfFile
from adotx.documents.outputs.pdf.repack import repacked
from adotx.documents.sources.pdf import PDFIUM
from adotx.documents.transcribe import PageResult
from adotx.errors import AdotxError, Sentence

if TYPE_CHECKING:
    import pypdfium2

# Letters in a page's own text, from which on it is a text and no stray sign.
_ENOUGH = 4
# Device units of a page's side, for exact conversion.
_UNITS = 100_000


def stamped(document: Document, file: BinaryIO) -> None:
    """Write a PDF with the layer of what was read.

    Raises:
        AdotxError: it cannot be opened again (see `adotx.documents.sources.open_pages`).
    """
    import pypdfium2
    from pypdfium2 import raw

    assert document.path is not None
    with tempfile.TemporaryFile(prefix="adotx-") as made:
        layers, numbers, drawn = Pages(PdfFile(made)), [], set()
        with PDFIUM:
            original = pypdfium2.PdfDocument(document.path, document.password)
        try:
            for page, opened in document.pictures():
                if page.text_source != "pixels" or not page.blocks or page.size is None:
                    continue
                with PDFIUM:
                    points = original[page.number - 1].get_size()
                    visible = _untrusted(original, page)
                try:
                    picture = opened() if visible and opened else None
                except AdotxError as error:
                    what = "page {number} has no text in the PDF: {error}"
                    document.notes.append(Sentence(what, number=page.number, error=error))
                    continue
                layers.add_layer(page, points, picture)
                numbers.append(page.number)
                if picture:
                    drawn.add(page.number)
            layers.end(document.name)
            made.seek(0)
            protected = _protected(original)
            if protected:
                document.notes.append(Sentence("the PDF is written without its password"))
            elif not numbers:
                with document.path.open("rb") as same:
                    shutil.copyfileobj(same, file)
                return
            with PDFIUM, tempfile.TemporaryFile(prefix="adotx-") as saved:
                if numbers:
                    _lay_over(original, pypdfium2.PdfDocument(made), numbers, drawn)
                original.save(saved, flags=raw.FPDF_REMOVE_SECURITY if protected else raw.FPDF_NO_INCREMENTAL)
                repacked(saved, file)
        finally:
            with PDFIUM:
                original.close()


def _untrusted(original: pypdfium2.PdfDocument, page: PageResult) -> bool:
    """Whether a page that was read from its pixels has visible text of its own."""
    from pypdfium2 import raw

    own = original[page.number - 1]
    try:
        text = own.get_textpage()
        try:
            if text.count_chars() < _ENOUGH:
                return False
        finally:
            text.close()
        return any(
            raw.FPDFTextObj_GetTextRenderMode(each) != raw.FPDF_TEXTRENDERMODE_INVISIBLE
            for each in own.get_objects((raw.FPDF_PAGEOBJ_TEXT,))
        )
    finally:
        own.close()


def _lay_over(
    original: pypdfium2.PdfDocument, layers: pypdfium2.PdfDocument, numbers: list[int], drawn: set[int]
) -> None:
    from pypdfium2 import raw

    for index, number in enumerate(numbers):
        page = original[number - 1]
        try:
            for each in list(page.get_objects(max_depth=1)):
                hidden = (
                    each.type == raw.FPDF_PAGEOBJ_TEXT
                    and raw.FPDFTextObj_GetTextRenderMode(each) == raw.FPDF_TEXTRENDERMODE_INVISIBLE
                )
                if number in drawn or hidden:
                    page.remove_obj(each)
            shape = raw.FPDF_NewXObjectFromPage(original, layers, index)
            try:
                stamp = raw.FPDF_NewFormObjectFromXObject(shape)
                matrix = raw.FS_MATRIX(*_to_user_space(page))
                raw.FPDFPageObj_SetMatrix(stamp, byref(matrix))
                raw.FPDFPage_InsertObject(page, stamp)
            finally:
                raw.FPDF_CloseXObject(shape)
            page.gen_content()
        finally:
            page.close()


def _to_user_space(page: pypdfium2.PdfPage) -> tuple[float, ...]:
    """The matrix from points of the page as a person sees it, counted upwards, to its user space, which may
    be turned and begin elsewhere."""
    from pypdfium2 import raw

    def at(x: int, y: int) -> tuple[float, float]:
        page_x, page_y = c_double(), c_double()
        raw.FPDF_DeviceToPage(page, 0, 0, _UNITS, _UNITS, 0, x, y, page_x, page_y)
        return page_x.value, page_y.value

    width, height = page.get_size()
    (x0, y0), (x1, y1), (x2, y2) = at(0, _UNITS), at(_UNITS, _UNITS), at(0, 0)
    return (x1 - x0) / width, (y1 - y0) / width, (x2 - x0) / height, (y2 - y0) / height, x0, y0


def _protected(original: pypdfium2.PdfDocument) -> bool:
    from pypdfium2 import raw

    with PDFIUM:
        return bool(raw.FPDF_GetSecurityHandlerRevision(original) >= 0)
