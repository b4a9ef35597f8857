"""The tool-call grammar of A.X 4.0: ``<tool_call>{"name": ..., "arguments": {...}}</tool_call>``.

Serialise, parse whole answers, parse answers as they arrive. A call that is not well-formed stays content,
letter by letter; nothing is lost. A whole call is one also where its closing tag is missing or cut.
On text a tag is a tag whoever wrote it, so an answer that quotes a call from a page looks like a call: where
ids are at hand use the id forms, in which only the control tokens count. Knows no engine and no tool.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from adotx.chat.calls import CallDelta, CallReader, new_call_id
from adotx.chat.messages import ToolCall, to_json
from adotx.chat.protocol import CALL_ARGUMENTS, CALL_CLOSE, CALL_END, CALL_NAME, CALL_OPEN, control_id
from adotx.chat.stop import overlap
from adotx.chat.stream import TextStream

if TYPE_CHECKING:
    from adotx.checkpoint.tokenizer import AxTokenizer

#: what an answer is read into: pieces of content, whole calls and, where asked for, pieces of calls
Event = str | CallDelta | ToolCall

_IN_STRING, _OUTSIDE = re.compile(r'[\\"<]'), re.compile(r'["<]')


def call_json(name: str, arguments: Mapping[str, Any]) -> str:
    """The text between the tags, Hangul literal."""
    given = to_json(arguments, f"tool call {name!r}")
    return CALL_NAME + to_json(name, "tool call") + CALL_ARGUMENTS + given + CALL_END


def format_tool_call(name: str, arguments: Mapping[str, Any]) -> str:
    """One call as text, tags included.

    Raises:
        AdotxError: ``chat.json`` for arguments that JSON does not know.
    """
    return f"{CALL_OPEN}{call_json(name, arguments)}{CALL_CLOSE}"


def parse_tool_calls(text: str, new_id: Callable[[], str] = new_call_id) -> tuple[str, list[ToolCall]]:
    """Split an answer into its content and its calls.

    Args:
        text: the decoded answer, tags as text.
        new_id: names the calls.

    Returns:
        (content, calls): all text outside well-formed calls, unchanged, and the calls in order.
    """
    stream = ToolStream(new_id)
    return _split(stream.push(text) + stream.close())


def parse_tool_call_ids(
    ids: Iterable[int], tokenizer: AxTokenizer, new_id: Callable[[], str] = new_call_id
) -> tuple[str, list[ToolCall]]:
    """``parse_tool_calls`` on token ids: only the tag tokens open and close a call."""
    stream = ToolIdStream(tokenizer, new_id=new_id)
    return _split(stream.push(ids) + stream.close())


def _split(events: Iterable[Event]) -> tuple[str, list[ToolCall]]:
    events = list(events)
    content = "".join(event for event in events if isinstance(event, str))
    return content, [event for event in events if isinstance(event, ToolCall)]


def _without_cut_tag(body: str) -> str:
    return body[: len(body) - overlap(body, CALL_CLOSE)]


class ToolStream:
    """Text in, in any pieces; pieces of content and whole calls out, in order.

    However the text is cut, the joined content and the calls are those of ``parse_tool_calls``.

    Args:
        new_id: see ``parse_tool_calls``.
    """

    def __init__(self, new_id: Callable[[], str] = new_call_id) -> None:
        self._new_id = new_id
        self._out: list[str | ToolCall] = []
        self._held = ""
        self._inside = False
        self._reset()

    def push(self, text: str) -> list[str | ToolCall]:
        """What this piece completes."""
        self._held += text
        self._advance()
        return self._take()

    def close(self) -> list[str | ToolCall]:
        """What is left: a whole call whose closing tag is missing counts; an unfinished one is content."""
        while self._inside:
            if self._call(_without_cut_tag(self._held)):
                self._held, self._inside = "", False
            elif self._doubtful is not None:
                self._reject(self._doubtful, CALL_CLOSE)
                self._advance()
            else:
                self._reject(len(self._held), "")
        self._text(self._held)
        self._held = ""
        self._reset()
        return self._take()

    def _take(self) -> list[str | ToolCall]:
        out, self._out = self._out, []
        return out

    def _text(self, text: str) -> None:
        if text:
            self._out.append(text)

    def _call(self, body: str) -> bool:
        reader = CallReader(0, self._new_id())
        reader.push(body)
        call = reader.whole(body)
        if call is not None:
            self._out.append(call)
        return call is not None

    def _reset(self) -> None:
        self._at, self._in_string = 0, False
        #: the first closing tag that stood in a string: the end of the call if the string turns out unclosed
        self._doubtful: int | None = None

    def _advance(self) -> None:
        while self._inside_step() if self._inside else self._outside_step():
            pass

    def _outside_step(self) -> bool:
        """Pass content on up to an opening tag; True if one was found."""
        start = self._held.find(CALL_OPEN)
        if start < 0:
            cut = len(self._held) - overlap(self._held, CALL_OPEN)
            self._text(self._held[:cut])
            self._held = self._held[cut:]
            return False
        self._text(self._held[:start])
        self._held = self._held[start + len(CALL_OPEN) :]
        self._inside = True
        self._reset()
        return True

    def _inside_step(self) -> bool:
        """Look for a tag outside JSON strings; True if the call was ended, well or not."""
        held = self._held
        while match := (_IN_STRING if self._in_string else _OUTSIDE).search(held, self._at):
            at, char = match.start(), match.group()
            if char == '"':
                self._in_string = not self._in_string
                self._at = at + 1
            elif char == "\\":
                if at + 1 == len(held):  # what is escaped has not come yet
                    self._at = at
                    return False
                self._at = at + 2
            elif held.startswith(CALL_CLOSE, at):
                if not self._in_string:
                    self._end(at, CALL_CLOSE)
                    return True
                self._doubtful = at if self._doubtful is None else self._doubtful
                self._at = at + len(CALL_CLOSE)
            elif not self._in_string and held.startswith(CALL_OPEN, at):
                self._end(at, "")
                return True
            elif any(tag.startswith(held[at:]) for tag in (CALL_CLOSE, CALL_OPEN)):
                self._at = at  # perhaps a tag, cut by the piece's end
                return False
            else:
                self._at = at + 1
        self._at = len(held)
        return False

    def _end(self, at: int, tag: str) -> None:
        body = self._held[:at]
        if self._call(body if tag else _without_cut_tag(body)):
            self._held, self._inside = self._held[at + len(tag) :], False
        elif self._doubtful is not None:
            self._reject(self._doubtful, CALL_CLOSE)
        else:
            self._reject(at, tag)

    def _reject(self, at: int, tag: str) -> None:
        end = at + len(tag)
        self._text(CALL_OPEN + self._held[:end])
        self._held, self._inside = self._held[end:], False


class ToolIdStream:
    """Token ids in; pieces of content and whole calls out. Text that merely looks like a tag is text.

    Args:
        tokenizer: must have both tag tokens.
        deltas: pieces of a call are told as they come, before the call itself. What has been told of a call
            is never content too, also where it ends unfinished.
        new_id: see ``parse_tool_calls``.
    """

    def __init__(
        self, tokenizer: AxTokenizer, deltas: bool = False, new_id: Callable[[], str] = new_call_id
    ) -> None:
        self._open, self._close = control_id(tokenizer, CALL_OPEN), control_id(tokenizer, CALL_CLOSE)
        self._deltas, self._new_id = deltas, new_id
        self._text = TextStream(tokenizer)
        self._out: list[Event] = []
        self._begun = 0
        #: of the call that is open
        self._reader: CallReader | None = None

    def push(self, ids: Iterable[int]) -> list[Event]:
        """What these ids complete."""
        for token_id in ids:
            if token_id == self._open:
                self._end("")
                self._reader = CallReader(self._begun, self._new_id())
            elif token_id == self._close and self._reader is not None:
                self._end(CALL_CLOSE)
            else:
                self._read(self._text.push([token_id]))
        return self._take()

    def close(self) -> list[Event]:
        """What is left: a whole call whose closing tag is missing counts; an unfinished one is content."""
        self._end("")
        return self._take()

    def _take(self) -> list[Event]:
        out, self._out = self._out, []
        return out

    def _read(self, text: str) -> None:
        if self._reader is not None:
            deltas = self._reader.push(text)
            self._out += deltas if self._deltas else ()
        elif text:
            self._out.append(text)

    def _end(self, tag: str) -> None:
        """End the text or the open call: at its closing tag, `tag`, a new opening one or the answer's end."""
        self._read(self._text.close())
        reader, self._reader = self._reader, None
        if reader is None:
            return
        call = reader.whole(reader.body if tag else _without_cut_tag(reader.body))
        told = self._deltas and reader.begun
        if call is None and not told:
            self._out.append(CALL_OPEN + reader.body + tag)
            return
        self._begun += 1
        if call is not None:
            if self._deltas and not told:
                self._out += reader.untold(call)
            self._out.append(call)
