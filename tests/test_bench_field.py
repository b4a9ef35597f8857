"""Benchmarks of documents: what field, figures and real count, on answers worked out by hand."""

from __future__ import annotations

import json
import random

import pytest

from adotx.markdown import Table, to_markdown
from benchmark_modules import BENCHMARKS, importer


@pytest.fixture
def load(monkeypatch):
    """Import a module of the benchmarks by its name."""
    yield from importer(monkeypatch, BENCHMARKS)


def test_strings_are_found_whatever_their_spaces_and_marks(load) -> None:
    holds = load("field").holds
    assert holds("## **금액:** 3,000 원", "금액:3,000원")
    assert holds("| 서울 | 1,204 | 7 |", "서울 | 1,204") and not holds("| 서울 1,204 |", "서울 | 1,204")
    assert holds("<table><tr><td>서울</td><td>1,204</td></tr></table>", "서울 | 1,204")
    assert holds("| 001 | 두부 |", "001 두부") and not holds("001 두보", "001 두부")
    # Struck out is not the same as valid.
    assert not holds("~~10일~~ 15일", "10일 15일") and holds("10일 15일", "10일 15일")


@pytest.mark.parametrize(
    ("name", "said", "true", "right"),
    [
        ("same_boxes", "☑ 예 ☐ 아니요", "- [x] 예\n- [ ] 아니요", True),
        ("same_boxes", "☐ 예 ☑ 아니요", "- [x] 예\n- [ ] 아니요", False),
        ("same_cells", "| a |\n| --- |\n| on\\|off |", "| a |\n| --- |\n| on\\|off |", True),
        ("same_cells", "| a |\n| --- |\n| on | off |", "| a |\n| --- |\n| on\\|off |", False),
        ("same_tables", "| a |\n| --- |\n\n- 1 -\n\n| b |\n| --- |", "| a |\n| --- |\n| b |", False),
        ("no_headings", "# 6,600원\n\n# 제목", "# 제목\n\n6,600원", False),
        ("says_nothing", "", "", True),
        ("invents_nothing", "가", "", False),
    ],
)
def test_what_cannot_be_said_by_strings(load, name: str, said: str, true: str, right: bool) -> None:
    field = load("field")
    assert getattr(field, name)(field.Call(0, said, "", 0.1), true) is right


def test_verdicts(load, tmp_path, capsys) -> None:
    field = load("field")
    case = {"id": "page-a", "input": "page-a/a.png", "right": "expected.md"}
    case |= {"must_hold": ["금액 3,000원"], "never": ["- 1 -"]}
    (tmp_path / "page-a").mkdir()
    (tmp_path / "page-a" / "expected.md").write_text("# 제목\n\n금액 3,000원\n", "utf-8")
    (tmp_path / "cases.jsonl").write_text(json.dumps(case, ensure_ascii=False) + "\n", "utf-8")
    found = field.find_cases(tmp_path, ["page-a"])
    assert found == [case]
    with pytest.raises(SystemExit, match="page-b"):
        field.find_cases(tmp_path, ["page-a", "page-b"])

    def verdict(code: int, out: str, err: str = "") -> str:
        return field.judge(case, tmp_path, field.Call(code, out, err, 1.0)).verdict

    assert verdict(0, "# 제목\n\n금액 3,000원") == "right"
    assert verdict(0, "# 제목\n\n금액 3,000원\n\n- 1 -") == "silent"
    assert verdict(0, "# 제목\n\n금액 8,000원") == "silent"
    assert verdict(0, "# 제목\n\n금액 8,000원", "note: one row was cut") == "wrong"
    assert verdict(1, "") == "wrong"
    lost = field.judge(case, tmp_path, field.Call(0, "가나다라마바", "", 1.0))
    assert field.totals([lost])[1].endswith("1 page-a")


def test_every_behaviour_of_the_field_has_a_check(load, shared) -> None:
    cases = (shared / "field" / "documents" / "cases.jsonl").read_text("utf-8").splitlines()
    named = {json.loads(line)["id"] for line in cases}
    assert set(load("field_behaviour").BEHAVIOURS) == {name for name in named if name.startswith("beh-")}


def test_a_figure_in_a_neighbours_cell_is_counted(load) -> None:
    figures = load("table_figures")
    rng, used = random.Random(1), set()
    tables = [figures.make_table(rng, used) for _ in range(3)]
    count = figures.Count()
    truth = to_markdown([Table.of(table) for table in tables])
    figures.count(tables, truth, count)
    assert count.figures == count.right == len(used) and not count.neighbours and not count.lost
    assert count.digits.wrong == 0 and count.digits.true > len(used)
    moved = [[list(row) for row in table] for table in tables]
    moved[0][1][1], moved[0][1][2] = moved[0][1][2], moved[0][1][1]
    moved[1][1][1] = "0"
    count = figures.Count()
    figures.count(tables, to_markdown([Table.of(table) for table in moved[:2]]), count)
    assert count.neighbours == 2 and count.lost == 1 and count.tables == 3
    kept = sum(len(table[0]) * (len(table) - 1) - len(table) + 1 for table in tables[:2])
    assert count.right == kept - 3


def test_the_paper_is_put_in_the_order_of_its_page(load, tmp_path) -> None:
    real = load("real")
    (tmp_path / "paper.txt").write_text(f"학술대회\n1. 서론\n본문\n{real.TITLE}\n초록", "utf-8")
    assert real.in_page_order(tmp_path / "paper.txt") == f"학술대회\n{real.TITLE}\n초록\n1. 서론\n본문"
