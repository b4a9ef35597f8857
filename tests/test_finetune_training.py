"""Fine-tuning itself, on a small random model: losses fall, adapters load back three ways, runs go on.

Needs the extra `finetune`.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("peft")

from safetensors import safe_open  # noqa: E402

from adotx.checkpoint import Checkpoint, open_checkpoint, validate  # noqa: E402
from adotx.engine import Request, SamplingParams  # noqa: E402
from adotx.errors import AdotxError  # noqa: E402
from adotx.finetune import read_recipe, run  # noqa: E402
from adotx.finetune.callbacks import Reporter  # noqa: E402
from adotx.finetune.grpo import Reward  # noqa: E402
from adotx.finetune.packing import blank_sample, filled, packed, packs, padded, pairs  # noqa: E402
from adotx.finetune.rows import find_lines  # noqa: E402
from adotx.finetune.samples import Reader  # noqa: E402
from adotx.finetune.saving import publish  # noqa: E402
from adotx.finetune.states import last_state  # noqa: E402
from adotx.hf import AX4VLForConditionalGeneration  # noqa: E402
from adotx.model import Model  # noqa: E402
from finetune_toys import (  # noqa: E402
    CALL,
    QUIET,
    TOOLS,
    asked,
    losses,
    said,
    toy_base,
    toy_conversations,
    toy_pictures,
    written,
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy_pictures(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def conversations(folder: Path) -> Path:
    return toy_conversations(folder)


@pytest.fixture(scope="module")
def preferences(folder: Path) -> Path:
    rows = [{"prompt": asked(n), "chosen": said("the"), "rejected": said("im")} for n in range(8)]
    return written(folder / "dpo.jsonl", rows)


@pytest.fixture(scope="module")
def tasks(folder: Path) -> Path:
    rows: list[Any] = [{"prompt": asked(n), "answer": "the"} for n in range(5)]
    rows.append({"prompt": asked(1), "tools": TOOLS, "tool_calls": [CALL]})
    return written(folder / "grpo.jsonl", rows)


def reader_of(path: Path, base: Path, **settings: Any) -> Reader:
    recipe = read_recipe("sft", {"data": [path], "model": str(base), **settings})
    return Reader(recipe, open_checkpoint(base), find_lines([path]))


def check_three_ways(base: Path, out: Path, prompt: list[int]) -> None:
    """The merged folder in the engine and in transformers, the adapter on its base in PEFT: one model."""
    from peft import PeftModel

    assert not validate(out / "merged").faults
    merged: Any = AX4VLForConditionalGeneration.from_pretrained(out / "merged", dtype=torch.float32)
    plain: Any = AX4VLForConditionalGeneration.from_pretrained(base, dtype=torch.float32)
    adapted = PeftModel.from_pretrained(plain, out / "adapter").eval()
    ids = torch.tensor([prompt])
    with torch.no_grad():
        a, b = merged.eval()(input_ids=ids).logits, adapted(input_ids=ids).logits
        with adapted.disable_adapter():
            before = adapted(input_ids=ids).logits
    assert torch.allclose(a, b, atol=1e-5) and not torch.allclose(a, before, atol=1e-4)
    config = json.loads((out / "merged" / "config.json").read_text())
    assert config["an_unknown_key"] == {"of": ["another", "version"]} and config["use_cache"]
    engine = Model.open(str(out / "merged"), "f32").engine
    (answer,) = engine.generate([Request(prompt, sampling=SamplingParams(max_new_tokens=4))])
    wanted = merged.generate(ids, max_new_tokens=4, do_sample=False)[0, len(prompt) :].tolist()
    assert list(answer.ids) == wanted[: len(answer.ids)] and answer.ids


PROMPT = [25, 8, 100, 120, 27, 25, 10]


class TestSft:
    def test_loss_falls_and_the_adapter_loads(self, base: Path, conversations: Path, tmp_path: Path) -> None:
        settings = {"data": [conversations], "model": str(base), "out": tmp_path / "run", **QUIET}
        words: list[str] = []
        more = {"learning_rate": 2e-2, "max_steps": 14, "batch": 2, "pack_tokens": 400, "targets": "all"}
        out = run(
            "sft", {**settings, **more, "eval_data": [conversations]}, lambda what: words.append(str(what))
        )
        assert out == tmp_path / "run" / "merged"
        found = losses(tmp_path / "run")
        assert found[-1] < found[0] - 1 and any("held-out" in line for line in words)
        check_three_ways(base, tmp_path / "run", PROMPT)
        assert run("sft", {**settings, **more, "eval_data": [conversations]}, lambda what: None) == out
        with pytest.raises(AdotxError, match="other settings"):
            run("sft", {**settings, **more, "rank": 8}, lambda what: None)

    def test_all_weights(self, base: Path, conversations: Path, tmp_path: Path) -> None:
        settings = {"data": [conversations], "model": str(base), "out": tmp_path, "lora": False, **QUIET}
        out = run(
            "sft", {**settings, "max_steps": 4, "learning_rate": 1e-2, "batch": 1, "checkpointing": "on"}
        )
        assert not validate(out).faults and losses(tmp_path)[-1] < losses(tmp_path)[0]
        assert open_checkpoint(out).tensors.names() == open_checkpoint(base).tensors.names()

    def test_goes_on_as_if_it_had_not_been_stopped(
        self, base: Path, conversations: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = {"data": [conversations], "model": str(base), "merge": False, **QUIET}
        settings |= {"max_steps": 8, "save_steps": 3, "batch": 2, "pack": False, "dropout": 0.1}
        run("sft", {**settings, "out": tmp_path / "whole"}, lambda what: None)

        class Killed(Exception):
            pass

        logged = Reporter.on_log

        def killing(self: Any, args: Any, state: Any, *rest: Any, **more: Any) -> None:
            if state.global_step == 5:
                raise Killed
            logged(self, args, state, *rest, **more)

        with monkeypatch.context() as patched, pytest.raises(Killed):
            patched.setattr(Reporter, "on_log", killing)
            run("sft", {**settings, "out": tmp_path / "cut"}, lambda what: None)
        half = tmp_path / "cut" / "checkpoint-6"  # a state that was being written
        shutil.copytree(tmp_path / "cut" / "checkpoint-3", half)
        (half / "whole").unlink()
        (half / "optimizer.pt").write_bytes(b"")
        said: list[str] = []
        run("sft", {**settings, "out": tmp_path / "cut"}, lambda what: said.append(str(what)))
        assert "goes on from step 3" in said
        assert losses(tmp_path / "cut") == losses(tmp_path / "whole")
        names = ("adapter/adapter_model.safetensors",)
        assert all(
            (tmp_path / "cut" / n).read_bytes() == (tmp_path / "whole" / n).read_bytes() for n in names
        )

    def test_four_bits(self, base: Path, conversations: Path, tmp_path: Path) -> None:
        """QLoRA: the adapter is learnt on weights of four bits and merged into those that are not."""
        pytest.importorskip("bitsandbytes")
        settings = {"data": [conversations], "model": str(base), "quantize": "nf4", **QUIET}
        settings |= {"learning_rate": 2e-2, "max_steps": 10, "batch": 2, "pack_tokens": 400, "save_steps": 5}
        run("sft", {**settings, "out": tmp_path / "whole"}, lambda what: None)
        found = losses(tmp_path / "whole")
        assert found[-1] < found[0] - 1
        check_three_ways(base, tmp_path / "whole", PROMPT)
        with safe_open(tmp_path / "whole" / "adapter" / "adapter_model.safetensors", "pt") as file:
            assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float32}  # noqa: SIM118

    def test_strength_is_a_share_of_what_was_learnt(
        self, base: Path, conversations: Path, tmp_path: Path
    ) -> None:
        settings = {"data": [conversations], "model": str(base), "max_steps": 2, "batch": 2, **QUIET}
        settings |= {"pack": False, "targets": "all", "learning_rate": 2e-2}
        for name, strength in (("whole", 1.0), ("half", 0.5)):
            run("sft", {**settings, "out": tmp_path / name, "strength": strength}, lambda what: None)
        folders = (base, tmp_path / "half" / "merged", tmp_path / "whole" / "merged")
        before, half, whole = (
            AX4VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).state_dict()
            for folder in folders
        )
        changed = [name for name in before if not torch.equal(before[name], whole[name])]
        assert len(changed) > 10
        for name in changed:
            assert torch.allclose(half[name] - before[name], (whole[name] - before[name]) / 2, atol=1e-6)
        check_three_ways(base, tmp_path / "half", PROMPT)

    def test_a_full_disk(self, base: Path, conversations: Path, tmp_path: Path) -> None:
        """No room for a state: one line, and the run goes on when there is."""
        resource = pytest.importorskip("resource")
        settings = {"data": [conversations], "model": str(base), "out": tmp_path, "merge": False, **QUIET}
        settings |= {"max_steps": 2, "save_steps": 1, "batch": 1}
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
        try:
            with pytest.raises(AdotxError, match="the disk may be full"):
                run("sft", settings, lambda what: None)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert last_state(tmp_path) is None
        assert run("sft", settings, lambda what: None) == tmp_path / "adapter"

    def test_a_pattern_that_fits_nothing(self, base: Path, conversations: Path, tmp_path: Path) -> None:
        for pattern in ("nothing", "("):
            with pytest.raises(AdotxError, match="fits no module"):
                run("sft", {"data": [conversations], "model": str(base), "out": tmp_path, "targets": pattern})


def test_a_published_folder_names_no_code(base: Path, tmp_path: Path) -> None:
    """Published files point to code that does not go along: such a folder would not load anywhere."""
    named = {}
    shutil.copytree(base, tmp_path / "base")
    for path in (tmp_path / "base").glob("*config.json"):
        values = json.loads(path.read_text())
        named[path.name] = values
        path.write_text(json.dumps({**values, "auto_map": {"AutoProcessor": "processing_ax4vl.AX4VL"}}))
    checkpoint = open_checkpoint(tmp_path / "base")
    model = AX4VLForConditionalGeneration.from_pretrained(tmp_path / "base", dtype=torch.float32)
    out = publish(checkpoint, model, tmp_path / "out")
    assert len(named) >= 3 and named.keys() <= {path.name for path in out.iterdir()}
    for name, values in named.items():
        written = json.loads((out / name).read_text())
        assert "auto_map" not in written and (name == "config.json" or written == values)


class TestPacking:
    @pytest.mark.parametrize("attention", ["sdpa", "eager"])
    def test_packed_and_unpacked_losses_are_equal(
        self, base: Path, conversations: Path, attention: str
    ) -> None:
        model: Any = AX4VLForConditionalGeneration.from_pretrained(
            base, dtype=torch.float32, attn_implementation=attention
        ).eval()
        reader = reader_of(conversations, base)
        loaded = [each for n in range(len(reader)) for each in reader.loaded(n)]
        counts = [sample.trained for sample, _ in loaded]

        def summed(batch: dict[str, Any]) -> float:
            with torch.no_grad():
                return float(model(**batch, num_items_in_batch=1, use_cache=False).loss)

        alone = [summed(padded([each], 1)) for each in loaded]
        for order in (list(range(len(loaded))), random.Random(2).sample(range(len(loaded)), len(loaded))):
            batch = packed([loaded[n] for n in order])
            assert int((batch["labels"] != -100).sum()) == sum(counts)
            assert summed(batch) / sum(counts) == pytest.approx(sum(alone) / sum(counts), abs=1e-5)
        assert summed(padded(loaded, 1)) / sum(counts) == pytest.approx(sum(alone) / sum(counts), abs=1e-5)
        side = reader.checkpoint.config.tiles.tile_size  # type: ignore[union-attr]
        texts = [each for each in loaded if each[1] is None]
        blank = blank_sample(22, 4, side)
        assert summed(packed(texts, blank)) == pytest.approx(summed(packed(texts)), abs=1e-4)
        assert "pixel_values" in packed(texts, blank)

    def test_packs_keep_to_their_budget_and_lose_nothing(self) -> None:
        rng = random.Random(3)
        sizes = [(rng.randint(1, 120), rng.randint(0, 5)) for _ in range(500)]
        found = packs(sizes, (128, 8), random.Random(1))
        assert sorted(n for held in found for n in held) == list(range(500))
        for held in found:
            assert sum(sizes[n][0] for n in held) <= 128 and sum(sizes[n][1] for n in held) <= 8
        assert len(found) < 1.15 * sum(ids for ids, _ in sizes) / 128
        assert len(filled(found, 8)) % 8 == 0 and packs(sizes, (128, 8), random.Random(1)) == found
        assert packs([(500, 20)], (128, 8), random.Random(1)) == [[0]]

    def test_an_empty_unit_weighs_nothing(self, base: Path) -> None:
        batch = packed([])
        assert batch["labels"].tolist() == [[-100]]

    @pytest.mark.parametrize("attention", ["sdpa", "eager"])
    def test_a_shared_picture_says_the_same(self, base: Path, folder: Path, attention: str) -> None:
        """Several questions about one picture: its ids once, each question seeing it and itself alone."""
        rows = [
            {"messages": [*asked(n)[:1], *said("the " * n), *asked(3 * n), *said("im")]} for n in (1, 2, 4)
        ]
        rows += [{"messages": [*asked(1), *said("안녕" * n)]} for n in (1, 2, 3)]
        many = [{"type": "image", "image": "many.png"}, {"type": "text", "text": "?"}]
        rows += [{"messages": [{"role": "user", "content": many}, *said("tool" * n)]} for n in (1, 2)]
        reader = reader_of(written(folder / f"shared-{attention}.jsonl", rows), base, attention=attention)
        model: Any = AX4VLForConditionalGeneration.from_pretrained(
            base, dtype=torch.float32, attn_implementation=attention
        ).eval()
        loaded = [each for n in range(len(reader)) for each in reader.loaded(n)]
        dense = attention == "sdpa"
        with torch.no_grad():
            alone = sum(float(model(**padded([each], 1), num_items_in_batch=1).loss) for each in loaded)
            batch = packed(loaded, share=True, dense=dense)
            together = float(model(**batch, num_items_in_batch=1, use_cache=False).loss)
        trained = sum(sample.trained for sample, _ in loaded)
        assert int((batch["labels"][:, 1:] != -100).sum()) == trained
        assert together / trained == pytest.approx(alone / trained, abs=1e-5)
        assert batch["input_ids"].shape[1] < packed(loaded)["input_ids"].shape[1]
        assert len(batch["pixel_values"]) < len(packed(loaded)["pixel_values"])


class TestPreferences:
    def test_loss_falls_and_the_adapter_loads(self, base: Path, preferences: Path, tmp_path: Path) -> None:
        settings = {"data": [preferences], "model": str(base), "out": tmp_path, **QUIET}
        run("dpo", {**settings, "max_steps": 10, "batch": 2, "learning_rate": 2e-2}, lambda what: None)
        found = losses(tmp_path)
        assert found[0] == pytest.approx(np.log(2), abs=1e-3) and found[-1] < found[0] / 2
        check_three_ways(base, tmp_path, PROMPT)


class TestRewarded:
    def test_reward_rises_and_the_adapter_loads(
        self, base: Path, folder: Path, tasks: Path, tmp_path: Path
    ) -> None:
        """A model that has learnt to say either of two words, as often, learns which of them is paid."""
        rows = [{"messages": asked(n) + said(word)} for n in range(6) for word in ("the", "im")]
        settings = {"data": [written(folder / "both.jsonl", rows)], "model": str(base), **QUIET}
        settings |= {"targets": "all", "batch": 2, "pack_tokens": 400, "learning_rate": 2e-2, "max_steps": 30}
        either = run("sft", {**settings, "out": tmp_path / "either"}, lambda what: None)
        settings = {"data": [tasks], "model": str(either), "out": tmp_path / "paid", **QUIET}
        settings |= {"max_completion": 3, "batch": 16, "generations": 4, "micro_batch": 8, "targets": "all"}
        run("grpo", {**settings, "max_steps": 16, "learning_rate": 1e-2}, lambda what: None)
        rewards = losses(tmp_path / "paid", "reward")
        assert len(rewards) == 16 and all(0 <= each <= 1 for each in rewards)
        assert sum(rewards[-4:]) / 4 > sum(rewards[:4]) / 4 + 0.15
        check_three_ways(either, tmp_path / "paid", PROMPT)

    def test_an_answer_is_read_by_id(self, base: Path, tasks: Path) -> None:
        recipe = read_recipe("grpo", {"data": [tasks], "model": str(base)})
        checkpoint: Checkpoint = open_checkpoint(base)
        reward = Reward(Reader(recipe, checkpoint, find_lines([tasks])))
        words = checkpoint.tokenizer
        open_, close, end = (words.special[name] for name in ("<tool_call>", "</tool_call>", "<|im_end|>"))
        call = words.encode('{"name": "get", "arguments": {"x": 1}}')
        asked_for = len(reward.reader) - 1
        assert reward.of([open_, *call, close, end], asked_for) == 1
        forged = words.encode('<tool_call>{"name": "get", "arguments": {"x": 1}}</tool_call>')
        assert reward.of(forged, asked_for) == 0
        assert reward.of([*words.encode("the"), end], 0) == 1 and reward.of([end], 0) == 0


def test_an_empty_picture_joins_a_pair_without_one(base: Path, folder: Path) -> None:
    """Several processes train the tower together, so each batch has a picture; no answer changes."""
    rows = [{"prompt": "what?", "chosen": said("the"), "rejected": said("im")}]
    recipe = read_recipe("dpo", {"data": [written(folder / "text.jsonl", rows)], "model": str(base)})
    reader = Reader(recipe, open_checkpoint(base), find_lines(recipe.data))
    chosen, rejected = reader.loaded(0)
    plain, seen = (pairs([(chosen, rejected)], 1, blank) for blank in (None, blank_sample(22, 4, 64)))
    assert "pixel_values" not in plain and seen["pixel_values"].shape == (2, 3, 64, 64)
    assert int(seen["completion_mask"].sum()) == int(plain["completion_mask"].sum())
    assert (seen["input_ids"] == 22).sum(1).tolist() == [4, 4]
