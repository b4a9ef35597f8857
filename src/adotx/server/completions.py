"""The route /v1/completions: text in; what follows it out, whole or as events. Without conversations."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from adotx.model import TokenLogprob
from adotx.server.answers import facts_of, finite, head_of, reason_of, usage_of
from adotx.server.asking import ask_to_complete
from adotx.server.bodies import JsonRoute
from adotx.server.clients import answer
from adotx.server.events import DONE, Event, EventStream
from adotx.server.requests import CompletionRequest
from adotx.server.service import Service, service_of

router = APIRouter(tags=["completions"], route_class=JsonRoute)


@router.post("/v1/completions")
async def completions(request: Request, body: CompletionRequest) -> Response:
    """Go on with a text, or with several; with `stream` in server-sent events."""
    service = service_of(request)
    if body.stream:
        return EventStream(request, _events(service, request, body))
    return JSONResponse(await answer(request, _whole(service, request, body)))


async def _whole(service: Service, request: Request, body: CompletionRequest) -> dict[str, Any]:
    question = ask_to_complete(service, body)
    replies = await question.replies()
    counts = body.logprobs is not None
    choices = [
        {
            "index": index,
            "text": reply.text,
            "logprobs": _Told().add(reply.logprobs) if counts else None,
            "finish_reason": reason_of(reply),
        }
        for index, reply in enumerate(replies)
    ]
    usage = usage_of(replies, body.n or 1)
    request.state.log.update(facts_of(usage, replies))
    return {**_head(service), "choices": choices, "usage": usage}


async def _events(service: Service, request: Request, body: CompletionRequest) -> AsyncGenerator[Event, None]:
    question = ask_to_complete(service, body)
    head = _head(service)
    counts = bool(body.stream_options and body.stream_options.include_usage)
    if counts:
        head["usage"] = None
    async with question.streams() as streams:
        told = [_Told() for _ in range(len(streams))]
        async with aclosing(streams.pieces()) as pieces:
            async for index, piece in pieces:
                assert piece is None or isinstance(piece, str), "there are no tools"
                fresh = told[index].add(streams.fresh_logprobs(index)) if body.logprobs is not None else None
                reason = reason_of(streams[index].reply) if piece is None else None
                choice = {"index": index, "text": piece or "", "logprobs": fresh, "finish_reason": reason}
                yield Event({**head, "choices": [choice]})
        usage = usage_of(streams.replies, body.n or 1)
        request.state.log.update(facts_of(usage, streams.replies))
        if counts:
            yield Event({**head, "choices": [], "usage": usage})
        yield DONE


class _Told:
    """Log-probabilities of one answer in the old form: four lists, one of where tokens begin in the text."""

    def __init__(self) -> None:
        self._at = 0

    def add(self, tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
        """The tokens that come next."""
        offsets = []
        for token in tokens:
            offsets.append(self._at)
            self._at += len(token.text)
        return {
            "tokens": [token.text for token in tokens],
            "token_logprobs": [finite(token.logprob) for token in tokens],
            "top_logprobs": [{other.text: finite(other.logprob) for other in token.top} for token in tokens],
            "text_offset": offsets,
        }


def _head(service: Service) -> dict[str, Any]:
    return {**head_of(service, "text_completion", "cmpl"), "system_fingerprint": service.fingerprint}
