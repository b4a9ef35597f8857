"""Documents as they are remembered: the file of their pages in, what outputs are made of out, page by page.

Knows no formats.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from adotx.cli.locking import told
from adotx.cli.memory import PageMemory
from adotx.cli.strings import language
from adotx.cli.workspace import PART
from adotx.documents.selection import ALL, Selection
from adotx.documents.transcribe import PageResult, without_running

if TYPE_CHECKING:
    from adotx.documents.outputs import Choice, Document


@dataclass(frozen=True)
class Remembered:
    """A document that was read.

    Attributes:
        name: for people.
        path: its file; of a pipe, of the copy.
        memory: where its pages are remembered.
        pages: which of them.
        keep_running: leave what runs over pages where it stands.
        password: of an encrypted PDF.
        copy: of a pipe; its file is there as long as this is.
    """

    name: str
    path: Path
    memory: Path
    pages: Selection = ALL
    keep_running: bool = False
    password: str | None = field(default=None, repr=False)
    copy: BinaryIO | None = None

    def document(self) -> Document:
        """What outputs take."""
        from adotx.cli.errors import in_language
        from adotx.documents.outputs import Document

        say = partial(in_language, language=language())
        return Document(self.name, self.results(), self.path, self.password, say=say)

    def results(self) -> Generator[PageResult, None, None]:
        """Its pages, without what runs over them."""
        with closing(PageMemory.reading(self.memory)) as memory:
            found = (memory.page(number) for number in memory if number in self.pages)
            yield from without_running(_there(found), self.keep_running)


def write_report(file: Path, documents: Iterable[Remembered], choice: Choice) -> None:
    """Write one HTML file that shows documents beside their pages, whole or not at all.

    Raises:
        AdotxError: ``out.unwritable``.
    """
    from adotx.documents.outputs import write_report as write

    part = file.with_name(f"{file.name}{PART}")
    with told(file, "--report"):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as out:
                write((each.document() for each in documents), out, choice, language())
            os.replace(part, file)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _there(pages: Generator[PageResult | None, None, None]) -> Generator[PageResult, None, None]:
    yield from (page for page in pages if page is not None)
