"""The pages of one document that were read: page results in, the same out, in this call or a later one.

A file of JSON lines, the first of which says what the others are of; a later line of a page counts for an
earlier one. Each line is written as soon as its page is read, by the one process that holds the file; what a
killed process has left of a line is passed over. Knows no Markdown and no models.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adotx.cli.locking import append, locked, told

if TYPE_CHECKING:
    from adotx.documents.transcribe import PageResult

_PIECE = 1 << 20


class PageMemory:
    """The remembered pages of a document, held by this process until it is closed; threads may share it.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path, self._fd, self._lock = path, fd, threading.Lock()
        self._places: dict[int, tuple[int, int]] = {}  # page -> (start, length) of its line

    @classmethod
    def open(cls, path: Path, head: dict[str, Any]) -> PageMemory | None:
        """The memory of a file; None where another process, or another document of ours, holds it.

        Args:
            path: made where it is not there.
            head: JSON values that say what it is of; pages under another head are forgotten.

        Raises:
            AdotxError: ``out.unwritable``.
        """
        with told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
            try:
                if not locked(fd, wait=False):
                    os.close(fd)
                    return None
                memory = cls(path, fd)
                memory._look(json.dumps(head, ensure_ascii=True).encode() + b"\n")
            except BaseException:
                os.close(fd)
                raise
            return memory

    @classmethod
    def reading(cls, path: Path) -> PageMemory:
        """What is remembered now, for looking only; whoever holds the file is not asked.

        Raises:
            AdotxError: ``out.unwritable``: it cannot be opened.
        """
        with told(path):
            memory = cls(path, os.open(path, os.O_RDONLY))
        memory._find(0)
        return memory

    def __contains__(self, number: object) -> bool:
        return number in self._places

    def __iter__(self) -> Iterator[int]:
        """The pages' numbers, in their order."""
        return iter(sorted(self._places))

    def page(self, number: int) -> PageResult | None:
        """A remembered page; None where there is none, or its line cannot be understood."""
        from adotx.documents.records import from_line

        place = self._places.get(number)
        if place is None:
            return None
        try:
            return from_line(os.pread(self._fd, place[1], place[0]).decode("utf-8", "surrogatepass"))
        except (ValueError, OSError):
            self._places.pop(number, None)
            return None

    def keep(self, page: PageResult) -> None:
        """Remember a page, on disk.

        Raises:
            AdotxError: ``out.unwritable``; what was remembered before still is.
        """
        from adotx.documents.records import to_line

        line = f"{to_line(page)}\n".encode("utf-8", "surrogatepass")
        with self._lock, told(self.path):
            self._places[page.number] = append(self._fd, line), len(line)

    def forget(self, *statuses: str) -> None:
        """Let pages of these statuses be read again; all where none is named."""
        for number in list(self):
            page = self.page(number) if statuses else None
            if page is None or page.status in statuses:
                self._places.pop(number, None)

    def close(self) -> None:
        """Let others have it."""
        os.close(self._fd)

    def _look(self, head: bytes) -> None:
        """Find the lines; a file that is of something else, or of nobody, is begun."""
        if os.pread(self._fd, len(head), 0) != head:
            os.ftruncate(self._fd, 0)
            append(self._fd, head)
            return
        self._find(len(head))

    def _find(self, start: int) -> None:
        for place, line in _lines(self._fd, start):
            number = _number_of(line)
            if number is not None:
                self._places[number] = place, len(line)


def _lines(fd: int, start: int) -> Iterator[tuple[int, bytes]]:
    """(place, line) of each whole line of a file, its end included."""
    held = b""
    while piece := os.pread(fd, _PIECE, start + len(held)):
        *whole, held = (held + piece).split(b"\n")
        for line in whole:
            yield start, line + b"\n"
            start += len(line) + 1


def _number_of(line: bytes) -> int | None:
    """The page that a line is of; None where it is no page."""
    try:
        values = json.loads(line)
        number = values.get("number", 1)
    except (ValueError, AttributeError, RecursionError):
        return None
    return number if values.get("$") == "PageResult" and isinstance(number, int) else None
