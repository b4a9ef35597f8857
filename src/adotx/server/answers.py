"""Answers in the shape of the OpenAI API: a `Reply` or its pieces in, JSON values out.

Knows no HTTP and no engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adotx.chat import CallDelta
from adotx.chat.tools import Event as Piece
from adotx.model import Reply, TokenLogprob

#: how the engine ends an answer -> what the API calls it
_REASONS = {"stop": "stop", "tool_calls": "tool_calls", "length": "length", "loop": "stop"}


def reason_of(reply: Reply, named: bool = False) -> str:
    """Why an answer ended; `named`: its one tool was chosen by the client, which the API calls "stop"."""
    reason = _REASONS[reply.finish_reason]
    return "stop" if named and reason == "tool_calls" else reason


def usage_of(replies: Sequence[Reply]) -> dict[str, Any]:
    """What answers to one prompt took together: the prompt counts once."""
    first = replies[0].usage
    completion = sum(reply.usage.completion_tokens for reply in replies)
    details = {
        "cached_tokens": first.cached_tokens,
        "image_tokens": first.image_tokens,
        "text_tokens": first.prompt_tokens - first.image_tokens,
    }
    return {
        "prompt_tokens": first.prompt_tokens,
        "completion_tokens": completion,
        "total_tokens": first.prompt_tokens + completion,
        "prompt_tokens_details": details,
    }


def logprobs_of(tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
    """Of some tokens of an answer. The text of a token may be part of a character; its bytes are exact."""

    def told(token: TokenLogprob) -> dict[str, Any]:
        # JSON knows no infinity; -9999 is what the API says of the impossible.
        return {"token": token.text, "logprob": max(token.logprob, -9999.0), "bytes": list(token.bytes)}

    content = [{**told(token), "top_logprobs": [told(other) for other in token.top]} for token in tokens]
    return {"content": content, "refusal": None}


def message_of(reply: Reply) -> dict[str, Any]:
    """An answer as a message; its content is null where it is calls alone."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text, "refusal": None}
    if reply.tool_calls:
        message["content"] = reply.text or None
        message["tool_calls"] = [call.message for call in reply.tool_calls]
    return message


def delta_of(piece: Piece) -> dict[str, Any] | None:
    """A piece as the delta of a chunk; None for a whole call, whose pieces have come before it."""
    if isinstance(piece, str):
        return {"content": piece}
    return {"tool_calls": [piece.message]} if isinstance(piece, CallDelta) else None
