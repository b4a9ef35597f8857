"""Paths in, pages out: pictures, TIFFs, PDFs, office documents, folders of them, what a pipe brings.

Out: `find_documents` names files, `open_pages` gives the pages of one: pictures, RGB, as a person sees them,
or the text that the file itself gives. Which source a file is for is told by its content, not by its name. A
new format is one more module here and one line in `SOURCES`. Knows nothing of models or Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from adotx.documents.sources import docx, html, hwp, hwpx, image, packages, pdf, pptx, tiff, xlsx
from adotx.documents.sources.page import PageImage, ReadPicture
from adotx.documents.sources.pdf import DPI
from adotx.documents.sources.pipe import STDIN, copied, is_pipe, spooled
from adotx.errors import AdotxError
from adotx.vision import Limits

__all__ = [
    "DPI",
    "SOURCES",
    "STDIN",
    "SUFFIXES",
    "Found",
    "PageImage",
    "ReadPicture",
    "Source",
    "copied",
    "find_documents",
    "is_pipe",
    "open_pages",
]

_HEAD_BYTES = 1024


@dataclass(frozen=True)
class Source:
    """A kind of file that pages come from.

    Attributes:
        suffixes: lower-case endings that a folder is searched for; a file named itself may have any name.
        matches: whether a file that begins with these bytes (up to 1024) is of this kind.
        pages: (path, limits, dpi, password) -> its pages; raises AdotxError where the file as a whole is no
            use.
        has: for a kind of package, which all begin alike: whether one with these parts is of this kind.
        tracks_changes: whether `pages` takes ``show_changes`` too.
    """

    suffixes: frozenset[str]
    matches: Callable[[bytes], bool]
    pages: Callable[..., Iterator[PageImage]]
    has: Callable[[frozenset[str]], bool] | None = None
    tracks_changes: bool = False


#: the first that matches is taken; the last takes everything
SOURCES = (
    Source(pdf.SUFFIXES, pdf.matches, pdf.pages),
    Source(tiff.SUFFIXES, tiff.matches, tiff.pages),
    Source(hwpx.SUFFIXES, packages.matches, hwpx.pages, hwpx.has, tracks_changes=True),
    Source(docx.SUFFIXES, packages.matches, docx.pages, docx.has, tracks_changes=True),
    Source(pptx.SUFFIXES, packages.matches, pptx.pages, pptx.has),
    Source(xlsx.SUFFIXES, packages.matches, xlsx.pages, xlsx.has),
    Source(html.SUFFIXES, html.matches, html.pages),
    Source(hwp.SUFFIXES, hwp.matches, hwp.pages, tracks_changes=True),
    Source(frozenset(), packages.matches, packages.unknown),
    Source(image.SUFFIXES, image.matches, image.pages),
)
#: endings, in lower case, that a folder is searched for
SUFFIXES = frozenset().union(*(source.suffixes for source in SOURCES))


@dataclass(frozen=True)
class Found:
    """What a path holds.

    Attributes:
        documents: the files to read, "2" before "10".
        skipped: what else lies in the folder, but for hidden files.
    """

    documents: list[Path]
    skipped: list[Path] = field(default_factory=list)


def find_documents(path: str | Path) -> Found:
    """The documents a path names: the file or pipe itself, or those directly in the folder.

    Raises:
        AdotxError: nothing there, or a folder without documents.
    """
    path = Path(path)
    if path.is_dir():
        try:
            entries = sorted((p for p in path.iterdir() if not p.name.startswith(".")), key=_natural_order)
        except OSError as error:
            raise AdotxError(
                "input.unreadable",
                "{reason}",
                str(path),
                "check its permissions",
                reason=error.strerror or str(error),
            ) from None
        found = [p for p in entries if p.suffix.lower() in SUFFIXES and p.is_file()]
        if not found:
            raise AdotxError(
                "input.no_documents", "no documents in this folder", str(path), "name files of another"
            )
        return Found(found, [p for p in entries if p not in set(found)])
    if path != STDIN and not path.exists():
        raise AdotxError("input.missing", "no such file", str(path), "check the path")
    return Found([path])


def _natural_order(path: Path) -> list[tuple[bool, int, str]]:
    parts = re.split(r"([0-9]+)", path.name.casefold())
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def open_pages(
    path: str | Path,
    limits: Limits | None = None,
    dpi: int = DPI,
    password: str | None = None,
    *,
    show_changes: bool = False,
) -> Iterator[PageImage]:
    """The pages of a document, each decoded or rendered when it is opened.

    Args:
        path: an image, a multi-page TIFF, a PDF or an office document; a pipe or "-" (stdin) is read to its
            end first.
        limits: on bytes and pixels of pictures; a PDF page that would be larger is rendered at a lower
            resolution, and a PDF may have any size, as it is never in memory whole.
        dpi: resolution at which PDF pages are rendered.
        password: of an encrypted PDF or HWPX.
        show_changes: show deleted and inserted text of tracked changes between tags (`<del>`, `<ins>`)
            instead of the text with all changes accepted.

    Raises:
        AdotxError: not an image or document, empty, encrypted, damaged, too large.
    """
    path, limits = Path(path), limits or Limits()
    if is_pipe(path):
        yield from spooled(
            path, lambda file: open_pages(file, limits, dpi, password, show_changes=show_changes)
        )
        return
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError:
        raise AdotxError("input.missing", "no such file", str(path), "check the path") from None
    except OSError as error:
        remedy = "name a file, or a folder to take its documents" if path.is_dir() else "check the path"
        reason = error.strerror or str(error)
        raise AdotxError("input.unreadable", "{reason}", str(path), remedy, reason=reason) from None
    source = _source_of(path, head)
    more = {"show_changes": show_changes} if source.tracks_changes else {}
    yield from source.pages(path, limits, dpi, password, **more)


def _source_of(path: Path, head: bytes) -> Source:
    names: frozenset[str] | None = None
    for source in SOURCES:
        if not source.matches(head):
            continue
        if source.has is None:
            return source
        names = packages.names(path) if names is None else names
        if source.has(names):
            return source
    raise AssertionError("the last source takes everything")
