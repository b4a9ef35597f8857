"""Tools and formats over HTTP: what a model chooses is scripted; what a grammar holds it to is nano's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from adotx.chat import format_tool_call
from adotx.model import Model
from serving import asked, image_part, openai_client, picture, scripted, serving

# The three dialogues of the card of A.X 4.0 Light, word by word; the answers are made up.
FIRST = "우리가 뭘 사야되는데 원래 57600원인데 직원할인 받을 수 있거든? 할인가좀 계산해줘"
DISCOUNT = {
    "type": "function",
    "function": {
        "name": "calculate_discount",
        "description": "원가격과 할인율(퍼센트 단위)을 입력받아 할인된 가격을계산한다.",
        "parameters": {
            "type": "object",
            "properties": {
                "original_price": {"type": "number", "description": "상품의 원래 가격"},
                "discount_percentage": {
                    "type": "number",
                    "description": "적용할 할인율(예: 20% 할인의 경우 20을 입력)",
                },
            },
            "required": ["original_price", "discount_percentage"],
        },
    },
}
EXCHANGE = {
    "type": "function",
    "function": {
        "name": "get_exchange_rate",
        "description": "두 통화 간의 환율을 가져온다.",
        "parameters": {
            "type": "object",
            "properties": {
                "base_currency": {"type": "string", "description": "The currency to convert from."},
                "target_currency": {"type": "string", "description": "The currency to convert to."},
            },
            "required": ["base_currency", "target_currency"],
        },
    },
}
TOOLS: list[Any] = [DISCOUNT, EXCHANGE]
RESULT = '{"original_price": 57600, "discount_percentage": 15, "discounted_price": 48960.0}'
ARGUMENTS = {"original_price": 57600, "discount_percentage": 15}
KOREAN = {"base_currency": '원 "대한민국" \\ 🇰🇷', "target_currency": "달러\n{미국} </b>"}
ANSWERS = {
    FIRST: "할인율을 알려주시겠습니까?",
    "15% 할인 받을 수 있어.": format_tool_call("calculate_discount", ARGUMENTS),
    RESULT: "할인가는 48,960원입니다.",
    "둘 다": "네. "
    + format_tool_call("get_exchange_rate", KOREAN)
    + format_tool_call("calculate_discount", ARGUMENTS),
    "그냥": "그냥 답합니다.",
}
SCHEMA = {
    "type": "object",
    "properties": {"도시": {"enum": ["서울", "부산"]}, "수": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["도시", "수"],
    "additionalProperties": False,
}
FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": SCHEMA}}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    with asked(scripted(tmp_path_factory.mktemp("toy"), ANSWERS)) as client:
        yield client


@pytest.fixture(scope="module")
def name(client: OpenAI) -> str:
    return client.models.list().data[0].id


@pytest.fixture(scope="module")
def nano() -> Iterator[OpenAI]:
    with serving(Model.open("nano", "f32", local_files=False)) as (url, _):
        yield openai_client(url)


def user(text: str) -> list[Any]:
    return [{"role": "user", "content": text}]


def dialogues() -> list[list[Any]]:
    second = [*user(FIRST), {"role": "assistant", "content": ANSWERS[FIRST]}, *user("15% 할인 받을 수 있어.")]
    result = {"role": "tool", "tool_call_id": "random_id", "name": "calculate_discount", "content": RESULT}
    return [user(FIRST), second, [*second, result]]


def joined(chunks: list[Any]) -> tuple[str, list[dict[str, str]], list[str]]:
    """(content, calls, finish reasons) of a stream; checks what the API says of each fragment."""
    content, calls, reasons = "", {}, []
    for chunk in chunks:
        for choice in chunk.choices:
            content += choice.delta.content or ""
            reasons += [choice.finish_reason] if choice.finish_reason else []
            for piece in choice.delta.tool_calls or []:
                if piece.index not in calls:
                    assert piece.id and piece.type == "function" and piece.function.name
                    calls[piece.index] = {"id": piece.id, "name": piece.function.name, "arguments": ""}
                else:
                    assert piece.id is None and piece.function.name is None, "told once"
                calls[piece.index]["arguments"] += piece.function.arguments or ""
    assert list(calls) == list(range(len(calls)))
    return content, list(calls.values()), reasons


class TestTheCardsDialogues:
    def test_without_streaming(self, client: OpenAI, name: str) -> None:
        first, second, third = (
            client.chat.completions.create(model=name, messages=messages, tools=TOOLS).choices[0]
            for messages in dialogues()
        )
        assert first.message.content == ANSWERS[FIRST] and first.finish_reason == "stop"
        assert second.message.content is None and second.finish_reason == "tool_calls"
        [call] = second.message.tool_calls or []
        assert call.type == "function" and call.function.name == "calculate_discount"
        assert json.loads(call.function.arguments) == ARGUMENTS
        assert third.message.content == ANSWERS[RESULT] and third.finish_reason == "stop"

    def test_streaming(self, client: OpenAI, name: str) -> None:
        told = [
            joined(
                list(client.chat.completions.create(model=name, messages=messages, tools=TOOLS, stream=True))
            )
            for messages in dialogues()
        ]
        assert [content for content, _, _ in told] == [ANSWERS[FIRST], "", ANSWERS[RESULT]]
        assert [reasons for _, _, reasons in told] == [["stop"], ["tool_calls"], ["stop"]]
        [call] = told[1][1]
        assert call["name"] == "calculate_discount" and json.loads(call["arguments"]) == ARGUMENTS

    def test_there_and_back(self, client: OpenAI, name: str) -> None:
        """As clients do: the message with the call goes back as it came, with its result."""
        messages = dialogues()[1]
        [call] = (
            client.chat.completions.create(model=name, messages=messages, tools=TOOLS)
            .choices[0]
            .message.tool_calls
            or []
        )
        message: Any = {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]}
        result: Any = {"role": "tool", "tool_call_id": call.id, "content": RESULT}
        answer = client.chat.completions.create(
            model=name, messages=[*messages, message, result], tools=TOOLS
        )
        assert answer.choices[0].message.content == ANSWERS[RESULT]
        result["tool_call_id"] = "call_of_somebody_else"
        with pytest.raises(openai.BadRequestError) as refusal:
            client.chat.completions.create(model=name, messages=[*messages, message, result], tools=TOOLS)
        assert refusal.value.code == "chat.tool_result"

    def test_pictures_as_results(self, nano: OpenAI) -> None:
        call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
        messages: list[Any] = [
            *user("보여줘"),
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": [image_part(picture())]},
        ]
        usage = nano.chat.completions.create(model="nano", messages=messages, max_tokens=1).usage
        assert usage and usage.prompt_tokens_details
        assert usage.prompt_tokens_details.model_dump()["image_tokens"] > 0


class TestArguments:
    def test_every_letter_of_them(self, client: OpenAI, name: str) -> None:
        """vLLM #9693, #10395, #19056, #22885: braces, quotes and characters were lost in streams."""
        asked: dict[str, Any] = {"model": name, "messages": user("둘 다"), "tools": TOOLS}
        content, calls, reasons = joined(list(client.chat.completions.create(stream=True, **asked)))
        assert content == "네. " and reasons == ["tool_calls"]
        assert [json.loads(call["arguments"]) for call in calls] == [KOREAN, ARGUMENTS]
        assert "대한민국" in calls[0]["arguments"] and "\\u" not in calls[0]["arguments"]
        whole = client.chat.completions.create(**asked).choices[0].message
        assert [call.function.arguments for call in whole.tool_calls or []] == [c["arguments"] for c in calls]
        assert whole.content == content

    def test_they_come_in_pieces(self, client: OpenAI, name: str) -> None:
        chunks = client.chat.completions.create(model=name, messages=user("둘 다"), tools=TOOLS, stream=True)
        pieces = [c.choices[0].delta.tool_calls for c in chunks if c.choices[0].delta.tool_calls]
        assert len(pieces) > 20

    def test_ids_are_unique(self, client: OpenAI, name: str) -> None:
        ids: list[str] = []
        for _ in range(3):
            answer = client.chat.completions.create(model=name, messages=user("둘 다"), tools=TOOLS)
            ids += [call.id for call in answer.choices[0].message.tool_calls or []]
        assert len(set(ids)) == len(ids) == 6


