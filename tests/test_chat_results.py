"""Results of tools by the ids of their calls, pictures in them; the developer role; answers that go on."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from adotx.chat import chat_template, render
from adotx.errors import AdotxError
from chat_cases import TEXT_SPECIALS, render_template, small_tokenizer

VL, LIGHT = "a.x-4-vl", "qwen2"
TOKENIZERS = {VL: small_tokenizer(), LIGHT: small_tokenizer(TEXT_SPECIALS)}
USER = {"role": "user", "content": "안녕?"}
IMAGE = {"type": "image_url", "image_url": {"url": "data:,"}}


def shown(messages: Any, family: str = VL, **options: Any) -> Any:
    return render(messages, TOKENIZERS[family], family=family, **options)


def calls(*ids: str) -> dict[str, Any]:
    made = [{"id": each, "type": "function", "function": {"name": f"f{each}"}} for each in ids]
    return {"role": "assistant", "content": None, "tool_calls": made}


def result(content: Any, call_id: str | None = None) -> dict[str, Any]:
    return {"role": "tool", "content": content} | ({} if call_id is None else {"tool_call_id": call_id})


@pytest.mark.parametrize("family", [VL, LIGHT])
@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_results_stand_in_the_order_of_their_calls(family: str, order: tuple[str, ...]) -> None:
    straight = [USER, calls(*"abc"), *(result(f"결과 {each}", each) for each in "abc"), USER]
    mixed = [USER, calls(*"abc"), *(result(f"결과 {each}", each) for each in order), USER]
    assert shown(mixed, family).ids == shown(straight, family).ids
    # Each answer of a conversation has results of its own; the same ids may come again.
    again = [*mixed, calls("b", "a"), result("A", "a"), result("B", "b")]
    text = shown(again, family).text
    assert text.endswith("<tool_output>B</tool_output><|im_end|><|im_start|><|extra_id_13|><tool_output>A"
                         "</tool_output><|im_end|><|im_start|><|assistant|>")  # fmt: skip


def test_results_without_ids_stay_where_they_are() -> None:
    plain = [USER, calls("a", "b"), result("1"), result("2")]
    assert shown(plain).ids == shown([USER, calls("a", "b"), result("1", ""), result("2", None)]).ids
    some = shown([USER, calls("a", "b"), result("1", "b"), result("2")])
    assert some.text.index("<tool_output>1") < some.text.index("<tool_output>2")
    # A dialogue of the card gives results, with ids, and none of the calls.
    assert "<tool_output>1" in shown([USER, result("1", "a"), USER]).text
    unnamed = {"role": "assistant", "tool_calls": [{"name": "f", "arguments": {}}]}
    assert "<tool_output>1" in shown([USER, unnamed, result("1")]).text


@pytest.mark.parametrize(
    ("messages", "where", "said"),
    [
        ([USER, calls("a"), result("1", "b")], "messages[2].tool_call_id", "'b'"),
        ([USER, result("1", "a"), calls("a")], "messages[1].tool_call_id", "'a'"),
        ([USER, calls("a"), USER, result("1", "a")], "messages[3].tool_call_id", "'a'"),
        ([calls("a"), result("1", "a"), calls("b"), result("1", "a")], "messages[3].tool_call_id", "'a'"),
        ([calls("a"), result("1", "a"), result("2", "a")], "messages[2].tool_call_id", "two results"),
        ([calls("a", "b"), result("1", "a")], "messages[1]", "'b' has no result"),
        ([calls("a", "a"), result("1", "a")], "messages[1].tool_call_id", "two calls"),
    ],
)
def test_results_that_answer_nothing_are_refused(messages: Any, where: str, said: str) -> None:
    with pytest.raises(AdotxError, match=said) as caught:
        shown(messages)
    assert (caught.value.code, caught.value.where) == ("chat.tool_result", where)


def test_pictures_in_results() -> None:
    parts = [{"type": "text", "text": "그래프:"}, IMAGE]
    messages = [{"role": "user", "content": [IMAGE]}, calls("a"), result(parts, "a"), USER]
    out = shown(messages, tiles=[2, 5], tokens_per_tile=3)
    assert "<tool_output>그래프:<|extra_id_11|></tool_output>" in out.text
    assert [(slot.length, slot.image) for slot in out.slots] == [(6, 0), (15, 1)]
    assert render_template(VL, messages) == out.text
    with pytest.raises(AdotxError) as caught:
        shown(messages, LIGHT)
    assert caught.value.code == "chat.no_images"


def test_pictures_go_with_the_results_that_hold_them() -> None:
    """In slots' order, each slot names the picture by its place in the messages as they were given."""
    mixed = [USER, calls("a", "b"), result([IMAGE], "b"), result(["x", IMAGE, IMAGE][1:], "a")]
    out = shown(mixed, tiles=[7, 1, 2], tokens_per_tile=1)
    assert [(slot.length, slot.image) for slot in out.slots] == [(1, 1), (2, 2), (7, 0)]
    assert [slot.start for slot in out.slots] == sorted(slot.start for slot in out.slots)


@pytest.mark.parametrize("family", [VL, LIGHT])
def test_developers_are_the_system(family: str) -> None:
    for place in (0, 1):
        messages = [USER, USER]
        messages.insert(place, {"role": "developer", "content": "반말로."})
        same = [
            message | {"role": "system"} if "반말" in message["content"] else message for message in messages
        ]
        tools = [{"type": "function", "function": {"name": "f"}}]
        assert shown(messages, family, tools=tools).ids == shown(same, family, tools=tools).ids
        assert render_template(family, messages, tools) == shown(messages, family, tools=tools).text


@pytest.mark.parametrize("family", [VL, LIGHT])
def test_an_answer_goes_on(family: str) -> None:
    begun = {"role": "assistant", "content": "옛날 옛적에"}
    messages = [USER, {"role": "assistant", "content": "네."}, USER]
    out = shown([*messages, begun], family, continue_final_message=True)
    assert out.ids == [*shown(messages, family).ids, *TOKENIZERS[family].encode("옛날 옛적에")]
    assert out.text.endswith("<|assistant|>옛날 옛적에") and len(out.mask) == len(out.ids)
    empty = shown([*messages, {"role": "assistant", "content": None}], family, continue_final_message=True)
    assert empty.ids == shown(messages, family).ids


def test_reasoning_of_the_answer_that_goes_on_stays() -> None:
    old, begun = ({"role": "assistant", "content": f"<think>{each}</think>네"} for each in ("하나", "둘"))
    text = shown([USER, old, USER, begun], LIGHT, continue_final_message=True).text
    assert "하나" not in text and text.endswith("<think>둘</think>네")


@pytest.mark.parametrize("last", [USER, {"role": "system", "content": "x"}, calls("a")])
def test_what_cannot_go_on(last: Any) -> None:
    with pytest.raises(AdotxError) as caught:
        shown([USER, last], continue_final_message=True)
    assert (caught.value.code, caught.value.where) == ("chat.continue", "messages[1]")


def test_the_bundled_checkpoint_has_the_template() -> None:
    from adotx.checkpoint import find_checkpoint

    path = find_checkpoint("nano") / "chat_template.jinja"
    assert path.read_text(encoding="utf-8") == chat_template(VL)
