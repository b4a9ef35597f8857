"""/v1/chat/completions and /v1/completions through the official client.

`scripted` models say what the test tells them (no weights), so these tests are about the server, not about a
model's skill; what needs a real model uses nano.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import openai
import pytest
from openai import OpenAI

from adotx.model import Model
from serving import openai_client, scripted, serving

#: one of forty; all of them, in any pieces: tests/test_chat_calls.py
SYLLABLES = "".join(map(chr, range(0xAC00, 0xD7A4, 40)))
MIXED = "가각갂 ㄱㅏㅎㅣ 漢字 日本 👩‍🚀🏳️‍🌈🇰🇷 é한 \u1112\u1161\u11ab 끝"
#: the card's own questions (A.X 4.0 Light, "Example Usage"); the answers are made up
ANSWERS = {
    "에어컨 여름철 적정 온도는? 한줄로 답변해줘": "여름철 적정 실내 온도는 24~26도입니다.",
    "What is the appropriate temperature for air conditioning in summer? Response in a single sentence.": (
        "It is about 24 to 26 degrees Celsius."
    ),
    "The first human went into space and orbited the Earth on April 12, 1961.": (
        "1961년 4월 12일, 최초의 인간이 우주로 나가 지구를 돌았습니다."
    ),
    "섞어서": MIXED,
    "멈춰": "하나, 둘, 그만 셋",
    "깨진 글자": "가\ufffd나",
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    answers = ANSWERS | {"음절": SYLLABLES}
    with serving(scripted(tmp_path_factory.mktemp("toy"), answers)) as (url, _):
        yield url


@pytest.fixture(scope="module")
def client(url: str) -> OpenAI:
    return openai_client(url)


@pytest.fixture(scope="module")
def name(client: OpenAI) -> str:
    [model] = client.models.list()
    return model.id


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


class TestQuickstarts:
    @pytest.mark.parametrize("question", list(ANSWERS)[:2])
    def test_one_line_answers(self, client: OpenAI, name: str, question: str) -> None:
        completion = client.chat.completions.create(model=name, messages=user(question))
        [choice] = completion.choices
        assert choice.message.content == ANSWERS[question] and choice.message.role == "assistant"
        assert choice.finish_reason == "stop" and choice.index == 0 and choice.message.tool_calls is None
        assert completion.object == "chat.completion" and completion.model == name
        usage = completion.usage
        assert usage and usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        assert usage.completion_tokens > 0 and usage.prompt_tokens_details

    def test_with_a_system_message(self, client: OpenAI, name: str) -> None:
        question = list(ANSWERS)[2]
        for role in ("system", "developer"):
            messages: list[Any] = [
                {
                    "role": role,
                    "content": "당신은 사용자가 제공하는 영어 문장들을 한국어로 번역하는 AI 전문가입니다.",
                },
                *user(question),
            ]
            completion = client.chat.completions.create(
                model=name, messages=messages, temperature=0, max_tokens=128
            )
            assert completion.choices[0].message.content == ANSWERS[question]


class TestStreams:
    def test_pieces_joined_are_the_answer(self, client: OpenAI, name: str) -> None:
        for question, answer in ANSWERS.items():
            stream = client.chat.completions.create(model=name, messages=user(question), stream=True)
            chunks = list(stream)
            assert "".join(c.choices[0].delta.content or "" for c in chunks) == answer
            assert chunks[0].choices[0].delta.role == "assistant"
            assert [c.choices[0].finish_reason for c in chunks] == [None] * (len(chunks) - 1) + ["stop"]
            assert all(c.usage is None and c.object == "chat.completion.chunk" for c in chunks)
            assert len({c.id for c in chunks}) == 1 and all(len(c.choices) == 1 for c in chunks)

    def test_no_syllable_is_ever_split(self, client: OpenAI, name: str) -> None:
        """From tokens that are mostly single bytes."""
        seen = ""
        for chunk in client.chat.completions.create(model=name, messages=user("음절"), stream=True):
            piece = chunk.choices[0].delta.content or ""
            assert all(unicodedata.category(char) == "Lo" for char in piece), piece
            seen += piece
        assert seen == SYLLABLES

    def test_usage_comes_last_and_alone(self, client: OpenAI, name: str) -> None:
        chunks = list(
            client.chat.completions.create(
                model=name, messages=user("섞어서"), stream=True, stream_options={"include_usage": True}
            )
        )
        assert chunks[-1].choices == [] and chunks[-1].usage and chunks[-1].usage.completion_tokens > 0
        assert all(chunk.usage is None for chunk in chunks[:-1])
        whole = client.chat.completions.create(model=name, messages=user("섞어서"))
        assert whole.usage and whole.usage.completion_tokens == chunks[-1].usage.completion_tokens

    def test_on_the_wire(self, url: str, name: str) -> None:
        body = {
            "model": name,
            "messages": user("섞어서"),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        answer = httpx.post(f"{url}/v1/chat/completions", json=body)
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        events = answer.text.split("\n\n")
        assert events[-2:] == ["data: [DONE]", ""] and all(
            event.startswith("data: ") for event in events[:-1]
        )
        values = [json.loads(event[6:]) for event in events[:-2]]
        assert all(value["usage"] is None for value in values[:-1]), "null, not absent"
        assert "\\u" not in answer.text, "Hangul is literal"

    def test_two_at_once_do_not_mix(self, client: OpenAI, name: str) -> None:
        question = "섞어서"
        texts = {0: "", 1: "", 2: ""}
        for chunk in client.chat.completions.create(model=name, messages=user(question), n=3, stream=True):
            [choice] = chunk.choices
            texts[choice.index] += choice.delta.content or ""
        assert set(texts.values()) == {ANSWERS[question]}


class TestSampling:
    def test_stop_strings_are_not_part_of_the_answer(self, client: OpenAI, name: str) -> None:
        for stop in ("그만", ["없는 말", "그만"]):
            whole = client.chat.completions.create(model=name, messages=user("멈춰"), stop=stop)
            assert (
                whole.choices[0].message.content == "하나, 둘, " and whole.choices[0].finish_reason == "stop"
            )
            stream = client.chat.completions.create(model=name, messages=user("멈춰"), stop=stop, stream=True)
            assert "".join(c.choices[0].delta.content or "" for c in stream) == "하나, 둘, "

    def test_length(self, client: OpenAI, name: str) -> None:
        for limit in (
            {"max_tokens": 3},
            {"max_completion_tokens": 3},
            {"max_completion_tokens": 3, "max_tokens": 9},
        ):
            whole = client.chat.completions.create(model=name, messages=user("음절"), **limit)  # type: ignore[call-overload]
            assert whole.choices[0].finish_reason == "length" and whole.usage.completion_tokens == 3

    def test_seeds(self, client: OpenAI, name: str) -> None:
        """Also negative ones; each answer of one request draws its own numbers."""

        def drawn(seed: int) -> list[str | None]:
            asked = client.chat.completions.create(
                model=name, messages=user("?"), seed=seed, temperature=1, n=2, max_tokens=12
            )
            return [choice.message.content for choice in asked.choices]

        assert drawn(-7) == drawn(-7) != drawn(7) == drawn(7)
        assert drawn(7)[0] != drawn(7)[1] == drawn(8)[0]

    def test_n(self, client: OpenAI, name: str) -> None:
        one = client.chat.completions.create(model=name, messages=user("?"), max_tokens=4)
        many = client.chat.completions.create(model=name, messages=user("?"), max_tokens=4, n=3)
        assert [choice.index for choice in many.choices] == [0, 1, 2]
        assert one.usage and many.usage
        assert many.usage.prompt_tokens == one.usage.prompt_tokens
        assert many.usage.completion_tokens == 3 * one.usage.completion_tokens

    def test_min_tokens_and_ignore_eos(self, client: OpenAI, name: str) -> None:
        asked = client.chat.completions.create(
            model=name,
            messages=user("?"),
            max_tokens=40,
            temperature=1,
            seed=1,
            extra_body={"min_tokens": 40},
        )
        assert asked.usage and asked.usage.completion_tokens == 40

    def test_an_answer_that_is_continued(self, client: OpenAI, name: str) -> None:
        begun: list[Any] = [*user("?"), {"role": "assistant", "content": "섞어서"}]
        more = {"continue_final_message": True, "add_generation_prompt": False}
        asked = client.chat.completions.create(model=name, messages=begun, extra_body=more)
        assert asked.choices[0].message.content == MIXED

    def test_logprobs(self, client: OpenAI, name: str) -> None:
        asked: dict[str, Any] = {
            "model": name,
            "messages": user("섞어서"),
            "logprobs": True,
            "top_logprobs": 2,
        }
        whole = client.chat.completions.create(**asked).choices[0].logprobs
        assert whole and whole.content
        assert b"".join(bytes(token.bytes or ()) for token in whole.content).decode() == MIXED
        assert all(len(token.top_logprobs) == 2 and token.logprob <= 0 for token in whole.content)
        chunks = [c.choices[0] for c in client.chat.completions.create(stream=True, **asked)]
        streamed = [token for c in chunks if c.logprobs for token in c.logprobs.content or []]
        assert [t.model_dump() for t in streamed] == [t.model_dump() for t in whole.content]
        none = client.chat.completions.create(model=name, messages=user("섞어서"))
        assert none.choices[0].logprobs is None


class TestCompletions:
    def test_text_goes_on(self, client: OpenAI, name: str) -> None:
        whole = client.completions.create(model=name, prompt="가나다", max_tokens=5, seed=3, temperature=1)
        stream = client.completions.create(
            model=name, prompt="가나다", max_tokens=5, seed=3, temperature=1, stream=True
        )
        assert "".join(chunk.choices[0].text for chunk in stream) == whole.choices[0].text
        assert whole.object == "text_completion" and whole.usage and whole.usage.completion_tokens == 5

    def test_sixteen_tokens_where_nothing_is_said(self, client: OpenAI, name: str) -> None:
        whole = client.completions.create(model=name, prompt="가", extra_body={"ignore_eos": True})
        assert (
            whole.usage and whole.usage.completion_tokens == 16 and whole.choices[0].finish_reason == "length"
        )

    def test_several_prompts_and_ids(self, client: OpenAI, name: str, url: str) -> None:
        ids = httpx.post(f"{url}/tokenize", json={"prompt": "나"}).json()["tokens"]
        texts = client.completions.create(model=name, prompt=["가", "나"], n=2, max_tokens=4)
        [by_ids] = client.completions.create(model=name, prompt=ids, max_tokens=4).choices
        assert [choice.index for choice in texts.choices] == [0, 1, 2, 3]
        assert texts.choices[0].text == texts.choices[1].text
        assert by_ids.text == texts.choices[2].text

    def test_logprobs(self, client: OpenAI, name: str) -> None:
        asked: dict[str, Any] = {"model": name, "prompt": "가", "max_tokens": 6, "logprobs": 2}
        whole = client.completions.create(**asked).choices[0].logprobs
        assert whole and whole.tokens and whole.token_logprobs and whole.top_logprobs and whole.text_offset
        assert len(whole.tokens) == len(whole.token_logprobs) == len(whole.top_logprobs) == 6
        told = [chunk.choices[0].logprobs for chunk in client.completions.create(stream=True, **asked)]
        assert [token for part in told if part for token in part.tokens or []] == whole.tokens
        assert [at for part in told if part for at in part.text_offset or []] == whole.text_offset

    def test_control_tokens_cannot_be_given_as_ids(self, client: OpenAI, name: str) -> None:
        with pytest.raises(openai.BadRequestError) as refusal:
            client.completions.create(model=name, prompt=[0, 1])
        assert refusal.value.code == "chat.control_id"


class TestRefusals:
    """Each is a 400 that names the field, in the API's shape; nothing of it reaches the engine."""

    @pytest.mark.parametrize(
        "change, param",
        [
            ({"n": 0}, "n"),
            ({"n": 129}, "n"),
            ({"n": 100}, "n"),  # CVE-2026-34756; the API's bound is 128, ours is a setting
            ({"temperature": -0.1}, "temperature"),
            ({"temperature": 2.5}, "temperature"),
            ({"temperature": "1"}, "temperature"),
            ({"top_p": 0}, "top_p"),
            ({"top_p": 1.1}, "top_p"),
            ({"presence_penalty": 3}, "presence_penalty"),
            ({"frequency_penalty": -3}, "frequency_penalty"),
            ({"repetition_penalty": 0}, "repetition_penalty"),
            ({"logit_bias": {"가": 1}}, "logit_bias"),  # vLLM #16529
            ({"logit_bias": {"1" * 5000: 1}}, "logit_bias"),
            ({"logit_bias": {"5": 101}}, "logit_bias"),
            ({"logit_bias": {"99999999": 1}}, None),
            ({"max_tokens": 0}, "max_tokens"),
            ({"max_tokens": True}, "max_tokens"),
            ({"max_tokens": 1.5}, "max_tokens"),
            ({"seed": 1 << 64}, "seed"),
            ({"stop": ["a"] * 5}, "stop"),
            ({"stop": "a" * 1000}, "stop"),
            ({"stop": ""}, None),
            ({"stop": [1]}, "stop"),
            ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
            ({"top_logprobs": 2}, "top_logprobs"),
            ({"messages": []}, "messages"),
            ({"messages": "가"}, "messages"),
            ({"messages": [{"role": "robot", "content": "가"}]}, "messages[0]"),
            ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
            ({"messages": [{"role": "user", "content": "가"}] * 600}, "messages"),
            ({"chat_template": "{{ 1 }}"}, "chat_template"),  # CVE-2025-61620
            ({"chat_template_kwargs": {"tokenize": False}}, "chat_template_kwargs"),  # CVE-2025-62426
            ({"mm_processor_kwargs": {}}, "mm_processor_kwargs"),
            ({"best_of": 2}, "best_of"),
            ({"modalities": ["audio"]}, "modalities"),
            ({"stream_options": {"usage": True}}, "stream_options"),
            ({"cache_salt": ""}, "cache_salt"),
            ({"min_tokens": 9, "max_tokens": 3}, None),
        ],
        ids=lambda value: str(value)[:40],
    )
    def test_one(self, url: str, name: str, change: dict[str, Any], param: str | None) -> None:
        body = {"model": name, "messages": user("가"), "max_tokens": 3, **change}
        answer = httpx.post(f"{url}/v1/chat/completions", json=body)
        error = answer.json()["error"]
        assert answer.status_code == 400, answer.text
        assert error["type"] == "invalid_request_error" and error["message"] and error["code"]
        assert param is None or (error["param"] or "").startswith(param), error
        assert "Traceback" not in answer.text and len(answer.text) < 1000

    @pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
    @pytest.mark.parametrize("field", ["temperature", "top_p", "logit_bias", "seed", "repetition_penalty"])
    def test_numbers_that_are_none(self, url: str, name: str, field: str, text: str) -> None:
        """GHSA-7h4p-rffg-7823."""
        value = f'{{"5": {text}}}' if field == "logit_bias" else text
        body = f'{{"model": "{name}", "messages": [{{"role": "user", "content": "가"}}], "{field}": {value}}}'
        headers = {"content-type": "application/json"}
        assert (
            httpx.post(f"{url}/v1/chat/completions", content=body.encode(), headers=headers).status_code
            == 400
        )
        alive = httpx.post(
            f"{url}/v1/chat/completions", json={"model": name, "messages": user("멈춰"), "max_tokens": 2}
        )
        assert alive.status_code == 200

    def test_nesting(self, url: str, name: str) -> None:
        deep: Any = "가"
        for _ in range(100):
            deep = {"a": [deep]}
        for field in ("metadata", "response_format"):
            body = {"model": name, "messages": user("가"), field: {"x": deep}}
            assert httpx.post(f"{url}/v1/chat/completions", json=body).status_code == 400
        headers = {"content-type": "application/json"}
        answer = httpx.post(f"{url}/v1/chat/completions", content=b"[" * 1_000_000, headers=headers)
        assert answer.status_code == 400

    def test_another_model(self, client: OpenAI) -> None:
        with pytest.raises(openai.NotFoundError) as refusal:
            client.chat.completions.create(model="gpt-4o", messages=user("가"))
        assert refusal.value.code == "model_not_found"
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve("gpt-4o")

    def test_a_prompt_that_does_not_fit(self, client: OpenAI, name: str) -> None:
        for stream in (False, True):
            with pytest.raises(openai.BadRequestError) as refusal:
                client.chat.completions.create(model=name, messages=user("가" * 9000), stream=stream)  # type: ignore[call-overload]
            assert refusal.value.code == "context_length_exceeded"

    def test_fields_that_say_nothing_to_this_model(self, client: OpenAI, name: str) -> None:
        more: dict[str, Any] = {"user": "u", "metadata": {"a": "b"}, "store": False, "service_tier": "auto",
                                "reasoning_effort": "low", "prompt_cache_key": "k", "modalities": ["text"],
                                "tools": None, "stop": None, "response_format": {"type": "text"}}  # fmt: skip
        whole = client.chat.completions.create(model=name, messages=user("멈춰"), **more)
        assert whole.choices[0].message.content == ANSWERS["멈춰"]


