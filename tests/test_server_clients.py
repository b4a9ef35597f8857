"""Clients that are not OpenAI's own: LangChain's `ChatOpenAI` as its users write it, and ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from adotx.chat import format_tool_call
from adotx.client.documents import form
from adotx.client.http import Server
from adotx.client.model import RemoteModel
from adotx.engine import SamplingParams
from serving import scripted, serving

ANSWERS = {
    "안녕?": "네, 안녕하세요.",
    "서울 날씨?": format_tool_call("weather", {"city": "서울"}),
    "맑음": "서울은 맑습니다.",
    "어디?": '{"city": "부산"}',
}


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    openai = pytest.importorskip("langchain_openai")
    model = scripted(tmp_path_factory.mktemp("toy"), ANSWERS)
    with serving(model) as (url, service):
        yield openai.ChatOpenAI(
            base_url=f"{url}/v1", api_key="none", model=service.name, temperature=0, max_retries=0
        )


def weather(city: str) -> str:
    """날씨를 알려 준다."""
    return city


def test_answers_and_streams(chat: Any) -> None:
    answer = chat.invoke([("system", "짧게"), ("human", "안녕?")])
    assert answer.content == ANSWERS["안녕?"] and answer.usage_metadata["input_tokens"] > 0
    assert "".join(chunk.content for chunk in chat.stream("안녕?")) == ANSWERS["안녕?"]
    assert [each.content for each in chat.batch(["안녕?"] * 4)] == [ANSWERS["안녕?"]] * 4


def test_tools(chat: Any) -> None:
    from langchain_core.messages import HumanMessage, ToolMessage

    bound, question = chat.bind_tools([weather]), HumanMessage("서울 날씨?")
    answer = bound.invoke([question])
    [call] = answer.tool_calls
    assert call["name"] == "weather" and call["args"] == {"city": "서울"}
    pieces = list(bound.stream([question]))
    whole = pieces[0]
    for piece in pieces[1:]:
        whole += piece
    assert [call["args"] for call in whole.tool_calls] == [{"city": "서울"}]
    result = ToolMessage("맑음", tool_call_id=call["id"])
    assert bound.invoke([question, answer, result]).content == ANSWERS["맑음"]


def test_structured_output(chat: Any) -> None:
    schema = {
        "title": "Place",
        "description": "where",
        "type": "object",
        "properties": {"city": {"type": "string", "description": "its name"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    assert chat.with_structured_output(schema, method="json_schema").invoke("어디?") == {"city": "부산"}


def test_bytes_that_are_no_text_are_no_reason_to_fail(chat: Any) -> None:
    """As Python reads them from a command line; a server takes whole characters alone."""
    model = RemoteModel(Server(chat.openai_api_base))
    question = [{"role": "user", "content": b"\xffhello \xed\x95\x9c".decode(errors="surrogateescape")}]
    with model.stream(question, sampling=SamplingParams(2)) as stream:
        list(stream)
    assert stream.reply.usage.prompt_tokens > 0
    body, _ = form({"password": "a\udcff"}, "\udcff.pdf", b"")
    assert b"a?" in body and b"?.pdf" in body
