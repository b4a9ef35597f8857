"""What a server does to an engine: foreign exceptions, readers that go away, shutdown. One request's fault is
its own, nothing is left of what nobody reads, and the next request is answered. Mostly without weights."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from adotx.engine import AsyncEngine, Request
from adotx.errors import AdotxError
from mock_backend import MockBackend
from mock_requests import ENDLESS, alone, engine, is_idle, pictured, request


class Panic(BaseException):
    """As PyO3's: what a Rust library raises when it has failed."""


RAISED = [RuntimeError("odd"), MemoryError(), Panic("odd"), asyncio.CancelledError(), GeneratorExit()]
IN_A_THREAD = [*RAISED, SystemExit(1), KeyboardInterrupt()]


class Odd:
    """A constraint that raises in one of its methods, at its second id."""

    def __init__(self, place: str, error: BaseException) -> None:
        self._place, self._error, self._ids = place, error, 0

    def mask(self, scores: np.ndarray) -> None:
        self._raise("mask")

    def accept(self, token: int) -> None:
        self._raise("accept")
        self._ids += 1

    @property
    def finished(self) -> bool:
        self._raise("finished")
        return False

    def _raise(self, place: str) -> None:
        if place == self._place and self._ids:
            raise self._error


def odd(place: str, error: BaseException) -> Callable[[], Odd]:
    return lambda: Odd(place, error)


def belongs_to(raised: BaseException, error: BaseException) -> bool:
    """Whether `error` is what its reader was told: itself, or as a cause where it is no `Exception`."""
    if isinstance(error, Exception):
        return raised is error
    return isinstance(raised, AdotxError) and raised.code == "engine.failed" and raised.__cause__ is error


# One request's exception is its own


@pytest.mark.parametrize("speculate", [0, 3])
@pytest.mark.parametrize("place", ["mask", "accept", "finished"])
@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_what_a_constraint_raises_ends_its_request_alone(error, place: str, speculate: int) -> None:
    shared = engine(speculate=speculate)
    bad = shared.stream(request(0, constraint=odd(place, error)))
    others = [request(seed) for seed in range(1, 4)]
    assert [output.ids for output in shared.generate(others)] == [alone(other) for other in others]
    with pytest.raises(BaseException) as raised:
        list(bad)
    assert belongs_to(raised.value, error) and bad.finish_reason == "error" and bad.error is raised.value
    assert is_idle(shared) and shared.stats().failures == 0


@pytest.mark.parametrize("error", IN_A_THREAD, ids=lambda error: type(error).__name__)
def test_the_same_under_asyncio(error) -> None:
    shared = engine()
    others = [request(seed) for seed in range(1, 4)]

    async def main() -> list[Any]:
        front = AsyncEngine(shared)
        bad = request(0, constraint=odd("accept", error))
        asked = [others[0], bad, *others[1:]]
        made = await asyncio.gather(*(front.generate(each) for each in asked), return_exceptions=True)
        assert front.alive
        return [*made, await front.generate(others[0])]

    first, raised, *rest = asyncio.run(asyncio.wait_for(main(), 300))
    assert belongs_to(raised, error)
    assert [output.ids for output in (first, *rest)] == [alone(other) for other in (*others, others[0])]
    assert is_idle(shared)


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_what_a_sampler_raises_ends_its_request_alone(error, monkeypatch) -> None:
    shared = engine()
    streams = [shared.stream(request(seed)) for seed in range(3)]
    monkeypatch.setattr(streams[1]._sequence.sampler, "next", lambda _: (_ for _ in ()).throw(error))
    assert [list(streams[i]) for i in (0, 2)] == [alone(request(i)) for i in (0, 2)]
    with pytest.raises(BaseException) as raised:
        list(streams[1])
    assert belongs_to(raised.value, error) and is_idle(shared)


def test_a_reader_who_cannot_be_told_is_cancelled() -> None:
    shared = engine()
    told = shared.submit(request(0), notify=lambda: (_ for _ in ()).throw(Panic()))
    assert shared.generate([request(1)])[0].ids == alone(request(1))
    assert told.finish_reason == "cancelled" and is_idle(shared)


