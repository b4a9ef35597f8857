"""What OpenAI's clients say about the form of an answer: what the prompt shows and what may be answered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adotx.chat import AnswerForm, Grammar, answer_form
from adotx.errors import AdotxError
from grammars import may_end, nano_grammar

OPEN, CLOSE = "<tool_call>", "</tool_call>"
CITY = {"type": "object", "properties": {"도시": {"enum": ["서울"]}}, "required": ["도시"],
        "additionalProperties": False}  # fmt: skip
WEATHER = {"type": "function", "function": {"name": "날씨", "description": "…", "parameters": CITY}}
NOW = {"type": "function", "function": {"name": "now"}}
ANSWER = {"type": "object", "properties": {"답": {"type": "string"}}, "required": ["답"],
          "additionalProperties": False}  # fmt: skip
AS_JSON = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": ANSWER}}
WEATHER_CALL = f'{OPEN}{{"name": "날씨", "arguments": {{"도시": "서울"}}}}{CLOSE}'
NOW_CALL = f'{OPEN}{{"name": "now", "arguments": {{}}}}{CLOSE}'
SAID, JSON = "서울은 맑아요.", '{"답": "맑음"}'


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return nano_grammar()


def lets(form: AnswerForm, text: str, grammar: Grammar) -> bool:
    """Whether an answer may be this text and end there; tags are tags."""
    compiled = form.compile(grammar)
    return compiled is None or may_end(grammar, compiled(), grammar.tokenizer.encode_with_specials(text))


NAMED = {"type": "function", "function": {"name": "날씨"}}
SOME = {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [NOW]}}
MUST_SOME = {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "now"}]}


@pytest.mark.parametrize(
    ("choice", "format_", "fits", "does_not"),
    [
        (None, None, [SAID, "", WEATHER_CALL, SAID + NOW_CALL + WEATHER_CALL, JSON], [OPEN, NOW_CALL + SAID]),
        ("auto", AS_JSON, [JSON, NOW_CALL, NOW_CALL + WEATHER_CALL], [SAID, JSON + NOW_CALL, ""]),
        ("required", None, [NOW_CALL, NOW_CALL + WEATHER_CALL], [SAID, "", SAID + NOW_CALL]),
        ("required", AS_JSON, [NOW_CALL, NOW_CALL + WEATHER_CALL], [JSON, SAID, ""]),
        (NAMED, None, [WEATHER_CALL, WEATHER_CALL * 2], [NOW_CALL, SAID, ""]),
        (NAMED | {"name": "날씨"}, None, [WEATHER_CALL], [NOW_CALL]),
        ({"type": "function", "name": "날씨"}, AS_JSON, [WEATHER_CALL], [NOW_CALL, JSON]),
        (SOME, None, [SAID, NOW_CALL], [WEATHER_CALL]),
        (MUST_SOME, None, [NOW_CALL], [WEATHER_CALL, SAID]),
        ("none", None, [SAID, WEATHER_CALL], []),
        ("none", AS_JSON, [JSON], [SAID, NOW_CALL]),
    ],
    ids=lambda value: json.dumps(value, ensure_ascii=False)[:40],
)
def test_choices(grammar: Grammar, choice: Any, format_: Any, fits: list[str], does_not: list[str]) -> None:
    form = answer_form([WEATHER, NOW], choice, None, format_)
    assert [text for text in fits if not lets(form, text, grammar)] == []
    assert [text for text in does_not if lets(form, text, grammar)] == []
    assert form.tools == (() if choice == "none" else (WEATHER, NOW))
    single = answer_form([WEATHER, NOW], choice, False, format_)
    for text in fits:
        assert lets(single, text, grammar) == (text.count(OPEN) < 2 or choice == "none")


def test_flags() -> None:
    assert answer_form([NOW], "required").required and not answer_form([NOW], "required").named
    assert answer_form([NOW], {"type": "function", "name": "now"}).named
    assert not answer_form([NOW]).required
    assert answer_form().compile is not None and answer_form() == AnswerForm()
    assert answer_form([], "auto", None, {"type": "text"}) == AnswerForm()


@pytest.mark.parametrize(
    "format_",
    [AS_JSON, {"type": "json_schema", "name": "answer", "schema": ANSWER}, {"type": "json_object"}],
)
def test_formats_without_tools(grammar: Grammar, format_: Any) -> None:
    form = answer_form(response_format=format_)
    assert lets(form, JSON, grammar) and not lets(form, SAID, grammar) and not lets(form, "[1]", grammar)
    assert lets(form, '{"가": 1}', grammar) == (format_["type"] == "json_object")


def test_tools_of_responses_are_shown_as_those_of_chat_completions() -> None:
    flat = {"type": "function", **WEATHER["function"], "strict": True}
    assert answer_form([flat, {**NOW, "strict": None}]).tools == (WEATHER, NOW)
    nested = {"type": "function", "function": {**WEATHER["function"], "strict": None}}
    assert answer_form([nested]).tools == (WEATHER,)


def test_parameters_that_no_grammar_follows(grammar: Grammar) -> None:
    """A strict tool is refused, another takes any object; the other tools stay as they are."""
    odd = {"name": "odd", "parameters": {"type": "object", "properties": {"x": {"not": {}}}}}
    form = answer_form([{"type": "function", "function": odd}, WEATHER], "required")
    assert lets(form, f'{OPEN}{{"name": "odd", "arguments": {{"아무": [1]}}}}{CLOSE}', grammar)
    assert not lets(form, WEATHER_CALL.replace("서울", "부산"), grammar)
    strict = {"type": "function", "function": {**odd, "strict": True}}
    with pytest.raises(AdotxError, match="'not'") as caught:
        answer_form([strict, WEATHER], "required").compile(grammar)
    assert caught.value.code == "grammar.schema" and "tools[0]" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"tools": {"a": 1}}, "chat.tools"),
        ({"tools": "f"}, "chat.tools"),
        ({"tools": ["f"]}, "chat.tools"),
        ({"tools": [{"type": "web_search"}]}, "chat.tools"),
        ({"tools": [{"type": "function", "function": {}}]}, "chat.tools"),
        ({"tools": [{"type": "function", "function": "f"}]}, "chat.tools"),
        ({"tools": [NOW], "tool_choice": "any"}, "chat.tool_choice"),
        ({"tools": [NOW], "tool_choice": 3}, "chat.tool_choice"),
        ({"tools": [NOW], "tool_choice": {"type": "function"}}, "chat.tool_choice"),
        ({"tools": [NOW], "tool_choice": {"type": "function", "name": "그런"}}, "chat.tool_choice"),
        ({"tools": [NOW], "tool_choice": {"type": "allowed_tools"}}, "chat.tool_choice"),
        ({"tools": [NOW], "tool_choice": {"type": "allowed_tools", "allowed_tools": 3}}, "chat.tool_choice"),
        ({"tools": [NOW], "tool_choice": {**MUST_SOME, "mode": "none"}}, "chat.tool_choice"),
        ({"tools": [], "tool_choice": "required"}, "chat.tool_choice"),
        ({"tool_choice": "required"}, "chat.tool_choice"),
        ({"response_format": {"type": "xml"}}, "chat.response_format"),
        ({"response_format": "json_object"}, "chat.response_format"),
        ({"response_format": {"type": "json_schema"}}, "chat.response_format"),
        ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "chat.response_format"),
    ],
)
def test_refusals(options: Any, code: str) -> None:
    with pytest.raises(AdotxError) as caught:
        answer_form(**options)
    assert caught.value.code == code and caught.value.remedy


def test_hangul_is_never_escaped(grammar: Grammar) -> None:
    r"""Neither \u escapes nor a backslash before Hangul, in names, keys and strings of calls and JSON."""
    free = {"type": "function", "function": {"name": "말", "parameters": {"type": "object"}}}
    call = answer_form([free], "required")
    head = f'{OPEN}{{"name": "말", "arguments": {{'
    for form, before, after in [
        (call, head, f"}}}}{CLOSE}"),
        (answer_form(response_format={"type": "json_object"}), "{", "}"),
    ]:
        assert lets(form, before + '"가": "나다\\n\\u0001"' + after, grammar)
        for text in (r'"\uac00": 1', r'"x": "\uac00"', r'"x": "\uAC00"', '"x": "\\가"', r'"x": "\u0041"'):
            assert not lets(form, before + text + after, grammar), text
    assert not lets(call, head.replace("말", r"\ub9d0") + f"}}}}{CLOSE}", grammar)
