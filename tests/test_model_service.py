"""What a server asks of `Model` and `AsyncModel` besides answers: terms of a request, state, shutdown."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from adotx.engine import SamplingParams
from adotx.errors import AdotxError
from adotx.model import AsyncModel, Model
from scripted_answers import ask, idle, mock_model, says

ENDLESS = SamplingParams(1500, ignore_eos=True)


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return mock_model(tmp_path)


def refused(code: str, model: Model, **options: Any) -> None:
    with pytest.raises(AdotxError) as error:
        model.reply(ask(), **options)
    assert error.value.code == code


def test_an_answer_that_the_context_cuts_says_so(model: Model) -> None:
    more = SamplingParams(5000, ignore_eos=True)
    reply = model.reply(ask(), sampling=more)
    assert (reply.finish_reason, reply.context_full) == ("length", True)
    assert reply.usage.prompt_tokens + reply.usage.completion_tokens == 2000
    refused("request.no_room", model, sampling=more, require_room=True)
    short = model.reply(ask(), sampling=SamplingParams(5, ignore_eos=True), require_room=True)
    assert (short.finish_reason, short.context_full) == ("length", False)


def test_a_stop_string_or_a_close_is_no_full_context(model: Model) -> None:
    ids = model.checkpoint.tokenizer.encode("가나다 그만 라")
    stopped = model.reply(ask(), constraint=says(ids), stop="그만", sampling=SamplingParams(5000))
    assert (stopped.finish_reason, stopped.context_full) == ("stop", False)
    with model.stream(ask(), sampling=SamplingParams(5000, ignore_eos=True)) as stream:
        next(stream)
    assert not stream.reply.context_full


def test_a_salt_parts_the_cache(model: Model) -> None:
    question = ask("긴 질문이면 다시 찾는다")
    found = [
        model.reply(question, sampling=SamplingParams(2), cache_salt=salt).usage.cached_tokens > 0
        for salt in (None, "a", "b", "a", None)
    ]
    assert found == [False, False, False, True, True]
    refused("request.cache_salt", model, cache_salt="")


def test_the_urgent_pass_and_the_impatient_leave(tmp_path: Path) -> None:
    model = mock_model(tmp_path, max_running=1)

    async def main() -> None:
        front, ends = AsyncModel(model), []

        async def one(name: str, **options: Any) -> None:
            await front.reply(ask(name), sampling=SamplingParams(20, ignore_eos=True), **options)
            ends.append(name)

        async with await front.stream(ask(), sampling=ENDLESS) as running:
            await anext(running)
            tasks = [asyncio.create_task(one("later", priority=5))]
            await asyncio.sleep(0.1)
            tasks.append(asyncio.create_task(one("now", priority=-5)))
            with pytest.raises(AdotxError) as late:
                await front.reply(ask(), queue_timeout=1e-6)
            assert late.value.code == "engine.queue_timeout"
        await asyncio.gather(*tasks)
        assert ends == ["now", "later"]

    asyncio.run(main())
    assert idle(model)


def test_times_are_told(model: Model) -> None:
    reply = model.reply(ask(), sampling=SamplingParams(2))
    assert reply.queue_seconds >= 0 and reply.prompt_seconds > 0


def test_a_constraint_that_fails_ends_its_own_reply(model: Model) -> None:
    class Fails:
        finished = False

        def mask(self, scores: Any) -> None:
            raise ZeroDivisionError

        def accept(self, token: int) -> None: ...

    async def main() -> None:
        front = AsyncModel(model)
        sampling = SamplingParams(20, ignore_eos=True)
        good, bad, streamed = await asyncio.gather(
            front.reply(ask(), sampling=sampling),
            front.reply(ask(), sampling=sampling, constraint=Fails),
            front.stream(ask(), sampling=sampling, constraint=Fails),
            return_exceptions=True,
        )
        assert good.finish_reason == "length" and isinstance(bad, ZeroDivisionError)
        with pytest.raises(ZeroDivisionError):
            await anext(streamed)
        with pytest.raises(AdotxError, match="has not ended"):
            _ = streamed.reply
        await streamed.aclose()
        assert streamed.reply.finish_reason == "cancelled" and front.alive

    asyncio.run(main())
    assert idle(model)


def test_its_life(tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncModel(mock_model(tmp_path)) as front:
            await front.warm()
            assert front.alive and front.model.alive
            stream = await front.stream(ask(), sampling=ENDLESS)
            assert await front.reply(ask(), sampling=SamplingParams(2))
            assert not await front.drain(0) and front.alive
            with pytest.raises(AdotxError) as stopped:
                async for _ in stream:
                    pass
            assert stopped.value.code == "engine.stopped"
            with pytest.raises(AdotxError) as draining:
                await front.reply(ask())
            assert draining.value.code == "engine.draining"
        assert not front.alive and idle(front.model)

    asyncio.run(main())
    with mock_model(tmp_path) as model:
        assert model.drain(1) and model.alive and model.stats().running == 0
    refused("engine.closed", model)
