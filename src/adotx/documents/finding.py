"""A question and a document's blocks in; the lines that answer it out, or none. Knows no models.

For readers that only transcribe (nano): a question that names a label or a figure ("총액이 얼마인가요?") is
answered by what stands behind that label: in a form's field, in a table's cell, after a colon, in a sentence
that says it; or by the figure at its line's end. Nothing is inferred.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from adotx.markdown import Block, Fields, Heading, Table
from adotx.markdown.blocks import TextBlock

Kind = Literal["amount", "date", "count", "contact", "any"]

#: names that forms, receipts and letters use for the same thing
SAME = (
    (
        "총액",
        "합계",
        "총계",
        "총합계",
        "총금액",
        "합계금액",
        "총결제금액",
        "결제금액",
        "받을금액",
        "청구금액",
        "total",
    ),
    ("날짜", "일자", "일시", "작성일", "발행일", "거래일", "거래일시", "시행일", "date"),
    ("전화", "전화번호", "연락처", "휴대전화", "대표전화", "tel", "phone"),
    ("주소", "소재지", "사업장소재지", "address"),
    ("이름", "성명", "성함", "name"),
    ("상호", "상호명", "가게", "업체명", "회사명", "점포명"),
    ("사업자등록번호", "사업자번호", "등록번호"),
    ("부가세", "부가가치세", "세금", "vat", "tax"),
    ("금액", "가격", "값", "price", "amount"),
    ("단가", "단위가격"),
    ("수량", "개수", "인원", "quantity"),
    ("이메일", "전자우편", "메일", "email", "e-mail"),
)
# What a question without a subject ("얼마예요?") is about.
_SUBJECTS: dict[Kind, str] = {"date": "날짜", "amount": "총액", "contact": "전화"}
# Say little beside another word: "가게 이름", "신청 날짜".
_WEAK = frozenset(("이름", "명칭", "번호", "금액", "값", "날짜", "일자", "name", "number"))
_AMOUNTS, _COUNTS = ("금액", "가격", "값", "amount", "합계", "단가"), ("수량", "개수", "인원", "quantity")
_KINDS: tuple[tuple[Kind, str], ...] = (
    ("date", r"언제|며칠|몇\s*월|몇\s*년|몇\s*일|몇\s*시|날짜|일자|일시|\bwhen\b|\bdate\b"),
    ("contact", r"전화|연락처|팩스|이메일|메일|\bphone\b|\bfax\b|\be-?mail\b"),
    ("amount", r"얼마|금액|총액|가격|합계|how much|\bprice\b|\btotal\b|\bamount\b"),
    ("count", r"몇|수량|개수|how many|번호|\bnumber\b"),
)
_VALUES: dict[Kind, str] = {
    "date": r"\d{2,4}\s*[./년-]\s*\d{1,2}\s*(?:[./월-]\s*\d{1,2}\s*일?)?"
    r"|\d{1,2}\s*월\s*\d{1,2}\s*일|\d{1,2}:\d{2}",
    "contact": r"[\w.+-]+@[\w-]+\.[\w.]+|\+?\d[\d() .-]{6,}\d",
    "amount": r"[₩$€¥]?\s*-?\d[\d,]*(?:\.\d+)?\s*(?:(?:만|천|백만|억)\s*)?(?:원|달러|엔)?",
    "count": r"\d[\d,.-]*\s*[가-힣%]?",
}
_ASKING = frozenset(
    """
    얼마 언제 누구 어디 어느 어떤 무엇 뭐 뭔가 무슨 몇 며칠 왜 것 수 이 그 저 좀 알려 알려줘 알려주세요
    주세요 줘 말해 찾아 찾아줘 문서 서류 페이지 여기 여기서 이것 나온 적힌 쓰인 있는 원 개 명
    what is are was were the a an of in on to for this that which who when where how much many do does
    did please tell me find page document it its
    """.split()  # noqa: SIM905
)
# Particles and endings, longest first; what stands before them has two letters or more.
_PARTICLES = re.compile(
    r"(?<=..)(?:이라고는|이었나요|였나요|인가요|입니까|일까요|인지요|이에요|에서는|에게서|으로는|까지는|부터는|이며|이고|인지|인가|"
    r"예요|에요|이야|에서|에게|에는|으로|까지|부터|이나|라고|과의|와의|은|는|이|가|을|를|의|에|로|와|과|도|만|야|요)$"
)
_PREDICATE = re.compile(
    r"(?:나요|까요|까|습니까|는지|니|죠|지요|어요|아요|해요|나|는가|던가|되지|하지|합니다|됩니다)$"
)
_SENTENCE = re.compile(r"(?<=[.!?다요음함됨])[.!?]*\s+|\n")
_LABELLED = re.compile(
    r"^\s*(?:[-*·•○●■□▶※]\s*|\(?\d{1,2}[.)]\s+|[가-하][.)]\s+)?([^:：\n]{1,30}?)\s*[:：]\s*(\S.*)$"
)
_FIGURE_AT_END = re.compile(r"^\s*(\D{2,30}?)\s+([₩$€¥]?-?\d[\d,.:/-]*\s*[가-힣%A-Za-z]{0,4})\s*$")
_COUNTER = re.compile(
    r"(?:명|개|원|건|시|월|일|년|번|장|권|대|곳|분|살|쪽)(?:인가요|이에요|예요|입니까|인지|이야|야|이나|인가)?$"
)
# A row with such a figure is no row of names.
_LONG_FIGURE = re.compile(r"\d{5,}|\d[\d-]{6,}|@")
# Shares of a question's words, and of a label, that have to be met; found by the questions of the tests.
_LEAST_ASKED, _LEAST_LABEL = 0.65, 0.25
_IN_SENTENCE = 0.3


@dataclass(frozen=True)
class Fact:
    """Something that a document says.

    Attributes:
        labels: what names it: one label, or the row's and the column's.
        value: what stands there.
        line: where it was found, as on the page.
        page: its page, from 1; None where unknown.
        loose: it is a sentence, whose value is looked for when it is known what is asked.
    """

    labels: tuple[str, ...]
    value: str
    line: str
    page: int | None = None
    loose: bool = False


def answers(question: str, blocks: Iterable[Block]) -> list[Fact]:
    """What answers the question: facts with other values where several fit equally well; none where nothing
    does."""
    kind = _kind(question)
    words = _words(question) or ([_SUBJECTS[kind]] if kind in _SUBJECTS else [])
    best: list[Fact] = []
    top = 0.0
    for fact in facts(blocks):
        fitting = _fitted(fact, kind, words)
        if fitting is None:
            continue
        score, fact = fitting
        if score > top + 1e-9:
            best, top = [fact], score
        elif score > top - 1e-9 and fact.value not in [other.value for other in best]:
            best.append(fact)
    return best


def facts(blocks: Iterable[Block]) -> Iterator[Fact]:
    """All that is said, in the order of the pages."""
    for block in blocks:
        if isinstance(block, Fields):
            for key, value in block.rows:
                if key.strip() and value.strip():
                    yield Fact((key,), value, f"{key} {block.marker} {value}".replace("  ", " "), block.page)
        elif isinstance(block, Table):
            yield from _of_table(block)
        elif isinstance(block, TextBlock):
            if isinstance(block, Heading) and block.level == 1:
                yield Fact(("제목 title",), block.text, block.text, block.page)
            yield from _of_text(block.text, block.page)


def _of_text(text: str, page: int | None) -> Iterator[Fact]:
    for line in filter(str.strip, text.split("\n")):
        found = _LABELLED.match(line) or _FIGURE_AT_END.match(line)
        if found:
            yield Fact((found[1],), found[2].strip(), line.strip(), page)
    for sentence in filter(None, (part and part.strip() for part in _SENTENCE.split(text))):
        yield Fact((sentence,), sentence, sentence, page, loose=True)


def _of_table(table: Table) -> Iterator[Fact]:
    """Each cell under the names of its row and column, and behind the cell to its left, as forms have it."""
    grid = {(row, column): cell.text.strip() for row, column, cell in table.placed()}
    heads = {column: text for (row, column), text in grid.items() if row < table.header_rows}
    if any(_LONG_FIGURE.search(text) for text in heads.values()):
        heads = {}
    rows: dict[int, list[tuple[int, str]]] = {}
    for (row, column), text in sorted(grid.items()):
        rows.setdefault(row, []).append((column, text))
    for row, cells in rows.items():
        line = " | ".join(text for _, text in cells)
        for at, (column, text) in enumerate(cells):
            before = cells[at - 1][1] if at else ""
            if not text:
                continue
            if before and _is_label(before):
                yield Fact((before,), text, line, table.page)
            if row >= table.header_rows and at and heads.get(column) and cells[0][1]:
                yield Fact((cells[0][1], heads[column]), text, line, table.page)
            elif row >= table.header_rows and heads.get(column) and len(rows) == table.header_rows + 1:
                yield Fact((heads[column],), text, line, table.page)


def _is_label(text: str) -> bool:
    """Whether a cell names rather than says: few signs, and no figure."""
    return len(_bare(text)) <= 20 and not re.search(r"\d", text)


def _kind(question: str) -> Kind:
    return next((kind for kind, asked in _KINDS if re.search(asked, question, re.I)), "any")


def _words(question: str) -> list[str]:
    """What a question asks for, without particles, words of asking and the predicate at its end."""
    found = re.findall(r"[^\s?!.,;:'\"“”‘’()\[\]]+", unicodedata.normalize("NFC", question).casefold())
    words = []
    for number, word in enumerate(found):
        stem = _PARTICLES.sub("", word)
        last = number == len(found) - 1
        if {word, stem} & _ASKING or _COUNTER.match(word) or (last and number and _PREDICATE.search(word)):
            continue
        if any(
            stem.startswith(asking) for asking in ("얼마", "무엇", "뭐", "뭔", "언제", "누구", "어디", "몇")
        ):
            continue
        if bare := _bare(stem):
            words.append(bare)
    return list(dict.fromkeys(words))


def _bare(text: str) -> str:
    """Letters and digits alone: spaces within Korean words are nobody's habit."""
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFC", text).casefold())


