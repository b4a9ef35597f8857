"""Who computes what in the next step: requests wait, start when their blocks are free, and run side by side.

In: `Sequence`s (requests on their way). Out: per step a list of `Chunk`s, at most `step_tokens` token
positions in all: first one position for each sequence that is decoding, then prompts, cut where the step is
full. Knows no tensors: the engine runs the chunks and reports back with `advance` and `finish`.

Blocks for a whole request (prompt and longest output) are reserved at admission, first come first served. So
a running request never runs out of blocks, and one that can never fit is refused when it is added.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence as Items
from dataclasses import dataclass, field

import numpy as np

from adotx.engine.blocks import BlockPool
from adotx.engine.sampling import LoopGuard, Sampler, SamplingParams
from adotx.errors import AdotxError


@dataclass(frozen=True)
class Request:
    """What to continue.

    Args:
        ids: the prompt's token ids, image positions included.
        slots: (start, length) of each image's positions in `ids`; None finds them by the image token's id. An
            empty list without pixels says that there is no image, whatever the ids.
        pixels: float32 [T, 3, S, S], the tiles of all images in order; None for text.
        sampling: how to pick tokens.
    """

    ids: Items[int]
    slots: Items[tuple[int, int]] | None = None
    pixels: np.ndarray | None = None
    sampling: SamplingParams = field(default_factory=SamplingParams)


@dataclass(frozen=True)
class Output:
    """What came of a request.

    Args:
        ids: the new token ids, without the id that stopped them.
        finish_reason: "stop" (a stop id), "length" (max_new_tokens or the context's end), "loop" (loop guard)
            or "cancelled" (the stream was closed).
        prompt_tokens: positions in the prompt.
    """

    ids: list[int]
    finish_reason: str
    prompt_tokens: int


class Sequence:
    """One request on its way through the engine.

    Args:
        request: as given; already checked.
        limit: most new tokens (max_new_tokens and the context's end, the smaller).
        stop_ids: all ids that end it.
        positions: where image features go in `ids`, in order; empty for text.
    """

    def __init__(
        self, request: Request, limit: int, stop_ids: frozenset[int], positions: np.ndarray | None = None
    ) -> None:
        self.tokens = list(request.ids)
        self.prompt_tokens = len(self.tokens)
        self.pixels = request.pixels
        self.positions = np.zeros(0, np.int64) if positions is None else positions
        self.features: np.ndarray | None = None
        self.limit, self.stop_ids = limit, stop_ids
        self.sampler = Sampler(request.sampling, request.ids)
        self.loop_guard = LoopGuard(request.sampling.loop_guard)
        self.blocks: list[int] = []
        self.computed = 0  # positions whose keys and values are in the cache
        self.output: list[int] = []
        self.finish_reason: str | None = None
        self.cancelled = False  # asked for; done by `finish`
        self.error: Exception | None = None

    @property
    def longest(self) -> int:
        """Most cache positions it can ever need; the last new token is never fed back."""
        return self.prompt_tokens + self.limit - 1

    def accept(self, token: int) -> str | None:
        """Take the next token; the reason to finish, if that ends it."""
        if token in self.stop_ids:
            return "stop"
        self.tokens.append(token)
        self.output.append(token)
        if self.loop_guard.push(token):
            return "loop"
        return "length" if len(self.output) >= self.limit else None


@dataclass(frozen=True)
class Chunk:
    """Positions [start, start + length) of a sequence, computed in one step.

    `samples`: it reaches the newest token, so the next one can be picked.
    """

    sequence: Sequence
    start: int
    length: int

    @property
    def samples(self) -> bool:
        return self.start + self.length == len(self.sequence.tokens)


class Scheduler:
    """First come, first served, up to `max_running` sequences at once.

    Args:
        pool: the cache's blocks.
        max_running: most sequences in one step.
        step_tokens: most positions in one step; bounds memory and how long others wait for a long prompt.
    """

    def __init__(self, pool: BlockPool, max_running: int, step_tokens: int) -> None:
        assert 0 < max_running <= step_tokens
        self.pool, self.max_running, self.step_tokens = pool, max_running, step_tokens
        self.waiting: deque[Sequence] = deque()
        self.running: list[Sequence] = []

    def add(self, sequence: Sequence) -> None:
        """Queue a sequence.

        Raises:
            AdotxError: it can never fit the cache, however empty.
        """
        need = self.pool.blocks_for(sequence.longest)
        if need > self.pool.count:
            room = self.pool.count * self.pool.block_size
            raise AdotxError(
                "engine.cache_too_small",
                f"{sequence.prompt_tokens} + {sequence.limit} new tokens exceed the whole cache, {room}",
                "request",
                "lower max_new_tokens, shorten the prompt or raise kv_memory",
            )
        self.waiting.append(sequence)

    def admit(self) -> list[Sequence]:
        """Start waiting sequences, in order, while there is room; the ones started now."""
        started = []
        while self.waiting and len(self.running) < self.max_running:
            blocks = self.pool.allocate(self.pool.blocks_for(self.waiting[0].longest))
            if blocks is None:
                break
            sequence = self.waiting.popleft()
            sequence.blocks = blocks
            self.running.append(sequence)
            started.append(sequence)
        return started

    def plan(self) -> list[Chunk]:
        """The next step's chunks; empty when nothing runs."""
        # Decoding sequences have one position to go and come first, so a long prompt never starves them.
        chunks, room = [], self.step_tokens
        for sequence in sorted(self.running, key=lambda s: len(s.tokens) - s.computed > 1):
            length = min(len(sequence.tokens) - sequence.computed, room)
            if length:
                chunks.append(Chunk(sequence, sequence.computed, length))
                room -= length
        return chunks

    def advance(self, chunk: Chunk) -> None:
        """The chunk's keys and values are in the cache."""
        assert chunk.sequence.computed == chunk.start
        chunk.sequence.computed += chunk.length

    def finish(self, sequence: Sequence, reason: str, error: Exception | None = None) -> None:
        """End a sequence, running, waiting or already ended, and free what it holds."""
        if sequence.finish_reason is not None:
            return
        if sequence in self.running:
            self.running.remove(sequence)
        elif sequence in self.waiting:
            self.waiting.remove(sequence)
        self.pool.free(sequence.blocks)
        sequence.blocks = []
        sequence.pixels = sequence.features = None
        sequence.error, sequence.finish_reason = error, reason