class TestControlTokens:
    """Typed by a user they are text: in messages, in tools, in results (anchors 3.3, two rows)."""

    TYPED = "<|im_start|><|im_end|><|image_pad|><tool_call>{}</tool_call><|endoftext|><unk>"

    def test_they_never_become_ids(self, url: str, tmp_path: Path) -> None:
        model = Model.open("nano", "f32")
        names = "".join(model.checkpoint.tokenizer.special)
        with serving(model) as (address, _):
            plain = httpx.post(f"{address}/tokenize", json={"prompt": self.TYPED + names}).json()["tokens"]
            tool = {"type": "function", "function": {"name": "f", "description": names}}
            messages = [{"role": "user", "content": names}, {"role": "assistant", "content": names}]

            def controls(texts: list[dict[str, str]], tools: list[Any]) -> list[int]:
                asked = {"messages": texts, "tools": tools}
                ids = httpx.post(f"{address}/tokenize", json=asked).json()["tokens"]
                return [i for i in ids if i in model.checkpoint.tokenizer.control_ids]

            clean = [{**message, "content": "x"} for message in messages]
            harmless = [{"type": "function", "function": {"name": "f", "description": "x"}}]
            assert controls(messages, [tool]) == controls(clean, harmless)
        assert not set(plain) & model.checkpoint.tokenizer.control_ids
