"""The command line: its surface (frozen), its languages, its streams and its exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import string
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from adotx.cli import BROKEN_PIPE, DONE, FINDING, INTERRUPTED, REFUSED, run
from adotx.cli.strings import STRINGS, language, text
from checkpoint_toys import toy_checkpoint

SAMPLING = {"--max-tokens", "--temperature", "--top-p", "--seed"}
MODEL = {"--model", "--weights", "--online"}
SERVED = {*MODEL, "--server", "--server-key"}
FINETUNE = {"--data", "--model", "--out", "--lora", "--show", "--config", "--online"}
PEER = {"--peer", "--peer-tries", "--peer-answers"}

#: Verb -> options (--help apart) and arguments. Who changes it changes README, CHANGELOG and docs/cli.md too.
SURFACE: dict[str, tuple[set[str], list[str]]] = {
    "transcribe": (
        {
            "--out",
            "--format",
            "--report",
            "--pages",
            "--page-marks",
            "--mark-doubtful",
            "--keep-running",
            "--redact",
            "--hanja",
            "--text-layer",
            "--show-changes",
            "--second-reader",
            "--password",
            "--recursive",
            "--retry-failed",
            "--force",
            *SERVED,
        },
        ["PATH"],
    ),
    "ask": ({"--pages", "--password", *SERVED, *SAMPLING}, ["DOCUMENT", "QUESTION"]),
    "describe": ({*SERVED, *SAMPLING}, ["IMAGE"]),
    "chat": ({"--system", *SERVED, *SAMPLING}, []),
    "serve": ({"--host", "--port", "--settings", "--api-keys", *MODEL}, []),
    "validate": (set(), ["DIR"]),
    "convert": ({"--weights", "--out"}, ["CHECKPOINT"]),
    "tokens": ({"--model", "--online"}, ["IMAGE|TEXT"]),
    "evaluate transcription": (
        {"--answers", "--card", "--json", "--kind", "--limit", "--second-reader", *PEER, *MODEL},
        ["DIR"],
    ),
    "data fonts": ({"--list"}, ["FOLDER"]),
    "data pack": ({"--corpora", "--fonts", "--megabytes"}, ["DIR"]),
    "data pages": ({"--corpora", "--fonts", "--count", "--split", "--seed"}, ["DIR"]),
    "data split": (set(), ["DIR"]),
    "data rows": ({"--out", "--model"}, ["DIR"]),
    "train nano": ({"--config"}, ["KEY=VALUE"]),
    "train tokenizer": ({"--config"}, ["KEY=VALUE"]),
    "train language": ({"--config"}, ["KEY=VALUE"]),
    "train glyphs": ({"--config"}, ["KEY=VALUE"]),
    "train reading": ({"--config"}, ["KEY=VALUE"]),
    "train pages": ({"--config"}, ["KEY=VALUE"]),
    "train export": ({"--config"}, ["KEY=VALUE"]),
    "train sft": (FINETUNE, ["KEY=VALUE"]),
    "train dpo": (FINETUNE, ["KEY=VALUE"]),
    "train grpo": (FINETUNE, ["KEY=VALUE"]),
}


def commands() -> Iterator[tuple[str, Any]]:
    """(verb, command) for every leaf of the command tree."""
    import typer.main

    from adotx.cli.app import app

    def walk(group: Any, path: str) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from walk(command, f"{path}{name} ")
            else:
                yield f"{path}{name}", command

    return walk(typer.main.get_command(app), "")


def adotx(*args: str | Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """The program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "adotx", *map(str, args)],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "ADOTX_LANG": "en", **changes},
        check=False,
    )


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADOTX_LANG", "en")