class TestToolChoice:
    """nano reads documents and chooses no tool by itself: here the grammar gives the calls."""

    def test_required(self, nano: OpenAI) -> None:
        asked: dict[str, Any] = {
            "model": "nano",
            "messages": user("?"),
            "tools": [EXCHANGE],
            "max_tokens": 60,
            "tool_choice": "required",
            "parallel_tool_calls": False,
        }
        [choice] = nano.chat.completions.create(**asked).choices
        assert choice.finish_reason in ("tool_calls", "length")
        for call in choice.message.tool_calls or []:
            assert call.function.name == "get_exchange_rate"
        _, calls, _ = joined(list(nano.chat.completions.create(stream=True, **asked)))
        assert calls[0]["name"] == "get_exchange_rate"

    def test_named(self, nano: OpenAI) -> None:
        tool = {"type": "function", "function": {"name": "place", "parameters": SCHEMA}}
        choice: Any = {"type": "function", "function": {"name": "place"}}
        asked: dict[str, Any] = {
            "model": "nano",
            "messages": user("?"),
            "tools": [*TOOLS, tool],
            "tool_choice": choice,
            "parallel_tool_calls": False,
            "max_tokens": 200,
        }
        [answer] = nano.chat.completions.create(**asked).choices
        [call] = answer.message.tool_calls or []
        assert answer.finish_reason == "stop" and answer.message.content is None
        value = json.loads(call.function.arguments)
        assert value["도시"] in ("서울", "부산") and 0 <= value["수"] <= 9
        _, [streamed], reasons = joined(list(nano.chat.completions.create(stream=True, **asked)))
        assert reasons == ["stop"] and streamed["arguments"] == call.function.arguments

    def test_a_call_that_is_cut_off_is_one_in_both_ways(self, nano: OpenAI) -> None:
        """Whole answers say what the joined deltas say, no tags of the format in their content."""
        for most in (6, 30, 60):
            asked: dict[str, Any] = {
                "model": "nano",
                "messages": user("?"),
                "tools": TOOLS,
                "tool_choice": "required",
                "max_tokens": most,
            }
            [answer] = nano.chat.completions.create(**asked).choices
            content, calls, reasons = joined(list(nano.chat.completions.create(stream=True, **asked)))
            assert answer.finish_reason == "length" and reasons == ["length"]
            assert (answer.message.content or "") == content and (most < 60 or not content)
            said = [(c.function.name, c.function.arguments) for c in answer.message.tool_calls or []]
            assert said == [(call["name"], call["arguments"]) for call in calls]

    def test_none_shows_no_tools(self, nano: OpenAI) -> None:
        asked: dict[str, Any] = {"model": "nano", "messages": user("?"), "max_tokens": 1}
        counts = [
            nano.chat.completions.create(**asked, **more).usage.prompt_tokens  # type: ignore[union-attr]
            for more in ({}, {"tools": TOOLS, "tool_choice": "none"}, {"tools": TOOLS})
        ]
        assert counts[0] == counts[1] < counts[2]

    @pytest.mark.parametrize(
        "choice", ["sometimes", {"type": "function", "function": {"name": "nope"}}, {}, {"type": "x"}]
    )
    def test_refusals(self, nano: OpenAI, choice: Any) -> None:
        with pytest.raises(openai.BadRequestError) as refusal:
            nano.chat.completions.create(model="nano", messages=user("?"), tools=TOOLS, tool_choice=choice)
        assert refusal.value.code == "chat.tool_choice"


