"""A request, asked of the model: a `ChatRequest` or `CompletionRequest` in; its answers out, whole or not.

The one place where a request's fields become the model's options: its pictures are opened, its limits
checked, its grammar chosen. Knows no HTTP and no shapes of answers.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from adotx.chat import AnswerForm, answer_form
from adotx.chat.tools import Event as Piece
from adotx.engine import SamplingParams
from adotx.errors import AdotxError, Sentence
from adotx.model import AsyncReplyStream, Prompt, Reply, TokenLogprob
from adotx.server.requests import ChatRequest, CompletionRequest, Sampling
from adotx.server.sampling import read_sampling
from adotx.server.service import Service
from adotx.server.settings import Settings

T = TypeVar("T")
#: starts an answer: whole, or as a stream
Whole = Callable[[], Coroutine[Any, Any, Reply]]
Begin = Callable[[], Coroutine[Any, Any, AsyncReplyStream]]

#: of functions and schemas: as the API has them, and Hangul besides
_NAME = re.compile(r"[\w-]{1,64}")
#: where the answer's own schema stands
_SCHEMA = "response_format.json_schema.schema"


@dataclass(frozen=True)
class Question:
    """What is asked, n times.

    Attributes:
        service: of whom.
        wholes, begins: for each answer, what gives it whole, and what gives it piece by piece.
        form: to what the answers are held.
        prompt: the field that holds what is asked.
        began: when it came, on the monotonic clock.
    """

    service: Service
    wholes: Sequence[Whole]
    begins: Sequence[Begin]
    form: AnswerForm
    prompt: str
    began: float

    async def replies(self) -> list[Reply]:
        """All answers, whole.

        Raises:
            AdotxError: whatever the model finds wrong; the other answers are not computed on.
        """
        with self._placed():
            replies = await together([whole() for whole in self.wholes])
        metrics = self.service.metrics
        for reply in replies:
            metrics.first_token.observe(reply.queue_seconds + reply.prompt_seconds)
            metrics.answered(reply, time.monotonic() - self.began)
        return replies

    @asynccontextmanager
    async def streams(self) -> AsyncIterator[Streams]:
        """All answers, begun; leaving ends them.

        Raises:
            AdotxError: see `replies`.
        """
        opened: list[AsyncReplyStream] = []
        try:
            with self._placed():
                for begin in self.begins:
                    opened.append(await begin())
                yield Streams(self, opened)
        finally:
            await asyncio.gather(*(stream.aclose() for stream in opened), return_exceptions=True)

    @contextmanager
    def _placed(self) -> Iterator[None]:
        """What the model calls a place, as the field of the request that it is."""
        try:
            yield
        except AdotxError as error:
            where = error.where or ""
            if where == "request":
                where = self.prompt
            elif where == "constraint":
                where = "tools" if self.form.allowed else "response_format"
            elif where.split("/")[0] == "schema":
                where = _SCHEMA + where.removeprefix("schema")
            raise (error.at(where) if where else error) from error.__cause__


class Streams:
    """Answers on their way.

    Args:
        question: what was asked.
        streams: one for each answer.
    """

    def __init__(self, question: Question, streams: Sequence[AsyncReplyStream]) -> None:
        self._question, self._streams = question, streams
        self._told = [0] * len(streams)

    def __len__(self) -> int:
        return len(self._streams)

    def __getitem__(self, index: int) -> AsyncReplyStream:
        return self._streams[index]

    async def pieces(self) -> AsyncGenerator[tuple[int, Piece | None], None]:
        """(number of the answer, piece) as they come; None as the last piece of each."""
        metrics = self._question.service.metrics
        before = [self._question.began] * len(self)
        first = [True] * len(self)
        async with aclosing(merged(self._streams)) as pieces:
            async for index, piece in pieces:
                now = time.monotonic()
                if piece is None:
                    metrics.answered(self._streams[index].reply, now - self._question.began)
                else:
                    histogram = metrics.first_token if first[index] else metrics.between_tokens
                    histogram.observe(now - before[index])
                    before[index], first[index] = now, False
                yield index, piece

    def fresh_logprobs(self, index: int) -> tuple[TokenLogprob, ...]:
        """Of the ids of an answer that have come since the last call, those of text held back included."""
        tokens = self._streams[index].logprobs_from(self._told[index])
        self._told[index] += len(tokens)
        return tokens

    @property
    def replies(self) -> list[Reply]:
        """All answers, once all have ended."""
        return [stream.reply for stream in self._streams]


async def ask(service: Service, body: ChatRequest) -> Question:
    """Get a request ready: everything that can be wrong with it is said here or when its answers begin.

    Raises:
        AdotxError: ``server.model``, ``server.limit``, ``server.parameter``, those of `Pictures.open` and of
            the grammar.
    """
    began, settings, model = time.monotonic(), service.settings, service.model
    service.check_name(body.model)
    check_limits(settings, body)
    at_most("messages", len(body.messages), settings.max_messages)
    at_most("tools", len(body.tools or ()), settings.max_tools)
    if body.top_logprobs is not None and not body.logprobs:
        what, remedy = "it needs logprobs", "set logprobs to true"
        raise AdotxError("server.parameter", what, "top_logprobs", remedy)
    begins, goes_on = body.add_generation_prompt, bool(body.continue_final_message)
    if begins is not None and begins == goes_on:
        reason = Sentence("an answer begins a message or goes on with the last one")
        raise AdotxError("server.parameter", "{reason}", "add_generation_prompt", reason=reason)
    for what, given in (("tools", body.tools), ("response_format", body.response_format)):
        at_most(what, len(json.dumps(given, ensure_ascii=False)), settings.max_schema)
    form = answer_form(body.tools, body.tool_choice, body.parallel_tool_calls, body.response_format)
    _check_names(body)
    opened = await service.pictures.open(body.messages, model.model.checkpoint.config.tiles)
    logprobs = (body.top_logprobs or 0) if body.logprobs else None
    most = body.max_completion_tokens or body.max_tokens or 0
    options: dict[str, Any] = {
        "tools": form.tools,
        "constraint": form,
        "stop": body.stop,
        "continue_final_message": bool(body.continue_final_message),
        **common_options(settings, body),
    }
    samplings = [
        read_sampling(body, service.defaults, settings, most, logprobs, index) for index in range(body.n or 1)
    ]
    asked = [(opened.messages, sampling) for sampling in samplings]
    return _question(service, asked, options, form, "messages", began)


def _check_names(body: ChatRequest) -> None:
    """
    Raises:
        AdotxError: ``server.parameter``: a tool or a schema has a name that the API does not allow.
    """
    named = [(f"tools[{i}]", tool.get("function") or tool) for i, tool in enumerate(body.tools or ())]
    if body.response_format and body.response_format["type"] == "json_schema":
        named.append(("response_format", body.response_format.get("json_schema") or body.response_format))
    for where, held in named:
        if not isinstance(name := held.get("name"), str) or not _NAME.fullmatch(name):
            reason = Sentence("its name must be 1 to 64 letters, digits, _ and -")
            raise AdotxError("server.parameter", "{reason}", where, reason=reason)


def ask_to_complete(service: Service, body: CompletionRequest) -> Question:
    """Get a request for plain completions ready; its answers are in the order of its prompts.

    Raises:
        AdotxError: ``server.model``, ``server.limit``, ``server.parameter``.
    """
    began, settings = time.monotonic(), service.settings
    service.check_name(body.model)
    check_limits(settings, body)
    prompts = [Prompt(each) for each in _prompts(body.prompt)]
    at_most("prompt", len(prompts) * (body.n or 1), settings.max_n)
    most = body.max_tokens or _OLD_MAX_TOKENS
    options = {"stop": body.stop, **common_options(settings, body)}
    asked = [
        (prompt, read_sampling(body, service.defaults, settings, most, body.logprobs, index))
        for prompt in prompts
        for index in range(body.n or 1)
    ]
    return _question(service, asked, options, AnswerForm(), "prompt", began)


#: what /v1/completions of the OpenAI API gives where a request does not say
_OLD_MAX_TOKENS = 16


def _prompts(given: str | list[Any]) -> list[str | list[int]]:
    """The texts, or lists of ids, of a request; an empty list is a prompt without ids."""
    if isinstance(given, str) or not given or isinstance(given[0], int):
        return [given]
    return given


def _question(
    service: Service,
    asked: Sequence[tuple[Sequence[Any] | Prompt, SamplingParams]],
    options: dict[str, Any],
    form: AnswerForm,
    place: str,
    began: float,
) -> Question:
    model = service.model
    wholes = [partial(model.reply, what, sampling=sampling, **options) for what, sampling in asked]
    begins = [
        partial(model.stream, what, sampling=sampling, call_deltas=True, **options)
        for what, sampling in asked
    ]
    return Question(service, wholes, begins, form, place, began)


def common_options(settings: Settings, body: Sampling) -> dict[str, Any]:
    """What every kind of request tells the engine besides how to pick tokens."""
    return {
        "queue_timeout": settings.queue_timeout,
        "priority": body.priority or 0,
        "cache_salt": body.cache_salt,
        "max_prompt_tokens": settings.max_prompt_tokens or None,
    }


def check_limits(settings: Settings, body: Sampling) -> None:
    """
    Raises:
        AdotxError: ``server.limit``: more than this server allows.
    """
    at_most("n", body.n or 1, settings.max_n)
    stops = [body.stop] if isinstance(body.stop, str) else body.stop or []
    at_most("stop", len(stops), settings.max_stop)
    at_most("stop", max(map(len, stops), default=0), settings.max_stop_length)


def at_most(what: str, given: int, limit: int) -> None:
    """
    Raises:
        AdotxError: ``server.limit``: there is too much of something.
    """
    if given > limit:
        template = "{given:,} are over the limit of {limit:,}"
        raise AdotxError("server.limit", template, what, "send fewer or less", given=given, limit=limit)


async def together(works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All results; where one fails, the others are cancelled and its error raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def merged(streams: Sequence[AsyncReplyStream]) -> AsyncGenerator[tuple[int, Piece | None], None]:
    """(number of the stream, piece) of all streams as they come; None where one has ended."""
    if len(streams) == 1:
        async for piece in streams[0]:
            yield 0, piece
        yield 0, None
        return
    queue: asyncio.Queue[tuple[int, Piece | Exception | None]] = asyncio.Queue()

    async def read(index: int, stream: AsyncReplyStream) -> None:
        try:
            async for piece in stream:
                queue.put_nowait((index, piece))
            queue.put_nowait((index, None))
        except Exception as error:
            queue.put_nowait((index, error))

    tasks = [asyncio.ensure_future(read(*numbered)) for numbered in enumerate(streams)]
    try:
        ended = 0
        while ended < len(streams):
            index, got = await queue.get()
            if isinstance(got, Exception):
                raise got
            ended += got is None
            yield index, got
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
