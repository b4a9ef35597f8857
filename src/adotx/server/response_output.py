"""Answers of the responses API: pieces of an answer in, its events and its items out.

A whole answer is what its events end with, so that both ways of asking say the same. Knows no HTTP.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from adotx.chat import CallDelta
from adotx.chat.tools import Event as Piece
from adotx.engine import SamplingParams
from adotx.model import Reply, TokenLogprob
from adotx.server.answers import logprobs_of, usage_of
from adotx.server.events import Event
from adotx.server.response_input import ResponsesRequest

_UNFINISHED = {"length": "max_output_tokens"}
#: type of an error -> what this API calls one of an answer; all others are the server's
_CODES = {"invalid_request_error": "invalid_prompt", "rate_limit_error": "rate_limit_exceeded"}


class ResponseBuilder:
    """One response on its way.

    Args:
        body: the request.
        model: its model's name.
        defaults: how tokens are picked where the request does not say.

    Attributes:
        values: as the API tells it now.
    """

    def __init__(self, body: ResponsesRequest, model: str, defaults: SamplingParams) -> None:
        self._number = 0
        self._items: list[_Message | _Call] = []
        self._calls: dict[int, _Call] = {}
        self._told_logprobs = body.logprobs
        self.values: dict[str, Any] = {
            "id": f"resp_{uuid.uuid4().hex}",
            "object": "response",
            "created_at": int(time.time()),
            "completed_at": None,
            "status": "in_progress",
            "background": False,
            "error": None,
            "incomplete_details": None,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "max_tool_calls": None,
            "metadata": body.metadata or {},
            "model": model,
            "output": [],
            "parallel_tool_calls": body.parallel_tool_calls is not False,
            "previous_response_id": None,
            "reasoning": {"effort": None, "summary": None},
            "service_tier": "default",
            "store": False,
            "temperature": defaults.temperature if body.temperature is None else body.temperature,
            "text": {"format": (body.text.format if body.text else None) or {"type": "text"}},
            "tool_choice": body.tool_choice or "auto",
            "tools": body.tools or [],
            "top_logprobs": body.top_logprobs or 0,
            "top_p": defaults.top_p if body.top_p is None else body.top_p,
            "truncation": "disabled",
            "usage": None,
            "user": body.user,
        }

    def begin(self) -> Iterator[Event]:
        """The events before the first piece."""
        for name in ("response.created", "response.in_progress"):
            yield self._event(name, response=dict(self.values))

    def push(self, piece: Piece, logprobs: Sequence[TokenLogprob]) -> Iterator[Event]:
        """The events of a piece; `logprobs`: of the tokens that came with it."""
        if isinstance(piece, str):
            message = self._items[-1] if self._items else None
            if not isinstance(message, _Message) or message.ended:
                yield from self._end_last("completed")
                message = _Message(len(self._items), self._told_logprobs)
                yield from self._opened(message)
            yield from self._events(message.push(piece, logprobs))
        elif isinstance(piece, CallDelta):
            call = self._calls.get(piece.index)
            if call is None:
                yield from self._end_last("completed")
                call = self._calls[piece.index] = _Call(len(self._items), piece)
                yield from self._opened(call)
            if piece.arguments:
                yield from self._events(call.push(piece.arguments))

    def end(self, reply: Reply) -> Iterator[Event]:
        """The events after the last piece."""
        reason = _UNFINISHED.get(reply.finish_reason)
        status = "incomplete" if reason else "completed"
        if not self._items:  # an answer without a word is a message all the same
            yield from self._opened(_Message(0, self._told_logprobs))
        yield from self._end_last(status)
        self.values |= {
            "status": status,
            "completed_at": None if reason else int(time.time()),
            "incomplete_details": {"reason": reason} if reason else None,
            "output": [item.values for item in self._items],
            "usage": response_usage(reply),
        }
        yield self._event(f"response.{status}", response=self.values)

    def failed(self, body: dict[str, Any]) -> list[Event]:
        """The event that ends a stream in which something failed; `body`: of the error (`errors.body_of`)."""
        told = body["error"]
        error = {"code": _CODES.get(told["type"], "server_error"), "message": told["message"]}
        output = [item.values for item in self._items]
        self.values |= {"status": "failed", "error": error, "output": output}
        return [self._event("response.failed", response=self.values)]

    def _opened(self, item: _Message | _Call) -> Iterator[Event]:
        self._items.append(item)
        yield from self._events(item.begin())

    def _end_last(self, status: str) -> Iterator[Event]:
        if self._items and not self._items[-1].ended:
            yield from self._events(self._items[-1].end(status))

    def _events(self, told: Iterator[tuple[str, dict[str, Any]]]) -> Iterator[Event]:
        for name, values in told:
            yield self._event(f"response.{name}", **values)

    def _event(self, name: str, /, **values: Any) -> Event:
        self._number += 1
        return Event({"type": name, "sequence_number": self._number - 1, **values}, name)


class _Item:
    """An item of an answer's output; its methods give (name, values) of events.

    Attributes:
        values: as the API tells it now.
        ended: nothing more comes.
    """

    def __init__(self, index: int, values: dict[str, Any]) -> None:
        self.values = values | {"status": "in_progress"}
        self.ended = False
        self._place = {"output_index": index}
        self._inside = {"item_id": values["id"], **self._place}

    def begin(self) -> Iterator[tuple[str, dict[str, Any]]]:
        yield "output_item.added", {**self._place, "item": dict(self.values)}

    def end(self, status: str) -> Iterator[tuple[str, dict[str, Any]]]:
        self.ended = True
        self.values["status"] = status
        yield "output_item.done", {**self._place, "item": dict(self.values)}


class _Message(_Item):
    """Text of an answer."""

    def __init__(self, index: int, logprobs: bool) -> None:
        values = {"id": f"msg_{uuid.uuid4().hex}", "type": "message", "role": "assistant", "content": []}
        super().__init__(index, values)
        self._inside["content_index"] = 0
        self._texts: list[str] = []
        self._logprobs: list[dict[str, Any]] | None = [] if logprobs else None

    def begin(self) -> Iterator[tuple[str, dict[str, Any]]]:
        yield from super().begin()
        yield "content_part.added", {**self._inside, "part": self._part()}

    def push(self, text: str, tokens: Sequence[TokenLogprob]) -> Iterator[tuple[str, dict[str, Any]]]:
        self._texts.append(text)
        fresh = [] if self._logprobs is None else logprobs_of(tokens)["content"]
        if self._logprobs is not None:
            self._logprobs += fresh
        yield "output_text.delta", {**self._inside, "delta": text, "logprobs": fresh}

    def end(self, status: str) -> Iterator[tuple[str, dict[str, Any]]]:
        part = self._part()
        yield "output_text.done", {**self._inside, "text": part["text"], "logprobs": self._logprobs or []}
        yield "content_part.done", {**self._inside, "part": part}
        self.values["content"] = [part]
        yield from super().end(status)

    def _part(self) -> dict[str, Any]:
        text, logprobs = "".join(self._texts), list(self._logprobs or [])
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


class _Call(_Item):
    """A call of a tool; `first` is its first piece."""

    def __init__(self, index: int, first: CallDelta) -> None:
        values = {"id": f"fc_{uuid.uuid4().hex}", "type": "function_call", "call_id": first.id}
        super().__init__(index, values | {"name": first.name, "arguments": ""})
        self._pieces: list[str] = []

    def push(self, arguments: str) -> Iterator[tuple[str, dict[str, Any]]]:
        self._pieces.append(arguments)
        yield "function_call_arguments.delta", {**self._inside, "delta": arguments}

    def end(self, status: str) -> Iterator[tuple[str, dict[str, Any]]]:
        told = {"name": self.values["name"], "arguments": "".join(self._pieces)}
        yield "function_call_arguments.done", {**self._inside, **told}
        self.values |= told
        yield from super().end(status)


def response_usage(reply: Reply) -> dict[str, Any]:
    """What an answer took, in this API's names; nothing is paid for writing a cache, and nothing reasoned."""
    usage = usage_of([reply])
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {**usage["prompt_tokens_details"], "cache_write_tokens": 0},
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage["total_tokens"],
    }
