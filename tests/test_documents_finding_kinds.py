"""Questions about documents of other kinds: quotation, tax invoice, minutes, statement, notice, lease."""

from __future__ import annotations

import pytest

from adotx.documents.finding import answers
from adotx.markdown import parse_markdown

QUOTATION = """# 견 적 서

견적일자: 2026년 10월 14일

담당: 정유진 대리 (070-4120-8832)

| 순번 | 품목 | 규격 | 수량 | 단가 | 금액 |
| --- | --- | --- | --- | --- | --- |
| 1 | 칠판 | 3600×1200 | 4 | 385,000 | 1,540,000 |
| 2 | 학생용 의자 | 6호 | 28 | 41,000 | 1,148,000 |
| 공급가액 |  |  |  |  | 2,688,000 |
| 합계 |  |  |  |  | 2,956,800 |

납기: 발주 후 14일 이내
"""
INVOICE = """# 전자세금계산서

| 공급자 | 등록번호 | 208-81-44731 | 공급받는자 | 등록번호 | 617-09-22054 |
| --- | --- | --- | --- | --- | --- |
|  | 상호 | (주)가람목재 |  | 상호 | 두리인테리어 |
|  | 성명 | 육심원 |  | 성명 | 봉가영 |
|  | 사업장 주소 | 인천 서구 가좌로 9 |  | 사업장 주소 | 부산 해운대구 우동 77 |
"""
MINUTES = """# 시설 안전 회의록

| 일시 | 2026. 9. 17.(목) 14:00 ~ 15:20 | 장소 | 본관 4층 소회의실 |
| --- | --- | --- | --- |
| 주관 | 시설안전팀 | 작성자 | 노은결 |
"""
WORK = """# 표준근로계약서

4. 소정근로시간: 09시 30분부터 18시 30분까지 (휴게시간 12시 30분~13시 30분)

지급방법: 근로자 명의 예금통장에 입금

임금지급일: 매월 25일

2026년 2월 20일
"""
LETTER = """# 한빛시 교육지원청

제목: 겨울방학 독서교실 운영 안내

가. 기간: 2027. 1. 11.(월) ~ 1. 15.(금)

우 13420 한빛시 중앙로 101 / 전화 031-780-1123 / 전송 031-780-1199 / seohj@example.org
"""
LEASE = """# 부동산 임대차 계약서

| 소재지 | 경기도 하늘시 솔밭로 17, 203호 |
| --- | --- |
| 면적 | 59.8㎡ |
| 잔금 | 금 135,000,000원은 2026년 12월 30일에 지불한다 |

## 임대인

성명: 마동혁

## 임차인

성명: 주아린
"""
NOTICE = """# 가정통신문

1. 일시: 2026년 10월 16일(금) 08:40 ~ 16:00

2. 신청 마감: 2026년 10월 2일까지

- 최종 발표: 2027. 1. 29.

초봉은 3,950만원이며 수습기간은 3개월이다. 5학년이 간다.

2026년 9월 21일
"""
TRIP = """# 출장비 정산서

| 항목 | 내역 | 금액(원) |
| --- | --- | --- |
| 숙박비 | 2박 | 178,000 |
| 식비 | 6식 | 72,000 |
| 계 |  | 250,000 |

인사팀 최보람 (052-990-1177, recruit@example.com)

신청인 차은호 (인)
"""
STATEMENT = """# 진료비 영수증

환자등록번호: 00412987

결석 일수: 2일
"""
ENGLISH = """# Field Trip Notice

The trip to the museum will take place on Friday, 9 October 2026. Buses leave at 8:15 a.m. every time.

Contact: Ms. Olivia Grant, olivia.grant@example.com

| Description | Qty | Unit price | Amount |
| --- | --- | --- | --- |
| Mounting bracket | 30 | $4.20 | $126.00 |
| On-site labour | 6 | $75.00 | $450.00 |

Invoice date: 3 November 2026
"""


