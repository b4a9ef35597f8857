"""The kinds of the exam: each a function that writes one page's content.

In: `Filler` (names, dates, official prose) and `Sentences` (public texts). Out: `Page`s. `KINDS` is the one
list of kinds. Knows nothing of fonts, engines or pictures.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from content import Block, Cell, Fields, Heading, Item, Page, Rule, Table, Text
from filler import Filler, words
from sources import Sentences

Maker = Callable[[Filler, Sentences], Page]


def prose(fill: Filler, public: Sentences) -> Page:
    """An article: title, paragraphs, sections, now and then a list."""
    rng = fill.rng
    blocks: list[Block] = [Heading(public.title(rng)), Text(public.paragraph(rng, 150))]
    for _ in range(rng.randint(2, 3)):
        blocks += [Heading(public.title(rng), 2), Text(public.paragraph(rng, rng.randint(140, 300)))]
        if rng.random() < 0.4:
            blocks += [Item(text) for text in public.take(rng, 3, longest=60)]
    return Page(blocks, "prose")


def letter(fill: Filler, public: Sentences) -> Page:
    """An official letter: who, to whom, about what; numbered points in two depths; the sender below."""
    rng = fill.rng
    blocks: list[Block] = [
        Heading(fill.organ()),
        Fields(
            (
                ("수신", f"{fill.organ()}장({fill.unit()}장)"),
                ("참조", fill.unit()),
                ("제목", f"{fill.event()} 관련 협조 요청"),
            ),
            rng.choice((":", "")),
        ),
        Rule(),
    ]
    for number, text in enumerate(fill.some("letter_bodies", rng.randint(3, 5)), 1):
        blocks.append(Item(text, f"{number}."))
        if number == 2:
            points = fill.some("letter_points", rng.randint(3, 5))
            blocks += [Item(point, f"{sign}.", 1) for sign, point in zip("가나다라마", points, strict=False)]
    blocks += [
        Text(f"붙임 1. {fill.event()} 계획서 1부. 2. 참석자 명단 1부. 끝."),
        Text(f"{fill.organ()}장", "sender"),
        Rule(),
        Text(f"{fill.rank()} {fill.name()} / {fill.rank()} {fill.name()}"),
        Text(f"시행 {fill.unit()}-{fill.number()} ({fill.date()})"),
        Text(f"우 {rng.randint(10000, 63000):05} {fill.address()}"),
        Text(f"전화 {fill.phone()} / 전송 {fill.phone()} / {fill.mail()}"),
    ]
    return Page(blocks, "letter")


def minutes(fill: Filler, public: Sentences) -> Page:
    """Minutes of a meeting: fields, agenda, what was said, actions in a table."""
    rng = fill.rng
    blocks: list[Block] = [
        Heading(f"{fill.event()} 회의록"),
        Fields(
            (
                ("일시", f"{fill.date()} {fill.time()}"),
                ("장소", f"{fill.organ()} 제{fill.small()}회의실"),
                ("참석자", ", ".join(f"{fill.name()} {fill.rank()}" for _ in range(rng.randint(3, 5)))),
                ("작성자", f"{fill.unit()} {fill.name()}"),
            )
        ),
        Heading("안건", 2),
        *(Item(fill.event(), f"{number}.") for number in range(1, rng.randint(3, 4))),
        Heading("논의 내용", 2),
        *map(Item, fill.some("minutes_points", rng.randint(4, 6))),
        Heading("조치 사항", 2),
        Table.of(
            [("담당", "내용", "기한")]
            + [(fill.name(), fill.event(), fill.date()) for _ in range(rng.randint(2, 4))]
        ),
    ]
    return Page(blocks, "minutes")


def contract(fill: Filler, public: Sentences) -> Page:
    """A contract: parties, articles, signatures."""
    rng = fill.rng
    first, second = rng.sample(words()["companies"], 2)
    blocks: list[Block] = [
        Heading(rng.choice(("물품 공급 계약서", "용역 계약서", "업무 위탁 계약서", "임대차 계약서"))),
        Text(f"{first}(이하 ‘갑’이라 한다)와 {second}(이하 ‘을’이라 한다)는 다음과 같이 계약을 체결한다."),
    ]
    articles = rng.sample(words()["articles"], rng.randint(4, 6))
    for number, (name, text) in enumerate(articles, 1):
        blocks += [Heading(f"제{number}조({name})", 2), Text(fill.fill(text))]
    blocks += [Text(f"{rng.randint(2020, 2026)}년 {rng.randint(1, 12)}월 {rng.randint(1, 28)}일", "centre")]
    for side, company in (("갑", first), ("을", second)):
        blocks.append(Fields(((side, company), ("주소", fill.address()), ("대표자", f"{fill.name()} (인)"))))
    return Page(blocks, "contract")


def table(fill: Filler, public: Sentences, rules: str = "all") -> Page:
    """A title, a sentence and a table of goods or figures with `rules`, a sum below."""
    rng = fill.rng
    count = rng.randint(6, 11)
    if rng.random() < 0.5:
        rows = [("번호", "품명", "수량", "단가", "금액")]
        for number in range(1, count + 1):
            amount, price = rng.randint(1, 40), rng.randint(5, 900) * 100
            good = words()["goods"][(number * 7 + count) % 20]
            rows.append((str(number), good, str(amount), f"{price:,}", f"{amount * price:,}"))
    else:
        years = sorted(rng.sample(range(2015, 2027), 3))
        rows = [("부서", *(f"{year}년" for year in years), "증감률")]
        for unit in rng.sample(words()["units"], min(count, 10)):
            figures = (f"{rng.randint(100, 99999):,}" for _ in years)
            rows.append((unit, *figures, f"{rng.choice('+-')}{rng.randint(0, 40)}.{rng.randint(0, 9)}%"))
    blocks: list[Block] = [
        Heading(f"{fill.event()} 내역"),
        Text(f"{fill.date()} 현재, 단위: 원"),
        Table.of(rows, rules),
        Text(public.paragraph(rng, 80)),
    ]
    return Page(blocks, "table" if rules == "all" else "table_open")


def table_open(fill: Filler, public: Sentences) -> Page:
    """The same without rules, or with lines between the rows only."""
    return table(fill, public, fill.rng.choice(("none", "none", "rows")))


def merged(fill: Filler, public: Sentences) -> Page:
    """A table whose cells span columns and rows."""
    rng = fill.rng
    rows: list[tuple[Cell, ...]]
    header = 1
    if rng.random() < 0.5:
        header = 2
        rows = [
            (Cell("구분", rowspan=2), Cell("상반기", colspan=2), Cell("하반기", colspan=2)),
            tuple(Cell(text) for text in ("계획", "실적", "계획", "실적")),
        ]
        for unit in rng.sample(words()["units"], rng.randint(4, 7)):
            rows.append((Cell(unit), *(Cell(f"{rng.randint(10, 9999):,}") for _ in range(4))))
        rows.append((Cell("합계"), Cell(fill.amount(), colspan=2), Cell(fill.amount(), colspan=2)))
    else:
        rows = [tuple(map(Cell, ("분야", "세부 사업", "담당자", "예산(천원)")))]
        for field in rng.sample(("행정", "복지", "안전", "환경", "문화", "교육"), rng.randint(2, 4)):
            depth = rng.randint(2, 3)
            for at in range(depth):
                first = (Cell(field, rowspan=depth),) if at == 0 else ()
                rows.append((*first, Cell(fill.event()), Cell(fill.name()), Cell(fill.price())))
        rows.append((Cell("계", colspan=3), Cell(fill.amount())))
    blocks: list[Block] = [
        Heading(f"{fill.organ()} 추진 실적"),
        Text(public.take(rng, 1, 80)[0]),
        Table(tuple(rows), "all", header),
    ]
    return Page(blocks, "merged")


def form(fill: Filler, public: Sentences) -> Page:
    """A form: key and value a line, check boxes, a consent, the date and the signature."""
    rng = fill.rng
    person = [
        ("성명", fill.name()),
        ("생년월일", fill.date()),
        ("주소", fill.address()),
        ("연락처", fill.phone()),
        ("전자 우편", fill.mail()),
        ("직업", fill.rank()),
        ("소속", f"{fill.organ()} {fill.unit()}"),
    ]
    choices = [
        (name, " ".join(f"{'☑' if option == ticked else '☐'} {option}" for option in options))
        for name, *options in rng.sample(words()["form_choices"], rng.randint(3, 5))
        for ticked in (rng.choice(options),)
    ]
    blocks: list[Block] = [
        Heading(fill.of("form_titles")),
        Text(fill.of("form_notes"), "note"),
        Fields(tuple(rng.sample(person, rng.randint(4, 7)))),
        Heading("선택 사항", 2),
        Fields(tuple(choices)),
        *(Text(f"{rng.choice('☑☐')} {text}") for text in fill.some("form_consents", 2)),
        Text(f"{rng.randint(2020, 2026)}년 {rng.randint(1, 12)}월 {rng.randint(1, 28)}일", "centre"),
        Fields((("신청인", f"{fill.name()} (서명 또는 인)"),)),
        Text(f"{fill.organ()}장 귀하", "sender"),
    ]
    return Page(blocks, "form")


def receipt(fill: Filler, public: Sentences) -> Page:
    """A receipt of a shop: dashed rules, items in columns, sums."""
    rng = fill.rng
    rows, total = [("상품명", "단가", "수량", "금액")], 0
    for name in rng.sample(words()["foods"], rng.randint(3, 10)):
        price, count = rng.randint(8, 250) * 100, rng.randint(1, 6)
        total += price * count
        rows.append((name, f"{price:,}", str(count), f"{price * count:,}"))
    tax = total // 11
    paid = rng.choice(
        (
            (("카드", f"{rng.randint(4000, 5999)}-****-****-{rng.randint(0, 9999):04}"), ("할부", "일시불")),
            (("받은 돈", f"{-(-total // 10000) * 10000:,}"), ("거스름돈", f"{-total % 10000:,}")),
        )
    )
    blocks: list[Block] = [
        Text(fill.shop(), "huge"),
        Fields(
            (
                ("사업자번호", fill.business()),
                ("대표", fill.name()),
                ("전화", fill.phone()),
                ("주소", fill.address()),
            )
        ),
        Text(f"{fill.date()} {rng.randint(9, 21):02}:{rng.randint(0, 59):02} No.{fill.number()}"),
        Rule(True),
        Table.of(rows, "none"),
        Rule(True),
        Fields((("과세 물품", f"{total - tax:,}"), ("부가세", f"{tax:,}"), ("합계", f"{total:,}원")), ""),
        Rule(True),
        Fields((*paid, ("승인번호", f"{rng.randint(10**7, 10**8 - 1)}")), rng.choice(("", ":"))),
        Text(rng.choice(("감사합니다. 또 오세요!", "교환·환불은 7일 이내 영수증 지참")), "centre"),
    ]
    return Page(blocks, "receipt", theme="receipt")


def columns(fill: Filler, public: Sentences) -> Page:
    """A headline and running text in two or three columns."""
    rng = fill.rng
    count = rng.choice((2, 2, 3))
    blocks: list[Block] = [Heading(public.title(rng))]
    for number in range(rng.randint(3, 5)):
        if number:
            blocks.append(Heading(public.title(rng), 2))
        blocks += [Text(public.paragraph(rng, rng.randint(90, 220))) for _ in range(rng.randint(1, 2))]
    return Page(blocks, "columns", columns=count)


def small(fill: Filler, public: Sentences) -> Page:
    """Small print: terms of business, numbered, and long paragraphs."""
    rng = fill.rng
    blocks: list[Block] = [Heading(rng.choice(("이용 약관", "상품 설명서", "유의 사항", "보험 약관 발췌")))]
    for number, (name, text) in enumerate(rng.sample(words()["articles"], rng.randint(4, 6)), 1):
        extra = public.take(rng, 1, 110)[0]
        blocks.append(Text(f"제{number}조({name}) {fill.fill(text)} {extra}"))
    blocks += [Item(text) for text in fill.some("form_notes", 3)]
    return Page(blocks, "small", theme="small")


def sign(fill: Filler, public: Sentences) -> Page:
    """A sign or a label: few words, large, on a coloured panel."""
    first, *others = fill.next("signs")
    lines = [Text(fill.fill(first), "huge"), *(Text(fill.fill(text), "large") for text in others)]
    return Page(list(lines), "sign", theme="sign")


def handwriting(fill: Filler, public: Sentences) -> Page:
    """Notes and a diary in a handwriting face."""
    rng = fill.rng
    blocks: list[Block] = [Text(text) for text in fill.some("notes", rng.randint(3, 5))]
    blocks.append(Text(public.paragraph(rng, 90)))
    if rng.random() < 0.5:
        blocks += [Item(f"{fill.of(rng.choice(('foods', 'goods')))}") for _ in range(3)]
    blocks.append(Text(f"{fill.date()} {fill.name()}", "sender"))
    return Page(blocks, "handwriting", theme="note", hand=True)


def screen(fill: Filler, public: Sentences) -> Page:
    """A telephone's or computer's screen: settings, a talk in bubbles, or an article; dark or light."""
    rng = fill.rng
    shape = rng.choice(("settings", "talk", "article"))
    if shape == "settings":
        entries = rng.sample(words()["screens"], rng.randint(7, 11))
        pairs = tuple((name, fill.fill(value)) for name, value in entries)
        blocks: list[Block] = [Heading("설정"), Fields(pairs, "")]
    elif shape == "talk":
        blocks = [Heading(fill.name())]
        said = fill.some("chats", rng.randint(5, 8))
        blocks += [Text(text, rng.choice(("mine", "theirs"))) for text in said]
    else:
        blocks = [Heading(public.title(rng)), *(Text(public.paragraph(rng, 110)) for _ in range(2))]
        blocks += [Item(text) for text in public.take(rng, 3, 50)]
    return Page(blocks, "screen", theme=f"{rng.choice(('dark', 'light'))} {shape}")


def hanja(fill: Filler, public: Sentences) -> Page:
    """Mixed script: sentences of our own, and public ones with words put in Hanja or with Hanja behind."""
    rng = fill.rng
    blocks: list[Block] = [Heading(rng.choice(words()["hanja_titles"]))]
    for _ in range(2):
        blocks.append(Text(" ".join(rng.sample(words()["hanja_sentences"], 3))))
    text = public.paragraph(rng, 220)
    behind = rng.random() < 0.5
    for word, signs in words()["hanja_words"].items():
        text = text.replace(word, f"{word}({signs})" if behind else signs, 3)
    blocks += [Text(text), *map(Item, rng.sample(words()["hanja_sentences"], 2))]
    return Page(_once(blocks), "hanja")


def _once(blocks: list[Block]) -> list[Block]:
    """Without blocks that say the same as one before."""
    return list(dict.fromkeys(blocks))


def photo(fill: Filler, public: Sentences) -> Page:
    """A printed page of another kind, to be photographed."""
    page = fill.rng.choice((prose, letter, minutes, table, form, contract))(fill, public)
    page.facts["content"], page.kind = page.kind, "photo"
    return page


def seal(fill: Filler, public: Sentences) -> Page:
    """A certificate or a letter with a red seal over the end of the line that signs it."""
    rng = fill.rng
    if rng.random() < 0.4:
        page = letter(fill, public)
        signed = [
            replace(block, role="sealed") if isinstance(block, Text) and block.role == "sender" else block
            for block in page.blocks
        ]
        return Page(signed, "seal")
    title, statement = fill.next("certificates")
    blocks: list[Block] = [
        Heading(title),
        Fields(
            (
                ("성명", fill.name()),
                ("소속", f"{fill.company()} {fill.rank()}"),
                ("주소", fill.address()),
                ("연락처", fill.phone()),
                ("등록번호", fill.business()),
            )
        ),
        Text(fill.fill(statement)),
        *map(Text, fill.some("form_notes", 2)),
        Text(f"{rng.randint(2020, 2026)}년 {rng.randint(1, 12)}월 {rng.randint(1, 28)}일", "centre"),
        Text(f"{fill.company()} 대표이사 {fill.name()}", "sealed"),
    ]
    return Page(blocks, "seal")


def fax(fill: Filler, public: Sentences) -> Page:
    """A letter, minutes, a form or a table, to be sent by fax."""
    page = fill.rng.choice((letter, minutes, form, table, prose))(fill, public)
    page.facts["content"], page.kind = page.kind, "fax"
    return page


#: new kinds come last: a kind's place decides which family its pages have
KINDS: dict[str, Maker] = {
    "prose": prose,
    "letter": letter,
    "minutes": minutes,
    "contract": contract,
    "table": table,
    "table_open": table_open,
    "merged": merged,
    "form": form,
    "receipt": receipt,
    "columns": columns,
    "small": small,
    "sign": sign,
    "handwriting": handwriting,
    "screen": screen,
    "hanja": hanja,
    "photo": photo,
    "seal": seal,
    "fax": fax,
}


def make(kind: str, number: int, seed: int, public: Sentences) -> tuple[Page, random.Random]:
    """The page `number` of a kind, and the generator that goes on to decide how it looks."""
    rng = random.Random(f"{seed}/{kind}/{number}")
    return KINDS[kind](Filler(rng, number), public), rng
