"""Calls of `adotx transcribe --out` on files whose lines are pages: fixtures, and what looks at answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from adotx.cli import run
from documents_lines import Pages

LINES = Path(__file__).with_name("documents_lines.py")


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> Pages:
    fakes = Pages()
    monkeypatch.setenv("ADOTX_LANG", "en")
    monkeypatch.setattr("adotx.cli.reading.open_pages", fakes.open)
    monkeypatch.setattr("adotx.cli.target.Target.transcriber", lambda *_: pytest.fail("loaded"))
    return fakes


@pytest.fixture
def scan(tmp_path: Path) -> Any:
    def make(name: str, *pages: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in pages), encoding="utf-8")
        return path

    return make


def transcribe(*words: str | Path) -> int:
    return run(["transcribe", *map(str, words)])


def process(*words: str | Path, seconds: float = 0.05, **options: Any) -> subprocess.Popen[str]:
    """The same in a process of its own, where a page takes a while."""
    return subprocess.Popen(
        [sys.executable, str(LINES), "transcribe", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ADOTX_TEST_SECONDS": str(seconds), "ADOTX_LANG": "en"},
        **options,
    )


def lines(out: Path, kind: str) -> list[dict[str, Any]]:
    """The whole lines of a manifest."""
    file = out / "adotx.jsonl"
    found = file.read_bytes().split(b"\n")[:-1] if file.exists() else []
    return [each for each in map(json.loads, found) if each["kind"] == kind]


def answers(out: Path) -> dict[str, str]:
    return {path.relative_to(out).as_posix(): path.read_text("utf-8") for path in sorted(out.rglob("*.md"))}


def wait_for(done: Any, process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 120
    while not done() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
