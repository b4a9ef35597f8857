"""Blocks and scheduling without a model: nothing leaks, nobody starves, steps stay within their size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adotx.engine.blocks import BlockPool
from adotx.engine.sampling import SamplingParams
from adotx.engine.scheduler import Request, Scheduler, Sequence
from adotx.errors import AdotxError


def sequence(prompt: int, new: int) -> Sequence:
    return Sequence(Request(list(range(1, prompt + 1))), new, frozenset({0}))


def run(scheduler: Scheduler, every_step=lambda step: None) -> int:
    """Run to the end with a model that always answers 1; the number of steps."""
    steps = 0
    while scheduler.waiting or scheduler.running:
        every_step(steps)
        scheduler.admit()
        chunks = scheduler.plan()
        assert chunks and sum(chunk.length for chunk in chunks) <= scheduler.step_tokens
        held = [block for running in scheduler.running for block in running.blocks]
        assert len(held) == len(set(held)) == scheduler.pool.count - scheduler.pool.available
        for chunk in chunks:
            assert chunk.start + chunk.length <= len(chunk.sequence.blocks) * scheduler.pool.block_size
            scheduler.advance(chunk)
            if chunk.samples:
                reason = chunk.sequence.accept(1)
                if reason:
                    scheduler.finish(chunk.sequence, reason)
        steps += 1
    return steps


def test_pool_gives_all_or_nothing() -> None:
    pool = BlockPool(4, 32)
    taken = pool.allocate(3)
    assert taken is not None and len(set(taken)) == 3
    assert pool.allocate(2) is None and pool.available == 1
    pool.free(taken)
    assert pool.available == 4 and pool.allocate(3) == taken  # the pages in use are used again
    assert [pool.blocks_for(n) for n in (0, 1, 32, 33)] == [0, 1, 1, 2]


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 20)), min_size=1, max_size=12),
    st.integers(15, 40), st.integers(1, 5), st.integers(5, 30),
)  # fmt: skip
def test_everything_ends_and_nothing_leaks(sizes, blocks, running, step_tokens) -> None:
    scheduler = Scheduler(BlockPool(blocks, 4), running, step_tokens)
    sequences = [sequence(*size) for size in sizes]
    for each in sequences:
        scheduler.add(each)
    run(scheduler)
    assert scheduler.pool.available == blocks
    assert [len(each.output) for each in sequences] == [new for _, new in sizes]
    assert {each.finish_reason for each in sequences} == {"length"}


def test_what_can_never_fit_is_refused_at_once() -> None:
    scheduler = Scheduler(BlockPool(2, 4), 2, 8)
    scheduler.add(sequence(5, 4))  # 8 positions: the last new token is never fed back
    with pytest.raises(AdotxError, match="exceed the whole cache"):
        scheduler.add(sequence(5, 5))


def test_decoding_goes_on_while_a_long_prompt_is_read() -> None:
    scheduler = Scheduler(BlockPool(100, 4), 4, 8)
    short, long = sequence(2, 30), sequence(100, 1)
    scheduler.add(short)
    scheduler.add(long)

    def one_token_per_step(step: int) -> None:
        assert len(short.output) == min(step, 30)

    run(scheduler, one_token_per_step)


def test_new_requests_join_as_others_end() -> None:
    scheduler = Scheduler(BlockPool(100, 4), 2, 64)
    for new in (2, 10, 5):
        scheduler.add(sequence(3, new))
    assert run(scheduler) == 10  # the third starts when the first ends; one after the other would take 17


def test_ending_twice_or_while_waiting_is_harmless() -> None:
    scheduler = Scheduler(BlockPool(4, 4), 1, 8)
    first, second = sequence(3, 3), sequence(3, 3)
    scheduler.add(first)
    scheduler.add(second)
    scheduler.admit()
    for each in (second, first, first):
        scheduler.finish(each, "cancelled")
    assert not scheduler.running and not scheduler.waiting and scheduler.pool.available == 4


def test_stop_id_is_not_part_of_the_output() -> None:
    each = Sequence(Request([5], sampling=SamplingParams()), 10, frozenset({7, 9}), np.zeros(0, np.int64))
    assert [each.accept(1), each.accept(9)] == [None, "stop"]
    assert each.output == [1]
