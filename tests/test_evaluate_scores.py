"""Scores of transcription: cells, structure, intervals, whole folders; against cases worked out by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from adotx.cli import DONE, FINDING, run
from adotx.errors import AdotxError
from adotx.evaluate.bootstrap import interval
from adotx.evaluate.cells import count_cells
from adotx.evaluate.cer import cer
from adotx.evaluate.counts import Counts
from adotx.evaluate.structure import count_structure
from adotx.evaluate.transcription import (
    Answer,
    Sample,
    find_samples,
    found_answer,
    read_answer,
    score,
    summarise,
)
from adotx.markdown import Cell, Code, Heading, Item, Paragraph, Table, parse_markdown

GOODS = Table.of([("품목", "금액"), ("사과", "2,000"), ("배", "3,000")])
PEOPLE = Table.of([("이름",), ("김",)])


def test_spaces_may_be_left_out_of_the_error_rate() -> None:
    assert cer("할수 있다", "할 수 있다") == 1 / 6
    assert cer("할수 있다", "할 수 있다", spaces=False) == 0


@pytest.mark.parametrize(
    ("said", "true", "expected"),
    [
        ([GOODS], [GOODS], Counts(6, 6, 6)),
        ([], [GOODS], Counts(0, 0, 6)),
        # one cell is misread
        ([Table.of([("품목", "금액"), ("사과", "2,000"), ("배", "8,000")])], [GOODS], Counts(5, 6, 6)),
        # a row is missing: the one below is not where it belongs
        ([Table.of([("품목", "금액"), ("배", "3,000")])], [GOODS], Counts(2, 4, 6)),
        # a table too many does not shift the others; blank cells do not count; white space is single
        ([PEOPLE, GOODS], [GOODS], Counts(6, 8, 6)),
        ([Table.of([("a  b", ""), ("", "c")])], [Table.of([("a b", " "), ("", "c")])], Counts(2, 2, 2)),
        # merged cells stand where their top left corner is
        (
            [Table(((Cell("a", rowspan=2), Cell("b")), (Cell("c"),)))],
            [Table.of([("a", "b"), ("", "c")])],
            Counts(3, 3, 3),
        ),
        ([Paragraph.of("a | b")], [], Counts(0, 0, 0)),
    ],
)
def test_cells(said: list, true: list, expected: Counts) -> None:
    assert count_cells(said, true) == expected


@pytest.mark.parametrize(
    ("said", "true", "expected"),
    [
        ([Heading.of("a"), Paragraph.of("b")], [Heading.of("other"), Paragraph.of("c")], Counts(1, 1, 1)),
        ([Heading.of("a", 2)], [Heading.of("a", 1)], Counts(0, 1, 1)),
        ([Item.of("a"), Item.of("b", level=1)], [Item.of("a"), Item.of("b")], Counts(1, 2, 2)),
        ([Item.of("a", "1.")], [Item.of("a", "가.")], Counts(1, 1, 1)),
        ([GOODS, Code(("x",))], [Code(("y",)), GOODS], Counts(1, 2, 2)),  # the order is wrong
        ([PEOPLE], [GOODS], Counts(0, 1, 1)),  # another shape
        ([], [], Counts(0, 0, 0)),
    ],
)
def test_structure(said: list, true: list, expected: Counts) -> None:
    assert count_structure(said, true) == expected


def test_f1() -> None:
    assert Counts(2, 4, 4).f1 == 0.5 and Counts(0, 0, 3).f1 == 0 and Counts().f1 is None
    assert Counts(1, 2, 3) + Counts(1, 1, 1) == Counts(2, 3, 4)


def test_intervals() -> None:
    values = np.random.default_rng(5).normal(3.0, 1.0, 400)
    low, high = interval(values) or (0, 0)
    # The normal approximation holds for a mean of 400.
    half = 1.96 * values.std() / math.sqrt(400)
    assert abs(low - (values.mean() - half)) < 0.015 and abs(high - (values.mean() + half)) < 0.015
    assert interval(values) == (low, high) != interval(values, seed=1)
    assert interval([0.25] * 5) == (0.25, 0.25) and interval([1, 2], [2, 4]) == (0.5, 0.5)
    assert interval([]) is None and interval([0], [0]) is None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two kinds: one by its folder, one by a file of facts."""
    pages = tmp_path / "pages"
    (pages / "table").mkdir(parents=True)
    truths = {"one": "# 제목\n\n본문입니다.", "table/two": "| a | b |\n| --- | --- |\n| c | d |"}
    for name, truth in truths.items():
        (pages / f"{name}.md").write_text(truth, encoding="utf-8")
        Image.new("RGB", (64, 64), "white").save(pages / f"{name}.png")
    (pages / "one.json").write_text('{"kind": "prose", "page": 1}', encoding="utf-8")
    return pages


