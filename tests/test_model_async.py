"""The front door for asyncio: every reply and every piece as the blocking one gives it; requests that end."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest

from adotx.chat import ToolCall
from adotx.engine import SamplingParams
from adotx.errors import AdotxError
from adotx.model import AsyncModel, Model, Reply
from checkpoint_toys import toy_checkpoint
from scripted_answers import TOOL, ask, idle, mock_model, same, script


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return mock_model(tmp_path_factory.mktemp("toy"))


def asked(model: Model, n: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Question number n: a scripted or a drawn answer, and stop strings that it may hold anywhere."""
    draw = random.Random(n)
    text = "".join(draw.choices(["안녕", "하세요", "그만", "🚀", "👩‍🚀", " | ", "a", "</td>", "끝"], k=14))
    at, length = draw.randrange(len(text) - 2), draw.randint(1, 3)
    stop = [text[at : at + length], draw.choice(["없는 말", "🚀👩", "그만그만", "끝 |"])]
    options: dict[str, Any] = {"stop": stop if n % 5 else [], "tools": [TOOL] if n % 3 == 0 else None}
    options["sampling"] = SamplingParams(120, temperature=n % 2, seed=n, logprobs=1 if n % 4 == 0 else None)
    if n % 7:
        options["constraint"] = script(model, text, n)
    else:  # any ids at all: broken characters, control tokens, tags
        options["stop"] = [chr(draw.randrange(33, 127)) * (1 + n % 2), "\ufffd\ufffd\ufffd"]
    return ask(str(n)), options


def test_two_hundred_streams_equal_their_blocking_twins(tmp_path: Path) -> None:
    model = mock_model(tmp_path)
    twins = [model.reply(messages, **options) for messages, options in (asked(model, n) for n in range(200))]

    async def main() -> list[tuple[list[str | ToolCall], Reply]]:
        front = AsyncModel(model)

        async def read(n: int) -> tuple[list[str | ToolCall], Reply]:
            messages, options = asked(model, n)
            async with await front.stream(messages, **options) as stream:
                pieces = [piece async for piece in stream]
            return pieces, stream.reply

        return await asyncio.gather(*(read(n) for n in range(200)))

    for (pieces, reply), twin in zip(asyncio.run(main()), twins, strict=True):
        assert same(reply, twin)
        assert "".join(piece for piece in pieces if isinstance(piece, str)) == twin.text
        assert tuple(piece for piece in pieces if isinstance(piece, ToolCall)) == twin.tool_calls
    assert idle(model)
    assert sum(twin.finish_reason == "stop" for twin in twins) > 150
    assert len({twin.text for twin in twins}) > 150


def test_replies(model: Model) -> None:
    async def main() -> list[Reply]:
        front = AsyncModel(model)
        questions = [asked(model, n) for n in range(20)]
        return await asyncio.gather(*(front.reply(messages, **options) for messages, options in questions))

    for n, reply in enumerate(asyncio.run(main())):
        messages, options = asked(model, n)
        assert same(reply, model.reply(messages, **options))


def test_tasks_share_one_grammar(tmp_path: Path) -> None:
    model = mock_model(tmp_path)
    schema = {"type": "array", "items": {"enum": ["가", "나"]}, "minItems": 2, "maxItems": 2}

    async def main() -> list[Reply]:
        front = AsyncModel(model)
        sampling = [SamplingParams(60, temperature=1, seed=n) for n in range(30)]
        compiled = model.grammar.json_schema(schema)
        return await asyncio.gather(
            *(
                front.reply(ask(), constraint=(schema, compiled)[n % 2], sampling=s)
                for n, s in enumerate(sampling)
            )
        )

    answers = [json.loads(reply.text) for reply in asyncio.run(main())]
    assert all(len(answer) == 2 and set(answer) <= {"가", "나"} for answer in answers)
    assert len({str(answer) for answer in answers}) > 1


def test_leaving_cancelling_or_dropping_ends_the_request(model: Model) -> None:
    endless = SamplingParams(1500, ignore_eos=True)

    async def main() -> None:
        front = AsyncModel(model)
        async with await front.stream(ask(), sampling=endless) as stream:
            async for _ in stream:
                break
        assert stream.reply.finish_reason == "cancelled" and stream.reply.text
        for stop in ((), ["없는 말"]):
            task = asyncio.create_task(front.reply(ask(), sampling=endless, stop=stop))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        dropped = await front.stream(ask(), sampling=endless)
        del dropped
        assert await asyncio.to_thread(idle, model)
        assert model.engine.stats().output_tokens - before < 1500

    before = model.engine.stats().output_tokens
    asyncio.run(main())


def test_opens_and_refuses(tmp_path: Path) -> None:
    async def main() -> None:
        front = await AsyncModel.open(str(toy_checkpoint(tmp_path)), "f32", max_running=2)
        assert (await front.reply(ask(), sampling=SamplingParams(2))).usage.completion_tokens <= 2
        with pytest.raises(AdotxError) as refusal:
            await front.stream(ask(), stop=[""])
        assert refusal.value.code == "chat.stop"

    asyncio.run(main())
