"""Kinds of paper that offices have besides running text: letters, contracts, check boxes, figures, signs.

In: a `random.Random`, a `TextSource`, about how many characters the page holds. Out: blocks, somewhat more
than fit. Does not know: fonts, sizes, drawing.
"""

from __future__ import annotations

import random

from adotx.data import fill, office
from adotx.data.figures import figure, won_in_words
from adotx.data.source import TextSource
from adotx.markdown import Block, Fields, Heading, Item, Paragraph, Table

_CIRCLED = "①②③④⑤⑥⑦⑧⑨⑩"
_SYLLABLES = "가나다라마바사아자차카타파하"


def letter(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """An official letter: who to whom, numbered paragraphs, enclosures, seal, small lines at its foot."""
    who = fill.company(rng) if rng.random() < 0.5 else fill.department(rng)
    head = [
        ("수신", rng.choice((f"{fill.company(rng)} 대표", "수신자 참조", "내부결재"))),
        ("(경유)", ""),
        ("참조", fill.department(rng)),
        (
            "제목",
            f"{office.noun(rng)} {office.noun(rng)} {rng.choice(('안내', '요청', '통보', '협조 요청'))}",
        ),
    ]
    blocks: list[Block] = [
        Heading.of(who, 1, "center"),
        Fields(tuple(row for row in head if row[1]), rng.choice(("", " :"))),
    ]
    for number in range(1, rng.randint(3, 6)):
        blocks.append(Item.of(_prose(rng, source), f"{number}."))
        if rng.random() < 0.5:
            for at in range(rng.randint(2, 5)):
                text = f"{office.label(rng)}: {rng.choice((figure, fill.address, fill.date))(rng)}"
                blocks.append(Item.of(text, f"{_SYLLABLES[at]}.", 1))
    enclosed = f"{_title(rng)} {rng.choice(('계획', '신청서', '현황'))}"
    blocks.append(Paragraph.of(f"붙임 {enclosed} 1부. 끝."))
    blocks.append(Heading.of(f"{who}{rng.choice(('장', ' 대표이사', ''))}", 2, "center"))
    names = " ".join(
        f"{title} {fill.name(rng)}" for title in rng.sample(("기안자", "검토자", "협조자", "전결"), 3)
    )
    blocks.append(Paragraph.of(names))
    sent = f"시행 {fill.department(rng)}-{rng.randint(1, 9999)} ({fill.date(rng)})"
    blocks.append(Paragraph.of(f"{sent} 접수 {office.label(rng)}-{rng.randint(1, 999)}"))
    blocks.append(Paragraph.of(f"우 {rng.randint(1000, 63999):05} {fill.address(rng)} / www.example.com"))
    blocks.append(Paragraph.of(f"전화 {fill.phone(rng)} 팩스 {fill.phone(rng)} / {fill.email(rng)} / 공개"))
    return blocks


def contract(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """Articles with circled paragraphs, sums in words, parties and signatures, some words in Hanja."""
    what = rng.choice(("부동산 임대차", "용역", "물품 공급", "근로", "공사 도급", "업무 위탁", "매매"))
    old = rng.random() < 0.4
    first, second = ("甲", "乙") if old else ("갑", "을")
    blocks: list[Block] = [Heading.of(f"{what} 계약서", 1, "center")]
    blocks.append(
        Paragraph.of(
            f'{fill.company(rng)}(이하 "{first}"이라 한다)와 {fill.name(rng)}(이하 "{second}"이라 한다)은 '
            f"다음과 같이 {what} 계약을 체결한다."
        )
    )
    used, number = 0, 0
    while used < room:
        number += 1
        blocks.append(Heading.of(f"제{number}조({_title(rng)})", 3, "left"))
        paragraphs = rng.randint(1, 4)
        for at in range(paragraphs):
            text = _prose(rng, source)
            if old:
                text = _with_hanja(rng, text)
            blocks.append(Item.of(text, _CIRCLED[at]) if paragraphs > 1 else Paragraph.of(text))
            used += len(text) + 30
        if rng.random() < 0.3:
            value = rng.randint(1, 9999) * 10_000
            text = f"계약금액: 일금 {won_in_words(value)}원정(₩{value:,})"
            blocks.append(Paragraph.of(text))
    blocks.append(Paragraph.of(fill.date(rng), "center"))
    for party in (first, second):
        facts = [("주소", fill.address(rng)), ("성명", f"{fill.name(rng)} (인)")]
        blocks.append(Fields((("구분", party), *facts), " :"))
    return blocks


def checks(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """A form with check boxes: choices in ruled cells or on lines, consent, a signature."""
    off, on = rng.choice((("□", "■"), ("☐", "☑"), ("□", "☑"), ("○", "●"), ("[ ]", "[V]")))

    def choice(*names: str) -> str:
        chosen = rng.randrange(len(names))
        return "  ".join(f"{on if n == chosen else off} {name}" for n, name in enumerate(names)).replace(
            "  ", " "
        )

    titles = ("개인정보 수집·이용 동의서", "참가 신청서", "설문지", "점검표", "문진표", "사용 신청서")
    blocks: list[Block] = [Heading.of(rng.choice(titles), 1, "center")]
    options = (
        ("성별", ("남", "여")),
        ("동의 여부", ("동의함", "동의하지 않음")),
        ("구분", ("신규", "변경", "해지")),
        ("수령 방법", ("방문", "우편", "전자우편")),
        ("결제 방법", ("현금", "카드", "계좌이체")),
        ("가족 관계", ("본인", "배우자", "자녀", "기타")),
        ("점검 결과", ("적합", "부적합", "해당 없음")),
        ("만족도", ("매우 만족", "만족", "보통", "불만")),
    )
    facts = [("성명", fill.name(rng)), ("연락처", fill.phone(rng)), ("주소", fill.address(rng))]
    rows = facts[: rng.randint(1, 3)]
    rows += [(name, choice(*names)) for name, names in rng.sample(options, rng.randint(3, 6))]
    if rng.random() < 0.6:
        blocks.append(Table.of([list(row) for row in rows]))
    else:
        blocks.append(Fields(tuple(rows), ":"))
    for number in range(1, rng.randint(3, 9)):
        question = f"{_title(rng)}에 {rng.choice(('만족하십니까?', '동의하십니까?'))}"
        blocks.append(Item.of(question, f"{number}."))
        blocks.append(Paragraph.of(choice(*rng.choice(options)[1])))
    if rng.random() < 0.5:
        header = ["점검 항목", "양호", "불량", "비고"]
        lines = []
        for _ in range(rng.randint(3, 8)):
            good = rng.random() < 0.7
            mark = rng.choice(("○", "✓", "V"))
            lines.append(
                [f"{office.noun(rng)} {office.noun(rng)}", mark if good else "", "" if good else mark, ""]
            )
        blocks.append(Table.of([header, *lines]))
    blocks.append(Paragraph.of(fill.date(rng), "center"))
    blocks.append(Paragraph.of(f"신청인 {fill.name(rng)} (서명 또는 인)", "right"))
    return blocks


def figures(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """Wide tables of figures with units, falls, totals."""
    blocks: list[Block] = []
    used = 0
    while used < room * 0.7:
        blocks.append(Heading.of(f"{_title(rng)} 현황", rng.choice((1, 2))))
        unit = rng.choice(("천원", "백만원", "명", "건", "%", "㎡", "kWh", "℃", "톤"))
        blocks.append(Paragraph.of(f"(단위: {unit})", "right"))
        year, columns = rng.randint(2005, 2026), rng.randint(3, 8)
        kind = rng.choice(("{}년", "{}월", "{}분기", "{}차"))
        start = year if kind == "{}년" else 1
        header = [
            "구분",
            *(kind.format(start + n) for n in range(columns - 1)),
            rng.choice(("계", "증감", "비고")),
        ]
        digits, point = rng.randint(1, 8), rng.random() < 0.3

        def value(digits: int = digits, point: bool = point) -> str:
            number = rng.randrange(10**digits)
            text = f"{number / 10:,.1f}" if point else f"{number:,}"
            return rng.choice(("△", "-", "+")) + text if rng.random() < 0.1 else text

        rows = [[office.noun(rng), *(value() for _ in range(columns))] for _ in range(rng.randint(4, 20))]
        rows.append([rng.choice(("합계", "계", "평균", "총계")), *(value() for _ in range(columns))])
        blocks.append(Table.of([header, *rows]))
        blocks.append(Paragraph.of(f"※ {_prose(rng, source)}"))
        used += sum(len(cell) + 6 for row in rows for cell in row) * 2 + 150
    return blocks


def terms(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """Terms, leaflets, labels: much text in small print."""
    blocks: list[Block] = [Heading.of(f"{office.noun(rng)} {rng.choice(('약관', '유의사항', '설명서'))}", 2)]
    used, number = 0, 0
    while used < room:
        if rng.random() < 0.25:
            number += 1
            blocks.append(Heading.of(f"{number}. {_title(rng)}", 4))
        text = " ".join(_prose(rng, source) for _ in range(rng.randint(1, 4)))
        blocks.append(Item.of(text, "-") if rng.random() < 0.3 else Paragraph.of(text))
        used += len(text) + 20
    return blocks


def sign(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """A sign, label, door plate or poster: a few short lines, large."""
    lines = [
        lambda: f"{office.label(rng)} {office.label(rng)}",
        lambda: office.label(rng),
        lambda: fill.company(rng),
        lambda: fill.shop(rng),
        lambda: fill.phone(rng),
        lambda: figure(rng),
        lambda: source.phrase(rng, longest=12),
        lambda: fill.time(rng) + "~" + fill.time(rng),
    ]
    blocks: list[Block] = [Heading.of(rng.choice(lines)(), 1, "center")]
    for _ in range(rng.randint(1, 5)):
        blocks.append(Paragraph.of(rng.choice(lines)(), "center"))
    return blocks


def screen(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """A telephone's screen: settings with their values, or messages in bubbles (see `Look.bubbles`)."""
    blocks: list[Block] = [Heading.of(rng.choice((office.label(rng), fill.name(rng), "설정", "메시지")), 2)]
    used = 0
    while used < room * 0.6:
        if rng.random() < 0.5:
            rows = tuple(
                (office.label(rng), rng.choice((figure, office.label))(rng)) for _ in range(rng.randint(2, 6))
            )
            blocks.append(Fields(rows, align=rng.choice(("", "justify"))))
            used += 40 * len(rows)
        for _ in range(rng.randint(1, 5)):
            text = source.sentence(rng, casual=rng.random() < 0.6, longest=80)
            blocks.append(Paragraph.of(text))
            used += len(text) + 40
            if rng.random() < 0.3:
                blocks.append(Paragraph.of(fill.time(rng), rng.choice(("left", "right"))))
    return blocks


def _prose(rng: random.Random, source: TextSource) -> str:
    return office.sentence(rng) if rng.random() < 0.6 else source.sentence(rng, longest=160)


def _title(rng: random.Random) -> str:
    return f"{office.noun(rng)} {office.noun(rng)}"


def _with_hanja(rng: random.Random, text: str) -> str:
    """A word in Hanja after one of the text's words, or in its place."""
    words = text.split(" ")
    at = rng.randrange(len(words))
    word, reading = office.hanja(rng)
    words.insert(at, rng.choice((word, f"{reading}({word})")))
    return " ".join(words)
