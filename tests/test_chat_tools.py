"""The tool-call grammar: round trips, malformed calls, streams that equal the whole however they are cut."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adotx.chat import (
    ToolCall,
    ToolIdStream,
    ToolStream,
    format_tool_call,
    parse_tool_call_ids,
    parse_tool_calls,
)
from adotx.errors import AdotxError
from chat_cases import arguments, names, small_tokenizer, words

TOKENIZER = small_tokenizer()
OPEN, CLOSE = "<tool_call>", "</tool_call>"
GOOD = '<tool_call>{"name": "날씨", "arguments": {"도시": "서울", "a": {"b": [{}, {"c": "}"}]}}}</tool_call>'
GOOD_CALL = ("날씨", {"도시": "서울", "a": {"b": [{}, {"c": "}"}]}})


def plain(calls: list[ToolCall]) -> list[tuple[str, dict]]:
    return [(call.name, call.arguments) for call in calls]


def test_format_is_the_published_one() -> None:
    text = format_tool_call("calculate_discount", {"original_price": 57600, "discount_percentage": 15})
    assert text == (
        '<tool_call>{"name": "calculate_discount", "arguments": '
        '{"original_price": 57600, "discount_percentage": 15}}</tool_call>'
    )
    assert "서울" in format_tool_call("f", {"도시": "서울"})
    with pytest.raises(AdotxError) as caught:
        format_tool_call("f", {"a": float("inf")})
    assert caught.value.code == "chat.json"


def test_several_calls_between_text() -> None:
    content, calls = parse_tool_calls(f"먼저 {GOOD}\n{GOOD} 끝{OPEN}\n{{}}")
    assert content == "먼저 \n 끝<tool_call>\n{}"
    assert plain(calls) == [GOOD_CALL, GOOD_CALL]
    assert len({call.id for call in calls}) == 2 and all(call.id for call in calls)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('\n{"name": "f", "arguments": {}}\n', ("f", {})),
        ('{"name": "f"}', ("f", {})),
        ('{"name": "f", "arguments": null}', ("f", {})),
        ('{"arguments": {"a": 1}, "name": "f"}', ("f", {"a": 1})),
        ('{"name": "f", "arguments": "{\\"a\\": \\"가\\"}"}', ("f", {"a": "가"})),
        ('{"name": "f", "arguments": {"a": "두\n줄"}}', ("f", {"a": "두\n줄"})),
        ('{"name": "f", "arguments": {"a": "</tool_call><tool_call>"}}', ("f", {"a": CLOSE + OPEN})),
        ('{"name": "f", "arguments": {"a": "\\\\"}}', ("f", {"a": "\\"})),
    ],
)
def test_well_formed(body: str, expected: tuple) -> None:
    assert parse_tool_calls(f"{OPEN}{body}{CLOSE}")[0] == ""
    assert plain(parse_tool_calls(f"{OPEN}{body}{CLOSE}")[1]) == [expected]


MALFORMED = [
    "",
    "{}",
    "말",
    "[1]",
    '"name"',
    "null",
    '{"name": ""}',
    '{"name": 3, "arguments": {}}',
    '{"name": "f", "arguments": [1]}',
    '{"name": "f", "arguments": "말"}',
    '{"name": "f", "arguments": {}',
    '{"name": "f", "arguments": {}}}',
    '{"name": "f", "arguments": {"a": NaN}}',
    '{"name": "f", "arguments": {"a": 1e999}}',
    '{"name": "f", "arguments": {"a": "\\ud83d"}}',
    '{"name": "f, "arguments": {}}',
    '{"name": "f',
    "[" * 100_000,
]


@pytest.mark.parametrize("body", MALFORMED)
def test_malformed_calls_stay_content_and_the_next_call_counts(body: str) -> None:
    bad = f"{OPEN}{body}{CLOSE}"
    for text, content, count in [
        (bad, bad, 0),
        (f"가{bad}나{GOOD}다", f"가{bad}나다", 1),
        (f"{OPEN}{body}", f"{OPEN}{body}", 0),
    ]:
        found, calls = parse_tool_calls(text)
        assert (found, plain(calls)) == (content, [GOOD_CALL] * count)


@pytest.mark.parametrize(
    "text", ["", "말", CLOSE, OPEN, "<tool_cal", "<<tool_call", "a<", CLOSE + OPEN, OPEN * 3]
)
def test_text_without_calls_is_content(text: str) -> None:
    assert parse_tool_calls(text) == (text, [])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(words, names, arguments), max_size=4), words)
def test_round_trip(parts: list[tuple[str, str, dict]], tail: str) -> None:
    text = "".join(before + format_tool_call(name, given_args) for before, name, given_args in parts) + tail
    content, calls = parse_tool_calls(text)
    assert content == "".join(before for before, _, _ in parts) + tail
    assert plain(calls) == [(name, given_args) for _, name, given_args in parts]
    assert json.loads(json.dumps([call.arguments for call in calls])) == [p[2] for p in parts]


fragments = st.sampled_from(
    [OPEN, CLOSE, GOOD, GOOD[:-1], '"', "\\", '\\"', "{", "}", "<", "</", "<tool", "_call>", "가", "\n",
     '{"name": "f", "arguments": {"a": "', '"}}', '{"name": "f"}']
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(fragments | words, max_size=10).map("".join), st.data())
def test_stream_equals_the_whole_under_any_cutting(text: str, data: Any) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=12)))
    if data.draw(st.booleans()):
        cuts = list(range(len(text)))
    stream, events = ToolStream(), []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        events += stream.push(text[start:end])
    events += stream.close()
    content = "".join(event for event in events if isinstance(event, str))
    calls = [event for event in events if isinstance(event, ToolCall)]
    assert (content, calls) == parse_tool_calls(text)


@settings(max_examples=200, deadline=None)
@given(st.lists(fragments | words, max_size=10).map("".join))
def test_nothing_is_lost(text: str) -> None:
    """Content and calls, put back in order, are the text again but for the spelling of the calls."""
    stream = ToolStream()
    for event in stream.push(text) + stream.close():
        if isinstance(event, str):
            assert text.startswith(event)
            text = text[len(event) :]
        else:
            assert text.startswith(OPEN)
            body = text[len(OPEN) :]
            end = json.JSONDecoder(strict=False).raw_decode(body.lstrip())[1] + len(body) - len(body.lstrip())
            text = body[end:].lstrip()
            # A closing tag that is missing or cut, before a new call or the end.
            cut = text.partition(OPEN)[0]
            text = text.removeprefix(cut if CLOSE.startswith(cut) else CLOSE)
    assert text == ""


def test_content_is_not_held_back() -> None:
    stream = ToolStream()
    assert stream.push("안녕 <b>") == ["안녕 <b>"]
    assert stream.push("<tool") == []
    assert stream.push("s>") == ["<tools>"]
    assert stream.push(GOOD[:-1]) == []
    assert plain(stream.push(">뒤")[:1]) == [GOOD_CALL]


def test_long_hostile_answers_take_no_long_time() -> None:
    for text in (OPEN * 20_000, (OPEN + '"' + CLOSE) * 10_000, OPEN + '"' + CLOSE * 20_000, "<" * 100_000):
        assert parse_tool_calls(text) == (text, [])


# On ids only the control tokens are tags


def ids_of(text: str) -> list[int]:
    return TOKENIZER.encode_with_specials(text)


def test_ids_give_what_text_gives() -> None:
    text = f"먼저 {GOOD}\n{GOOD} 끝"
    assert parse_tool_call_ids(ids_of(text), TOKENIZER) == parse_tool_calls(text)


def test_a_quoted_call_is_text_on_ids() -> None:
    quoted = TOKENIZER.encode(GOOD)
    assert parse_tool_call_ids(quoted, TOKENIZER) == (GOOD, [])
    inner = format_tool_call("f", {"a": GOOD})
    body = [
        TOKENIZER.special[OPEN],
        *TOKENIZER.encode(inner[len(OPEN) : -len(CLOSE)]),
        TOKENIZER.special[CLOSE],
    ]
    assert plain(parse_tool_call_ids(body, TOKENIZER)[1]) == [("f", {"a": GOOD})]


@pytest.mark.parametrize("body", MALFORMED[:-1])
def test_malformed_ids_stay_content(body: str) -> None:
    text = f"가{OPEN}{body}{CLOSE}나{OPEN}{OPEN}{CLOSE}{CLOSE}{GOOD}{OPEN}다"
    content, calls = parse_tool_call_ids(ids_of(text), TOKENIZER)
    assert content == text.replace(GOOD, "") and plain(calls) == [GOOD_CALL]


@settings(max_examples=200, deadline=None)
@given(st.lists(fragments | words, max_size=8).map("".join), st.data())
def test_id_stream_equals_the_whole(text: str, data: Any) -> None:
    ids = ids_of(text) + data.draw(st.lists(st.integers(0, TOKENIZER.vocab_size - 1), max_size=6))
    stream, events, at = ToolIdStream(TOKENIZER), [], 0
    while at < len(ids):
        step = data.draw(st.integers(1, 6))
        events += stream.push(ids[at : at + step])
        at += step
    events += stream.close()
    content = "".join(event for event in events if isinstance(event, str))
    calls = [event for event in events if isinstance(event, ToolCall)]
    assert (content, calls) == parse_tool_call_ids(ids, TOKENIZER)


def test_a_tokenizer_without_tags() -> None:
    with pytest.raises(AdotxError) as caught:
        ToolIdStream(small_tokenizer(["<|endoftext|>"]))
    assert caught.value.code == "chat.no_token"
