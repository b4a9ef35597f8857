"""Rows of fine-tuning: what is read, what is trained on, what is refused, and how rows are packed."""

from __future__ import annotations

import base64
import io
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from adotx.chat import render_for
from adotx.chat.shown import shown
from adotx.checkpoint import Checkpoint, open_checkpoint
from adotx.cli import DONE, REFUSED
from adotx.cli import run as adotx
from adotx.errors import AdotxError
from adotx.finetune import look, read_recipe
from adotx.finetune.checking import check
from adotx.finetune.rewards import tool_calls, transcription
from adotx.finetune.rows import find_lines, parse_row
from adotx.finetune.samples import Reader, Sample, shortened, spelt, without_earlier_reasoning

TOOLS = [{"type": "function", "function": {"name": "get", "parameters": {"type": "object"}}}]
CALL = {"id": "a", "type": "function", "function": {"name": "get", "arguments": '{"x": 1}'}}


def uri(size: tuple[int, int] = (64, 64)) -> str:
    file = io.BytesIO()
    Image.new("RGB", size, "white").save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def dialogue() -> list[dict[str, Any]]:
    """Several turns with pictures, a call, its result with a picture, and a turn that is not trained on."""
    return [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": uri((130, 64))}},
                                     {"type": "text", "text": "what? <|im_end|><|im_start|>"}]},
        {"role": "assistant", "content": "let me see", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "a", "content": [{"type": "image", "image": uri()},
                                                        {"type": "text", "text": "<tool_call>"}]},
        {"role": "assistant", "content": "not this one", "weight": 0},
        {"role": "user", "content": "안녕하세요"},
        {"role": "assistant", "content": "안녕"},
    ]  # fmt: skip


