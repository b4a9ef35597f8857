"""Calls through the front door: pieces as they come, choices as constraints, answers that go on, pictures."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from adotx.chat import CallDelta, ToolCall, answer_form
from adotx.chat.calls import joined
from adotx.engine import SamplingParams
from adotx.model import Model
from checkpoint_toys import toy_checkpoint
from scripted_answers import TOOL, ask, mock_model, says

CITY = {"type": "object", "properties": {"도시": {"enum": ["서울", "부산"]}}, "required": ["도시"],
        "additionalProperties": False}  # fmt: skip
WEATHER = {"type": "function", "function": {"name": "날씨", "parameters": CITY}}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return mock_model(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def nano() -> Model:
    return Model.open("nano")


def test_pieces_of_calls(model: Model) -> None:
    body = '{"name": "날씨", "arguments": {"도시": "서울", "비율": 0.50}}'
    ids = model.checkpoint.tokenizer.encode_with_specials(f"볼게요<tool_call>{body}</tool_call>")
    with model.stream(ask(), constraint=says(ids), tools=[TOOL], call_deltas=True) as stream:
        events = list(stream)
    [call] = [event for event in events if isinstance(event, ToolCall)]
    told = joined(event for event in events if isinstance(event, CallDelta))
    assert told == [call.message] and told[0]["function"]["arguments"] == '{"도시": "서울", "비율": 0.50}'
    assert sum(isinstance(event, CallDelta) for event in events) > 5
    assert (stream.reply.text, stream.reply.finish_reason) == ("볼게요", "tool_calls")
    assert stream.reply.tool_calls == (call,)
    whole = model.reply(ask(), constraint=says(ids), tools=[TOOL])
    assert whole.message["tool_calls"][0]["function"] == call.message["function"]


def test_a_call_that_the_length_cuts(model: Model) -> None:
    ids = model.checkpoint.tokenizer.encode_with_specials(
        '<tool_call>{"name": "날씨", "arguments": {"도시": "서'
    )
    options = {"constraint": says(ids), "tools": [TOOL], "sampling": SamplingParams(len(ids) - 1)}
    with model.stream(ask(), call_deltas=True, **options) as stream:  # type: ignore[arg-type]
        told = joined(event for event in stream if isinstance(event, CallDelta))
    # As in text, half a character at the very end stays visible.
    assert told[0]["function"] == {"name": "날씨", "arguments": '{"도시": "\ufffd'}
    assert (stream.reply.text, stream.reply.finish_reason, stream.reply.tool_calls) == ("", "length", ())


@pytest.mark.parametrize("seed", range(3))
def test_a_model_without_skill_still_calls_well(nano: Model, seed: int) -> None:
    """nano cannot choose a tool; the grammar alone makes its calls well-formed."""
    form = answer_form([WEATHER], "required", False)
    sampling = SamplingParams(200, temperature=1.0, seed=seed)
    with nano.stream(
        ask("서울 날씨"), tools=form.tools, constraint=form, call_deltas=True, sampling=sampling
    ) as stream:
        events = list(stream)
    assert stream.reply.finish_reason == "tool_calls" and stream.reply.text == ""
    [call] = joined(event for event in events if isinstance(event, CallDelta))
    assert call["function"]["name"] == "날씨"
    assert json.loads(call["function"]["arguments"])["도시"] in ("서울", "부산")


def test_an_answer_goes_on(model: Model) -> None:
    tokenizer = model.checkpoint.tokenizer
    begun = [*ask(), {"role": "assistant", "content": "옛날 옛적에 "}]
    reply = model.reply(begun, constraint=says(tokenizer.encode("호랑이가")), continue_final_message=True)
    assert reply.text == "호랑이가"
    request, _ = model._ask(begun, continue_final_message=True)
    assert request.ids[-len(tokenizer.encode("옛날 옛적에 ")) :] == tokenizer.encode("옛날 옛적에 ")


def test_pictures_of_results_go_to_their_slots(tmp_path_factory: pytest.TempPathFactory) -> None:
    model = Model.open(str(toy_checkpoint(tmp_path_factory.mktemp("real"))), "f32")
    black, white = (Image.new("RGB", (64, 64), colour) for colour in ("black", "white"))
    calls = [{"id": each, "function": {"name": "f", "arguments": {}}} for each in "ab"]
    messages = [
        *ask(),
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "image", "image": white}]},
        {"role": "tool", "tool_call_id": "a", "content": [{"type": "image"}]},
    ]
    request, _ = model._ask(messages, images=[black])
    assert [float(tiles.mean()) for tiles in request.images] == [-1.0, 1.0]
