"""`adotx transcribe`: documents and folders of them in, Markdown or other formats on stdout or in files out.

A document that cannot be had is one line on stderr, then the next one is read. A page that could not be read,
or not all of it, is named on stderr and counted by the exit code; a blank page is named too, and what else a
folder holds. Pages are written as they are read; what was read before an error, Ctrl-C or a kill is kept, and
a later call goes on there.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from adotx.cli import DONE, FINDING, REFUSED
from adotx.cli.progress import Progress
from adotx.cli.target import Target
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.documents.outputs import Choice


_ALONE = "no-second-reader"


@dataclass(frozen=True)
class Settings:
    """What is asked of the verb besides inputs, output and model.

    Attributes:
        formats: of the answers, by name; none: Markdown.
        report: an HTML file for all documents.
        pages: which pages, like "1-3,7"; "" is all.
        page_marks: begin each page with a line that says its number.
        mark_doubtful: put doubtful figures between marks.
        second_reader: let the second reader check figures.
        text_layer: take the text that files themselves give.
        show_changes: show what tracked changes have deleted and inserted.
        keep_running: leave headers, footers and page numbers, and tables that go on, where they stand.
        redact: kinds of numbers that are blacked out.
        hanja: "keep", or "reading": with their reading in brackets.
        password: of encrypted PDFs.
        recursive: take the folders in folders too.
        force: read also what an earlier call has done.
        retry_failed: read again pages that could not be read, or not all of them.
    """

    formats: Sequence[str] = ()
    report: Path | None = None
    pages: str = ""
    page_marks: bool = False
    mark_doubtful: bool = False
    second_reader: bool = True
    text_layer: bool = True
    show_changes: bool = False
    keep_running: bool = False
    redact: Sequence[str] = ()
    hanja: Literal["keep", "reading"] = "keep"
    password: str | None = field(default=None, repr=False)
    recursive: bool = False
    force: bool = False
    retry_failed: bool = False

    def choice(self) -> Choice:
        """What is made of pages.

        Raises:
            AdotxError: ``redact.kind``.
        """
        from adotx.documents.outputs import Choice, redacted_kinds

        return Choice(redacted_kinds(self.redact), self.hanja, self.mark_doubtful, self.page_marks)

    def reading(self) -> str:
        """The options that change what is remembered of a page, as the manifest says them."""
        layer, second = "" if self.text_layer else "no-text-layer", "" if self.second_reader else _ALONE
        changes = "show-changes" if self.show_changes else ""
        return " ".join(filter(None, (second, layer, changes, self.choice().how())))

    def writing(self) -> str:
        """The options that change what is written of remembered pages."""
        marks = [name for name in ("page_marks", "mark_doubtful", "keep_running") if getattr(self, name)]
        pages = f"pages={self.pages}" if self.pages else ""
        return " ".join(filter(None, (*(mark.replace("_", "-") for mark in marks), pages)))


def transcribe(paths: Sequence[Path], out: Path | None, target: Target, settings: Settings) -> int:
    """Transcribe every document of `paths`; returns the exit code.

    Args:
        paths: documents, folders, pipes; "-" is stdin.
        out: a folder, or a file with the ending of a format; None writes to stdout.
        target: what reads.
        settings: as the options say.

    Raises:
        AdotxError: an option cannot be; nothing can be written, or the model cannot be had.
    """
    from adotx.cli.call import Call

    with (
        Progress() as progress,
        _stopped_as_by_ctrl_c(),
        closing(Call(out, target, settings, progress)) as call,
    ):
        told = call.telling
        try:
            documents = call.found(paths)
            call.read(documents)
            call.report()
        except KeyboardInterrupt:
            told.interrupted()
            raise
        except AdotxError:
            if told.done:
                told.interrupted()
            raise
        if told.total + told.refused > 1:
            told.summary()
    return REFUSED if told.refused else FINDING if told.failed or told.partial else DONE


@contextmanager
def _stopped_as_by_ctrl_c() -> Iterator[None]:
    """A polite request to end (SIGTERM), or the end of a terminal, is taken as Ctrl-C: what was read is
    still written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # Who ignores an end of the terminal (nohup) goes on.
    before = {name: signal.getsignal(name) for name in names}
    for name, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(name, signal.default_int_handler)
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