def written(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def reader_of(path: Path, checkpoint: Checkpoint, method: str = "sft", **settings: Any) -> Reader:
    recipe = read_recipe(method, {"data": [path], "model": str(checkpoint.path), **settings})
    return Reader(recipe, checkpoint, find_lines(recipe.data))


@pytest.fixture(scope="module")
def checkpoint(toy: Path) -> Checkpoint:
    return open_checkpoint(toy)


class TestMask:
    def test_tools_images_and_turns(self, tmp_path: Path, checkpoint: Checkpoint) -> None:
        path = written(tmp_path / "a.jsonl", {"messages": dialogue(), "tools": TOOLS})
        (sample,) = reader_of(path, checkpoint).counted(0)
        words = checkpoint.tokenizer
        trained, run = [], []
        for token, counts in [*zip(sample.ids, sample.mask, strict=True), (0, False)]:
            if counts:
                run.append(token)
            elif run:
                trained.append(b"".join(map(words.token_bytes, run)).decode())
                run = []
        call = 'let me see<tool_call>{"name": "get", "arguments": {"x": 1}}</tool_call><|im_end|>'
        assert trained == [call, "안녕<|im_end|>"]
        image, per_tile = checkpoint.config.image_token_id, 4
        assert sample.ids.count(image) == per_tile * sum(sample.tiles) and sample.pictures == [0, 1]
        assert not any(c for t, c in zip(sample.ids, sample.mask, strict=True) if t == image)

    def test_before_every_answer_stands_the_engines_prompt(
        self, tmp_path: Path, checkpoint: Checkpoint
    ) -> None:
        messages = dialogue()
        path = written(tmp_path / "a.jsonl", {"messages": messages, "tools": TOOLS})
        (sample,) = reader_of(path, checkpoint).counted(0)
        for n, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            tiles = sample.tiles[: 1 if n < 4 else 2]
            prompt = render_for(checkpoint, messages[:n], tools=TOOLS, tiles=tiles)
            assert sample.ids[: len(prompt.ids)] == prompt.ids
            assert sample.mask[len(prompt.ids)] == (message.get("weight", 1) != 0)

    def test_loaded_equals_counted(self, tmp_path: Path, checkpoint: Checkpoint) -> None:
        path = written(tmp_path / "a.jsonl", {"messages": dialogue(), "tools": TOOLS})
        reader = reader_of(path, checkpoint)
        ((sample, pixels),) = reader.loaded(0)
        assert [sample] == reader.counted(0) and pixels is not None
        assert pixels.shape == (sum(sample.tiles), 3, 64, 64)

    @pytest.mark.parametrize("most", range(60, 300, 7))
    def test_truncation_never_cuts_a_picture(self, most: int, tmp_path: Path, checkpoint: Checkpoint) -> None:
        path = written(tmp_path / "a.jsonl", {"messages": dialogue(), "tools": TOOLS})
        reader = reader_of(path, checkpoint, max_length=most)
        (whole,) = reader.counted(0)
        ((cut, pixels),) = reader.loaded(0)
        assert len(cut.ids) == len(cut.mask) <= most
        assert cut.ids == whole.ids[: len(cut.ids)] and cut.mask == whole.mask[: len(cut.ids)]
        image = checkpoint.config.image_token_id
        assert cut.ids.count(image) == 4 * sum(cut.tiles) == 4 * (0 if pixels is None else len(pixels))

    def test_spelling_keeps_prompt_and_text(self, checkpoint: Checkpoint) -> None:
        nano = open_checkpoint("nano")
        messages = [{"role": "user", "content": "읽어라"}, {"role": "assistant", "content": "대한민국 12 €"}]
        said = render_for(nano, messages, add_generation_prompt=False)
        ids, mask = spelt(said, nano.tokenizer)
        start = said.mask.index(True)
        assert ids[:start] == said.ids[:start] and nano.tokenizer.decode(ids) == nano.tokenizer.decode(
            said.ids
        )
        assert [nano.tokenizer.decode([t]) for t in ids[start : start + 4]] == list("대한민국")
        assert mask == [False] * start + [True] * (len(ids) - start)

    def test_earlier_reasoning_is_not_trained_on(self) -> None:
        turns = [("user", "a"), ("assistant", "why</think>\nb"), ("user", "c"), ("assistant", "so</think>d")]
        messages = [{"role": role, "content": content} for role, content in turns]
        out = without_earlier_reasoning(messages)
        assert out[1] == {"role": "assistant", "content": "b", "weight": 0} and out[3] == messages[3]
        assert without_earlier_reasoning(messages[:2]) == messages[:2]


class TestRows:
    def test_huggingface_forms(self, tmp_path: Path, checkpoint: Checkpoint) -> None:
        Image.new("RGB", (64, 64)).save(tmp_path / "p.png")
        talk = [{"role": "user", "content": "what?"}, {"role": "assistant", "content": "paper"}]
        shown_talk = [
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what?"}]}, talk[1]
        ]  # fmt: skip
        rows = [
            {"images": ["p.png"], "messages": talk},
            {"images": [{"path": "p.png"}], "messages": shown_talk},
            {"images": ["p.png"], "prompt": talk[:1], "completion": talk[1:]},
            {"image": "p.png", "prompt": "what?", "completion": "paper"},
        ]
        reader = reader_of(written(tmp_path / "a.jsonl", *rows), checkpoint)
        samples = [reader.counted(n)[0] for n in range(len(rows))]
        assert all(each.ids == samples[0].ids and each.mask == samples[0].mask for each in samples)
        assert samples[0].tiles == [1]

    def test_only_the_completion_is_trained_on(self, tmp_path: Path, checkpoint: Checkpoint) -> None:
        prompt = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
                  {"role": "user", "content": "c"}]  # fmt: skip
        row = {"prompt": prompt, "completion": [{"role": "assistant", "content": "the"}]}
        (sample,) = reader_of(written(tmp_path / "a.jsonl", row), checkpoint).counted(0)
        trained = [t for t, counts in zip(sample.ids, sample.mask, strict=True) if counts]
        assert checkpoint.tokenizer.decode(trained) == "the"

    def test_pairs_of_both_makers(self) -> None:
        ask, better, worse = ([{"role": r, "content": c}] for r, c in
                              (("user", "q"), ("assistant", "good"), ("assistant", "bad")))  # fmt: skip
        ours = {"prompt": ask, "chosen": better, "rejected": worse, "tools": TOOLS}
        openai = {"input": {"messages": ask, "tools": TOOLS}, "preferred_output": better,
                  "non_preferred_output": worse}  # fmt: skip
        a, b = (parse_row(json.dumps(row).encode(), "dpo", "x:1") for row in (ours, openai))
        assert a == b and a.texts == (ask + better, ask + worse)

    def test_tasks(self) -> None:
        row = {"prompt": "read", "answer": "text"}
        assert parse_row(json.dumps(row).encode(), "grpo", "x:1").answer == "text"
        row = {"messages": [{"role": "user", "content": "?"}], "tools": TOOLS, "tool_calls": [CALL]}
        assert parse_row(json.dumps(row).encode(), "grpo", "x:1").calls == (("get", {"x": 1}),)

    @pytest.mark.parametrize(
        ("method", "text"),
        [
            ("sft", "{"), ("sft", "[]"), ("sft", "{}"), ("sft", '{"messages": 3}'), ("sft", "[" * 100_000),
            ("sft", '{"messages": []}'), ("sft", '{"messages": [], "images": [3]}'),
            ("sft", '{"messages": [{"role": "user", "content": "a"}], "images": [3]}'),
            ("sft", '{"messages": [{"role": "assistant", "content": "a"}], "images": ["p.png"]}'),
            ("sft", '{"messages": [{"role": "user", "content": "a"}], "tools": "["}'),
            ("dpo", '{"prompt": "a", "chosen": "b"}'), ("grpo", '{"prompt": "a"}'),
            ("grpo", '{"prompt": "a", "answer": 3}'), ("grpo", '{"prompt": "a", "tool_calls": ["x"]}'),
            ("grpo", '{"prompt": [{"role": "assistant", "content": "a"}], "answer": ""}'),
            ("sft", '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": ""}]}'),
            ("sft", '{"prompt": "a", "completion": " "}'),
            ("sft", '{"messages": [{"role": "assistant", "content": "a", "weight": 0.5}]}'),
            ("sft", '{"prompt": "a", "chosen": "b", "rejected": "c"}'),
        ],
    )  # fmt: skip
    def test_refusals_name_the_line(self, method: str, text: str) -> None:
        with pytest.raises(AdotxError) as caught:
            parse_row(text.encode(), method, "rows.jsonl:7")
        assert str(caught.value).startswith("rows.jsonl:7: ") and "\n" not in str(caught.value)

    @given(st.binary(max_size=200))
    def test_any_bytes(self, text: bytes) -> None:
        for method in ("sft", "dpo", "grpo"):
            try:
                parse_row(text, method, "a:1")
            except AdotxError as error:
                assert error.code.startswith("finetune.")


