"""Answers in the shape of the OpenAI API: a `Reply` or its pieces in, JSON values out.

Knows no HTTP and no engine.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from adotx.chat import CallDelta
from adotx.chat.calls import joined
from adotx.chat.tools import Event as Piece
from adotx.model import Reply, TokenLogprob

if TYPE_CHECKING:
    from adotx.server.service import Service

#: how the engine ends an answer -> what the API calls it
_REASONS = {"stop": "stop", "tool_calls": "tool_calls", "length": "length", "loop": "stop"}


def reason_of(reply: Reply, named: bool = False) -> str:
    """Why an answer ended; `named`: its one tool was chosen by the client, which the API calls "stop"."""
    reason = _REASONS[reply.finish_reason]
    return "stop" if named and reason == "tool_calls" else reason


def usage_of(replies: Sequence[Reply], n: int | None = None) -> dict[str, Any]:
    """What answers took together; a prompt counts once, however many answers there are to it.

    Args:
        replies: in the order of their prompts.
        n: answers to each prompt; None: there is one prompt.
    """
    prompts = [reply.usage for reply in replies[:: n or len(replies)]]
    prompt = sum(usage.prompt_tokens for usage in prompts)
    images = sum(usage.image_tokens for usage in prompts)
    completion = sum(reply.usage.completion_tokens for reply in replies)
    details = {
        "cached_tokens": sum(usage.cached_tokens for usage in prompts),
        "image_tokens": images,
        "text_tokens": prompt - images,
    }
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def head_of(service: Service, kind: str, prefix: str) -> dict[str, Any]:
    """What an object of this kind begins with; its id begins with `prefix`."""
    return {
        "id": f"{prefix}-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": service.name,
    }


def facts_of(usage: dict[str, Any], replies: Sequence[Reply], named: bool = False) -> dict[str, Any]:
    """What the log tells of answers: numbers and reasons, no text."""
    reasons = [reason_of(reply, named) for reply in replies]
    facts = {name: usage[name] for name in ("prompt_tokens", "completion_tokens")}
    return {**facts, **usage["prompt_tokens_details"], "finish_reasons": reasons}


def finite(logprob: float) -> float:
    """JSON knows no infinity; -9999 is what the API says of the impossible."""
    return max(logprob, -9999.0)


def logprobs_of(tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
    """Of some tokens of an answer. The text of a token may be part of a character; its bytes are exact."""

    def told(token: TokenLogprob) -> dict[str, Any]:
        return {"token": token.text, "logprob": finite(token.logprob), "bytes": list(token.bytes)}

    content = [{**told(token), "top_logprobs": [told(other) for other in token.top]} for token in tokens]
    return {"content": content, "refusal": None}


def message_of(text: str, calls: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """An answer as a message; its content is null where it is calls alone."""
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    return {**message, "content": text or None, "tool_calls": calls} if calls else message


def joined_message(pieces: Sequence[Piece]) -> dict[str, Any]:
    """A message that says what a stream of these pieces says."""
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    return message_of(text, joined(piece for piece in pieces if isinstance(piece, CallDelta)))


def delta_of(piece: Piece) -> dict[str, Any] | None:
    """A piece as the delta of a chunk; None for a whole call, whose pieces have come before it."""
    if isinstance(piece, str):
        return {"content": piece}
    return {"tool_calls": [piece.message]} if isinstance(piece, CallDelta) else None
