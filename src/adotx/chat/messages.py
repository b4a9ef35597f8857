"""OpenAI-shaped messages in, checked turns out; every mistake is an AdotxError that names the message.

A turn is a role, its parts (text or picture, in order), its tool calls and whether it is trained on. Knows no
tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from adotx.chat.protocol import IMAGE_TYPES, ROLES, TEXT, TEXT_TYPES
from adotx.chat.results import in_call_order
from adotx.errors import AdotxError

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Picture:
    """The place of a picture in a turn.

    Attributes:
        number: which of the conversation's pictures, from 0, in the order of the messages as they were given.
    """

    number: int


@dataclass(frozen=True)
class ToolCall:
    """One call of one tool; two that ask the same are equal, whatever their ids.

    Attributes:
        name: the tool.
        arguments: a JSON object.
        id: the name that a tool result refers to; not part of the text that the model sees.
        written: the arguments as the model wrote them, where that is JSON.
    """

    name: str
    arguments: dict[str, Any]
    id: str = field(default="", compare=False)
    written: str = field(default="", compare=False, repr=False)

    @property
    def message(self) -> dict[str, Any]:
        """As it stands in the ``tool_calls`` of a message; AdotxError ``chat.json``: see ``to_json``."""
        given = self.written or to_json(self.arguments, f"tool call {self.name!r}")
        function = {"name": self.name, "arguments": given}
        return {"id": self.id, "type": "function", "function": function}


@dataclass(frozen=True)
class Turn:
    """One checked message.

    Attributes:
        role: "system", "user", "assistant" or "tool".
        parts: texts and pictures in order.
        calls: tool calls, of assistant turns only.
        trained: False where the message says ``"weight": 0``; only assistant turns are ever trained on.
        reasoned: the message brings its reasoning apart, so ``</think>`` in its text is text.
        answers: of tool turns: the id of the call whose result it is, or "".
    """

    role: str
    parts: tuple[str | Picture, ...]
    calls: tuple[ToolCall, ...] = ()
    trained: bool = True
    reasoned: bool = False
    answers: str = ""
    text: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", "".join(part for part in self.parts if isinstance(part, str)))


def to_json(value: Any, where: str) -> str:
    """One line of JSON with Hangul literal, as the published templates write it.

    Raises:
        AdotxError: ``chat.json`` for what JSON does not know (NaN, sets, bytes, too deep a nesting).
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise AdotxError(
            "chat.json", "is not JSON: {reason}", where, "use plain JSON values", reason=str(error)
        ) from None


