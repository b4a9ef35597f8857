"""/v1/responses through the official client: what a model says is scripted, a grammar's work is nano's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel, TypeAdapter

from adotx.chat import format_tool_call
from adotx.errors import AdotxError
from adotx.model import Model
from adotx.server.response_input import (
    ResponsesRequest,
    chat_request_of,
    conversation_of,
    told_of,
)
from scripted_answers import Script
from serving import asked, data_uri, openai_client, picture, scripted, serving

MIXED = "가각갂 ㄱㅏㅎㅣ 漢字 👩‍🚀🇰🇷 é한 \u1112\u1161\u11ab 끝"
KOREAN = {"도시": '서울 "강남" \\ 🇰🇷\n{}'}
CALL = format_tool_call("날씨", KOREAN)
ANSWERS = {
    "안녕": "안녕하세요!",
    "섞어서": MIXED,
    "부르기": CALL,
    "말하고 부르기": "찾아볼게요. " + CALL + format_tool_call("시각", {}),
    "맑음": "서울은 맑습니다.",
}
TOOL: Any = {
    "type": "function",
    "name": "날씨",
    "description": "도시의 날씨",
    "parameters": {
        "type": "object",
        "properties": {"도시": {"type": "string"}},
        "required": ["도시"],
        "additionalProperties": False,
    },
    "strict": True,
}
CITIES = {**TOOL["parameters"], "properties": {"도시": {"enum": ["서울", "부산"]}}}
CLOCK: Any = {"type": "function", "name": "시각", "parameters": {"type": "object"}, "strict": False}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenAI]:
    with asked(scripted(tmp_path_factory.mktemp("toy"), ANSWERS)) as client:
        yield client


@pytest.fixture(scope="module")
def name(client: OpenAI) -> str:
    return client.models.list().data[0].id


def strictly(value: BaseModel) -> None:
    """What the client has parsed leniently holds all that its types demand."""
    TypeAdapter(type(value)).validate_python(value.to_dict(mode="python", use_api_names=True))


class TestWhole:
    def test_text(self, client: OpenAI, name: str) -> None:
        response = client.responses.create(model=name, input="안녕", instructions="짧게")
        strictly(response)
        assert response.output_text == "안녕하세요!"
        assert (response.status, response.error, response.incomplete_details) == ("completed", None, None)
        assert response.instructions == "짧게" and response.to_dict()["store"] is False
        usage = response.usage
        assert usage is not None and usage.total_tokens == usage.input_tokens + usage.output_tokens
        assert usage.input_tokens_details.to_dict()["image_tokens"] == 0
        assert usage.output_tokens_details.reasoning_tokens == 0

    def test_a_conversation_goes_on_with_what_was_answered(self, client: OpenAI, name: str) -> None:
        history: list[Any] = [{"role": "user", "content": "말하고 부르기"}]
        first = client.responses.create(model=name, input=history, tools=[TOOL, CLOCK])
        strictly(first)
        message, weather, clock = first.output
        assert message.type == "message" and first.output_text == "찾아볼게요. "
        assert weather.type == "function_call" and json.loads(weather.arguments) == KOREAN
        assert clock.type == "function_call" and clock.name == "시각"
        history += [item.to_dict() for item in first.output]
        # In another order than the calls: results are told apart by ids.
        history += [
            {"type": "function_call_output", "call_id": clock.call_id, "output": "3시"},
            {"type": "function_call_output", "call_id": weather.call_id, "output": "맑음"},
        ]
        history.append({"role": "user", "content": [{"type": "input_text", "text": "안녕"}]})
        second = client.responses.create(model=name, input=history, tools=[TOOL, CLOCK])
        assert second.usage is not None and first.usage is not None
        assert second.usage.input_tokens > first.usage.input_tokens

    def test_length(self, client: OpenAI, name: str) -> None:
        response = client.responses.create(model=name, input="섞어서", max_output_tokens=3)
        assert response.status == "incomplete" and response.incomplete_details is not None
        assert response.incomplete_details.reason == "max_output_tokens"
        assert response.output[0].to_dict()["status"] == "incomplete"
        assert MIXED.startswith(response.output_text)

    def test_logprobs(self, client: OpenAI, name: str) -> None:
        response = client.responses.create(
            model=name, input="섞어서", include=["message.output_text.logprobs"], top_logprobs=2
        )
        strictly(response)
        [part] = response.output[0].content  # type: ignore[union-attr]
        assert part.type == "output_text" and part.logprobs
        assert b"".join(bytes(token.bytes) for token in part.logprobs).decode() == MIXED
        assert all(len(token.top_logprobs) == 2 for token in part.logprobs)


class TestStream:
    @pytest.mark.parametrize("text", ["안녕", "섞어서", "부르기", "말하고 부르기"])
    def test_events_fit_together(self, client: OpenAI, name: str, text: str) -> None:
        events: list[Any] = []
        with client.responses.stream(model=name, input=text, tools=[TOOL, CLOCK]) as stream:
            for event in stream:
                events.append(event)
            final = stream.get_final_response()
        whole = client.responses.create(model=name, input=text, tools=[TOOL, CLOCK])
        assert said(final) == said(whole)
        assert [event.sequence_number for event in events] == list(range(len(events)))
        kinds = [event.type.removeprefix("response.") for event in events]
        assert kinds[:2] == ["created", "in_progress"] and kinds[-1] == "completed"
        for index, item in enumerate(final.output):
            own = [event for event in events if getattr(event, "output_index", None) == index]
            assert shape(own) == SHAPES[item.type]
            assert {getattr(event, "item_id", item.id) for event in own} == {item.id}
            deltas = "".join(event.delta for event in own if event.type.endswith(".delta"))
            content = item.content[0].text if item.type == "message" else item.arguments  # type: ignore[union-attr]
            assert deltas == content
        # One item after the other.
        indices = [event.output_index for event in events if hasattr(event, "output_index")]
        assert indices == sorted(indices)

    def test_events_hold_all_that_the_client_knows(self, client: OpenAI, name: str) -> None:
        asked = client.responses.create(
            model=name, input="말하고 부르기", tools=[TOOL, CLOCK], top_logprobs=1, stream=True
        )
        for event in asked:
            strictly(event)

    def test_length_within_a_call(self, client: OpenAI, name: str) -> None:
        with client.responses.stream(
            model=name, input="부르기", tools=[TOOL], max_output_tokens=60
        ) as stream:
            *_, last = stream
        assert last.type == "response.incomplete"
        [call] = last.response.output
        assert call.type == "function_call" and call.status == "incomplete"

    def test_a_failure_after_the_first_event(self, tmp_path: Path) -> None:
        plain = scripted(tmp_path, {})
        with serving(Breaking(plain.checkpoint, plain.engine, local_files=False)) as (url, _):
            client = openai_client(url)
            name = client.models.list().data[0].id
            events = list(client.responses.create(model=name, input="안녕", stream=True))
            with pytest.raises(openai.InternalServerError):
                client.responses.create(model=name, input="안녕")
        last = events[-1]
        assert events[0].type == "response.created" and last.type == "response.failed"
        strictly(last)
        assert (last.response.status, last.sequence_number) == ("failed", len(events) - 1)
        assert last.response.error is not None and last.response.error.code == "server_error"
        assert "boom" not in last.response.error.message


class Breaking(Model):
    """Fails within its answer."""

    def _ask(self, messages: Any, **options: Any) -> Any:
        class Breaks(Script):
            def accept(self, token: int) -> None:
                super().accept(token)
                if len(self._left) == 3:
                    raise RuntimeError("boom")

        ids = self.checkpoint.tokenizer.encode("안녕하세요 여러분")
        return super()._ask(messages, **(options | {"constraint": lambda: Breaks(ids)}))


SHAPES = {
    "message": ["output_item.added", "content_part.added", "output_text.delta", "output_text.done",
                "content_part.done", "output_item.done"],
    "function_call": ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done",
                      "output_item.done"],
}  # fmt: skip


def shape(events: list[Any]) -> list[str]:
    """Kinds of events in order, repeated ones once."""
    kinds = [event.type.removeprefix("response.") for event in events]
    return [kind for kind, before in zip(kinds, ["", *kinds], strict=False) if kind != before]


def said(response: Any) -> list[Any]:
    return [
        item.content[0].text if item.type == "message" else (item.name, item.arguments)
        for item in response.output
    ]


class TestRefusals:
    @pytest.mark.parametrize(
        "field, value",
        [("previous_response_id", "resp_1"), ("store", True), ("background", True),
         ("conversation", "conv_1"), ("prompt", {"id": "p"}), ("truncation", "auto"), ("max_tool_calls", 3),
         ("include[0]", None), ("context_management", [{"type": "compaction"}]),
         ("moderation", {"model": "m"}), ("nonsense", 1)],
    )  # fmt: skip
    def test_what_is_not_kept_is_refused_by_name(
        self, client: OpenAI, name: str, field: str, value: Any
    ) -> None:
        more = {"include": ["file_search_call.results"]} if field == "include[0]" else {field: value}
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(model=name, input="안녕", extra_body=more)
        assert caught.value.param == field

    @pytest.mark.parametrize("store", [False, None])
    def test_what_says_nothing_is_taken(self, client: OpenAI, name: str, store: bool | None) -> None:
        response = client.responses.create(
            model=name,
            input="안녕",
            store=store,
            reasoning={"effort": "low"},
            include=["reasoning.encrypted_content"],
            truncation="disabled",
            metadata={"a": "b"},
            text={"verbosity": "low"},
        )
        assert response.output_text and response.metadata == {"a": "b"}

    @pytest.mark.parametrize(
        "items, place",
        [([], "input"),
         ([{"type": "reasoning", "summary": []}], "input[0].type"),
         ([{"type": "item_reference", "id": "x"}], "input[0].type"),
         ([{"role": "robot", "content": "x"}], "input[0].role"),
         ([{"role": "user", "content": 5}], "input[0].content"),
         ([{"role": "user", "content": [{"type": "input_file"}]}], "input[0].content[0].type"),
         ([{"role": "user", "content": [{"type": "input_text"}]}], "input[0].content[0].text"),
         ([{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}],
          "input[0].content[0].file_id"),
         ([{"role": "user", "content": [{"type": "input_image", "image_url": "/etc/passwd"}]}],
          "input[0].content[0]"),
         ([{"role": "user", "content": "x"}, {"type": "function_call", "call_id": "c", "name": "n"}],
          "input[1].arguments"),
         ([{"role": "user", "content": "x"},
           {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"},
           {"type": "function_call_output", "call_id": "d", "output": "x"}], "input[2].call_id"),
         ([{"role": "user", "content": "x"},
           {"type": "function_call", "call_id": "c", "name": "n", "arguments": "{}"},
           {"type": "function_call", "call_id": "d", "name": "n", "arguments": "{"},
           {"type": "function_call_output", "call_id": "c", "output": "x"}], "input[2]")],
    )  # fmt: skip
    def test_items(self, client: OpenAI, name: str, items: Any, place: str) -> None:
        for stream in (False, True):
            with pytest.raises(openai.BadRequestError) as caught:
                client.responses.create(model=name, input=items, stream=stream)
            assert (caught.value.param or "").startswith(place)

    def test_places_and_limits(self, client: OpenAI, name: str) -> None:
        bad: Any = {"format": {"type": "json_schema", "name": "x", "schema": {"if": {}}}}
        with pytest.raises(openai.BadRequestError):
            client.responses.create(model=name, input="안녕", text=bad)
        odd: Any = {"format": {"type": "yaml"}}
        with pytest.raises(openai.BadRequestError) as caught:
            client.responses.create(model=name, input="안녕", text=odd)
        assert caught.value.param == "text.format"
        with pytest.raises(openai.NotFoundError):
            client.responses.create(model="another", input="안녕")
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve("resp_1")

    def test_instructions_are_the_place_of_their_own_errors(self) -> None:
        body = ResponsesRequest(model="m", input=[{"role": "user", "content": "x"}], instructions="짧게")
        conversation = conversation_of(body)
        assert [message["role"] for message in chat_request_of(body, conversation).messages] == [
            "system",
            "user",
        ]
        for where, place in (("messages[0]", "instructions"), ("messages[1].content", "input[0].content"),
                             ("messages", "input"), ("tools[0]", "tools[0]"),
                             ("max_tokens", "max_output_tokens")):  # fmt: skip
            with pytest.raises(AdotxError) as caught, told_of(conversation):
                raise AdotxError("chat.x", "wrong", where)
            assert caught.value.where == place


class Place(BaseModel):
    도시: Literal["서울", "부산"]
    수: Literal[1, 2]


@pytest.fixture(scope="module")
def nano() -> Iterator[OpenAI]:
    with asked(Model.open("nano", local_files=False)) as client:
        yield client


class TestNano:
    """What a grammar gives whatever the model's skill."""

    def test_json_schema(self, nano: OpenAI) -> None:
        parsed = nano.responses.parse(model="nano", input="서울", text_format=Place, max_output_tokens=100)
        assert isinstance(parsed.output_parsed, Place)

    def test_a_named_tool_is_called(self, nano: OpenAI) -> None:
        response = nano.responses.create(
            model="nano",
            input="서울 날씨?",
            tools=[{**TOOL, "parameters": CITIES}],
            tool_choice={"type": "function", "name": "날씨"},
            max_output_tokens=100,
        )
        [call] = response.output
        assert call.type == "function_call" and json.loads(call.arguments)["도시"] in ("서울", "부산")

    def test_images_are_counted(self, nano: OpenAI) -> None:
        parts = [
            {"type": "input_image", "image_url": data_uri(picture()), "detail": "low"},
            {"type": "input_text", "text": "뭐예요?"},
        ]
        asked: Any = [{"role": "user", "content": parts}]
        response = nano.responses.create(model="nano", input=asked, max_output_tokens=2)
        assert response.usage is not None
        assert response.usage.input_tokens_details.to_dict()["image_tokens"] > 0
