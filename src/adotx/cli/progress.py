"""Progress on stderr: a status line on terminals, which is overwritten, and lines that stay."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self, TextIO


class Progress:
    """A status line: `show` replaces it, `line` prints a message above it, leaving the block clears it.

    Args:
        stream: stderr by default.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._shown = False

    def show(self, status: str) -> None:
        """Replace the status line; on terminals only, as a log file should not have it."""
        if self._live:
            self._stream.write(f"\r\x1b[K{status}")
            self._stream.flush()
            self._shown = True

    def line(self, message: str) -> None:
        """Print a message that stays; a `Sentence` of another room in the user's language."""
        from adotx.cli.errors import in_language
        from adotx.cli.strings import language

        self.clear()
        print(in_language(message, language()), file=self._stream, flush=True)

    def clear(self) -> None:
        """Clear the status line, so that stdout may be written on the same terminal."""
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
