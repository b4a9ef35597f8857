"""Fetching fonts: the clients are stand-ins, nothing is downloaded."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest

from adotx.data import fetch
from adotx.errors import AdotxError


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """npm writes an archive to the folder that it is told, seen from the folder that it runs in."""
    calls: list[list[str]] = []

    def run(command: list[str], cwd: Path, **_: object) -> subprocess.CompletedProcess:
        calls.append(command)
        if "absent" in command[-1]:
            return subprocess.CompletedProcess(command, 1, "", "npm error 404\nmore")
        folder = Path(cwd) / command[command.index("--pack-destination") + 1]
        with tarfile.open(folder / "font.tgz", "w:gz") as archive:
            for name in ("package/files/x-korean-400-normal.woff2", "package/LICENSE", "package/other.js"):
                member = tarfile.TarInfo(name)
                member.size = 4
                archive.addfile(member, io.BytesIO(b"text"))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(fetch.subprocess, "run", run)
    monkeypatch.setattr(fetch.shutil, "which", lambda tool: tool)
    return calls


@pytest.mark.parametrize("relative", (True, False))
def test_packages_are_unpacked_into_the_folder(
    relative: bool, clients: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    folder = Path("fonts") if relative else tmp_path / "fonts"
    there = fetch.fetch_fonts(folder, ["@fontsource/one", "absent"], [], said.append)
    assert there == [tmp_path / "fonts/npm/one"]
    assert {path.name for path in there[0].iterdir()} == {"x-korean-400-normal.woff2", "LICENSE"}
    assert said[1].endswith("npm failed: npm error 404") and not (tmp_path / "fonts/npm/absent").exists()
    fetch.fetch_fonts(folder, ["@fontsource/one"], [], said.append)
    assert said[-1].endswith("already there") and len(clients) == 2


def test_nothing_at_all_is_an_error(clients: list[list[str]], tmp_path: Path) -> None:
    with pytest.raises(AdotxError, match="no font package"):
        fetch.fetch_fonts(tmp_path, ["absent"], [], lambda _: None)
