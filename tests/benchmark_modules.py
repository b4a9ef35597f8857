"""Scripts of benchmarks/ as modules of a test."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


def importer(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> Iterator[Callable[[str], ModuleType]]:
    """For a fixture: imports from `folders`, forgotten after the test, for their names are everyday words."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", [*map(str, folders), *sys.path])
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(folders[0]) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]
