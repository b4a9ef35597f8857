"""One call of `transcribe`: documents in; what is read, remembered, written and told of each.

Documents that another process works at are come back to when all others are done. Knows no formats and no
files: `answers`, `workspace`, `reading` and `telling` do.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from adotx.cli.answers import Destination, Files, Stream
from adotx.cli.errors import in_language
from adotx.cli.inputs import Input, Skipped, inputs
from adotx.cli.memory import PageMemory
from adotx.cli.reading import Job, Read, Reading, RemoteReading
from adotx.cli.remembered import Remembered, write_report
from adotx.cli.strings import language, text
from adotx.cli.telling import Telling
from adotx.cli.workspace import How, Work, Workspace, file_hash
from adotx.documents.outputs import Document, prepared
from adotx.documents.selection import Selection
from adotx.documents.sources import copied, is_pipe
from adotx.documents.transcribe import PageResult, without_running
from adotx.errors import AdotxError
from adotx.machine import give_memory_back

if TYPE_CHECKING:
    from adotx.cli.progress import Progress
    from adotx.cli.target import Target
    from adotx.cli.transcribe import Settings

# Seconds after which a document that another process is at is looked at again.
_WAIT = 0.5


@dataclass
class Task(Job):
    """A document of the call.

    Attributes:
        input: as it was found.
        source, digest: what the manifest calls it, and its content.
        work: in the folder of answers; None on stdout.
        copy: of a pipe.
        begun: when (`time.perf_counter`).
        refusal: why it could be read no further.
    """

    input: Input = field(default_factory=lambda: Input(Path()))
    source: str = ""
    digest: str = ""
    work: Work | None = None
    copy: BinaryIO | None = None
    begun: float = field(default_factory=time.perf_counter)
    refusal: AdotxError | None = None


class Call:
    """One call of the verb.

    Args:
        out, target, settings: as for `adotx.cli.transcribe.transcribe`.
        progress: where it is told of.

    Attributes:
        telling: what is said, and counted.

    Raises:
        AdotxError: an option cannot be; ``out.unwritable``.
    """

    def __init__(self, out: Path | None, target: Target, settings: Settings, progress: Progress) -> None:
        give_memory_back()
        self.telling = Telling(progress)
        self._target, self._settings, self._progress = target, settings, progress
        self._choice, self._pages = settings.choice(), Selection.of(settings.pages, "--pages")
        self._to = Destination.of(out, settings.formats)
        self._reading: Reading | RemoteReading | None = None
        self._stream = Stream(self._to.formats[0], self._choice)
        self._held: list[Task] = []
        self._copies: dict[Input, BinaryIO] = {}
        self._documents: list[Remembered] = []
        self._scratch: Path | None = None
        self._workspace: Workspace | None = None
        self._stack, self._ended = ExitStack(), 0.0
        if self._to.folder is not None:
            how = How(target.how, settings.reading(), settings.writing())
            again = {"force": settings.force, "retry": settings.retry_failed}
            self._workspace = Workspace(self._to.folder, how, self._to.endings, self._to.file, **again)
            if self._workspace.foreign:
                self.telling.foreign(self._workspace.foreign, self._workspace.manifest)
        elif settings.report is not None:
            self._scratch = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="adotx-")))

    def found(self, paths: Sequence[Path]) -> list[Input]:
        """The documents that the paths name; what is not read is said.

        Raises:
            AdotxError: ``out.one_file``: they are several, and one file is to be written.
        """
        documents = []
        ours = self._workspace.is_ours if self._workspace else lambda path: False
        for path in paths:
            for each in inputs(path, self._settings.recursive, ours):
                if isinstance(each, AdotxError):
                    self.telling.refuse(each)
                elif isinstance(each, Skipped):
                    self.telling.skipped(each.folder, each.names)
                else:
                    documents.append(each)
        if self._to.file is not None and len(documents) > 1:
            what, remedy = "one file cannot hold several documents", "give --out DIR, or name one document"
            raise AdotxError("out.one_file", what, self._to.file, remedy)
        self._stream.heads = len(paths) > 1 or len(documents) > 1
        self.telling.total = len(documents)
        return documents

    def read(self, documents: Sequence[Input]) -> None:
        """Read what is to be read.

        Raises:
            AdotxError: nothing can be written, or the model cannot be had.
        """
        waiting = list(documents)
        while waiting:
            left: list[Input] = []
            tasks = self._tasks(waiting, left)
            first = next(tasks, None)
            if first is not None:
                if self._reading is None:
                    second, layer = self._settings.second_reader, self._settings.text_layer
                    self._reading = self._target.reading(self._progress, second, layer, self.telling.tick)
                with closing(self._reading.documents(chain((first,), tasks))) as read:
                    for task, pages in read:
                        self._document(cast(Task, task), pages)
            elif left:
                self.telling.waiting(len(left))
                time.sleep(_WAIT)
            waiting = left

    def report(self) -> None:
        """Write the report, where one is wanted."""
        if self._settings.report is not None:
            write_report(self._settings.report, self._documents, self._choice)
            self.telling.note(text("transcribe.report", path=self._settings.report))

    def close(self) -> None:
        """Let others have what was begun."""
        for task in list(self._held):
            self._let_go(task)
        if self._workspace is not None:
            told = self.telling
            self._workspace.close(told.done > 0 and not (told.refused or told.failed or told.partial))
        self._stack.close()

    def _tasks(self, documents: Iterable[Input], left: list[Input]) -> Iterator[Task]:
        """The documents that are to be read now; `left` gets those that another process is at, or an earlier
        document with the same content."""
        for input_ in documents:
            try:
                task = self._task(input_, left)
            except AdotxError as error:
                if error.code.startswith("out."):
                    raise
                self.telling.refuse(error)
                continue
            if task is not None:
                self._held.append(task)
                yield task

    def _task(self, input_: Input, left: list[Input]) -> Task | None:
        copy, path, name = None, input_.path, str(input_.path)
        if is_pipe(path):
            copy = self._copies[input_] = self._copies.get(input_) or copied(path)
            path = Path(copy.name)
        change = partial(prepared, choice=self._choice)
        password, changes = self._settings.password, self._settings.show_changes
        task = Task(path, name, self._pages, password, changes, change=change, input=input_, copy=copy)
        if self._scratch is not None:
            task.memory = PageMemory.open(self._scratch / f"{len(list(self._scratch.iterdir()))}.jsonl", {})
        if self._workspace is None:
            return task
        task.digest = _digest(path, name)
        # What comes through a pipe can be told from what came through it before by its content only.
        task.source = os.path.realpath(path) if copy is None else f"{name}#{task.digest[:16]}"
        entry = self._workspace.done(task.source, task.digest)
        if entry is not None:
            self._copies.pop(input_, None)
            self.telling.done_before(input_.name, self._workspace.files(entry), entry)
            memory = self._workspace.memory_of(entry)
            if memory is not None and self._settings.report is not None:
                self._documents.append(self._remembered(task, memory))
            return None
        task.work = self._workspace.begin(task.source, task.digest, input_)
        if task.work is None:
            left.append(input_)
            return None
        task.memory = task.work.memory
        return task

    def _document(self, task: Task, reads: Iterator[Read]) -> None:
        """Write one document as its pages are read."""
        start, stopped = max(task.begun, self._ended), None
        counts = {"pages": 0, "failed": 0, "partial": 0}
        self.telling.begin(task.input.name, task.count)
        settled = without_running(self._told(task, reads, counts), self._settings.keep_running)
        try:
            if task.work is None:
                self._to_stdout(task, settled)
            elif self._workspace is not None:
                files = Files(self._workspace, task.work, self._to.formats, self._choice)
                for page in settled:
                    files.page(page)
        except KeyboardInterrupt as error:
            stopped = error
        whole = task.refusal is None and stopped is None
        remembered = self._remembered(task, task.memory.path) if task.memory is not None else None
        if remembered is not None and (whole or counts["pages"]) and self._settings.report is not None:
            self._documents.append(remembered)
        if task.work is not None and self._workspace is not None:
            if whole or counts["pages"]:
                files.end(remembered.document if remembered is not None and whole else None)
                for note in files.notes:
                    self._progress.line(note)
                reason = "" if task.refusal is None else str(task.refusal)
                seconds = time.perf_counter() - start
                paths = self._workspace.finish(task.work, whole, seconds, counts, reason)
                self.telling.wrote(task.input.name, counts["pages"], seconds, paths, whole)
            elif task.refusal is not None:
                self._workspace.refuse(task.source, task.digest, str(task.refusal), task.work)
        self.telling.done += bool(whole or counts["pages"]) and stopped is None
        self._let_go(task)
        self._ended = time.perf_counter()
        if stopped is not None:
            raise stopped
        if task.refusal is not None:
            self.telling.refuse(task.refusal)

    def _told(
        self, task: Task, reads: Iterator[Read], counts: dict[str, int]
    ) -> Generator[PageResult, None, None]:
        """The pages of a document, counted, told of and put into the manifest; ends early where it can be
        read no further."""
        for read in reads:
            if read.page is not None:
                page = read.page
                counts["pages"] += 1
                counts["failed"] += page.status == "failed"
                counts["partial"] += page.status == "partial"
                if task.work is not None and self._workspace is not None:
                    self._workspace.page(task.work, page, read.fresh)
                self.telling.page(task.input.name, page, read.fresh, task.count)
                yield page
            if read.refusal is not None:
                task.refusal = read.refusal

    def _to_stdout(self, task: Task, settled: Generator[PageResult, None, None]) -> None:
        stream = self._stream
        stream.begin(str(task.input.path.name))
        if not self._to.formats[0].by_page:
            self.telling.clear()
            say = partial(in_language, language=language())
            made = Document(task.input.name, settled, task.path, task.password, say=say)
            stream.whole(made)
            for note in made.notes:
                self._progress.line(note)
            return
        any_, failure = False, None
        try:
            for page in settled:
                any_ = True
                self.telling.clear()
                stream.page(page)
        except KeyboardInterrupt as error:
            failure = error
        if any_ or (failure is None and task.refusal is None):
            self.telling.clear()
            stream.end()
        if failure is not None:
            raise failure

    def _remembered(self, task: Task, memory: Path) -> Remembered:
        running, password = self._settings.keep_running, task.password
        return Remembered(task.input.name, task.path, memory, self._pages, running, password, task.copy)

    def _let_go(self, task: Task) -> None:
        self._held.remove(task)
        self._copies.pop(task.input, None)
        if task.work is not None:
            task.work.close()
        elif task.memory is not None:
            task.memory.close()


def _digest(path: Path, name: str) -> str:
    try:
        return file_hash(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise AdotxError("input.unreadable", "{reason}", name, "check the path", reason=reason) from None
