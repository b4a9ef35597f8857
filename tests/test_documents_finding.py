"""Questions that name a label or a figure, and the line of a document that answers them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adotx.cli import DONE, FINDING, REFUSED, run
from adotx.documents.finding import answers, facts
from adotx.markdown import Fields, Heading, Item, Paragraph, Table

RECEIPT = [
    Heading.of("영수증"),
    Fields((("상호", "한빛상회"), ("사업자등록번호", "123-45-67890"), ("거래일시", "2024-03-05 14:22")), ":"),
    Table.of(
        [["품명", "수량", "단가", "금액"], ["사과", "2", "1,000", "2,000"], ["배", "1", "3,000", "3,000"]]
    ),
    Paragraph.of("공급가액 4,545원\n부가세 455원\n합계 5,000원"),
]
LETTER = [
    Heading.of("정기 회의 안내"),
    Paragraph.of("정기 회의는 2024년 4월 2일에 본관 3층에서 열린다. 참석자는 12명이다."),
    Item.of("1. 담당 부서: 총무과", marker="1."),
    Item.of("문의: help@example.org, 02-123-4567"),
]
FORM = [
    Table.of(
        [["성명", "홍길동", "연락처", "010-1234-5678"], ["주소", "서울시 중구 을지로 65", "직위", "과장"]]
    ),
    Table.of([["연도", "매출", "이익"], ["2023", "1,200억", "80억"], ["2024", "1,500억", "95억"]]),
]
ALL = [*RECEIPT, *LETTER, *FORM]


@pytest.mark.parametrize(
    ("question", "document", "values"),
    [
        ("총액이 얼마인가요?", RECEIPT, ["5,000원"]),
        ("합계 금액 알려줘", RECEIPT, ["5,000원"]),
        ("What is the total?", RECEIPT, ["5,000원"]),
        ("얼마예요?", RECEIPT, ["5,000원"]),
        ("부가가치세는 얼마야", RECEIPT, ["455원"]),
        ("사과는 얼마예요?", RECEIPT, ["2,000"]),
        ("사과 단가는?", RECEIPT, ["1,000"]),
        ("배는 몇 개 샀나요?", RECEIPT, ["1"]),
        ("가게 이름은?", RECEIPT, ["한빛상회"]),
        ("상호명이 뭐예요?", RECEIPT, ["한빛상회"]),
        ("사업자 등록 번호가 무엇인가요?", RECEIPT, ["123-45-67890"]),
        ("언제 샀나요?", RECEIPT, ["2024-03-05 14:22"]),
        ("이 문서의 제목은 무엇인가요?", LETTER, ["정기 회의 안내"]),
        ("회의는 언제 열리나요?", LETTER, ["2024년 4월 2일"]),
        ("참석자는 몇 명인가요?", LETTER, ["12명"]),
        ("담당 부서는 어디인가요?", LETTER, ["총무과"]),
        ("전화번호 알려주세요", FORM, ["010-1234-5678"]),
        ("주소가 어디예요?", FORM, ["서울시 중구 을지로 65"]),
        ("2024 매출은 얼마인가요?", FORM, ["1,500억"]),
        ("2023 이익은?", FORM, ["80억"]),
    ],
)
def test_answers(question: str, document: list, values: list[str]) -> None:
    assert [fact.value for fact in answers(question, document)] == values


@pytest.mark.parametrize(
    "question",
    [
        "보증금이 얼마인가요?",
        "대표자가 누구예요?",
        "오늘 날씨 어때?",
        "계약 기간은?",
        "Who signed the lease?",
        "?",
        "",
    ],
)
def test_what_does_not_stand_there_is_not_answered(question: str) -> None:
    assert answers(question, ALL) == []


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["총액", "합계", "사과", "언제", "2024", "매출", "는", "?"])).map(" ".join)
)
def test_any_question(question: str) -> None:
    """Whatever is answered stands in the document."""
    lines = [fact.line for fact in facts(ALL)]
    for fact in answers(question, ALL):
        assert fact.line in lines and fact.value in fact.line.replace(" : ", " ")


class TestCommand:
    @pytest.fixture(autouse=True)
    def english(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ADOTX_LANG", "en")

    @pytest.fixture
    def page(self, tmp_path: Path) -> str:
        """A document that needs no model to be read."""
        rows = "".join(
            f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in [("사과", 2000), ("합계", 5000)]
        )
        path = tmp_path / "bill.html"
        path.write_text(f"<table><tr><th>품명</th><th>금액</th></tr>{rows}</table>", encoding="utf-8")
        return str(path)

    def test_the_answer_and_its_line(self, page: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["ask", page, "총액이 얼마인가요?"]) == DONE
        said = capsys.readouterr()
        assert said.out == "5000\n" and "page 1: 합계 | 5000" in said.err

    def test_no_answer(self, page: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["ask", page, "보증금이 얼마인가요?"]) == FINDING
        said = capsys.readouterr()
        assert said.out == "" and "no answer found" in said.err

    def test_no_document(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["ask", "absent.png", "?"]) == REFUSED
        assert capsys.readouterr().err.startswith("error: absent.png: ")
