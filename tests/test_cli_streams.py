"""The command line where a stream is closed or full, where nobody has a home, and where a context ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adotx.chat import ToolCall
from adotx.cli import DONE, REFUSED
from adotx.cli.ask import note_cut
from adotx.engine import SamplingParams
from adotx.machine import expanded, user_cache
from adotx.model import Reply, Usage

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
TOKENS, WRONG = 'tokens "안녕"', "tokens absent.png"


def shell(line: str, tmp_path: Path, **environment: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of `adotx LINE` with the shell's redirections."""
    out, err = tmp_path / "out", tmp_path / "err"
    command = f'"{sys.executable}" -m adotx {line}'
    with out.open("w") as stdout, err.open("w") as stderr:
        code = subprocess.run(
            ["sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env={**os.environ, "ADOTX_LANG": "en", **environment},
            check=False,
        ).returncode
    return code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    ("line", "code", "said", "told"),
    [
        (f"{TOKENS} >/dev/full", REFUSED, "", "error: stdout: cannot be written: No space left on device"),
        (f"{TOKENS} >&-", REFUSED, "", "error: stdout: cannot be written: Bad file descriptor"),
        (f"{TOKENS} >&- 2>&- <&-", REFUSED, "", ""),
        (f"{TOKENS} 2>&-", DONE, "안", ""),
        (f"{TOKENS} 2>/dev/full", DONE, "안", ""),
        (f"{TOKENS} <&-", DONE, "안", ""),
        ("--help >/dev/full", REFUSED, "", "error: stdout: cannot be written"),
        ("--version >&-", REFUSED, "", "error: stdout: cannot be written"),
        (f"{WRONG} 2>&-", REFUSED, "", ""),
        (f"{WRONG} >&-", REFUSED, "", "error: absent.png: no such file"),
        (f"{WRONG} 2>/dev/full", REFUSED, "", ""),
        ("frobnicate 2>&-", REFUSED, "", ""),
        ("chat <&-", REFUSED, "", "error: stdin: no message"),
    ],
)
def test_streams(line: str, code: int, said: str, told: str, unbuffered: str, tmp_path: Path) -> None:
    found, out, err = shell(line, tmp_path, PYTHONUNBUFFERED=unbuffered)
    assert found == code, err
    assert said in out and (not said) == (not out)
    assert err.startswith(told) and err.count("\n") == bool(told)


def test_a_closed_stream_gets_no_file_of_ours(tmp_path: Path) -> None:
    """Else what is meant for stderr would land in the first file that is opened."""
    code = (
        "import os, sys\nfrom adotx.cli.streams import make_ready\nmake_ready()\n"
        f"file = os.open({str(tmp_path / 'file')!r}, os.O_WRONLY | os.O_CREAT)\n"
        "print('lost', file=sys.stderr, flush=True)\nassert file > 2, file\n"
    )
    line = f'"{sys.executable}" -c "$CODE" <&- >&- 2>&-'
    subprocess.run(["sh", "-c", line], env={**os.environ, "CODE": code}, check=True)
    assert (tmp_path / "file").read_bytes() == b""


class TestChat:
    def test_answers_where_stderr_is_closed(self, tmp_path: Path) -> None:
        code, out, err = shell("chat --max-tokens 3 2>&- <<END\nhi\nEND", tmp_path)
        assert code == DONE and out.strip() and not err

    def test_a_model_that_only_reads_says_so(self, tmp_path: Path) -> None:
        code, _, err = shell("chat --max-tokens 3 <<END\nhi\nEND", tmp_path)
        assert code == DONE
        assert err.splitlines()[0].startswith(
            "note: nano transcribes documents and was not trained to answer"
        )

    @pytest.mark.parametrize(
        ("reason", "tokens", "full", "said"),
        [
            ("length", 100, False, "cut at 100 tokens (raise --max-tokens)"),
            ("length", 60, True, "the conversation fills all 80 positions"),
            ("stop", 60, False, ""),
        ],
    )
    def test_what_was_too_short(
        self,
        reason: str,
        tokens: int,
        full: bool,
        said: str,
        capsys: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("ADOTX_LANG", "en")
        calls: tuple[ToolCall, ...] = ()
        reply = Reply("", calls, reason, Usage(20, tokens, 0, 0), context_full=full)
        note_cut(reply, SamplingParams(max_new_tokens=100))
        told = capsys.readouterr().err
        assert said in told and bool(told) == bool(said)


class TestNoHome:
    @pytest.fixture(autouse=True)
    def nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No HOME, and a user id that the system does not know."""
        for name in ("HOME", "XDG_CACHE_HOME", "ADOTX_CACHE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("os.getuid", lambda: 54321)

    def test_paths(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert user_cache() is None and expanded("~/x") == Path("~/x")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert user_cache() == tmp_path / "adotx"
        monkeypatch.setenv("XDG_CACHE_HOME", "relative")
        assert user_cache() is None

    def test_conversions_lie_beside_the_checkpoint(self, tmp_path: Path) -> None:
        from adotx.engine.weights.folders import default_folders

        assert default_folders(tmp_path) == [tmp_path / "adotx"]

    def test_a_checkpoint_in_a_home_that_is_not_there(self) -> None:
        from adotx.checkpoint import find_checkpoint
        from adotx.errors import AdotxError

        with pytest.raises(AdotxError) as caught:
            find_checkpoint("~/model")
        assert caught.value.code == "checkpoint.not_found"

    def test_fonts_are_kept_somewhere(self) -> None:
        from adotx.data.fonts import default_cache

        folder = default_cache()
        assert folder.is_dir()
        folder.rmdir()
