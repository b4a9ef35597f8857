"""`adotx transcribe --out`: which pages and files are read, whatever their names and places."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

import workspace_calls as calls
from adotx.cli import DONE, FINDING, REFUSED
from documents_lines import Pages
from workspace_calls import answers, process, transcribe

pages, scan = calls.pages, calls.scan


class TestInputs:
    def test_some_pages(self, scan: Any, tmp_path: Path, pages: Pages, capsys: Any) -> None:
        book = scan("a.pdf", *"12345")
        assert transcribe(book, "--pages", "1-2,5") == DONE
        assert capsys.readouterr().out == "1\n\n2\n\n5\n" and len(pages.read) == 3
        assert transcribe(book, "--pages", "4-9") == DONE and capsys.readouterr().out == "4\n\n5\n"
        assert transcribe(book, "--pages", "1,7") == REFUSED
        assert "the document has 5 pages" in capsys.readouterr().err
        for wrong in ("x", "3-1", "0"):
            assert transcribe(book, "--pages", wrong) == REFUSED
            assert "--pages: " in capsys.readouterr().err

    def test_some_pages_and_then_the_others(self, scan: Any, tmp_path: Path, pages: Pages) -> None:
        book, out = scan("a.pdf", *"12345"), tmp_path / "out"
        assert transcribe(book, "--pages", "2-3", "--out", out) == DONE
        assert transcribe(book, "--out", out) == DONE
        assert len(pages.read) == 5 and answers(out) == {"a.md": "1\n\n2\n\n3\n\n4\n\n5\n"}

    def test_pages_as_it_was_written_before(self, scan: Any, capsys: Any) -> None:
        file = scan("a.pdf", "하나")
        for words in (("--pages", file), (file, "--pages"), ("--pages", "--force", file)):
            assert transcribe(*words) == DONE
            out, err = capsys.readouterr()
            assert out == "<!-- page: 1 -->\n\n하나\n" and "--page-marks" in err

    def test_folders_in_folders(self, scan: Any, tmp_path: Path, capsys: Any) -> None:
        for name in ("in/a.pdf", "in/x/a.pdf", "in/x/y/b.pdf", "in/.hidden/c.pdf", "in/x/notes.odd"):
            scan(name, name)
        out = tmp_path / "in" / "out"
        assert transcribe(tmp_path / "in", "--out", out) == DONE
        assert list(answers(out)) == ["a.md"] and "x" in capsys.readouterr().err
        for _ in range(2):  # what we have written is no input
            assert transcribe(tmp_path / "in", "--recursive", "--out", out) == DONE
            assert list(answers(out)) == ["a.md", "x/a.md", "x/y/b.md"]
        assert "notes.odd" in capsys.readouterr().err
        assert transcribe(tmp_path / "in" / "x" / "y", tmp_path / "in" / ".hidden") == DONE
        (tmp_path / "top" / "below").mkdir(parents=True)
        assert transcribe(tmp_path / "top") == REFUSED and "--recursive" in capsys.readouterr().err

    def test_names(self, scan: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
        """That begin with a dash, are as long as can be, or hold what terminals obey."""
        monkeypatch.chdir(tmp_path)
        scan("-scan.pdf", "하나")
        scan("-o", "둘")
        assert transcribe("-scan.pdf") == DONE and capsys.readouterr().out == "하나\n"
        assert transcribe("--", "-o") == DONE and capsys.readouterr().out == "둘\n"
        long, odd = scan("가" * 83 + ".pdf", "셋"), scan("\x1b[31m\n.pdf", "FAIL")
        assert transcribe("-scan.pdf", long, odd, "--out", "out") == FINDING
        assert len(answers(tmp_path / "out")) == 3
        assert "\x1b" not in capsys.readouterr().err

    def test_through_a_pipe(self, scan: Any, tmp_path: Path, pages: Pages) -> None:
        out = tmp_path / "out"
        for content in ("하나\n둘\n", "하나\n둘\n", "셋\n"):
            child = process("-", "--out", out, seconds=0, stdin=subprocess.PIPE)
            assert "stdin" in child.communicate(content)[1] or child.returncode == DONE
        assert answers(out) == {"stdin.md": "하나\n\n둘\n", "stdin-2.md": "셋\n"}
