"""The process's three streams, also where a daemon or a shell has closed one: made ready, judged at the end.

Nothing of ours may land in a file that happens to get a closed stream's number. A stderr that cannot be
written must not cost an answer; a stdout that cannot be written is an error, since results were asked for.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any


class _Notes(io.TextIOWrapper):
    """A stderr whose disk may be full."""

    def write(self, text: str, /) -> int:
        """As far as it can be written."""
        with contextlib.suppress(OSError):
            return super().write(text)
        return len(text)

    def flush(self) -> None:
        """As far as it can be written."""
        with contextlib.suppress(OSError):
            super().flush()


class _Results(io.TextIOWrapper):
    """A stdout that remembers why it could not be written: of an `OSError` nobody could tell whose it was."""

    fault: OSError | None = None

    def write(self, text: str, /) -> int:
        """As any text stream."""
        try:
            return super().write(text)
        except OSError as error:
            self.fault = error
            raise

    def flush(self) -> None:
        """As any text stream."""
        try:
            super().flush()
        except OSError as error:
            self.fault = error
            raise


def make_ready() -> None:
    """Put something in the place of streams that are closed; let a stderr that fails be silent."""
    # The lowest free number is given out first: each closed one is filled before the next is looked at.
    for number, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # For stdout too, opened for reading: writing to it fails, as it should.
            os.open(os.devnull, mode)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = _wrapped(sys.stdout, 1, _Results), _wrapped(sys.stderr, 2, _Notes)


def _wrapped(stream: Any, number: int, kind: type[io.TextIOWrapper]) -> Any:
    """A stream of this kind over the same file as `stream`; over file `number` where there is none."""
    options: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace"}
    if stream is None:
        return kind(io.BufferedWriter(io.FileIO(number, "w", closefd=False)), **options)
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    # The interpreter keeps the stream that it has made, so the file below stays open.
    options |= {"line_buffering": stream.line_buffering, "write_through": stream.write_through}
    return kind(stream.buffer, **options)


def speak_utf8() -> None:
    """Markdown is UTF-8 whatever the locale says; file names that are not must not stop a message."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def unwritten() -> OSError | None:
    """Why stdout could not take everything; None where it could. Nothing is written to it afterwards."""
    fault: OSError | None = getattr(sys.stdout, "fault", None)
    try:
        sys.stdout.flush()
    except OSError as error:
        fault = fault or error
    if fault is not None:
        # The interpreter flushes once more at exit; that must not fail a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return fault
