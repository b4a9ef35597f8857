"""docs/model.md keeps its word: its examples run, and its table of a reply is complete."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from adotx.model import Reply

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^## ([^\n]*)\n+```python\n(.*?)^```$", GUIDE, re.M | re.S)


def test_every_section_has_an_example() -> None:
    assert [title for title, _ in EXAMPLES] == re.findall(r"^## (.*)$", GUIDE, re.M)


@pytest.mark.parametrize(("title", "program"), EXAMPLES)
def test_the_example_runs(title: str, program: str) -> None:
    if not (ROOT / "src" / "adotx" / "nano" / "config.json").is_file():
        pytest.skip("the examples ask for nano")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_a_reply_is_told_whole() -> None:
    table = GUIDE.split("| `Reply` |")[1].split("\n\n")[0]
    told = re.findall(r"^\| `(\w+)` \|", table, re.M)
    assert told == [*(field.name for field in dataclasses.fields(Reply)), "message"]
