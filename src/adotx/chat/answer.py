"""The ids of one answer in, as they come; pieces of text and tool calls out, up to a stop string.

The one place where the ways to read an answer are put together. Pieces never split a character. Knows no
engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from adotx.chat.stop import StopFinder, read_stop_strings
from adotx.chat.stream import TextStream
from adotx.chat.tools import Event, ToolIdStream

if TYPE_CHECKING:
    from adotx.checkpoint.tokenizer import AxTokenizer


class AnswerStream:
    """Reads one answer.

    A stop string is sought in the text outside tool calls, and never reaches across a call. A call that is
    not well-formed is text, so it is searched too.

    Args:
        tokenizer: of the checkpoint.
        tools: tool calls are told from text; else the text of a tag is text.
        stop: strings that end the answer and are not part of it; see ``read_stop_strings``.
        deltas: pieces of a call come before it, see ``ToolIdStream``.
    """

    def __init__(
        self,
        tokenizer: AxTokenizer,
        tools: bool = False,
        stop: str | Sequence[str] = (),
        deltas: bool = False,
    ) -> None:
        self._fresh: Callable[[], TextStream | ToolIdStream] = (
            partial(ToolIdStream, tokenizer, deltas) if tools else partial(TextStream, tokenizer)
        )
        self._reader = self._fresh()
        self._stop = StopFinder(read_stop_strings(stop))

    @property
    def stopped(self) -> bool:
        """A stop string has ended the answer; nothing comes any more."""
        return self._stop.found

    def push(self, ids: Iterable[int]) -> list[Event]:
        """What these ids complete."""
        return self._search(self._reader.push(ids))

    def close(self) -> list[Event]:
        """What is left at the end: half a character as U+FFFD, an unfinished call as text."""
        out = self._search(self._reader.close())
        return [*out, rest] if (rest := self._stop.close()) else out

    def index(self, ids: Sequence[int], text: str) -> int:
        """Where in `text`, the answer's text, that begins what follows its first ids `ids`."""
        reader = self._fresh()
        events = [*reader.push(ids), *reader.close()]
        before = "".join(event for event in events if isinstance(event, str))
        # Half a character at the border reads as U+FFFD here and belongs to what follows.
        same = (a == b for a, b in zip(before, text, strict=False))
        return next((i for i, equal in enumerate(same) if not equal), min(len(before), len(text)))

    def _search(self, events: str | list[Event]) -> list[Event]:
        """The events before the first stop string; text that may begin one is held back."""
        out: list[Event] = []
        for event in [events] if isinstance(events, str) else events:
            text = self._stop.push(event) if isinstance(event, str) else self._stop.close()
            if text:
                out.append(text)
            if self.stopped:
                break
            if not isinstance(event, str):
                out.append(event)
        return out
