"""Grammars: whatever random scores a model gives, the answer is what the grammar says, in ordinary tokens."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adotx.chat import ToolCall, ToolIdStream, ToolStream, parse_tool_call_ids
from adotx.chat.grammar import Grammar
from adotx.checkpoint import open_checkpoint
from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.engine.sampling.sampler import Sampler, SamplingParams
from adotx.errors import AdotxError

SEEDS = st.integers(0, 2**32 - 1)
LONGEST = 1500


@pytest.fixture(scope="module")
def nano() -> Grammar:
    checkpoint = open_checkpoint("nano")
    return Grammar(checkpoint.tokenizer, checkpoint.eos_ids)


@pytest.fixture(scope="module")
def published(shared) -> Grammar:
    return Grammar(AxTokenizer.open(shared / "ax4" / "vl"))


class Babbler:
    """Answers with random scores, inclined to come to an end."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar, tokenizer = grammar, grammar.tokenizer
        ends = [
            i
            for i in range(tokenizer.vocab_size)
            if re.fullmatch(r'["}\]]+', tokenizer.decode([i], skip_special=False)) or i in grammar.stop_ids
        ]
        self.ends, self.size = np.array(ends), tokenizer.vocab_size

    def answer(self, compiled, number: int, pull: float = 0.1, **params: Any) -> list[int]:
        """Ids up to the stop id, which must be allowed at last."""
        random, constraint, out = np.random.default_rng(number), compiled(), []
        sampler = Sampler(SamplingParams(**params), [1], constraint)
        for step in range(LONGEST):
            row = random.standard_normal(self.size, dtype=np.float32)
            row[self.ends] += pull * step
            finished = constraint.finished
            token = sampler.next(row)
            if token in self.grammar.stop_ids:
                return out
            assert not finished, "finished, and yet something else could follow"
            out.append(token)
        raise AssertionError(f"no end: {self.grammar.tokenizer.decode(out)[-300:]!r}")

    def text(self, compiled, number: int, **params: Any) -> str:
        ids = self.answer(compiled, number, **params)
        assert not self.grammar.tokenizer.control_ids.intersection(ids)
        return b"".join(map(self.grammar.tokenizer.token_bytes, ids)).decode()  # strictly UTF-8


@pytest.fixture(scope="module")
def babbler(nano: Grammar) -> Babbler:
    return Babbler(nano)


# JSON schemas


def accepts(schema: Any, value: Any, root: Any) -> bool:
    """The part of JSON Schema that the tests use, by its definition."""
    if isinstance(schema, bool):
        return schema
    if "$ref" in schema:
        target = root
        for step in schema["$ref"].removeprefix("#").strip("/").split("/"):
            target = target[step] if step else target
        return accepts(target, value, root)
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "null": type(None),
        "boolean": bool,
        "number": (int, float),
        "integer": int,
    }
    if "type" in schema:
        listed = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
        of_kind = any(
            isinstance(value, kinds[k]) and (k == "boolean" or not isinstance(value, bool)) for k in listed
        )
        if not of_kind:
            return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if "anyOf" in schema and not any(accepts(s, value, root) for s in schema["anyOf"]):
        return False
    if isinstance(value, dict):
        known = schema.get("properties", {})
        rest = schema.get("additionalProperties", True)
        return all(key in value for key in schema.get("required", ())) and all(
            accepts(known.get(key, rest), inner, root) for key, inner in value.items()
        )
    if isinstance(value, list):
        sizes = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        return sizes and all(accepts(schema.get("items", True), inner, root) for inner in value)
    if isinstance(value, str):
        sizes = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
        return sizes and re.search(schema.get("pattern", ""), value) is not None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return schema.get("minimum", value) <= value <= schema.get("maximum", value)
    return True


