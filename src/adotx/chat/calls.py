"""The JSON object of one tool call: its text in, as it comes; name and arguments out, in pieces or whole.

A call is an object with "name", a string, and "arguments", an object or a JSON string of one; none if it is
absent or null. "id" and "type" may stand beside them. Anything else is no call: arguments under another key
must not become a call without arguments. Knows no tags and no ids of tokens.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from adotx.chat.messages import ToolCall, read_arguments, to_json

_MEMBERS = frozenset(("name", "arguments", "id", "type"))
# The order of the published format; what comes in another one is told when it is whole.
_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)+")\s*,\s*"arguments"\s*:\s*(?=\{)', re.DOTALL)
_LONGEST_HEAD = 1000
_OUTSIDE, _IN_STRING = re.compile(r'["{}\[\]]'), re.compile(r'["\\]')
# A whole escape, both halves of a surrogate pair together; none where more of it may be to come.
_ESCAPE = re.compile(
    r"""\\(?: u[dD][89abAB]HH (?: \\uHHHH | (?! \\?\Z | \\uH{0,3}\Z ) )
          | u(?![dD][89abAB]HH) HHHH
          | u(?! H{0,3}\Z | HHHH )
          | [^u] )""".replace("H", "[0-9a-fA-F]"),
    re.DOTALL | re.VERBOSE,
)
_CONTROL = re.compile(r"[\x00-\x1f]")


def new_call_id() -> str:
    """A name for a call that no other call has, in this conversation or another."""
    return "call_" + secrets.token_hex(12)


@dataclass(frozen=True)
class CallDelta:
    """A piece of a call that is on its way. The first one of a call has its id and its name.

    Attributes:
        index: which call of the answer, from 0.
        arguments: a piece of the JSON text of the arguments; never half a character or half an escape.
        id, name: "" but in the first.
    """

    index: int
    arguments: str = ""
    id: str = ""
    name: str = ""

    @property
    def message(self) -> dict[str, Any]:
        """As it stands in the ``tool_calls`` of a streamed delta."""
        if not self.name:
            return {"index": self.index, "function": {"arguments": self.arguments}}
        function = {"name": self.name, "arguments": self.arguments}
        return {"index": self.index, "id": self.id, "type": "function", "function": function}


def joined(deltas: Iterable[CallDelta]) -> list[dict[str, Any]]:
    """The ``tool_calls`` of a message from all pieces of an answer; a call that was cut off is cut off."""
    calls: dict[int, dict[str, Any]] = {}
    for delta in deltas:
        message = delta.message
        call = calls.setdefault(message.pop("index"), message)
        if call is not message:
            call["function"]["arguments"] += delta.arguments
    return list(calls.values())


class CallReader:
    """Reads the object of one call.

    The pieces joined are the arguments as the model wrote them, but for raw control characters in strings,
    which JSON wants escaped. What is told is not taken back: in an answer that no grammar holds, the object
    may go on as no JSON; then ``whole`` gives None in the end.

    Args:
        index, call_id: see ``CallDelta``.

    Attributes:
        body: all text so far.
        begun: the name has been told.
    """

    def __init__(self, index: int, call_id: str) -> None:
        self._index, self._id = index, call_id
        self.body = ""
        self.begun = False
        self._name = ""
        self._told: list[str] = []
        self._at = self._depth = 0
        self._in_string = self._ended = False

    def push(self, text: str) -> list[CallDelta]:
        """What this text adds."""
        self.body += text
        out = []
        if not self.begun:
            head = _HEAD.match(self.body, 0, _LONGEST_HEAD)
            self._name = _name(head[1]) if head else ""
            if not head or not self._name:
                return []
            self.begun, self._at = True, head.end()
            out.append(CallDelta(self._index, id=self._id, name=self._name))
        if piece := "".join(self._arguments()):
            self._told.append(piece)
            out.append(CallDelta(self._index, piece))
        return out

    def whole(self, body: str) -> ToolCall | None:
        """The call, if `body`, the text or the part of it that counts, is one from first to last letter."""
        call = _parse(body, self._id)
        if call is None or not self.begun:
            return call
        return replace(call, written="".join(self._told)) if call.name == self._name else None

    def untold(self, call: ToolCall) -> list[CallDelta]:
        """The pieces of a call of which nothing has been told."""
        given = to_json(call.arguments, "tool call")
        return [CallDelta(self._index, id=call.id, name=call.name), CallDelta(self._index, given)]

    def _arguments(self) -> Iterator[str]:
        """The text from where we are to the end of what has come, or of the arguments."""
        body = self.body
        while self._at < len(body) and not self._ended:
            start = self._at
            match = (_IN_STRING if self._in_string else _OUTSIDE).search(body, start)
            found = match.group() if match else ""
            self._at = match.end() if match else len(body)
            if match and found == "\\":
                escape = _ESCAPE.match(body, match.start())
                self._at = escape.end() if escape else match.start()
            segment = body[start : self._at]
            yield _CONTROL.sub(_escaped, segment) if self._in_string else segment
            if match and self._at == match.start():
                return  # half an escape
            self._in_string ^= found == '"'
            self._depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found, 0)
            self._ended = self._depth == 0


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]


def _name(quoted: str) -> str:
    try:
        name: str = json.loads(quoted, strict=False)
        name.encode()
    except ValueError:
        return ""
    return name


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _parse(body: str, call_id: str) -> ToolCall | None:
    """The call that a text is, or None. Raw line breaks in strings are accepted: models write them."""
    members: list[tuple[str, Any]] = []

    def read(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members[:] = pairs  # in the end those of the outermost object
        return dict(pairs)

    try:
        value = json.loads(body, strict=False, parse_constant=_refuse, object_pairs_hook=read)
        if not isinstance(value, dict) or not _MEMBERS.issuperset(value) or len(members) != len(value):
            return None
        name, arguments = value.get("name"), read_arguments(value.get("arguments"))
        if not isinstance(name, str) or not name or arguments is None:
            return None
        # Infinity (from 1e999) and half surrogate pairs cannot be sent on as JSON.
        json.dumps([name, arguments], ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        return None
    return ToolCall(name, arguments, call_id)
