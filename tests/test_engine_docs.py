"""What is written of the engine is so: docs/engine.md's examples and settings, arrows between its parts."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import adotx.engine
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


def test_the_arrows_between_the_parts() -> None:
    """The table in the docstring of `adotx.engine` says which part imports which; every arrow is in use."""
    table = re.findall(r"^    (\w+) .*-> (.+)$", adotx.engine.__doc__ or "", re.M)
    allowed = {part: set(re.findall(r"\w+", targets)) - {"nothing"} for part, targets in table}
    folder = ROOT / "src" / "adotx" / "engine"
    found: dict[str, set[str]] = {part: set() for part in allowed}
    for path in folder.rglob("*.py"):
        part = path.relative_to(folder).parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            for name in names:
                if name.startswith("adotx.engine."):
                    found[part].add(name.split(".")[2])
    assert {part: targets - {part} for part, targets in found.items()} == allowed
