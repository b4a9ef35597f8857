"""The engine for asyncio: requests that are awaited, ids that come through `async for`.

In: an `Engine` and `Request`s. Out: `AsyncStream`s and `Output`s. A thread of its own runs steps while any
request made here is on its way, and ends with the last one; blocking callers may use the same engine beside
it. Knows no HTTP.

    engine = AsyncEngine(Engine.load(open_checkpoint("nano")))
    async with await engine.stream(Request(ids)) as stream:
        async for token in stream:
            ...
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from adotx.engine.sampling.logprobs import TokenLogprobs
from adotx.engine.serving.request import Output, Request
from adotx.engine.serving.sequence import Sequence

if TYPE_CHECKING:
    from adotx.engine.serving.engine import Engine


class AsyncStream(AsyncIterator[int]):
    """The new token ids of one request, as they come; leaving its `async with` cancels the request.

    `output` holds all of them once it has ended, which it has after the `async with`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._read = engine, 0
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        self.sequence: Sequence  # set by AsyncEngine, before anybody else has this stream

    def notify(self) -> None:
        """Wake the reader; called from the thread that runs steps."""
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop is closed: nobody will read on
            self.sequence.cancelled = True

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> int:
        sequence = self.sequence
        while len(sequence.output) <= self._read:
            if sequence.finish_reason is not None:
                # Ids and the end may have come between the two looks.
                if len(sequence.output) > self._read:
                    break
                if sequence.error is not None:
                    raise sequence.error
                raise StopAsyncIteration
            await self._news.wait()
            self._news.clear()
        self._read += 1
        return sequence.output[self._read - 1]

    @property
    def logprobs(self) -> list[TokenLogprobs]:
        """Of the ids read so far, one each; empty unless `SamplingParams.logprobs` asked for them."""
        return self.sequence.sampler.logprobs[: self._read]

    @property
    def finish_reason(self) -> str | None:
        """Why it has ended, or None while the request is still on its way."""
        return self.sequence.finish_reason

    @property
    def output(self) -> Output | None:
        """The whole output, or None while the request is still on its way."""
        return None if self.sequence.finish_reason is None else self.sequence.result()

    def close(self) -> None:
        """Cancel the request if it has not ended; never waits, so a step may still be under way."""
        self._engine.cancel(self.sequence)

    async def aclose(self) -> None:
        """Cancel the request if it has not ended, and wait until it has, which takes a step at most."""
        self.close()
        while self.sequence.finish_reason is None:
            await self._news.wait()
            self._news.clear()

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _ended(sequence: Sequence) -> bool:
    return sequence.finish_reason is not None


class AsyncEngine:
    """An engine whose requests are awaited.

    Args:
        engine: a loaded one.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lock = threading.Lock()
        self._open: list[Sequence] = []
        self._running = False

    async def stream(self, request: Request, *, streamed: bool = True) -> AsyncStream:
        """Queue a request; its ids come whether or not they are read. `streamed`: see `Sequence`.

        Raises:
            AdotxError: as for `Engine.stream`.
        """
        stream = AsyncStream(self.engine)
        # In a thread: it takes a while to hash the content of many tiles.
        submit = asyncio.to_thread(self.engine.submit, request, streamed, stream.notify)
        submitted = asyncio.ensure_future(submit)
        try:
            stream.sequence = await asyncio.shield(submitted)
        except asyncio.CancelledError:
            submitted.add_done_callback(self._abandon)
            raise
        with self._lock:
            self._open.append(stream.sequence)
            if not self._running:
                self._running = True
                threading.Thread(target=self._drive, name="adotx-engine", daemon=True).start()
        return stream

    async def generate(self, request: Request) -> Output:
        """Continue one request; cancelling the task cancels it.

        Raises:
            AdotxError: as for `Engine.stream`; whatever ended the computation.
        """
        async with await self.stream(request, streamed=False) as stream:
            async for _ in stream:
                pass
        assert stream.output is not None
        return stream.output

    def _abandon(self, submitted: asyncio.Future[Sequence]) -> None:
        """Cancel a request whose caller was cancelled while it was being checked."""
        if not submitted.cancelled() and submitted.exception() is None:
            self.engine.cancel(submitted.result())

    def _drive(self) -> None:
        while True:
            with self._lock:
                self._open = [sequence for sequence in self._open if sequence.finish_reason is None]
                if not self._open:
                    self._running = False
                    return
                oldest = self._open[0]
            self.engine.drive(partial(_ended, oldest))