def read_arguments(value: Any) -> dict[str, Any] | None:
    """Tool arguments as an object: from an object, from a JSON string of one, or from nothing; else None."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value, strict=False)
        except (ValueError, RecursionError):
            return None
    return dict(value) if isinstance(value, Mapping) else None


def read_messages(messages: Sequence[Message], family: str) -> list[Turn]:
    """Check and flatten messages.

    Args:
        messages: dicts with "role", "content" (None, str or list of parts), assistant "tool_calls",
            "tool_call_id" of a tool's result, and optionally "weight" (0: do not train on this turn). Other
            keys are not shown to the model. The role "developer" is another name of "system".
        family: the text family takes no pictures.

    Returns:
        One turn for each message; results of tools are in the order of the calls, see ``in_call_order``.

    Raises:
        AdotxError: ``chat.empty``, ``chat.message``, ``chat.role``, ``chat.content``, ``chat.content_type``,
            ``chat.image_role``, ``chat.no_images``, ``chat.tool_calls``, ``chat.tool_arguments``,
            ``chat.tool_result``.
    """
    if isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Sequence):
        raise AdotxError("chat.message", "messages are not a list", "messages", "give a list of messages")
    if not messages:
        raise AdotxError("chat.empty", "the conversation is empty", "messages", "give at least one message")
    numbers = count()
    turns = [_read_message(message, f"messages[{i}]", family, numbers) for i, message in enumerate(messages)]
    return in_call_order(turns)


def _read_message(message: Message, where: str, family: str, numbers: Iterator[int]) -> Turn:
    if not isinstance(message, Mapping):
        raise AdotxError(
            "chat.message",
            "a {type} is not a message",
            where,
            'give {{"role": ..., "content": ...}}',
            type=type(message).__name__,
        )
    role = message.get("role")
    role = "system" if role == "developer" else role
    if not isinstance(role, str) or role not in ROLES:
        raise AdotxError(
            "chat.role",
            "unknown role {role!r}",
            where,
            "use one of {known}",
            role=role,
            known=", ".join(ROLES),
        )
    parts = tuple(_read_content(message.get("content"), role, f"{where}.content", family, numbers))
    calls = message.get("tool_calls") or ()
    if calls and role != "assistant":
        raise AdotxError(
            "chat.tool_calls", "a {role} message calls no tools", where, "drop tool_calls", role=role
        )
    if isinstance(calls, (str, bytes, Mapping)) or not isinstance(calls, Sequence):
        raise AdotxError("chat.tool_calls", "tool_calls are not a list", where, "give a list of calls")
    return Turn(
        role,
        parts,
        tuple(_read_call(call, f"{where}.tool_calls[{i}]") for i, call in enumerate(calls)),
        trained=message.get("weight", 1) != 0,
        reasoned=message.get("reasoning_content") is not None,
        answers=str(message.get("tool_call_id") or "") if role == "tool" else "",
    )


def _read_content(
    content: Any, role: str, where: str, family: str, numbers: Iterator[int]
) -> Iterator[str | Picture]:
    if content is None:
        return
    if isinstance(content, str):
        yield content
        return
    if isinstance(content, (bytes, Mapping)) or not isinstance(content, Sequence):
        raise AdotxError(
            "chat.content",
            "content of type {type} is unknown",
            where,
            "give a string, a list of parts, or null",
            type=type(content).__name__,
        )
    for i, item in enumerate(content):
        here = f"{where}[{i}]"
        kind = part_type(item)
        if kind == "text":
            if not isinstance(item["text"], str):
                raise AdotxError("chat.content", "the text of a part is not a string", here, "give a string")
            yield item["text"]
        elif kind == "image":
            if family == TEXT:
                raise AdotxError(
                    "chat.no_images", "this is a text model and sees no images", here, "use a VL checkpoint"
                )
            if role == "system":
                raise AdotxError(
                    "chat.image_role",
                    "an image in a {role} message",
                    here,
                    "move it to a user message",
                    role=role,
                )
            yield Picture(next(numbers))
        else:
            raise AdotxError(
                "chat.content_type",
                "unknown content type {type}",
                here,
                "use text, image or image_url",
                type=kind,
            )


def part_type(item: Any) -> str:
    """ "text", "image", or the repr of what else a content part claims to be."""
    if not isinstance(item, Mapping):
        return repr(item if isinstance(item, str) else type(item).__name__)[:80]
    kind = item.get("type")
    if kind is None:  # the published template accepts parts that only have the key
        kind = next((key for key in ("image", "image_url", "text") if key in item), None)
    if kind in IMAGE_TYPES:
        return "image"
    return "text" if kind in TEXT_TYPES and "text" in item else repr(kind)[:80]


def _read_call(call: Any, where: str) -> ToolCall:
    inner = call.get("function", call) if isinstance(call, Mapping) else None
    name = inner.get("name") if isinstance(inner, Mapping) else None
    if not isinstance(name, str) or not name or not isinstance(inner, Mapping):
        remedy = 'give {"function": {"name": ..., "arguments": ...}}'
        raise AdotxError("chat.tool_calls", "a tool call without a name", where, remedy)
    arguments = read_arguments(inner.get("arguments"))
    if arguments is None:
        raise AdotxError(
            "chat.tool_arguments",
            "the arguments of {name!r} are not a JSON object",
            where,
            "give an object or a JSON string of one",
            name=name,
        )
    to_json(arguments, where)
    return ToolCall(name, arguments, str(call.get("id") or ""))


def read_tools(tools: Sequence[Mapping[str, Any]] | None) -> list[str]:
    """Each tool description as one line of JSON.

    Raises:
        AdotxError: ``chat.tools`` for what is no list of objects, ``chat.json`` for what is no JSON.
    """
    if tools is None:
        return []
    if isinstance(tools, (str, bytes, Mapping)) or not isinstance(tools, Sequence):
        raise AdotxError("chat.tools", "tools are not a list", "tools", "give a list of tool objects")
    for i, tool in enumerate(tools):
        if not isinstance(tool, Mapping):
            raise AdotxError(
                "chat.tools",
                "a {type} is not a tool",
                f"tools[{i}]",
                'give {{"type": "function", "function": {{...}}}}',
                type=type(tool).__name__,
            )
    return [to_json(tool, f"tools[{i}]") for i, tool in enumerate(tools)]
