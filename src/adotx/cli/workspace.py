"""The folder of `--out`: where each document's answers go, what is there already, and what is remembered.

In: documents, their pages as they are read, and how they were read. Out: files, whole or not at all, and the
manifest (`adotx.cli.manifest`). While a document is read its pages are added to NAME.md.part; remembered
pages lie in `adotx-pages`. A document that is done is known again, another one of the same name gets a name
of its own, and what somebody has edited is never written over. Several processes may share a folder: each
document is read by one of them. Knows no models and no formats.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import FileIO
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from adotx import __version__
from adotx.cli.inputs import Input
from adotx.cli.locking import told
from adotx.cli.manifest import NAME, Document, Manifest, Page
from adotx.cli.memory import PageMemory
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.documents.transcribe import PageResult

PAGES = "adotx-pages"
PART = ".part"
#: bytes of a file's name before its endings: with them, a number and ".part" it may have 255
_LONGEST = 200


@dataclass(frozen=True)
class How:
    """What answers depend on besides their document.

    Attributes:
        model: and how it is run, or the server.
        reading: options that change what is read.
        writing: options that change only what is written of it.
    """

    model: str
    reading: str = ""
    writing: str = ""

    @property
    def options(self) -> str:
        """All of them, as the manifest says them."""
        return " ".join(filter(None, (self.reading, self.writing)))


@dataclass
class Work:
    """A document that this process works at.

    Attributes:
        source: its path, or that of a pipe with its content's hash.
        digest: of its content.
        memory: its remembered pages.
        base: the answers' name in the folder, without endings.
        todo: the endings of the answers to write.
        kept: answers of before that stay.
        parts: open files of answers that grow page by page, by ending; None for one that is written.
    """

    source: str
    digest: str
    memory: PageMemory
    base: str
    todo: tuple[str, ...]
    kept: dict[str, str]
    parts: dict[str, FileIO | None] = field(default_factory=dict)

    def close(self) -> None:
        """Let others have the document."""
        for part in self.parts.values():
            if part is not None:
                part.close()
        self.memory.close()


class Workspace:
    """A folder of answers; made where it is not there.

    Args:
        folder: where answers go.
        how: they are made.
        endings: of the answers to each document, ".md" first or whatever was asked for.
        file: the name of the only answer; None: named by documents.
        force: read anew what is done, and, where `file` is given, write over it.
        retry: read anew pages that could not be read, or not all of them.

    Raises:
        AdotxError: ``out.unwritable``.
    """

    def __init__(
        self,
        folder: Path,
        how: How,
        endings: tuple[str, ...],
        file: str | None = None,
        *,
        force: bool = False,
        retry: bool = False,
    ) -> None:
        self.folder, self._how, self._endings, self._file = folder, how, endings, file
        self._force, self._retry = force, retry
        # One file alone shall not leave more in a folder of the user's: the rest goes when it is done.
        self._state = folder if file is None else folder / f"{file}.adotx"
        with told(folder):
            self._state.mkdir(parents=True, exist_ok=True)
        self._manifest = Manifest(self._state / NAME)
        self._manifest.look()

    @property
    def foreign(self) -> int:
        """Lines of the manifest that are not understood."""
        return self._manifest.foreign

    @property
    def manifest(self) -> Path:
        """The file."""
        return self._manifest.path

    def files(self, entry: Document) -> list[Path]:
        """The answers to a document."""
        return [self.folder / name for name in entry.files]

    def memory_of(self, entry: Document) -> Path | None:
        """Where the pages of a document are remembered, where they are."""
        path = self._state / entry.memory
        return path if entry.memory and path.is_file() else None

    def is_ours(self, path: Path) -> bool:
        """Whether a file or folder among inputs is what is written here."""
        # `Path.resolve` ends in an error where links go in a circle.
        out, here, state = (Path(os.path.realpath(each)) for each in (self.folder, path, self._state))
        if here in (out, state):
            return True
        if out not in here.parents:
            return False
        name = here.relative_to(out).as_posix()
        # Markdown is no input, and need not be named as one that is not read.
        return here.suffix in (".md", PART) or here.name in (NAME, PAGES) or self._is_answer(name)

    def _is_answer(self, name: str) -> bool:
        return name == self._file or self._manifest.owner(name) is not None

    def done(self, source: str, digest: str) -> Document | None:
        """What an earlier call has made of the same content in the same way, to its end; None where there is
        something left to do."""
        mine = self._mine(source, digest)
        if self._force or mine is None or mine.status != "done":
            return None
        if self._retry and (mine.failed or mine.partial):
            return None
        return None if self._unwritten(mine) else mine

    def begin(self, source: str, digest: str, input_: Input) -> Work | None:
        """Take a document for this process; None where another one has it, or has done it.

        Args:
            source: its path; of a pipe, with its content's hash.
            digest: of its content.
            input_: what it is called and where it lies.

        Raises:
            AdotxError: ``out.unwritable``; ``out.exists``: the one file to write is there already.
        """
        how = " | ".join((self._how.model, self._how.reading, __version__))
        head = {"v": 1, "input_hash": digest, "how": how}
        key = hashlib.sha256(f"{digest} {how}".encode()).hexdigest()[:24]
        memory = PageMemory.open(self._state / PAGES / f"{key}.jsonl", head)
        if memory is None:
            return None
        try:
            if self.done(source, digest) is not None:  # meanwhile, by another
                memory.close()
                return None
            return self._begun(source, digest, input_, memory)
        except BaseException:
            memory.close()
            raise

    def _begun(self, source: str, digest: str, input_: Input, memory: PageMemory) -> Work:
        if self._force:
            memory.forget()
        elif self._retry:
            memory.forget("failed", "partial")
        with self._manifest.held() as add:
            mine = None if self._force or self._retry else self._mine(source, digest)
            todo, kept = self._endings, {}
            if mine is not None and mine.status in ("done", "begun"):
                todo = self._unwritten(mine) or todo
                kept = {name: was for name, was in mine.files.items() if was and _ending(name) not in todo}
            base = self._name(source, input_, todo)
            work = Work(source, digest, memory, base, todo, kept)
            add(self._line(work, "begun", {**kept, **dict.fromkeys(map(base.__add__, todo), "")}))
        return work

    def grow(self, work: Work, ending: str, text: str) -> None:
        """Add a text to an answer that is written page by page; begun anew with the first.

        Raises:
            AdotxError: ``out.unwritable``; what was added before is still there.
        """
        path = self._part_path(work, ending)
        with told(path):
            file = work.parts.get(ending)
            if file is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                work.parts[ending] = file = FileIO(path, "w")
            content, start = memoryview(text.encode("utf-8", "surrogateescape")), file.tell()
            try:
                while content:
                    content = content[file.write(content) :]
            except BaseException:
                with contextlib.suppress(OSError):
                    file.seek(start)
                    file.truncate()
                raise

    @contextlib.contextmanager
    def written(self, work: Work, ending: str) -> Iterator[BinaryIO]:
        """The file of an answer that is written in one go; nothing is left of one that fails.

        Raises:
            AdotxError: ``out.unwritable``.
        """
        path = self._part_path(work, ending)
        with told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with path.open("wb") as file:
                    yield file
            except BaseException:
                path.unlink(missing_ok=True)
                raise
        work.parts[ending] = None

    def page(self, work: Work, page: PageResult, fresh: bool) -> None:
        """Have the manifest tell of a page; once, where it was read before (`fresh` is False).

        Raises:
            AdotxError: ``out.unwritable``.
        """
        memory = self._relative(work.memory.path)
        if not fresh and page.number in self._manifest.pages(memory):
            return
        share = None if page.confidence is None else round(float(page.confidence), 4)
        seen = page.text_source, str(page.reason), share, round(page.seconds, 3)
        how = self._how.model, self._how.options
        self._manifest.add(Page(page.status, work.source, work.digest, page.number, *seen, *how, memory))

    def finish(
        self, work: Work, whole: bool, seconds: float, counts: dict[str, int], reason: str = ""
    ) -> list[Path]:
        """Give the written answers their names; returns the files.

        Args:
            whole: whether the document was read to its end.
            seconds: that this call took for it.
            counts: `pages`, `failed` and `partial` of `Document`.
            reason: why it was not read to its end, where that is a fault of its.

        Raises:
            AdotxError: ``out.unwritable``, ``out.exists``.
        """
        with told(self.folder), self._manifest.held() as add:
            digests = {ending: self._ended(work, ending) for ending in work.parts}
            base = work.base
            if not all(self._may_write(f"{base}{ending}", work.source) for ending in digests):
                base = self._name(work.source, None, tuple(digests), base)
            files = {f"{base}{ending}": digest for ending, digest in digests.items()}
            line = self._line(work, "writing", {**work.kept, **files}, counts, seconds=seconds, reason=reason)
            # Before the files: whoever comes after a kill knows whose they are.
            add(line)
            for ending in digests:
                os.replace(self._part_path(work, ending), self.folder / f"{base}{ending}")
            work.parts.clear()
            add(replace(line, status="done" if whole else "stopped"))
        return [self.folder / name for name in files]

    def _ended(self, work: Work, ending: str) -> str:
        """The digest of a written part, which is on the disk."""
        file = work.parts[ending]
        if file is not None:
            file.close()
        with self._part_path(work, ending).open("rb+") as part:
            os.fsync(part.fileno())
        return file_hash(self._part_path(work, ending))

    def refuse(self, source: str, digest: str, reason: str, work: Work | None = None) -> None:
        """Say in the manifest why a document cannot be read; nothing of it is left in the folder."""
        if work is not None:
            for ending, file in work.parts.items():
                if file is not None:
                    file.close()
                self._part_path(work, ending).unlink(missing_ok=True)
            work.parts.clear()
            if not list(work.memory):
                work.memory.path.unlink(missing_ok=True)
        before = self._manifest.document(source)
        kept = {name: was for name, was in before.files.items() if was} if before else {}
        line = Document("refused", source, digest, self._how.model, self._how.options, kept, reason=reason)
        if before != line:
            self._manifest.add(line)

    def close(self, clean: bool) -> None:
        """The end of the call: of one file alone nothing else is left where all is done."""
        if self._file is not None and (clean or not self._manifest.begun):
            shutil.rmtree(self._state, ignore_errors=True)

    def _mine(self, source: str, digest: str) -> Document | None:
        """The last line of this input, where it was the same and was read in the same way."""
        mine = self._manifest.document(source)
        if mine is None or mine.input_hash != digest:
            return None
        return mine if (mine.model, mine.options) == (self._how.model, self._how.options) else None

    def _unwritten(self, mine: Document) -> tuple[str, ...]:
        """The endings of the answers that a document still lacks."""
        there = [name for name, digest in mine.files.items() if digest and (self.folder / name).exists()]
        return tuple(e for e in self._endings if not any(_ending(name) == e for name in there))

    def _name(self, source: str, input_: Input | None, todo: tuple[str, ...], begin: str = "") -> str:
        """A name, without endings, under which all answers may be written: an own one of before, or the first
        free one."""
        if self._file is not None:
            [ending] = todo
            if not self._force and not self._may_write(self._file, source):
                what, remedy = "this file is there already", "--force writes over it"
                raise AdotxError("out.exists", what, str(self.folder / self._file), remedy)
            return self._file.removesuffix(ending)
        before = self._manifest.document(source)
        own = [name.removesuffix(_ending(name)) for name in before.files] if before else []
        for base in chain(own, _names(input_, begin)):
            if all(self._may_write(f"{base}{ending}", source) for ending in todo):
                return base
        raise AssertionError("there is always another name")

    def _may_write(self, name: str, source: str) -> bool:
        """Whether a file is free for a document: its own as it was written, or nobody's."""
        path, owner = self.folder / name, self._manifest.owner(name)
        if self._file is not None and self._force:
            return True
        if owner not in (None, source):
            return False
        return not os.path.lexists(path) or (
            owner == source and path.is_file() and self._manifest.is_written(name, file_hash(path))
        )

    def _part_path(self, work: Work, ending: str) -> Path:
        return self.folder / f"{work.base}{ending}{PART}"

    def _line(
        self,
        work: Work,
        status: str,
        files: dict[str, str],
        counts: dict[str, int] | None = None,
        **more: Any,
    ) -> Document:
        memory = self._relative(work.memory.path)
        values = {"files": files, "memory": memory, **(counts or {}), **more}
        how = self._how
        return Document(status, work.source, work.digest, how.model, how.options, **values)

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._state).as_posix()


def _ending(name: str) -> str:
    return Path(name).suffix


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _names(input_: Input | None, begin: str) -> Iterator[str]:
    """The name of a document without its suffix, with it, then with a number."""
    if input_ is None:
        yield from (f"{begin}-{number}" for number in count(2))
        return
    where = "" if input_.folder == Path() else f"{input_.folder.as_posix()}/"
    stem, name = _short(input_.path.stem), _short(input_.path.name)
    if input_.path == Path("-"):
        stem = name = "stdin"
    yield from (f"{where}{stem}", f"{where}{name}")
    yield from (f"{where}{name}-{number}" for number in count(2))


def _short(name: str) -> str:
    raw = name.encode("utf-8", "surrogateescape")
    return name if len(raw) <= _LONGEST else raw[:_LONGEST].decode("utf-8", "ignore")
