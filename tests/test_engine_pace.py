"""How many positions of a prompt are computed beside streams: few enough that these go on evenly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adotx.engine import Engine, Request, SamplingParams
from adotx.engine.serving.pace import LEAST, LONGEST, Pace
from mock_backend import MockBackend


class Timed(MockBackend):
    """A step takes `fixed` and, for each position, `each` seconds, growing with the context."""

    def __init__(self, fixed: float, each: float) -> None:
        super().__init__(context=4000)
        self.fixed, self.each, self.now = fixed, each, 0.0

    def forward(self, chunks):
        self.now += self.fixed
        for chunk in chunks:
            self.now += len(chunk) * self.each * (1 + chunk.start / 1000)
        return super().forward(chunks)


@pytest.mark.parametrize(("fixed", "each"), [(0.010, 0.0008), (0.060, 0.009), (0.0005, 0.00001)])
@pytest.mark.parametrize("slowdown", [1.5, 2.5])
def test_streams_go_on_evenly_on_any_machine(fixed: float, each: float, slowdown: float) -> None:
    backend = Timed(fixed, each)
    engine = Engine(backend, kv_memory=2000, mixed_slowdown=slowdown, clock=lambda: backend.now)
    streams = [
        engine.stream(Request([i + 2] * 5, sampling=SamplingParams(2000, ignore_eos=True))) for i in range(4)
    ]
    for _ in range(10):
        for stream in streams:
            next(stream)
    start = backend.now
    next(streams[0])
    alone = backend.now - start
    ids = np.random.default_rng(0).integers(2, 40, 1500).tolist()
    long = engine.stream(Request(ids, sampling=SamplingParams(1)))
    moments = [backend.now]
    while long.output is None:
        next(streams[0])
        moments.append(backend.now)
    steps = np.array([b - a for a, b in pairwise(moments)])
    # The first ones teach. At the prompt's end a position takes 2.5 times as long as at its beginning.
    least = alone + LEAST * 2.5 * each
    assert np.percentile(steps, 95) < max((slowdown + 0.3) * alone, 1.1 * least)
    if fixed / each * (slowdown - 1) > 4 * LEAST:
        assert np.median(steps) > (1 + 0.4 * (slowdown - 1)) * alone  # nor is the prompt left to wait


def crowd(running: int, arriving: int) -> tuple[list[float], list[float], float]:
    """Seconds of the steps until all have begun, to each newcomer's first id, of a step before."""
    backend = Timed(0.03, 0.0004)
    engine = Engine(backend, kv_memory=20_000, max_running=64, clock=lambda: backend.now)
    sampling = SamplingParams(1000, ignore_eos=True)
    streams = [engine.stream(Request([i + 2] * 5, sampling=sampling)) for i in range(running)]
    for _ in range(20):
        for stream in streams:
            next(stream)
    start, alone = backend.now, 0.03 + running * 0.0004
    random = np.random.default_rng(1)
    late = [
        engine.stream(Request(random.integers(2, 40, 256).tolist(), sampling=sampling))
        for _ in range(arriving)
    ]
    first, steps = {}, []
    while len(first) < arriving:
        before = backend.now
        engine.drive(lambda: False)
        steps.append(backend.now - before)
        first |= {i: backend.now - start for i, s in enumerate(late) if s._sequence.output and i not in first}
    return steps, sorted(first.values()), alone


def test_in_a_crowd_first_ids_come_soon_and_streams_go_on() -> None:
    steps, first, _ = crowd(8, 56)
    reading = 56 * 256 * 0.0004 * 1.13  # positions cost more further on
    assert first[28] < 0.75 * reading and first[-1] < 1.5 * reading
    assert max(steps) < 1.2 * LONGEST


@pytest.mark.parametrize(("running", "arriving"), [(15, 1), (12, 4), (8, 8)])
def test_a_few_prompts_do_not_hold_streams_up(running: int, arriving: int) -> None:
    steps, _, alone = crowd(running, arriving)
    assert max(steps) < 2.9 * (alone + arriving * 0.0004)


def test_a_step_without_prompts_is_made_now_and_then_to_learn_from() -> None:
    pace = Pace(2.5)
    assert pace.is_due
    pace.note(0, 0.02)
    for _ in range(30):
        pace.note(*((0, 0.06) if pace.is_due else (pace.positions, 0.06 + pace.positions * 0.0004)))
    pace.note(0, 0.06)
    # A stale 0.02 s would have starved prompts: 0.06 s are more than what 2.5 times as long allows.
    assert pace.positions > 1.5 * 0.05 / 0.0004


@given(st.lists(st.tuples(st.integers(0, 2000), st.floats(0, 1e3)), max_size=30), st.floats(1, 10))
def test_whatever_was_measured_a_prompt_gets_on(steps: list[tuple[int, float]], slowdown: float) -> None:
    pace = Pace(slowdown)
    for prompts, seconds in steps:
        pace.note(prompts, seconds)
        assert pace.positions >= LEAST
