"""The engine for asyncio: requests that are awaited, ids that come through `async for`.

In: an `Engine` and `Request`s. Out: `AsyncStream`s and `Output`s. A thread of its own runs steps while any
request made here is on its way, and ends with the last one; blocking callers may use the same engine beside
it. Knows no HTTP.

    engine = AsyncEngine(Engine.load(open_checkpoint("nano")))
    async with await engine.stream(Request(ids)) as stream:
        async for token in stream:
            ...

A request lasts as long as somebody may read it: one whose task is cancelled, whose stream is closed, dropped
or never handed over, or whose event loop is gone leaves queue and cache by the end of the step under way.
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
from adotx.engine.serving.stats import Stats

if TYPE_CHECKING:
    from adotx.engine.serving.engine import Engine


class _Bell:
    """Wakes a reader on its event loop. It does not hold the stream: a dropped one is to be collected."""

    def __init__(self) -> None:
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()

    def ring(self) -> None:
        """From any thread; RuntimeError where the loop is closed."""
        self._loop.call_soon_threadsafe(self._news.set)

    async def wait(self) -> None:
        await self._news.wait()
        self._news.clear()


class AsyncStream(AsyncIterator[int]):
    """The new token ids of one request, as they come; leaving its `async with` cancels the request, and so
    does dropping the stream.

    `output` holds all of them once it has ended, which it has after the `async with`.
    """

    _submitted: Sequence | None = None

    def __init__(self, engine: Engine) -> None:
        self._engine, self._bell, self._read, self._closed = engine, _Bell(), 0, False

    def submit(self, request: Request, streamed: bool) -> None:
        """Queue the request; for `AsyncEngine`, in a thread: checking and hashing take a while."""
        if self._closed:
            return
        self._submitted = self._engine.submit(request, streamed, self._bell.ring)
        if self._closed:  # in the meantime, when there was nothing to cancel yet
            self._engine.cancel(self._submitted)

    @property
    def sequence(self) -> Sequence:
        """The request's state."""
        assert self._submitted is not None, "AsyncEngine hands out no stream before it is submitted"
        return self._submitted

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
            await self._bell.wait()
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
        self._closed = True
        if self._submitted is not None:
            self._engine.cancel(self._submitted)

    async def aclose(self) -> None:
        """Cancel the request if it has not ended, and wait until it has, which takes a step at most."""
        self.close()
        while self.sequence.finish_reason is None:
            await self._bell.wait()

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self.close()


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
        self._thread: threading.Thread | None = None

    async def stream(self, request: Request, *, streamed: bool = True) -> AsyncStream:
        """Queue a request; its ids come whether or not they are read. `streamed`: see `Sequence`.

        Raises:
            AdotxError: as for `Engine.stream`.
        """
        stream = AsyncStream(self.engine)
        try:
            await asyncio.to_thread(stream.submit, request, streamed)
            self._see_to(stream.sequence)
        except BaseException:
            stream.close()
            raise
        return stream

    async def generate(self, request: Request) -> Output:
        """Continue one request; cancelling the task cancels it.

        Raises:
            AdotxError: as for `Engine.stream`.
            Exception: whatever ended the computation.
        """
        async with await self.stream(request, streamed=False) as stream:
            async for _ in stream:
                pass
        assert stream.output is not None
        return stream.output

    @property
    def alive(self) -> bool:
        """Whether requests are computed: the engine is open, and somebody is at those on their way."""
        with self._lock:
            thread, at_work = self._thread, any(not _ended(sequence) for sequence in self._open)
        return self.engine.alive and (not at_work or (thread is not None and thread.is_alive()))

    def stats(self) -> Stats:
        """`Engine.stats`; never waits."""
        return self.engine.stats()

    async def warm(self) -> None:
        """`Engine.warm`, in a thread."""
        await asyncio.to_thread(self.engine.warm)

    async def drain(self, timeout: float) -> bool:
        """`Engine.drain`, in a thread."""
        return await asyncio.to_thread(self.engine.drain, timeout)

    async def close(self) -> None:
        """`Engine.close`, in a thread."""
        await asyncio.to_thread(self.engine.close)

    def _see_to(self, sequence: Sequence) -> None:
        """Have a thread run steps until this request has ended."""
        with self._lock:
            self._open.append(sequence)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._drive, name="adotx-engine", daemon=True)
                self._thread.start()

    def _drive(self) -> None:
        while True:
            try:
                with self._lock:
                    self._open = [sequence for sequence in self._open if not _ended(sequence)]
                    if not self._open:
                        self._thread = None
                        return
                    oldest = self._open[0]
                self.engine.drive(partial(_ended, oldest))
            except BaseException as error:
                # No step lets one out; whatever it is, nobody may be left waiting.
                self.engine.fail(error)
