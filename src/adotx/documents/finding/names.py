"""Names that forms, receipts, contracts and letters have for the same things; how values of each kind look.

Data alone. Knows no documents and no questions.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["amount", "date", "time", "duration", "count", "contact", "person", "place", "any"]

DATES = ("날짜", "일자", "일시", "date")
PHONES = ("전화", "전화번호", "연락처", "휴대전화", "휴대폰", "대표전화", "tel", "phone", "phonenumber")
FAXES = ("팩스", "팩스번호", "전송", "fax", "faxnumber")
MAILS = (
    "이메일", "이메일주소", "전자우편", "전자우편주소", "메일", "메일주소", "email", "e-mail", "emailaddress"
)  # fmt: skip
#: names for the same thing
SAME = (
    ("총액", "합계", "총계", "총합계", "총금액", "합계금액", "총결제금액", "결제금액", "받을금액",
     "청구금액", "계", "total"),
    DATES,
    ("작성일", "작성일자", "발행일"),
    ("거래일", "거래일시", "결제일", "결제일시"),
    PHONES,
    FAXES,
    ("주소", "소재지", "사업장소재지", "address"),
    ("이름", "성명", "성함", "name"),
    ("상호", "상호명", "가게", "가게이름", "업체명", "회사명", "점포명"),
    ("대표", "대표자", "대표이사", "representative"),
    ("사업자등록번호", "사업자번호", "등록번호"),
    ("부가세", "부가가치세", "세금", "vat", "tax"),
    ("금액", "가격", "값", "price", "amount"),
    ("단가", "단위가격"),
    ("수량", "개수", "인원", "quantity", "qty"),
    MAILS,
    ("수신", "수신자", "받는사람", "받는이"),
    ("참조", "참조자"),
    ("제목", "건명", "title", "subject"),
    ("시행", "시행번호", "문서번호"),
    ("기안자", "기안"),
    ("검토자", "검토"),
    ("결재권자", "결재자"),
    ("장소", "place", "venue"),
    ("참석자", "참가자", "attendees", "participants"),
    ("기간", "period"),
    ("기한", "마감", "마감일", "deadline"),
)  # fmt: skip
NAMES = frozenset(name for group in SAME for name in group)
#: what such names are followed by where they stand in the midst of a line
LABELS = (
    "전화", "전화번호", "대표전화", "휴대전화", "팩스", "전송", "이메일", "수신", "참조", "제목", "시행",
    "접수", "기안자", "검토자", "결재권자", "협조자", "성명", "연락처", "주소", "신청일", "참가비", "합계",
    "부가세", "공급가액", "총액",
    "TEL", "FAX", "Tel", "Fax", "E-mail",
)  # fmt: skip
#: whose addresses, names and signatures follow
PARTIES = frozenset(
    """
    갑 을 병 정 원고 피고 매도인 매수인 임대인 임차인 도급인 수급인 발주자 수급자 공급자 공급받는자
    위임인 수임인 양도인 양수인 사용자 근로자 보내는사람 받는사람 판매자 구매자 채권자 채무자
    seller buyer lessor lessee
    """.split()  # noqa: SIM905
)
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_ORDINAL = r"\d{1,2}(?:st|nd|rd|th)?"
_ENGLISH_DAY = (
    r"(?:\b(?:mon|tues|wednes|thurs|fri|satur|sun)day,?\s+)?"
    rf"(?:\b{_ORDINAL}\s+{_MONTH}(?:,?\s+\d{{4}})?|\b{_MONTH}\s+{_ORDINAL}(?!\d)(?:,?\s+\d{{4}})?)"
)
_EVERY = r"매(?:월|달|주|년)\s*(?:\d{1,2}\s*일|[월화수목금토일]요일|말일)"
_WEEKDAY = r"(?:\s*\([월화수목금토일]\))?"
_DAY = (
    r"(?:\d{4}|\d{2}|['’]\d{2})\s*[./년-]\s*\d{1,2}\s*(?:[./월-]\s*\d{1,2}\s*(?:일|\.(?!\d))?|월)"
    rf"{_WEEKDAY}|\d{{1,2}}\s*월\s*\d{{1,2}}\s*일{_WEEKDAY}"
    r"|\d{4}[./-]\d{1,2}(?![\d.,])|\d{4}\s*년(?!\s*간)"
)
_TIME = (
    r"(?:(?:오전|오후|새벽|아침|낮|저녁|밤)\s*)?\d{1,2}\s*시(?!간)(?:\s*\d{1,2}\s*분|\s*반)?"
    r"|(?:(?:오전|오후)\s*)?\d{1,2}:\d{2}(?::\d{2})?(?:\s*[AaPp]\.?[Mm]\.?)?"
)
#: a day, with its time where it says one
DATE = rf"(?i:(?:{_DAY}|{_ENGLISH_DAY})(?:\s*(?:{_TIME}))?)"
_SPAN = (
    rf"{DATE}\s*(?:부터|에서|~|∼|〜|-|–)\s*"
    rf"(?:{DATE}|\d{{1,2}}\s*[.월]\s*\d{{1,2}}\s*[.일]?|\d{{1,2}}\s*일){_WEEKDAY}(?:\s*까지)?"
)
#: a number that is one to be called without being named so
PHONE = r"(?:\+\d{1,3}[\s-]?)?(?:\(0\d{1,3}\)\s?|\b0?\d{1,3}[\s.-])\d{3,4}[\s.-]\d{4}\b|\b1[5-9]\d{2}-\d{4}\b"
MAIL, NUMBER = r"[\w.+-]+@[\w-]+\.[\w.]+", r"\+?(?:\(\d{2,4}\)|\d)[\d .-]{6,}\d"
#: kind -> how its values look, at their longest first
VALUES: dict[Kind, str] = {
    "date": rf"{_SPAN}|{DATE}|{_EVERY}|{_TIME}",
    "time": rf"(?:{_TIME})(?:\s*(?:부터|~|-|–)\s*(?:{_TIME})(?:\s*까지)?)?",
    "duration": r"(?:\d+|[한두세네]|몇)\s*(?:년|개월|달|주일?|일|시간|분)(?:간|\s*동안)?(?![\d가-힣]*\s*\d)"
    r"|하루|이틀|사흘|나흘|닷새|열흘|보름",
    "contact": rf"{MAIL}|{NUMBER}",
    "amount": r"[₩$€£¥]?\s*-?\d[\d,]*(?:\.\d+)?\s*(?:(?:만|천|백만|억)\s*)?(?:원|달러|엔)?",
    "count": r"\d[\d,.-]*\s*(?:학년|학기|개월|시간|사람|[가-힣%])?",
}
#: within sentences amounts say that they are: by thousands, a currency or a large unit
SAID_AMOUNT = (
    r"[₩$€£¥]\s*\d[\d,]*(?:\.\d+)?|\d{1,3}(?:,\d{3})+(?!\s*분의)\s*(?:억|백만|만|천)?\s*(?:원|달러|엔)?"
    r"|\d[\d,.]*\s*(?:억|만|천|백만)?\s*(?:원|달러|엔)"
)