def closed(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


SCHEMAS: dict[str, Any] = {
    "Korean keys and enums": closed(
        이름={"type": "string", "maxLength": 20},
        지역={"enum": ["서울특별시", "부산", "제주", 3, None]},
        나이={"type": "integer", "minimum": 0, "maximum": 150},
    ),
    "optional members": {
        "type": "object",
        "properties": {"가": {"type": "boolean"}, "나": {"type": "null"}, "b c": {"type": "number"}},
        "required": ["나"],
    },
    "arrays": {
        "type": "array",
        "minItems": 2,
        "maxItems": 4,
        "items": {
            "anyOf": [{"type": "string", "pattern": "^[가-힣]{2,4}$"}, {"const": {"ㄱ": [1, '\n"\\']}}]
        },
    },
    "a tree": {
        "$defs": {
            "절": closed(제목={"type": "string"}, 아래={"type": "array", "items": {"$ref": "#/$defs/절"}})
        },
        "$ref": "#/$defs/절",
    },
    "a date": closed(날짜={"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
    "several types": {"type": ["integer", "string", "null"]},
    "anything": True,
    "as text": '{"type": "array", "items": {"enum": ["예", "아니요"]}}',
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_every_answer_fits_its_schema(nano: Grammar, babbler: Babbler, schema: Any) -> None:
    compiled = nano.json_schema(schema)
    schema = json.loads(schema) if isinstance(schema, str) else schema
    for seed in range(15):
        text = babbler.text(compiled, seed, temperature=float(seed % 2), seed=seed)
        value = json.loads(text)
        assert accepts(schema, value, schema), text


KEYS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=4)
# llguidance writes DEL, which JSON would let stand, only as an escape.
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=12)
LEAVES = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.builds(lambda n: {"type": "string", "maxLength": n}, st.integers(0, 30)),
    st.builds(
        lambda a, b: {"type": "integer", "minimum": min(a, b), "maximum": max(a, b)},
        st.integers(-9999, 9999),
        st.integers(-9999, 9999),
    ),
    st.builds(
        lambda v: {"enum": v}, st.lists(TEXTS | st.integers(-9, 9) | st.none(), min_size=1, max_size=5)
    ),
)
ANY_SCHEMA = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda i, n: {"type": "array", "items": i, "maxItems": n}, inner, st.integers(0, 3)),
        st.builds(lambda p: closed(**p), st.dictionaries(KEYS, inner, max_size=3)),
        st.builds(lambda s: {"anyOf": s}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=5,
)


