"""What stands on a page of each kind: the blocks, filled with corpus text and invented facts.

In: a `random.Random`, a `TextSource`, about how many characters the page holds. Out: blocks, somewhat more
than fit. Does not know: fonts, sizes, drawing.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from adotx.data import fill, paper
from adotx.data.source import TextSource
from adotx.markdown import Block, Code, Fields, Heading, Item, Paragraph, Quote, Table, TextBlock

_COUNTED: tuple[Callable[[int], str], ...] = (
    lambda n: f"{n}.",
    lambda n: f"{n}.",
    lambda n: f"{n}.",
    lambda n: f"{n})",
    lambda n: f"({n})",
    lambda n: f"{'가나다라마바사아자차카타파하'[(n - 1) % 14]}.",
    lambda n: chr(0x2460 + (n - 1) % 20),
)
_CHAPTERS: tuple[Callable[[int], str], ...] = (
    lambda n: "",
    lambda n: "",
    lambda n: f"{n}. ",
    lambda n: f"제{n}장 ",
    lambda n: f"제{n}조 ",
    lambda n: f"{'ⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩ'[(n - 1) % 10]}. ",
)


def prose(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """Running text under a few headings."""
    lang = "en" if rng.random() < 0.14 else "ko"
    casual = lang == "ko" and rng.random() < 0.25
    number = rng.choice(_CHAPTERS)
    blocks: list[Block] = []
    if rng.random() < 0.75:
        blocks.append(Heading.of(source.heading(rng, lang), 1))
    used, chapter = 0, 0
    while used < room:
        if blocks and rng.random() < 0.15 and blocks[-1].kind != "heading":
            chapter += 1
            blocks.append(Heading.of(number(chapter) + source.heading(rng, lang), 2))
        spans = source.paragraph(rng, rng.randint(1, 6), lang, casual)
        blocks.append(Paragraph.of(spans))
        used += sum(len(span.text) for span in spans) + 20
    return blocks


def lists(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """Headings with bulleted, numbered and nested lists."""
    lang = "en" if rng.random() < 0.1 else "ko"
    blocks: list[Block] = [Heading.of(source.heading(rng, lang), 1)] if rng.random() < 0.8 else []
    used = 0
    while used < room:
        if rng.random() < 0.4:
            blocks.append(Heading.of(source.heading(rng, lang), rng.choice((2, 2, 3))))
        if rng.random() < 0.6:
            blocks.append(Paragraph.of(source.sentence(rng, lang)))
        group = _list(rng, source, lang)
        blocks += group
        used += sum(len(block.text) + 15 for block in group) + 60
    return blocks


def _list(rng: random.Random, source: TextSource, lang: str) -> list[Item]:
    counted = rng.choice(_COUNTED) if rng.random() < 0.45 else None
    longest = rng.choice((30, 60, 120, 200))
    blocks: list[Item] = []
    for number in range(1, rng.randint(3, 9)):
        blocks.append(
            Item.of(source.sentence(rng, lang, longest=longest), counted(number) if counted else "-")
        )
        if rng.random() < 0.2:
            for _ in range(rng.randint(1, 3)):
                blocks.append(Item.of(source.sentence(rng, lang, longest=longest), "-", 1))
                if rng.random() < 0.1:
                    blocks.append(Item.of(source.phrase(rng, lang, 30), "-", 2))
    return blocks


def tables(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """Reports with one to four tables."""
    blocks: list[Block] = [Heading.of(source.heading(rng), 1)] if rng.random() < 0.8 else []
    used = 0
    while used < room:
        if rng.random() < 0.6:
            blocks.append(Paragraph.of(source.paragraph(rng, rng.randint(1, 2))))
        number = len([block for block in blocks if block.kind == "table"]) + 1
        if rng.random() < 0.4:
            caption = rng.choice(("표 {}. {}", "[표 {}] {}", "표 {}: {}")).format(
                number, source.phrase(rng, longest=20)
            )
            blocks.append(Paragraph.of(caption, "center" if rng.random() < 0.5 else ""))
        drawn = any_table(rng, source)
        blocks.append(drawn)
        used += sum(len(cell) + 6 for row in drawn.texts for cell in row) * 2 + 100
    return blocks


def any_table(rng: random.Random, source: TextSource) -> Table:
    """A table of figures, people, times, goods or text."""
    draw = rng.random()
    count = rng.randint(3, 12)
    if draw < 0.1 and (found := source.table(rng)):
        return found
    if draw < 0.35:
        year = rng.randint(2005, 2026)
        header = [
            "구분",
            *(rng.choice((f"{year + n}년", f"{n + 1}분기", f"{n + 1}월")) for n in range(rng.randint(2, 5))),
        ]
        value = rng.choice(
            (
                lambda: f"{rng.randint(0, 99999):,}",
                lambda: f"{rng.uniform(0, 100):.1f}",
                lambda: fill.percent(rng),
            )
        )
        rows = [[source.phrase(rng, longest=10), *(value() for _ in header[1:])] for _ in range(count)]
        if rng.random() < 0.5:
            rows.append([rng.choice(("합계", "계", "평균", "총계")), *(value() for _ in header[1:])])
    elif draw < 0.55:
        columns: list[tuple[str, Callable[[random.Random], str]]] = [
            ("성명", fill.name), ("직위", fill.job), ("부서", fill.department), ("연락처", fill.phone),
            ("이메일", fill.email), ("주소", fill.address), ("생년월일", fill.date), ("비고", lambda _: ""),
        ]  # fmt: skip
        chosen = [columns[0], *rng.sample(columns[1:], rng.randint(1, 4))]
        header = ["번호", *(label for label, _ in chosen)]
        rows = [[str(n + 1), *(make(rng) for _, make in chosen)] for n in range(count)]
    elif draw < 0.75:
        header = rng.choice(
            (["일자", "시간", "내용", "장소"], ["시간", "내용", "담당"], ["날짜", "요일", "일정", "비고"])
        )
        makers = {
            "일자": fill.date, "날짜": fill.date, "시간": fill.time, "담당": fill.name,
            "장소": fill.department, "요일": lambda r: r.choice("월화수목금토일"),
            "비고": lambda r: r.choice(("", "", "필수", "선택", "변경")),
        }  # fmt: skip
        rows = [
            [makers[h](rng) if h in makers else source.phrase(rng, longest=18) for h in header]
            for _ in range(count)
        ]
    elif draw < 0.9:
        header = ["품명", "규격", "수량", "단가", "금액"]
        rows = []
        for _ in range(count):
            number, price = rng.randint(1, 60), fill.price(rng)
            size = rng.choice(("EA", "BOX", "500g", "1kg", "2L", "세트", "-"))
            rows.append([fill.product(rng), size, str(number), f"{price:,}", f"{number * price:,}"])
    else:
        header = [source.phrase(rng, longest=8) for _ in range(rng.randint(2, 3))]
        rows = [
            [source.phrase(rng, longest=rng.choice((12, 40))) for _ in header]
            for _ in range(rng.randint(2, 7))
        ]
    return Table.of([header, *rows])


def codes(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """Documentation with code blocks."""
    lang = "en" if rng.random() < 0.15 else "ko"
    blocks: list[Block] = (
        [Heading.of(source.heading(rng, lang), rng.choice((1, 2)))] if rng.random() < 0.7 else []
    )
    used = 0
    while used < room:
        blocks.append(Paragraph.of(source.paragraph(rng, rng.randint(1, 3), lang)))
        lines = source.code(rng, rng.randint(4, 26))
        blocks.append(Code(tuple(lines)))
        if rng.random() < 0.25:
            blocks += _list(rng, source, lang)[:4]
        used += 60 * len(lines) + 150
    return blocks


_FORMS = (
    "신청서", "등록 신청서", "참가 신청서", "휴가 신청서", "지원서", "계약서", "확인서", "재직증명서",
    "위임장", "전입신고서",
    "견적서", "출장 보고서", "개인정보 수집·이용 동의서", "입회 원서", "보험금 청구서", "거래명세서",
)  # fmt: skip
_FACTS: tuple[tuple[str, Callable[[random.Random], str]], ...] = (
    ("성명", fill.name), ("이름", fill.name), ("생년월일", fill.date), ("주소", fill.address),
    ("연락처", fill.phone), ("전화번호", fill.phone), ("이메일", fill.email), ("소속", fill.company),
    ("부서", fill.department), ("직위", fill.job), ("신청일", fill.date), ("접수번호", fill.code),
    ("문서번호", fill.code), ("용도", fill.purpose), ("계좌번호", fill.bank_account), ("금액", fill.amount),
    ("기간", lambda r: f"{fill.date(r)} ~ {fill.date(r)}"), ("대표자", fill.name), ("상호", fill.company),
    ("영문 성명", fill.english_name), ("시간", fill.time), ("담당자", fill.name),
    ("성별", lambda r: r.choice(("남", "여"))), ("수량", lambda r: f"{r.randint(1, 500)}개"),
)  # fmt: skip


def form(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """An application or certificate: ruled cells or key-value lines, a declaration, date and signature."""
    title = (
        f"{source.phrase(rng, longest=8)} {rng.choice(_FORMS)}" if rng.random() < 0.3 else rng.choice(_FORMS)
    )
    blocks: list[Block] = [Heading.of(title, 1, "center" if rng.random() < 0.8 else "")]
    if rng.random() < 0.3:
        blocks.append(Paragraph.of(f"문서번호: {fill.code(rng)}", rng.choice(("left", "right"))))
    for number in range(rng.randint(1, 3)):
        if number or rng.random() < 0.3:
            label = rng.choice(("신청인", "대상자", "신청 내용", "기본 정보", "상세 내역", "확인 사항"))
            blocks.append(Heading.of(f"{number + 1}. {label}" if rng.random() < 0.6 else label, 2))
        facts = [(label, make(rng)) for label, make in rng.sample(_FACTS, rng.randint(4, 9))]
        if rng.random() < 0.5:
            blocks.append(Fields(tuple(facts), ":"))
        elif rng.random() < 0.5:
            blocks.append(Table.of(facts))
        else:
            pairs = [(*facts[n], *facts[n + 1]) for n in range(0, len(facts) - 1, 2)]
            blocks.append(Table.of(pairs))
        if rng.random() < 0.25:
            blocks.append(any_table(rng, source))
    if rng.random() < 0.4:
        blocks += [Item.of(source.sentence(rng, longest=80), "-") for _ in range(rng.randint(2, 5))]
    close = (
        "위와 같이 신청합니다.",
        "위 사실을 확인합니다.",
        "상기 내용이 사실과 다름없음을 확인합니다.",
        "위와 같이 증명합니다.",
    )
    if rng.random() < 0.8:
        blocks.append(Paragraph.of(rng.choice(close), "center"))
        blocks.append(Paragraph.of(fill.date(rng), "center"))
        blocks.append(
            Paragraph.of(
                rng.choice(("신청인: {} (인)", "{} (서명)", "대표 {}", "작성자 {} (인)")).format(
                    fill.name(rng)
                ),
                "right",
            )
        )
    if rng.random() < 0.5:
        who = fill.company(rng)
        blocks.append(
            Paragraph.of(rng.choice((f"{who} 귀하", f"{who} 귀중", who)), rng.choice(("left", "center")))
        )
    return blocks


def receipt(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """A shop's receipt: head, goods, sums, payment, thanks."""
    blocks: list[Block] = [
        Heading.of(
            rng.choice(("영수증", "영 수 증", fill.shop(rng), "카드매출전표", "신용카드 영수증", "RECEIPT")),
            1,
            "center",
        )
    ]
    head = [
        ("상호", fill.shop(rng)),
        ("대표", fill.name(rng)),
        ("사업자번호", fill.code(rng)),
        ("주소", fill.address(rng)),
        ("전화", fill.phone(rng)),
    ]
    blocks.append(Fields(tuple(head[: rng.randint(2, 5)]), ":", align="left"))
    when = [("일시", f"{fill.date(rng)} {fill.time(rng)}"), ("거래번호", fill.code(rng))]
    blocks.append(Fields(tuple(when[: rng.randint(1, 2)]), ":", align="left"))
    header = rng.choice(
        (
            ["품명", "단가", "수량", "금액"],
            ["상품명", "수량", "금액"],
            ["메뉴", "수량", "금액"],
            ["품목", "금액"],
        )
    )
    rows, total = [], 0
    for _ in range(rng.randint(1, 10)):
        number, price = rng.choice((1, 1, 1, 2, 3, rng.randint(1, 12))), fill.price(rng)
        total += number * price
        value = {"단가": f"{price:,}", "수량": str(number), "금액": f"{number * price:,}"}
        rows.append([value.get(label) or fill.product(rng) for label in header])
    blocks.append(Table.of([header, *rows], "justify"))
    won = rng.choice(("", "", "원"))
    sums = [("합계", f"{total:,}{won}")]
    if rng.random() < 0.6:
        net = round(total / 1.1)
        sums = [("과세물품가액", f"{net:,}{won}"), ("부가세", f"{total - net:,}{won}"), *sums]
    if rng.random() < 0.5:
        paid = -(-total // 10000) * 10000
        sums += [("받은금액", f"{paid:,}{won}"), ("거스름돈", f"{paid - total:,}{won}")]
    else:
        sums += [
            ("카드번호", fill.code(rng)),
            ("승인번호", f"{rng.randint(0, 99999999):08d}"),
            ("할부", "일시불"),
        ]
    blocks.append(Fields(tuple(sums), align="justify"))
    thanks = (
        "감사합니다.",
        "이용해 주셔서 감사합니다.",
        "교환/환불은 7일 이내 영수증 지참",
        "또 오세요!",
        "고객센터 " + fill.phone(rng),
    )
    blocks += [Paragraph.of(text, "center") for text in rng.sample(thanks, rng.randint(0, 3))]
    return blocks


def notice(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """A notice on a board: a title, what it is about, when and where, who signs."""
    titles = (
        "공지사항",
        "안내문",
        "알림",
        "공 고",
        "모집 공고",
        "행사 안내",
        "휴무 안내",
        "점검 안내",
        "채용 공고",
    )
    title = rng.choice(titles) if rng.random() < 0.6 else f"{source.heading(rng)} 안내"
    blocks: list[Block] = [Heading.of(title, 1, "center")]
    used = 0
    while used < room * rng.uniform(0.3, 0.8):
        spans = source.paragraph(rng, rng.randint(1, 3), casual=rng.random() < 0.2)
        blocks.append(Paragraph.of(spans))
        used += sum(len(span.text) for span in spans) + 60
        if rng.random() < 0.4:
            group = _list(rng, source, "ko")[:6]
            blocks += group
            used += sum(len(block.text) + 15 for block in group)
    labels = (
        ("일시", f"{fill.date(rng)} {fill.time(rng)}"),
        ("장소", fill.address(rng)),
        ("문의", fill.phone(rng)),
        ("대상", source.phrase(rng)),
        ("담당", f"{fill.department(rng)} {fill.name(rng)}"),
    )
    if rng.random() < 0.7:
        blocks.insert(rng.randint(2, len(blocks)), Fields(tuple(rng.sample(labels, rng.randint(2, 5))), ":"))
    if rng.random() < 0.25:
        blocks.append(Quote.of(source.sentence(rng)))
    blocks.append(Paragraph.of(fill.date(rng), "center"))
    blocks.append(
        Paragraph.of(
            rng.choice(
                (fill.company(rng), fill.department(rng), f"{fill.company(rng)} 대표 {fill.name(rng)}")
            ),
            "center",
        )
    )
    return blocks


def two_column(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """Articles for narrow columns: prose, now and then a list."""
    blocks: list[Block] = []
    used = 0
    lang = "en" if rng.random() < 0.15 else "ko"
    number, chapter = rng.choice(_CHAPTERS), 0
    while used < room:
        if rng.random() < 0.25:
            chapter += 1
            blocks.append(Heading.of(number(chapter) + source.heading(rng, lang), 2))
        if rng.random() < 0.12:
            blocks += _list(rng, source, lang)[:4]
            used += 150
        spans = source.paragraph(rng, rng.randint(1, 5), lang)
        blocks.append(Paragraph.of(spans))
        used += sum(len(span.text) for span in spans) + 20
    return blocks


def mixed(rng: random.Random, source: TextSource, room: int) -> list[Block]:
    """Neighbouring blocks of real documents, or a bit of everything."""
    blocks: list[Block] = []
    if source.pages and rng.random() < 0.6:
        for _ in range(8):
            blocks += source.run(rng, 40)
            if sum(_room(block, 0) for block in blocks) > room:
                break
        # A page of list items only, from a table of contents, says little: take something else then.
        if blocks and any(block.kind != "item" for block in blocks):
            return blocks
    makers = (prose, lists, tables, codes)
    blocks = [Heading.of(source.heading(rng), 1)]
    while sum(map(_room, blocks)) < room:
        blocks += rng.choice(makers)(rng, source, room // 5)
        if rng.random() < 0.3:
            blocks.append(Quote.of(source.paragraph(rng, rng.randint(1, 2))))
    return blocks


def _room(block: Block, row: int = 60) -> int:
    """About how many characters of running text take as much room; `row` for each row of a table."""
    match block:
        case TextBlock():
            return 20 + len(block.text)
        case Code():
            return 20 + 40 * len(block.lines)
        case Table() | Fields():
            return 20 + row * len(block.rows)
    return 20


KINDS: dict[str, Callable[[random.Random, TextSource, int], list[Block]]] = {
    "prose": prose,
    "list": lists,
    "table": tables,
    "code": codes,
    "form": form,
    "receipt": receipt,
    "notice": notice,
    "two_column": two_column,
    "mixed": mixed,
    "letter": paper.letter,
    "contract": paper.contract,
    "checks": paper.checks,
    "figures": paper.figures,
    "terms": paper.terms,
    "sign": paper.sign,
    "screen": paper.screen,
    "hand": prose,
}
