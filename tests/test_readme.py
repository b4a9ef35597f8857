"""The README keeps its word: its commands exist and run, its Python compiles, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from checkpoint_toys import toy_checkpoint
from test_cli import SURFACE

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
NANO = ROOT / "src" / "adotx" / "nano" / "config.json"

#: Verbs of the README that end within seconds, need no corpus, no network and no training.
QUICK = {"tokens", "validate"}


def blocks(language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.M | re.S)


def commands() -> list[list[str]]:
    """The README's `adotx` command lines as words, without comments and redirections."""
    lines = [line.split(" > ")[0] for block in blocks("bash") for line in block.splitlines()]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("adotx ")]


def verb_of(words: list[str]) -> str:
    return " ".join(words[1:3]) if words[1] in ("data", "train", "evaluate") else words[1]


def test_there_are_commands() -> None:
    shown = {verb_of(words) for words in commands()}
    assert {"transcribe", "ask", "validate", "tokens", "data pages"} <= shown
    assert {"evaluate transcription", "train nano"} <= shown
    assert any("make demo" in block and "make test" in block for block in blocks("bash"))


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_exist(words: list[str]) -> None:
    options, _ = SURFACE[verb_of(words)]
    assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("words", [w for w in commands() if verb_of(w) in QUICK], ids=" ".join)
def test_quick_commands_run(words: list[str], tmp_path: Path) -> None:
    toy_checkpoint(tmp_path / "path" / "to" / "A.X-4.0-VL-Light")
    Image.new("RGB", (1240, 1754), "white").save(tmp_path / "page.png")
    if "--model" not in words and words[1] != "validate" and not NANO.is_file():
        words = [*words, "--model", "path/to/A.X-4.0-VL-Light"]  # the README's command asks for nano
    done = subprocess.run(
        [sys.executable, "-m", "adotx", *words[1:]],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "ADOTX_LANG": "en"},
        check=False,
    )
    assert done.returncode == 0 and done.stdout, done.stderr


def test_help_in_korean() -> None:
    [command] = re.findall(r"`(ADOTX_LANG=ko adotx [^`]*)`", README)
    setting, _, *words = command.split()
    done = subprocess.run(
        [sys.executable, "-m", "adotx", *words],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, **dict([setting.split("=")])},
        check=True,
    )
    assert "사용법" in done.stdout


@pytest.mark.parametrize("code", blocks("python"))
def test_python_compiles(code: str) -> None:
    compile(code, "README.md", "exec")


def test_model_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    [code] = [block for block in blocks("python") if "Model.open" in block]
    if not NANO.is_file():
        code = code.replace('"nano"', repr(str(toy_checkpoint(tmp_path))))
    Image.new("RGB", (300, 200), "white").save(tmp_path / "page.png")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out


def test_transformers_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    [code] = [block for block in blocks("python") if "adotx.hf" in block]
    toy_checkpoint(tmp_path / "path" / "to" / "A.X-4.0-VL-Light")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert type(names["model"]).__name__ == "AX4VLForConditionalGeneration"
    assert type(names["processor"]).__name__ == "AX4VLProcessor"


@pytest.mark.skipif(not NANO.is_file(), reason="a source tree from before the model was trained")
def test_demo(tmp_path: Path) -> None:
    demo = [sys.executable, str(ROOT / "scripts" / "demo.py"), str(ROOT / "examples")]
    done = subprocess.run(demo, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"CER 0\.\d{4} against", done.stdout)


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {
        name
        for text in (README, (ROOT / "CONTRIBUTING.md").read_text())
        for name in re.findall(r"make (\w+)", text)
    }
    assert named == {name for name in named if re.search(rf"^{name}:", makefile, re.M)}
    assert "make test" in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/cli.md"])
def test_links_lead_somewhere(document: str) -> None:
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text(encoding="utf-8")):
        if target.endswith("nano/README.md") and not NANO.is_file():
            continue  # a source tree from before the model was trained
        assert (path.parent / target).exists(), target
