"""The front door for threads: replies and their pieces, stop strings, tools, usage, logprobs, images."""

from __future__ import annotations

import copy
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from adotx.chat import ToolCall
from adotx.engine import SamplingParams
from adotx.errors import AdotxError
from adotx.model import Model, Reply
from checkpoint_toys import VL, edited, toy_checkpoint, write
from scripted_answers import TOOL, ask, cut_anyhow, idle, mock_model, same, says, script

HANGUL = "안녕하세요 👩‍🚀 그만 하자 🚀🇰🇷 | --- | 끝"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return mock_model(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A small checkpoint with vision, on OpenVINO."""
    return Model.open(str(toy_checkpoint(tmp_path_factory.mktemp("real"))), "f32")


class TestReply:
    def test_text_reason_and_usage(self, model: Model) -> None:
        ids, question = cut_anyhow(model.checkpoint.tokenizer, HANGUL), ask("긴 질문이면 다시 찾는다")
        reply = model.reply(question, constraint=says(ids))
        assert (reply.text, reply.tool_calls, reply.finish_reason) == (HANGUL, (), "stop")
        assert reply.usage.completion_tokens == len(ids) and reply.usage.image_tokens == 0
        assert reply.logprobs == () and reply.loop_start is None
        again = model.reply(question, constraint=says(ids))
        assert again.usage.prompt_tokens == reply.usage.prompt_tokens > again.usage.cached_tokens > 0

    def test_length_keeps_half_a_character_visible(self, model: Model) -> None:
        ids = model.checkpoint.tokenizer.encode("가나")
        assert len(ids) == 6
        reply = model.reply(ask(), constraint=says(ids), sampling=SamplingParams(5))
        assert (reply.text, reply.finish_reason, reply.usage.completion_tokens) == ("가\ufffd", "length", 5)

    def test_timeout(self, model: Model) -> None:
        endless = SamplingParams(1500, ignore_eos=True)
        reply = model.reply(ask(), sampling=endless, timeout=0.05)
        assert reply.finish_reason == "timeout" and reply.usage.completion_tokens < 1500

    @pytest.mark.parametrize("tools", [None, [TOOL]])
    def test_where_a_loop_began(self, model: Model, tools: Any) -> None:
        text = "처음은 다르다 " + "가나" * 60
        sampling = SamplingParams(400, loop_guard=48)
        ids = model.checkpoint.tokenizer.encode(text)
        reply = model.reply(ask(), constraint=says(ids), sampling=sampling, tools=tools)
        assert reply.finish_reason == "loop" and reply.loop_start == text.index("가나")
        assert text.startswith(reply.text)

    def test_default_sampling_is_greedy(self, model: Model) -> None:
        first, second = (
            model.reply(ask("같은 것"), sampling=sampling) for sampling in (None, SamplingParams())
        )
        assert (first.text, first.finish_reason) == (second.text, second.finish_reason)

    def test_message_goes_on_with_the_conversation(self, model: Model) -> None:
        body = '{"name": "날씨", "arguments": {"도시": "서울"}}'
        tokenizer = model.checkpoint.tokenizer
        ids = tokenizer.encode_with_specials(f"볼게요<tool_call>{body}</tool_call>")
        reply = model.reply(ask(), constraint=says(ids), tools=[TOOL])
        result = {"role": "tool", "content": "맑음", "tool_call_id": reply.tool_calls[0].id}
        rendered, _ = model._ask([*ask(), reply.message, result])
        assert f"볼게요<tool_call>{body}</tool_call>" in tokenizer.decode(rendered.ids)
        assert reply.message["tool_calls"][0]["id"] == reply.tool_calls[0].id != ""

    def test_nothing_of_the_callers_is_changed(self, model: Model) -> None:
        messages, tools, stop = ask(), [copy.deepcopy(TOOL)], ["끝"]
        before = copy.deepcopy((messages, tools, stop))
        model.reply(messages, tools=tools, stop=stop, constraint=script(model, HANGUL))
        assert (messages, tools, stop) == before


class TestStop:
    @pytest.mark.parametrize(
        ("stop", "text"),
        [
            (["그만"], "안녕하세요 👩‍🚀 "),
            ("🚀", "안녕하세요 👩‍"),
            (["\u200d"], "안녕하세요 👩"),
            (["🇷", "하자 🚀"], "안녕하세요 👩‍🚀 그만 "),
            (["| --- |", "끝"], "안녕하세요 👩‍🚀 그만 하자 🚀🇰🇷 "),
            (["없다"], HANGUL),
        ],
    )
    def test_ends_the_answer(self, model: Model, stop: Any, text: str) -> None:
        reply = model.reply(ask(), stop=stop, constraint=script(model, HANGUL, 3))
        assert (reply.text, reply.finish_reason) == (text, "stop")
        assert idle(model)

    def test_ends_the_request_in_the_engine(self, model: Model) -> None:
        before = model.engine.stats().output_tokens
        reply = model.reply(
            ask(), stop="그만", constraint=script(model, "가그만" + "나" * 300), sampling=SamplingParams(900)
        )
        assert reply.text == "가" and reply.finish_reason == "stop"
        assert model.engine.stats().output_tokens - before == reply.usage.completion_tokens < 10

    def test_what_was_held_back_comes_when_the_answer_is_cut(self, model: Model) -> None:
        reply = model.reply(
            ask(), stop=["가나다"], constraint=script(model, "X가나Y"), sampling=SamplingParams(300)
        )
        assert reply.text == "X가나Y"
        ids = model.checkpoint.tokenizer.encode("X가나")
        reply = model.reply(
            ask(), stop=["가나다"], constraint=says([*ids, 41]), sampling=SamplingParams(len(ids))
        )
        assert (reply.text, reply.finish_reason) == ("X가나", "length")

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.text(st.sampled_from("ab가나🚀"), min_size=1, max_size=12),
        st.lists(st.text(st.sampled_from("ab가나🚀"), min_size=1, max_size=3), max_size=3),
        st.integers(0, 99),
    )
    def test_reply_is_the_joined_stream(self, model: Model, text: str, stop: list[str], seed: int) -> None:
        asked = {
            "stop": stop,
            "constraint": script(model, text, seed),
            "sampling": SamplingParams(90, logprobs=2),
        }
        with model.stream(ask(), **asked) as stream:  # type: ignore[arg-type]
            pieces = list(stream)
        starts = [text.find(string) for string in stop if string in text]
        assert "".join(pieces) == stream.reply.text == text[: min(starts, default=len(text))]  # type: ignore[arg-type]
        assert all(piece and "\ufffd" not in piece for piece in pieces)
        assert same(stream.reply, model.reply(ask(), **asked))  # type: ignore[arg-type]


class TestTools:
    BODY = '{"name": "날씨", "arguments": {"도시": "서울 그만"}}'

    def ids(self, model: Model, text: str) -> list[int]:
        return model.checkpoint.tokenizer.encode_with_specials(text)

    def test_calls_are_told_from_text(self, model: Model) -> None:
        ids = self.ids(model, f"네.<tool_call>{self.BODY}</tool_call>")
        reply = model.reply(ask(), tools=[TOOL], constraint=says(ids), stop=["그만"])
        assert reply.tool_calls == (ToolCall("날씨", {"도시": "서울 그만"}, "call_0"),)
        assert (reply.text, reply.finish_reason) == ("네.", "tool_calls")
        cut = model.reply(
            ask(), tools=[TOOL], constraint=says([*ids, *ids]), sampling=SamplingParams(len(ids) + 1)
        )
        assert cut.finish_reason == "length" and cut.tool_calls == reply.tool_calls
        more = says([*ids, *self.ids(model, "더 그만")])
        stopped = model.reply(ask(), tools=[TOOL], constraint=more, stop="그만")
        assert (stopped.text, stopped.finish_reason) == ("네.더 ", "stop")
        assert stopped.tool_calls == reply.tool_calls

    def test_without_tools_a_tag_is_text(self, model: Model) -> None:
        text = f"네.<tool_call>{self.BODY}</tool_call>"
        reply = model.reply(ask(), constraint=says(self.ids(model, text)))
        assert (reply.text, reply.tool_calls, reply.finish_reason) == (text, (), "stop")

    def test_text_that_looks_like_a_call_is_text(self, model: Model) -> None:
        text = f"<tool_call>{self.BODY}</tool_call>"
        reply = model.reply(ask(), tools=[TOOL], constraint=says(model.checkpoint.tokenizer.encode(text)))
        assert (reply.text, reply.tool_calls) == (text, ())

    def test_a_stream_gives_whole_calls_in_their_place(self, model: Model) -> None:
        ids = self.ids(model, f"가<tool_call>{self.BODY}</tool_call>나")
        with model.stream(ask(), tools=[TOOL], constraint=says(ids)) as stream:
            kinds = [type(piece) for piece in stream]
        assert kinds == [str, ToolCall, str] and stream.reply.text == "가나"


class TestConstraints:
    def test_schema_and_json(self, model: Model) -> None:
        schema = {"enum": ["서울", "부산"]}
        assert model.reply(ask(), constraint=schema).text in ('"서울"', '"부산"')
        reply = model.reply(ask(), constraint="json", sampling=SamplingParams(40))
        assert reply.text.startswith("{")
        reply = model.reply(ask(), constraint=model.grammar.regex("[가-나]{2}"))
        assert len(reply.text) == 2 and reply.finish_reason == "stop"
        assert model.grammar is model.grammar

    def test_tools(self, model: Model) -> None:
        required = model.grammar.tool_calls([TOOL], name="날씨", parallel=False)
        reply = model.reply(ask(), tools=[TOOL], constraint=required, sampling=SamplingParams(1500))
        assert reply.finish_reason == "length" or reply.tool_calls[0].name == "날씨"
        assert model.reply(ask(), tools=[TOOL], constraint="tools", sampling=SamplingParams(3)).text

    def test_refusals(self, model: Model) -> None:
        for constraint, expected in (
            ("xml", "chat.constraint"),
            (5, "chat.constraint"),
            ("tools", "grammar.tools"),
            ({"type": "nonsense"}, "grammar.schema"),
        ):
            with pytest.raises(AdotxError) as refusal:
                model.reply(ask(), constraint=constraint)  # type: ignore[arg-type]
            assert refusal.value.code == expected


class TestLogprobs:
    def test_bytes_join_to_the_text(self, model: Model) -> None:
        ids = cut_anyhow(model.checkpoint.tokenizer, HANGUL, 7)
        reply = model.reply(ask(), constraint=says(ids), sampling=SamplingParams(300, logprobs=3))
        assert b"".join(step.bytes for step in reply.logprobs).decode() == reply.text == HANGUL
        assert [step.id for step in reply.logprobs] == ids
        assert all(step.text == step.bytes.decode("utf-8", "replace") for step in reply.logprobs)
        assert any("\ufffd" in step.text for step in reply.logprobs)
        for step in reply.logprobs:
            assert len(step.top) == 3 and step.logprob <= step.top[0].logprob <= 0
            assert [other.logprob for other in step.top] == sorted(
                (o.logprob for o in step.top), reverse=True
            )

    def test_a_control_token_has_a_name_and_adds_nothing(self, model: Model) -> None:
        special = model.checkpoint.tokenizer.special
        ids = [*model.checkpoint.tokenizer.encode("가"), special["<|sep|>"], special["<tool_call>"]]
        reply = model.reply(ask(), constraint=says(ids), sampling=SamplingParams(9, logprobs=0))
        assert [step.text for step in reply.logprobs[-2:]] == ["<|sep|>", "<tool_call>"]
        assert [step.bytes for step in reply.logprobs[-2:]] == [b"", b"<tool_call>"]
        assert b"".join(step.bytes for step in reply.logprobs).decode() == reply.text == "가<tool_call>"

    def test_one_for_each_counted_token_where_a_string_stops(self, model: Model) -> None:
        asked = {"constraint": script(model, HANGUL), "sampling": SamplingParams(300, logprobs=1)}
        reply = model.reply(ask(), stop="그만", **asked)  # type: ignore[arg-type]
        assert len(reply.logprobs) == reply.usage.completion_tokens
        said = b"".join(step.bytes for step in reply.logprobs).decode("utf-8", "ignore")
        assert said.startswith(reply.text + "그만")


class TestStreams:
    def test_closing_ends_the_request_and_keeps_what_was_read(self, model: Model) -> None:
        stream = model.stream(ask(), constraint=script(model, "가나" * 300), sampling=SamplingParams(1500))
        with pytest.raises(AdotxError) as refusal:
            _ = stream.reply
        assert refusal.value.code == "reply.unfinished"
        read = [next(stream) for _ in range(3)]
        stream.close()
        stream.close()
        assert stream.reply.finish_reason == "cancelled"
        assert stream.reply.text.startswith("".join(read)) and len(stream.reply.text) < 10  # type: ignore[arg-type]
        assert list(stream) == [] and idle(model)

    def test_logprobs_so_far(self, model: Model) -> None:
        sampling = SamplingParams(50, logprobs=1)
        with model.stream(ask(), constraint=script(model, "가나 a"), sampling=sampling) as stream:
            said = ""
            for piece in stream:
                said += piece  # type: ignore[operator]
                # A token may hold more than the last whole character.
                assert b"".join(step.bytes for step in stream.logprobs).decode("utf-8", "ignore") == said
        assert stream.logprobs == stream.reply.logprobs

    def test_two_at_once_do_not_mix(self, model: Model) -> None:
        with (
            model.stream(ask("1"), constraint=script(model, "하나" * 5)) as one,
            model.stream(ask("2"), constraint=script(model, "둘" * 9), stop="셋") as two,
        ):
            pieces: dict[int, str] = {1: "", 2: ""}
            alive = {1: one, 2: two}
            while alive:
                for key in list(alive):
                    piece = next(alive[key], None)
                    if piece is None:
                        del alive[key]
                    else:
                        pieces[key] += piece  # type: ignore[operator]
        assert pieces == {1: "하나" * 5, 2: "둘" * 9}
        assert one.reply.text == pieces[1] and two.reply.text == pieces[2]

    def test_threads_share_the_engine(self, model: Model) -> None:
        replies: dict[int, Reply] = {}

        def work(n: int) -> None:
            replies[n] = model.reply(ask(str(n)), constraint=script(model, f"{n}번 " * 8, n), stop=["7번 7"])

        threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {n: reply.text for n, reply in replies.items()} == {
            n: "" if n == 7 else f"{n}번 " * 8 for n in range(12)
        }
        assert idle(model)


class TestImages:
    def test_usage_and_order(self, real: Model) -> None:
        wide = Image.fromarray(np.arange(64 * 128 * 3, dtype=np.uint8).reshape(64, 128, 3))
        small = Image.new("RGB", (64, 64), "red")
        content = [{"type": "image"}, {"type": "image", "image": small}, {"type": "text", "text": "?"}]
        sampling = SamplingParams(3, ignore_eos=True, logprobs=0)
        reply = real.reply([{"role": "user", "content": content}], images=[wide], sampling=sampling)
        # Two tiles with their thumbnail, and one tile; four positions each.
        assert reply.usage.image_tokens == (3 + 1) * 4 and reply.usage.completion_tokens == 3
        turned = [{"role": "user", "content": [content[1], content[0], content[2]]}]
        other = real.reply(turned, images=[wide], sampling=sampling)
        assert other.usage.image_tokens == 16 and other.logprobs != reply.logprobs

    def test_a_text_model_refuses_pictures(self, tmp_path: Path) -> None:
        folder = toy_checkpoint(tmp_path)
        write(folder, "config.json", edited(VL, {})["text_config"] | {"architectures": ["Qwen2ForCausalLM"]})
        model = mock_model(folder)
        assert model.checkpoint.config.tiles is None
        picture = Image.new("RGB", (8, 8))
        part = [{"role": "user", "content": [{"type": "image", "image": picture}]}]
        for messages, images in (
            (part, None),
            (ask(), [picture]),
            ([{"role": "user", "content": [{"type": "image"}]}], [picture]),
        ):
            with pytest.raises(AdotxError, match="text only") as refusal:
                model.reply(messages, images=images)
            assert refusal.value.code == "chat.no_vision"
        assert model.reply([{"role": "user", "content": "?"}], constraint=script(model, "네")).text == "네"

    def test_files_may_be_shut_out(self, real: Model, tmp_path: Path) -> None:
        Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
        shut = Model(real.checkpoint, real.engine, local_files=False)
        messages = [{"role": "user", "content": [{"type": "image", "image": str(tmp_path / "a.png")}]}]
        assert real.reply(messages, sampling=SamplingParams(1))
        with pytest.raises(AdotxError) as refusal:
            shut.reply(messages)
        assert refusal.value.code == "media.file"


def test_malformed_questions_are_refused_before_anything_is_computed(model: Model) -> None:
    steps = model.engine.stats().steps
    for messages, options, expected in (
        ([], {}, "chat.empty"),
        ("안녕", {}, "chat.message"),
        ([{"role": "nobody", "content": "a"}], {}, "chat.role"),
        (ask(), {"stop": ""}, "chat.stop"),
        (ask(), {"stop": ["a", ""]}, "chat.stop"),
        (ask(), {"tools": "a"}, "chat.tools"),
        (ask(), {"timeout": 0}, "request.timeout"),
        (ask("가" * 2000), {}, "request.too_long"),
        (ask(), {"images": [Image.new("RGB", (8, 8))]}, "chat.image_count"),
    ):
        for way in (model.reply, model.stream):
            with pytest.raises(AdotxError) as refusal:
                way(messages, **options)  # type: ignore[arg-type]
            assert refusal.value.code == expected
    assert model.engine.stats().steps == steps


def test_importing_adotx_is_light() -> None:
    heavy = "{'numpy', 'PIL', 'openvino', 'tokenizers', 'asyncio'}"
    code = f"import adotx, sys; print(sorted({heavy} & sys.modules.keys())); from adotx import Model, Reply"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    with pytest.raises(ImportError):
        exec("from adotx import Nothing")


def test_nano_answers() -> None:
    try:
        nano = Model.open()
    except AdotxError as error:
        pytest.skip(str(error))
    reply = nano.reply([{"role": "user", "content": "안녕하세요"}], sampling=SamplingParams(4))
    assert 1 <= reply.usage.completion_tokens <= 4 and reply.usage.prompt_tokens > 10
    page = Image.new("RGB", (384, 384), "white")
    messages = [
        {"role": "system", "content": "읽기"},
        {"role": "user", "content": [{"type": "image", "image": page}]},
    ]
    assert nano.reply(messages, sampling=SamplingParams(4)).usage.image_tokens == 144
