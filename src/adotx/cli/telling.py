"""What `transcribe` says on stderr while it reads: what is amiss with pages, how far it is, what came of it.

Counts what it tells, for the exit code. Knows no readers and no files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from adotx.cli import complain
from adotx.cli.progress import Pace, Progress
from adotx.cli.strings import language, text
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.cli.manifest import Document
    from adotx.documents.transcribe import PageResult


class Telling:
    """The lines of one call.

    Attributes:
        total: documents to read, when they are known.
        done, refused: documents written now or before, and inputs that could not be had.
        failed, partial: pages that could not be read, or not all of them.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress, self._pace = progress, Pace()
        self.total = self.done = self.refused = self.failed = self.partial = 0
        self._status: list[str] = []
        self._pages_of: list[int] = []  # of documents that were begun, as far as known
        self._begun = self._left = 0

    def begin(self, name: str, count: int | None) -> None:
        """A document is being read; `count` of its pages is None where not known."""
        self._pace.begin()
        self._begun += 1
        self._pages_of += [] if count is None else [count]
        self._left = count or 1
        self._show(name, 1, count)

    def page(self, name: str, page: PageResult, fresh: bool, count: int | None) -> None:
        """A page was read, now or before."""
        if fresh:
            self._pace.page()
        self._left = max(0, self._left - 1)
        self.failed += page.status == "failed"
        self.partial += page.status == "partial"
        values = {"name": name, "page": page.number, "reason": said(page.reason)}
        if page.status == "failed":
            self._progress.line(text("transcribe.failed", **values))
        elif page.status == "partial":
            self._progress.line(text("transcribe.partial", **values))
        elif page.status == "blank":
            self._progress.line(text("transcribe.blank", **values))
        elif page.reason:
            self._progress.line(text("transcribe.doubt", **values))
        self._show(name, page.number + 1, count)

    def tick(self) -> None:
        """Time has passed."""
        if self._status:
            self._progress.show(" · ".join((*self._status, *self._time())))

    def done_before(self, name: str, paths: list[Path], entry: Document) -> None:
        """A document that an earlier call has done, with what it could not read."""
        self.done += 1
        self.failed += entry.failed
        self.partial += entry.partial
        self._progress.line(text("transcribe.done_before", name=name, path=_listed(paths)))

    def wrote(self, name: str, pages: int, seconds: float, paths: list[Path], whole: bool) -> None:
        """The answers to a document were written."""
        values = {"name": name, "pages": pages, "seconds": seconds, "path": _listed(paths)}
        if whole:
            self._progress.line(text("transcribe.wrote", **values))
        else:
            self._progress.line(text("transcribe.wrote_part", **values))

    def skipped(self, folder: Path, names: list[str]) -> None:
        """What else lies in a folder."""
        self._progress.line(text("transcribe.skipped", folder=folder, names=", ".join(names)))

    def refuse(self, error: AdotxError) -> None:
        """An input that cannot be had."""
        self.clear()
        complain(error)
        self.refused += 1

    def waiting(self, count: int) -> None:
        """Other processes are at all that is left."""
        self._progress.show(text("transcribe.waiting", count=count))

    def foreign(self, count: int, path: Path) -> None:
        """Lines of the manifest that are not understood."""
        self._progress.line(text("transcribe.foreign", count=count, path=path))

    def note(self, sentence: str) -> None:
        """Anything else."""
        self._progress.line(sentence)

    def interrupted(self) -> None:
        """The call ends before its end."""
        self._progress.line(text("transcribe.interrupted", done=self.done, total=self.total))

    def summary(self) -> None:
        """The last line of a call with several inputs."""
        counts = {"done": self.done, "refused": self.refused, "failed": self.failed}
        if self.partial:
            self._progress.line(text("transcribe.total_partial", **counts, partial=self.partial))
        else:
            self._progress.line(text("transcribe.total", **counts))

    def clear(self) -> None:
        """Make room for stdout on the same terminal."""
        self._progress.clear()

    def _show(self, name: str, page: int, count: int | None) -> None:
        where = text("transcribe.page", name=name, page=page)
        if count is not None:
            page = min(page, count)
            where = text("transcribe.page_of", name=name, page=page, count=count)
        self._status = [where]
        if self.total > 1:
            self._status.append(text("transcribe.document", number=self._begun, total=self.total))
        self.tick()

    def _time(self) -> list[str]:
        """How fast it goes, and how long it takes on."""
        rate = self._pace.a_minute
        if not rate:
            return []
        mean = sum(self._pages_of) / len(self._pages_of) if self._pages_of else 1.0
        left = self._left + mean * max(0, self.total - self.done - self.refused - 1)
        minutes, seconds = divmod(round(60 * left / rate), 60)
        return [text("transcribe.pace", rate=rate), text("transcribe.left", minutes=minutes, seconds=seconds)]


def _listed(paths: list[Path]) -> str:
    return ", ".join(map(str, paths))


def said(reason: str) -> str:
    """A page's reason in the user's language."""
    if not reason:
        return ""
    from adotx.cli.errors import in_language

    return in_language(reason, language())
