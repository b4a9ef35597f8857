"""The engine's front: load a checkpoint, then generate, stream, score, or encode images.

In: a checkpoint (or any `Backend`) and `Request`s. Out: `Output`s, `Stream`s, logits, features. The work is
done by parts: `Validator` checks requests, `Runner` makes steps, `Driver` says which thread runs them. Knows
no text and no HTTP. For asyncio see `adotx.engine.serving.aio`.
"""

from __future__ import annotations

import atexit
import math
import os
import threading
import time
from collections.abc import Callable
from collections.abc import Sequence as Items
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload
from weakref import WeakSet

import numpy as np

from adotx.engine.model.backend import Backend, Perishable, Warmable
from adotx.engine.model.openvino_backend import OpenVinoBackend
from adotx.engine.serving.blocks import BlockPool
from adotx.engine.serving.driver import Driver
from adotx.engine.serving.failures import closed, draining
from adotx.engine.serving.features import ImageFeatures
from adotx.engine.serving.pace import Pace
from adotx.engine.serving.request import EncodedImage, Output, Request
from adotx.engine.serving.runner import Runner
from adotx.engine.serving.scheduler import Scheduler
from adotx.engine.serving.sequence import Sequence, tile_digests
from adotx.engine.serving.stats import Stats
from adotx.engine.serving.stream import Stream
from adotx.engine.serving.validation import Validator
from adotx.errors import AdotxError
from adotx.machine import available_memory

if TYPE_CHECKING:
    from adotx.checkpoint import Checkpoint

# Most rows of decoding requests, drafts included, in a step: up to here a row costs little beside the
# weights.
DRAFT_ROWS = 16
# Tiles that `Engine.encode` has encoded between two steps: about as long as a step over a prompt.
ENCODED_AT_ONCE = 4
# Requests side by side, at least and at most, and how many positions of the cache each beyond the least should
# have. Of a model whose keys and values of a position are that small (bytes) there may be more: a step takes
# it 20 times as long for 96 of them as for one.
LEAST_RUNNING, MOST_RUNNING, ROOMY = 16, 64, 1024
MANY_RUNNING, SMALL_POSITION = 96, 8192

# Closed when the interpreter ends: a daemon thread that comes back from native code after that aborts it.
_LOADED: WeakSet[Engine] = WeakSet()


