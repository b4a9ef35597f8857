"""Answers as they come: pieces of text and tool calls, for threads and for asyncio.

In: an engine's stream and the `Answer` that reads it. Out: pieces, then the `Reply`. Knows no messages.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from adotx.chat.tools import Event
from adotx.engine import AsyncStream, Stream
from adotx.errors import AdotxError
from adotx.model.reply import Answer, Reply, TokenLogprob


class _Pieces:
    """What both kinds of streams have besides reading on."""

    _answer: Answer
    _stream: Stream | AsyncStream

    @property
    def reply(self) -> Reply:
        """The answer, once it has ended or was closed; AdotxError ``reply.unfinished`` before."""
        if self._answer.reply is None:
            remedy = "read it to its end, or close it"
            raise AdotxError("reply.unfinished", "the answer has not ended", "stream", remedy)
        return self._answer.reply

    @property
    def logprobs(self) -> tuple[TokenLogprob, ...]:
        """Of the ids read so far, also of those whose text is still held back; see `Reply.logprobs`."""
        return self.logprobs_from(0)

    def logprobs_from(self, start: int) -> tuple[TokenLogprob, ...]:
        """`logprobs` without the first `start` of them."""
        return self._answer.logprobs(self._stream.logprobs, start)

    def close(self) -> None:
        """Cancel the request if it has not ended; what was read of the answer stays."""
        self._stream.close()
        self._answer.end(self._stream.output, closed=True)


class ReplyStream(_Pieces, Iterator[Event]):
    """An answer as it comes: pieces of its text, never half a character, and tool calls.

    Leaving its `with` ends the request, in the engine too. The pieces joined are the reply's text.
    """

    def __init__(self, answer: Answer, stream: Stream) -> None:
        self._answer = answer
        self._stream: Stream = stream

    def __next__(self) -> Event:
        answer, stream = self._answer, self._stream
        while not answer.pieces:
            if answer.reply is not None:
                raise StopIteration
            token = next(stream, None)
            if token is None:
                answer.end(stream.output)
            elif answer.push(token):
                stream.close()
                answer.end(stream.output)
        return answer.pieces.popleft()

    def __enter__(self) -> ReplyStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncReplyStream(_Pieces, AsyncIterator[Event]):
    """`ReplyStream` for `async for`. Leaving its `async with`, also as a cancelled task, ends the request; so
    does dropping the stream.
    """

    def __init__(self, answer: Answer, stream: AsyncStream) -> None:
        self._answer = answer
        self._stream: AsyncStream = stream

    async def __anext__(self) -> Event:
        answer, stream = self._answer, self._stream
        while not answer.pieces:
            if answer.reply is not None:
                raise StopAsyncIteration
            token = await anext(stream, None)
            if token is None:
                answer.end(stream.output)
            elif answer.push(token):
                await stream.aclose()
                answer.end(stream.output)
        return answer.pieces.popleft()

    async def __aenter__(self) -> AsyncReplyStream:
        return self

    async def aclose(self) -> None:
        """`close`, and wait for the end of the step under way."""
        await self._stream.aclose()
        self.close()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
