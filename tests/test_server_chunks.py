"""Streams over HTTP, however the tokens cut the text: no piece ends within a character, pieces are the whole.

The tokenizer of the toy checkpoint has all single bytes; a script holds the model to a random cut of a text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adotx.server.settings import Settings
from scripted_answers import TOOL, cut_anyhow
from serving import ScriptedModel, openai_client, scripted, serving

SYLLABLES = st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3)
JAMO = st.sampled_from([chr(c) for c in (*range(0x1100, 0x1200), *range(0x3131, 0x318F))])
HANJA = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)
EMOJI = st.sampled_from(
    [
        "\U0001f44d\U0001f3fd",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0001f1f0\U0001f1f7",
        "\u2764\ufe0f",
    ]
)
TEXTS = st.lists(SYLLABLES | JAMO | HANJA | EMOJI | st.sampled_from('ab1 ,"\\{}\n'), min_size=1, max_size=20)
SEEDS = st.integers(0, 1 << 30)
FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ScriptedModel:
    return scripted(tmp_path_factory.mktemp("toy"), {})


@pytest.fixture(scope="module")
def client(model: ScriptedModel) -> Iterator[Any]:
    with serving(model, Settings(access_log=False)) as (url, _):
        yield openai_client(url)


def asked(model: ScriptedModel, answer: list[int], **options: Any) -> dict[str, Any]:
    model.answers = {"?": answer}
    return {"model": model.checkpoint.name, "messages": [{"role": "user", "content": "?"}], **options}


@given(TEXTS.map("".join), SEEDS)
@FEW
def test_content_and_logprobs(client: Any, model: ScriptedModel, text: str, seed: int) -> None:
    text = f"답{text}."  # white space at the ends of an answer is not what is tried here
    body = asked(model, cut_anyhow(model.checkpoint.tokenizer, text, seed), logprobs=True)
    whole = client.chat.completions.create(**body).choices[0]
    chunks = [chunk.choices[0] for chunk in client.chat.completions.create(**body, stream=True)]
    pieces = [chunk.delta.content or "" for chunk in chunks]
    assert whole.message.content == "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)
    told = [token for chunk in chunks if chunk.logprobs for token in chunk.logprobs.content]
    assert b"".join(bytes(token.bytes) for token in told) == text.encode()
    assert [token.bytes for token in told] == [token.bytes for token in whole.logprobs.content]


@given(TEXTS.map("".join), SEEDS)
@FEW
def test_arguments_of_tools(client: Any, model: ScriptedModel, text: str, seed: int) -> None:
    given = json.dumps({"도시": text}, ensure_ascii=False)
    tokenizer = model.checkpoint.tokenizer
    begin, end = tokenizer.special["<tool_call>"], tokenizer.special["</tool_call>"]
    call = cut_anyhow(tokenizer, f'{{"name": "날씨", "arguments": {given}}}', seed)
    body = asked(model, [begin, *call, end], tools=[TOOL])
    [whole] = client.chat.completions.create(**body).choices[0].message.tool_calls
    deltas = [
        call
        for chunk in client.chat.completions.create(**body, stream=True)
        for call in chunk.choices[0].delta.tool_calls or []
    ]
    pieces = [call.function.arguments or "" for call in deltas]
    assert json.loads("".join(pieces)) == json.loads(whole.function.arguments) == {"도시": text}
    assert not any("\ufffd" in piece for piece in pieces) and deltas[0].function.name == "날씨"
