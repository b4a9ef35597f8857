"""Schemas as people give them: wrappers, what only describes, misspelt and unsupported keywords; time."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from adotx.chat.grammar import Grammar
from adotx.chat.schema import read_schema
from adotx.chat.trial import Trial
from adotx.checkpoint import open_checkpoint
from adotx.errors import AdotxError
from adotx.model import AsyncModel
from grammars import may_end, nano_grammar

INNER = {"type": "object", "properties": {"총액": {"type": "integer"}}, "required": ["총액"],
         "additionalProperties": False}  # fmt: skip


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return nano_grammar()


def lets(grammar: Grammar, schema: Any, text: str) -> bool:
    return may_end(grammar, grammar.json_schema(schema)(), grammar.tokenizer.encode(text))


@pytest.mark.parametrize(
    "schema",
    [
        {"name": "영수증", "strict": True, "schema": INNER},
        {"name": "영수증", "description": "…", "schema": INNER},
        {"type": "json_schema", "json_schema": {"name": "영수증", "schema": INNER}},
        {"type": "json_schema", "name": "영수증", "strict": None, "schema": INNER},
        '{"name": "영수증", "schema": {"type": "object", "properties": {"총액": {"type": "integer"}}, '
        '"required": ["총액"], "additionalProperties": false}}',
        INNER,
    ],
)
def test_openais_wrapper_is_taken_off(grammar: Grammar, schema: Any) -> None:
    assert lets(grammar, schema, '{"총액": 3}')
    for text in ('"아무 말"', "[1]", '{"총액": "3"}', "{}"):
        assert not lets(grammar, schema, text)


def test_an_error_in_a_wrapper_says_where(grammar: Grammar) -> None:
    wrapped = {"name": "x", "schema": {"properties": {"가": {"maxlenght": 3}}}}
    with pytest.raises(AdotxError, match=r"'maxlenght'.*did you mean 'maxLength'") as caught:
        grammar.json_schema(wrapped)
    assert caught.value.where == "schema.schema/properties/가"


@pytest.mark.parametrize(
    ("schema", "where", "keyword"),
    [
        ({"type": "string", "maxlenght": 2}, "schema", "maxlenght"),
        ({"items": {"not": {}}}, "schema/items", "not"),
        ({"prefixItems": [{}, {"if": {}}]}, "schema/prefixItems/1", "if"),
        ({"$defs": {"a/b": {"propertyNames": {}}}}, "schema/$defs/a~1b", "propertyNames"),
        ({"anyOf": [{"additionalProperties": {"nullable": True}}]},
         "schema/anyOf/0/additionalProperties", "nullable"),
        ({"type": "array", "uniqueItems": True}, "schema", "uniqueItems"),
        ({"dependentRequired": {"a": ["b"]}}, "schema", "dependentRequired"),
        ({"schema": {}, "type": "object"}, "schema", "schema"),
        ({"strict": True, "type": "object"}, "schema", "strict"),
        ({"type": "string", "format": "regex"}, "schema", "regex"),
    ],
)  # fmt: skip
def test_what_would_be_ignored_is_refused_by_name(
    grammar: Grammar, schema: Any, where: str, keyword: str
) -> None:
    with pytest.raises(AdotxError) as caught:
        grammar.json_schema(schema)
    assert (caught.value.code, caught.value.where) == ("grammar.schema", where)
    assert keyword in str(caught.value)


def test_what_only_describes_is_let_pass(grammar: Grammar) -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "http://example.com/x",
        "title": "가", "description": "나", "$comment": "다", "default": {"not": {}}, "examples": [{"if": 1}],
        "deprecated": True, "x-order": 3, "type": "object", "additionalProperties": False,
        "properties": {
            "파일": {"type": "string", "format": "file-path", "contentEncoding": "base64", "readOnly": True},
            "수": {"type": "integer", "format": "int32", "example": 3, "nullable": False},
            "목록": {"type": "array", "uniqueItems": False, "items": {"const": 1}, "writeOnly": False},
        },
    }  # fmt: skip
    assert lets(grammar, schema, '{"파일": "a/b", "수": 3, "목록": [1, 1]}')
    assert not lets(grammar, schema, '{"수": "3"}')


def test_properties_may_be_called_like_keywords(grammar: Grammar) -> None:
    names = ["default", "enum", "const", "examples", "$ref", "not", "title", "x-guidance", "properties"]
    schema = {
        "type": "object",
        "$defs": {"주소": {"type": "null"}, "default": {"type": "boolean"}},
        "properties": {name: {"$ref": "#/$defs/주소"} for name in names}
        | {"if": {"$ref": "#/$defs/default"}},
        "required": names,
        "additionalProperties": False,
    }
    members = ", ".join(f'"{name}": null' for name in names)
    assert lets(grammar, schema, f'{{{members}, "if": true}}')
    assert not lets(grammar, schema, f"{{{members.replace('null', '1')}}}")
    assert not lets(grammar, schema, f'{{{members}, "if": null}}')


def test_values_are_not_schemas(grammar: Grammar) -> None:
    value = {"not": {"maxlenght": "$ref"}, "$ref": "#/주소"}
    for schema in ({"const": value}, {"enum": [value]}):
        assert lets(grammar, schema, '{"not": {"maxlenght": "$ref"}, "$ref": "#/주소"}')
    assert read_schema({"const": value, "default": value}, "schema") == {"const": value}


# Time: what takes long is compiled on trial and ended

SLOW = {"type": "object", "properties": {f"k{i}": {"type": "integer"} for i in range(3000)}}


def test_what_takes_too_long_is_refused_and_the_next_one_is_not() -> None:
    checkpoint = open_checkpoint("nano")
    hasty = Grammar(checkpoint.tokenizer, checkpoint.eos_ids, seconds=0.2)
    for _ in range(2):
        with pytest.raises(AdotxError) as caught:
            hasty.json_schema(SLOW)
        assert (caught.value.code, caught.value.where) == ("grammar.too_slow", "schema")
        assert lets(hasty, INNER, '{"총액": 3}')
    tools = [{"name": "now"}]
    assert hasty.tool_calls(tools, required=True)().finished is False
    with pytest.raises(AdotxError) as caught:  # the same refusals as without a trial
        hasty.json_schema({"anyOf": [{"type": "null"}, {"type": "string", "pattern": "(?=x)"}]})
    assert caught.value.where == "schema/anyOf/1"


def test_a_worker_that_was_killed_is_started_again() -> None:
    trial = Trial(5.0, [0, 1], {})
    trial('start: "a"', "grammar")
    process = trial._process
    assert process is not None
    process.kill()
    process.wait()
    trial('start: "b"', "grammar")
    assert trial._process is not process
    trial.close()
    trial("start: (", "grammar")  # whether it compiles is for the caller to find out
    trial.close()


def test_compiled_grammars_are_kept(grammar: Grammar, monkeypatch: pytest.MonkeyPatch) -> None:
    grammar.json_schema({"const": "한 번"})
    monkeypatch.setattr(grammar, "_matcher", lambda _: pytest.fail("compiled twice"))
    first, second = (grammar.json_schema({"const": "한 번", "title": "…"}) for _ in range(2))
    one, other = first(), second()
    one.accept(grammar.tokenizer.encode('"')[0])
    other.accept(grammar.tokenizer.encode('"')[0])


def test_the_event_loop_does_not_wait_for_grammars(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []

    async def run() -> None:
        model = await AsyncModel.open("nano")
        compiled = model.model._compiled

        def slow(*args: Any) -> Any:
            threads.append(threading.current_thread().name)
            time.sleep(0.2)
            return compiled(*args)

        monkeypatch.setattr(model.model, "_compiled", slow)
        question = [{"role": "user", "content": "하나"}]
        asked = asyncio.create_task(model.reply(question, constraint={"const": "가"}))
        plain = await model.reply(question)  # is not kept waiting by it
        assert not asked.done() or plain
        assert (await asked).text == '"가"'

    asyncio.run(run())
    assert threads[0].startswith("adotx-grammar")
