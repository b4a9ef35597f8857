"""The whole ladder with a tiny model, tiny texts, two steps a stage: broken off, gone on with, opened."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from adotx.checkpoint import open_checkpoint, validate  # noqa: E402
from adotx.errors import AdotxError  # noqa: E402
from adotx.train import STAGES, run, run_ladder  # noqa: E402
from hangul_fonts import both_sides  # noqa: E402

TINY = {
    "vision": {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
    "text": {
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "intermediate_size": 32,
    },
}
#: MiB in a file of weights; the tiny embedding needs 0.4
SHARD = 0.6


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora")
    origin = {"source": "a/b", "license": "MIT"}
    texts = [
        f"{n}번째 문장은 시험을 위해 지어낸 한국어 문장입니다. 문서를 읽는 연습을 합니다." for n in range(600)
    ]
    page = (
        "# 제목\n\n"
        + "\n\n".join(texts[:12])
        + "\n\n- 하나\n- 둘\n\n```\nprint('안녕')\nx = 1 + 2 + 3\n```\n"
    )
    rows = {
        "nsmc": [{"text": t} for t in texts],
        "chatbot": [{"question": f"{n}시에 뭐 해?", "answer": f"{n}시에는 쉬고 있어요."} for n in range(200)],
        "docs_ko": [
            {"text": page.replace("제목", f"제목 {n}"), "path": f"p{n}.md", **origin} for n in range(150)
        ],
        "pairs": [
            {
                "en": f"This is made-up sentence number {n}.",
                "ko": f"이것은 지어낸 {n}번 문장입니다.",
                **origin,
            }
            for n in range(400)
        ],
        "laws": [
            {"text": f"# 법\n\n### 제{n}조\n\n이 법은 시행한다.", "path": f"{n}.md"} for n in range(100)
        ],
    }
    for name, entries in rows.items():
        data = "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in entries)
        (folder / f"{name}.jsonl").write_text(data, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def settings(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    return {
        "corpora": str(corpora),
        "fonts": [str(both_sides(tmp_path_factory.mktemp("fonts")))],
        "model": TINY,
        "vocab_size": 6100,
        "max_steps": 2,
        "batch_size": 2,
        "workers": 0,
        "minutes": 5,
        "threads": 1,
        "device": "cpu",
        "shard_megabytes": SHARD,
    }


@pytest.fixture
def short_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An untrained reader never ends its answer: eight ids of it will do."""
    reading = import_module("adotx.train.stages.reading")
    read = reading.read_greedy
    monkeypatch.setattr(reading, "read_greedy", lambda *a, **k: read(*a, limit=8, **k))


