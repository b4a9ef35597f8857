"""Weights files that stay open while their model is in use: a change in place is noticed, and told.

In: paths. Out: an error where a file is no longer what it was when it was opened. A file that is replaced by
another of its name goes on being read as it was, for it is held open. Knows no tensors.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from adotx.errors import AdotxError

# Where neither size nor time differ but something was done to a file (its rights, its name, its content with
# the time set back): so many places of it, of so many bytes each, are looked at again.
SAMPLES, SAMPLE_BYTES = 32, 4096


@dataclass
class _Watched:
    """An open file and what was known of it."""

    path: Path
    handle: int
    size: int
    written: int  # nanoseconds
    touched: int
    samples: list[bytes]

    @classmethod
    def opened(cls, path: Path) -> _Watched:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        status = os.fstat(handle)
        size = status.st_size
        return cls(path, handle, size, status.st_mtime_ns, status.st_ctime_ns, _samples(handle, size))

    def is_changed(self) -> bool:
        status = os.fstat(self.handle)
        if (status.st_size, status.st_mtime_ns) != (self.size, self.written):
            return True
        if status.st_ctime_ns != self.touched:
            if _samples(self.handle, self.size) != self.samples:
                return True
            self.touched = status.st_ctime_ns
        return False


def _samples(handle: int, size: int) -> list[bytes]:
    if not hasattr(os, "pread"):
        return []
    step = max(size // SAMPLES, 1)
    return [os.pread(handle, SAMPLE_BYTES, start) for start in range(0, size, step)]


class WeightFiles:
    """Files held open.

    Args:
        paths: of the files.

    Raises:
        AdotxError: ``weights.unreadable``.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        self._files: dict[Path, _Watched] = {}
        for path in paths:
            self.add(path)

    def add(self, path: Path) -> None:
        """Watch one more."""
        try:
            self._files[path] = _Watched.opened(path)
        except OSError as error:
            what, remedy = "cannot be read: {reason}", "check the file and its permissions"
            raise AdotxError("weights.unreadable", what, str(path), remedy, reason=str(error)) from error

    def handle(self, path: Path) -> int:
        """The descriptor of a watched file, which lives as long as this object."""
        return self._files[path].handle

    def check(self) -> None:
        """A microsecond a file.

        Raises:
            AdotxError: ``weights.changed``: what is read from it now may be anything, or end the process.
        """
        for file in self._files.values():
            if file.is_changed():
                raise changed(file.path)

    def __del__(self) -> None:
        for file in getattr(self, "_files", {}).values():
            os.close(file.handle)


def changed(path: Path) -> AdotxError:
    """A weights file is no longer what was opened."""
    return AdotxError("weights.changed", "was changed while it was read", str(path), "load the model again")
