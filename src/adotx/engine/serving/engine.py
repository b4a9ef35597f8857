"""The engine's front: load a checkpoint, then generate, stream, score, or look at images.

In: a checkpoint (or any `Backend`) and `Request`s. Out: `Output`s, `Stream`s, logits, features. Knows no text
and no HTTP. Whoever waits for a token drives the engine: each step serves all running requests, whichever
caller made it, so several threads, or several streams read in turn, share one batch without a thread of our
own. For asyncio see `adotx.engine.serving.aio`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adotx.engine.model.backend import Backend, OpenVinoBackend, Span
from adotx.engine.model.runtime import available_memory, check_cache_format, check_format
from adotx.engine.serving.blocks import BlockPool
from adotx.engine.serving.features import FeatureStore
from adotx.engine.serving.intake import Intake
from adotx.engine.serving.pace import Pace
from adotx.engine.serving.request import Output, Request
from adotx.engine.serving.request import Sequence as Running
from adotx.engine.serving.scheduler import Chunk, Scheduler
from adotx.engine.serving.stream import Stream
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.checkpoint import Checkpoint

# Logits of every position are fetched this many rows at a time: a row of a 102,400 vocabulary is 0.4 MB.
LOGITS_ROWS = 256
# Most rows of decoding requests, drafts included, in a step: up to here a row costs little beside the
# weights.
DRAFT_ROWS = 16


@dataclass
class Stats:
    """What the engine has done since it was loaded, and what it holds now."""

    running: int = 0
    waiting: int = 0
    blocks: int = 0
    free_blocks: int = 0  # held by nobody, `kept_blocks` included
    kept_blocks: int = 0  # held by nobody, but findable by their content
    steps: int = 0
    prompt_tokens: int = 0  # of ended requests
    cached_tokens: int = 0
    output_tokens: int = 0
    tiles: int = 0  # seen by the tower
    preemptions: int = 0
    drafted: int = 0
    accepted: int = 0


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
        feature_memory: bytes for image features of tiles seen lately.
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
        self._max_waiting, self._clock = max_waiting, clock
        self._intake = Intake(backend, speculate, clock)
        budget = available_memory() // 4 if kv_memory is None else kv_memory
        per_context = -(-backend.context // backend.block_size)
        blocks = min(budget // backend.block_bytes, max_running * per_context)
        if blocks < 1:
            raise AdotxError(
                "engine.cache_too_small",
                f"one block needs {backend.block_bytes} bytes, the budget is {budget}",
                "kv_memory",
                "raise kv_memory",
            )
        self.pool = BlockPool(blocks, backend.block_size)
        backend.allocate(blocks)
        self._features = FeatureStore(feature_memory)
        self._scheduler = Scheduler(
            self.pool,
            max_running,
            max(step_tokens, max_running),
            mixed_tokens=mixed_tokens,
            draft_rows=DRAFT_ROWS,
            prefix_cache=prefix_cache,
        )
        self._pace = Pace(mixed_slowdown) if mixed_tokens is None else None
        self._stats = Stats(blocks=blocks)
        self._incoming: list[Running] = []
        # Guards `_busy` and `_incoming`, never held during a step. Re-entrant: the garbage collector may
        # close a stream from inside.
        self._turns = threading.Condition(threading.RLock())
        self._busy = False  # somebody runs a step; scheduler, pool and backend are theirs

    @classmethod
    def load(
        cls,
        checkpoint: Checkpoint,
        weights: str = "int8",
        *,
        kv_cache: str | None = None,
        threads: int | None = None,
        tile_batch: int = 8,
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
            cache_dir: folder for OpenVINO's compiled models; None keeps none.
            weights_dir: folder for converted weights; None: beside the checkpoint, or the user's cache.
            progress: called with bytes done and all bytes while weights are converted.
            settings: of `Engine`: kv_memory, max_running, ...

        Raises:
            AdotxError: unknown format, missing tensors, no room for the cache.
        """
        if min(tile_batch, 1 if threads is None else threads) < 1:
            raise AdotxError("engine.setting", "tile_batch and threads are at least 1", "engine")
        known = check_format(weights)
        backend = OpenVinoBackend(
            checkpoint,
            known,
            kv_cache=check_cache_format(kv_cache, known),
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
            AdotxError: the request is malformed, too long for the context, can never fit the cache, or the
                queue is full ("engine.queue_full").
        """
        return Stream(self, self.submit(request))

    def generate(self, requests: Sequence[Request]) -> list[Output]:
        """Continue all requests, side by side; outputs in the same order.

        Raises:
            AdotxError: as for `stream`, before anything is computed; `where` says which request.
        """
        streams: list[Stream] = []
        try:
            for index, request in enumerate(requests):
                try:
                    streams.append(Stream(self, self.submit(request, watched=False)))
                except AdotxError as error:
                    where = f"request {index + 1} of {len(requests)}" + (
                        f", {error.where}" if error.where else ""
                    )
                    raise error.at(where) from error
            for stream in streams:
                for _ in stream:
                    pass
            return [stream.output for stream in streams]  # type: ignore[misc]
        finally:
            for stream in streams:
                stream.close()

    def logits(self, request: Request) -> np.ndarray:
        """Scores of the next id after every position of the prompt: float32 [positions, vocabulary].

        Raises:
            AdotxError: as for `stream`, or too few cache blocks are free right now.
        """
        sequence = self._intake.sequence(request)
        count = sequence.prompt_tokens
        with self._alone():
            blocks = self.pool.allocate(self.pool.blocks_for(count))
            if blocks is None:
                raise AdotxError(
                    "engine.cache_busy",
                    f"{count} positions need more than the {self.pool.available} free cache blocks",
                    "request",
                    "raise kv_memory or wait for running requests",
                )
            sequence.blocks = blocks
            try:
                out = np.empty((count, self.backend.vocabulary), np.float32)
                for start in range(0, count, LOGITS_ROWS):
                    chunk = Chunk(sequence, start, min(LOGITS_ROWS, count - start), False)
                    out[start : start + chunk.length] = self._forward([chunk], range(chunk.length))
                return out
            finally:
                self.pool.free(blocks)

    def image_features(self, pixels: np.ndarray) -> np.ndarray:
        """Tiles float32 [T, 3, S, S] -> features float32 [T, tokens per tile, H], the decoder's input."""
        self._intake.check_pixels(pixels)
        with self._alone():
            return self.backend.see(pixels)

    def stats(self) -> Stats:
        """A copy of the counters."""
        with self._turns:
            waiting = len(self._scheduler.waiting) + len(self._incoming)
            counts = {"running": len(self._scheduler.running), "waiting": waiting}
            pool = {"free_blocks": self.pool.available, "kept_blocks": self.pool.kept}
            return Stats(
                **{**vars(self._stats), **counts, **pool, "preemptions": self._scheduler.preemptions}
            )

    # For whoever drives: streams here, and adotx.engine.serving.aio

    def submit(
        self, request: Request, watched: bool = True, notify: Callable[[], None] | None = None
    ) -> Running:
        """Check and queue a request; never waits for a step. `watched`, `notify`: see `Sequence`.

        Raises:
            AdotxError: as for `stream`.
        """
        sequence = self._intake.sequence(request, watched, notify)
        self._scheduler.check(sequence)
        with self._turns:
            waiting = len(self._scheduler.waiting) + len(self._incoming)
            if self._max_waiting is not None and waiting >= self._max_waiting:
                what = f"{waiting} requests wait already, the most that may"
                raise AdotxError("engine.queue_full", what, "request", "try again later")
            self._incoming.append(sequence)
        return sequence

    def turn(self, ready: Callable[[], bool]) -> None:
        """One step by this thread, or the end of one that somebody else runs; nothing where `ready()`."""
        with self._turns:
            if ready():
                return
            if self._busy:
                self._turns.wait()
                return
            self._busy = True
        try:
            self._step()
        finally:
            self._done()

    def cancel(self, sequence: Running) -> None:
        """Cancel now, or, where a step is under way, when it is over; never waits for it."""
        if sequence.finish_reason is None:
            sequence.cancelled = True
            with self._turns:
                if self._busy:
                    return
                self._busy = True
            try:
                self._tidy()
            finally:
                self._done()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._turns:
            while self._busy:
                self._turns.wait()
            self._busy = True
        try:
            self._tidy()
            yield
        finally:
            self._done()

    def _done(self) -> None:
        with self._turns:
            self._busy = False
            self._turns.notify_all()

    # One step for everybody

    def _tidy(self) -> None:
        """Queue what came in; end what was cancelled or is late."""
        scheduler, now = self._scheduler, None
        with self._turns:
            incoming, self._incoming = self._incoming, []
        for sequence in incoming:
            scheduler.add(sequence)
        for sequence in [*scheduler.running, *scheduler.waiting]:
            if sequence.cancelled:
                self._finish(sequence, "cancelled")
            elif sequence.deadline is not None:
                now = self._clock() if now is None else now
                if now >= sequence.deadline:
                    self._finish(sequence, "timeout")

    def _step(self) -> None:
        self._tidy()
        if self._pace:
            self._scheduler.mixed_tokens = self._pace.positions
        chunks = self._scheduler.plan()
        if not chunks:
            return
        rows: list[int] = []
        end = 0
        for chunk in chunks:
            end += chunk.length
            if chunk.samples:
                rows += range(end - 1 - len(chunk.draft), end)
        try:
            logits = self._forward(chunks, rows)
        except Exception as error:
            # The cache's state is unknown now: nobody may go on from it, nobody may find anything in it.
            for sequence in [*self._scheduler.running, *self._scheduler.waiting]:
                self._finish(sequence, "error", error)
            self.pool.forget_all()
            return
        self._stats.steps += 1
        row = 0
        for chunk in chunks:
            if not chunk.samples:
                self._scheduler.advance(chunk, chunk.length)
                continue
            self._pick(chunk, logits[row : row + 1 + len(chunk.draft)])
            row += 1 + len(chunk.draft)

    def _pick(self, chunk: Chunk, logits: np.ndarray) -> None:
        """The next ids of a chunk's sequence: one, and one more for each leading guess that proves right."""
        sequence, reason, error, taken = chunk.sequence, None, None, 0
        for scores, guess in zip(logits, [*chunk.draft, None], strict=True):
            try:
                token = sequence.sampler.next(scores)
            except AdotxError as failure:  # this request's alone
                reason, error = "error", failure
                break
            taken += 1
            reason = sequence.accept(token)
            if reason or token != guess:
                break
        if chunk.draft and sequence.drafter:
            sequence.drafter.report(len(chunk.draft), max(taken - 1, 0))
        if taken:
            self._scheduler.advance(chunk, chunk.length - len(chunk.draft) + taken - 1)
        if reason:
            self._finish(sequence, reason, error)
        elif sequence.notify:
            sequence.notify()

    def _finish(self, sequence: Running, reason: str, error: Exception | None = None) -> None:
        self._scheduler.finish(sequence, reason, error)
        output, stats = sequence.result(), self._stats
        stats.prompt_tokens += output.prompt_tokens
        stats.cached_tokens += output.cached_tokens
        stats.output_tokens += len(output.ids)
        stats.drafted += output.drafted
        stats.accepted += output.accepted
        if sequence.notify:
            sequence.notify()

    def _forward(self, chunks: Sequence[Chunk], rows: Sequence[int]) -> np.ndarray:
        features = self._see(chunks)
        spans = []
        for chunk in chunks:
            sequence, end = chunk.sequence, chunk.start + chunk.length
            ids = np.array([*sequence.tokens[chunk.start : end], *chunk.draft], np.int64)
            first, last = np.searchsorted(sequence.positions, (chunk.start, end))
            image_rows = sequence.positions[first:last] - chunk.start
            seen = None
            if first < last:
                tiles = sequence.tiles(chunk.start, end)
                skip = tiles.start * sequence.tokens_per_tile
                together = np.concatenate([features[sequence.tile_digests[tile]] for tile in tiles])
                seen = together[first - skip : last - skip]
            spans.append(Span(chunk.start, ids, sequence.blocks, image_rows, seen))
        start = self._clock()
        logits = self.backend.forward(spans, rows)
        prompts = sum(chunk.length for chunk in chunks if not chunk.decodes)
        if self._pace and any(chunk.decodes for chunk in chunks):
            self._pace.note(prompts, self._clock() - start)
        return logits

    def _see(self, chunks: Sequence[Chunk]) -> dict[bytes, np.ndarray]:
        """Features of all tiles that these chunks touch; those not seen lately are computed, all together."""
        features: dict[bytes, np.ndarray] = {}
        unseen: dict[bytes, np.ndarray] = {}
        for chunk in chunks:
            for tile in chunk.sequence.tiles(chunk.start, chunk.start + chunk.length):
                digest = chunk.sequence.tile_digests[tile]
                known = self._features.get(digest)
                if known is not None:
                    features[digest] = known
                elif digest not in unseen:
                    assert chunk.sequence.pixels is not None
                    unseen[digest] = chunk.sequence.pixels[tile]
        if unseen:
            self._stats.tiles += len(unseen)
            computed = self.backend.see(np.stack(list(unseen.values())))
            for digest, each in zip(unseen, computed, strict=True):
                features[digest] = each.copy()  # a view would keep all the others in memory
                self._features.put(digest, features[digest])
        return features
