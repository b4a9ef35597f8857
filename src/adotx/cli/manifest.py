"""`adotx.jsonl`, the manifest of a folder of answers: a line for each page that was read and each document.

In: what became of pages and documents. Out: lines, and what earlier lines say: which document has which file,
what was written into it, which pages are told of. Lines are only added, each in one piece, under a lock; the
last of a document counts. Lines of version 1, a line a document, are understood; what is no line of ours is
left as it is and counted. The fields are told in docs/cli.md. Knows no pages' texts.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from adotx.cli.locking import append, locked, told

NAME = "adotx.jsonl"
VERSION = 2
_PIECE = 1 << 20


@dataclass(frozen=True)
class Document:
    """The line of a document.

    Attributes:
        status: "begun"; "done"; "stopped": not read to its end; "refused": it could not be read at all.
        input: its absolute path.
        input_hash: SHA-256 of its content; "" where it could not be had.
        model, options: how it was read and written.
        files: file in the folder -> SHA-256 of what was written into it; "" before that.
        pages, failed, partial: pages in the answer, those that could not be read, and those that could not
            be read whole.
        reason: why it was refused.
        seconds: that this call took for it.
        memory: the file with its remembered pages, in the folder; "" for none.
    """

    status: str
    input: str
    input_hash: str
    model: str
    options: str
    files: dict[str, str] = field(default_factory=dict)
    pages: int = 0
    failed: int = 0
    partial: int = 0
    reason: str = ""
    seconds: float = 0.0
    memory: str = ""


@dataclass(frozen=True)
class Page:
    """The line of a page; `reason` says what is missing, why it failed, or what is doubtful."""

    status: str
    input: str
    input_hash: str
    page: int
    text_source: str
    reason: str
    confidence: float | None
    seconds: float
    model: str
    options: str
    memory: str = ""


class Manifest:
    """The lines of a folder, as far as they were written when last looked at.

    Args:
        path: the file; need not be there.

    Attributes:
        foreign: lines that are not understood.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.foreign = path, 0
        self._read = 0  # bytes
        self._documents: dict[str, Document] = {}
        self._written: dict[str, set[str]] = defaultdict(
            set
        )  # file -> hashes of all that was written into it
        self._owners: dict[str, str] = {}  # file -> input
        self._pages: dict[str, set[int]] = defaultdict(set)  # memory -> pages

    def document(self, name: str) -> Document | None:
        """The last line of an input."""
        self.look()
        return self._documents.get(name)

    @property
    def begun(self) -> bool:
        """Whether more than refusals is told of."""
        self.look()
        return any(entry.status != "refused" for entry in self._documents.values())

    def is_written(self, file: str, digest: str) -> bool:
        """Whether this content was ever written into a file by us."""
        return digest in self._written[file]

    def owner(self, file: str) -> str | None:
        """The input that a file of the folder belongs to."""
        return self._owners.get(file)

    def pages(self, memory: str) -> set[int]:
        """The pages that lines tell of."""
        return self._pages[memory]

    def add(self, line: Document | Page) -> None:
        """Add a line.

        Raises:
            AdotxError: ``out.unwritable``.
        """
        with self.held() as add:
            add(line)

    @contextlib.contextmanager
    def held(self) -> Iterator[Any]:
        """Keep others from adding lines; gives what adds one, after all lines that are there were seen."""
        with told(self.path):
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                locked(fd, wait=True)
                self._look(fd)
                yield lambda line: self._add(fd, line)
            finally:
                os.close(fd)

    def look(self) -> None:
        """Read what was added since."""
        with told(self.path):
            try:
                fd = os.open(self.path, os.O_RDONLY)
            except FileNotFoundError:
                return
            try:
                self._look(fd)
            finally:
                os.close(fd)

    def _add(self, fd: int, line: Document | Page) -> None:
        kind = type(line).__name__.lower()
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        values = {"v": VERSION, "kind": kind, **asdict(line), "time": when}
        append(fd, f"{json.dumps(values, ensure_ascii=False)}\n".encode("utf-8", "surrogatepass"))
        self._look(fd)

    def _look(self, fd: int) -> None:
        if os.fstat(fd).st_size < self._read:  # somebody has begun it anew
            self.__init__(self.path)  # type: ignore[misc]
        held = b""
        while piece := os.pread(fd, _PIECE, self._read + len(held)):
            *whole, held = (held + piece).split(b"\n")
            for line in whole:
                self._read += len(line) + 1
                self._take(line)

    def _take(self, line: bytes) -> None:
        if not line.strip():
            return
        try:
            values: dict[str, Any] = json.loads(line.decode("utf-8", "surrogatepass"))
            if values.get("v") == VERSION and values.get("kind") == "page":
                self._pages[str(values["memory"])].add(int(values["page"]))
            elif values.get("v") == VERSION and values.get("kind") == "document":
                known = {each.name for each in fields(Document)}
                self._is(Document(**{name: value for name, value in values.items() if name in known}))
            elif "v" not in values:
                self._is(_of_version_1(values))
            else:
                self.foreign += 1
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            self.foreign += 1

    def _is(self, document: Document) -> None:
        before = self._documents.get(document.input)
        for file in (before.files if before else {}).keys() - document.files.keys():
            if self._owners.get(file) == document.input and not self._written[file]:
                del self._owners[file]  # a name that was kept for it and is not needed
        self._documents[document.input] = document
        for file, digest in document.files.items():
            self._owners[file] = document.input
            if digest:
                self._written[file].add(digest)


def _of_version_1(values: dict[str, Any]) -> Document:
    """A line of the first version, which knew documents only."""
    model, *rest = str(values["how"]).split(" ")
    weights = [rest.pop(0)] if rest and "@" not in model else []
    names = {"pages": "page-marks", "mark_doubtful": "mark-doubtful"}
    marks = [names[name] for name in rest if name in names]
    marks += [] if "second_reader" in rest else ["no-second-reader"]
    return Document(
        "done" if values["whole"] else "stopped",
        values["source"],
        values["source_hash"],
        " ".join([model, *weights]),
        " ".join(sorted(marks)),
        {values["file"]: values["file_hash"]},
        int(values["pages"]),
        int(values["failed"]),
        int(values["partial"]),
    )
