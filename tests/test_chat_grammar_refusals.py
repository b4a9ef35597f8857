"""Grammars that are refused: what is wrong is named, and where it stands."""

from __future__ import annotations

from typing import Any

import pytest

from adotx.chat.grammar import Grammar
from adotx.chat.schema import MAX_CHARACTERS, MAX_DEPTH
from adotx.checkpoint import open_checkpoint
from adotx.errors import AdotxError

WEATHER = {"name": "날씨", "parameters": {"type": "object"}}
NOW = {"type": "function", "function": {"name": "now"}}


@pytest.fixture(scope="module")
def nano() -> Grammar:
    checkpoint = open_checkpoint("nano")
    return Grammar(checkpoint.tokenizer, checkpoint.eos_ids)


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    for _ in range(levels):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "code", "where"),
    [
        ({"properties": {"가": {"items": {"not": {}}}}}, "grammar.schema", "schema/properties/가/items"),
        ({"properties": {"a/b~": {"type": "odd"}}}, "grammar.schema", "schema/properties/a~1b~0"),
        (
            {"anyOf": [{"type": "null"}, {"type": "string", "pattern": "(?=x)"}]},
            "grammar.schema",
            "schema/anyOf/1",
        ),
        ({"$defs": {"x": {"enum": []}}, "$ref": "#/$defs/x"}, "grammar.schema", "schema/$defs/x"),
        ({"$ref": "#/$defs/none"}, "grammar.schema", "schema"),
        ({"$ref": "http://example.com/schema"}, "grammar.schema", "schema"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "grammar.schema", "schema"),
        ({"x-guidance": {"lenient": True}, "uniqueItems": True, "type": "array"}, "grammar.schema", "schema"),
        (False, "grammar.schema", "schema"),
        ([], "grammar.schema", "schema"),
        ('{"type":', "grammar.schema", "schema"),
        ({"const": "\ud800"}, "grammar.schema", "schema"),
        ({"const": float("inf")}, "chat.json", "schema"),
        (nested(MAX_DEPTH + 2), "grammar.too_large", "schema"),
        ({"const": "가" * MAX_CHARACTERS}, "grammar.too_large", "schema"),
        (" " * (MAX_CHARACTERS + 1), "grammar.too_large", "schema"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_schemas_are_refused_with_the_place(nano: Grammar, schema: Any, code: str, where: str) -> None:
    with pytest.raises(AdotxError) as caught:
        nano.json_schema(schema)
    assert (caught.value.code, caught.value.where) == (code, where)
    assert "llguidance {" not in str(caught.value) and len(str(caught.value)) < 500


def test_what_lies_within_the_limits_compiles(nano: Grammar) -> None:
    nano.json_schema(nested(MAX_DEPTH - 2))
    nano.json_schema({"enum": [f"항목 {i}" for i in range(5000)]})


@pytest.mark.parametrize(
    ("pattern", "code"),
    [
        ("(", "grammar.regex"),
        ("(?=a)b", "grammar.regex"),
        (r"\1", "grammar.regex"),
        (r"\bfoo", "grammar.regex"),
        ("\udc00", "grammar.regex"),
        ("a" * (MAX_CHARACTERS + 1), "grammar.too_large"),
        (5, "grammar.type"),
    ],
    ids=lambda value: str(value)[:20].encode("ascii", "replace").decode(),
)
def test_expressions_are_refused(nano: Grammar, pattern: Any, code: str) -> None:
    with pytest.raises(AdotxError) as caught:
        nano.regex(pattern)
    assert caught.value.code == code


@pytest.mark.parametrize("text", ["start: foo", "start: (", "%llguidance {}\nstart: /x/", ""])
def test_lark_grammars_are_refused(nano: Grammar, text: str) -> None:
    with pytest.raises(AdotxError) as caught:
        nano.lark(text)
    assert caught.value.code == "grammar.lark"


@pytest.mark.parametrize(
    ("tools", "options", "code", "where"),
    [
        ([], {}, "grammar.tools", "tools"),
        ("now", {}, "grammar.tools", "tools"),
        ([WEATHER, NOW], {"name": "none"}, "grammar.tools", "tools"),
        ([{"function": {}}], {}, "grammar.tools", "tools[0]"),
        ([WEATHER, NOW, {"name": "now"}], {}, "grammar.tools", "tools[2]"),
        ([{"name": "a", "parameters": {"type": "string"}}], {}, "grammar.tools", "tools[0].parameters"),
        (
            [WEATHER, {"function": {"name": "b", "parameters": {"properties": {"x": {"not": {}}}}}}],
            {},
            "grammar.schema",
            "tools[1].function.parameters/properties/x",
        ),
    ],
)
def test_tools_are_refused_with_the_place(
    nano: Grammar, tools: Any, options: Any, code: str, where: str
) -> None:
    with pytest.raises(AdotxError) as caught:
        nano.tool_calls(tools, **options)
    assert (caught.value.code, caught.value.where) == (code, where)


def test_an_id_that_the_mask_forbids_is_an_error(nano: Grammar) -> None:
    with pytest.raises(AdotxError) as caught:
        nano.json_object()().accept(nano.tokenizer.encode("가")[0])
    assert caught.value.code == "grammar.too_complex"
