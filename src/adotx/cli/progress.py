"""Progress on stderr: a status line on terminals, which is overwritten, and lines that stay; and how fast it
goes. Knows no verbs."""

from __future__ import annotations

import re
import sys
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

# Names of files may hold what terminals obey.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


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
            self._stream.write(f"\r\x1b[K{harmless(status)}")
            self._stream.flush()
            self._shown = True

    def line(self, message: str) -> None:
        """Print a message that stays; a `Sentence` of another room in the user's language."""
        from adotx.cli.errors import in_language
        from adotx.cli.strings import language

        self.clear()
        print(harmless(in_language(message, language())), file=self._stream, flush=True)

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


class Pace:
    """How many pages a minute are read, of late.

    Args:
        now: seconds; of tests their own.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._ends: deque[float] = deque(maxlen=33)

    def begin(self) -> None:
        """The first page is being read."""
        if not self._ends:
            self._ends.append(self._now())

    def page(self) -> None:
        """A page was read."""
        self._ends.append(self._now())

    @property
    def a_minute(self) -> float:
        """Pages a minute; 0 while too few were read to tell."""
        seconds = self._now() - self._ends[0] if len(self._ends) > 3 else 0.0
        return 60 * (len(self._ends) - 1) / seconds if seconds > 0 else 0.0


def harmless(text: str) -> str:
    """A text without control characters but line breaks and tabs."""
    return _CONTROL.sub("?", text)
