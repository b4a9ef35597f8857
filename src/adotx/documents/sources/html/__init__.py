"""An HTML file in, one page of its text out: what a browser shows without style sheets and scripts.

Nothing is fetched: pictures inside the file (``data:``) are read by the model, others are named by their
description. Told by the tag that it begins with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.documents.sources.page import PageImage
from adotx.errors import AdotxError, Sentence
from adotx.vision import Limits

if TYPE_CHECKING:
    from adotx.documents.readers import PageReading
    from adotx.documents.sources.page import ReadPicture

SUFFIXES = frozenset((".html", ".htm", ".xhtml"))
_BEGINS = re.compile(
    rb"\s*+(?:<\?xml[^>]*+>\s*+)?+(?:<!--.{0,600}?-->\s*+)*+<(?:!doctype\s+html|html|head|body|meta|title|table|div|p|h1)"
    rb"(?=[\s>])",
    re.I | re.S,
)
_MOST_BYTES = 32 << 20


def matches(head: bytes) -> bool:
    """Whether a file begins as an HTML page does, in any encoding of text."""
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            head = head[2 : len(head) // 2 * 2].decode(encoding, "replace").encode()
    return _BEGINS.match(head.removeprefix(b"\xef\xbb\xbf")) is not None


def pages(path: Path, limits: Limits, dpi: int, password: str | None = None) -> Iterator[PageImage]:
    """The file as one page without a picture. `dpi` and `password` are not used.

    Raises:
        AdotxError: ``html.too_large``, ``input.unreadable``.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise AdotxError(
            "html.too_large",
            "the HTML file has more than {limit:,} bytes",
            str(path),
            "print it to PDF",
            limit=_MOST_BYTES,
        )
    lost: list[Sentence] = []
    notes: list[Sentence] = []

    def given(read: ReadPicture) -> PageReading:
        from adotx.documents.sources.html.body import read_html
        from adotx.documents.sources.html.inline import data_picture
        from adotx.documents.sources.html.tags import decoded
        from adotx.documents.sources.inside import Pictures

        try:
            text = decoded(path.read_bytes()[: _MOST_BYTES + 1])
        except OSError as error:
            reason = error.strerror or str(error)
            raise AdotxError(
                "input.unreadable", "{reason}", str(path), "check the path", reason=reason
            ) from None
        pictures = Pictures(data_picture, read, limits, lost, notes)
        return pictures.reading(read_html(text, pictures), "html")

    yield PageImage(1, None, lost, given, notes)
