"""Requests of the responses API as requests of the chat API: input items in, messages out, and places back.

A server that keeps no answers cannot go on from one, so what would need that is refused by its name. Knows no
model and no HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from adotx.errors import AdotxError, Sentence
from adotx.server.requests import INT64, Body, ChatRequest, Name, Object, Objects, StreamOptions, Texts

LOGPROBS = "message.output_text.logprobs"
#: what clients ask for by habit, and of which there is none here
_NOTHING_TO_INCLUDE = ("reasoning.encrypted_content",)
_KEEPS_NONE = Sentence("this server keeps no answers")
#: fields that need what this server does not have, and why
_REFUSED = {
    "background": _KEEPS_NONE,
    "conversation": _KEEPS_NONE,
    "previous_response_id": _KEEPS_NONE,
    "store": _KEEPS_NONE,
    "context_management": Sentence("this server leaves nothing out of a conversation"),
    "max_tool_calls": Sentence("this server calls no tools itself"),
    "moderation": Sentence("this server judges no contents"),
    "prompt": Sentence("this server keeps no prompts"),
}
_ROLES = ("user", "assistant", "system", "developer")


def _few(pairs: Any) -> Any:
    if isinstance(pairs, dict) and len(pairs) > 16:  # the API's own limit
        raise ValueError(Sentence("it has more than {most} pairs", most=16))
    return pairs


class TextOptions(Body):
    """The form of the text of an answer."""

    format: Object | None = None
    verbosity: str | None = None


class ResponsesRequest(Body):
    """The body of /v1/responses."""

    model: Name
    input: str | Objects
    instructions: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_output_tokens: Annotated[int, Field(ge=1, lt=INT64)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    include: Texts | None = None
    tools: Objects | None = None
    tool_choice: str | Object | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    truncation: str | None = None

    # Refused where they ask for something: see `_REFUSED`.
    background: bool | None = None
    conversation: str | Object | None = None
    previous_response_id: str | None = None
    store: bool | None = None
    context_management: Objects | None = None
    max_tool_calls: int | None = None
    moderation: Object | None = None
    prompt: Object | None = None

    # What says nothing to a model like ours; taken so that clients work as they are.
    metadata: Annotated[dict[str, str], BeforeValidator(_few)] | None = None
    reasoning: Object | None = None
    service_tier: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    prompt_cache_options: Object | None = None

    # vLLM's.
    cache_salt: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    priority: Annotated[int, Field(ge=-INT64, lt=INT64)] | None = None

    @property
    def logprobs(self) -> bool:
        """Whether log-probabilities are wanted."""
        return self.top_logprobs is not None or LOGPROBS in (self.include or ())


@dataclass
class Conversation:
    """Messages, and where each comes from.

    Attributes:
        messages: of the chat API.
        items: for each message, the indices of its items; none: the instructions, or an input that is a text.
    """

    messages: list[dict[str, Any]] = field(default_factory=list)
    items: list[list[int]] = field(default_factory=list)

    def add(self, message: dict[str, Any], *items: int) -> None:
        self.messages.append(message)
        self.items.append(list(items))

    def add_call(self, call: dict[str, Any], item: int) -> None:
        """A call belongs to the assistant's message right before it, or begins one."""
        if not self.messages or self.messages[-1]["role"] != "assistant":
            self.add({"role": "assistant", "content": None})
        self.messages[-1].setdefault("tool_calls", []).append(call)
        self.items[-1].append(item)

    def place(self, where: str) -> str:
        """The place in the request of what the chat API calls `where`."""
        found = re.fullmatch(r"messages(?:\[(\d+)\](?:\.tool_calls\[(\d+)\])?)?(.*)", where)
        if found is None:
            place = re.sub(r"^(tools\[\d+\])\.function\b", r"\1", where)  # they are flat here
            return next((own + place[len(name) :] for name, own in _NAMES if place.startswith(name)), place)
        message, call, rest = found.groups()
        if message is None or not (items := self.items[int(message)]):
            return "input" if message is None or int(message) or len(self.items) == 1 else "instructions"
        # An assistant's message of calls alone has none of its own before them.
        own = len(items) - len(self.messages[int(message)].get("tool_calls", ()))
        item = items[0 if call is None else own + int(call)]
        return f"input[{item}]{rest.replace('.tool_call_id', '.call_id')}"


