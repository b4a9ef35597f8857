"""How many positions of a prompt are computed beside streams: few enough that these go on evenly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adotx.engine import Engine, Request, SamplingParams
from adotx.engine.serving.pace import LEAST, Pace
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


@given(st.lists(st.tuples(st.integers(0, 2000), st.floats(0, 1e3)), max_size=30), st.floats(1, 10))
def test_whatever_was_measured_a_prompt_gets_on(steps: list[tuple[int, float]], slowdown: float) -> None:
    pace = Pace(slowdown)
    for prompts, seconds in steps:
        pace.note(prompts, seconds)
        assert pace.positions >= LEAST
