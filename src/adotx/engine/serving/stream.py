"""One request, read as it is computed.

In: a sequence that an engine works on. Out: its ids, one by one, then its `Output`. Whoever reads drives the
engine. Knows no batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from adotx.engine.sampling.logprobs import TokenLogprobs
from adotx.engine.serving.request import Output
from adotx.engine.serving.sequence import Sequence


class Source(Protocol):
    """What a stream needs of an engine."""

    def drive(self, ready: Callable[[], bool]) -> None: ...

    def cancel(self, sequence: Sequence, *, wait: bool = False) -> None: ...


class Stream(Iterator[int]):
    """The new token ids of one request, as they come; closing it cancels the request.

    `output` holds all of them once it has ended, which it has after `close`.
    """

    def __init__(self, engine: Source, sequence: Sequence) -> None:
        self._engine, self._sequence, self._read = engine, sequence, 0

    def __iter__(self) -> Stream:
        return self

    def _has_news(self) -> bool:
        return len(self._sequence.output) > self._read or self._sequence.finish_reason is not None

    def __next__(self) -> int:
        while not self._has_news():
            self._engine.drive(self._has_news)
        self._read += 1
        if self._read <= len(self._sequence.output):
            return self._sequence.output[self._read - 1]
        self._read -= 1
        if self._sequence.error is not None:
            raise self._sequence.error
        raise StopIteration

    @property
    def logprobs(self) -> list[TokenLogprobs]:
        """Of the ids read so far, one each; empty unless `SamplingParams.logprobs` asked for them."""
        return self._sequence.sampler.logprobs[: self._read]

    @property
    def finish_reason(self) -> str | None:
        """Why it has ended, or None while the request is still on its way."""
        return self._sequence.finish_reason

    @property
    def output(self) -> Output | None:
        """The whole output, or None while the request is still on its way."""
        return None if self._sequence.finish_reason is None else self._sequence.result()

    @property
    def error(self) -> Exception | None:
        """What ended the request, where its reason is "error"."""
        return self._sequence.error

    def close(self) -> None:
        """Cancel the request if it has not ended; its cache blocks are free again.

        Where another thread is in a step, this waits for its end.
        """
        self._engine.cancel(self._sequence, wait=True)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # A stream that nobody can read any more would hold its blocks for ever. Whoever runs the garbage
        # collector must not wait.
        self._engine.cancel(self._sequence)