@pytest.mark.parametrize(
    ("question", "document", "values"),
    [
        ("총 금액은 얼마인가요?", QUOTATION, ["2,956,800"]),
        ("공급가액을 알려줘", QUOTATION, ["2,688,000"]),
        ("납기는 언제까지인가요?", QUOTATION, ["발주 후 14일 이내"]),
        ("학생용 의자의 단가는?", QUOTATION, ["41,000"]),
        ("담당자 전화번호는?", QUOTATION, ["070-4120-8832"]),
        ("공급자 등록번호는?", INVOICE, ["208-81-44731"]),
        ("공급받는자의 상호는?", INVOICE, ["두리인테리어"]),
        ("공급자의 성명은?", INVOICE, ["육심원"]),
        ("공급받는자 주소는?", INVOICE, ["부산 해운대구 우동 77"]),
        ("회의는 어디서 열렸나요?", MINUTES, ["본관 4층 소회의실"]),
        ("작성자는 누구인가요?", MINUTES, ["노은결"]),
        ("휴게시간은?", WORK, ["12시 30분~13시 30분"]),
        ("임금은 언제 지급되나요?", WORK, ["매월 25일"]),
        ("계약을 체결한 날짜는?", WORK, ["2026년 2월 20일"]),
        ("독서교실 기간은?", LETTER, ["2027. 1. 11.(월) ~ 1. 15.(금)"]),
        ("이메일 주소는?", LETTER, ["seohj@example.org"]),
        ("소재지가 어디인가요?", LEASE, ["경기도 하늘시 솔밭로 17, 203호"]),
        ("잔금은 언제 지불하나요?", LEASE, ["2026년 12월 30일"]),
        ("임대인 성명은?", LEASE, ["마동혁"]),
        ("최종 발표일은?", NOTICE, ["2027. 1. 29."]),
        ("초봉은 얼마인가요?", NOTICE, ["3,950만원"]),
        ("몇 학년이 가나요?", NOTICE, ["5학년"]),
        ("통신문 날짜는?", NOTICE, ["2026년 9월 21일"]),
        ("식비", TRIP, ["72,000"]),
        ("합계는 얼마인가요?", TRIP, ["250,000"]),
        ("인사팀 전화번호는?", TRIP, ["052-990-1177"]),
        ("신청인은 누구인가요?", TRIP, ["차은호"]),
        ("결석은 며칠 했나요?", STATEMENT, ["2일"]),
        ("When is the trip?", ENGLISH, ["Friday, 9 October 2026"]),
        ("What is the e-mail address?", ENGLISH, ["olivia.grant@example.com"]),
        ("How many mounting brackets were ordered?", ENGLISH, ["30"]),
        ("What is the unit price of on-site labour?", ENGLISH, ["$75.00"]),
        ("What is the invoice date?", ENGLISH, ["3 November 2026"]),
    ],
)
def test_answers(question: str, document: str, values: list[str]) -> None:
    assert [fact.value for fact in answers(question, parse_markdown(document))] == values


@pytest.mark.parametrize(
    ("question", "document"),
    [
        ("팩스 번호는?", QUOTATION),
        ("학생용 의자와 칠판을 합하면 얼마예요?", QUOTATION),
        ("사업자등록번호는?", QUOTATION),
        ("공급자 전화번호는?", INVOICE),
        ("지난 회의는 언제였나요?", MINUTES),
        ("근로자 이름은?", WORK),
        ("퇴직금은 얼마인가요?", WORK),
        ("임대인의 주소는?", LEASE),
        ("고객 전화번호는?", LETTER),
        ("환자 전화번호는?", STATEMENT),
        ("항공료는?", TRIP),
        ("What is the phone number?", ENGLISH),
        ("What is the shipping cost?", ENGLISH),
    ],
)
def test_no_answers(question: str, document: str) -> None:
    assert answers(question, parse_markdown(document)) == []
