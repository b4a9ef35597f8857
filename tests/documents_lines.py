"""Documents that need no model: files whose lines are their pages, and `adotx` over them in a process.

`python documents_lines.py WORDS...` is `adotx WORDS...` with such files; ADOTX_TEST_SECONDS is how long a
page takes.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from adotx.documents.doubt import doubted
from adotx.documents.readers import PageReading
from adotx.documents.sources import PageImage
from adotx.errors import AdotxError, Sentence
from adotx.markdown import Paragraph, Table, parse_markdown

#: columns of a table that goes on, and a running line, as pages of a book have them
HEAD, FOOT = (100.0, 50.0, 500.0, 70.0), (280.0, 900.0, 320.0, 920.0)


class Pages:
    """A file's lines are its pages: FAIL and LOST cannot be read, PART not all of it, DOUBT is not sure,
    MARK has a doubtful figure, BREAK ends the document, WAIT is read when `go` is set, BOOK n is page n of a
    book, with a running head and a table over all pages.

    Attributes:
        read: (file's name, page) of each page that was read.
        healed: FAIL is read after all.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.read: list[tuple[str, int]] = []
        self.healed = False
        self.go = threading.Event()
        self.waiting = threading.Event()

    def open(
        self, file: Path, password: str | None = None, show_changes: bool = False
    ) -> Iterator[PageImage]:
        """As `adotx.documents.sources.open_pages`."""
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if line == "BREAK":
                raise AdotxError("pdf.broken", "the file ends early", str(file), "copy it again")
            yield PageImage(number, None, given=partial(self._given, file, number, line))

    def _given(self, file: Path, number: int, line: str, read: object) -> PageReading:
        self.read.append((file.name, number))
        if line == "WAIT":
            self.waiting.set()
            self.go.wait(60)
        time.sleep(self.seconds)
        if line == "FAIL" and not self.healed:
            return PageReading((), "failed", "a loop")
        if line == "DOUBT":
            return PageReading(parse_markdown(line), "ok", "a row was cut off")
        if line == "MARK":
            return PageReading(parse_markdown(f"합계 {doubted('1,200')}원"), "ok", "")
        if line == "PART":
            unread = Sentence("{count} of {total} rows could not be read", count=1, total=3)
            return PageReading(parse_markdown(line), "partial", unread)
        if line == "LOST":
            error = AdotxError("pdf.empty", "the PDF has no pages", "a.pdf, page 1", "export it again")
            return PageReading((), "failed", Sentence("{error}", error=error))
        if line.startswith("BOOK "):
            return PageReading(book_page(int(line[5:])), "ok", "", 3, 0.987654321012345)
        return PageReading(
            parse_markdown(line), "ok" if line else "blank", "" if line else "its pixels are all paper"
        )


def book_page(number: int) -> tuple[Paragraph | Table, ...]:
    """A page of a book: a running head, text or a part of a table, the page's number."""
    head = Paragraph.of("관리 규정 제3판").at(HEAD)
    foot = Paragraph.of(f"- {number} -").at(FOOT)
    if number % 5 < 3:
        people = [(str(n), f"이름{n}", str(60 + n)) for n in range(number, number + 4)]
        rows = [("번호", "이름", "점수"), *people]
        return head, Table.of(rows).at((100.0, 100.0, 500.0, 800.0)), foot
    text = f"{number}쪽의 글입니다. 값은 {doubted(str(number * 100))}원입니다."
    return head, Paragraph.of(text).at((100.0, 100.0, 500.0, 130.0 + number / 3)), foot


if __name__ == "__main__":
    import adotx.cli.reading
    from adotx.cli import main

    fakes = Pages(float(os.environ.get("ADOTX_TEST_SECONDS", "0")))
    adotx.cli.reading.open_pages = fakes.open  # type: ignore[assignment]
    main(sys.argv[1:])
