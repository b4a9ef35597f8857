"""docs/server.md says what is: its tables are those of the code, its routes are there, its program runs."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from adotx.model import AsyncModel
from adotx.server.app import create_app
from adotx.server.errors import OPENAI_CODES, STATUS
from adotx.server.service import Service
from adotx.server.settings import Settings
from serving import scripted, serving

GUIDE = (Path(__file__).parent.parent / "docs" / "server.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of a section's table, without its head."""
    section = GUIDE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_checks_name_tests_that_are_there() -> None:
    told = (Path(__file__).parent.parent / "docs" / "server-checks.md").read_text(encoding="utf-8")
    lines = [line for line in told.splitlines() if line.startswith("| ")]
    assert len(lines) > 40 and all("`test_" in line or line.endswith(" tests |") for line in lines)
    for file, name in re.findall(r"`(test_\w+\.py)::(test_\w+)`", told):
        code = (Path(__file__).parent / file).read_text(encoding="utf-8")
        assert re.search(rf"def {name}\(", code), f"{file}::{name}"


def test_settings() -> None:
    told = dict(re.findall(r"^        (\w+): (.+(?:\n            .+)*)", Settings.__doc__ or "", re.M))

    def shown(value: object) -> str:
        if value in ((), ""):
            return "none"
        return "true" if value is True else f"{value:g}" if isinstance(value, float) else f"{value:,}"

    fields = [
        (f"`{f.name}`", shown(f.default), " ".join(told[f.name].split()))
        for f in dataclasses.fields(Settings)
    ]
    assert [tuple(row) for row in rows("Settings")] == fields


def test_errors() -> None:
    wanted = [
        (f"`{code}`", str(status), f"`{OPENAI_CODES[code]}`" if code in OPENAI_CODES else "")
        for code, status in sorted(STATUS.items())
    ]
    assert [tuple(row) for row in rows("Errors")] == wanted


def test_routes(tmp_path: Path) -> None:
    told = {
        tuple(route.split()) for row in rows("Routes") for route in re.findall(r"`([A-Z]+ [^`]+)`", row[0])
    }
    paths = create_app(Service(AsyncModel(scripted(tmp_path, {})))).openapi()["paths"]
    there = {(method.upper(), path.replace(":path", "")) for path, ways in paths.items() for method in ways}
    assert told == there | {("GET", "/openapi.json"), ("GET", "/")}


def test_the_program_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [program] = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
    model = scripted(tmp_path, {"안녕하세요": "네, 안녕하세요."})
    with serving(model, Settings(model_name="nano", access_log=False)) as (url, _):
        scope: dict = {}
        exec(program.replace("http://127.0.0.1:8000", url), scope)
    assert scope["answer"].choices[0].message.content == "네, 안녕하세요."
