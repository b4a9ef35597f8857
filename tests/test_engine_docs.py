"""docs/engine.md keeps its word: its example runs, its settings are the engine's."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from adotx.engine import Engine

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "engine.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("program", re.findall(r"^```python\n(.*?)^```$", GUIDE, re.M | re.S))
def test_the_example_runs(program: str) -> None:
    if not (ROOT / "src" / "adotx" / "nano" / "config.json").is_file():
        pytest.skip("the example asks for nano")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "Stats(running=0, waiting=0" in done.stdout


def test_the_settings_are_the_engines() -> None:
    table = GUIDE.split("## Settings")[1].split("##")[0]
    told = set(re.findall(r"^\| `(\w+)` \|", table, re.M))
    settings = {*inspect.signature(Engine).parameters, *inspect.signature(Engine.load).parameters}
    assert told == settings - {"checkpoint", "threads", "backend", "clock", "settings"}
