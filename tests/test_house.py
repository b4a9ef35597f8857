"""The house: which room may import which (the table of CONTRIBUTING.md), how long files are."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "adotx"
LONGEST = 450
_ROW = re.compile(r"^\| `([\w.]+)`[^|]*\|([^|]*)\|", re.M)


def allowed() -> dict[str, set[str]]:
    """Room -> rooms that it may import, from the table under "Arrows" in CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.split("### Arrows", 1)[1].split("\n#", 1)[0]
    return {room: set(re.findall(r"`([\w./]+)`", names)) for room, names in _ROW.findall(section)}


ALLOWED = allowed()


def room_of(module: str) -> str:
    """The most exact room of the table for a module: "adotx.engine.model.decoder" -> "engine.model"."""
    parts = module.split(".")[1:]
    names = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((name for name in names if name in ALLOWED), parts[0] if parts else "__init__")


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of everything a file imports, wherever in it, for typing alone included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: write imports out"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                inner = SOURCE.parent.joinpath(*whole.split("."))
                yield (
                    node.lineno,
                    whole if inner.is_dir() or inner.with_suffix(".py").exists() else node.module or "",
                )


FILES = sorted(SOURCE.rglob("*.py"))


def test_the_table_names_rooms_that_are_there() -> None:
    for room in ALLOWED.keys() | set().union(*ALLOWED.values()):
        place = SOURCE.joinpath(*room.split("."))
        assert place.is_dir() or place.with_suffix(".py").exists(), room


def test_every_import_follows_an_arrow_of_the_table() -> None:
    wrong = []
    for path in FILES:
        here = room_of(module_of(path))
        for line, module in imports(path):
            if module.split(".")[0] != "adotx":
                continue
            there = room_of(module)
            inside = there == here or there.startswith(f"{here}.") or here.startswith(f"{there}.")
            # A room that may be imported may be imported in all its parts.
            known = ALLOWED.get(here, set()) | ALLOWED.get(here.split(".")[0], set())
            if not inside and not any(there == name or there.startswith(f"{name}.") for name in known):
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {here} -> {there}")
    assert not wrong, "\n".join(wrong)


def test_the_arrows_have_no_circle() -> None:
    done: set[str] = set()

    def visit(room: str, above: tuple[str, ...]) -> None:
        assert room not in above, " -> ".join((*above, room))
        if room not in done:
            for below in ALLOWED.get(room, ()):
                visit(below, (*above, room))
            done.add(room)

    for room in ALLOWED:
        visit(room, ())


@pytest.mark.parametrize(
    "package, rooms",
    [
        ("torch", {"finetune", "hf", "train", "vllm"}),
        ("transformers", {"finetune", "hf", "train"}),
        ("vllm", {"vllm"}),
    ],
)
def test_heavy_packages_stay_in_their_rooms(package: str, rooms: set[str]) -> None:
    users = {
        module_of(path).split(".")[1]
        for path in FILES
        for _, module in imports(path)
        if module.split(".")[0] == package
    }
    assert users <= rooms


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_says_what_it_is_and_is_not_long(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    assert ast.get_docstring(ast.parse(text)), "a module begins with its contract"


def test_importing_adotx_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'PIL', 'openvino', 'torch', 'vllm', 'typer', 'tokenizers'}"
    code = f"import sys, adotx, adotx.vllm; found = {heavy} & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-c", code], check=True)
