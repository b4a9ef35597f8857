"""One step for everybody: what came in is queued, chunks are planned and computed, next ids are picked.

In: checked sequences. Out: their ids, ends and errors. Exactly one thread may be inside at a time, which the
`Driver` sees to; only `submit` and `stats` may be called beside it. Knows no threads and no streams.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from adotx.engine.model.backend import Backend, Chunk
from adotx.engine.serving.features import ImageFeatures
from adotx.engine.serving.pace import Pace
from adotx.engine.serving.scheduler import Scheduler
from adotx.engine.serving.sequence import Sequence
from adotx.engine.serving.stats import Stats
from adotx.errors import AdotxError

# Logits of every position are fetched this many rows at a time: a row of a 102,400 vocabulary is 0.4 MB.
LOGITS_ROWS = 256


class Runner:
    """
    Args:
        backend: the model.
        scheduler: decides what a step computes.
        features: of images.
        pace: how many positions of prompts fit beside streamed requests; None: the scheduler's fixed number.
        max_waiting: most requests queued; None: any number.
        clock: seconds, for timeouts and for how long steps take.
    """

    def __init__(
        self,
        backend: Backend,
        scheduler: Scheduler,
        features: ImageFeatures,
        pace: Pace | None,
        max_waiting: int | None,
        clock: Callable[[], float],
    ) -> None:
        self._backend, self._scheduler, self._features = backend, scheduler, features
        self._pace, self._max_waiting, self._clock = pace, max_waiting, clock
        self._stats = Stats(blocks=scheduler.pool.count)
        # Re-entrant: the garbage collector may close a stream from inside, which leads to `tidy`.
        self._lock = threading.RLock()
        self._incoming: list[Sequence] = []

    def submit(self, sequence: Sequence) -> None:
        """Queue a sequence for the next step; from any thread.

        Raises:
            AdotxError: it can never fit the cache, or the queue is full ("engine.queue_full").
        """
        self._scheduler.check(sequence)
        with self._lock:
            waiting = len(self._scheduler.waiting) + len(self._incoming)
            if self._max_waiting is not None and waiting >= self._max_waiting:
                what = "{waiting} requests wait already, the most that may"
                raise AdotxError("engine.queue_full", what, "request", "try again later", waiting=waiting)
            self._incoming.append(sequence)

    def stats(self) -> Stats:
        """A copy of the counters; from any thread."""
        scheduler = self._scheduler
        with self._lock:
            waiting = len(scheduler.waiting) + len(self._incoming)
        return replace(
            self._stats,
            running=len(scheduler.running),
            waiting=waiting,
            free_blocks=scheduler.pool.available,
            cached_blocks=scheduler.pool.cached,
            tiles=self._features.encoded,
            preemptions=scheduler.preemptions,
        )

    def tidy(self) -> None:
        """Queue what came in; end what was cancelled or is late."""
        scheduler, now = self._scheduler, None
        with self._lock:
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

    def step(self) -> None:
        """Compute the next step and pick the ids that follow from it; nothing where nothing is on its way."""
        scheduler = self._scheduler
        self.tidy()
        if self._pace:
            scheduler.mixed_tokens = self._pace.positions
        chunks = scheduler.plan()
        if not chunks:
            return
        try:
            logits = self._forward(chunks)
        except Exception as error:
            # The cache's state is unknown now: nobody may go on from it, nobody may find anything in it.
            for sequence in [*scheduler.running, *scheduler.waiting]:
                self._finish(sequence, "error", error)
            scheduler.pool.forget_all()
            return
        self._stats.steps += 1
        row = 0
        for sequence, chunk in chunks.items():
            if chunk.logit_rows:
                self._pick(sequence, chunk, logits[row : row + chunk.logit_rows])
                row += chunk.logit_rows
            else:
                scheduler.advance(sequence, len(chunk))

    def encode(self, pixels: Mapping[bytes, np.ndarray]) -> dict[bytes, np.ndarray]:
        """Features of tiles by their digests."""
        return self._features.of(pixels)

    def logits(self, sequence: Sequence) -> np.ndarray:
        """Scores after every position of a sequence that was never submitted: float32 [positions, V].

        Raises:
            AdotxError: too few blocks are free right now.
        """
        pool, count = self._scheduler.pool, sequence.prompt_tokens
        blocks = pool.allocate(pool.blocks_for(count))
        if blocks is None:
            raise AdotxError(
                "engine.cache_busy",
                "{positions} positions need more than the {free} free cache blocks",
                "request",
                "raise kv_memory or wait for running requests",
                positions=count,
                free=pool.available,
            )
        try:
            out = np.empty((count, self._backend.vocabulary), np.float32)
            for start in range(0, count, LOGITS_ROWS):
                ids = sequence.tokens[start : start + LOGITS_ROWS]
                chunks = {sequence: Chunk(start, ids, blocks, logit_rows=len(ids))}
                self._features.add_to(chunks)
                out[start : start + len(ids)] = self._backend.forward(list(chunks.values()))
            return out
        finally:
            pool.free(blocks)

    def _forward(self, chunks: Mapping[Sequence, Chunk]) -> np.ndarray:
        """Logits of the chunks; the pace learns from how long the decoder takes."""
        self._features.add_to(chunks)
        for source, target in self._scheduler.copies:
            self._backend.copy_block(source, target)
        start = self._clock()
        logits = self._backend.forward(list(chunks.values()))
        if self._pace and any(chunk.is_decoding for chunk in chunks.values()):
            prompts = sum(len(chunk) for chunk in chunks.values() if not chunk.is_decoding)
            self._pace.note(prompts, self._clock() - start)
        return logits

    def _pick(self, sequence: Sequence, chunk: Chunk, logits: np.ndarray) -> None:
        """The next ids of a sequence: one, and one more for each leading guess that proves right."""
        guesses = chunk.ids[len(chunk) - chunk.logit_rows + 1 :]
        reason, error, picked = None, None, 0
        for scores, guess in zip(logits, [*guesses, None], strict=True):
            try:
                token = sequence.sampler.next(scores)
            except AdotxError as failure:  # this request's alone
                reason, error = "error", failure
                break
            picked += 1
            reason = sequence.accept(token)
            if reason or token != guess:
                break
        if guesses and sequence.drafter:
            sequence.drafter.report(len(guesses), max(picked - 1, 0))
        if picked:
            # The newest id is not in the cache yet; of the guesses those that were right are.
            self._scheduler.advance(sequence, len(chunk) - len(guesses) + picked - 1)
        if reason:
            self._finish(sequence, reason, error)
        elif sequence.notify:
            sequence.notify()

    def _finish(self, sequence: Sequence, reason: str, error: Exception | None = None) -> None:
        self._scheduler.finish(sequence, reason, error)
        self._stats.count(sequence.result())
        if sequence.notify:
            sequence.notify()
