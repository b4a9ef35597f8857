"""Answers to one request on their way: what begins them in, whole replies or pieces as they come out.

What the model finds wrong is told with the name of the request's field. Knows no HTTP and no shapes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from adotx.chat import AnswerForm
from adotx.chat.tools import Event as Piece
from adotx.errors import AdotxError
from adotx.model import AsyncReplyStream, Reply, TokenLogprob
from adotx.server.service import Service

T = TypeVar("T")
#: starts an answer: whole, or as a stream
Whole = Callable[[], Coroutine[Any, Any, Reply]]
Begin = Callable[[], Coroutine[Any, Any, AsyncReplyStream]]

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
            replies = await _together([whole() for whole in self.wholes])
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
        async with aclosing(_merged(self._streams)) as pieces:
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


async def _together(works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All results; where one fails, the others are cancelled and its error raised."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _merged(streams: Sequence[AsyncReplyStream]) -> AsyncGenerator[tuple[int, Piece | None], None]:
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