def page(markdown: str, status: str = "ok") -> SimpleNamespace:
    """What a reader says of a page."""
    return SimpleNamespace(marked=markdown, status=status)


def test_a_folder_is_read_and_scored(folder: Path) -> None:
    samples = find_samples(folder)
    assert [(s.name, s.kind, s.source and s.source.name) for s in samples] == [
        ("one", "prose", "one.png"),
        ("table/two", "table", "two.png"),
    ]

    def read(path: Path) -> list:
        if path.stem == "two":
            raise AdotxError("input.unreadable", "damaged", str(path), "")
        return [page("# 제목"), page("본문 입니다.\n"), page("", "blank")]

    first, second = (score(sample, read_answer(sample, read)) for sample in samples)
    assert first.cer == 1 / 11 and first.cer_without_spaces == 0 and first.statuses == ("ok", "ok", "blank")
    assert first.structure == Counts(1, 1, 1) and first.cells.f1 is None
    assert second.cer == 1 and second.cells == Counts(0, 0, 4) and second.statuses == ("failed",)
    summary = summarise([first, second])
    assert list(summary) == ["prose", "table", "all"]
    assert summary["all"].cer.value == 6 / 11 and summary["all"].cells.value == 0
    assert summary["prose"].cells == type(summary["prose"].cells)(None, None)
    assert summary["all"].statuses == {"ok": 2, "blank": 1, "partial": 0, "failed": 1}
    assert summary["all"].pages == 4 and summary["all"].seconds is not None


def test_an_answer_in_html_is_as_good_as_one_in_pipes() -> None:
    truth = "| a | b |\n| --- | --- |\n| c | d |"
    html = "<table border='1'>\n<tr><td>a</td><td> b</td></tr><tr><td>c</td><td>d</td></tr></table>"
    result = score(Sample("x", "", truth, None), Answer(html))
    assert result.cells.f1 == 1 and result.structure.f1 == 1 and result.cer > 1
    assert parse_markdown(truth) == parse_markdown(html)


def test_answers_from_files(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    answers, scores = tmp_path / "answers", tmp_path / "scores.json"
    (answers / "table").mkdir(parents=True)
    (answers / "table/two.md").write_text("| a | b |\n|---|---|\n| c | x |", encoding="utf-8")
    (folder / "one.png").unlink()  # answers need no pictures
    call = ["evaluate", "transcription", str(folder), "--answers", str(answers), "--json", str(scores)]
    assert run(call) == FINDING
    prose, table, both = capsys.readouterr().out.splitlines()[2:]
    assert prose.startswith("| prose | 1 | 1.0000 |") and "| 0 / 0 / 0 / 1 | - |" in prose
    assert "| 0.7500 | 1.0000 | - / - / - | 1 / 0 / 0 / 0 | - |" in table
    assert len(both.split("|")) == 13
    told = json.loads(scores.read_text(encoding="utf-8"))
    told = told[str(answers)]
    assert told["summary"]["table"]["cells"]["value"] == 0.75
    assert [page["name"] for page in told["pages"]] == ["one", "table/two"]
    (answers / "one.md").write_text("# 제목\n\n본문입니다.", encoding="utf-8")
    assert run(call[:5]) == DONE
    assert found_answer(find_samples(folder, with_sources=False)[0], answers).statuses == ("ok",)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "one.png").unlink(), "no picture or PDF"),
        (lambda folder: (folder / "one.json").write_text("[]"), "not a JSON object"),
        (lambda folder: (folder / "one.md").write_bytes(b"\xff"), "UTF-8"),
    ],
)
def test_a_damaged_folder_is_refused(folder: Path, spoil, message: str) -> None:  # type: ignore[no-untyped-def]
    spoil(folder)
    with pytest.raises(AdotxError, match=message):
        find_samples(folder)


def test_a_folder_without_truth_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(AdotxError, match="no NAME"):
            find_samples(path)
