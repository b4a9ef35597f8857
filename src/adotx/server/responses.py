"""The route /v1/responses: an input in; its answer out, whole or as events. Nothing is kept.

It is asked as a chat request (`response_input`), and answered in this API's shapes (`response_output`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from adotx.server.answers import facts_of, usage_of
from adotx.server.asking import ask
from adotx.server.bodies import JsonRoute
from adotx.server.clients import answer
from adotx.server.events import Event, EventStream
from adotx.server.response_input import ResponsesRequest, chat_request_of, conversation_of, told_of
from adotx.server.response_output import ResponseBuilder
from adotx.server.service import Service, service_of

router = APIRouter(tags=["responses"], route_class=JsonRoute)


@router.post("/v1/responses")
async def respond(request: Request, body: ResponsesRequest) -> Response:
    """Answer an input; with `stream` in server-sent events."""
    service = service_of(request)
    response = ResponseBuilder(body, service.name, service.defaults)
    events = _events(service, request, body, response)
    if body.stream:
        return EventStream(request, events, response.failed)
    return JSONResponse(await answer(request, _whole(events, response)))


async def _whole(events: AsyncGenerator[Event, None], response: ResponseBuilder) -> dict[str, Any]:
    async with aclosing(events):
        async for _ in events:
            pass
    return response.values


async def _events(
    service: Service, request: Request, body: ResponsesRequest, response: ResponseBuilder
) -> AsyncGenerator[Event, None]:
    conversation = conversation_of(body)
    chat = chat_request_of(body, conversation)
    with told_of(conversation):
        question = await ask(service, chat)
        async with question.streams() as streams:
            for event in response.begin():
                yield event
            async with aclosing(streams.pieces()) as pieces:
                async for _, piece in pieces:
                    if piece is not None:
                        logprobs = streams.fresh_logprobs(0) if body.logprobs else ()
                        for event in response.push(piece, logprobs):
                            yield event
            [reply] = streams.replies
            request.state.log.update(facts_of(usage_of([reply]), [reply]))
            for event in response.end(reply):
                yield event
