"""A question in; out, what it asks for: a kind of value, and words to be met. Knows no documents."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from adotx.documents.finding.facts import bare
from adotx.documents.finding.names import NAMES, PARTIES, Kind

_KINDS: tuple[tuple[Kind, str], ...] = (
    (
        "duration",
        r"몇\s*(?:[년일]\s*(?:간|동안)|개월|달|주|시간|분)|며칠\s*(?:간|동안|이나|했|걸리|쉬|빠)|얼마나|"
        r"얼마\s*동안|how long",
    ),
    ("time", r"몇\s*시(?!간)|what time"),
    ("date", r"언제|며칠|몇\s*월|몇\s*년|몇\s*일|날짜|일자|일시|\bwhen\b|\bdate\b"),
    ("contact", r"전화|연락처|팩스|이메일|메일|전자\s*우편|\bphone\b|\bfax\b|\be-?mail\b"),
    ("amount", r"얼마|금액|총액|가격|합계|how much|\bprice\b|\btotal\b|\bamount\b"),
    ("place", r"어디|장소|위치|\bwhere\b"),
    ("person", r"누구|누가|\bwho\b|\bwhose\b"),
    ("count", r"몇|수량|개수|how many|번호|\bnumber\b"),
)  # fmt: skip
# What a question without a subject ("얼마예요?") is about.
_SUBJECTS: dict[Kind, str] = {"date": "날짜", "amount": "총액", "contact": "전화", "place": "장소"}
# Say little beside another word: "가게 이름", "사업자 번호".
_WEAK = frozenset(
    """
    이름 성명 명칭 번호 값 name number info 정보 가게 매장 업체 회사 점수 선생님 교사 teacher
    """.split()  # noqa: SIM905
)
_ASKING = frozenset(
    """
    얼마 언제 누구 누가 어디 어느 어떤 무엇 뭐 뭔가 무슨 몇 며칠 왜 것 수 이 그 저 좀 알려 알려줘
    알려주세요 얼마나 동안 간 주세요 줘 말해 말해줘 찾아 찾아줘 보여줘 문서 서류 페이지 여기 여기서 이것
    나온 적힌 쓰인 있는 원 개 명 점 모두 전부 영수증 표 양식 이문서 이문서의 해당
    what is are was were the a an of in on to for this that which who whose when where how much many do does
    did please tell me find show give page document receipt form it its long time have has had paid pay
    """.split()  # noqa: SIM905
)
_ASKED = ("얼마", "무엇", "뭐", "뭔", "언제", "누구", "누가", "어디", "몇", "며칠", "무슨", "어느", "어떤")
# Particles and endings, longest first.
_PARTICLES = re.compile(
    r"(?<=..)(?:이라고는|이었나요|였나요|인가요|입니까|일까요|인지요|이에요|에서는|에게서|으로는|까지는|까지의|부터는|이며|이고|"
    r"인지|인가|예요|에요|이야|에서|에게|에는|으로|까지|부터|이나|라고|과의|와의|은|는|이|가|을|를|의|에|로|와|과|도|만|야|요)$"
)
_SHORT = re.compile(r"^([갑을병정])(?:은|는|이|가|을|를|의|과|와)$")
_VERB = re.compile(
    r"(?:나요|까요|까|습니까|는지|니|죠|지요|어요|아요|해요|여요|나|는가|던가|되지|하지|합니다|됩니다|었어|았어|했어|샀어|"
    r"됐어|냐|한|된|하는|되는|적힌|맡은)$"
)
# "발표일" asks for a day.
_A_DAY = re.compile(r"[가-힣](?<![파과메휴요매])일(?:자|시)?$")
# "brackets" asks for a bracket; "ordered" at the end only says that they were.
_PLURAL, _DONE = re.compile(r"[a-z]{3,}[^s\W\d]s"), re.compile(r"[a-z]{3,}ed")
_COUNTER = re.compile(
    r"^(?:명|개|원|건|시|월|일|년|번|장|권|대|곳|분|살|쪽|개월|달|주|점|회|층|평|위|등|퍼센트)"
    r"(?:간|인가요|이에요|예요|입니까|인지|이야|야|이나|인가|에|까지)*$"
)


@dataclass(frozen=True)
class Word:
    """A word that a question asks with.

    Attributes:
        text: bare, without particles.
        weak: it says little beside others, or is a verb: it need not be met.
        verb: it is probably one.
    """

    text: str
    weak: bool = False
    verb: bool = False


@dataclass(frozen=True)
class Question:
    """What is asked for."""

    kind: Kind
    words: tuple[Word, ...]


def understood(question: str) -> Question:
    """What a question asks for; no words where it names nothing."""
    plain = unicodedata.normalize("NFC", question)
    kind: Kind = next((known for known, asked in _KINDS if re.search(asked, plain, re.I)), "any")
    words = _words(plain)
    if kind == "any" and words and _A_DAY.search(words[-1].text):
        kind = "date"
    if not words and kind in _SUBJECTS:
        words = [Word(_SUBJECTS[kind])]
    if all(word.weak for word in words):  # "이름이 뭐예요?": then it is what is asked
        words = [Word(word.text) for word in words if not word.verb]
        if not words and kind in _SUBJECTS:
            words = [Word(_SUBJECTS[kind])]
    return Question(kind, tuple(dict.fromkeys(words)))


def _words(question: str) -> list[Word]:
    found = re.findall(r"[^\s?!.,;:'\"“”‘’()\[\]]+", question.casefold())
    stems = [short[1] if (short := _SHORT.match(word)) else _PARTICLES.sub("", word) for word in found]
    words: list[Word] = []
    at = 0
    while at < len(found):
        # Neighbours that are one name together: "이메일 주소", "사업자 등록 번호".
        count = next(
            (
                n
                for n in (3, 2)
                if bare("".join([*found[at : at + n - 1], *stems[at + n - 1 : at + n]])) in NAMES
                and at + n <= len(found)
            ),
            1,
        )
        if count > 1:
            words.append(Word(bare("".join([*found[at : at + count - 1], stems[at + count - 1]]))))
        elif word := _word(found, at, stems[at]):
            words.append(word)
        at += count
    return words


def _word(found: list[str], at: int, stem: str) -> Word | None:
    """One word, or None where it only asks."""
    word = found[at]
    if {word, stem, word.rstrip("은는이가을를의")} & _ASKING or stem.startswith(_ASKED):
        return None
    if _COUNTER.match(word) and at and found[at - 1].startswith("몇"):
        return None
    verb = bool(len(found) > 1 and word != stem + "의" and _VERB.search(word))
    text = bare(_VERB.sub("", word) if verb and at == len(found) - 1 else stem)
    if _PLURAL.fullmatch(text):
        text = text[:-1]
    single = len(text) == 1 and text not in PARTIES and not text.isdigit()
    done = _DONE.fullmatch(text) is not None and at == len(found) - 1
    return Word(text, verb or single or done or text in _WEAK, verb) if text else None
