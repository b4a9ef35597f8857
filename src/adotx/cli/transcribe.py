"""`adotx transcribe`: images, PDFs and folders in, Markdown on stdout or in files out.

A document that cannot be had is one line on stderr, then the next one is read. A page that could not be read,
or not all of it, is named on stderr and counted by the exit code; a blank page is named too, and what else a
folder holds. Pages go to stdout as they are read; what was read before an error or Ctrl-C is still
written.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.cli import DONE, FINDING, REFUSED, complain
from adotx.cli.progress import Progress
from adotx.cli.strings import language, text
from adotx.cli.target import Target
from adotx.cli.workspace import MANIFEST, Made, Workspace
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.client.documents import RemotePage, RemoteTranscriber
    from adotx.documents.transcribe import PageResult, Transcriber


@dataclass(frozen=True)
class Settings:
    """What is asked of the verb besides inputs, output and model.

    Attributes:
        pages: begin each page with a line that says its number.
        mark_doubtful: put doubtful figures between marks.
        second_reader: let the second reader check figures.
        password: of encrypted PDFs.
        force: read also what an earlier call has done.
    """

    pages: bool = False
    mark_doubtful: bool = False
    second_reader: bool = True
    password: str | None = field(default=None, repr=False)
    force: bool = False

    def how(self, target: Target) -> str:
        """What an answer depends on besides its document."""
        marks = [name for name in ("pages", "mark_doubtful", "second_reader") if getattr(self, name)]
        return " ".join((target.how, *marks))


def transcribe(paths: Sequence[Path], out: Path | None, target: Target, settings: Settings) -> int:
    """Transcribe every document of `paths`; returns the exit code.

    Args:
        paths: images, PDFs, folders, pipes; "-" is stdin.
        out: a folder for one Markdown file each; None writes to stdout.
        target: what reads.
        settings: as the options say.
    """
    workspace = None if out is None else Workspace(out, settings.how(target))
    with Progress() as progress, _stopped_as_by_ctrl_c():
        call = _Call(out, workspace, settings, progress)
        files = [file for path in paths for file in call.found(path)]
        call.heads = out is None and (len(paths) > 1 or len(files) > 1)
        try:
            unread = [file for file in files if not call.is_done(file)]
            if unread:
                transcriber = target.transcriber(progress, settings.second_reader)
                for file in unread:
                    call.document(transcriber, file)
        except KeyboardInterrupt:
            progress.line(text("transcribe.interrupted", done=call.done, total=len(files)))
            raise
        if len(files) + call.refused > 1:
            progress.line(call.total())
    return REFUSED if call.refused else FINDING if call.failed or call.partial else DONE


@dataclass
class _Call:
    """One call of the verb: where results go, and what came of it.

    Attributes:
        heads: begin each document with a line that says its name.
        done, refused: documents written now or before, and inputs that could not be had.
        failed, partial: pages that could not be read, or not all of them.
    """

    out: Path | None
    workspace: Workspace | None
    settings: Settings
    progress: Progress
    heads: bool = False
    done: int = 0
    refused: int = 0
    failed: int = 0
    partial: int = 0

    def found(self, path: Path) -> list[Path]:
        """The documents that `path` names; none, and said so, where it names none."""
        from adotx.documents.sources import find_documents

        try:
            found = find_documents(path)
        except AdotxError as error:
            self._refuse(error)
            return []
        skipped = [each.name for each in found.skipped if not self._is_ours(each)]
        if skipped:
            self.progress.line(text("transcribe.skipped", folder=path, names=", ".join(skipped)))
        return found.documents

    def is_done(self, file: Path) -> bool:
        """Whether an earlier call has done this document, which is said, with what it could not read."""
        from adotx.documents.sources import is_pipe

        if self.workspace is None or self.out is None or self.settings.force or is_pipe(file):
            return False
        entry = self.workspace.done(file)
        if entry is None:
            return False
        self.done += 1
        self.failed += entry.failed
        self.partial += entry.partial
        self.progress.line(text("transcribe.done_before", name=file.name, path=self.out / entry.file))
        return True

    def document(self, transcriber: Transcriber | RemoteTranscriber, file: Path) -> None:
        """Transcribe and write one document."""
        start = time.perf_counter()
        before = self.failed, self.partial
        parts: list[str] = []
        refusal: AdotxError | None = None
        stopped: KeyboardInterrupt | None = None
        stream = None if self.workspace else _Stream(self._head(file), self.done > 0)
        try:
            self.progress.show(text("transcribe.page", name=file.name, page=1))
            with closing(transcriber.document(file, password=self.settings.password)) as pages:
                for page in pages:
                    parts.append(self._page(file, page))
                    if stream:
                        self.progress.clear()
                        stream.page(parts[-1])
                    self.progress.show(text("transcribe.page", name=file.name, page=page.number + 1))
        except AdotxError as error:
            refusal = error
        except KeyboardInterrupt as error:
            stopped = error
        whole = refusal is None and stopped is None
        try:
            if stream and (parts or whole):
                self.progress.clear()
                stream.end()
            elif self.workspace and (parts or whole):
                failed, partial = self.failed - before[0], self.partial - before[1]
                made = Made(_joined(parts), len(parts), failed, partial, whole)
                self._write(self.workspace, file, made, time.perf_counter() - start)
            self.done += bool(parts or whole) and stopped is None
        except AdotxError as error:
            refusal = error
        if stopped is not None:
            raise stopped
        if refusal is not None:
            self._refuse(refusal)

    def _page(self, file: Path, page: PageResult | RemotePage) -> str:
        self.failed += page.status == "failed"
        self.partial += page.status == "partial"
        values = {"name": file.name, "page": page.number, "reason": _said(page.reason)}
        if page.status == "failed":
            self.progress.line(text("transcribe.failed", **values))
        elif page.status == "partial":
            self.progress.line(text("transcribe.partial", **values))
        elif page.status == "blank":
            self.progress.line(text("transcribe.blank", **values))
        elif page.reason:
            self.progress.line(text("transcribe.doubt", **values))
        markdown = page.marked if self.settings.mark_doubtful else page.markdown
        return f"<!-- page: {page.number} -->\n\n{markdown}" if self.settings.pages else markdown

    def total(self) -> str:
        """The last line of a call with several inputs."""
        counts = {"done": self.done, "refused": self.refused, "failed": self.failed}
        if self.partial:
            return text("transcribe.total_partial", **counts, partial=self.partial)
        return text("transcribe.total", **counts)

    def _write(self, workspace: Workspace, file: Path, made: Made, seconds: float) -> None:
        from adotx.documents.sources import is_pipe

        target = workspace.write(file, not is_pipe(file), made)
        values = {"name": file.name, "pages": made.pages, "seconds": seconds, "path": target}
        if made.whole:
            self.progress.line(text("transcribe.wrote", **values))
        else:
            self.progress.line(text("transcribe.wrote_part", **values))

    def _head(self, file: Path) -> str:
        return f"<!-- file: {_commentable(file.name)} -->\n\n" if self.heads else ""

    def _is_ours(self, path: Path) -> bool:
        """Whether a file in a folder of inputs is the --out folder, or what we write there."""
        if self.out is None:
            return False
        out, here = self.out.resolve(), path.resolve()
        return here == out or (here.parent == out and (here.suffix == ".md" or here.name == MANIFEST))

    def _refuse(self, error: AdotxError) -> None:
        self.progress.clear()
        complain(error)
        self.refused += 1


class _Stream:
    """A document on stdout, page by page as they are read.

    Args:
        head: what comes before it, if anything of it can be had.
        gap: leave a blank line before the head.
    """

    def __init__(self, head: str, gap: bool) -> None:
        self._head = f"\n{head}" if head and gap else head
        self._begun = False

    def page(self, part: str) -> None:
        """The next page; a blank one leaves no trace."""
        part = part.strip("\n")
        if part.strip():
            sys.stdout.write(f"\n\n{part}" if self._begun else f"{self._head}{part}")
            sys.stdout.flush()
            self._begun = True

    def end(self) -> None:
        """Nothing comes after it."""
        sys.stdout.write("\n" if self._begun else self._head)
        sys.stdout.flush()


@contextmanager
def _stopped_as_by_ctrl_c() -> Iterator[None]:
    """A polite request to end (SIGTERM) is taken as Ctrl-C: what was read is still written."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _said(reason: str) -> str:
    """A page's reason in the user's language."""
    if not reason:
        return ""
    from adotx.cli.errors import in_language

    return in_language(reason, language())


def _joined(parts: Iterable[str]) -> str:
    """Pages as one document that ends with one line end; nothing for blank pages."""
    whole = "\n\n".join(part.strip("\n") for part in parts if part.strip())
    return f"{whole}\n" if whole else ""


def _commentable(name: str) -> str:
    """A file name that cannot end the comment it stands in."""
    return name.replace("--", "- -").replace(">", "&gt;")