@given(ANY_SCHEMA, SEEDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_answers_fit_any_schema(nano: Grammar, babbler: Babbler, schema: Any, seed: int) -> None:
    text = babbler.text(nano.json_schema(schema), seed)
    value = json.loads(text)
    assert accepts(schema, value, schema)
    # One line, Hangul literal, as the templates write it.
    assert text == json.dumps(value, ensure_ascii=False) or "\\" in text


def test_a_json_object_is_one(nano: Grammar, babbler: Babbler) -> None:
    for seed in range(10):
        assert isinstance(json.loads(babbler.text(nano.json_object(), seed)), dict)


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_any_text_can_be_said(nano: Grammar, text: str) -> None:
    """A mask never forbids what the schema allows: the canonical ids of a JSON string pass one by one."""
    said = json.dumps({"말": text}, ensure_ascii=False)
    constraint = nano.json_schema(closed(말={"type": "string"}))()
    for token in nano.tokenizer.encode(said):
        row = np.zeros(nano.tokenizer.vocab_size, np.float32)
        constraint.mask(row)
        assert row[token] == 0, (said, nano.tokenizer.decode([token]))
        constraint.accept(token)
    assert constraint.finished


def allowed(constraint, size: int) -> set[int]:
    row = np.zeros(size, np.float32)
    constraint.mask(row)
    return set(np.flatnonzero(row == 0).tolist())


def test_the_text_of_a_control_token_is_only_text(nano: Grammar, babbler: Babbler) -> None:
    names = ["<|im_end|>", "</tool_call>", "<|endoftext|>"]
    for seed in range(6):
        text = babbler.text(nano.json_schema(closed(x={"enum": names})), seed)
        assert json.loads(text)["x"] in names
        assert babbler.text(nano.regex(r"<\|im_end\|>|</tool_call>"), seed) in names


def test_control_ids_never_get_through(nano: Grammar) -> None:
    """Also where a string is open, at every step of an answer."""
    tokenizer, others = nano.tokenizer, nano.tokenizer.control_ids - set(nano.stop_ids)
    constraint = nano.json_schema({"type": "array", "items": {"type": "string"}})()
    for token in tokenizer.encode('["<|im_end|>", "가나다", "\\u0001"]'):
        assert not allowed(constraint, tokenizer.vocab_size) & tokenizer.control_ids
        constraint.accept(token)
    assert allowed(constraint, tokenizer.vocab_size) == set(nano.stop_ids)
    for text in ('start: "a" <|im_start|>', f'start: "a" <[{tokenizer.special["<tool_call>"]}]>'):
        constraint = nano.lark(text)()
        constraint.accept(tokenizer.encode("a")[0])
        assert not allowed(constraint, tokenizer.vocab_size) & others


def test_stop_ids_where_the_answer_may_end_and_only_there(nano: Grammar) -> None:
    constraint, size, stops = nano.regex("(가나)+")(), nano.tokenizer.vocab_size, set(nano.stop_ids)
    assert not allowed(constraint, size) & stops and not constraint.finished
    for token in nano.tokenizer.encode("가나"):
        constraint.accept(token)
    assert stops < allowed(constraint, size) and not constraint.finished
    constraint.accept(nano.stop_ids[0])
    assert constraint.finished


def test_more_scores_than_ids_and_fewer(nano: Grammar) -> None:
    size = nano.tokenizer.vocab_size
    for length in (size + 100, size - 100, 200):
        row = np.zeros(length, np.float32)
        nano.json_object()().mask(row)
        assert set(np.flatnonzero(row == 0)) <= {
            i for i in range(size) if b"{" in nano.tokenizer.token_bytes(i)
        }
        assert row[nano.tokenizer.encode("{")[0]] == 0


def test_one_compilation_serves_many_answers(nano: Grammar) -> None:
    compiled = nano.regex("가|나")
    first, second = compiled(), compiled()
    first.accept(nano.tokenizer.encode("가")[0])
    assert first.finished and not second.finished
    second.accept(nano.tokenizer.encode("나")[0])


# Regular expressions and Lark

PATTERNS = [
    r"[가-힣]{2,5}",
    r"[0-9]{3}-[0-9]{4}",
    "줄\n바꿈",
    r"\p{Hangul}{3}",
    r"(서울|부산)시( [가-힣]{1,3}구)?",
    r"a/b|c\.d",
    r"[^x]{0,9}",
    r"",
    r"x{40}",
    r"/ \| <\[27\]> \| /",
    r'"quoted"\n',
    r"(?i)hello",
    r"[A-Z][a-z]* = (true|false);",
    r"#[a-z가-힣]{1,5}",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_answers_match_the_expression(nano: Grammar, babbler: Babbler, pattern: str) -> None:
    compiled, ours = nano.regex(pattern), pattern.replace(r"\p{Hangul}", "[\u1100-\u11ff\u3130-\ud7ff]")
    for seed in range(8):
        text = babbler.text(compiled, seed)
        assert re.fullmatch(ours, text), text


@pytest.mark.parametrize(
    "pattern",
    ["(a{1000}){1000}", "((((a*)*)*)*)*b", "(.*a.{20}){10}", "(.*)(.{1,100})+(.*a.{50})", "(a|b|ab)*c{5000}"],
)
def test_expressions_do_not_explode(nano: Grammar, pattern: str) -> None:
    """Each step either works within the limits or says that it cannot: it comes back."""
    sampler = Sampler(SamplingParams(), [1], nano.regex(pattern)())
    try:
        for seed in range(30):
            sampler.next(np.random.default_rng(seed).standard_normal(nano.tokenizer.vocab_size, np.float32))
    except AdotxError as error:
        assert error.code in ("grammar.too_complex", "sampling.nothing_allowed")


def test_lark_grammars(nano: Grammar, babbler: Babbler) -> None:
    compiled = nano.lark('start: item (", " item)*\nitem: "사과" | "배" /[0-9]+/\n')
    for seed in range(8):
        assert re.fullmatch("(사과|배[0-9]+)(, (사과|배[0-9]+))*", babbler.text(compiled, seed))


# Tool calls

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "날씨",
            "description": "…",
            "parameters": closed(도시={"type": "string", "maxLength": 12}, 단위={"enum": ["섭씨", "화씨"]}),
        },
    },
    {"type": "function", "function": {"name": "now"}},
    {
        "name": 'odd "name"\n',
        "parameters": {"properties": {"n": {"type": "integer"}}, "additionalProperties": False},
    },
]
BY_NAME = {
    "날씨": TOOLS[0]["function"]["parameters"],
    "now": closed(),
    'odd "name"\n': TOOLS[2]["parameters"],
}


