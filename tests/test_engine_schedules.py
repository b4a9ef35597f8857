"""Any schedule of submissions, failures, cancellations and steps, on a model without weights that notices
every mistake in the cache: nothing is lost, nothing is held, every answer is as if alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from adotx.engine import AsyncEngine, Engine, Request, SamplingParams, Stream
from adotx.errors import AdotxError
from mock_backend import IMAGE, MockBackend

ALONE: dict[Any, list[int]] = {}


class Fails:
    """A constraint that allows everything and raises at its n-th id."""

    def __init__(self, at: int, error: type[BaseException]) -> None:
        self._left, self._error = at, error

    def mask(self, scores: np.ndarray) -> None:
        if not self._left:
            raise self._error("odd")

    def accept(self, token: int) -> None:
        self._left -= 1

    finished = False


class Flaky(MockBackend):
    """A model whose next step, or next look at an image, can be made to fail."""

    failing: str | None = None

    def _fail(self, where: str) -> None:
        if self.failing == where:
            self.failing = None
            raise MemoryError(where)

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        self._fail("tower")
        return super().encode_images(pixels)

    def forward(self, chunks: Any) -> np.ndarray:
        logits = super().forward(chunks)
        self._fail("decoder")  # after it has written to the cache
        return logits


def prompt(seed: int, length: int, tiles: int) -> tuple[list[int], list[np.ndarray]]:
    ids = np.random.default_rng(seed).integers(2, 40, length).tolist()
    if not tiles:
        return ids, []
    pixels = np.full((tiles, *IMAGE.tile_shape), seed + 1, np.float32)
    return [*ids[: length // 2], *[1] * (3 * tiles), *ids[length // 2 :]], [pixels]


def alone(seed: int, length: int, tiles: int, new: int) -> list[int]:
    key = (seed, length, tiles, new)
    if key not in ALONE:
        ids, images = prompt(seed, length, tiles)
        asked = Request(ids, images=images, sampling=SamplingParams(new, ignore_eos=True))
        ALONE[key] = Engine(MockBackend(), kv_memory=400, prefix_cache=False).generate([asked])[0].ids
    return ALONE[key]


class AnySchedule(RuleBasedStateMachine):
    """An engine with little room, driven by hand."""

    @initialize(
        blocks=st.integers(22, 60), running=st.integers(1, 6), waiting=st.none() | st.integers(0, 6),
        speculate=st.sampled_from([0, 3]), mixed=st.none() | st.integers(1, 12),
    )  # fmt: skip
    def start(
        self, blocks: int, running: int, waiting: int | None, speculate: int, mixed: int | None
    ) -> None:
        self.now, self.backend = 0.0, Flaky()
        self.max_running, self.max_waiting = running, waiting
        self.engine = Engine(
            self.backend, kv_memory=blocks, max_running=running, max_waiting=waiting, speculate=speculate,
            mixed_tokens=mixed, step_tokens=40, clock=lambda: self.now,
        )  # fmt: skip
        self.open: list[tuple[Stream, tuple[int, int, int, int], str]] = []

    @rule(
        seed=st.integers(0, 3), length=st.integers(2, 30), tiles=st.integers(0, 2), new=st.integers(1, 20),
        priority=st.integers(-1, 1), fate=st.sampled_from(["", "", "fails", "timeout", "impatient"]),
        error=st.sampled_from([RuntimeError, MemoryError, asyncio.CancelledError, SystemError]),
        at=st.integers(0, 5), salt=st.sampled_from([None, "가"]),
    )  # fmt: skip
    def submit(
        self, seed: int, length: int, tiles: int, new: int, priority: int, fate: str,
        error: type[BaseException], at: int, salt: str | None,
    ) -> None:  # fmt: skip
        ids, images = prompt(seed, length, tiles)
        constraint: Callable[[], Any] | None = (lambda: Fails(at, error)) if fate == "fails" else None
        asked = Request(
            ids, images=images, sampling=SamplingParams(new, ignore_eos=True), constraint=constraint,
            timeout=5.0 if fate == "timeout" else None, queue_timeout=2.0 if fate == "impatient" else None,
            priority=priority, cache_salt=salt,
        )  # fmt: skip
        try:
            stream = self.engine.stream(asked)
        except AdotxError as refused:
            assert refused.code == "engine.queue_full" and self.max_waiting is not None
            return
        self.open.append((stream, (seed, length, tiles, new), fate))

    @rule(steps=st.integers(1, 8))
    def drive(self, steps: int) -> None:
        for _ in range(steps):
            self.now += 0.2
            self.engine.drive(lambda: False)

    @rule(which=st.integers(0, 50), way=st.sampled_from(["close", "cancel", "drop"]))
    def leave(self, which: int, way: str) -> None:
        if self.open:
            stream, *_ = self.open.pop(which % len(self.open))
            if way == "close":
                stream.close()
                assert stream.finish_reason is not None
            elif way == "cancel":
                self.engine.cancel(stream._sequence)

    @rule(where=st.sampled_from(["tower", "decoder"]))
    def break_down(self, where: str) -> None:
        self.backend.failing = where

    @invariant()
    def accounts_agree(self) -> None:
        if not hasattr(self, "engine"):
            return
        scheduler, pool = self.engine._runner._scheduler, self.engine.pool
        held = [block for sequence in scheduler.running for block in sequence.blocks]
        assert pool.available == pool.count - len(set(held))
        assert not any(sequence.blocks for sequence in scheduler.waiting)
        for queue in (scheduler.running, scheduler.waiting):
            assert [s.rank for s in queue] == sorted(s.rank for s in queue)
        assert len(scheduler.running) <= self.max_running and self.engine.alive
        for stream, key, fate in self.open:
            output, ids = stream.output, stream._sequence.output
            assert ids == alone(*key)[: len(ids)]
            if output is None:
                continue
            if output.finish_reason == "error":
                assert fate or isinstance(stream.error, MemoryError)
            elif output.finish_reason == "length":
                assert output.ids == alone(*key)
            else:
                assert (output.finish_reason, fate) == ("timeout", "timeout")
            assert 0 <= output.cached_tokens < output.prompt_tokens

    def teardown(self) -> None:
        if hasattr(self, "engine"):
            self.backend.failing = None
            assert self.engine.drain(1e9)
            self.accounts_agree()
            stats = self.engine.stats()
            assert stats.running == stats.waiting == 0 and stats.free_blocks == stats.blocks
            assert all(stream.output is not None for stream, *_ in self.open)
            assert stats.cached_tokens <= stats.prefix_queries


TestAnySchedule = AnySchedule.TestCase
TestAnySchedule.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

FATES = ["read", "cancel", "drop", "close", "fails"]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.sampled_from(FATES), st.integers(0, 3), st.integers(0, 8)), min_size=1, max_size=16)
)
def test_any_company_of_tasks_leaves_nothing_behind(tasks: list[tuple[str, int, int]]) -> None:
    """Tasks that read, fail, or go away after some milliseconds, all at once."""
    engine = Engine(MockBackend(), kv_memory=60, max_running=4)

    async def one(front: AsyncEngine, fate: str, seed: int, after: int) -> None:
        ids, images = prompt(seed, 12, seed % 2)
        fails = (lambda: Fails(after, ZeroDivisionError)) if fate == "fails" else None
        asked = Request(ids, images=images, sampling=SamplingParams(40, ignore_eos=True), constraint=fails)
        if fate == "read":
            assert (await front.generate(asked)).ids == alone(seed, 12, seed % 2, 40)
        elif fate == "fails":
            with pytest.raises(ZeroDivisionError):
                await front.generate(asked)
        elif fate == "cancel":
            task = asyncio.create_task(front.generate(asked))
            await asyncio.sleep(after / 1000)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        else:
            stream = await front.stream(asked)
            async for _ in stream:
                after -= 1
                if after <= 0:
                    break
            if fate == "close":
                await stream.aclose()

    async def main() -> None:
        front = AsyncEngine(engine)
        await asyncio.gather(*(one(front, *task) for task in tasks))
        assert await front.drain(60) and front.alive

    asyncio.run(main())
    stats = engine.stats()
    assert stats.running == stats.waiting == 0 and stats.free_blocks == stats.blocks