def _meets(word: str, label: str) -> float:
    """How many letters of a label a word of the question accounts for; 0: it means something else."""
    if word in label or (len(label) >= 2 and label in word):
        return min(len(word), len(label))
    if len(word) == 2 and word[0] == label and word[1] in "은는을를가":
        return 1
    # The same under another name counts a little less than what the question itself says.
    others = next((names for names in SAME if word in names), ())
    return max(
        (len(name) - 0.1 for name in others if label.startswith(name) or label.endswith(name)), default=0
    )


def _fitted(fact: Fact, kind: Kind, words: Sequence[str]) -> tuple[float, Fact] | None:
    """(how well it answers, the fact with the value that is asked for), or None."""
    labels = [label for label in map(_bare, fact.labels) if label]
    if not labels or not words:
        return None
    met = [[_meets(word, label) for label in labels] for word in words]
    weights = [len(word) * (0.5 if len(words) > 1 and word in _WEAK else 1) for word in words]
    share = sum(weight for weight, row in zip(weights, met, strict=True) if any(row)) / sum(weights)
    if share < _LEAST_ASKED:
        return None
    if fact.loose:
        value = re.search(_VALUES[kind], fact.value) if kind in _VALUES else None
        if value is None and (kind != "any" or share < 1 or len(words) < 2):
            return None
        text = value[0].strip() if value else fact.value
        return share * _IN_SENTENCE, Fact(fact.labels, text, fact.line, fact.page, True)
    parts = [
        min(1.0, max(column) / len(label))
        for column, label in zip(zip(*met, strict=True), labels, strict=True)
    ]
    if max(parts) < _LEAST_LABEL:
        return None
    score = share * (0.5 + 0.5 * sum(parts) / len(parts))
    usual = {"amount": _AMOUNTS, "count": _COUNTS}.get(kind, ())
    if len(labels) > 1 and any(name in labels[-1] for name in usual):
        score += 0.3 - 0.05 * next(i for i, name in enumerate(usual) if name in labels[-1]) / len(usual)
    if kind in _VALUES and not re.search(_VALUES[kind], fact.value):
        if kind in ("amount", "date"):
            return None
        score *= 0.5
    return score, fact
