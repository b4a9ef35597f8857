"""Parsing helpers of the official client: answers as pydantic models, streams that put themselves together.

nano under a grammar: what it says means nothing, its form is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import openai
import pytest
from openai import OpenAI
from pydantic import BaseModel

from adotx.model import Model
from serving import asked


class Place(BaseModel):
    """Where something is."""

    city: Literal["서울", "부산"]
    far: bool


@pytest.fixture(scope="module")
def client() -> Iterator[OpenAI]:
    with asked(Model.open("nano", local_files=False)) as client:
        yield client


ASKED = [{"role": "user", "content": "어디?"}]


def test_chat_is_parsed(client: OpenAI) -> None:
    whole = client.chat.completions.parse(model="nano", messages=ASKED, response_format=Place)  # type: ignore[arg-type]
    assert isinstance(whole.choices[0].message.parsed, Place)
    with client.chat.completions.stream(model="nano", messages=ASKED, response_format=Place) as stream:  # type: ignore[arg-type]
        kinds = {event.type for event in stream}
        again = stream.get_final_completion()
    assert {"chunk", "content.delta", "content.done"} <= kinds
    assert again.choices[0].message.parsed == whole.choices[0].message.parsed


def test_arguments_are_parsed(client: OpenAI) -> None:
    tool = openai.pydantic_function_tool(Place)
    with client.chat.completions.stream(
        model="nano",
        messages=ASKED,  # type: ignore[arg-type]
        tools=[tool],
        tool_choice="required",
        parallel_tool_calls=False,
    ) as stream:
        kinds = {event.type for event in stream}
        [call] = stream.get_final_completion().choices[0].message.tool_calls or []
    assert {"tool_calls.function.arguments.delta", "tool_calls.function.arguments.done"} <= kinds
    assert isinstance(call.function.parsed_arguments, Place)


def test_responses_are_parsed(client: OpenAI) -> None:
    whole = client.responses.parse(model="nano", input="어디?", instructions="짧게", text_format=Place)
    assert isinstance(whole.output_parsed, Place) and whole.status == "completed"
    with client.responses.stream(
        model="nano", input="어디?", instructions="짧게", text_format=Place
    ) as stream:
        kinds = [event.type for event in stream]
        again = stream.get_final_response()
    assert again.output_parsed == whole.output_parsed
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    tool = {**openai.pydantic_function_tool(Place)["function"], "type": "function"}
    with client.responses.stream(
        model="nano",
        input="어디?",
        tools=[tool],  # type: ignore[list-item]
        tool_choice="required",
        parallel_tool_calls=False,
    ) as stream:
        kinds = [event.type for event in stream]
        [call] = stream.get_final_response().output
    assert call.type == "function_call" and Place.model_validate_json(call.arguments)
    assert "response.function_call_arguments.delta" in kinds
    assert kinds[-3:] == [
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
