"""A DOCX file in (WordprocessingML, ISO 29500), one page of its text out.

Pictures in it are read by the model. There are no pictures of pages: where a page ends is decided by whoever
lays it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from adotx.documents.sources.page import PageImage
from adotx.vision import Limits

SUFFIXES = frozenset((".docx", ".docm"))


def has(names: frozenset[str]) -> bool:
    """Whether a package has a DOCX file's parts; their names are in lower case."""
    return "word/document.xml" in names or "word/document2.xml" in names


def pages(
    path: Path, limits: Limits, dpi: int, password: str | None = None, *, show_changes: bool = False
) -> Iterator[PageImage]:
    """The document as one page without a picture. `dpi` and `password` are not used.

    Args:
        limits: on pictures in it.
        show_changes: show deleted and inserted text of tracked changes, between tags, instead of the text
            with all changes accepted.

    Raises:
        AdotxError: ``package.*``.
    """
    from adotx.documents.sources.docx.body import read_document
    from adotx.documents.sources.inside import text_page
    from adotx.documents.sources.parts import Parts

    with Parts(path, "DOCX"):
        pass  # what is wrong with the file as a whole is told before anything is loaded to read it
    yield text_page(
        lambda: Parts(path, "DOCX"),
        lambda package, pictures: read_document(package, pictures, show_changes),
        "docx",
        limits,
    )
