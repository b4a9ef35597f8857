"""What a server does to an engine: foreign exceptions, readers that go away, shutdown. One request's fault is
its own, nothing is left of what nobody reads, and the next request is answered. Mostly without weights."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adotx.engine import AsyncEngine, Engine, Request, SamplingParams
from adotx.errors import AdotxError
from mock_backend import IMAGE, MockBackend

LONG = SamplingParams(60, ignore_eos=True)
ENDLESS = SamplingParams(90_000, ignore_eos=True)


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


def engine(backend: MockBackend | None = None, **settings: Any) -> Engine:
    return Engine(backend or MockBackend(), **{"kv_memory": 400, **settings})


def request(seed: int, length: int = 5, sampling: SamplingParams = LONG, **others: Any) -> Request:
    ids = np.random.default_rng(seed).integers(2, 40, length).tolist()
    return Request(ids, sampling=sampling, **others)


def pictured(number: float, tiles: int = 2, **others: Any) -> Request:
    pixels = np.full((tiles, *IMAGE.tile_shape), number, np.float32)
    return Request([5, *[1] * (3 * tiles), 6, 7], images=[pixels], sampling=LONG, **others)


def alone(asked: Request) -> list[int]:
    return engine(prefix_cache=False).generate([asked])[0].ids


def is_idle(engine: Engine, seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        stats = engine.stats()
        if stats.running == stats.waiting == 0 and stats.free_blocks == stats.blocks:
            return True
        time.sleep(0.01)
    return False


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

    first, raised, *rest = asyncio.run(asyncio.wait_for(main(), 60))
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

    asyncio.run(asyncio.wait_for(main(), 60))
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
        made = asyncio.run(asyncio.wait_for(main(), 60))
    finally:
        gc.set_threshold(*before)
    gc.collect()
    assert made == [alone(request(seed)) for seed in range(5)] and is_idle(shared)


# The tower


class Slow(MockBackend):
    """A model whose tower is to be compiled, which takes as long as the test says."""

    def __init__(self) -> None:
        super().__init__(context=100_000)
        self.begun, self.go_on, self.warmed, self.error = threading.Event(), threading.Event(), 0, None

    def warm(self) -> None:
        self.begun.set()
        assert self.go_on.wait(10)
        if self.error is not None:
            raise self.error
        self.warmed += 1

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        assert self.warmed, "an image was encoded before the tower was ready"
        return super().encode_images(pixels)


def test_no_stream_waits_while_the_tower_is_compiled() -> None:
    backend = Slow()
    shared = engine(backend, kv_memory=4000)

    async def main() -> None:
        front = AsyncEngine(shared)
        async with await front.stream(request(0, sampling=ENDLESS)) as stream:
            tasks = [asyncio.create_task(front.generate(pictured(n))) for n in (1, 2)]
            encoded = asyncio.create_task(asyncio.to_thread(shared.encode, pictured(3).images[0]))
            await asyncio.to_thread(backend.begun.wait)
            for _ in range(50):
                await anext(stream)
            assert not backend.warmed and shared.stats().running == 1
            backend.go_on.set()
            outputs = await asyncio.gather(*tasks)
        assert [output.ids for output in outputs] == [alone(pictured(n)) for n in (1, 2)]
        assert backend.warmed == 1 and len(await encoded) == 2

    asyncio.run(main())
    assert is_idle(shared)


def test_warm_compiles_once_and_a_tower_that_cannot_be_made_is_told_to_who_needs_it() -> None:
    backend = Slow()
    backend.go_on.set()
    backend.error = MemoryError("no room for the tower")
    shared = engine(backend)
    made = shared.generate([request(0), pictured(1)], return_errors=True)
    assert made[0].ids == alone(request(0)) and made[1] is backend.error
    for ask in (shared.warm, lambda: shared.logits(pictured(1))):
        with pytest.raises(MemoryError, match="no room for the tower"):
            ask()
    backend.error = None
    shared.warm()
    shared.warm()
    assert backend.warmed == 1 and shared.generate([pictured(1)])[0].ids == alone(pictured(1))
    engine().warm()  # nothing is to be done there


# What was hashed is what is read


def test_pixels_that_change_after_submission_change_nothing() -> None:
    shared = engine()
    buffer = np.ones((2, *IMAGE.tile_shape), np.float32)
    asked = replace(pictured(0), images=[buffer])
    stream = shared.stream(asked)
    image = shared.encode(buffer)
    buffer[:] = 2  # the next page arrives
    assert list(stream) == alone(pictured(1)) == shared.generate([pictured(1)])[0].ids
    assert shared.generate([replace(asked, images=[image])])[0].ids == alone(pictured(1))
    assert shared.generate([pictured(2)])[0].ids == alone(pictured(2)) != alone(pictured(1))
    with pytest.raises(ValueError, match="read-only"):
        image.features[:] = 0


def test_a_prompt_that_changes_after_submission_changes_nothing() -> None:
    ids = list(request(0).ids)
    shared = engine()
    stream = shared.stream(Request(ids, sampling=LONG))
    ids[:] = [3] * len(ids)
    assert list(stream) == alone(request(0))


# Its end


def test_drain_lets_running_ones_end_and_refuses_new_ones() -> None:
    shared = engine(MockBackend(context=100_000), kv_memory=40_000)

    async def main() -> None:
        front = AsyncEngine(shared)
        streams = [await front.stream(request(seed)) for seed in range(3)]
        assert await front.drain(30) and front.alive
        assert [[token async for token in stream] for stream in streams] == [
            alone(request(seed)) for seed in range(3)
        ]
        with pytest.raises(AdotxError) as refused:
            await front.generate(request(0))
        assert refused.value.code == "engine.draining"
        await front.close()
        await front.close()
        with pytest.raises(AdotxError) as refused:
            await front.generate(request(0))
        assert refused.value.code == "engine.closed" and not front.alive

    asyncio.run(main())
    for ask in (lambda: shared.logits(request(0)), lambda: shared.encode(np.ones((1, 1, 2, 2), np.float32))):
        with pytest.raises(AdotxError) as refused:
            ask()
        assert refused.value.code == "engine.closed"


def test_drain_ends_what_takes_too_long_with_an_error() -> None:
    shared = engine(MockBackend(context=100_000), kv_memory=40_000, max_running=1)

    async def main() -> None:
        front = AsyncEngine(shared)
        streams = [await front.stream(request(seed, sampling=ENDLESS)) for seed in range(2)]
        assert not await front.drain(0.2)
        for stream in streams:
            with pytest.raises(AdotxError) as stopped:
                async for _ in stream:
                    pass
            assert stopped.value.code == "engine.stopped" and stream.finish_reason == "error"

    asyncio.run(main())
    assert is_idle(shared)


def test_drain_computes_what_nobody_reads_and_close_does_not_wait() -> None:
    shared = engine()
    stream = shared.stream(request(0))
    assert shared.drain(60) and stream.output.ids == alone(request(0))
    with pytest.raises(AdotxError, match="0 seconds"):
        shared.drain(-1)
    with engine(MockBackend(context=100_000), kv_memory=40_000) as other:
        left = other.stream(request(0, sampling=ENDLESS))
        next(left)
    assert left.finish_reason == "error" and left.error.code == "engine.stopped" and is_idle(other)


@pytest.mark.parametrize("way", ["asyncio", "a thread"])
def test_leaving_the_interpreter_while_requests_run_ends_well(way: str) -> None:
    """With real native steps: a daemon thread that comes back from one afterwards would abort the process."""
    program = f"""
        import asyncio, threading, time
        from adotx.checkpoint import open_checkpoint
        from adotx.engine import AsyncEngine, Engine, Request, SamplingParams
        engine = Engine.load(open_checkpoint("nano"), "int8")
        long = SamplingParams(4000, ignore_eos=True)
        asked = [Request([50 + i, 60], slots=[], sampling=long) for i in range(4)]
        async def main():
            global kept
            front = AsyncEngine(engine)
            kept = [await front.stream(each) for each in asked]
            await asyncio.sleep(0.2)
        if {way!r} == "asyncio":
            asyncio.run(main())
        else:
            def read():
                try: engine.generate(asked)
                except Exception: pass
            threading.Thread(target=read, daemon=True).start()
            time.sleep(0.2)
        print("left")
    """
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")


def test_the_child_of_a_fork_leaves_without_waiting_for_a_thread_it_does_not_have(tmp_path: Path) -> None:
    program = """
        import os, sys, threading
        sys.path.insert(0, TESTS)
        from adotx.engine import Engine, Request
        from mock_backend import MockBackend
        backend, inside = MockBackend(), threading.Event()
        backend.forward = lambda _: (inside.set(), threading.Event().wait(5))
        engine = Engine(backend, kv_memory=400)
        stream = engine.stream(Request([2, 3]))
        threading.Thread(target=engine.drive, args=(lambda: False,), daemon=True).start()
        inside.wait()
        child = os.fork()
        if not child:
            sys.exit(7)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """.replace("TESTS", repr(str(Path(__file__).parent)))
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)], timeout=60)
    assert done.returncode == 7