def test_an_image_that_fails_in_the_tower_ends_its_request_alone(monkeypatch) -> None:
    backend = MockBackend()
    encode = backend.encode_images

    def fails_for_sevens(pixels: np.ndarray) -> np.ndarray:
        if (pixels == 7).any():
            raise MemoryError
        return encode(pixels)

    monkeypatch.setattr(backend, "encode_images", fails_for_sevens)
    shared = engine(backend)
    asked = [pictured(1), pictured(7), request(3), pictured(2)]
    made = shared.generate(asked, return_errors=True)
    assert isinstance(made[1], MemoryError) and "request 2 of 4" in made[1].__notes__
    assert [made[i].ids for i in (0, 2, 3)] == [alone(asked[i]) for i in (0, 2, 3)]
    assert is_idle(shared) and shared.stats().failures == 0


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("broken", ["forward", "plan", "advance", "add", "remove"])
def test_what_nobody_caused_ends_all_and_the_engine_goes_on(error, broken: str, monkeypatch) -> None:
    backend = MockBackend()
    shared = engine(backend)
    scheduler = shared._runner._scheduler
    shared.generate([request(0)])
    streams = [shared.stream(request(seed)) for seed in range(3)]
    if broken != "add":
        next(streams[0])
    with monkeypatch.context() as patch:
        place = backend if broken == "forward" else scheduler
        patch.setattr(place, broken, lambda *_: (_ for _ in ()).throw(error))
        for stream in streams:
            with pytest.raises(BaseException) as raised:
                list(stream)
            assert belongs_to(raised.value, error)
    assert is_idle(shared) and shared.pool.cached == 0 and shared.stats().failures > 0 and shared.alive
    assert shared.generate([request(0)])[0].ids == alone(request(0))


def test_a_driver_thread_that_dies_is_noticed_and_replaced(monkeypatch) -> None:
    shared = engine()

    async def main() -> None:
        front = AsyncEngine(shared)
        with monkeypatch.context() as patch:
            patch.setattr(shared, "drive", lambda _: (_ for _ in ()).throw(Panic("lock")))
            with pytest.raises(AdotxError, match="Panic: lock"):
                await front.generate(request(0))
        assert (await front.generate(request(0))).ids == alone(request(0))
        with monkeypatch.context() as patch:
            patch.setattr(
                threading.Thread, "start", lambda _: (_ for _ in ()).throw(RuntimeError("no thread"))
            )
            with pytest.raises(RuntimeError, match="no thread"):
                await front.generate(request(1))
        assert front.alive and is_idle(shared)
        assert (await front.generate(request(1))).ids == alone(request(1))
        monkeypatch.setattr(threading, "excepthook", lambda _: None)
        stream = await front.stream(request(2, sampling=ENDLESS))
        with monkeypatch.context() as patch:
            patch.setattr(shared, "fail", lambda _: (_ for _ in ()).throw(Panic()))
            patch.setattr(shared, "drive", lambda _: (_ for _ in ()).throw(Panic()))
            while front.alive:
                await asyncio.sleep(0.01)
        stream.close()
        # The next request brings a thread that computes those left behind too.
        assert (await front.generate(request(3))).ids == alone(request(3))
        assert front.alive

    asyncio.run(asyncio.wait_for(main(), 300))
    assert is_idle(shared)


def test_a_constraint_that_asks_its_own_engine_is_told_and_blocks_nobody() -> None:
    shared = engine()

    class Asks(Odd):
        def mask(self, scores: np.ndarray) -> None:
            shared.generate([request(9)])

    made = shared.generate([request(0, constraint=lambda: Asks("", Panic())), request(1)], return_errors=True)
    assert (
        isinstance(made[0], RuntimeError) and "part of" in str(made[0]) and made[1].ids == alone(request(1))
    )
    shared.close()
    assert is_idle(shared)


# Several at once