class TestSurface:
    def test_is_frozen(self) -> None:
        found = {}
        for verb, command in commands():
            options = [max(p.opts, key=len) for p in command.params if p.param_type_name == "option"]
            arguments = [p.metavar for p in command.params if p.param_type_name == "argument"]
            found[verb] = ({option for option in options if option != "--help"}, arguments)
        assert found == SURFACE

    def test_is_documented(self) -> None:
        document = (Path(__file__).parent.parent / "docs" / "cli.md").read_text(encoding="utf-8")
        for verb in SURFACE:
            assert f"`{verb.replace(verb.split()[-1], 'STAGE') if 'train' in verb else verb}" in document, (
                verb
            )

    def test_every_verb_has_help_in_both_languages(self) -> None:
        keys = {verb.replace(" ", ".") for verb in SURFACE} | {"data", "train", "evaluate", "app"}
        assert keys <= STRINGS.keys()

    @pytest.mark.parametrize("key", STRINGS)
    def test_strings_agree(self, key: str) -> None:
        english, korean = STRINGS[key]
        fields = [
            sorted(name for _, name, _, _ in string.Formatter().parse(t) if name) for t in (english, korean)
        ]
        assert fields[0] == fields[1]
        assert re.search("[가-힣]", korean) and not re.search("[가-힣]", english.replace("안녕", ""))

    def test_every_string_is_used(self) -> None:
        folder = Path(__file__).parent.parent / "src" / "adotx" / "cli"
        files = [path for path in folder.glob("*.py") if path.name != "strings.py"]
        code = "".join(path.read_text(encoding="utf-8") for path in files)
        used = set(re.findall(r'text\(\s*"([\w.]+)"', code))
        composed = {"app", "data", "train", "evaluate", *(verb.replace(" ", ".") for verb in SURFACE)}
        assert STRINGS.keys() - composed == used - composed

    @pytest.mark.parametrize(
        ("environ", "expected"),
        [
            ({}, "en"),
            ({"LANG": "ko_KR.UTF-8"}, "ko"),
            ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
            ({"LANG": "C.UTF-8", "ADOTX_LANG": "ko"}, "ko"),
            ({"LANG": "ko_KR.UTF-8", "ADOTX_LANG": "en"}, "en"),
            ({"LANG": "ko_KR.UTF-8", "ADOTX_LANG": ""}, "ko"),
        ],
    )
    def test_language(self, environ: dict[str, str], expected: str) -> None:
        assert language(environ) == expected


class TestHelp:
    def test_in_english(self) -> None:
        done = adotx("--help")
        assert (
            done.returncode == DONE and "Usage: adotx" in done.stdout and "Transcribe images" in done.stdout
        )
        assert not re.search("[가-힣]", done.stdout)

    def test_in_korean(self) -> None:
        done = adotx("transcribe", "--help", ADOTX_LANG="ko")
        assert done.returncode == DONE
        assert all(word in done.stdout for word in ("사용법:", "옵션:", "마크다운", "[기본값:"))
        assert (
            "Options:" not in done.stdout and "Show this" not in done.stdout and "default:" not in done.stdout
        )

    def test_imports_nothing_heavy(self) -> None:
        code = (
            "import sys\n"
            "from adotx.cli import run\n"
            "assert run(['--help']) == 0\n"
            "heavy = {'numpy', 'PIL', 'openvino', 'tokenizers', 'rich', 'torch', 'transformers'}\n"
            "print(sorted(heavy & sys.modules.keys()), file=sys.stderr)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stderr.strip() == "[]"

    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["--version"]) == DONE
        assert capsys.readouterr().out.startswith("adotx ")


