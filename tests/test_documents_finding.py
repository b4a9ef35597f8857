"""Questions that name a label or a figure, and the line of a document that answers them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adotx.cli import DONE, FINDING, REFUSED, run
from adotx.documents.finding import answers, facts
from adotx.markdown import Cell, Fields, Heading, Item, Paragraph, Table

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
CONTRACT = [
    Heading.of("용역 계약서"),
    Heading.of("제2조(계약 기간)", 2),
    Paragraph.of("계약 기간은 2026년 1월 7일부터 2027. 11. 22.까지로 하며, 만료 30일 전까지 알린다."),
    Heading.of("제3조(계약 금액)", 2),
    Paragraph.of("갑은 을에게 금 105,000,000원(부가가치세 별도)을 지급한다."),
    Heading.of("제4조(지체상금)", 2),
    Paragraph.of("지체 일수 1일마다 계약 금액의 1,000분의 15에 해당하는 지체상금을 갑에게 납부한다."),
    Heading.of("제5조(비밀 유지)", 2),
    Paragraph.of("비밀을 제3자에게 누설하여서는 아니 되며, 이 의무는 계약이 끝난 뒤에도 18년간 존속한다."),
    Paragraph.of("2026년 1월 5일"),
    Fields((("갑", "(주)푸른환경"), ("주소", "서울시 중구 1, 13층"), ("대표자", "명경환 (인)")), ":"),
    Fields((("을", "(주)전산"), ("주소", "성남시 분당구 34, 3층"), ("대표자", "함혜련 (인)")), ":"),
]
MINUTES = [
    Heading.of("보호구역 정비 회의록"),
    Fields((("일시", "2026년 6월 13일 17:10"), ("장소", "제11회의실"), ("작성자", "교육과 맹귀남")), ":"),
    Item.of("다음 회의는 2026. 9. 3. 오후 7시 20분에 열기로 함."),
    Item.of("평일은 오전 10시에 열고 저녁 8시에 닫습니다."),
    Table.of(
        [
            ["담당", "내용", "기한"],
            ["구유진", "건강 검진", "2027.11.09"],
            ["함민준", "누수 복구", "2026.10.07"],
        ]
    ),
]
OFFICIAL = [
    Paragraph.of("수신 각 부서장\n제목 소방시설 점검 협조 요청"),
    Item.of("점검 대상: 본관, 별관, 지하 주차장", marker="가."),
    Paragraph.of("기안자 대리 박하늘 검토자 팀장 윤서진 결재권자 이사장 정다온"),
    Paragraph.of("시행 안전관리팀-1533 (2026. 11. 16.) 접수"),
    Paragraph.of("전화 (02)701-4567 전송 (02)701-4568 / safety@example.org"),
    Paragraph.of("자세한 사항은 담당자 도하늘(033-808-1133)에게 문의하여 주시기 바랍니다."),
    Paragraph.of("입금 계좌는 신협 131-018-407729 (예금주: 한들상사)"),
]
VISITORS = [
    Heading.of("지점별 방문자 수"),
    Table(
        (
            (Cell("지역", 1, 2), Cell("지점", 1, 2), Cell("2025년", 2), Cell("2026년", 2)),
            (Cell("상반기"), Cell("하반기"), Cell("상반기"), Cell("하반기")),
            (Cell("수도권", 1, 2), Cell("서울"), Cell("1,204"), Cell("1,377"), Cell("1,452"), Cell("1,508")),
            (Cell("수원"), Cell("862"), Cell("915"), Cell("940"), Cell("987")),
            (Cell("합계", 2), Cell("2,066"), Cell("2,292"), Cell("2,392"), Cell("2,495")),
        )
    ),
]
LEAVE = [
    Heading.of("휴가 신청서"),
    Table.of(
        [
            ["소속", "영업팀", "성명", "황우진"],
            ["기간", "2026. 12. 28. ~ 12. 31.", "", ""],
            ["사유", "여행", "", ""],
        ]
    ),
    Paragraph.of("위와 같이 휴가를 신청합니다.\n2026년 11월 30일\n신청인: (서명)"),
]
MEMBERS = [
    Heading.of("시험 결과"),
    Table.of(
        [
            ["번호", "이름", "소속", "점수"],
            *([str(n), f"김가{name}", "총무팀", str(60 + n)] for n, name in enumerate("나다라마바", 1)),
        ]
    ),
    Table.of([["번호", "품명", "수량"], ["7", "빔 프로젝터", "2"]]),
]
FESTIVAL = [
    Heading.of("음악축제 공고"),
    Fields((("행사일시", "2026. 10. 21.(토) 15:00 ~ 20:40"), ("소요예산", "270,000,000원")), ":"),
    *(Fields((("일 시", f"2026. 8. {day}. 10:00"),), ":") for day in range(1, 6)),
    Paragraph.of("2026년 3월 24일"),
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
        ("언제 결제했나요?", RECEIPT, ["2024-03-05 14:22"]),
        ("How much is the tax?", RECEIPT, ["455원"]),
        ("가게 주소는?", FORM, ["서울시 중구 을지로 65"]),
        ("계약 기간은 언제까지인가요?", CONTRACT, ["2026년 1월 7일부터 2027. 11. 22.까지"]),
        ("계약 금액이 얼마인가요?", CONTRACT, ["105,000,000원"]),
        ("비밀 유지 의무는 몇 년간 존속하나요?", CONTRACT, ["18년간"]),
        ("계약을 체결한 날짜는?", CONTRACT, ["2026년 1월 5일"]),
        ("계약일은 언제인가요?", CONTRACT, ["2026년 1월 5일"]),
        ("을의 주소는?", CONTRACT, ["성남시 분당구 34, 3층"]),
        ("갑의 대표자는 누구인가요?", CONTRACT, ["명경환 (인)"]),
        ("대표자는 누구인가요?", CONTRACT, ["명경환 (인)", "함혜련 (인)"]),
        ("갑은 누구인가요?", CONTRACT, ["(주)푸른환경"]),
        ("회의는 언제 열렸나요?", MINUTES, ["2026년 6월 13일 17:10"]),
        ("회의 장소는 어디인가요?", MINUTES, ["제11회의실"]),
        ("다음 회의는 언제인가요?", MINUTES, ["2026. 9. 3. 오후 7시 20분"]),
        ("다음 회의는 몇 시에 열리나요?", MINUTES, ["오후 7시 20분"]),
        ("평일에는 몇 시에 닫나요?", MINUTES, ["저녁 8시"]),
        ("함민준의 기한은?", MINUTES, ["2026.10.07"]),
        ("건강 검진은 누가 담당하나요?", MINUTES, ["구유진"]),
        ("수신은 누구인가요?", OFFICIAL, ["각 부서장"]),
        ("제목이 무엇인가요?", OFFICIAL, ["소방시설 점검 협조 요청"]),
        ("결재권자는 누구예요?", OFFICIAL, ["이사장 정다온"]),
        ("문서 번호가 뭐예요?", OFFICIAL, ["안전관리팀-1533 (2026. 11. 16.)"]),
        ("팩스 번호는?", OFFICIAL, ["(02)701-4568"]),
        ("전화번호는?", OFFICIAL, ["(02)701-4567"]),
        ("담당자 전화번호는?", OFFICIAL, ["033-808-1133"]),
        ("예금주는 누구인가요?", OFFICIAL, ["한들상사"]),
        ("서울의 2026년 상반기 방문자 수는?", VISITORS, ["1,452"]),
        ("수원 2025년 하반기는 몇 명인가요?", VISITORS, ["915"]),
        ("2025년 상반기 합계는?", VISITORS, ["2,066"]),
        ("행사일시는 언제인가요?", FESTIVAL, ["2026. 10. 21.(토) 15:00 ~ 20:40"]),
        ("휴가 기간은?", LEAVE, ["2026. 12. 28. ~ 12. 31."]),
        ("신청자의 소속은?", LEAVE, ["영업팀"]),
        ("신청 날짜는 언제인가요?", LEAVE, ["2026년 11월 30일"]),
        ("김가라는 몇 점인가요?", MEMBERS, ["63"]),
        ("5번은 누구인가요?", MEMBERS, ["김가바"]),
        ("빔 프로젝터는 몇 개인가요?", MEMBERS, ["2"]),
    ],
)
def test_answers(question: str, document: list, values: list[str]) -> None:
    assert [fact.value for fact in answers(question, document)] == values


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("계약 금액은 얼마인가요?", CONTRACT[:3]),  # the word "계약" alone is no reason
        ("지체상금은 얼마인가요?", CONTRACT),  # thousandths are no sum
        ("갑의 사업자등록번호는?", CONTRACT),
        ("회의 비용은 얼마인가요?", MINUTES),
        ("평일에는 몇 시에 여나요?", MINUTES),  # two times, and none is said to be it
        ("부산의 2026년 상반기 방문자 수는?", VISITORS),
        ("총무팀은 몇 명인가요?", MEMBERS),  # nothing is counted
        ("최고 점수는 얼마인가요?", MEMBERS),
        ("휴가 비용은?", LEAVE),
        ("시행일은 언제인가요?", FESTIVAL),  # the day below is that of the notice
        ("비고에 뭐라고 적혀 있나요?", LEAVE),
    ],
)
def test_words_that_are_met_nowhere_mean_that_it_is_not_said(question: str, document: list) -> None:
    assert answers(question, document) == []


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