class Broken:
    """Breaks a run off in the second step of each trained stage, as a kill would; counts the steps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from adotx.train import trainer

        self.steps, self.at = 0, 2
        step: Callable = trainer.train_step

        def counted(*args: object) -> object:
            self.steps += 1
            if self.steps == self.at:
                raise KeyboardInterrupt
            return step(*args)

        monkeypatch.setattr(trainer, "train_step", counted)


def test_the_ladder_goes_on_wherever_it_was_broken_off(
    settings: dict,
    short_answers: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    """Each trained stage is broken off in its second step; its first was saved and is not done again."""
    out = tmp_path / "run"
    wanted = settings | {"out": str(out), "save_minutes": 0}
    broken = Broken(monkeypatch)
    for stage in STAGES[1:-1]:
        broken.steps = 0
        with pytest.raises(KeyboardInterrupt):
            run_ladder(wanted)
        assert (out / stage / "checkpoint-1").is_dir() and not (out / stage / "weights.safetensors").exists()
        told = capsys.readouterr().err
        # The second step alone is left of the stage that was broken off before: then the next one begins.
        broken.at = 3
        assert ("goes on from checkpoint-1" in told) == (stage != STAGES[1])
    broken.steps = 0
    folder = run_ladder(wanted)
    assert broken.steps == 1
    told = capsys.readouterr().err
    assert "144 image tokens" in told and "CER of rows" in told and "samples/s" in told
    assert f"reading: finished already, {out / 'reading'}" in told
    assert not list(out.rglob("checkpoint-*")) and not list(out.rglob("*.partial"))
    weights = [path for path in out.rglob("*.safetensors") if path.name != "timesteps.safetensors"]
    largest = max(path.stat().st_size for path in weights)
    assert largest <= SHARD * 2**20 and len(list(folder.glob("*.safetensors"))) > 1
    checkpoint = open_checkpoint(str(folder))
    assert checkpoint.extra == {"reader": "rows", "answer": "row"} and checkpoint.eos_ids == (0, 27, 1)
    report = validate(str(folder))
    assert report.ok, report.lines()
    reads_a_page(folder, tmp_path, capsys)
    # A finished stage is not made anew, and one made with other settings is told.
    broken.steps = 0
    assert run("pages", wanted) == out / "pages" and broken.steps == 0
    with pytest.raises(AdotxError, match=r"learning_rate = .*, now 0\.5"):
        run_ladder(wanted | {"learning_rate": 0.5})


def reads_a_page(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    from PIL import Image, ImageDraw

    from adotx.cli import run as cli

    page = Image.new("L", (500, 160), 255)
    ImageDraw.Draw(page).text((30, 60), "HELLO 12345 hello", fill=0, font_size=24)
    page.save(tmp_path / "page.png")
    assert cli(["transcribe", "--model", str(folder), str(tmp_path / "page.png")]) in (0, 1)
    assert "Traceback" not in capsys.readouterr().err


def test_a_signal_ends_a_stage_after_its_step(
    settings: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM saves before it ends the run, whatever `save_minutes` says; the handlers come back."""
    from adotx.train import trainer

    wanted = settings | {"out": str(tmp_path), "max_steps": 50}
    run("tokenizer", wanted)
    step, before = trainer.train_step, signal.getsignal(signal.SIGTERM)

    def signalled(*args: object) -> object:
        signal.raise_signal(signal.SIGTERM)
        return step(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(trainer, "train_step", signalled)
    with pytest.raises(KeyboardInterrupt):
        run("language", wanted)
    assert [p.name for p in (tmp_path / "language").glob("checkpoint-*")] == ["checkpoint-1"]
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_deadline_is_shared_out_and_leaves_time_to_export(
    settings: dict,
    short_answers: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    from adotx.train import trainer

    clock = 0.0
    step: Callable = trainer.train_step

    def slow_step(*args: object) -> object:
        nonlocal clock
        clock += 7
        return step(*args)

    monkeypatch.setattr(trainer, "train_step", slow_step)
    monkeypatch.setattr("time.monotonic", lambda: clock)
    wanted = {k: v for k, v in settings.items() if k != "max_steps"}
    folder = run_ladder(wanted | {"out": str(tmp_path), "deadline": 120, "minutes": 60})
    assert validate(str(folder)).ok
    assert 100 <= clock < 120  # 20 seconds are kept for the export; the last step may end in them
    # With no time at all there is a checkpoint all the same, without the stage it can do without.
    folder = run_ladder(wanted | {"out": str(tmp_path / "hasty"), "deadline": 1, "minutes": 60})
    assert validate(str(folder)).ok and not (tmp_path / "hasty" / "pages").exists()
    assert "no time left to train" in capsys.readouterr().err


def test_a_stage_without_the_one_before_says_which(settings: dict, tmp_path: Path) -> None:
    with pytest.raises(AdotxError, match="adotx train tokenizer"):
        run("language", settings | {"out": str(tmp_path)})


def test_a_device_that_is_not_there_is_told(settings: dict, tmp_path: Path) -> None:
    wanted = settings | {"out": str(tmp_path), "device": "warp"}
    run("tokenizer", wanted)
    with pytest.raises(AdotxError, match=r"device = 'warp'"):
        run("language", wanted)


def test_files_too_small_for_the_embedding_are_refused(settings: dict) -> None:
    with pytest.raises(AdotxError, match=r"shard_megabytes of 0\.5"):
        run_ladder(settings | {"shard_megabytes": 0.1})


class Autocast:
    """In place of `torch.autocast`, which knows no pretended device: notes which device it was asked for."""

    asked: set[str]

    def __init__(self, device_type: str, dtype: object | None = None, **_: object) -> None:
        self.asked.add(device_type)

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_the_other_device_minds_strangers_and_waits() -> None:
    """The device of the next test refuses what an accelerator refuses, and computes what the CPU computes."""
    from other_device import OTHER, OtherDevice

    device = OtherDevice()
    with device:
        numbers = torch.arange(6.0).view(2, 3).to(OTHER).requires_grad_()
        mask = torch.ones(2, 3, device=OTHER)
        (numbers * mask * 2).sum().backward()
        assert numbers.grad is not None and numbers.grad.tolist() == [[2.0] * 3] * 2
        with pytest.raises(RuntimeError, match="two devices"):
            numbers * torch.ones(2, 3)
        device.waits.clear()
        assert float(numbers.detach().sum()) == 15.0 and device.waits
        device.waits.clear()
        assert len(numbers[numbers > 2]) == 3 and device.waits


def test_the_ladder_runs_on_another_device(
    settings: dict,
    short_answers: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    """Every stage's batches, forward, losses, backward, clipping, optimizer, validation, saving and resuming.

    Proves, without an accelerator: no tensor is made on a device of its own (one that met the model's would
    raise); autocast is asked for that device; a training step reads nothing back from it. Does not prove that
    the kernels of a real accelerator give the same numbers.
    """
    from adotx.train import optim, trainer
    from other_device import OTHER, OtherDevice, OtherTensor

    step = trainer.train_step
    Autocast.asked = set()
    monkeypatch.setattr(torch, "autocast", Autocast)
    monkeypatch.setattr(optim, "_FUSED", {"meta"})
    steps: list[str] = []
    device = OtherDevice()

    def watched(model: Any, batch: dict, *args: object) -> Any:
        steps.append(type(model).__name__)
        if len(steps) == 8:  # in the last step of the last stage: the same call goes on from the first
            raise KeyboardInterrupt
        assert all(isinstance(t, OtherTensor) for t in [*batch.values(), *model.parameters()])
        device.waits.clear()
        loss = step(model, batch, *args)  # type: ignore[arg-type]
        assert loss.device == OTHER and not device.waits
        return loss

    monkeypatch.setattr(trainer, "train_step", watched)
    wanted = settings | {"device": "meta", "save_minutes": 0, "validate_minutes": 0, "average": 4}
    wanted |= {"out": str(tmp_path / "made")}
    with device:
        with pytest.raises(KeyboardInterrupt):
            run_ladder(wanted)
        folder = run_ladder(wanted)
        started = run_ladder(
            wanted | {"out": str(tmp_path / "on"), "start": str(folder), "pages": {"minutes": 0}}
        )
    assert steps[9:] == ["ReadingModel"] * 2 and validate(str(started)).ok
    assert not (tmp_path / "on" / "pages").exists()
    assert (
        steps[:9]
        == [n for n in ("LanguageModel", "GlyphReader", *["ReadingModel"] * 2) for _ in (1, 2)] + steps[-1:]
    )
    assert Autocast.asked == {"meta"}
    assert validate(str(folder)).ok
    assert "nan" not in capsys.readouterr().err
