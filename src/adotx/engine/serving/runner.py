"""One step for everybody: what came in is queued, chunks are planned and computed, next ids are picked.

In: checked sequences. Out: their ids, ends and errors. Exactly one thread may be inside at a time, which the
`Driver` sees to; only `submit`, `refuse`, `cut`, `idle` and `stats` may be called beside it. Knows no threads
and no streams.

Whatever is raised on the way ends the one request it belongs to. What cannot be pinned to one ends all that
are on their way, after which nothing is left of the cache's content or bookkeeping that it might have harmed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from adotx.engine.model.backend import Backend, Chunk
from adotx.engine.serving.failures import is_interrupt, queued_too_long, stopped, told
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
        max_waiting: most requests that may have to wait; None: any number.
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
        self._open: dict[Sequence, None] = {}  # all that have not ended, in the order in which they came
        self._refusal: AdotxError | None = None
        self._cut = False

    # From any thread

    def submit(self, sequence: Sequence) -> None:
        """Queue a sequence for the next step.

        Raises:
            AdotxError: nothing is taken any more, or the queue is full ("engine.queue_full").
        """
        with self._lock:
            if self._refusal is not None:
                raise self._refusal.at("engine")
            if self._max_waiting is not None:
                newcomers = [s for s in (*self._incoming, sequence) if not s.cancelled]
                if self._scheduler.would_wait(newcomers) > self._max_waiting:
                    what, waiting = "{waiting} requests wait already, the most that may", self._max_waiting
                    raise AdotxError("engine.queue_full", what, "request", "try again later", waiting=waiting)
            sequence.born = self._scheduler.pool.published
            self._open[sequence] = None
            self._incoming.append(sequence)

    def refuse(self, reason: AdotxError) -> None:
        """Take no more requests."""
        with self._lock:
            self._refusal = reason

    def cut(self) -> None:
        """End all requests the next time that things are tidied; after `refuse`."""
        self._cut = True

    @property
    def idle(self) -> bool:
        """Whether every request that was submitted has ended."""
        return not self._open

    def stats(self) -> Stats:
        """A copy of the counters."""
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
            tower_seconds=self._features.seconds,
            preemptions=scheduler.preemptions,
        )

    # From the thread that drives

    def tidy(self) -> None:
        """Queue what came in; end what was cancelled, is late or was cut."""
        try:
            self._tidy()
        except BaseException as error:
            self.fail(error)
            if is_interrupt(error):
                raise

    def step(self) -> None:
        """Compute the next step and pick the ids that follow from it; nothing where nothing is on its way.

        Raises:
            BaseException: interrupts of the program alone, after the step.
        """
        try:
            chunks = self._planned()
        except BaseException as error:
            self.fail(error)
            if is_interrupt(error):
                raise
            return
        if not chunks:
            return
        try:
            logits = self._forward(chunks)
        except BaseException as error:
            # Nothing was noted of this step: after an interrupt it is made again.
            if is_interrupt(error):
                raise
            self.fail(error)
            return
        try:
            interrupt = self._take(chunks, logits)
        except BaseException as error:
            self.fail(error)
            if is_interrupt(error):
                raise
            return
        if interrupt is not None:
            raise interrupt

    def fail(self, error: BaseException) -> None:
        """End all that are on their way with an error, and begin with an empty cache.

        The state of cache and lists is unknown: nobody may go on from it, nobody may find anything in it.
        """
        self._stats.failures += 1
        with self._lock:
            failed = [sequence for sequence in self._open if sequence not in self._incoming]
        self._scheduler.reset()
        for sequence in failed:
            self._end(sequence, "error", told(error))

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

    # A step's parts

    def _tidy(self) -> None:
        scheduler, now = self._scheduler, None
        with self._lock:
            incoming, self._incoming = self._incoming, []
        for sequence in incoming:
            scheduler.add(sequence)
        for sequence in [*scheduler.running, *scheduler.waiting]:
            if sequence.cancelled:
                self._finish(sequence, "cancelled")
            elif self._cut:
                self._finish(sequence, "error", stopped())
            elif sequence.deadline is not None or sequence.patience is not None:
                now = self._clock() if now is None else now
                if sequence.deadline is not None and now >= sequence.deadline:
                    self._finish(sequence, "timeout")
                elif sequence.is_late(now):
                    self._finish(sequence, "error", queued_too_long(sequence.patience))

    def _planned(self) -> dict[Sequence, Chunk]:
        """The next step's chunks, without image features."""
        self._tidy()
        if pace := self._pace:
            self._scheduler.mixed_tokens, self._scheduler.most_mixed = pace.positions, pace.most
            if pace.is_due:
                self._scheduler.mixed_tokens = self._scheduler.most_mixed = 0
        chunks = self._scheduler.plan()
        now = None
        for sequence in chunks:
            if sequence.started is None:
                now = self._clock() if now is None else now
                sequence.started = now
        return chunks

    def _forward(self, chunks: dict[Sequence, Chunk]) -> np.ndarray:
        """Logits of the chunks; the pace learns from how long the decoder takes."""
        self._add_features(chunks)
        copies = self._scheduler.copies
        while copies:
            self._backend.copy_block(*copies[0])
            del copies[0]  # one by one: after an interrupt the others are still to be made
        if not chunks:
            return np.empty((0, self._backend.vocabulary), np.float32)
        start = self._clock()
        logits = self._backend.forward(list(chunks.values()))
        self._stats.steps += 1
        if self._pace and any(chunk.is_decoding for chunk in chunks.values()):
            prompts = sum(len(chunk) for chunk in chunks.values() if not chunk.is_decoding)
            self._pace.note(prompts, self._clock() - start)
        return logits

    def _add_features(self, chunks: dict[Sequence, Chunk]) -> None:
        """Image features of all chunks; those whose images fail leave the step, and end."""
        try:
            self._features.add_to(chunks)
            return
        except BaseException as error:
            if is_interrupt(error):
                raise
        for sequence, chunk in list(chunks.items()):
            try:
                self._features.add_to({sequence: chunk})
            except BaseException as error:
                if is_interrupt(error):
                    raise
                del chunks[sequence]
                self._finish(sequence, "error", error)

    def _take(self, chunks: Mapping[Sequence, Chunk], logits: np.ndarray) -> BaseException | None:
        """Note what the step has computed; the interrupt, if one came between."""
        row, interrupt = 0, None
        for sequence, chunk in chunks.items():
            if chunk.logit_rows:
                raised = self._pick(sequence, chunk, logits[row : row + chunk.logit_rows])
                interrupt = raised if raised is not None and is_interrupt(raised) else interrupt
                row += chunk.logit_rows
            else:
                self._scheduler.advance(sequence, len(chunk))
        return interrupt

    def _pick(self, sequence: Sequence, chunk: Chunk, logits: np.ndarray) -> BaseException | None:
        """The next ids of a sequence: one, and one more for each leading guess that proves right.

        Returns:
            What was raised by its sampler, its constraint or its reader, which ends this sequence alone.
        """
        guesses = chunk.ids[len(chunk) - chunk.logit_rows + 1 :]
        reason, picked = None, 0
        try:
            for scores, guess in zip(logits, [*guesses, None], strict=True):
                token = sequence.sampler.next(scores)
                picked += 1
                reason = sequence.accept(token)
                if reason or token != guess:
                    break
            if guesses and sequence.drafter:
                sequence.drafter.report(len(guesses), max(picked - 1, 0))
        except BaseException as error:
            self._finish(sequence, "error", error)
            return error
        if sequence.answered is None:
            sequence.answered = self._clock()
        # The newest id is not in the cache yet; of the guesses those that were right are.
        self._scheduler.advance(sequence, len(chunk) - len(guesses) + picked - 1)
        if reason:
            self._finish(sequence, reason)
        else:
            self._notify(sequence)
        return None

    def _finish(self, sequence: Sequence, reason: str, error: BaseException | None = None) -> None:
        """End a sequence that the scheduler has."""
        self._scheduler.remove(sequence)
        self._end(sequence, reason, None if error is None else told(error))

    def _end(self, sequence: Sequence, reason: str, error: Exception | None) -> None:
        sequence.end(reason, error, self._clock())
        with self._lock:
            self._open.pop(sequence, None)
        self._stats.count(sequence)
        self._notify(sequence)

    def _notify(self, sequence: Sequence) -> None:
        if sequence.notify is None:
            return
        try:
            sequence.notify()
        except BaseException as error:
            sequence.cancelled = True  # whoever cannot be told does not read on
            if is_interrupt(error):
                raise