class TestExitCodes:
    @pytest.mark.parametrize(
        "args", [["nonsense"], ["ask", "x.png"], ["transcribe"], ["tokens", "a", "--seed", "1"]]
    )
    def test_wrong_usage(self, args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert run(args) == REFUSED
        assert capsys.readouterr().out == ""

    def test_interrupt(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        def interrupted(source: str) -> int:
            raise KeyboardInterrupt

        monkeypatch.setattr("adotx.cli.validate.validate", interrupted)
        assert run(["validate", "x"]) == INTERRUPTED
        assert capsys.readouterr().err == ""

    @pytest.mark.skipif(os.name != "posix", reason="needs signals")
    def test_interrupt_of_the_process(self) -> None:
        # A process of ours that waits for stdin gets what Ctrl-C sends.
        waiting = subprocess.Popen(
            [sys.executable, "-m", "adotx", "chat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A job that a script put in the background inherits an ignored SIGINT.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        time.sleep(1.0)
        waiting.send_signal(signal.SIGINT)
        _, err = waiting.communicate(timeout=30)
        assert waiting.returncode == INTERRUPTED, err
        assert b"Traceback" not in err

    @pytest.mark.skipif(os.name != "posix", reason="needs pipes")
    def test_reader_that_leaves(self, tmp_path: Path) -> None:
        page = tmp_path / "long.txt"
        page.write_text("가" * 500_000, encoding="utf-8")
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [sys.executable, "-m", "adotx", "--help"], stdout=writing, stderr=subprocess.PIPE, check=False
        )
        os.close(writing)
        assert done.returncode == BROKEN_PIPE
        assert done.stderr == b""

    def test_error_is_one_line(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["tokens", "absent.png"]) == REFUSED
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("error: absent.png: ") and err.count("\n") == 1


class TestValidate:
    def test_whole(self, toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["validate", str(toy)]) == DONE
        assert "✓ tensor" in capsys.readouterr().out

    def test_cross(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        broken = toy_checkpoint(tmp_path, {"text_config.intermediate_size": 7})
        assert run(["validate", str(broken)]) == FINDING
        assert "✗" in capsys.readouterr().out

    def test_answers_that_would_not_end(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        toy_checkpoint(tmp_path).joinpath("generation_config.json").write_text('{"eos_token_id": 0}')
        assert run(["validate", str(tmp_path)]) == FINDING
        assert "✗ end of turn" in capsys.readouterr().out

    def test_absent(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["validate", str(tmp_path / "nothing")]) == FINDING
        assert "✗ files" in capsys.readouterr().out


class TestTokens:
    def test_text(self, toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["tokens", "안녕하세요", "--model", str(toy)]) == DONE
        out = capsys.readouterr().out
        assert "5 characters, 15 bytes" in out and "'안녕' '하세요'" in out

    def test_control_tokens_stay_text(self, toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["tokens", "<|im_end|>", "--model", str(toy)]) == DONE
        assert "'<|im_end|>'" not in capsys.readouterr().out

    def test_empty_text(self, toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["tokens", "", "--model", str(toy)]) == DONE
        assert "0: 0.00" in capsys.readouterr().out

    def test_text_file(self, toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        note = tmp_path / "note.md"
        note.write_text("가" * 1000, encoding="utf-8")
        assert run(["tokens", str(note), "--model", str(toy)]) == DONE
        out = capsys.readouterr().out
        assert "1,000 characters" in out and "and 2,800 more" in out

    def test_image(self, toy: Path, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["tokens", str(picture), "--model", str(toy)]) == DONE
        assert re.search(r"^grid +3 x 2", capsys.readouterr().out, re.M)

    def test_file_that_is_no_image(
        self, tmp_path: Path, toy: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "a.png").write_text("not a picture")
        assert run(["tokens", str(tmp_path / "a.png"), "--model", str(toy)]) == REFUSED
        assert capsys.readouterr().err.startswith("error: ")


class TestTrain:
    def test_stages(self) -> None:
        from adotx.finetune import METHODS
        from adotx.train import STAGES

        assert ["train nano", *(f"train {stage}" for stage in (*STAGES, *METHODS))] == [
            verb for verb in SURFACE if verb.startswith("train ")
        ]

    def test_recipe_of_the_stage(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["train", "glyphs", "minuets=3"]) == REFUSED
        assert "'minuets'" in capsys.readouterr().err

    @pytest.fixture
    def runs(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
        seen: list[tuple[str, dict[str, Any]]] = []
        fake = SimpleNamespace(
            run=lambda stage, config: seen.append((stage, config)),
            run_ladder=lambda config: seen.append(("all", config)),
        )
        monkeypatch.setitem(sys.modules, "adotx.train", fake)  # type: ignore[arg-type]
        return seen

    def test_settings(self, runs: list[Any], tmp_path: Path) -> None:
        file = tmp_path / "stage.toml"
        file.write_text('minutes = 5\nout = "runs/a"\n', encoding="utf-8")
        words = ["minutes=30", "rate=1e-3", "fonts=my fonts", "resume=true"]
        assert run(["train", "glyphs", *words, "--config", str(file)]) == DONE
        settings = {"minutes": 30, "out": "runs/a", "rate": 1e-3, "fonts": "my fonts", "resume": True}
        assert runs == [("glyphs", settings)]

    def test_nano_is_every_stage(self, runs: list[Any]) -> None:
        words = ["scale=0.1", "glyphs={minutes=3}", "glyphs.threads=1", "pages.minutes=0"]
        assert run(["train", "nano", *words]) == DONE
        tables = {"glyphs": {"minutes": 3, "threads": 1}, "pages": {"minutes": 0}}
        assert runs == [("all", {"scale": 0.1, **tables})]

    @pytest.mark.parametrize("word", ["minutes", "=3", "a-b=1", ".a=1", "a.b-c=1"])
    def test_bad_setting(self, runs: list[Any], word: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["train", "pages", word]) == REFUSED
        assert "KEY=VALUE" in capsys.readouterr().err and not runs

    @pytest.mark.parametrize("content", [None, "a = = 1"])
    def test_bad_file(
        self, runs: list[Any], content: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "stage.toml"
        if content is not None:
            file.write_text(content)
        assert run(["train", "pages", "--config", str(file)]) == REFUSED
        assert capsys.readouterr().err.count("\n") == 1

    @pytest.mark.parametrize("module", ["torch", "transformers.modeling_utils"])
    def test_without_the_extra(
        self, module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def needy(stage: str, config: dict[str, Any]) -> None:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)

        fake = SimpleNamespace(run=needy, run_ladder=None)
        monkeypatch.setitem(sys.modules, "adotx.train", fake)  # type: ignore[arg-type]
        assert run(["train", "glyphs"]) == REFUSED
        err = capsys.readouterr().err
        assert "adotx[train]" in err and err.count("\n") == 1


class TestData:
    def test_pack(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        from adotx.data.packing import Pack

        asked: list[Any] = []
        pack = Pack(faces=3, hanja=2, every=1, font_bytes=2**20, corpus_bytes=2**21)
        monkeypatch.setattr("adotx.data.packing.make_pack", lambda *args: asked.append(args[:4]) or pack)
        args = ["data", "pack", "out", "--corpora", "c", "--fonts", "f", "--fonts", "g", "--megabytes", "9"]
        assert run(args) == DONE
        assert asked == [(Path("out"), Path("c"), [Path("f"), Path("g")], 9.0)]
        assert "3 faces" in capsys.readouterr().err

    def test_split(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        zstandard = pytest.importorskip("zstandard")
        rows = {
            "nsmc": [{"text": f"영화 {n}"} for n in range(3)],
            "chatbot": [{"question": "안녕?", "answer": "네"}],
            "docs_ko": [],
            "pairs": [],
            "laws": [],
        }
        for name, lines in rows.items():
            data = "".join(json.dumps(row) + "\n" for row in lines).encode()
            (tmp_path / f"{name}.jsonl.zst").write_bytes(zstandard.compress(data))
        if run(["data", "split", str(tmp_path)]) != DONE:
            pytest.fail(capsys.readouterr().err)
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == ["corpus", *rows]
        assert sum(map(int, lines[1].split()[1:])) == 3

    def test_missing_corpora(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["data", "split", str(tmp_path)]) == REFUSED
        assert capsys.readouterr().err.count("\n") == 1

    def test_list_fetches_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        pytest.importorskip("fontTools")
        monkeypatch.setattr("adotx.data.fetch.fetch_fonts", lambda *_, **__: pytest.fail("fetched"))
        assert run(["data", "fonts", "--list", str(tmp_path)]) == REFUSED
        assert "no font" in capsys.readouterr().err

    def test_pages(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        page = SimpleNamespace(image=Image.new("RGB", (4, 4)), markdown="# 제목\n")
        monkeypatch.setattr("adotx.data.fonts.find_fonts", lambda folders: [])
        monkeypatch.setattr("adotx.cli.data._make", lambda *_: iter([page, page]))
        out = tmp_path / "made"
        args = ["data", "pages", str(out), "--corpora", "c", "--fonts", "f", "--count", "2"]
        assert run(args) == DONE
        assert sorted(path.name for path in out.iterdir()) == [
            "000000.md",
            "000000.png",
            "000001.md",
            "000001.png",
        ]
        assert (out / "000001.md").read_text(encoding="utf-8") == "# 제목\n"
        assert capsys.readouterr().out == ""


def test_text_takes_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADOTX_LANG", "ko")
    assert text("ask.cut", tokens=3).startswith("알림: 답변이 3토큰")
