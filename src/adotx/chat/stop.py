"""Text in, in any pieces; the text before the first stop string out.

However the text is cut, the joined output is the whole text up to the least ``text.find(string)``: the stop
string that begins first counts. What may be the beginning of one is held back until that is decided. Knows no
tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

from adotx.errors import AdotxError


def read_stop_strings(stop: str | Sequence[str]) -> tuple[str, ...]:
    """One string or several as a tuple.

    Raises:
        AdotxError: ``chat.stop`` for what is no string, and for an empty one: it would end every answer.
    """
    strings = (stop,) if isinstance(stop, str) else stop
    if not isinstance(strings, Sequence) or isinstance(strings, (bytes, bytearray)):
        raise AdotxError(
            "chat.stop", "stop strings are not a list", "stop", "give a string or a list of them"
        )
    for i, string in enumerate(strings):
        if not isinstance(string, str) or not string:
            where, remedy = f"stop[{i}]", "give strings of at least one character"
            if string == "":
                raise AdotxError("chat.stop", "is empty", where, remedy)
            what = "a {type} is not a string"
            raise AdotxError("chat.stop", what, where, remedy, type=type(string).__name__)
    return tuple(strings)


class StopFinder:
    """Looks for stop strings in one text.

    Args:
        strings: see ``read_stop_strings``.

    Attributes:
        found: a stop string has been found; nothing comes out any more.
    """

    def __init__(self, strings: Sequence[str]) -> None:
        self._strings = strings
        self._held = ""
        self.found = False

    def push(self, text: str) -> str:
        """The text that is certain now; may be empty."""
        if self.found:
            return ""
        self._held += text
        start = self._first()
        # A string that began earlier and may still become whole would be the one that counts.
        open_start = len(self._held) - max((overlap(self._held, s) for s in self._strings), default=0)
        self.found = start is not None and start <= open_start
        return self._release(open_start if start is None else min(start, open_start))

    def close(self) -> str:
        """What was held back, at the end of the text: no string becomes whole any more."""
        if self.found:
            return ""
        start = self._first()
        self.found = start is not None
        return self._release(start)

    def _first(self) -> int | None:
        """Where the first whole stop string begins in the held text."""
        starts = [self._held.find(string) for string in self._strings]
        return min((start for start in starts if start >= 0), default=None)

    def _release(self, end: int | None) -> str:
        out, self._held = self._held[:end], "" if end is None else self._held[end:]
        return out


def overlap(text: str, tag: str) -> int:
    """Length of the longest end of ``text`` that is a proper beginning of ``tag``."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:length]):
            return length
    return 0
