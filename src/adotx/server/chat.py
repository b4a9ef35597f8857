"""The route /v1/chat/completions: a conversation in; its answers out, whole or as events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from adotx.chat.tools import Event as Piece
from adotx.model import Reply
from adotx.server.answers import (
    delta_of,
    facts_of,
    head_of,
    joined_message,
    logprobs_of,
    message_of,
    reason_of,
    usage_of,
)
from adotx.server.asking import ask
from adotx.server.bodies import JsonRoute
from adotx.server.clients import answer
from adotx.server.events import DONE, Event, EventStream
from adotx.server.question import Question, Streams
from adotx.server.requests import ChatRequest
from adotx.server.service import Service, service_of

router = APIRouter(tags=["chat"], route_class=JsonRoute)


@router.post("/v1/chat/completions")
async def chat(request: Request, body: ChatRequest) -> Response:
    """Answer a conversation; with `stream` in server-sent events."""
    service = service_of(request)
    if body.stream:
        return EventStream(request, _events(service, request, body))
    return JSONResponse(await answer(request, _whole(service, request, body)))


async def _whole(service: Service, request: Request, body: ChatRequest) -> dict[str, Any]:
    question = await ask(service, body)
    replies, messages = await (_joined(question) if body.tools else _replies(question))
    named, usage = question.form.named, usage_of(replies)
    choices = [
        {
            "index": index,
            "message": messages[index],
            "logprobs": logprobs_of(reply.logprobs) if body.logprobs else None,
            "finish_reason": reason_of(reply, named),
        }
        for index, reply in enumerate(replies)
    ]
    request.state.log.update(facts_of(usage, replies, named))
    return {**_head(service, "chat.completion"), "choices": choices, "usage": usage}


async def _replies(question: Question) -> tuple[list[Reply], list[dict[str, Any]]]:
    replies = await question.replies()
    return replies, [message_of(r.text, [call.message for call in r.tool_calls]) for r in replies]


async def _joined(question: Question) -> tuple[list[Reply], list[dict[str, Any]]]:
    """The same from pieces: so a call that was cut off is one here too, with what there is of it."""
    async with question.streams() as streams:
        pieces: list[list[Piece]] = [[] for _ in range(len(streams))]
        async with aclosing(streams.pieces()) as coming:
            async for index, piece in coming:
                if piece is not None:
                    pieces[index].append(piece)
        return streams.replies, [joined_message(each) for each in pieces]


async def _events(service: Service, request: Request, body: ChatRequest) -> AsyncGenerator[Event, None]:
    question = await ask(service, body)
    head = _head(service, "chat.completion.chunk")
    counts = bool(body.stream_options and body.stream_options.include_usage)
    if counts:
        head["usage"] = None
    async with question.streams() as streams:
        for index in range(len(streams)):
            yield _chunk(head, index, {"role": "assistant", "content": "", "refusal": None})
        async with aclosing(_pieces(question, streams, head, bool(body.logprobs))) as events:
            async for event in events:
                yield event
        usage = usage_of(streams.replies)
        request.state.log.update(facts_of(usage, streams.replies, question.form.named))
        if counts:
            yield Event({**head, "choices": [], "usage": usage})
        yield DONE


async def _pieces(
    question: Question, streams: Streams, head: dict[str, Any], logprobs: bool
) -> AsyncGenerator[Event, None]:
    async with aclosing(streams.pieces()) as pieces:
        async for index, piece in pieces:
            delta = {} if piece is None else delta_of(piece)
            if delta is None:
                continue
            reason = reason_of(streams[index].reply, question.form.named) if piece is None else None
            fresh = logprobs_of(streams.fresh_logprobs(index)) if logprobs else None
            yield _chunk(head, index, delta, fresh, reason)


def _head(service: Service, kind: str) -> dict[str, Any]:
    return {**head_of(service, kind, "chatcmpl"), "system_fingerprint": service.fingerprint}


def _chunk(
    head: dict[str, Any],
    index: int,
    delta: dict[str, Any],
    logprobs: dict[str, Any] | None = None,
    reason: str | None = None,
) -> Event:
    choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
    return Event({**head, "choices": [choice]})