class TestFormats:
    def test_json_schema(self, nano: OpenAI) -> None:
        for more in ({}, {"tools": TOOLS, "tool_choice": "none"}):
            answer = nano.chat.completions.create(
                model="nano", messages=user("?"), response_format=FORMAT, max_tokens=100, **more
            )  # type: ignore[call-overload]
            value = json.loads(answer.choices[0].message.content)
            assert value["도시"] in ("서울", "부산") and "\\u" not in answer.choices[0].message.content

    def test_json_object(self, client: OpenAI, nano: OpenAI) -> None:
        answer = nano.chat.completions.create(
            model="nano", messages=user("?"), response_format={"type": "json_object"}, max_tokens=30
        )
        assert (answer.choices[0].message.content or "").lstrip().startswith("{")

    def test_keywords_that_are_not_followed_are_named(self, nano: OpenAI) -> None:
        schema = {**SCHEMA, "properties": {"a": {"type": "string", "madeUp": 3}}, "required": []}
        wrong: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
        with pytest.raises(openai.BadRequestError) as refusal:
            nano.chat.completions.create(model="nano", messages=user("?"), response_format=wrong)
        assert refusal.value.code == "grammar.schema" and "madeUp" in refusal.value.message

    def test_schemas_that_take_too_much(self, nano: OpenAI) -> None:
        """CVE-2025-48942 to -48944, CVE-2026-25048, CVE-2026-55574: a refusal, and the server goes on."""
        deep: dict[str, Any] = {"type": "string"}
        for _ in range(20):
            deep = {"type": "object", "properties": {"a": deep, "b": deep}}
        wide = {"enum": [f"{i}" for i in range(60_000)]}
        regex = {"type": "string", "pattern": "(a|aa|aaa)*" * 300 + "("}
        for schema in (wide, regex, {"type": "no such type"}, {"$ref": "#/nowhere"}):
            format_: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
            with pytest.raises(openai.BadRequestError):
                nano.chat.completions.create(model="nano", messages=user("?"), response_format=format_)
        assert nano.chat.completions.create(model="nano", messages=user("?"), max_tokens=1).choices

    def test_the_servers_own_limits(self, client: OpenAI, name: str) -> None:
        many: list[Any] = [{"type": "function", "function": {"name": f"f{i}"}} for i in range(129)]
        long: list[Any] = [{"type": "function", "function": {"name": "f", "description": "가" * 100_001}}]
        for tools in (many, long):
            with pytest.raises(openai.BadRequestError) as refusal:
                client.chat.completions.create(model=name, messages=user("그냥"), tools=tools)
            assert refusal.value.code == "server.limit"
