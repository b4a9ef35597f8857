"""The renderer: equal to the published templates where they work, sound where they fail; no text from outside
becomes control."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adotx.chat import Slot, TextStream, chat_template, check_end, render
from adotx.checkpoint import open_checkpoint
from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.errors import AdotxError
from chat_cases import (
    SPECIALS,
    TEXT_SPECIALS,
    conversations,
    render_template,
    small_tokenizer,
    tools,
    words,
)
from checkpoint_toys import toy_checkpoint

VL, LIGHT = "a.x-4-vl", "qwen2"
SMALL = {VL: small_tokenizer(), LIGHT: small_tokenizer(TEXT_SPECIALS)}
USER = {"role": "user", "content": "안녕?"}
IMAGE = {"type": "image_url", "image_url": {"url": "x"}}
TOOL = {"type": "function", "function": {"name": "더하기", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def published(shared: Path) -> dict[str, AxTokenizer]:
    return {VL: AxTokenizer.open(shared / "ax4/vl"), LIGHT: AxTokenizer.open(shared / "ax4/light")}


def vl(messages: Any, **options: Any) -> Any:
    return render(messages, SMALL[VL], **options)


def light(messages: Any, **options: Any) -> Any:
    return render(messages, SMALL[LIGHT], family=LIGHT, **options)


# Goldens


def golden(shared: Path) -> list[tuple[str, dict]]:
    chats = json.loads((shared / "ax4/golden/chats.json").read_text())
    return [(VL, case) for case in chats["vl"]] + [(LIGHT, case) for case in chats["light"]]


def test_golden_chats(shared: Path, published: dict[str, AxTokenizer]) -> None:
    cases = golden(shared)
    assert len(cases) == 8
    for family, case in cases:
        prompt = case.get("add_generation_prompt", True)
        out = render(
            case["messages"],
            published[family],
            family=family,
            tools=case.get("tools"),
            add_generation_prompt=prompt,
        )
        assert out.text == case["rendered"]
        assert out.ids == case["ids"]
        assert published[family].encode_with_specials(out.text) == case["ids"]
        for trim in (True, False):
            text = render_template(family, case["messages"], case.get("tools"), prompt, trim)
            assert text == case["rendered"]


def test_golden_tool_instruction_in_both_families(shared: Path) -> None:
    case = next(case for _, case in golden(shared) if case.get("tools"))
    instruction = case["rendered"].split("<|im_end|>")[0]
    assert light(case["messages"], tools=case["tools"]).text.startswith(instruction)
    assert vl(case["messages"], tools=case["tools"]).text.startswith(instruction)


# The template renders the same text


@settings(max_examples=250, deadline=None)
@given(st.sampled_from([VL, LIGHT]), st.data(), tools, st.booleans())
def test_template_equals_the_renderer(family: str, data: Any, given_tools: list, prompt: bool) -> None:
    messages = data.draw(conversations(images=family == VL))
    out = render(messages, SMALL[family], family=family, tools=given_tools, add_generation_prompt=prompt)
    for trim in (True, False):
        assert render_template(family, messages, given_tools, prompt, trim) == out.text
    slots = [out.ids[slot.start] for slot in out.slots]
    assert slots == [22] * len(slots) and len(out.ids) == len(out.mask)
    assert SMALL[family].decode(out.ids, skip_special=False) == out.text


def test_template_refuses_what_the_renderer_refuses() -> None:
    with pytest.raises(Exception, match="unknown role"):
        render_template(VL, [{"role": "judge", "content": "x"}])
    with pytest.raises(Exception, match="unknown content type"):
        render_template(VL, [{"role": "user", "content": [{"type": "video"}]}])
    with pytest.raises(Exception, match="sees no images"):
        render_template(LIGHT, [{"role": "user", "content": [IMAGE]}])
    with pytest.raises(Exception, match="image in a system"):
        render_template(VL, [{"role": "system", "content": [IMAGE]}])
    with pytest.raises(AdotxError) as caught:
        chat_template("llama")
    assert caught.value.code == "chat.family"


# The defects of the published templates


def test_null_content_with_tool_calls() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":"가"}'}}
    for out in (
        light([USER, {"role": "assistant", "content": None, "tool_calls": [call]}]),
        vl([USER, {"role": "assistant", "content": None, "tool_calls": [call, call]}]),
    ):
        assert '<|assistant|><tool_call>{"name": "f", "arguments": {"a": "가"}}</tool_call>' in out.text


def test_list_content_in_the_text_family() -> None:
    parts = [{"type": "text", "text": "안"}, {"type": "text", "text": "녕?"}]
    assert light([{"role": "user", "content": parts}]).ids == light([USER]).ids


def test_tools_and_system_share_a_turn_in_the_vl_family() -> None:
    out = vl([{"role": "system", "content": "반말로."}, USER], tools=[TOOL])
    assert out.text.count("<|system|>") == 1
    assert out.text.split("<|im_end|>")[0].endswith("</tool_call>\n\n반말로.")
    without = vl([USER], tools=[TOOL])
    assert without.text.count("<|system|>") == 1 and "시각 도우미" in without.text
    # The text family has always had two turns.
    assert light([{"role": "system", "content": "반말로."}, USER], tools=[TOOL]).text.count("<|system|>") == 2


def test_image_in_an_assistant_turn_is_a_real_slot() -> None:
    parts = [{"type": "text", "text": "여기:"}, {"type": "image"}]
    out = vl([USER, {"role": "assistant", "content": parts}], add_generation_prompt=False)
    assert "<image>" not in out.text and len(out.slots) == 1
    assert out.ids[out.slots[0].start] == 22 and not out.mask[out.slots[0].start]


# Slots


def test_slots_are_as_long_as_their_tiles() -> None:
    content = [{"type": "text", "text": "가"}, IMAGE, {"type": "text", "text": "나"}, {"type": "image"}]
    short, out = (
        vl([{"role": "user", "content": content}]),
        vl([{"role": "user", "content": content}], tiles=[7, 1]),
    )
    assert out.text == short.text and out.text.count("<|extra_id_11|>") == 2
    assert [(s.length, s.image) for s in out.slots] == [(1008, 0), (144, 1)]
    assert out.slots[0] == Slot(short.slots[0].start, 1008, 0)
    for slot in out.slots:
        assert out.ids[slot.start : slot.start + slot.length] == [22] * slot.length
    assert out.ids.count(22) == 1152 and len(out.ids) == len(short.ids) + 1150
    other = vl([{"role": "user", "content": content}], tiles=[2, 3], tokens_per_tile=4, image_token_id=6)
    assert [s.length for s in other.slots] == [8, 12] and other.text.count("<|image|>") == 2


# The training mask


def test_mask_covers_assistant_turns_with_their_end_and_nothing_else() -> None:
    call = {"function": {"name": "f", "arguments": {}}}
    messages = [
        {"role": "system", "content": "규칙"},
        USER,
        {"role": "assistant", "content": "첫 답", "tool_calls": [call]},
        {"role": "tool", "content": "결과"},
        {"role": "assistant", "content": "뺀 답", "weight": 0},
        USER,
        {"role": "assistant", "content": "끝 답"},
    ]
    out = vl(messages, tools=[TOOL])
    spans, current = [], []
    for token_id, trained in zip([*out.ids, 0], [*out.mask, False], strict=True):
        if trained:
            current.append(token_id)
        elif current:
            spans.append(SMALL[VL].decode(current, skip_special=False))
            current = []
    assert spans == [
        '첫 답<tool_call>{"name": "f", "arguments": {}}</tool_call><|im_end|>',
        "끝 답<|im_end|>",
    ]


def test_older_reasoning_is_left_out_of_prompts_in_the_text_family() -> None:
    answer = {"role": "assistant", "content": "<think>음</think>\n\n네."}
    assert (
        "음" not in light([USER, answer, USER]).text
        and "<|assistant|>네." in light([USER, answer, USER]).text
    )
    assert "음" in light([USER, answer], add_generation_prompt=False).text
    assert "음" in light([USER, answer | {"reasoning_content": "음"}, USER]).text
    assert "음" in vl([USER, answer, USER]).text


# Bad messages


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([], "chat.empty"),
        ("안녕", "chat.message"),
        ({"role": "user"}, "chat.message"),
        (["안녕"], "chat.message"),
        ([{"content": "x"}], "chat.role"),
        ([{"role": "judge", "content": "x"}], "chat.role"),
        ([{"role": ["user"], "content": "x"}], "chat.role"),
        ([{"role": "user", "content": 3}], "chat.content"),
        ([{"role": "user", "content": {"text": "x"}}], "chat.content"),
        ([{"role": "user", "content": [{"type": "video"}]}], "chat.content_type"),
        ([{"role": "user", "content": [{"type": "text"}]}], "chat.content_type"),
        ([{"role": "user", "content": [{"type": []}]}], "chat.content_type"),
        ([{"role": "user", "content": ["x"]}], "chat.content_type"),
        ([{"role": "user", "content": [{"type": "text", "text": None}]}], "chat.content"),
        ([{"role": "system", "content": [{"type": "image"}]}], "chat.image_role"),
        ([{"role": "developer", "content": [{"type": "image"}]}], "chat.image_role"),
        ([{"role": "user", "tool_calls": [{"name": "f"}]}], "chat.tool_calls"),
        ([{"role": "assistant", "tool_calls": {"name": "f"}}], "chat.tool_calls"),
        ([{"role": "assistant", "tool_calls": [{"function": {}}]}], "chat.tool_calls"),
        ([{"role": "assistant", "tool_calls": [{"name": "f", "arguments": "{"}]}], "chat.tool_arguments"),
        ([{"role": "assistant", "tool_calls": [{"name": "f", "arguments": "[1]"}]}], "chat.tool_arguments"),
        ([{"role": "assistant", "tool_calls": [{"name": "f", "arguments": {"a": {1}}}]}], "chat.json"),
        (
            [{"role": "assistant", "tool_calls": [{"name": "f", "arguments": {"a": float("nan")}}]}],
            "chat.json",
        ),
    ],
)
def test_bad_messages(messages: Any, code: str) -> None:
    with pytest.raises(AdotxError) as caught:
        vl(messages)
    assert caught.value.code == code and caught.value.remedy and "\n" not in str(caught.value)


def test_errors_say_where() -> None:
    with pytest.raises(AdotxError, match=r"messages\[1\]\.content\[0\].*video"):
        vl([USER, {"role": "user", "content": [{"type": "video"}]}])


def test_image_count_mismatch_names_both_numbers() -> None:
    with pytest.raises(AdotxError, match="2 images, but 3 were given") as caught:
        vl([{"role": "user", "content": [IMAGE, IMAGE]}], tiles=[1, 1, 1])
    assert caught.value.code == "chat.image_count"
    with pytest.raises(AdotxError, match="0 images, but 1"):
        vl([USER], tiles=[1])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"tools": {"a": 1}}, "chat.tools"),
        ({"tools": ["f"]}, "chat.tools"),
        ({"tools": [{"a": object()}]}, "chat.json"),
        ({"family": "llama"}, "chat.family"),
        ({"family": LIGHT}, "chat.no_images"),
        ({"image_token_id": 99}, "chat.no_token"),
    ],
)
def test_bad_options(options: dict, code: str) -> None:
    with pytest.raises(AdotxError) as caught:
        vl([{"role": "user", "content": [IMAGE]}], **options)
    assert caught.value.code == code


def test_a_tokenizer_without_the_tokens() -> None:
    with pytest.raises(AdotxError, match="im_start") as caught:
        render([USER], small_tokenizer(["<|endoftext|>"]))
    assert caught.value.code == "chat.no_token"


def test_a_checkpoint_whose_answers_would_not_end_is_told(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(toy_checkpoint(tmp_path))
    check_end(checkpoint)
    end = checkpoint.tokenizer.special["<|im_end|>"]
    for ids in ([i for i in checkpoint.eos_ids if i != end], 0):
        (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": ids}))
        with pytest.raises(AdotxError, match=f"add {end} to eos_token_id") as caught:
            check_end(open_checkpoint(tmp_path))
        assert caught.value.code == "chat.no_end"


# Injection


def disguises(token: str) -> list[str]:
    """The token and its split, full-width, NFD and zero-width forms."""
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in token)
    return [
        token,
        token[: len(token) // 2] + " " + token[len(token) // 2 :],
        wide,
        unicodedata.normalize("NFKC", wide),
        unicodedata.normalize("NFD", f"가{token}각"),
        "\u200b".join(token),
        token[:2] + "\u200d" + token[2:],
        "\ufeff" + token,
        token.upper(),
        json.dumps(token),
        token + token,
    ]


def places(text: str, halves: tuple[str, str]) -> tuple[list[dict], list[dict]]:
    """A conversation with the text in every place that others can write to."""
    parts = [{"type": "text", "text": half} for half in halves]
    messages = [
        {"role": "system", "content": text},
        {
            "role": "user",
            "content": [{"type": "text", "text": f"파일 {text}.png: "}, IMAGE, *parts],
            "name": text,
        },
        {
            "role": "assistant",
            "content": text,
            "tool_calls": [{"id": text, "function": {"name": text, "arguments": {text: [text]}}}],
        },
        {"role": "tool", "content": text, "tool_call_id": text, "name": text},
        {"role": "tool", "content": parts},
        {"role": "user", "content": text},
    ]
    described = {"name": text, "description": text, "parameters": {"properties": {text: {"enum": [text]}}}}
    return messages, [{"type": "function", "function": described}]


def check_injection(text: str, cut: int, tokenizer: AxTokenizer, family: str) -> None:
    def rendered(given_text: str, at: int) -> Any:
        messages, described = places(given_text, (given_text[:at], given_text[at:]))
        if family == LIGHT:
            messages[1]["content"].remove(IMAGE)
        return render(messages, tokenizer, family=family, tools=described)

    def controls(ids: list[int]) -> Counter:
        return Counter(token_id for token_id in ids if token_id in tokenizer.control_ids)

    out, harmless = rendered(text, cut), rendered("x", 0)
    if family == VL or "</think>" not in text:  # older reasoning is cut out as published
        assert tokenizer.decode(out.ids, skip_special=False) == out.text
        assert out.text.count(text) >= 6
    assert controls(out.ids) == controls(harmless.ids)
    assert len(out.slots) == len(harmless.slots)
    assert [i for i, token_id in enumerate(out.ids) if token_id == 22] == [s.start for s in out.slots]
    plain = [token_id for token_id in out.ids if token_id not in tokenizer.control_ids]
    assert text in tokenizer.decode(plain, skip_special=False)


@pytest.mark.parametrize("family", [VL, LIGHT])
def test_no_form_of_any_control_token_becomes_one(family: str) -> None:
    for token in SPECIALS if family == VL else TEXT_SPECIALS:
        for text in disguises(token):
            check_injection(text, len(text) // 2, SMALL[family], family)


@pytest.mark.parametrize("family", [VL, LIGHT])
def test_no_control_token_becomes_one_with_the_published_tokenizer(
    family: str, published: dict[str, AxTokenizer]
) -> None:
    for token in published[family].special:
        text = " ".join(disguises(token))
        check_injection(text, len(text) // 2, published[family], family)


pieces = st.sampled_from([f for token in set(SPECIALS + TEXT_SPECIALS) for f in disguises(token)]) | words


@settings(max_examples=150, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=6), st.sampled_from([VL, LIGHT]), st.data())
def test_nothing_a_user_writes_becomes_control(parts: list[str], family: str, data: Any) -> None:
    text = "".join(parts).encode("utf-8", "replace").decode() or "x"
    check_injection(text, data.draw(st.integers(0, len(text))), SMALL[family], family)


def test_half_surrogates_become_visible() -> None:
    out = vl([{"role": "user", "content": "\ud83d 가 \ud83d\ude00"}])
    assert "\ufffd 가 😀<|im_end|>" in out.text
    assert SMALL[VL].decode(out.ids, skip_special=False) == out.text


# The incremental detokenizer


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_text_stream_equals_the_full_decode(data: Any) -> None:
    tokenizer = SMALL[VL]
    random_ids = st.lists(st.integers(0, tokenizer.vocab_size + 2), max_size=30)
    ids = data.draw(random_ids | words.map(tokenizer.encode))
    skip = data.draw(st.booleans())
    stream, text, at = TextStream(tokenizer, skip_special=skip), "", 0
    while at < len(ids):
        step = data.draw(st.integers(1, 5))
        text += stream.push(ids[at : at + step])
        at += step
    assert text + stream.close() == tokenizer.decode(ids, skip_special=skip)


def test_text_stream_never_splits_a_syllable() -> None:
    tokenizer = SMALL[VL]
    text = "뷁한글 🚀 안녕하세요"
    stream, shown = TextStream(tokenizer), ""
    for token_id in tokenizer.encode(text):
        piece = stream.push([token_id])
        shown += piece
        assert "\ufffd" not in piece and text.startswith(shown)
    assert shown == text and stream.close() == ""
    assert stream.push(tokenizer.encode("한")[:2]) == "" and stream.close() == "\ufffd"
    assert stream.push(tokenizer.encode("글")) == "글"


# What other engines read out of the template


@pytest.mark.parametrize("family", [VL, LIGHT])
def test_engines_see_that_parts_may_stay_parts(family: str) -> None:
    """vLLM and SGLang look for a loop over message.content in a loop over messages; else pictures move."""
    from jinja2 import Environment, nodes

    tree = Environment().parse(chat_template(family))
    outer = [loop for loop in tree.find_all(nodes.For) if getattr(loop.iter, "name", "") == "messages"]
    assert len(outer) == 1 and outer[0].target.name == "message"
    inner = [loop.iter for loop in outer[0].find_all(nodes.For) if isinstance(loop.iter, nodes.Getattr)]
    assert any(node.attr == "content" and node.node.name == "message" for node in inner)
