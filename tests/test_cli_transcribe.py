"""`adotx transcribe`: streams, files and exit codes with a faked reader; the last tests fake nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

import workspace_calls as calls
from adotx.cli import DONE, FINDING, REFUSED, run
from checkpoint_toys import toy_checkpoint

ROOT = Path(__file__).resolve().parent.parent


pages = calls.pages


@pytest.fixture
def scan(tmp_path: Path) -> Any:
    def make(name: str, *pages: str) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in pages), encoding="utf-8")
        return str(path)

    return make


def test_one_document_on_stdout_and_nothing_else(scan: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", scan("a.png", "# 제목", "본문")]) == DONE
    out, err = capsys.readouterr()
    assert out == "# 제목\n\n본문\n" and err == ""


def test_pages_are_marked(scan: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", scan("a.pdf", "하나", "둘"), "--page-marks"]) == DONE
    assert capsys.readouterr().out == "<!-- page: 1 -->\n\n하나\n\n<!-- page: 2 -->\n\n둘\n"


def test_doubtful_figures_are_marked_on_request(scan: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", scan("a.png", "MARK", "본문"), "--mark-doubtful"]) == DONE
    assert capsys.readouterr().out == "합계 <mark>1,200</mark>원\n\n본문\n"
    assert run(["transcribe", scan("a.png", "MARK")]) == DONE
    assert capsys.readouterr().out == "합계 1,200원\n"


def test_blank_document_is_empty(scan: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", scan("a.png", "")]) == DONE
    assert capsys.readouterr() == ("", "note: a.png: page 1 is blank\n")


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
    assert {path.name: path.read_text(encoding="utf-8") for path in out.glob("*.md")} == {
        "a.md": "가\n",
        "b.md": "나\n",
    }
    captured = capsys.readouterr()
    assert captured.out == "" and "a.png: 1 page(s)" in captured.err


def test_out_never_overwrites_its_own(scan: Any, tmp_path: Path) -> None:
    files = [scan("a.png", "1"), scan("a.pdf", "2"), scan("x/a.png", "3"), scan("y/a.png", "4")]
    assert run(["transcribe", *files, "--out", str(tmp_path / "out")]) == DONE
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").glob("*.md")}
    assert written == {"a.md": "1\n", "a.pdf.md": "2\n", "a.png.md": "3\n", "a.png-2.md": "4\n"}


def test_out_reads_only_what_is_new(scan: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, file = tmp_path / "out", scan("a.pdf", "하나", "PART")
    assert run(["transcribe", file, "--out", str(out)]) == FINDING
    (out / "a.md").write_text("고친 글\n", encoding="utf-8")
    capsys.readouterr()
    assert run(["transcribe", file, "--out", str(out)]) == FINDING  # what was amiss is no better
    assert "--force" in capsys.readouterr().err
    assert run(["transcribe", file, "--out", str(out), "--force"]) == FINDING
    assert run(["transcribe", scan("x/a.pdf", "둘"), "--out", str(out)]) == DONE
    assert run(["transcribe", scan("a.pdf", "셋"), "--out", str(out)]) == DONE  # the input has changed
    found = {path.name: path.read_text(encoding="utf-8") for path in out.glob("*.md")}
    assert found == {"a.md": "고친 글\n", "a.pdf.md": "셋\n", "a.pdf-2.md": "둘\n"}
    assert not list(out.glob(".*"))


def test_what_a_folder_holds_besides_is_named(scan: Any, tmp_path: Path, capsys: Any) -> None:
    scan("in/b.jfif", "나")
    scan("in/a.heic", "가")
    scan("in/sub/c.png", "다")
    assert run(["transcribe", str(tmp_path / "in")]) == DONE
    out, err = capsys.readouterr()
    assert out == "나\n" and "a.heic, sub" in err


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
    monkeypatch.setattr("adotx.cli.target.Target.reading", lambda *_: pytest.fail("loaded"))
    assert run(["transcribe", str(tmp_path / "absent.png")]) == REFUSED


def test_failed_page_is_named_and_counted(scan: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", scan("a.pdf", "하나", "FAIL", "셋")]) == FINDING
    out, err = capsys.readouterr()
    assert out == "하나\n\n셋\n" and err == "a.pdf: page 2 failed: a loop\n"


def test_incomplete_page_is_written_named_and_counted(scan: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", scan("a.pdf", "하나", "PART")]) == FINDING
    out, err = capsys.readouterr()
    assert out == "하나\n\nPART\n"
    assert err == "a.pdf: page 2 is incomplete: 1 of 3 rows could not be read\n"


def test_reasons_in_korean(
    scan: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ADOTX_LANG", "ko")
    assert run(["transcribe", scan("a.pdf", "LOST", "PART")]) == FINDING
    assert capsys.readouterr().err.splitlines() == [
        "a.pdf: 1쪽을 읽지 못함: a.pdf, page 1: 쪽이 없는 PDF입니다 (PDF를 다시 만들어 주세요)",
        "a.pdf: 2쪽을 다 읽지 못함: 줄 3개 중 1개를 읽지 못했습니다",
    ]


def test_total_counts_what_is_incomplete(scan: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", scan("a.png", "PART"), scan("b.png", "FAIL"), scan("c.png", "")]) == FINDING
    assert capsys.readouterr().err.splitlines() == [
        "a.png: page 1 is incomplete: 1 of 3 rows could not be read",
        "b.png: page 1 failed: a loop",
        "note: c.png: page 1 is blank",
        "3 document(s) done, 0 refused, 1 page(s) failed, 1 incomplete",
    ]


def test_pages_are_told_of_in_korean(
    scan: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADOTX_LANG", "ko")
    assert run(["transcribe", scan("a.pdf", "", "PART", "하나")]) == FINDING
    out, err = capsys.readouterr()
    assert out == "PART\n\n하나\n"
    first, second = err.splitlines()
    assert first == "알림: a.pdf: 1쪽은 비어 있음" and second.startswith("a.pdf: 2쪽을 다 읽지 못함: ")


def test_doubt_is_told(scan: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["transcribe", scan("a.png", "DOUBT")]) == DONE
    assert capsys.readouterr() == ("DOUBT\n", "note: a.png: page 1: a row was cut off\n")


def test_unreadable_model_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("ADOTX_LANG", "en")
    Image.new("RGB", (300, 200), "white").save(tmp_path / "a.png")
    assert run(["transcribe", str(tmp_path / "a.png"), "--model", "absent"]) == REFUSED
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: absent: ") and err.count("\n") == 1


# From here on nothing is faked.


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """nano where it is, else a toy that reads nonsense, but reads."""
    if (ROOT / "src" / "adotx" / "nano" / "config.json").is_file():
        return "nano"
    short = {"text_config.max_position_embeddings": 512}  # it does not stop by itself
    return str(toy_checkpoint(tmp_path_factory.mktemp("toy"), short))


def test_a_real_page_needs_no_torch(model: str, tmp_path: Path) -> None:
    picture = Image.new("RGB", (640, 200), "white")
    ImageDraw.Draw(picture).text((40, 60), "Invoice 2025-07-03", fill="black", font_size=40)
    picture.save(tmp_path / "page.png")
    code = (
        "import json, sys\n"
        "from adotx.cli import run\n"
        f"code = run(['transcribe', 'page.png', '--model', {model!r}])\n"
        "heavy = sorted({'torch', 'transformers'} & sys.modules.keys())\n"
        "print(json.dumps([code, heavy]), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, encoding="utf-8", check=True
    )
    code, heavy = json.loads(done.stderr.splitlines()[-1])
    assert (code, heavy) == (DONE, []) and done.stdout.strip(), done.stderr


def test_bad_inputs_beside_a_good_one(model: str, tmp_path: Path) -> None:
    """Each is one line with a remedy; the good ones of the call are done."""
    Image.new("RGB", (300, 200), "white").save(tmp_path / "blank.png")
    Image.new("RGB", (1, 1), "white").save(tmp_path / "one.png")
    Image.new("RGB", (64, 64), "red").save(
        tmp_path / "moving.gif", save_all=True, append_images=[Image.new("RGB", (64, 64), "blue")]
    )
    whole = (tmp_path / "blank.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7\nnothing more")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("no document")
    bad = ["moving.gif", "cut.png", "empty.png", "text.png", "broken.pdf", "folder", "absent.png"]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "adotx",
            "transcribe",
            *bad,
            "blank.png",
            "one.png",
            "--model",
            model,
            "--out",
            "md",
        ],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "ADOTX_LANG": "en"},
        check=False,
    )
    assert done.returncode == REFUSED and done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert sorted(line.split(": ")[1] for line in errors) == sorted(bad)
    assert all(line.endswith(")") for line in errors), errors
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in (tmp_path / "md").glob("*.md")) == ["blank.md", "one.md"]


def test_a_folder_with_mixed_files(model: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (300, 200), "white").save(tmp_path / "in" / "2.png")
    Image.new("RGB", (300, 200), "white").save(tmp_path / "in" / "10.jpg")
    (tmp_path / "in" / "notes.txt").write_text("no document")
    done = subprocess.run(
        [sys.executable, "-m", "adotx", "transcribe", "in", "--model", model],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == DONE, done.stderr
    assert re.findall(r"file: (\S+)", done.stdout) == ["2.png", "10.jpg"]
