"""`adotx transcribe`: what goes to stdout, stderr and files, and the exit code; the reading is faked."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adotx.cli import DONE, FINDING, REFUSED, run
from adotx.errors import AdotxError


def page(number: int, markdown: str = "", reason: str = "") -> SimpleNamespace:
    status = "failed" if reason else "ok" if markdown else "blank"
    return SimpleNamespace(number=number, status=status, markdown=markdown, reason=reason)


class FakeTranscriber:
    """A file's lines are its pages: FAIL is a page that cannot be read, BREAK an error amid the document."""

    def pages(self, file: Path) -> Iterator[SimpleNamespace]:
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if line == "BREAK":
                raise AdotxError("pdf.broken", "the file ends early", str(file), "copy it again")
            yield page(number, "" if line == "FAIL" else line, "a loop" if line == "FAIL" else "")


def find_documents(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.iterdir())
    if not path.exists():
        raise AdotxError("file.missing", "no such file", str(path), "check the path")
    return [path]


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADOTX_LANG", "en")
    monkeypatch.setitem(sys.modules, "adotx.documents.intake", SimpleNamespace(find_documents=find_documents))  # type: ignore[arg-type]
    monkeypatch.setattr("adotx.cli.transcribe._load", lambda *_: FakeTranscriber())


@pytest.fixture
def scan(tmp_path: Path) -> Any:
    def make(name: str, *pages: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in pages), encoding="utf-8")
        return str(path)

    return make


def test_one_document_on_stdout_and_nothing_else(scan: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", scan("a.png", "# 제목", "본문")]) == DONE
    out, err = capsys.readouterr()
    assert out == "# 제목\n\n본문\n" and err == ""


def test_pages_are_marked(scan: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", scan("a.pdf", "하나", "둘"), "--pages"]) == DONE
    assert capsys.readouterr().out == "<!-- page: 1 -->\n\n하나\n\n<!-- page: 2 -->\n\n둘\n"


def test_blank_document_is_empty(scan: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", scan("a.png", "")]) == DONE
    assert capsys.readouterr() == ("", "")


def test_several_documents_are_told_apart(scan: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", scan("a.png", "가"), scan("b-->.png", "나")]) == DONE
    out, err = capsys.readouterr()
    assert out == "<!-- file: a.png -->\n\n가\n\n<!-- file: b- -&gt;.png -->\n\n나\n"
    assert err == "2 document(s) done, 0 refused, 0 page(s) failed\n"


def test_folder(scan: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan("in/b.png", "나")
    scan("in/a.png", "가")
    assert run(["transcribe", str(tmp_path / "in")]) == DONE
    assert re.findall(r"file: (\S+)", capsys.readouterr().out) == ["a.png", "b.png"]


def test_out(scan: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "deep" / "out"
    assert run(["transcribe", scan("a.png", "가"), scan("b.pdf", "나"), "--out", str(out)]) == DONE
    assert {path.name: path.read_text(encoding="utf-8") for path in out.iterdir()} == {
        "a.md": "가\n",
        "b.md": "나\n",
    }
    captured = capsys.readouterr()
    assert captured.out == "" and "a.png: 1 page(s)" in captured.err


def test_out_never_overwrites_its_own(scan: Any, tmp_path: Path) -> None:
    files = [scan("a.png", "1"), scan("a.pdf", "2"), scan("x/a.png", "3"), scan("y/a.png", "4")]
    assert run(["transcribe", *files, "--out", str(tmp_path / "out")]) == DONE
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir()}
    assert written == {"a.md": "1\n", "a.pdf.md": "2\n", "a.png.md": "3\n", "a.png-2.md": "4\n"}


def test_out_that_cannot_be(scan: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run(["transcribe", scan("a.png", "가"), "--out", str(tmp_path / "file")]) == REFUSED
    assert capsys.readouterr().err.count("\n") == 1


def test_other_inputs_are_still_done(scan: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [
        str(tmp_path / "absent.png"),
        scan("a.png", "가"),
        scan("b.pdf", "나", "BREAK"),
        scan("c.png", "다"),
    ]
    assert run(["transcribe", *paths]) == REFUSED
    out, err = capsys.readouterr()
    assert re.findall("[가나다]", out) == ["가", "나", "다"]
    lines = err.splitlines()
    assert [line.startswith("error: ") for line in lines] == [True, True, False]
    assert lines[-1] == "3 document(s) done, 2 refused, 0 page(s) failed"


def test_nothing_found_loads_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adotx.cli.transcribe._load", lambda *_: pytest.fail("loaded"))
    assert run(["transcribe", str(tmp_path / "absent.png")]) == REFUSED


def test_failed_page_is_named_and_counted(scan: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", scan("a.pdf", "하나", "FAIL", "셋")]) == FINDING
    out, err = capsys.readouterr()
    assert out == "하나\n\n셋\n" and err == "a.pdf: page 2 failed: a loop\n"


def test_unreadable_model_is_one_line(
    scan: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "adotx.documents.intake", SimpleNamespace(find_documents=find_documents))  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "adotx.documents.transcribe", SimpleNamespace(Transcriber=None))  # type: ignore[arg-type]
    assert run(["transcribe", scan("a.png", "가"), "--model", "absent"]) == REFUSED
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: absent: ") and err.count("\n") == 1
