"""The comparison with other readers: its judges, and its worker in an environment of its own."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from benchmark_modules import BENCHMARKS, importer
from office_files import cell, hwpx, p, tbl


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    def only(load: Callable[[str], ModuleType]) -> ModuleType:
        return load("document_peers")

    for load in importer(monkeypatch, BENCHMARKS):
        yield only(load)


def said(*names: str, **errors: str) -> dict:
    each = {name: {"wall": 1.0, "cpu": 0.5, "error": errors.get(name.split(".")[0])} for name in names}
    return {"files": each, "peak": 1}


def test_hwpx_is_judged_by_the_runs_and_spans_of_its_xml(module: ModuleType, tmp_path: Path) -> None:
    file = hwpx(tmp_path / "a.hwpx", p("첫 줄") + p(tbl(cell(0, 0, p("가"), columns=2))))
    encrypted = tmp_path / "b.hwpx"
    with zipfile.ZipFile(encrypted, "w") as package:
        package.writestr("Contents/section0.xml", b"\x00\x01 no XML")
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.hwpx.md").write_text(
        '<table><tr><td colspan="2">가</td></tr></table>\n\n첫 줄', encoding="utf-8"
    )
    judged = module.judge_hwpx([file, encrypted], out, said("a.hwpx", "b.hwpx", b="locked"))
    assert judged == {"recall": 1.0, "merged_kept": 1, "merged": 1, "errors": {"locked": 1}}
    (out / "a.hwpx.md").write_text("가", encoding="utf-8")
    judged = module.judge_hwpx([file], out, said("a.hwpx"))
    assert judged["merged_kept"] == 0 and judged["recall"] == pytest.approx(1 / 3)


def test_a_batch_tells_right_from_told_and_silent(module: ModuleType, tmp_path: Path) -> None:
    names = ["good.pdf", "scan.pdf", "no-tounicode.pdf", "cut.pdf", "page.pdf"]
    for name in names[:3]:
        (tmp_path / name).with_suffix(".truth").write_text("하나 둘 셋 넷 다섯", encoding="utf-8")
    out = tmp_path / "out"
    out.mkdir()
    (out / "good.pdf.md").write_text("하나 둘 셋 넷 다섯", encoding="utf-8")
    (out / "scan.pdf.md").write_text("", encoding="utf-8")
    judged = module.judge_batch(
        [tmp_path / name for name in names],
        out,
        said(*names, cut="damaged\nat 7", **{"no-tounicode": "no map"}),
    )
    assert judged["right"] == ["good.pdf"] and judged["silent"] == ["scan.pdf", "page.pdf"]
    assert judged["told"] == ["no-tounicode.pdf: no map", "cut.pdf: damaged"]


def test_a_peer_that_is_not_there_is_told(module: ModuleType, tmp_path: Path) -> None:
    assert "No such file" in module.run("markitdown", tmp_path, tmp_path / "out", [])["failed"]
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    assert "No module named" in module.run("kreuzberg", tmp_path, tmp_path / "out", [])["failed"]
    assert json.loads(json.dumps(module.OFFLINE))["HF_HUB_OFFLINE"] == "1"
