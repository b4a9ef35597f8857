"""The folder of `--out`: where each document's Markdown goes, and what is there already.

In: documents and their Markdown. Out: files, and one line a document in `adotx.jsonl`: which input it was
made of, how, and what came of it. By these lines a document that is done is known again, another document of
the same name gets a name of its own, and what somebody has edited is never written over. Several processes
may share a folder. Knows no models and no pages.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

from adotx.errors import AdotxError

MANIFEST = "adotx.jsonl"


@dataclass(frozen=True)
class Entry:
    """What was made of a document.

    Attributes:
        source: the input's absolute path.
        source_hash: of its content.
        how: what the answer depends on besides: model and options.
        file: name of the Markdown file in the folder.
        file_hash: of what was written into it.
        pages, failed, partial: pages read, those that could not be, and those that could not be read whole.
        whole: whether the document was read to its end.
    """

    source: str
    source_hash: str
    how: str
    file: str
    file_hash: str
    pages: int
    failed: int
    partial: int
    whole: bool


@dataclass(frozen=True)
class Made:
    """A document's Markdown, to be written: the attributes are those of `Entry`."""

    markdown: str
    pages: int
    failed: int
    partial: int
    whole: bool


class Workspace:
    """A folder of answers; made where it is not there.

    Raises:
        AdotxError: ``out.unwritable``.
    """

    def __init__(self, folder: Path, how: str) -> None:
        self._folder, self._how = folder, how
        with _told(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def done(self, source: Path) -> Entry | None:
        """What an earlier call has made of the same content in the same way, to its end; None where it must
        be read."""
        mine = self._mine(source)
        if mine is None or not mine.whole or mine.how != self._how or not (self._folder / mine.file).exists():
            return None
        return mine if mine.source_hash == _file_hash(source) else None

    def write(self, source: Path, lasting: bool, made: Made) -> Path:
        """Write a document's Markdown, whole or not at all; returns the file.

        Args:
            source: the document.
            lasting: whether it can be read once more (a pipe cannot), and so is worth remembering.
            made: what was made of it.
        """
        content = made.markdown.encode()
        # Its own name for each writer: two processes may write the same document at once.
        part = self._folder / f".{os.getpid()}-{secrets.token_hex(4)}.part"
        with _told(self._folder):
            try:
                with part.open("xb") as file:
                    file.write(content)
                return self._named(source, lasting, made, part, hashlib.sha256(content).hexdigest())
            finally:
                part.unlink(missing_ok=True)

    def _named(self, source: Path, lasting: bool, made: Made, part: Path, file_hash: str) -> Path:
        """Give a document's finished file its name: its own from before unless that was edited, else a free
        one."""
        mine = self._mine(source) if lasting else None
        own = mine.file if mine is not None and not self._edited(mine.file) else ""
        source_hash = _file_hash(source) if lasting else ""
        for name in chain(filter(None, [own]), self._names(source)):
            target = self._folder / name
            if name != own and target.exists():
                continue
            if lasting:
                counts = made.pages, made.failed, made.partial, made.whole
                path = str(source.resolve())
                # Before the file: a second process that sees the file knows whose it is.
                self._add(Entry(path, source_hash, self._how, name, file_hash, *counts))
            if _moved(part, target, name == own):
                return target
        raise AssertionError("there is always another name")

    def _names(self, source: Path) -> Iterator[str]:
        """NAME.md, the name with its suffix, then with a number."""
        stem, name = (source.stem, source.name) if source.name != "-" else ("stdin", "stdin")
        yield from (f"{stem}.md", f"{name}.md")
        yield from (f"{name}-{number}.md" for number in count(2))

    def _mine(self, source: Path) -> Entry | None:
        """The last entry of this input."""
        path = str(source.resolve())
        return next((entry for entry in reversed(self._entries()) if entry.source == path), None)

    def _edited(self, name: str) -> bool:
        """Whether a file holds what nobody here has written."""
        file = self._folder / name
        if not file.exists():
            return False
        return _file_hash(file) not in {each.file_hash for each in self._entries() if each.file == name}

    def _entries(self) -> list[Entry]:
        """All lines of the manifest; those that cannot be understood are left out."""
        try:
            lines = (self._folder / MANIFEST).read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            return []
        found = []
        for line in lines:
            with contextlib.suppress(ValueError, TypeError):
                values: dict[str, Any] = json.loads(line)
                found.append(Entry(**values))
        return found

    def _add(self, entry: Entry) -> None:
        line = json.dumps(asdict(entry), ensure_ascii=False) + "\n"
        # One write of one line at the end: lines of two processes do not mix.
        fd = os.open(self._folder / MANIFEST, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(fd, line.encode("utf-8", "backslashreplace"))
        finally:
            os.close(fd)


def _moved(part: Path, target: Path, may_replace: bool) -> bool:
    """Give a finished file its name; False where another file has got that meanwhile."""
    if not may_replace:
        try:
            os.link(part, target)
            return True
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            if target.exists():
                return False
    os.replace(part, target)
    return True


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def _told(where: Path) -> Iterator[None]:
    """What the operating system refuses, in one line."""
    try:
        yield
    except OSError as error:
        raise AdotxError(
            "out.unwritable",
            "{reason}",
            error.filename if isinstance(error.filename, str) else str(where),
            "choose another --out",
            reason=error.strerror or str(error),
        ) from None
