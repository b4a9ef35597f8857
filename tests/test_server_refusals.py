"""Refusals: the place by the name that the client wrote, what would fit, in the client's language."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from adotx.cli.errors import in_language
from adotx.server.bodies import read_json
from adotx.server.invalid import invalid
from adotx.server.requests import ChatRequest, CompletionRequest, DetokenizeRequest, TokenizeRequest
from adotx.server.response_input import ResponsesRequest
from adotx.server.settings import Settings
from serving import scripted, serving

USER = [{"role": "user", "content": "가"}]
#: what is always there
BASE: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"model": "toy", "messages": USER, "max_tokens": 2},
    "/v1/completions": {"model": "toy", "prompt": "가", "max_tokens": 2},
    "/v1/responses": {"model": "toy", "input": "가", "max_output_tokens": 2},
    "/tokenize": {},
    "/detokenize": {},
}
CHAT, TEXT, RESPONSES = list(BASE)[:3]


def tool(**function: Any) -> list[Any]:
    return [{"type": "function", "function": {"name": "f", **function}}]


def schema(given: Any, name: Any = "x", **more: Any) -> Any:
    return {"type": "json_schema", "json_schema": {"name": name, "schema": given, **more}}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    model = scripted(tmp_path_factory.mktemp("toy"), {})
    limits = Settings(model_name="toy", access_log=False)
    with serving(model, limits) as (url, service), httpx.Client(base_url=url, timeout=60) as client:
        service.say = in_language
        yield client


def refused(client: httpx.Client, path: str, change: Any, language: str = "en") -> dict[str, Any]:
    answer = client.post(path, json={**BASE[path], **change}, headers={"accept-language": language})
    error: dict[str, Any] = answer.json()["error"]
    assert answer.status_code == 400 and error["type"] == "invalid_request_error", answer.text
    return error


PLACES: list[tuple[str, dict[str, Any], str | None]] = [
    (CHAT, {"messages": None}, "messages"),
    (CHAT, {"messages": [None]}, "messages[0]"),
    (CHAT, {"messages": [{"role": "user", "content": "가" * 9000}]}, "messages"),
    (CHAT, {"stop": 5}, "stop"),
    (CHAT, {"stop": ["a", 5]}, "stop[1]"),
    (CHAT, {"stream_options": 5}, "stream_options"),
    (CHAT, {"stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
    (CHAT, {"tool_choice": 5}, "tool_choice"),
    (CHAT, {"logit_bias": []}, "logit_bias"),
    (CHAT, {"add_generation_prompt": False}, "add_generation_prompt"),
    (CHAT, {"add_generation_prompt": True, "continue_final_message": True}, "add_generation_prompt"),
    (CHAT, {"tools": tool(name="a b")}, "tools[0]"),
    (CHAT, {"tools": tool(name="a" * 65)}, "tools[0]"),
    (CHAT, {"tools": tool(name="날씨.")}, "tools[0]"),
    (CHAT, {"tools": tool(parameters="{}")}, "tools[0].function.parameters"),
    (CHAT, {"tools": tool(description=5)}, "tools[0].function.description"),
    (CHAT, {"tools": tool(strict="yes")}, "tools[0].function.strict"),
    (CHAT, {"response_format": schema({"not": {}})}, "response_format.json_schema.schema"),
    (
        CHAT,
        {"response_format": schema({"properties": {"가": {"not": {}}}})},
        "response_format.json_schema.schema/properties/가",
    ),
    (CHAT, {"response_format": schema({"$ref": "#"})}, "response_format"),
    (CHAT, {"response_format": schema({}, name="a b")}, "response_format"),
    (CHAT, {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}, "response_format"),
    (CHAT, {"response_format": schema("{}")}, "response_format"),
    (TEXT, {"prompt": []}, "prompt"),
    (TEXT, {"prompt": ""}, "prompt"),
    (TEXT, {"prompt": [[]]}, "prompt"),
    (TEXT, {"prompt": [-1]}, "prompt"),
    (TEXT, {"prompt": [10**30]}, "prompt"),
    (TEXT, {"prompt": None}, "prompt"),
    (TEXT, {"echo": True}, "echo"),
    (RESPONSES, {"input": None}, "input"),
    (RESPONSES, {"input": [5]}, "input[0]"),
    (RESPONSES, {"input": "가" * 9000}, "input"),
    (RESPONSES, {"max_output_tokens": 0}, "max_output_tokens"),
    (RESPONSES, {"metadata": {str(i): "" for i in range(17)}}, "metadata"),
    (
        RESPONSES,
        {"text": {"format": {"type": "json_schema", "name": "x", "schema": {"not": {}}}}},
        "text.format.schema",
    ),
    (
        RESPONSES,
        {"tools": [{"type": "function", "name": "f", "parameters": 5}]},
        "tools[0].parameters",
    ),
    (
        RESPONSES,
        {"tools": [{"type": "function", "name": "f", "strict": True, "parameters": {"not": {}}}]},
        "tools[0].parameters",
    ),
    ("/tokenize", {}, None),
    ("/detokenize", {"tokens": ["가"]}, "tokens[0]"),
]


@pytest.mark.parametrize(("path", "change", "param"), PLACES, ids=lambda value: str(value)[:50])
def test_places_and_languages(
    client: httpx.Client, path: str, change: dict[str, Any], param: str | None
) -> None:
    assert refused(client, path, change)["param"] == param
    korean = refused(client, path, change, "ko")["message"]
    # What stays English are names of the request and what the client itself wrote.
    told = korean.removeprefix(f"{param}: ")
    assert re.search("[가-힣]{2}", told), korean
    assert not re.search(r"\b(?:must|is|the|should|be|of|not a)\b", told), korean


@pytest.mark.parametrize(
    "kind", [ChatRequest, CompletionRequest, ResponsesRequest, TokenizeRequest, DetokenizeRequest]
)
def test_whatever_pydantic_finds_has_its_sentence(kind: Any) -> None:
    """For each field and each type of value what would fit is said."""
    values = [None, True, 5, 1.5, -(10**30), "", "가" * 3000, [], [None], [[]], {}, {"가": None}, {"a": [1]}]
    for field in kind.model_fields:
        for value in values:
            try:
                kind.model_validate({field: value})
            except ValidationError as error:
                found = [each for each in error.errors() if each["loc"][:1] == (field,)]
                if found:
                    told = invalid(found)
                    assert (told.where or "").split("[")[0].split(".")[0] == field
                    assert told.values.get("reason") != "it does not fit", found


@given(st.recursive(st.text(st.characters(codec=None)), st.lists, max_leaves=5))
def test_half_a_surrogate_pair_is_no_text(value: Any) -> None:
    """As an answer it could not be sent back; it was a 500 where a field of the request was told again."""
    written = json.dumps(value)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        with pytest.raises(Exception, match="surrogate"):
            read_json(written.encode())
    else:
        assert read_json(written.encode()) == value


@pytest.mark.parametrize("path", [CHAT, TEXT, RESPONSES, "/tokenize"])
def test_halves_on_every_route(client: httpx.Client, path: str) -> None:
    for field in ("model", "user", "instructions", "prompt", "input", "cache_salt", "metadata"):
        body = json.dumps({**BASE[path], field: {"a": "\ud83d"} if field == "metadata" else "\ud83d"})
        answer = client.post(path, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400 and answer.json()["error"]["param"] == "body", answer.text


def test_usage_has_its_details(client: httpx.Client) -> None:
    for path in (CHAT, TEXT, RESPONSES):
        usage = client.post(path, json=BASE[path]).json()["usage"]
        inside, outside = ("input", "output") if path == RESPONSES else ("prompt", "completion")
        details = usage[f"{inside}_tokens_details"]
        assert details["text_tokens"] + details["image_tokens"] == usage[f"{inside}_tokens"]
        assert usage[f"{outside}_tokens_details"] == {"reasoning_tokens": 0}


def test_paths_and_methods(client: httpx.Client) -> None:
    """HEAD is GET without its body; other methods are told; a slash at the end leads nowhere else."""
    for path in ("/", "/health", "/ready", "/v1/models", "/v1/models/toy", "/metrics", "/version"):
        head, full = client.head(path), client.get(path)
        assert head.status_code == full.status_code == 200 and not head.content and full.content
        assert head.headers["content-type"] == full.headers["content-type"]
        wrong = client.delete(path)
        assert wrong.status_code == 405 and wrong.headers["allow"] == "GET, HEAD"
    wrong = client.get(CHAT)
    assert wrong.status_code == 405 and wrong.headers["allow"] == "POST"
    for path in (CHAT + "/", "/" + CHAT, "/V1/models", "/page/%2e%2e/settings.py"):
        assert client.get(path, follow_redirects=False).status_code in (404, 405), path