def test_failing_requests_are_told_by_their_index_and_the_others_answered() -> None:
    shared = engine(max_running=3)
    bad = [Request([]), Request([1, 99]), request(0, constraint=odd("mask", ZeroDivisionError()))]
    asked = [request(0), bad[0], request(1), bad[1], bad[2], request(2)]
    made = shared.generate(asked, return_errors=True)
    assert [made[i].ids for i in (0, 2, 5)] == [alone(asked[i]) for i in (0, 2, 5)]
    assert [made[i].code for i in (1, 3)] == ["request.empty", "request.id"]
    assert [str(made[i]).partition(",")[0] for i in (1, 3)] == ["request 2 of 6", "request 4 of 6"]
    assert isinstance(made[4], ZeroDivisionError) and made[4].__notes__ == ["request 5 of 6"]
    with pytest.raises(AdotxError, match="request 2 of 6"):
        shared.generate(asked)
    with pytest.raises(ZeroDivisionError) as raised:
        shared.generate([request(0), bad[2]])
    assert raised.value.__notes__[-1] == "request 2 of 2" and is_idle(shared)


# Work for nobody


def test_whoever_goes_away_while_it_is_submitted_leaves_nothing(monkeypatch) -> None:
    """Also where the loop is gone before the thread that submits has come to its end."""
    shared = engine(MockBackend(context=100_000))
    inside, go_on, submit = threading.Event(), threading.Event(), shared.submit

    def slow(*args: Any) -> Any:
        inside.set()
        assert go_on.wait(10)
        return submit(*args)

    async def main() -> None:
        monkeypatch.setattr(shared, "submit", slow)
        task = asyncio.create_task(AsyncEngine(shared).generate(request(0, sampling=ENDLESS)))
        await asyncio.to_thread(inside.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        threading.Timer(0.1, go_on.set).start()  # asyncio.run then waits for the thread

    asyncio.run(main())
    assert (
        shared.stats().waiting == shared.stats().running == 0 and shared.pool.available == shared.pool.count
    )


def test_what_is_cancelled_before_a_thread_is_free_is_never_looked_at(monkeypatch) -> None:
    shared, submitted = engine(), []
    monkeypatch.setattr(shared, "submit", lambda *_: submitted.append(1))

    async def main() -> None:
        loop, go_on = asyncio.get_running_loop(), threading.Event()
        busy = [loop.run_in_executor(None, go_on.wait) for _ in range(64)]
        tasks = [asyncio.create_task(AsyncEngine(shared).generate(request(0))) for _ in range(10)]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        go_on.set()
        await asyncio.gather(*busy)

    asyncio.run(main())
    assert not submitted


@pytest.mark.parametrize("way", ["dropped", "in a cycle", "with its task", "read a little"])
def test_a_stream_that_is_dropped_frees_its_blocks(way: str) -> None:
    shared = engine(MockBackend(context=100_000), kv_memory=40_000)

    async def main() -> None:
        front = AsyncEngine(shared)
        if way == "with its task":

            async def holds() -> None:
                stream = await front.stream(request(0, sampling=ENDLESS))
                await asyncio.sleep(100)
                await stream.aclose()

            task = asyncio.create_task(holds())
            await asyncio.sleep(0.1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            del task  # its exception holds its frame, and that the stream
        else:
            stream = await front.stream(request(0, sampling=ENDLESS))
            if way == "read a little":
                await anext(stream)
            if way == "in a cycle":
                stream.itself = stream
            del stream
        if way in ("in a cycle", "with its task"):
            gc.collect()
        assert await asyncio.to_thread(is_idle, shared)
        assert shared.stats().output_tokens < 90_000

    asyncio.run(main())


def test_a_collector_that_runs_anywhere_harms_nothing() -> None:
    """Streams in cycles, collected at the tightest threshold while steps run."""
    shared = engine(MockBackend(context=100_000), kv_memory=2000)
    before = gc.get_threshold()

    async def main() -> list[list[int]]:
        front = AsyncEngine(shared)

        async def drop(seed: int) -> None:
            stream = await front.stream(request(seed, sampling=ENDLESS))
            stream.itself = stream

        kept = [front.generate(request(seed)) for seed in range(5)]
        *made, _ = await asyncio.gather(*kept, asyncio.gather(*(drop(seed) for seed in range(40))))
        return [output.ids for output in made]

    gc.set_threshold(20, 2, 2)
    try:
        made = asyncio.run(asyncio.wait_for(main(), 300))
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert made == [alone(request(seed)) for seed in range(5)] and is_idle(shared)
