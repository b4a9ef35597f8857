"""Stop strings: whatever the cuts, the text before the first one; and answers read with them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adotx.chat import AnswerStream, StopFinder, ToolCall, read_stop_strings
from adotx.errors import AdotxError
from chat_cases import small_tokenizer
from scripted_answers import cut_anyhow

TOKENIZER = small_tokenizer()
# Few letters, so that strings occur, overlap and begin alike.
letters = st.text(st.sampled_from("ab한글🚀"), max_size=24)
strings = st.lists(st.text(st.sampled_from("ab한글🚀"), min_size=1, max_size=5), min_size=1, max_size=4)


def pieces_of(text: str, cuts: list[int]) -> list[str]:
    borders = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[a:b] for a, b in pairwise(borders)]


def before(text: str, stop: list[str]) -> tuple[str, bool]:
    """What the definition says: the text before the string that begins first, and whether there is one."""
    starts = [text.find(string) for string in stop if string in text]
    return (text[: min(starts)], True) if starts else (text, False)


@settings(max_examples=500, deadline=None)
@given(letters, strings, st.lists(st.integers(0, 100), max_size=24))
def test_any_cutting_gives_what_find_gives_on_the_whole(text: str, stop: list[str], cuts: list[int]) -> None:
    finder = StopFinder(stop)
    out = "".join(finder.push(piece) for piece in pieces_of(text, cuts)) + finder.close()
    assert (out, finder.found) == before(text, stop)


@settings(max_examples=300, deadline=None)
@given(letters, strings)
def test_nothing_is_held_back_without_need(text: str, stop: list[str]) -> None:
    finder, out = StopFinder(stop), ""
    for i, char in enumerate(text, 1):
        out += finder.push(char)
        if finder.found:
            break
        # What is held is a beginning of some string, or begins with a whole one that another may precede.
        held = text[len(out) : i]
        starts = [held[k:] for k in range(len(held))]
        assert (
            not held
            or any(string.startswith(held) for string in stop)
            or any(string.startswith(end) for end in starts for string in stop)
        )
        assert not any(string in out for string in stop)


def test_what_turns_out_to_be_no_stop_string_is_released() -> None:
    finder = StopFinder(["###"])
    assert [finder.push(piece) for piece in ("a#", "#", "b", "##")] == ["a", "", "##b", ""]
    assert finder.close() == "##" and not finder.found


def test_the_string_that_begins_first_counts_even_if_another_is_whole_before() -> None:
    finder = StopFinder(["나다라마", "다라"])
    assert finder.push("가나다라") == "가" and not finder.found
    assert finder.push("마") == "" and finder.found
    assert finder.push("more") == "" and finder.close() == ""
    finder = StopFinder(["나다라마", "다라"])
    assert finder.push("가나다라") + finder.push("바") == "가나" and finder.found


@pytest.mark.parametrize("stop", ["", [""], ["a", ""], [1], b"a", [b"a"], 5, {"a": 1}])
def test_refusals(stop: object) -> None:
    with pytest.raises(AdotxError) as refusal:
        read_stop_strings(stop)  # type: ignore[arg-type]
    assert refusal.value.code == "chat.stop" and refusal.value.remedy


def test_one_string_is_no_list_of_letters() -> None:
    assert read_stop_strings("그만") == ("그만",)
    assert read_stop_strings(["a", "b"]) == ("a", "b")


# Answers: ids in


def read(stream: AnswerStream, ids: list[int]) -> list[str | ToolCall]:
    out = []
    for token in ids:
        out += stream.push([token])
        if stream.stopped:
            assert stream.push([token]) == stream.close() == []
            return out
    return out + stream.close()


def text_of(events: list[str | ToolCall]) -> str:
    return "".join(event for event in events if isinstance(event, str))


@settings(max_examples=200, deadline=None)
@given(letters, strings, st.integers(0, 1000), st.booleans())
def test_tokens_that_split_characters(text: str, stop: list[str], seed: int, tools: bool) -> None:
    events = read(AnswerStream(TOKENIZER, tools, stop), cut_anyhow(TOKENIZER, text, seed))
    assert text_of(events) == before(text, stop)[0]
    assert all(event and "\ufffd" not in event for event in events)


TAG, END = TOKENIZER.special["<tool_call>"], TOKENIZER.special["</tool_call>"]


def test_arguments_of_a_call_stop_nothing() -> None:
    body = TOKENIZER.encode('{"name": "f", "arguments": {"x": "그만"}}')
    ids = [*TOKENIZER.encode("가"), TAG, *body, END, *TOKENIZER.encode("나그만다")]
    events = read(AnswerStream(TOKENIZER, True, ["그만"]), ids)
    assert events[1] == ToolCall("f", {"x": "그만"}, "call_0")
    assert text_of(events) == "가나"


def test_no_stop_string_reaches_across_a_call() -> None:
    body = TOKENIZER.encode('{"name": "f", "arguments": {}}')
    ids = [*TOKENIZER.encode("가그"), TAG, *body, END, *TOKENIZER.encode("만나")]
    assert read(AnswerStream(TOKENIZER, True, ["그만"]), ids) == [
        "가",
        "그",
        ToolCall("f", {}, "call_0"),
        "만",
        "나",
    ]
    # A string that is whole before the call, but waited for one that began earlier, ends the answer there.
    ids = [*TOKENIZER.encode("가나다"), TAG, *body, END]
    stream = AnswerStream(TOKENIZER, True, ["가나다라", "나"])
    assert read(stream, ids) == ["가"] and stream.stopped


@pytest.mark.parametrize("tools", [True, False])
def test_what_is_no_call_is_text_and_is_searched(tools: bool) -> None:
    ids = [*TOKENIZER.encode("가"), TAG, *TOKENIZER.encode("no call 그만"), END, *TOKENIZER.encode("나")]
    stream = AnswerStream(TOKENIZER, tools, ["그만"])
    assert text_of(read(stream, ids)) == "가<tool_call>no call " and stream.stopped
    stream = AnswerStream(TOKENIZER, tools, ["</tool_call>"])
    assert text_of(read(stream, ids)) == "가<tool_call>no call 그만" and stream.stopped
    unfinished = ids[: ids.index(END)]
    assert text_of(read(AnswerStream(TOKENIZER, tools, ["그만"]), unfinished)) == "가<tool_call>no call "


@settings(max_examples=100, deadline=None)
@given(letters, st.integers(0, 1000), st.integers(0, 60))
def test_index_of_an_id_in_the_text(text: str, seed: int, at: int) -> None:
    ids = cut_anyhow(TOKENIZER, text, seed)[:]
    at = min(at, len(ids))
    data = b"".join(TOKENIZER.token_bytes(i) for i in ids[:at])
    # The character that the border falls into, or the one that begins there.
    expected = len(data.decode("utf-8", "ignore"))
    assert AnswerStream(TOKENIZER).index(ids[:at], text) == expected
