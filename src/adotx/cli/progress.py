"""What is going on, on stderr: a line that overwrites itself on a terminal, and nothing elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self, TextIO


class Progress:
    """A status line. `show` replaces it, `line` says something that stays, leaving the block wipes it.

    Args:
        stream: where to; stderr by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._shown = False

    def show(self, status: str) -> None:
        """What is being done now; a log file does not want it, so it appears on terminals only."""
        if self._live:
            self._stream.write(f"\r\x1b[K{status}")
            self._stream.flush()
            self._shown = True

    def line(self, message: str) -> None:
        """A message that stays, on a line of its own."""
        self.clear()
        print(message, file=self._stream, flush=True)

    def clear(self) -> None:
        """Wipe the status, so that stdout may be written on the same terminal."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
