"""The ids of one answer in, as they come; pieces of text and whole tool calls out, up to a stop string.

The one place where the ways to read an answer are put together. Pieces never split a character. Knows no
engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from adotx.chat.messages import ToolCall
from adotx.chat.stop import StopFinder, read_stop_strings
from adotx.chat.stream import TextStream
from adotx.chat.tools import ToolIdStream, parse_tool_call_ids

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
    """

    def __init__(self, tokenizer: AxTokenizer, tools: bool = False, stop: str | Sequence[str] = ()) -> None:
        self._tokenizer, self._tools = tokenizer, tools
        self._reader: TextStream | ToolIdStream = ToolIdStream(tokenizer) if tools else TextStream(tokenizer)
        self._stop = StopFinder(read_stop_strings(stop))

    @property
    def stopped(self) -> bool:
        """A stop string has ended the answer; nothing comes any more."""
        return self._stop.found

    def push(self, ids: Iterable[int]) -> list[str | ToolCall]:
        """What these ids complete."""
        return self._search(self._reader.push(ids))

    def close(self) -> list[str | ToolCall]:
        """What is left at the end: half a character as U+FFFD, an unfinished call as text."""
        out = self._search(self._reader.close())
        return [*out, rest] if (rest := self._stop.close()) else out

    def index(self, ids: Sequence[int], text: str) -> int:
        """Where in `text`, the answer's text, that begins what follows its first ids `ids`."""
        before = parse_tool_call_ids(ids, self._tokenizer)[0] if self._tools else self._tokenizer.decode(ids)
        # Half a character at the border reads as U+FFFD here and belongs to what follows.
        same = (a == b for a, b in zip(before, text, strict=False))
        return next((i for i, equal in enumerate(same) if not equal), min(len(before), len(text)))

    def _search(self, events: str | list[str | ToolCall]) -> list[str | ToolCall]:
        """The events before the first stop string; text that may begin one is held back."""
        out: list[str | ToolCall] = []
        for event in [events] if isinstance(events, str) else events:
            text = self._stop.push(event) if isinstance(event, str) else self._stop.close()
            if text:
                out.append(text)
            if self.stopped:
                break
            if isinstance(event, ToolCall):
                out.append(event)
        return out
