"""What every output is made of: the pages of one document, and what the user chose.

Pages are `PageResult`s in their order, without what runs over them, and `prepared`. The document's file is
opened again by those outputs that show pictures of its pages. Knows no format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from PIL import Image

from adotx.documents.outputs.redaction.kinds import KINDS, hits, masked
from adotx.documents.transcribe import PageResult
from adotx.errors import AdotxError, Sentence

#: makes a reason a text in the reader's language
Say = Callable[[str], str]
#: "keep": as on the page; "reading": with its reading in brackets
Hanja = Literal["keep", "reading"]


@dataclass(frozen=True)
class Choice:
    """What was asked of the outputs.

    Attributes:
        redact: kinds of numbers that are blacked out (`redaction.kinds.KINDS`); none: nothing is.
        hanja: whether Hanja get their reading.
        mark_doubtful: put doubtful figures between marks, in Markdown and HTML.
        page_marks: begin each page of Markdown with a comment that says its number.
    """

    redact: frozenset[str] = frozenset()
    hanja: Hanja = "keep"
    mark_doubtful: bool = False
    page_marks: bool = False

    def how(self) -> str:
        """What it makes of a page, in one word; "" where it leaves pages as they are."""
        words = []
        if self.redact:
            words.append("redact=" + "+".join(sorted(self.redact)))
        if self.hanja != "keep":
            words.append(f"hanja={self.hanja}")
        return " ".join(words)


def redacted_kinds(names: Iterable[str]) -> frozenset[str]:
    """From what the command line or a form says: names with commas between them, or "all".

    Raises:
        AdotxError: ``redact.kind``.
    """
    found: set[str] = set()
    for name in (part.strip().lower() for each in names for part in each.split(",")):
        if name == "all":
            found |= set(KINDS)
        elif name in KINDS:
            found.add(name)
        elif name:
            what, remedy = "{given} is no kind of number", "use all, or some of {kinds}"
            given = repr(name[:40])
            raise AdotxError("redact.kind", what, "--redact", remedy, given=given, kinds=", ".join(KINDS))
    return frozenset(found)


def shown_name(name: str, choice: Choice) -> str:
    """A document's name without the numbers that are redacted: 이력서_850101-1234567.pdf has one."""
    return masked(name, hits(name.replace("_", " "), choice.redact)) if choice.redact else name


@dataclass
class Document:
    """One document for an output.

    Attributes:
        name: what it is called, as a rule its file's name.
        pages: read once, in order.
        path: its file, for pictures of its pages; None where it cannot be read again.
        password: of an encrypted PDF.
        seconds: that it took; None: the sum of its pages'.
        say: makes reasons texts in the reader's language.
        notes: after writing: what could not be done, in words.
    """

    name: str
    pages: Iterable[PageResult]
    path: Path | None = None
    password: str | None = field(default=None, repr=False)
    seconds: float | None = None
    say: Say = str
    notes: list[Sentence] = field(default_factory=list)

    def title(self, choice: Choice) -> str:
        """Its name as outputs say it: without the numbers that are redacted."""
        return shown_name(self.name, choice)

    def pictures(self) -> Iterator[tuple[PageResult, Callable[[], Image.Image] | None]]:
        """Its pages, each with what opens its picture; None where the format or the file has none.

        Raises:
            AdotxError: the document's file cannot be opened again.
        """
        from adotx.documents.sources import open_pages

        opened = iter(open_pages(self.path, password=self.password)) if self.path else iter(())
        at = next(opened, None)
        for page in self.pages:
            while at is not None and at.number < page.number:
                at = next(opened, None)
            yield page, at.open if at is not None and at.number == page.number else None
