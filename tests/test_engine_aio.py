"""The engine under asyncio, without weights: streams, cancelled tasks, errors, blocking callers beside."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from adotx.engine import AsyncEngine, Engine, Request, SamplingParams
from adotx.errors import AdotxError
from mock_backend import MockBackend

LONG = SamplingParams(60, ignore_eos=True)


def ended(engine: Engine, seconds: float = 10) -> bool:
    """Whether the engine falls idle: the thread that drives it may be at its last step."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        stats = engine.stats()
        if stats.running == stats.waiting == 0 and engine.pool.available == engine.pool.count:
            return True
        time.sleep(0.01)
    return False


def requests(count: int) -> list[Request]:
    return [Request([2 + i, 3, 4, 5, 6], sampling=LONG) for i in range(count)]


def test_many_tasks_share_one_batch() -> None:
    engine = Engine(MockBackend(), kv_memory=400)
    expected = [Engine(MockBackend(), kv_memory=400).generate([r])[0].ids for r in requests(12)]

    async def main() -> list[list[int]]:
        front = AsyncEngine(engine)

        async def read(request: Request) -> list[int]:
            async with await front.stream(request) as stream:
                return [token async for token in stream]

        whole = await asyncio.gather(*(front.generate(r) for r in requests(12)))
        assert [output.ids for output in whole] == expected
        return await asyncio.gather(*(read(r) for r in requests(12)))

    assert asyncio.run(main()) == expected
    assert ended(engine) and engine.stats().cached_tokens > 0


def test_leaving_a_stream_or_cancelling_its_task_frees_its_blocks() -> None:
    engine = Engine(MockBackend(context=100_000), kv_memory=4000)
    endless = Request([2, 3], sampling=SamplingParams(10_000, ignore_eos=True))

    async def main() -> None:
        front = AsyncEngine(engine)
        async with await front.stream(endless) as stream:
            async for _ in stream:
                break
        task = asyncio.create_task(front.generate(endless))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await front.generate(requests(1)[0])).finish_reason == "length"
        while stream.output is None:
            await asyncio.sleep(0.01)
        assert stream.output.finish_reason == "cancelled" and stream.output.ids

    asyncio.run(main())
    assert ended(engine)


def test_after_a_stream_its_output_is_there_even_in_the_middle_of_a_step() -> None:
    class Slow(MockBackend):
        def forward(self, chunks):
            time.sleep(0.02)
            return super().forward(chunks)

    engine = Engine(Slow(), kv_memory=400)
    request = Request([2, 3], sampling=SamplingParams(300, ignore_eos=True, logprobs=2))

    async def main() -> None:
        async with await AsyncEngine(engine).stream(request) as stream:
            ids = [await anext(stream), await anext(stream)]
            assert stream.finish_reason is None and stream.output is None
            assert [step.token for step in stream.logprobs] == ids
        assert stream.finish_reason == "cancelled" and stream.output.ids[:2] == ids
        assert len(stream.output.logprobs) == len(stream.output.ids) < 300

    asyncio.run(main())
    assert ended(engine)


def test_a_task_cancelled_while_its_request_is_checked_leaves_nothing(monkeypatch) -> None:
    engine = Engine(MockBackend(), kv_memory=400)
    submit = engine.submit

    def slow(*args):
        time.sleep(0.1)
        return submit(*args)

    monkeypatch.setattr(engine, "submit", slow)

    async def main() -> None:
        task = asyncio.create_task(AsyncEngine(engine).generate(requests(1)[0]))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.2)
        assert engine.stats().waiting == 0

    asyncio.run(main())
    assert ended(engine)


def test_errors_reach_the_task() -> None:
    backend = MockBackend()
    engine = Engine(backend, kv_memory=400)

    async def main() -> None:
        front = AsyncEngine(engine)
        with pytest.raises(AdotxError, match="no tokens"):
            await front.generate(Request([]))
        backend.forward = lambda *_: (_ for _ in ()).throw(RuntimeError("out of luck"))
        with pytest.raises(RuntimeError, match="out of luck"):
            await front.generate(requests(1)[0])
        del backend.forward
        assert len((await front.generate(requests(1)[0])).ids) == 60

    asyncio.run(main())
    assert ended(engine)


def test_blocking_callers_beside_tasks() -> None:
    engine = Engine(MockBackend(), kv_memory=400)
    expected = [Engine(MockBackend(), kv_memory=400).generate([r])[0].ids for r in requests(4)]
    blocking: list[list[int]] = []
    thread = threading.Thread(target=lambda: blocking.extend(o.ids for o in engine.generate(requests(4))))

    async def main() -> list[list[int]]:
        front = AsyncEngine(engine)
        thread.start()
        return [output.ids for output in await asyncio.gather(*(front.generate(r) for r in requests(4)))]

    assert asyncio.run(main()) == expected
    thread.join(timeout=30)
    assert blocking == expected and ended(engine)


def test_a_closed_loop_cancels_what_nobody_will_read() -> None:
    engine = Engine(MockBackend(context=100_000), kv_memory=4000)
    kept = []

    async def main() -> None:
        endless = Request([2, 3], sampling=SamplingParams(10_000, ignore_eos=True))
        kept.append(await AsyncEngine(engine).stream(endless))

    asyncio.run(main())
    assert ended(engine) and kept[0].output.finish_reason == "cancelled"
