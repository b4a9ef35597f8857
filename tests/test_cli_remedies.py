"""What errors advise: options and files named there exist. A folder with poison in it: the rest is done."""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from adotx.cli import REFUSED, run
from adotx.cli.korean import ERRORS
from adotx.cli.strings import STRINGS
from adotx.documents.readers import PageReading
from adotx.documents.transcribe import Transcriber
from adotx.markdown import Paragraph
from error_sites import SOURCE, sites
from test_cli import commands

_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+|(?<![\w-])-[a-z](?![\w-])")
_FILE = re.compile(r"docs/[\w.-]+\.[a-z]+")


def known() -> set[str]:
    """Every option of every verb, with what modules of ours take that are run by themselves."""
    verbs = {
        name
        for _, command in commands()
        for each in command.params
        for name in (*each.opts, *each.secondary_opts)
    }
    modules = {
        name
        for path in SOURCE.rglob("*.py")
        for name in re.findall(r'add_argument\(\s*"(--?[a-z-]+)"', path.read_text(encoding="utf-8"))
    }
    # vLLM has options of its own.
    return verbs | modules | {"--help", "-h", "--version", "--mm-processor-kwargs"}


def test_advice_names_options_and_files_that_exist() -> None:
    said = [(site.place, text) for site in sites() for text in (*site.remedies, *site.whats)]
    said += [(code, text) for code, pairs in ERRORS.items() for pair in pairs for text in pair if text]
    said += [(key, text) for key, pair in STRINGS.items() for text in pair]
    assert len(said) > 400
    wrong = [
        f"{place}: {name}"
        for place, text in said
        for name in _OPTION.findall(text)
        if name not in known_options and not re.search(rf"(pip|python|nvidia|uv) [^(]*{name}", text)
    ]
    root = SOURCE.parent.parent
    wrong += [
        f"{place}: {name}"
        for place, text in said
        for name in _FILE.findall(text)
        if not (root / name).exists()
    ]
    assert not wrong, "\n".join(sorted(set(wrong)))


known_options = known()


class Sizes:
    """A reader that says how large a picture is."""

    def read(self, image: Image.Image, is_cancelled: object) -> PageReading:
        return PageReading((Paragraph.of(f"{image.width} x {image.height}"),))


def png_of(width: int, height: int, content: bytes) -> bytes:
    """A PNG that claims a size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def poison(folder: Path) -> list[str]:
    """Files that no reader can have, each in its way; their names."""
    good = folder / "page-000.png"
    whole = good.read_bytes()
    made = {
        "cut.png": whole[: len(whole) // 2],
        "zero.png": b"",
        "zero.pdf": b"",
        "noise.pdf": bytes(range(256)) * 20,
        "text.jpg": "그림이 아닙니다".encode(),
        "ended.pdf": b"%PDF-1.7\nnothing more",
        "huge.png": png_of(60_000, 60_000, zlib.compress(bytes(60_001 * 20))),
        "wide.png": png_of(2**31 - 1, 1, zlib.compress(b"\0")),
        "odd.tif": b"II*\0\xff\xff\xff\x7f",
        "loop.pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[2 0 R]/Count 999999999>>endobj\ntrailer<</Root 1 0 R>>",
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
    with zipfile.ZipFile(folder / "bomb.hwpx", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("mimetype", "application/hwp+zip")
        bomb.writestr("Contents/section0.xml", bytes(64 << 20))
    return [*made, "bomb.hwpx"]


def test_two_hundred_files_with_poison(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """All others are done, the exit code tells, and the manifest says why."""
    monkeypatch.setenv("ADOTX_LANG", "en")
    reader = Transcriber.reading_with(Sizes())
    monkeypatch.setattr("adotx.cli.target.Target.transcriber", lambda *_: reader)
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for n in range(185):
        kind = ("png", "jpg", "bmp", "tif", "pdf")[n % 5]
        Image.new("L", (30 + n, 40), 255 - n % 200).save(folder / f"page-{n:03}.{kind}")
    (folder / "wrong.png").write_bytes((folder / "page-001.jpg").read_bytes())  # read by what it is
    bad = poison(folder)
    for name in ("notes.md5", "program.exe"):
        (folder / name).write_bytes(b"MZ")
    assert run(["transcribe", str(folder), "--out", str(out)]) == REFUSED
    err = capsys.readouterr().err
    assert len(list(out.glob("*.md"))) == 186
    assert "notes.md5" in err and "program.exe" in err and "Traceback" not in err
    last = {}
    for line in (out / "adotx.jsonl").read_text("utf-8").splitlines():
        values = json.loads(line)
        if values["kind"] == "document":
            last[Path(values["input"]).name] = values
    assert sorted(name for name, each in last.items() if each["status"] == "refused") == sorted(bad)
    assert all(last[name]["reason"] for name in bad)
    assert sum(each["status"] == "done" for each in last.values()) == 186
    assert f"186 document(s) done, {len(bad)} refused" in err


class TestWhatIsSaid:
    """Sentences of everyday mistakes, to a Korean user, before any model is loaded."""

    @pytest.fixture(autouse=True)
    def korean(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("ADOTX_LANG", "ko")
        monkeypatch.chdir(tmp_path)

        def opened(*_: object, **__: object) -> None:
            raise AssertionError("no model is needed to refuse a file")

        monkeypatch.setattr("adotx.model.Model.__init__", opened)
        (tmp_path / "noise.pdf").write_bytes(b"no PDF at all\n" * 9)
        (tmp_path / "page.html").write_text("<!doctype html><p>글", encoding="utf-8")

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["ask", "없음.png", "총액?"], "오류: 없음.png: 파일이 없습니다 (경로를 확인하세요)"),
            (["transcribe", "없음.png"], "오류: 없음.png: 파일이 없습니다 (경로를 확인하세요)"),
            (
                ["transcribe", "noise.pdf"],
                "오류: noise.pdf: 내용이 아는 형식이 아닙니다 (이미지, PDF, HWPX, 오피스",
            ),
            (["ask", "noise.pdf", "총액?"], "오류: noise.pdf: 내용이 아는 형식이 아닙니다"),
            (
                ["transcribe", "page.html", "-o", "page.docx"],
                "오류: page.docx: '.docx'이라는 형식은 없습니다",
            ),
            (["transcribe", "page.html", "--report", "noise.pdf/r.html"], "다른 곳을 --report에 주세요"),
        ],
    )
    def test_refused(self, words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(words) == REFUSED
        told = capsys.readouterr().err
        assert said in told and not re.search(r"[a-z]+ [a-z]+ [a-z]+", told), told

    def test_a_report_makes_its_folder(self) -> None:
        assert run(["transcribe", "page.html", "--report", "neu/r.html"]) == 0
        assert Path("neu/r.html").read_text(encoding="utf-8").startswith("<!doctype html>")
