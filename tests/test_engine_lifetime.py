"""How an engine begins and ends: the tower is warm before it is needed, what was hashed is what is read,
`drain`, `close`, and the interpreter's end. Mostly without weights."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from adotx.engine import AsyncEngine, Request
from adotx.errors import AdotxError
from mock_backend import IMAGE, MockBackend
from mock_requests import ENDLESS, LONG, alone, engine, is_idle, pictured, request

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
