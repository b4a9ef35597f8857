"""Paths in, page images out: pictures, PDFs, multi-page TIFFs, folders of them.

Out: `find_documents` names files, `pages_of` opens one and gives its pages one after another, RGB, as one
sees them. Files are told apart by their content, not by their name. Knows nothing of models or Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from adotx.errors import AdotxError
from adotx.vision import Limits, open_image

#: what a folder is searched for; a file that is named itself may have any name
SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm", ".pbm", ".pdf")
)
PDF_DPI = 200
_PDF_HEAD = 1024  # readers accept "%PDF-" anywhere in the first kilobyte


@dataclass(frozen=True)
class PageImage:
    """One page of a document, counted from 1; calling `open` gives the RGB image or raises AdotxError."""

    number: int
    open: Callable[[], Image.Image]


def find_documents(path: str | Path) -> list[Path]:
    """The documents a path names: the file itself, or those directly in the folder, "2" before "10".

    Raises:
        AdotxError: nothing there, or a folder without documents.
    """
    path = Path(path)
    if path.is_dir():
        try:
            entries = [p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()]
        except OSError as error:
            raise AdotxError(
                "input.unreadable", error.strerror or "cannot be read", str(path), "check its permissions"
            ) from None
        found = sorted((p for p in entries if not p.name.startswith(".")), key=_natural)
        if not found:
            raise AdotxError(
                "input.no_documents", "no images or PDFs in this folder", str(path), "name files of another"
            )
        return found
    if not path.exists():
        raise AdotxError("input.missing", "no such file", str(path), "check the path")
    return [path]


def _natural(path: Path) -> list[tuple[bool, int, str]]:
    parts = re.split(r"([0-9]+)", path.name.casefold())
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def pages_of(path: str | Path, limits: Limits | None = None, dpi: int = PDF_DPI) -> Iterator[PageImage]:
    """The pages of a document, opened when they are asked for.

    Args:
        path: an image, a multi-page TIFF or a PDF.
        limits: on bytes and pixels; a PDF page that would be larger is rendered at a lower resolution.
        dpi: resolution at which PDF pages are rendered.

    Raises:
        AdotxError: not an image or PDF, empty, encrypted, damaged, too large.
    """
    path, limits = Path(path), limits or Limits()
    try:
        with path.open("rb") as file:
            head = file.read(_PDF_HEAD)
    except OSError as error:
        remedy = "name a file, or a folder to take its documents" if path.is_dir() else "check the path"
        raise AdotxError("input.unreadable", error.strerror or "cannot be read", str(path), remedy) from None
    if b"%PDF-" in head:
        yield from _pdf_pages(path, limits, dpi)
    elif head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") and (count := _tiff_frames(path)) > 1:
        for index in range(count):
            yield PageImage(index + 1, _tiff_frame(path, index, limits))
    else:
        yield PageImage(1, lambda: open_image(path, limits))


def _tiff_frames(path: Path) -> int:
    try:
        with Image.open(path) as file:
            return getattr(file, "n_frames", 1)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 1  # opening it as one picture says what is wrong


def _tiff_frame(path: Path, index: int, limits: Limits) -> Callable[[], Image.Image]:
    def frame() -> Image.Image:
        where = f"{path}, page {index + 1}"
        try:
            with Image.open(path) as file:
                file.seek(index)
                if file.width * file.height > limits.max_pixels:
                    what = f"{file.width} x {file.height} pixels are more than {limits.max_pixels:,}"
                    raise AdotxError("image.too_many_pixels", what, where, "scale the page down")
                file.load()
                picture = file.copy()
        except (OSError, EOFError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            if isinstance(error, AdotxError):
                raise
            raise AdotxError(
                "image.corrupt", f"the page cannot be decoded: {error}", where, "export the file again"
            ) from None
        return open_image(picture, limits)

    return frame


def _pdf_pages(path: Path, limits: Limits, dpi: int) -> Iterator[PageImage]:
    import pypdfium2

    size = path.stat().st_size
    if size > limits.max_bytes:
        what = f"{size:,} bytes are more than {limits.max_bytes:,}"
        raise AdotxError("pdf.too_many_bytes", what, str(path), "split the PDF")
    try:
        pdf = pypdfium2.PdfDocument(path)
        count = len(pdf)
    except pypdfium2.PdfiumError as error:
        locked = "password" in str(error).lower()
        raise AdotxError(
            "pdf.encrypted" if locked else "pdf.damaged",
            "the PDF is protected by a password" if locked else "the PDF cannot be opened",
            str(path),
            "save it without a password" if locked else "export it again",
        ) from None
    if not count:
        raise AdotxError("pdf.empty", "the PDF has no pages", str(path), "export it again")
    for index in range(count):  # a page keeps its document open; pypdfium2 closes it after the last
        yield PageImage(index + 1, _pdf_page(pdf, index, path, limits, dpi))


def _pdf_page(pdf: Any, index: int, path: Path, limits: Limits, dpi: int) -> Callable[[], Image.Image]:
    def render() -> Image.Image:
        import pypdfium2

        where = f"{path}, page {index + 1}"
        try:
            page = pdf[index]
            width, height = page.get_size()  # in points
            if not (width > 0 and height > 0):
                raise AdotxError("pdf.page", "the page has no area", where, "export the PDF again")
            most = (limits.max_pixels / (width * height)) ** 0.5
            return page.render(scale=min(dpi / 72, most)).to_pil().convert("RGB")
        except (pypdfium2.PdfiumError, MemoryError) as error:
            raise AdotxError(
                "pdf.page", f"the page cannot be rendered: {error}", where, "export the PDF again"
            ) from None

    return render
