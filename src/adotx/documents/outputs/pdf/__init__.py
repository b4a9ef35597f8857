"""The searchable PDF: pages as they are, with an invisible layer of what was read on them.

A PDF keeps its own pages: the layer is laid over those that were read from their pixels. A hidden layer of
another program under it goes, and where text that cannot be trusted is visible the page becomes a picture.
Pictures become pages, their data unchanged where PDF can hold them. With numbers redacted every page becomes
a picture with black boxes, and nothing else of the original is taken over.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from adotx.documents.outputs.document import Choice, Document
from adotx.documents.outputs.pdf.font import InvisibleFont
from adotx.documents.outputs.pdf.layer import lines_of, text_operators
from adotx.documents.outputs.pdf.objects import Name, PdfFile, Ref
from adotx.documents.outputs.pdf.pictures import Placed, put_file, put_picture
from adotx.documents.outputs.redaction.pictures import covered
from adotx.documents.outputs.words import Point
from adotx.documents.sources import DPI, pdf, tiff
from adotx.documents.transcribe import PageResult
from adotx.errors import AdotxError, Sentence

# Of resolutions that files tell, those that a page can have; else its longer side is A4's.
_LOW, _HIGH, _A4 = 50.0, 2400.0, 842.0
Open = Callable[[], Image.Image]


def write_pdf(document: Document, file: BinaryIO, choice: Choice) -> None:
    """Write a document as a searchable PDF.

    Raises:
        AdotxError: ``output.no_pictures``: its format has no pictures of pages; what opening it raises.
    """
    path = document.path
    if path is not None and _begins_as(path, pdf.matches) and not choice.redact:
        from adotx.documents.outputs.pdf.stamp import stamped

        stamped(document, file)
        return
    pages = Pages(PdfFile(file))
    for page, opened in document.pictures():
        if opened is None and page.size is None and page.status != "failed":
            what, remedy = "it has no pictures of pages to make a searchable PDF of", "use --format html"
            raise AdotxError("output.no_pictures", what, document.name, remedy)
        try:
            pages.add(page, path, opened, bool(choice.redact))
        except AdotxError as error:
            document.notes.append(
                Sentence("page {number} is empty in the PDF: {error}", number=page.number, error=error)
            )
            pages.add(page, path, None, bool(choice.redact))
    pages.end(document.title(choice))


class Pages:
    """Pages of a PDF that is made anew.

    Args:
        pdf: at its beginning.
    """

    def __init__(self, pdf: PdfFile) -> None:
        self._pdf = pdf
        self._root, self._tree, self._font = pdf.reserve(), pdf.reserve(), InvisibleFont(pdf)
        self._pages: list[Ref] = []

    def add(self, page: PageResult, path: Path | None, opened: Open | None, redacted: bool) -> None:
        """A page of its picture and its text.

        Args:
            page: what was read.
            path: the document's file, for the picture's own data.
            opened: opens its picture; None: there is none.
            redacted: cover what is redacted, and take nothing else of the file.
        """
        picture = opened() if opened else None
        if picture is None:
            width, height = page.size or (round(595 * DPI / 72), round(842 * DPI / 72))
            self._add(page, (width, height), (width * 72 / DPI, height * 72 / DPI), None)
            return
        if redacted or path is None or _begins_as(path, pdf.matches):
            shown = covered(picture, page.lines, page.size) if redacted else picture
            placed, points = put_picture(self._pdf, shown), _points(picture, (DPI, DPI))
        else:
            placed, points = self._of_file(path, page.number, picture)
        self._add(page, page.size or picture.size, points, placed)

    def add_layer(self, page: PageResult, points: tuple[float, float], picture: Image.Image | None) -> None:
        """A page of its text, and of its picture where one is given, to be laid over another; of its size in
        points."""
        assert page.size is not None
        self._add(page, page.size, points, put_picture(self._pdf, picture) if picture else None)

    def end(self, title: str) -> None:
        """Write what belongs to all pages."""
        pdf = self._pdf
        self._font.write()
        pdf.add({"Type": Name("Pages"), "Kids": self._pages, "Count": len(self._pages)}, at=self._tree)
        pdf.add({"Type": Name("Catalog"), "Pages": self._tree}, at=self._root)
        pdf.end(self._root, pdf.add({"Title": title, "Producer": "adotx"}))

    def _of_file(self, path: Path, number: int, picture: Image.Image) -> tuple[Placed, tuple[float, float]]:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            frames = getattr(image, "n_frames", 1)
            single = frames == 1 or image.format == "MPO"
            size = len(data)
            if not single:
                if _begins_as(path, tiff.matches):
                    image.seek(number - 1)
                size = _bytes_of(image) or len(data) // frames
            placed = put_file(self._pdf, image, data if single else None, picture, size)
            dpi = image.info.get("dpi", (0, 0))
            if placed.turned >= 5:
                dpi = tuple(dpi)[::-1]
        return placed, _points(picture, dpi)

    def _add(
        self,
        page: PageResult,
        size: tuple[int, int],
        points: tuple[float, float],
        placed: Placed | None,
    ) -> None:
        def to_points(point: Point) -> Point:
            return point[0] * points[0] / size[0], points[1] - point[1] * points[1] / size[1]

        drawn = placed.drawn("I", *points) if placed else b""
        text = text_operators(lines_of(page, size), to_points, self._font)
        values = {
            "Type": Name("Page"), "Parent": self._tree,
            "MediaBox": [0, 0, *(round(side, 2) for side in points)],
            "Resources": {
                "Font": {"F": self._font.ref}, **({"XObject": {"I": placed.ref}} if placed else {}),
            },
            "Contents": self._pdf.add_stream(drawn + text, {}, pack=True),
        }  # fmt: skip
        self._pages.append(self._pdf.add(values))


def _begins_as(path: Path, matches: Callable[[bytes], bool]) -> bool:
    with path.open("rb") as file:
        return matches(file.read(1024))


def _points(picture: Image.Image, dpi: tuple[float, float]) -> tuple[float, float]:
    """The size of a page in points."""
    try:
        x, y = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        x = y = 0.0
    if not (_LOW <= x <= _HIGH and _LOW <= y <= _HIGH):
        x = y = max(picture.size) * 72 / _A4
    return picture.width * 72 / x, picture.height * 72 / y


def _bytes_of(image: Image.Image) -> int:
    """Of a TIFF's frame: of its strips or tiles."""
    tags = getattr(image, "tag_v2", {})
    return int(sum(tags.get(279) or tags.get(325) or ()))