class Engine:
    """A loaded model. Make one with `Engine.load`, or around any `Backend`.

    No request can harm another: what is raised in a constraint or a sampler ends its own request; a step that
    fails ends those on their way with its error, and the next are answered. Leaving its `with` closes it.

    Args:
        backend: the model.
        kv_memory: bytes for the key/value cache; None: a quarter of the available memory, at most
            `max_running` whole contexts. The system hands the memory out as it is used.
        max_running: most requests computed side by side; None: as many as the cache has 1,024 positions for,
            16 at least and 64 at most (96 of a small model).
        max_waiting: most requests that may have to wait for their start; None: any number.
        step_tokens: most token positions per step; longer prompts take several steps.
        mixed_tokens: most prompt positions in a step in which streamed requests decode (times the number
            of prompts for each of these); None: learned from the steps, see `mixed_slowdown`.
        mixed_slowdown: how many times longer such a step may take than one without prompts; where many
            prompts wait, up to half a second (rule 2 of `adotx.engine.serving.scheduler`).
        prefix_cache: find what an earlier request computed for the same beginning, images included.
        feature_memory: bytes for image features of tiles encoded lately.
        speculate: most ids to guess per step and request from what the request already holds; 0: none.
            Outputs do not depend on it (but for rounding in bf16); it pays where outputs repeat their
            prompt and few requests run.
        clock: seconds, for timeouts and for how long steps take.

    Raises:
        AdotxError: a setting out of range, no room for the cache.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        kv_memory: int | None = None,
        max_running: int | None = None,
        max_waiting: int | None = None,
        step_tokens: int = 2048,
        mixed_tokens: int | None = None,
        mixed_slowdown: float = 2.5,
        prefix_cache: bool = True,
        feature_memory: int = 256 << 20,
        speculate: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        given = (max_running, step_tokens, mixed_slowdown, mixed_tokens)
        positive = [value for value in given if value is not None]
        if min(positive) < 1 or min(speculate, feature_memory) < 0:
            raise AdotxError(
                "engine.setting",
                "max_running, step_tokens, mixed_... are at least 1, speculate and feature_memory 0",
                "engine",
            )
        self.backend, self._clock = backend, clock
        budget = available_memory() // 4 if kv_memory is None else kv_memory
        per_context = -(-backend.context // backend.block_size)
        small = backend.block_bytes <= SMALL_POSITION * backend.block_size
        most = max_running or (MANY_RUNNING if small else MOST_RUNNING)
        blocks = min(budget // backend.block_bytes, most * per_context)
        if blocks < 1:
            raise AdotxError(
                "engine.cache_too_small",
                "one block needs {block} bytes, the budget is {budget}",
                "kv_memory",
                "raise kv_memory",
                block=backend.block_bytes,
                budget=budget,
            )
        if max_running is None:
            max_running = min(max(blocks * backend.block_size // ROOMY, LEAST_RUNNING), most)
        self._validator = Validator(backend, blocks * backend.block_size, speculate, clock)
        self.pool = BlockPool(blocks, backend.block_size)
        backend.allocate(blocks)
        scheduler = Scheduler(
            self.pool,
            max_running,
            max(step_tokens, max_running),
            mixed_tokens=mixed_tokens,
            draft_rows=DRAFT_ROWS,
            prefix_cache=prefix_cache,
        )
        features = ImageFeatures(backend.encode_images, feature_memory, clock)
        pace = Pace(mixed_slowdown) if mixed_tokens is None else None
        self._runner = Runner(backend, scheduler, features, pace, max_waiting, clock)
        self._driver = Driver(self._runner.step, self._runner.tidy)
        self._warming, self._is_warm, self._closed = threading.Lock(), False, False
        _LOADED.add(self)

    @classmethod
    def load(
        cls,
        checkpoint: Checkpoint,
        weights: str = "int8",
        *,
        kv_cache: str | None = None,
        threads: int | None = None,
        tile_batch: int = 2,
        cache_dir: str | Path | None = None,
        weights_dir: str | Path | None = None,
        progress: Callable[[int, int], None] | None = None,
        **settings: Any,
    ) -> Engine:
        """Build and compile the decoder; the vision tower follows when the first pixels come.

        Args:
            checkpoint: an open checkpoint of family "a.x-4-vl" or "qwen2".
            weights: "int8" (8 bits per output channel), "int4" (decoder in groups of 4 bits, output matrix
                and tower int8), "bf16", or "f32" (everything float32, the reference). The others compute in
                bf16 where the CPU has it.
            kv_cache: "bf16" (None means that, or f32 for f32 weights), or "u8": half the memory per position.
            threads: CPU threads; None: one per core.
            tile_batch: image tiles per call of the vision tower.
            cache_dir: folder for OpenVINO's compiled models; None: none are stored.
            weights_dir: folder for converted weights; None: beside the checkpoint, or the user's cache.
            progress: called with bytes done and all bytes while weights are converted.
            settings: of `Engine`: kv_memory, ...

        Raises:
            AdotxError: unknown format, missing tensors, no room for the cache.
        """
        backend = OpenVinoBackend(
            checkpoint,
            weights,
            kv_cache=kv_cache,
            threads=threads,
            tile_batch=tile_batch,
            cache_dir=cache_dir,
            weights_dir=weights_dir,
            progress=progress,
        )
        return cls(backend, **settings)

    # What callers ask for

    def stream(self, request: Request) -> Stream:
        """Queue a request and read its ids as they come. Checked here, computed as it is read.

        Raises:
            AdotxError: the request is malformed, too long for the context, can never fit the cache, the queue
                is full ("engine.queue_full"), or the engine is stopping ("engine.draining", "engine.closed").
        """
        return Stream(self, self.submit(request))

    @overload
    def generate(
        self, requests: Items[Request], *, return_errors: Literal[False] = False
    ) -> list[Output]: ...

    @overload
    def generate(self, requests: Items[Request], *, return_errors: bool) -> list[Output | Exception]: ...

    def generate(
        self, requests: Items[Request], *, return_errors: bool = False
    ) -> list[Output] | list[Output | Exception]:
        """Continue all requests, side by side; outputs in the same order.

        Args:
            requests: any number.
            return_errors: put what ended a request in its output's place, as `asyncio.gather` can; all others
                are answered. Otherwise the first error is raised, and nothing goes on.

        Raises:
            AdotxError: as for `stream`, before anything is computed; `where` says which request.
            Exception: what ended a request later; a note says which.
        """

        def failed(error: Exception, index: int) -> Exception:
            told = _of_request(error, index, len(requests))
            if return_errors:
                return told
            raise told

        streams: list[Stream | Exception] = []
        outcomes: list[Any] = []
        try:
            for index, request in enumerate(requests):
                try:
                    streams.append(Stream(self, self.submit(request, streamed=False)))
                except Exception as error:
                    streams.append(failed(error, index))
            for index, stream in enumerate(streams):
                try:
                    outcomes.append(stream if isinstance(stream, Exception) else _whole(stream))
                except Exception as error:
                    outcomes.append(failed(error, index))
            return outcomes
        finally:
            for stream in streams:
                if isinstance(stream, Stream):
                    stream.close()

    def logits(self, request: Request) -> np.ndarray:
        """Scores of the next id after every position of the prompt: float32 [positions, vocabulary].

        Raises:
            AdotxError: as for `stream`, or too few cache blocks are free right now.
        """
        sequence = self._validator.prompt(request)
        self._warm_tower(bool(sequence.pixels))
        with self._alone():
            return self._runner.logits(sequence)

    def image_features(self, pixels: np.ndarray) -> np.ndarray:
        """Tiles float32 [T, 3, S, S] -> features float32 [T, tokens per tile, H], the decoder's input."""
        own = self._validator.own_pixels(pixels)
        self._warm_tower()
        with self._alone():
            return self.backend.encode_images(own)

    def encode(self, pixels: np.ndarray) -> EncodedImage:
        """An image's tiles, float32 [T, 3, S, S], encoded for several requests. Others' steps come between.

        Raises:
            AdotxError: the tiles are not this model's.
        """
        own = self._validator.own_pixels(pixels)
        self._warm_tower()
        digests = tile_digests(own)
        features: dict[bytes, np.ndarray] = {}
        for start in range(0, len(digests), ENCODED_AT_ONCE):
            part = slice(start, start + ENCODED_AT_ONCE)
            with self._alone():
                features |= self._runner.encode(dict(zip(digests[part], own[part], strict=True)))
        together = np.stack([features[digest] for digest in digests])
        together.flags.writeable = False
        return EncodedImage(digests, together)

    def stats(self) -> Stats:
        """A copy of the counters; from any thread, and never waits for a step."""
        return self._runner.stats()

    # Its life

    @property
    def alive(self) -> bool:
        """Whether requests are computed: until it is closed, or its weights files are changed under it."""
        return not self._closed and (not isinstance(self.backend, Perishable) or self.backend.usable)

    def warm(self) -> None:
        """Do now what the first image would have to wait for: compile the vision tower and run it once."""
        self._warm_tower()

    def drain(self, timeout: float) -> bool:
        """Take no more requests ("engine.draining"), wait for those on their way, and end what is then left.

        Args:
            timeout: seconds to wait, 0 or more, and a step at most beyond; streams that nobody reads are
                computed too. What is left ends with the error "engine.stopped".

        Returns:
            Whether all have ended by themselves.
        """
        if not timeout >= 0:
            what = "drain waits for 0 seconds or more"
            raise AdotxError("engine.setting", what, "timeout")
        self._runner.refuse(closed() if self._closed else draining())
        return self._end_all(self._clock() + timeout)

    def close(self) -> None:
        """Take no more requests ("engine.closed") and end those on their way.

        Waits for the step under way, and for a tower that is being compiled.
        """
        self._closed = True
        self._runner.refuse(closed())
        self._end_all(-math.inf)
        self._driver.close()
        with self._warming:
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end_all(self, until: float) -> bool:
        """Compute what is on its way until then, and end what is left; whether nothing was."""
        runner = self._runner
        while not runner.idle and (left := until - self._clock()) > 0:
            self._driver.drive(lambda: runner.idle, min(left, threading.TIMEOUT_MAX))
        all_ended = runner.idle
        runner.cut()
        self._driver.tidy()
        self._driver.wait(lambda: False)
        return all_ended

    def _alone(self) -> AbstractContextManager[None]:
        if self._closed:
            raise closed()
        return self._driver.alone()

    def _warm_tower(self, wanted: bool = True) -> None:
        """Compile the tower in this thread, beside the steps: no stream waits for it.

        Whoever needs the tower comes through here first, so that nobody uses it meanwhile.
        """
        if self._is_warm or not wanted or not isinstance(self.backend, Warmable):
            return
        with self._warming:
            if not self._is_warm:
                if self._closed:
                    raise closed()
                self.backend.warm()
                self._is_warm = True

    # For whoever reads ids: streams, `adotx.engine.serving.aio`, benchmarks

    def submit(
        self, request: Request, streamed: bool = True, notify: Callable[[], None] | None = None
    ) -> Sequence:
        """Check and queue a request; never waits for a step. `streamed`, `notify`: see `Sequence`.

        Raises:
            AdotxError: as for `stream`.
        """
        sequence = self._validator.sequence(request, streamed, notify)
        self._warm_tower(bool(sequence.pixels))
        self._runner.submit(sequence)
        return sequence

    def drive(self, ready: Callable[[], bool]) -> None:
        """One step by this thread, or the end of one that another runs; nothing where `ready()`."""
        self._driver.drive(ready)

    def fail(self, error: BaseException) -> None:
        """End all requests on their way with an error; the next ones are answered."""
        with self._driver.alone():
            self._runner.fail(error)

    def cancel(self, sequence: Sequence, *, wait: bool = False) -> None:
        """End a request with reason "cancelled": now or, where a step is under way, at its end.

        Args:
            sequence: from `submit`; one that has ended stays as it is.
            wait: return when it has ended, which takes a step at most.
        """
        if sequence.finish_reason is None:
            sequence.cancelled = True
            self._driver.tidy()
            if wait:
                self._driver.wait(lambda: sequence.finish_reason is not None)


def _whole(stream: Stream) -> Output:
    """A stream's output, read to its end."""
    for _ in stream:
        pass
    assert stream.output is not None
    return stream.output


def _of_request(error: Exception, index: int, count: int) -> Exception:
    """The same error, saying which request of several it is about."""
    which = f"request {index + 1} of {count}"
    if count == 1:
        return error
    if isinstance(error, AdotxError):
        told = error.at(f"{which}, {error.where}" if error.where else which)
        told.__cause__ = error
        return told
    error.add_note(which)
    return error


@atexit.register
def _close_all() -> None:
    for engine in list(_LOADED):
        engine.close()


# The child of a fork has none of the threads that might be in a step.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_LOADED.clear)
