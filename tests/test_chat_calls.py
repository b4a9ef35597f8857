"""One call's JSON as it comes: the pieces joined are the whole, however the answer is cut."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adotx.chat import AnswerStream, CallDelta, ToolCall, ToolIdStream, parse_tool_call_ids, parse_tool_calls
from adotx.chat.calls import CallReader, joined, new_call_id
from adotx.chat.tools import Event, format_tool_call
from chat_cases import arguments, names, small_tokenizer, words

TOKENIZER = small_tokenizer()
OPEN, CLOSE = "<tool_call>", "</tool_call>"
#: a piece of JSON text whose escapes are whole, both halves of a surrogate pair included
WHOLE_ESCAPES = re.compile(
    r"(?:[^\\]|\\[^u]|\\u[dD][89abAB]HH\\uHHHH|\\u(?![dD][89abAB])HHHH)*".replace("H", "[0-9a-fA-F]"), re.S
)


def ids_of(text: str) -> list[int]:
    return TOKENIZER.encode_with_specials(text)


def events_of(ids: Sequence[int], steps: Sequence[int] = (1,)) -> list[Event]:
    """What comes of an answer that comes in pieces of these lengths, again and again."""
    stream, events, at, turn = ToolIdStream(TOKENIZER, deltas=True), [], 0, 0
    while at < len(ids):
        step = steps[turn % len(steps)]
        events += stream.push(ids[at : at + step])
        at, turn = at + step, turn + 1
    return events + stream.close()


def pieces(events: list[Event]) -> dict[int, list[CallDelta]]:
    deltas = [event for event in events if isinstance(event, CallDelta)]
    return {index: list(group) for index, group in groupby(deltas, key=lambda delta: delta.index)}


def told(events: list[Event]) -> list[tuple[str, str]]:
    """(name, arguments) of each call, from its pieces."""
    calls = joined(event for event in events if isinstance(event, CallDelta))
    return [(call["function"]["name"], call["function"]["arguments"]) for call in calls]


def check_pieces(events: list[Event]) -> None:
    """What holds of any answer: a name first and once, then arguments, and calls as they were told."""
    groups = pieces(events)
    assert list(groups) == list(range(len(groups)))
    for first, *rest in groups.values():
        assert first.name and first.id and not first.arguments
        assert all(piece.arguments and not piece.name and not piece.id for piece in rest)
    for event in events:
        if isinstance(event, ToolCall):
            first, *rest = next(group for group in groups.values() if group[0].id == event.id)
            assert first.name == event.name
            assert json.loads("".join(piece.arguments for piece in rest)) == event.arguments
            assert event.message["function"]["arguments"] == "".join(piece.arguments for piece in rest)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(words, names, arguments), max_size=3),
    words,
    st.lists(st.integers(1, 9), min_size=1, max_size=5),
)
def test_pieces_joined_are_the_whole(parts: list[tuple[str, str, dict]], tail: str, steps: list[int]) -> None:
    ids: list[int] = []
    for before, name, given_args in parts:
        body = format_tool_call(name, given_args)[len(OPEN) : -len(CLOSE)]
        tags = TOKENIZER.special[OPEN], TOKENIZER.special[CLOSE]
        ids += [*TOKENIZER.encode(before), tags[0], *TOKENIZER.encode(body), tags[1]]
    ids += TOKENIZER.encode(tail)
    events = events_of(ids, steps)
    check_pieces(events)
    content, calls = parse_tool_call_ids(ids, TOKENIZER)
    assert [event for event in events if isinstance(event, ToolCall)] == calls
    assert "".join(event for event in events if isinstance(event, str)) == content
    assert [(name, json.loads(text)) for name, text in told(events)] == [
        (name, given_args) for _, name, given_args in parts
    ]


FRAGMENTS = st.sampled_from(
    [OPEN, CLOSE, '{"name": "f", "arguments": {', '"a": "', '"가": [', "}", "]", '"', "\\", "\\u", "\\ud83d",
     "\\ude00", "d55c", "한", "🚀", "1e999", "NaN", "\n", ', "name": "g"', ', "parameters": {}']
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(FRAGMENTS | words, max_size=12).map("".join), st.lists(st.integers(1, 9), min_size=1))
def test_any_answer_is_read(text: str, steps: list[int]) -> None:
    events, one_by_one = events_of(ids_of(text), steps), events_of(ids_of(text))
    check_pieces(events)
    assert told(events) == told(one_by_one)


def test_no_syllable_is_split() -> None:
    """All 11,172 syllables, jamo, Hanja and emoji, from tokens of one byte each."""
    syllables = "".join(map(chr, range(0xAC00, 0xD7A4)))
    said = {syllables: "ㄱㅏᄒ\u1161漢字🚀👩\u200d🚀", "말": [syllables[::-1]]}
    body = format_tool_call("한글", said)[len(OPEN) : -len(CLOSE)]
    bytes_of = {TOKENIZER.token_bytes(i): i for i in range(TOKENIZER.vocab_size)}
    ids = [bytes_of[bytes([byte])] for byte in body.encode()]
    events = events_of([TOKENIZER.special[OPEN], *ids, TOKENIZER.special[CLOSE]])
    [(_, text)] = told(events)
    assert "\ufffd" not in text and "\\u" not in text and json.loads(text) == said
    assert events[-1] == ToolCall("한글", said)


ESCAPED = (
    r'{"name": "f", "arguments": {"a\n\"": "\u0001\\ud83d \ud83d\ude00\uD83D\uDE80 \ud55c\t\\", '
    r'"b": "\ud83d\ude00"}}'
)


@given(st.lists(st.integers(0, len(ESCAPED)), max_size=20))
def test_no_escape_is_split(cuts: list[int]) -> None:
    reader, parts = CallReader(0, "id"), []
    ends = sorted(cuts)
    for start, end in zip([0, *ends], [*ends, len(ESCAPED)], strict=True):
        parts += [delta.arguments for delta in reader.push(ESCAPED[start:end])]
    assert all(WHOLE_ESCAPES.fullmatch(piece) for piece in parts)
    assert json.loads("".join(parts)) == json.loads(ESCAPED)["arguments"]


def test_pieces_come_as_the_tokens_come() -> None:
    reader = CallReader(2, "id")
    assert reader.push('{"name": "날씨", "argu') == []
    assert reader.push('ments": ') == []
    assert reader.push("{") == [CallDelta(2, id="id", name="날씨"), CallDelta(2, "{")]
    assert reader.push('"도시": "서') == [CallDelta(2, '"도시": "서')]
    assert reader.push('울"}}') == [CallDelta(2, '울"}')]
    assert reader.push(" ") == []


def test_the_messages_of_pieces() -> None:
    deltas = [CallDelta(0, id="a", name="f"), CallDelta(0, '{"x"'), CallDelta(1, id="b", name="g")]
    assert deltas[0].message == {
        "index": 0,
        "id": "a",
        "type": "function",
        "function": {"name": "f", "arguments": ""},
    }
    assert deltas[1].message == {"index": 0, "function": {"arguments": '{"x"'}}
    assert joined([*deltas, CallDelta(0, ": 1}"), CallDelta(1, "{}")]) == [
        {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}},
        {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_numbers_are_told_as_they_were_written() -> None:
    """A reader that makes a float of them would say something else."""
    body = '{"name": "f", "arguments": {"x": 0.10000000000000000555, "y": 1E2, "z": [-0, 1.50]}}'
    _, [call] = parse_tool_calls(OPEN + body + CLOSE)
    assert call.message["function"]["arguments"] == body[body.index('{"x"') : -1]
    assert call.arguments == {"x": 0.1, "y": 100.0, "z": [0, 1.5]}


def test_long_arguments_are_told_as_they_were_written() -> None:
    body = '{"name": "f", "arguments": {"x": 1.50, "y": "' + "가" * 2000 + '"}}'
    _, [call] = parse_tool_calls(OPEN + body + CLOSE)
    assert call.message["function"]["arguments"] == body[body.index('{"x"') : -1]


def test_raw_line_breaks_are_escaped() -> None:
    events = events_of(ids_of(f'{OPEN}{{"name": "f", "arguments":\n{{"a":\t"두\n줄"}}}}{CLOSE}'))
    check_pieces(events)
    assert events[-1] == ToolCall("f", {"a": "두\n줄"})


def test_a_call_that_was_cut_off_is_no_content() -> None:
    events = events_of(ids_of(f'말{OPEN}{{"name": "f", "arguments": {{"a": "서'))
    assert [event for event in events if isinstance(event, (str, ToolCall))] == ["말"]
    assert told(events) == [("f", '{"a": "서')]


@pytest.mark.parametrize(
    "body",
    [
        '{"arguments": {"a": 1}, "name": "f"}',
        '{"type": "function", "name": "f", "arguments": {"a": 1}}',
        '{"name": "f", "arguments": "{\\"a\\": 1}"}',
    ],
)
def test_calls_in_another_order_are_told_when_they_are_whole(body: str) -> None:
    events = events_of(ids_of(OPEN + body + CLOSE))
    check_pieces(events)
    assert events[-1] == ToolCall("f", {"a": 1}) and len(events) == 3


@pytest.mark.parametrize(
    "body",
    [
        *(
            f'{{"name": "삭제", "{key}": {{"경로": "/tmp/a"}}}}'
            for key in ("parameters", "args", "argument", "Arguments", "arguments ")
        ),
        '{"name": "삭제", "arguments": {}, "parameters": {"경로": "/tmp/a"}}',
        '{"name": "삭제", "arguments": {}, "arguments": {"경로": "/tmp/a"}}',
        '{"name": "삭제", "arguments": {"경로": "/tmp/a"}, "name": "읽기"}',
    ],
)
def test_arguments_under_another_key_are_content(body: str) -> None:
    text = f"가{OPEN}{body}{CLOSE}나"
    assert parse_tool_calls(text) == (text, [])
    assert parse_tool_call_ids(ids_of(text), TOKENIZER) == (text, [])
    assert not any(isinstance(event, ToolCall) for event in events_of(ids_of(text)))


CALL = f'{OPEN}{{"name": "날씨", "arguments": {{"도시": "<tool_call> </tool_call>"}}}}'
WEATHER = ToolCall("날씨", {"도시": "<tool_call> </tool_call>"})


@pytest.mark.parametrize("cut", [CLOSE[:length] for length in range(len(CLOSE) + 1)])
@pytest.mark.parametrize("after", ["", f"{OPEN}{{}}{CLOSE}", CALL])
def test_a_whole_call_counts_without_its_closing_tag(cut: str, after: str) -> None:
    body = TOKENIZER.encode(CALL[len(OPEN) :])
    opened, closed = TOKENIZER.special[OPEN], TOKENIZER.special[CLOSE]
    tag = [closed] if cut == CLOSE else TOKENIZER.encode(cut)
    call = [opened, *body]
    tail = [] if not after else call if after == CALL else [opened, *TOKENIZER.encode("{}"), closed]
    rest = "" if after == CALL else after
    calls = [WEATHER] * (2 if after == CALL else 1)
    assert parse_tool_call_ids([*call, *tag, *tail], TOKENIZER) == (rest, calls)
    assert parse_tool_calls(CALL + cut + after) == (rest, calls)


@pytest.mark.parametrize("after", [" 끝", "}", "</tool_calls", "</tool_c 끝"])
def test_other_text_after_an_unclosed_call_leaves_it_content(after: str) -> None:
    one = f'{OPEN}{{"name": "f", "arguments": {{}}}}{after}'
    assert parse_tool_calls(one) == (one, [])
    assert parse_tool_call_ids(ids_of(one), TOKENIZER) == (one, [])


def test_ids_of_calls_are_never_the_same() -> None:
    ids = [new_call_id() for _ in range(1000)]
    assert len(set(ids)) == 1000 and all(re.fullmatch("call_[0-9a-f]{24}", each) for each in ids)
    one = f'{OPEN}{{"name": "f", "arguments": {{}}}}{CLOSE}'
    turns = [parse_tool_calls(one * 2)[1] for _ in range(2)]
    assert len({call.id for calls in turns for call in calls}) == 4


def test_a_stop_string_is_not_sought_in_pieces_of_calls() -> None:
    ids = ids_of(f'가{OPEN}{{"name": "f", "arguments": {{"x": "그만"}}}}{CLOSE}그만 나')
    stream, events = AnswerStream(TOKENIZER, True, ["그만"], deltas=True), []
    for token in ids:
        events += stream.push([token])
    assert stream.stopped and events[-1] == ToolCall("f", {"x": "그만"})
    assert told(events) == [("f", '{"x": "그만"}')]


def test_long_hostile_calls_take_no_long_time() -> None:
    for body in (
        '{"name": "' + "가" * 20_000,
        '{"name": "f", "arguments": ' + '{"a":' * 20_000,
        '"\\' * 20_000,
    ):
        reader: Any = CallReader(0, "id")
        for start in range(0, len(body), 7):
            reader.push(body[start : start + 7])
        assert reader.whole(reader.body) is None
