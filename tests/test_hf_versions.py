"""Which transformers the classes are for, and what is said of another one."""

from __future__ import annotations

import logging
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from adotx.errors import AdotxError
from adotx.hf.versions import TESTED, check
from adotx.tested import wanted

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def told():
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    log = logging.getLogger("transformers.adotx")
    log.addHandler(handler)
    yield lines
    log.removeHandler(handler)


def test_what_is_tested_is_not_spoken_of(told):
    (major, first), (_, end) = TESTED
    for minor in range(first, end):
        check(f"{major}.{minor}.1")
    assert not told


@pytest.mark.parametrize("version", ["5.15.2", "5.26.0", "5.26.0.dev0", "6.0.0", "main"])
def test_another_version_is_told_once_in_one_line(told, version):
    check(version)
    check(version)
    (line,) = told
    assert version in line and "\n" not in line and "pip install 'transformers>=5.16,<5.25'" in line


def test_one_that_lacks_what_the_classes_build_on_is_refused():
    with pytest.raises(AdotxError) as caught:
        check("4.57.6")
    assert str(caught.value) == (
        "adotx.hf: transformers 4.57.6 is too old (pip install 'transformers>=5.16,<5.25')"
    )


def test_pip_installs_what_is_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert wanted("transformers", TESTED) in project["optional-dependencies"]["train"]