#: what a place in the chat API begins with -> what it is here
_NAMES = (
    ("max_tokens", "max_output_tokens"),
    ("max_completion_tokens", "max_output_tokens"),
    ("response_format.json_schema", "text.format"),
    ("response_format", "text.format"),
)


def conversation_of(body: ResponsesRequest) -> Conversation:
    """The conversation of a request.

    Raises:
        AdotxError: ``server.parameter``: an item or a part that is none this server knows.
    """
    found = Conversation()
    if body.instructions:
        found.add({"role": "system", "content": body.instructions})
    if isinstance(body.input, str):
        found.add({"role": "user", "content": body.input})
        return found
    if not body.input:
        raise _refusal("input", Sentence("there is nothing to answer"))
    for index, item in enumerate(body.input):
        _add(found, item, index)
    return found


def chat_request_of(body: ResponsesRequest, conversation: Conversation) -> ChatRequest:
    """The same request to the chat API.

    Raises:
        AdotxError: ``server.parameter``: it asks for what this server does not have.
    """
    for name, reason in _REFUSED.items():
        if getattr(body, name) not in (None, False, [], {}):
            raise _refusal(name, reason)
    if body.truncation not in (None, "disabled"):
        raise _refusal("truncation", Sentence("this server leaves nothing out of a conversation"))
    for index, wanted in enumerate(body.include or ()):
        if wanted not in (LOGPROBS, *_NOTHING_TO_INCLUDE):
            raise _refusal(f"include[{index}]", Sentence("it is nothing that this server can add"))
    return ChatRequest(
        model=body.model,
        messages=conversation.messages,
        max_completion_tokens=body.max_output_tokens,
        temperature=body.temperature,
        top_p=body.top_p,
        logprobs=body.logprobs,
        top_logprobs=body.top_logprobs,
        tools=body.tools,
        tool_choice=body.tool_choice,
        parallel_tool_calls=body.parallel_tool_calls,
        response_format=body.text.format if body.text else None,
        cache_salt=body.cache_salt,
        priority=body.priority,
    )


@contextmanager
def told_of(conversation: Conversation) -> Iterator[None]:
    """Errors about the chat request as errors about the request that it was made of."""
    try:
        yield
    except AdotxError as error:
        raise (error.at(conversation.place(error.where)) if error.where else error) from error.__cause__


def _add(found: Conversation, item: Object, index: int) -> None:
    where, kind = f"input[{index}]", item.get("type", "message" if "role" in item else None)
    if kind == "message":
        role = item.get("role")
        if role not in _ROLES:
            raise _refusal(f"{where}.role", Sentence("it is none of {known}", known=", ".join(_ROLES)))
        found.add({"role": role, "content": _content(item.get("content"), f"{where}.content")}, index)
    elif kind == "function_call":
        _need(item, where, "call_id", "name", "arguments")
        function = {"name": item["name"], "arguments": item["arguments"]}
        found.add_call({"id": item["call_id"], "type": "function", "function": function}, index)
    elif kind == "function_call_output":
        _need(item, where, "call_id")
        content = _content(item.get("output"), f"{where}.output")
        found.add({"role": "tool", "tool_call_id": item["call_id"], "content": content}, index)
    else:
        raise _refusal(f"{where}.type", Sentence("this server knows no such item"))


def _content(content: Any, where: str) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise _refusal(where, Sentence("it is neither a text nor a list of parts"))
    return [_part(part, f"{where}[{i}]") for i, part in enumerate(content)]


def _part(part: Any, where: str) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind in ("input_text", "output_text", "refusal"):
        name = "refusal" if kind == "refusal" else "text"
        _need(part, where, name)
        return {"type": "text", "text": part[name]}
    if kind == "input_image":
        if part.get("file_id") is not None:
            raise _refusal(f"{where}.file_id", Sentence("this server keeps no files"))
        _need(part, where, "image_url")
        return {"type": "image_url", "image_url": {"url": part["image_url"], "detail": part.get("detail")}}
    raise _refusal(f"{where}.type", Sentence("this server knows no such part"))


def _need(values: Object, where: str, *names: str) -> None:
    for name in names:
        if not isinstance(values.get(name), str):
            raise _refusal(f"{where}.{name}", Sentence("a text is missing"))


def _refusal(where: str, reason: Sentence) -> AdotxError:
    return AdotxError("server.parameter", "{reason}", where, reason=reason)
