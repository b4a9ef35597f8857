"""What was read, in the forms that people and programs want: Markdown, text, HTML, JSON, PDF, tables, report.

In: the pages of a document (`PageResult`), its file where pictures are shown, a `Choice`. Out: bytes. Every
page is `prepared` once, before anything of it is shown or kept: numbers covered, Hanja read. A new format is
a module here and a line in `FORMATS`. Knows no command line and no HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO

from adotx.documents.outputs.document import Choice, Document, Say, redacted_kinds
from adotx.documents.outputs.from_values import page_of
from adotx.documents.outputs.markdown import joined_parts, page_markdown, whole_markdown
from adotx.documents.outputs.plain_text import to_text
from adotx.documents.outputs.redaction.kinds import KINDS
from adotx.documents.outputs.values import OBJECT, Summary, page_values
from adotx.documents.transcribe import PageResult

__all__ = [
    "FORMATS",
    "KINDS",
    "Choice",
    "Document",
    "Format",
    "Say",
    "page_of",
    "page_text",
    "page_values",
    "prepared",
    "redacted_kinds",
    "write_report",
]


@dataclass(frozen=True)
class Format:
    """A form of a document.

    Attributes:
        name: as `--format` takes it.
        suffix: of its files.
        media_type: as HTTP says it.
        write: writes a document into a file.
        by_page: whether pages may be written as they are read (`page_text`).
        binary: whether it is no text, which a terminal should not be shown.
    """

    name: str
    suffix: str
    media_type: str
    write: Callable[[Document, BinaryIO, Choice], None]
    by_page: bool = False
    binary: bool = False


def prepared(page: PageResult, choice: Choice) -> PageResult:
    """The page as all outputs have it: numbers covered, Hanja with their readings. To be called once."""
    if choice.redact:
        from adotx.documents.outputs.redaction.pages import redacted

        page = redacted(page, choice.redact)
    if choice.hanja == "reading":
        from adotx.documents.outputs.hanja import with_readings

        page = with_readings(page)
    return page


def page_text(page: PageResult, format: str, choice: Choice) -> str:
    """One page in a format that is `by_page`, without line breaks around it; "" for a blank page."""
    if format == "text":
        return to_text(page.blocks)
    assert format == "markdown", format
    return page_markdown(page, choice)


def write_report(documents: Iterable[Document], file: BinaryIO, choice: Choice, language: str = "") -> None:
    """Write one HTML file to check documents by: see `adotx.documents.outputs.report`."""
    from adotx.documents.outputs.report import write_report as write

    write(documents, file, choice, language)


def _texts(format: str) -> Callable[[Document, BinaryIO, Choice], None]:
    def write(document: Document, file: BinaryIO, choice: Choice) -> None:
        for part in joined_parts(page_text(page, format, choice) for page in document.pages):
            file.write(part.encode("utf-8", "replace"))

    return write


def _json(document: Document, file: BinaryIO, choice: Choice) -> None:
    """Pages as they come, one a line, so that they need not be held; what is said of all comes last."""

    def say(value: object) -> bytes:
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")

    summary, parts = Summary(), []
    file.write(b'{"object": ' + say(OBJECT) + b', "name": ' + say(document.title(choice)) + b', "pages": [')
    for n, page in enumerate(document.pages):
        file.write((b"," if n else b"") + b"\n" + say(page_values(page, document.say)))
        summary.add(page)
        parts.append(whole_markdown([page], document.say).rstrip("\n"))
    rest = {"markdown": "".join(joined_parts(parts)), **summary.values(document.seconds)}
    file.write(b"\n], " + say(rest)[1:] + b"\n")


def _html(document: Document, file: BinaryIO, choice: Choice) -> None:
    from adotx.documents.outputs.html import html_pieces

    for piece in html_pieces(document.title(choice), document.pages, choice):
        file.write(piece.encode("utf-8", "replace"))


def _pdf(document: Document, file: BinaryIO, choice: Choice) -> None:
    from adotx.documents.outputs.pdf import write_pdf

    write_pdf(document, file, choice)


def _csv(document: Document, file: BinaryIO, choice: Choice) -> None:
    from adotx.documents.outputs.sheets import tables_of, write_csv

    write_csv(tables_of(document.pages), file)


def _xlsx(document: Document, file: BinaryIO, choice: Choice) -> None:
    from adotx.documents.outputs.sheets import tables_of, write_xlsx

    write_xlsx(tables_of(document.pages), file)


_SHEETS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: name -> format
FORMATS = {
    each.name: each
    for each in (
        Format("markdown", ".md", "text/markdown", _texts("markdown"), by_page=True),
        Format("text", ".txt", "text/plain", _texts("text"), by_page=True),
        Format("html", ".html", "text/html", _html),
        Format("json", ".json", "application/json", _json),
        Format("pdf", ".pdf", "application/pdf", _pdf, binary=True),
        Format("csv", ".csv", "text/csv", _csv),
        Format("xlsx", ".xlsx", _SHEETS, _xlsx, binary=True),
    )
}