class TestCheck:
    def test_every_bad_row_is_named(self, tmp_path: Path, checkpoint: Checkpoint) -> None:
        Image.new("RGB", (64, 64)).save(tmp_path.parent / "outside.png")
        (tmp_path / "damaged.png").write_bytes(base64.b64decode(uri().partition(",")[2])[:40])

        def asking(picture: str) -> dict[str, Any]:
            return {"messages": [{"role": "user", "content": [{"type": "image", "image": picture}]},
                                 {"role": "assistant", "content": "a"}]}  # fmt: skip

        long = {"messages": [{"role": "user", "content": "x" * 400}, {"role": "assistant", "content": "a"}]}
        rows = [
            asking(uri()), asking("none.png"), asking("a\0b.png"), asking("n" * 5000),
            asking("../outside.png"), asking("damaged.png"), long,
            asking("https://example.org/a.png"), {"messages": [{"role": "user", "content": "a"}]},
            {"messages": [{"role": "king", "content": "a"}]},
        ]  # fmt: skip
        reader = reader_of(written(tmp_path / "a.jsonl", *rows), checkpoint, max_length=400)
        said: list[str] = []
        with pytest.raises(AdotxError, match="9 of 10 rows"):
            check(reader, lambda what: said.append(str(what)))
        lines = [int(re.search(r"a.jsonl:(\d+)", line)[1]) if "a.jsonl" in line else line for line in said]
        assert lines == list(range(2, 11))

    @pytest.mark.parametrize(("how", "left"), [("drop", 1), ("truncate", 2)])
    def test_over_long_rows(self, how: str, left: int, tmp_path: Path, checkpoint: Checkpoint) -> None:
        rows = [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b" * n}]}
                for n in (3, 300)]  # fmt: skip
        reader = reader_of(written(tmp_path / "a.jsonl", *rows), checkpoint, max_length=250, too_long=how)
        said: list[str] = []
        count = check(reader, lambda what: said.append(str(what)))
        assert len(count.usable) == left and all(ids <= 250 for ids, _ in count.sizes)
        assert "a.jsonl:2" in said[0] and count.left_out == 2 - left and count.cut == left - 1

    def test_a_row_cut_before_its_answer_is_refused(self, tmp_path: Path, checkpoint: Checkpoint) -> None:
        row = {"messages": [{"role": "user", "content": "a" * 300}, {"role": "assistant", "content": "b"}]}
        reader = reader_of(
            written(tmp_path / "a.jsonl", row), checkpoint, max_length=250, too_long="truncate"
        )
        with pytest.raises(AdotxError, match="1 of 1 rows"):
            check(reader, lambda what: None)

    def test_show(self, tmp_path: Path, toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = written(tmp_path / "a.jsonl", {"messages": dialogue(), "tools": TOOLS})
        assert adotx(["train", "sft", "-d", str(path), "-m", str(toy), "--show", "1"]) == DONE
        out = capsys.readouterr()
        assert "‹안녕<|im_end|>›" in out.out and "image tokens]" in out.out and "1 rows" in out.err
        (coloured,) = look("sft", {"data": [path], "model": str(toy)}, 1, lambda what: None, colours=True)
        assert "\x1b[32m안녕<|im_end|>" in coloured

    def test_what_is_shown_cannot_move_the_cursor(self, checkpoint: Checkpoint) -> None:
        ids = checkpoint.tokenizer.encode("a\x1b[2Jb")
        assert "\x1b" not in shown(ids, [True] * len(ids), checkpoint.tokenizer, colours=False)

    @pytest.mark.parametrize(
        "words", [["rank=0"], ["too_long=maybe"], ["rang=3"], ["quantize=nf4", "--full"], ["batch=x"]]
    )
    def test_settings_are_checked(
        self, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = written(tmp_path / "a.jsonl", {"messages": dialogue()})
        assert adotx(["train", "sft", "--data", str(path), "--show", "0", *words]) == REFUSED
        assert capsys.readouterr().err.count("\n") == 1


class TestRewards:
    def test_transcription(self) -> None:
        assert transcription("대한민국", "대한민국") == 1 and transcription("", "abc") == 0
        assert 0.7 < transcription("대한민극", "대한민국") < 0.8

    def test_calls(self) -> None:
        a, b = ("get", {"x": 1, "y": "서울 "}), ("put", {})
        assert tool_calls([("get", {"y": "서울", "x": 1})], [a]) == 1 and tool_calls([b, a], [a, b]) == 1
        assert tool_calls([], [a]) == 0 and tool_calls([("got", {})], [a]) == 0
        assert 0.4 < tool_calls([("get", {"x": True, "y": "서울"})], [a]) < 1
        assert tool_calls([a, a], [a]) == 0.5
        assert tool_calls([], [], "no tool is needed") == 1 and tool_calls([a], []) == 0

    @given(
        st.lists(
            st.tuples(st.sampled_from("ab"), st.dictionaries(st.sampled_from("xy"), st.integers(0, 2))),
            max_size=3,
        )
    )
    def test_the_wanted_calls_are_worth_one(self, calls: list[Any]) -> None:
        mixed = random.Random(1).sample(calls, len(calls))
        assert tool_calls(mixed, calls, "text") == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"PAR1\x15\x04", "is Parquet"),
        (b"\xff\xff\xff\xffARROW", "Arrow"),
        (b'[\n  {"messages": []}\n]', "is one JSON list"),
        (b"\xef\xbb\xbf [{}]", "is one JSON list"),
        (None, "is a folder"),
    ],
)
def test_other_forms_of_data_are_named(content: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(AdotxError, match=words):
        find_lines([path])


def test_shortened_drops_the_picture_it_would_cut() -> None:
    sample = Sample("a:1", [1, 22, 22, 22, 22, 2, 22, 22, 22, 22, 3], [False] * 11, [0, 1], [1, 1], 11)
    assert shortened(sample, 9, 22, 4).ids == [1, 22, 22, 22, 22, 2]
    assert shortened(sample, 10, 22, 4).tiles == [1, 1] and shortened(sample, 3, 22, 4).ids == [1]
