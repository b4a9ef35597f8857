"""The wheel: its kernels run where there is no compiler, its tag says where, its dispatch is safe."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from runpy import run_path

import pytest

from adotx.engine.native import kernels
from adotx.engine.native.sources import LIBRARY

ROOT = Path(__file__).resolve().parent.parent
TAG = run_path(str(ROOT / "hatch_build.py"))["platform_tag"]
INSIDE = "adotx/engine/native/libadotx_kernels.so"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, as it is for whoever installs from source."""
    if not shutil.which("g++") or importlib.util.find_spec("hatchling") is None:
        pytest.skip("needs g++ and hatchling")
    tree, dist = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", "NOTICE", ".gitignore"):
        shutil.copy(ROOT / name, tree)
    shutil.copytree(ROOT / "src", tree / "src", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(dist)]
    done = subprocess.run(build, cwd=tree, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = dist.iterdir()
    return wheel


def test_its_tag_says_where_it_runs(wheel: Path) -> None:
    assert re.fullmatch(r"adotx-[\d.]+-py3-none-(many)?linux_(2_\d+_)?x86_64\.whl", wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        names, library = archive.namelist(), archive.read(INSIDE)
        [metadata] = [name for name in names if name.endswith("/WHEEL")]
        assert b"Root-Is-Purelib: false" in archive.read(metadata)
    assert wheel.stem.endswith(TAG(library, os.confstr("CS_GNU_LIBC_VERSION").split()[1]))  # type: ignore[union-attr]
    assert all(name.startswith(("adotx/", "adotx-")) for name in names)


@pytest.mark.skipif(kernels() is None, reason="this processor runs no kernels")
def test_it_runs_where_there_is_no_compiler(wheel: Path, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "--no-deps", "--no-index", "--target", str(tmp_path), str(wheel)], check=True)
    (tmp_path / "empty").mkdir()
    where = {**os.environ, "PYTHONPATH": str(tmp_path), "PATH": str(tmp_path / "empty"), "ADOTX_LANG": "en"}

    def adotx(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "adotx", *words], env=where, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert f"kernels: {kernels()}" in adotx("--version")
    assert adotx("transcribe", str(ROOT / "examples" / "page.png")).strip()
    found = f"import adotx; assert adotx.__file__.startswith({str(tmp_path)!r}), adotx.__file__"
    subprocess.run([sys.executable, "-c", found], env=where, cwd=tmp_path, check=True)


@pytest.mark.parametrize(
    "symbols, here, tag",
    [
        (b"\0GLIBC_2.2.5\0GLIBC_2.32\0GLIBCXX_3.4.9\0GLIBCXX_3.4.29\0", "2.36", "manylinux_2_34_x86_64"),
        (b"\0GLIBC_2.2.5\0GLIBC_2.28\0GLIBCXX_3.4.25\0", "2.31", "manylinux_2_31_x86_64"),
        (b"\0GLIBC_2.35\0GLIBCXX_3.4.28\0", "2.36", "manylinux_2_35_x86_64"),
        # The C library here is older; no policy promises the C++ library; another C library.
        (b"\0GLIBC_2.32\0GLIBCXX_3.4.29\0", "2.33", "linux_x86_64"),
        (b"\0GLIBC_2.32\0GLIBCXX_3.4.99\0", "2.99", "linux_x86_64"),
        (b"\0GLIBC_2.32\0GLIBCXX_3.4.29\0", "", "linux_x86_64"),
    ],
)
def test_tags(symbols: bytes, here: str, tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert TAG(symbols, here) == tag


@pytest.mark.skipif(
    not LIBRARY.exists() or not shutil.which("objdump"), reason="needs the library and objdump"
)
def test_nothing_but_chosen_kernels_needs_vector_units() -> None:
    """What runs before the choice, and on every processor, is compiled for any x86-64."""
    listing = subprocess.run(
        ["objdump", "--disassemble", "--demangle", "--no-show-raw-insn", str(LIBRARY)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    function, wide = "", set()
    for line in listing.splitlines():
        if named := re.match(r"[0-9a-f]+ <(.*)>:$", line):
            function = named[1]
        elif re.match(r"\s*[0-9a-f]+:\tv", line):  # every instruction since AVX begins with this letter
            wide.add(function)
    assert wide, "no kernels in the library"
    assert {name for name in wide if "adotx::(anonymous namespace)::" not in name} == set()
