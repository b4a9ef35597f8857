"""A question and a document's blocks in; the lines that answer it out, or none. Knows no models.

For readers that only transcribe (nano): a question that names a label or a figure ("총액이 얼마인가요?") is
answered by what stands behind that label: in a form's field, in a table's cell, after a colon, in a sentence
that says it. Every word that the question asks with must be met: by the label, by the cell's row, or by the
title, heading or party under which it stands; one that is met nowhere means that the document says nothing
about it. Nothing is inferred, and where many values fit equally well there is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from adotx.documents.finding.facts import Fact, bare, facts
from adotx.documents.finding.names import (
    DATE,
    DATES,
    FAXES,
    MAIL,
    MAILS,
    NUMBER,
    PARTIES,
    PHONE,
    PHONES,
    SAID_AMOUNT,
    SAME,
    VALUES,
    Kind,
)
from adotx.documents.finding.question import Question, Word, understood
from adotx.markdown import Block

__all__ = ["Fact", "answers", "facts"]

#: columns that a question of a kind means where it names none
_USUAL: dict[Kind, tuple[str, ...]] = {
    "amount": ("금액", "가격", "값", "amount", "합계", "단가"),
    "count": ("수량", "개수", "인원", "점수", "quantity", "qty"),
    "person": ("이름", "성명", "담당", "대표", "name"),
    "date": ("날짜", "일자", "일시", "기한", "date"),
    "place": ("장소", "위치", "place", "venue", "location"),
}
# More values that fit equally well are no answer.
_MOST_VALUES = 3
_LEAST_COVERED = 0.25
# Letters beside a day that say more than that it is one.
_BESIDE = 8
_UNDER, _KIND, _IN_SENTENCE = 0.5, 0.5, 0.3
_DATES, _NUMBERS, _MAILS = frozenset(DATES), frozenset(PHONES + FAXES), frozenset(MAILS)
_CONTACTS = _NUMBERS | _MAILS
_DAY_ALONE, _ENDS_OF_DAYS = "날짜date", ("일", "일자", "일시", "날짜", "date")
_WRITTEN = frozenset(("신청", "계약", "청구", "보고", "확인", "통지", "견적", "주문", "접수", "회의"))
_CLAUSE = re.compile(r"^제\d+[조항장]")
_PAPER = re.compile(r"(?:통신문|공문|계약서|견적서|신청서|확인서|보고서|안내문|영수증|증명서)$")
_MONEY = re.compile(r"(?:액|금|계|비|료|세|가|값|가격|대금|total|tax|price)$")


def answers(question: str, blocks: Iterable[Block]) -> list[Fact]:
    """What answers the question: facts with other values where some fit equally well; none where nothing
    does, or too many."""
    asked = understood(question)
    if not asked.words:
        return []
    best: list[Fact] = []
    top = 0.0
    for fact in facts(blocks):
        fitting = _fitted(fact, asked)
        if fitting is None:
            continue
        score, fact = fitting
        if score > top + 1e-9:
            best, top = [fact], score
        elif score > top - 1e-9 and fact.value not in [other.value for other in best]:
            best.append(fact)
    return best if len(best) <= _MOST_VALUES else []


def _fitted(fact: Fact, asked: Question) -> tuple[float, Fact] | None:
    """(how well it answers, the fact with the value that is asked for), or None."""
    return _of_sentence(fact, asked) if fact.loose else _of_label(fact, asked)


def _of_label(fact: Fact, asked: Question) -> tuple[float, Fact] | None:
    label = bare(" ".join(fact.labels))
    row = [text for text in map(bare, fact.row) if text]
    under = [text for text in map(bare, fact.under) if text]
    if not label:
        return None
    named = any(word.text == label or label in _others(word.text) for word in asked.words)
    if asked.kind in ("date", "time") and not named and not re.search(VALUES["date"], fact.value, re.I):
        return None
    if label == "일시" and asked.kind == "date" and any(_PAPER.search(word.text) for word in asked.words):
        return None  # a paper's date is not that of what it tells of
    met, score, weights = 0.0, 0.0, 0.0
    in_row = 0.0
    kind: Kind = asked.kind
    if kind == "any" and any(_MONEY.search(word.text) for word in asked.words):
        kind = "amount"
    for word in asked.words:
        by_label = _meets(word.text, label)
        if word.text in _DATES and not named and not re.search(DATE, fact.value):
            by_label = 0  # the 25th of each month is no date
        by_row = max((_meets(word.text, text) / len(text) for text in row), default=0.0)
        weight = len(word.text) * (0.5 if word.weak else 1.0)
        if by_label and not (by_row >= 1 and by_label < len(word.text)):
            met += by_label
            # "일시" is less than the "행사일시" that was asked for.
            share = len(label) / len(word.text) if label in word.text else 1.0
        elif by_row:
            in_row += by_row
            share = 1.0
        elif _by_kind(word.text, asked, fact, label, met):
            met += max(1.0, 0.3 * len(label))
            share = _KIND
        elif any(_stands_under(word.text, text) for text in under):
            share = _UNDER
        elif word.weak:
            weight, share = weight * 0.5, 0.0
        else:
            return None
        score += weight * share
        weights += weight
    if not met and asked.kind in ("date", "person", "place") and label in _USUAL[asked.kind]:
        met = len(label) * 0.8  # "회의는 언제 열렸나요?" asks for its 일시
    covered = min(1.0, met / len(label))
    if covered < _LEAST_COVERED and not (in_row and _is_usual(kind, label)):
        return None
    if row and not in_row and len(row) > 1 and len(asked.words) > 1 and not _whole(asked.words, label):
        return None
    parts = [covered, min(1.0, in_row)] if row else [covered]
    total = score / weights * (0.5 + 0.5 * sum(parts) / len(parts))
    if row and in_row and _is_usual(kind, label):
        usual = _USUAL[kind]
        total += 0.3 - 0.05 * next(i for i, name in enumerate(usual) if name in label) / len(usual)
    return _of_kind(fact, asked, total)


def _of_kind(fact: Fact, asked: Question, score: float) -> tuple[float, Fact] | None:
    """The same where the value can be of the kind that is asked for."""
    kind = asked.kind
    if kind == "person":
        return (score, fact) if re.search(r"[^\W\d_]{2}", fact.value) else None
    if kind == "amount" and not re.search(r"\d", fact.value):
        return None
    if kind in VALUES and not re.search(VALUES[kind], fact.value, re.I):
        score *= 0.5
    elif kind == "contact":
        pattern = _pattern_of(asked.words) or _pattern_of([Word(bare(" ".join(fact.labels)))])
        if pattern and (found := re.search(pattern, fact.value)):  # the line goes on with others
            fact = replace(fact, value=found[0].strip())
    elif kind in ("date", "time"):
        days = list(re.finditer(VALUES["date"], fact.value, re.I))
        if len(days) == 1 and len(fact.value) > len(days[0][0]) + _BESIDE:  # a day within a sentence
            fact = replace(fact, value=days[0][0].strip())
    return score, fact


def _pattern_of(words: Sequence[Word]) -> str | None:
    """How what is asked for looks, where it is a number to be called or an address of mails."""
    asked = {word.text for word in words}
    return NUMBER if asked & _NUMBERS else MAIL if asked & _MAILS else None


def _of_sentence(fact: Fact, asked: Question) -> tuple[float, Fact] | None:
    """A sentence that has the words, and one value of the kind, or one right behind what was asked for."""
    said = fact.value.casefold()
    under = [text for text in map(bare, fact.under) if text]
    # A clause under its own name: "제2조(계약 금액)", "갑은 을에게 금 105,000,000원을 지급한다."
    heading = _CLAUSE.sub("", under[-1]) if under else ""
    names = [word.text for word in asked.words if not word.weak]
    under_all = bool(names) and all(name in heading for name in names)
    under_all = under_all and sum(map(len, names)) >= 0.5 * len(heading)
    places: list[int] = []
    verb_at, score, weights = -1, 0.0, 0.0
    for word in asked.words:
        weight = len(word.text) * (0.5 if word.weak else 1.0)
        at = _find(word.text, said, word.verb)
        if at >= 0:
            score += weight
            if word.verb:
                verb_at = at
            else:
                places.append(at)
        elif not word.weak:
            # "담당자 전화번호": a number in the sentence is one; a day or a sum may be of something else.
            if not (word.text in _CONTACTS and asked.kind == "contact"):
                if word.text in _kind_words(asked.kind) and not under_all:
                    return None
                if not any(_stands_under(word.text, text) for text in under):
                    return None
            score += _UNDER * weight
        weights += weight
    if not (places or under_all) or not weights:
        return None
    pattern = SAID_AMOUNT if asked.kind == "amount" else VALUES.get(asked.kind)
    if asked.kind == "contact":
        pattern = _pattern_of(asked.words) or pattern
        # What is not named so has to look like a number that can be called.
        if pattern == NUMBER and not any(
            _find(word.text, said, False) >= 0 for word in asked.words if word.text in _NUMBERS
        ):
            pattern = PHONE
    if pattern is None:
        if len(places) < max(2, len([word for word in asked.words if not word.weak])):
            return None
        return score / weights * _IN_SENTENCE, fact
    found = list(re.finditer(pattern, fact.value, re.I))
    behind = max(places, default=-1) if not any(word.verb for word in asked.words) else None
    chosen = _chosen(found, behind, verb_at, fact.value)
    if chosen is None:
        return None
    return score / weights * _IN_SENTENCE, replace(fact, value=chosen[0].strip())


def _chosen(
    found: Sequence[re.Match[str]], named_at: int | None, verb_at: int, text: str
) -> re.Match[str] | None:
    """The value of a sentence: its only one, the last before the verb that was asked with, or, where none
    was, the one that stands right behind the name."""
    if len(found) <= 1:
        return found[0] if found else None
    if verb_at >= 0:
        before = [each for each in found if each.end() <= verb_at]
        return before[-1] if before else None
    if named_at is None:
        return None
    behind = next((each for each in found if each.start() > named_at), None)
    if behind is not None and re.fullmatch(r"\S{0,8}?\s{0,2}", text[named_at + 1 : behind.start()]):
        return behind
    return None


def _find(word: str, said: str, verb: bool) -> int:
    """Where a sentence has a word or another name for it; spaces within do not matter. -1: nowhere."""
    for name in (word, *_others(word)):
        if len(name) < 2 and name not in PARTIES and not verb:
            continue
        found = re.search(r"\s*".join(map(re.escape, name)), said)
        if found:
            return found.end() - 1
    return -1


def _meets(word: str, label: str) -> float:
    """How many letters of a label a word of the question accounts for; 0: it means something else."""
    if word in label and (len(word) > 1 or word == label or word.isdigit() or word in PARTIES):
        # "주소" does not ask for the address of mails.
        if word != label and word not in _CONTACTS and _names_contact(label, word):
            return 0
        if word.isdigit() and word != label:
            return 0
        return min(len(word), len(label))
    if len(label) >= 2 and label in word:
        return len(label)
    if len(word) >= 2 and word[:-1] == label and word[-1] in "은는을가의":
        return len(label)
    if len(word) > 2 and word.endswith("일") and word[:-1] in label:
        return len(word) - 1  # "발표: 1월 8일"
    if word.endswith("번") and word[:-1].isdigit() and word[:-1] == label:
        return len(label)
    if word in _DATES and label.endswith(_ENDS_OF_DAYS) and not label.endswith(("생일", "생년월일")):
        return 0.7 * len(label)  # any day is a date, but no date is that of taking effect (시행일)
    # The same under another name counts a little less than what the question itself says.
    return max(
        (
            len(name) - 0.1
            for name in _others(word)
            if label == name or (len(name) > 1 and (label.startswith(name) or label.endswith(name)))
        ),
        default=0,
    )


def _names_contact(label: str, word: str) -> bool:
    """Whether a label is the name of a number to be called or an address of mails: "on-site labour" has "tel"
    in it by chance."""
    return any(
        name not in word
        and (label.startswith(name) or label.endswith(name) if name.isascii() else name in label)
        for name in _CONTACTS
    )


def _others(word: str) -> tuple[str, ...]:
    return next((tuple(name for name in names if name != word) for names in SAME if word in names), ())


def _stands_under(word: str, text: str) -> bool:
    """Whether a title, heading or party names what a word names: 회의 under 회의록, 신청자 under 신청서."""
    if len(word) < 2:
        return word == text
    if word in text:
        return True
    return len(word) >= 3 and word not in PARTIES and word[-1] in "자인서록장" and word[:-1] in text


def _by_kind(word: str, asked: Question, fact: Fact, label: str, met: float) -> bool:
    """Whether a word only says of which kind the value is, and it is: "계약한 날짜", "담당자 연락처"."""
    if label == _DAY_ALONE and asked.kind == "date" and word.endswith("일"):
        # The day at the end of a document is that of its writing.
        return word[:-1] in _WRITTEN and any(_stands_under(word[:-1], bare(text)) for text in fact.under[:1])
    if word not in _kind_words(asked.kind):
        return False
    if asked.kind == "contact":
        if word in FAXES or label.endswith(("번호", "number")):
            return False
        return re.search(PHONE if word in _NUMBERS else MAIL, fact.value) is not None
    if asked.kind == "date":
        return label.endswith(_ENDS_OF_DAYS)
    return bool(met) and len(label) - met <= 2 and _MONEY.search(label) is not None


def _kind_words(kind: Kind) -> frozenset[str]:
    if kind == "date":
        return _DATES
    if kind == "contact":
        return _CONTACTS
    return frozenset(("금액", "가격", "값", "amount", "price") if kind == "amount" else ())


def _is_usual(kind: Kind, label: str) -> bool:
    return any(name in label for name in _USUAL.get(kind, ()))


def _whole(words: Sequence[Word], label: str) -> bool:
    """Whether the words that matter all stand in a label."""
    return all(_meets(word.text, label) for word in words if not word.weak)
