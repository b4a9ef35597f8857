"""The engine's front: load a checkpoint, then generate, stream, score, or encode images.

In: a checkpoint (or any `Backend`) and `Request`s. Out: `Output`s, `Stream`s, logits, features. The work is
done by parts: `Validator` checks requests, `Runner` makes steps, `Driver` says which thread runs them. Knows
no text and no HTTP. For asyncio see `adotx.engine.serving.aio`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Sequence as Items
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adotx.engine.model.backend import Backend
from adotx.engine.model.openvino_backend import OpenVinoBackend
from adotx.engine.serving.blocks import BlockPool
from adotx.engine.serving.driver import Driver
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
# Requests side by side in a model whose keys and values of a position are that small (bytes): a step takes it
# 20 times as long for 96 of them as for one.
MANY_RUNNING, SMALL_POSITION = 96, 8192


class Engine:
    """A loaded model. Make one with `Engine.load`, or around any `Backend`.

    Args:
        backend: the model.
        kv_memory: bytes for the key/value cache; None: a quarter of the available memory, at most
            `max_running` whole contexts. The system hands the memory out as it is used.
        max_running: most requests computed side by side.
        max_waiting: most requests queued behind them; None: any number.
        step_tokens: most token positions per step; longer prompts take several steps.
        mixed_tokens: most prompt positions in a step in which streamed requests decode (times the number
            of prompts for each of these); None: learned from the steps, see `mixed_slowdown`.
        mixed_slowdown: how many times longer such a step may take than one without prompts.
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
        max_running: int = 16,
        max_waiting: int | None = None,
        step_tokens: int = 2048,
        mixed_tokens: int | None = None,
        mixed_slowdown: float = 2.5,
        prefix_cache: bool = True,
        feature_memory: int = 256 << 20,
        speculate: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        positive = (max_running, step_tokens, mixed_slowdown, 1 if mixed_tokens is None else mixed_tokens)
        if min(positive) < 1 or min(speculate, feature_memory) < 0:
            raise AdotxError(
                "engine.setting",
                "max_running, step_tokens, mixed_... are at least 1, speculate and feature_memory 0",
                "engine",
            )
        self.backend = backend
        self._validator = Validator(backend, speculate, clock)
        budget = available_memory() // 4 if kv_memory is None else kv_memory
        per_context = -(-backend.context // backend.block_size)
        blocks = min(budget // backend.block_bytes, max_running * per_context)
        if blocks < 1:
            raise AdotxError(
                "engine.cache_too_small",
                "one block needs {block} bytes, the budget is {budget}",
                "kv_memory",
                "raise kv_memory",
                block=backend.block_bytes,
                budget=budget,
            )
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
        features = ImageFeatures(backend.encode_images, feature_memory)
        pace = Pace(mixed_slowdown) if mixed_tokens is None else None
        self._runner = Runner(backend, scheduler, features, pace, max_waiting, clock)
        self._driver = Driver(self._runner.step, self._runner.tidy)

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
            settings: of `Engine`: kv_memory, ...; a small model's max_running is 96 where none is given.

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
        if backend.block_bytes <= SMALL_POSITION * backend.block_size:
            settings.setdefault("max_running", MANY_RUNNING)
        return cls(backend, **settings)

    # What callers ask for

    def stream(self, request: Request) -> Stream:
        """Queue a request and read its ids as they come. Checked here, computed as it is read.

        Raises:
            AdotxError: the request is malformed, too long for the context, can never fit the cache, or the
                queue is full ("engine.queue_full").
        """
        return Stream(self, self.submit(request))

    def generate(self, requests: Items[Request]) -> list[Output]:
        """Continue all requests, side by side; outputs in the same order.

        Raises:
            AdotxError: as for `stream`, before anything is computed; `where` says which request.
        """
        streams: list[Stream] = []
        try:
            for index, request in enumerate(requests):
                try:
                    streams.append(Stream(self, self.submit(request, streamed=False)))
                except AdotxError as error:
                    if len(requests) == 1:
                        raise
                    where = f"request {index + 1} of {len(requests)}"
                    where += f", {error.where}" if error.where else ""
                    raise error.at(where) from error
            outputs = []
            for stream in streams:
                for _ in stream:
                    pass
                output = stream.output
                assert output is not None
                outputs.append(output)
            return outputs
        finally:
            for stream in streams:
                stream.close()

    def logits(self, request: Request) -> np.ndarray:
        """Scores of the next id after every position of the prompt: float32 [positions, vocabulary].

        Raises:
            AdotxError: as for `stream`, or too few cache blocks are free right now.
        """
        sequence = self._validator.sequence(request)
        with self._driver.alone():
            return self._runner.logits(sequence)

    def image_features(self, pixels: np.ndarray) -> np.ndarray:
        """Tiles float32 [T, 3, S, S] -> features float32 [T, tokens per tile, H], the decoder's input."""
        self._validator.check_pixels(pixels)
        with self._driver.alone():
            return self.backend.encode_images(pixels)

    def encode(self, pixels: np.ndarray) -> EncodedImage:
        """An image's tiles, float32 [T, 3, S, S], encoded for several requests. Others' steps come between.

        Raises:
            AdotxError: the tiles are not this model's.
        """
        self._validator.check_pixels(pixels)
        digests = tile_digests(pixels)
        features: dict[bytes, np.ndarray] = {}
        for start in range(0, len(digests), ENCODED_AT_ONCE):
            part = slice(start, start + ENCODED_AT_ONCE)
            with self._driver.alone():
                features |= self._runner.encode(dict(zip(digests[part], pixels[part], strict=True)))
        return EncodedImage(digests, np.stack([features[digest] for digest in digests]))

    def stats(self) -> Stats:
        """A copy of the counters."""
        return self._runner.stats()

    # For whoever reads ids: streams, `adotx.engine.serving.aio`, benchmarks

    def submit(
        self, request: Request, streamed: bool = True, notify: Callable[[], None] | None = None
    ) -> Sequence:
        """Check and queue a request; never waits for a step. `streamed`, `notify`: see `Sequence`.

        Raises:
            AdotxError: as for `stream`.
        """
        sequence = self._validator.sequence(request, streamed, notify)
        self._runner.submit(sequence)
        return sequence

    def drive(self, ready: Callable[[], bool]) -> None:
        """One step by this thread, or the end of one that another runs; nothing where `ready()`."""
        self._driver.drive(ready)

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
