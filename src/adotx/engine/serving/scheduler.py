"""Who computes what in the next step: requests wait, start when there is room, and run side by side.

In: `Sequence`s (requests on their way). Out: per step a `Chunk` for each sequence that takes part. Knows no
tensors: the step runs the chunks and reports back with `advance` and `finish`.

The rules, in order of weight:
  1. The smallest `priority` goes first, of equal ones who came first. Where blocks run out, the last running
     request in this order gives its own back, waits in its place of the queue and is computed again later; so
     the first always gets on, and everybody ends.
  2. Requests that are decoding have one position to go (and drafts) and are in every step. Where their ids
     are streamed, only `mixed_tokens` positions of prompts are computed beside them; where many prompts wait,
     that many times as much as there are prompts for each of them (more than CROWD of them count as CROWD),
     up to `most_mixed`: with few users streams go on evenly, in a crowd first words come soon.
  3. Of the room for prompts the oldest gets at least half; the rest goes to the shortest remainders, so that
     a short question is not stuck behind a long document.
  4. Blocks that an earlier request has filled with the same content are taken instead of computed; one whose
     beginning is the same, up to the end of an image encoded beforehand, is copied (`copies`).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence as Items
from itertools import count

from adotx.engine.model.backend import Chunk
from adotx.engine.serving.blocks import BlockPool
from adotx.engine.serving.sequence import Sequence

# In a crowd of prompts and streams, so many of the streams weigh against the prompts.
CROWD = 8


class Scheduler:
    """By priority, then first come, first served, up to `max_running` sequences at once.

    Args:
        pool: the cache's blocks.
        max_running: most sequences in one step.
        step_tokens: most positions in one step; bounds memory.
        mixed_tokens: most prompt positions in a step in which streamed ones decode; may be set at any time,
            as may the attribute `most_mixed`, as many where many prompts wait.
        draft_rows: most positions of decoding sequences in a step, drafts included; with more sequences than
            that nothing is drafted.
        prefix_cache: whether filled blocks are found again.
    """

    def __init__(
        self,
        pool: BlockPool,
        max_running: int,
        step_tokens: int,
        *,
        mixed_tokens: int | None = None,
        draft_rows: int = 0,
        prefix_cache: bool = True,
    ) -> None:
        assert 0 < max_running <= step_tokens
        self.pool, self.max_running, self.step_tokens = pool, max_running, step_tokens
        self.mixed_tokens = step_tokens if mixed_tokens is None else mixed_tokens
        self.most_mixed = step_tokens
        self.draft_rows, self.prefix_cache = draft_rows, prefix_cache
        self.waiting: list[Sequence] = []  # both lists in order of rank
        self.running: list[Sequence] = []
        self._arrivals = count()
        self.preemptions = 0
        # (from, to): blocks to copy, in order, before the step at hand; whoever copies one takes it off.
        self.copies: list[tuple[int, int]] = []

    def add(self, sequence: Sequence) -> None:
        """Queue a sequence that fits."""
        sequence.rank = (sequence.priority, next(self._arrivals))
        insort(self.waiting, sequence, key=_rank)

    def would_wait(self, newcomers: Items[Sequence]) -> int:
        """How many would be left waiting by the next step if these were queued; from any thread."""
        queue = [*self.waiting, *newcomers]
        return len(queue) - self._starting(queue)

    def plan(self) -> dict[Sequence, Chunk]:
        """The next step's chunks, without image features; empty only when nothing runs or waits."""
        self._admit()
        chunks: dict[Sequence, Chunk] = {}
        decoding = [s for s in self.running if s.pending == 1]
        for sequence in decoding:
            if sequence in self.running and self._grow(sequence, 1, chunks):
                draft = self._draft(sequence, len(decoding))
                chunks[sequence] = _chunk(sequence, 1, draft)
        room = self.step_tokens - sum(map(len, chunks.values()))
        prompts, begun = [], set()
        for sequence in [s for s in self.running if s.pending > 1]:
            self._reuse(sequence)
            # What another one computes in this step is taken in the next.
            key = self._next_key(sequence)
            if key is None or key not in begun:
                begun.add(key)
                prompts.append(sequence)
        streamed = sum(sequence.streamed for sequence in chunks)
        if streamed:
            each = max(len(prompts) // min(streamed, CROWD), 1)
            room = min(room, self.mixed_tokens * each, max(self.most_mixed, self.mixed_tokens))
        for sequence, length in self._shares(prompts, room):
            # Whole blocks, so that the next part can again be looked up.
            whole = (sequence.computed + length) // self.pool.block_size * self.pool.block_size
            if length < sequence.pending and whole > sequence.computed:
                length = whole - sequence.computed
            if sequence in self.running and self._grow(sequence, length, chunks):
                chunks[sequence] = _chunk(sequence, length)
        return chunks

    def advance(self, sequence: Sequence, positions: int) -> None:
        """The keys and values of `positions` more positions are in the cache to stay."""
        assert 0 < positions <= sequence.pending
        sequence.computed += positions
        if self.prefix_cache:
            for index in range(sequence.published, sequence.computed // self.pool.block_size):
                self.pool.publish(sequence.blocks[index], sequence.key(index, self.pool.block_size))
                sequence.published = index + 1
            if sequence.fork and sequence.computed >= sequence.fork:
                if key := sequence.fork_key(self.pool.block_size):
                    self.pool.publish(sequence.blocks[sequence.fork // self.pool.block_size], key)
                sequence.fork = 0

    def remove(self, sequence: Sequence) -> None:
        """Forget a sequence, running or waiting, and free its blocks."""
        if sequence in self.running:
            self.running.remove(sequence)
        elif sequence in self.waiting:
            self.waiting.remove(sequence)
        self.pool.free(sequence.blocks)
        sequence.blocks = []

    def reset(self) -> None:
        """Forget all sequences, and all that the cache holds."""
        self.running, self.waiting, self.copies = [], [], []
        self.pool.reset()

    def _admit(self) -> None:
        """Start waiting sequences, in order, while blocks for all that they know are there."""
        for _ in range(self._starting(self.waiting)):
            insort(self.running, self.waiting.pop(0), key=_rank)

    def _starting(self, queue: Items[Sequence]) -> int:
        """How many of the first in a queue the next step starts."""
        size, running = self.pool.blocks_for, self.running
        places = min(self.max_running - len(running), len(queue))
        promised = 0
        if places > 0:
            promised = sum(max(size(len(s.tokens)) + 1 - len(s.blocks), 0) for s in running)
        for started in range(places):
            promised += size(len(queue[started].tokens)) + 1
            # Whoever is alone always fits.
            if (running or started) and promised > self.pool.available:
                return started
        return max(places, 0)

    def _grow(self, sequence: Sequence, length: int, chunks: dict[Sequence, Chunk]) -> bool:
        """Give it blocks for `length` more positions, preempting the last; False if that is itself."""
        need = self.pool.blocks_for(sequence.computed + length) - len(sequence.blocks)
        while need > 0:
            blocks = self.pool.allocate(need)
            if blocks is not None:
                sequence.blocks += blocks
                break
            victim = self.running[-1]
            self._preempt(victim)
            chunks.pop(victim, None)
            if victim is sequence:
                return False
        return True

    def _preempt(self, victim: Sequence) -> None:
        assert len(self.running) > 1, "a request that fits the cache never runs out of it alone"
        self.running.remove(victim)
        self.pool.free(victim.blocks)
        victim.blocks, victim.computed, victim.published = [], 0, 0
        insort(self.waiting, victim, key=_rank)
        self.preemptions += 1

    def _next_key(self, sequence: Sequence) -> bytes | None:
        """The content of its next block, or of its beginning up to the fork, where that is known and leaves a
        position to compute."""
        size = self.pool.block_size
        if not self.prefix_cache or sequence.computed % size:
            return None
        if self._forks(sequence):
            return sequence.fork_key(size)
        return sequence.key(sequence.computed // size, size) if sequence.pending > size else None

    def _forks(self, sequence: Sequence) -> bool:
        """Whether its fork lies in its next block."""
        return (
            sequence.computed
            < sequence.fork
            < min(sequence.computed + self.pool.block_size, len(sequence.tokens))
        )

    def _reuse(self, sequence: Sequence) -> None:
        """Take blocks that are already filled with what comes next."""
        sequence.looked_up = self.prefix_cache
        while (key := self._next_key(sequence)) is not None:
            block = self.pool.take(key)
            if block is None:
                break
            was_there = self.pool.published_before(key, sequence.born)
            index, found = sequence.computed // self.pool.block_size, self.pool.block_size
            self.pool.free(sequence.blocks[index:])
            del sequence.blocks[index:]
            if self._forks(sequence):
                # What follows differs, so it goes on in a block of its own. It may be the very one it copies
                # from where nobody else holds that: then nothing is to be done.
                self.pool.free([block])
                own = self.pool.allocate(1)
                if own is None:
                    break
                self.copies.append((block, own[0]))
                found, sequence.fork = sequence.fork - sequence.computed, 0
                sequence.blocks += own
            else:
                sequence.published = index + 1
                sequence.blocks.append(block)
            sequence.computed += found
            if not sequence.output:
                sequence.found += found
                if sequence.computed > sequence.searched:
                    sequence.searched = sequence.computed
                    sequence.cached += found if was_there else 0

    def _draft(self, sequence: Sequence, decoding: int) -> list[int]:
        """Guesses for one of `decoding` sequences; rows, its limit and spare blocks bound them."""
        if sequence.drafter is None:
            return []
        room = min(self.draft_rows // decoding - 1, sequence.limit - len(sequence.output) - 1)
        draft = sequence.drafter.propose(room)
        need = self.pool.blocks_for(sequence.computed + 1 + len(draft)) - len(sequence.blocks)
        if need > 0 and self.pool.available > len(self.running) + need:
            sequence.blocks += self.pool.allocate(need) or []
        return draft[: len(sequence.blocks) * self.pool.block_size - sequence.computed - 1]

    def _shares(self, prompts: list[Sequence], room: int) -> list[tuple[Sequence, int]]:
        """How many positions of each prompt come next: rule 3."""
        if not prompts or room < 1:
            return []
        oldest, *others = prompts
        others.sort(key=lambda s: s.pending)
        first = min(oldest.pending, max(room - sum(s.pending for s in others), (room + 1) // 2))
        shares, room = [(oldest, first)], room - first
        for sequence in others:
            length = min(sequence.pending, room)
            if length:
                shares.append((sequence, length))
                room -= length
        return shares


def _rank(sequence: Sequence) -> tuple[int, int]:
    return sequence.rank


def _chunk(sequence: Sequence, length: int, draft: Items[int] = ()) -> Chunk:
    """The next `length` known positions of a sequence, and guesses after the newest."""
    start = sequence.computed
    ids = [*sequence.tokens[start : start + length], *draft]
    return Chunk(start, ids, sequence.blocks, 1 + len(draft) if length == sequence.pending else 0)