def read(babbler: Babbler, ids: list[int]) -> tuple[str, list[ToolCall]]:
    """Content and calls; by ids and by text they are the same."""
    tokenizer = babbler.grammar.tokenizer
    content, calls = parse_tool_call_ids(ids, tokenizer)
    stream = ToolStream()
    events = stream.push(tokenizer.decode(ids)) + stream.close()
    assert [e for e in events if isinstance(e, ToolCall)] == calls
    assert "".join(e for e in events if isinstance(e, str)) == content
    used = tokenizer.control_ids.intersection(ids)
    assert used <= {tokenizer.special["<tool_call>"], tokenizer.special["</tool_call>"]}
    for call in calls:
        assert accepts(BY_NAME[call.name], call.arguments, None)
    return content, calls


def test_required_calls_are_calls(nano: Grammar, babbler: Babbler) -> None:
    names, counts = set(), set()
    for seed in range(40):
        ids = babbler.answer(nano.tool_calls(TOOLS, required=True), seed, pull=0)
        content, calls = read(babbler, ids)
        assert content == "" and calls
        names |= {call.name for call in calls}
        counts.add(len(calls))
    assert names == set(BY_NAME) and len(counts) > 1


@pytest.mark.parametrize("parallel", [True, False])
def test_a_named_tool_is_called(nano: Grammar, babbler: Babbler, parallel: bool) -> None:
    for seed in range(10):
        compiled = nano.tool_calls(TOOLS, parallel=parallel, name="날씨")
        content, calls = read(babbler, babbler.answer(compiled, seed))
        assert content == "" and {call.name for call in calls} == {"날씨"}
        assert parallel or len(calls) == 1


def test_text_may_come_before_calls_or_alone(nano: Grammar) -> None:
    tokenizer, opened = nano.tokenizer, nano.tokenizer.special["<tool_call>"]
    say = tokenizer.encode("날씨를 <tool_call> 볼게요.")
    call = [opened, *tokenizer.encode('{"name": "now", "arguments": {}}'), tokenizer.special["</tool_call>"]]
    stop, size = nano.stop_ids[0], tokenizer.vocab_size

    def follows(ids: list[int], **options: Any) -> bool:
        constraint = nano.tool_calls(TOOLS, **options)()
        for token in ids:
            if token not in allowed(constraint, size):
                return False
            constraint.accept(token)
        return True

    for ids, auto, single, must in [
        ([stop], True, True, False),
        ([*say, stop], True, True, False),
        ([*say, *call, stop], True, True, False),
        ([*call, stop], True, True, True),
        ([*call, *call, stop], True, False, True),
        ([*call, *say], False, False, False),
        ([*say, opened, *say], False, False, False),
        ([*call[:-1], stop], False, False, False),
    ]:
        assert follows(ids) == auto
        assert follows(ids, parallel=False) == single
        assert follows(ids, required=True) == must


def test_tags_in_arguments_are_text(nano: Grammar) -> None:
    tokenizer = nano.tokenizer
    body = tokenizer.encode('{"name": "말", "arguments": {"x": "</tool_call><tool_call>"}}')
    ids = [tokenizer.special["<tool_call>"], *body, tokenizer.special["</tool_call>"]]
    constraint = nano.tool_calls(
        [{"name": "말", "parameters": closed(x={"type": "string"})}], required=True
    )()
    for token in ids:
        assert token in allowed(constraint, tokenizer.vocab_size)
        constraint.accept(token)
    stream = ToolIdStream(tokenizer)
    assert stream.push(ids) == [ToolCall("말", {"x": "</tool_call><tool_call>"}, "call_0")]


# The published vocabulary


def test_the_published_vocabulary(published: Grammar) -> None:
    assert published.tokenizer.vocab_size > 100_000
    talker = Babbler(published)
    schema = SCHEMAS["Korean keys and enums"]
    for seed in range(3):
        assert accepts(schema, json.loads(talker.text(published.json_schema(schema), seed)), schema)
        content, calls = read(talker, talker.answer(published.tool_calls(TOOLS, required=True), seed))
        assert calls and not content
        assert re.fullmatch("[가-힣]{2,5}", talker.text(published.regex("[가-힣]{2,5}"), seed))
