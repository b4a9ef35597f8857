"""The tool-call grammar of A.X 4.0: ``<tool_call>{"name": ..., "arguments": {...}}</tool_call>``.

Serialise, parse whole answers, parse answers as they arrive. A call that is not well-formed stays content,
letter by letter; nothing is lost. On text a tag is a tag whoever wrote it, so an answer that quotes a call
from a page looks like a call: where ids are at hand use the id forms, in which only the control tokens count.
Knows no engine and no tool.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from adotx.chat.messages import ToolCall, read_arguments, to_json
from adotx.chat.protocol import CALL_ARGUMENTS, CALL_CLOSE, CALL_END, CALL_NAME, CALL_OPEN, control_id
from adotx.chat.stop import overlap
from adotx.chat.stream import TextStream

if TYPE_CHECKING:
    from adotx.checkpoint.tokenizer import AxTokenizer

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


def parse_tool_calls(text: str, id_prefix: str = "call_") -> tuple[str, list[ToolCall]]:
    """Split an answer into its content and its calls.

    Args:
        text: the decoded answer, tags as text.
        id_prefix: calls are numbered ``call_0``, ``call_1``, ...

    Returns:
        (content, calls): all text outside well-formed calls, unchanged, and the calls in order.
    """
    stream = ToolStream(id_prefix)
    return _split(stream.push(text) + stream.close())


def parse_tool_call_ids(
    ids: Iterable[int], tokenizer: AxTokenizer, id_prefix: str = "call_"
) -> tuple[str, list[ToolCall]]:
    """``parse_tool_calls`` on token ids: only the tag tokens open and close a call."""
    stream = ToolIdStream(tokenizer, id_prefix)
    return _split(stream.push(ids) + stream.close())


def _split(events: list[str | ToolCall]) -> tuple[str, list[ToolCall]]:
    content = "".join(event for event in events if isinstance(event, str))
    return content, [event for event in events if isinstance(event, ToolCall)]


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _parse_body(body: str, call_id: str) -> ToolCall | None:
    """The call between two tags, or None. Raw line breaks in strings are accepted: models write them."""
    try:
        value = json.loads(body, strict=False, parse_constant=_refuse)
        if not isinstance(value, dict):
            return None
        name, arguments = value.get("name"), read_arguments(value.get("arguments"))
        if not isinstance(name, str) or not name or arguments is None:
            return None
        # Infinity (from 1e999) and half surrogate pairs cannot be sent on as JSON.
        json.dumps([name, arguments], ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return ToolCall(name, arguments, call_id)


class _Events:
    """Collects content and numbers the calls."""

    def __init__(self, id_prefix: str) -> None:
        self._prefix, self._count = id_prefix, 0
        self._out: list[str | ToolCall] = []

    def text(self, text: str) -> None:
        if text:
            self._out.append(text)

    def call(self, body: str) -> bool:
        parsed = _parse_body(body, f"{self._prefix}{self._count}")
        if parsed is None:
            return False
        self._count += 1
        self._out.append(parsed)
        return True

    def take(self) -> list[str | ToolCall]:
        out, self._out = self._out, []
        return out


class ToolStream:
    """Text in, in any pieces; pieces of content and whole calls out, in order.

    However the text is cut, the joined content and the calls are those of ``parse_tool_calls``.
    """

    def __init__(self, id_prefix: str = "call_") -> None:
        self._events = _Events(id_prefix)
        self._held = ""
        self._inside = False
        self._reset()

    def push(self, text: str) -> list[str | ToolCall]:
        """What this piece completes."""
        self._held += text
        self._advance()
        return self._events.take()

    def close(self) -> list[str | ToolCall]:
        """What is left: an unfinished call is content."""
        while self._inside and self._doubtful is not None:
            self._reject(self._doubtful)
            self._advance()
        self._events.text((CALL_OPEN if self._inside else "") + self._held)
        self._held, self._inside = "", False
        self._reset()
        return self._events.take()

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
            self._events.text(self._held[:cut])
            self._held = self._held[cut:]
            return False
        self._events.text(self._held[:start])
        self._held = self._held[start + len(CALL_OPEN) :]
        self._inside = True
        self._reset()
        return True

    def _inside_step(self) -> bool:
        """Look for the closing tag outside JSON strings; True if the call was ended, well or not."""
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
                    self._end(at)
                    return True
                self._doubtful = at if self._doubtful is None else self._doubtful
                self._at = at + len(CALL_CLOSE)
            elif CALL_CLOSE.startswith(held[at:]):  # perhaps the tag, cut by the piece's end
                self._at = at
                return False
            else:
                self._at = at + 1
        self._at = len(held)
        return False

    def _end(self, at: int) -> None:
        if self._events.call(self._held[:at]):
            self._held, self._inside = self._held[at + len(CALL_CLOSE) :], False
        else:
            self._reject(at if self._doubtful is None else self._doubtful)

    def _reject(self, at: int) -> None:
        end = at + len(CALL_CLOSE)
        self._events.text(CALL_OPEN + self._held[:end])
        self._held, self._inside = self._held[end:], False


class ToolIdStream:
    """Token ids in; pieces of content and whole calls out. Text that merely looks like a tag is text.

    Args:
        tokenizer: must have both tag tokens.
        id_prefix: see ``parse_tool_calls``.
    """

    def __init__(self, tokenizer: AxTokenizer, id_prefix: str = "call_") -> None:
        self._open, self._close = control_id(tokenizer, CALL_OPEN), control_id(tokenizer, CALL_CLOSE)
        self._events = _Events(id_prefix)
        self._text = TextStream(tokenizer)
        #: the pieces of the call that is open, or None
        self._body: list[str] | None = None

    def push(self, ids: Iterable[int]) -> list[str | ToolCall]:
        """What these ids complete."""
        for token_id in ids:
            if token_id == self._open:
                self._abandon()
                self._body = []
            elif token_id == self._close and self._body is not None:
                self._take(self._text.close())
                body, self._body = "".join(self._body), None
                if not self._events.call(body):
                    self._events.text(CALL_OPEN + body + CALL_CLOSE)
            else:
                self._take(self._text.push([token_id]))
        return self._events.take()

    def close(self) -> list[str | ToolCall]:
        """What is left: an unfinished call is content."""
        self._abandon()
        return self._events.take()

    def _take(self, text: str) -> None:
        if self._body is None:
            self._events.text(text)
        else:
            self._body.append(text)

    def _abandon(self) -> None:
        """End the text before a new call or the end of all; an open call was none."""
        self._take(self._text.close())
        if self._body is not None:
            self._events.text(CALL_OPEN + "".join(self._body))
            self._body = None
