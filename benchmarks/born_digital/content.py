"""Documents of our own for the browser to print: blocks with their truth, and the same as HTML.

In: a seed. Out: `Document`, whose `markdown` is what a right answer says and whose `html` is what is printed.
Nothing is random but what the seed decides, so that a figure can be had again.
"""

from __future__ import annotations

import html
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adotx.markdown import Block, Cell, Code, Heading, Item, Paragraph, Quote, Table, to_markdown


def _split(said: str) -> list[str]:
    return said.split("|")


_WHO = _split("총무팀|기술지원과|주민자치위원회|도서관|운영본부|감사실|시설관리소|연구개발센터|교육청|상인회")
_WHAT = _split(
    "예산 집행 내역을|회의 결과를|시설 점검표를|이용 안내문을|계약 변경 사항을|참가 신청서를|"
    "재고 목록을|월간 보고서를|안전 수칙을|설문 결과를"
)
_DID = _split(
    "검토하였다|공개하기로 했다|다시 정리하였다|다음 달에 보고한다|위원에게 보냈다|승인하지 않았다|고쳐 썼다"
)
_WHEN = _split(
    "지난 3월 둘째 주에|2026년 11월 28일까지|오전 10시부터 오후 4시 사이에|한 달에 두 번씩|"
    "공사가 끝나는 대로|접수한 날부터 7일 이내에|첫 회의가 열리기 전에|매년 말에"
)
_WHY = _split(
    "비용이 12.5% 늘었으므로|담당자가 바뀌었기 때문에|신청자가 예상보다 많아서|규정 제14조에 따라|"
    "장마가 길어질 것으로 보여|전자문서(PDF)로 받기를 원하여|API 연동이 끝나지 않아|"
    "별다른 의견이 없었으므로"
)
_ENGLISH = _split(
    "The committee reviewed the annual figures and found no difference between the office records "
    "and the ledger.|"
    "A well-known supplier offered a five-year contract, but its terms were difficult to verify in time.|"
    "Results of the first trial are listed below; efficient filters reduced the flow by 3.7 percent "
    "on average.|"
    "Please send the signed form to the front office before the end of the month, together with a "
    "copy of your ID.|"
    "Traffic on the northern road was lighter than expected, so the final schedule remains unchanged."
)
_TITLES = _split(
    "사업 추진 계획|시설 이용 안내|정기 회의 결과|물품 구매 내역|공사 시행 공고|연간 활동 보고|"
    "개인정보 처리 방침"
)
_PARTS = _split("개요|추진 배경|세부 내용|일정|기대 효과|유의 사항|문의|예산|참고 자료")
_NOUNS = _split(
    "육각 볼트|평와셔|고무 패킹|실리콘|작업등|안전모|방진 마스크|연장선|사다리|공구함|절연 장갑|호스 연결구"
)
_CODE = (
    ("def total(rows):", "    s = 0", "    for r in rows:", '        s += r["qty"]', "    return s"),
    ("#!/bin/sh", "set -e", "for f in *.pdf; do", '  adotx transcribe "$f"', "done"),
)


@dataclass
class Document:
    """A document: its truth and its HTML, side by side."""

    blocks: list[Block] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    style: list[str] = field(default_factory=list)
    kind: str = ""

    @property
    def markdown(self) -> str:
        return to_markdown(self.blocks)

    def html(self, regular: Path, bold: Path) -> str:
        """The page, in a face given by its files."""
        faces = "".join(
            f"@font-face {{ font-family: face; font-weight: {weight}; src: url('{path.as_uri()}') }}"
            for weight, path in ((400, regular), (700, bold))
        )
        style = faces + _CSS + "".join(self.style)
        return f"<!doctype html><meta charset=utf-8><style>{style}</style>{''.join(self.parts)}"


_CSS = """
@page { size: A4; margin: 18mm; } body { font-family: face, monospace; font-size: 10.5pt; line-height: 1.55; }
code, pre { font-family: monospace; } pre { background: #f3f3f3; padding: 8px; line-height: 1.4; }
blockquote { border-left: 3px solid #888; margin: 1em 0; padding-left: 1em; }
table { border-collapse: collapse; margin: 1em 0; } th, td { padding: 3px 9px; text-align: left; }
.all td, .all th { border: 1px solid #555; } .all th { background: #e8eef6; }
.pale td, .pale th { border: 0.5px solid #ccc; }
.rows { border-top: 2px solid #333; border-bottom: 2px solid #333; }
.rows th { border-bottom: 1px solid #333; } .rows tr + tr td { border-bottom: 1px solid #ddd; }
.none th, .none td { padding: 2px 26px 2px 0; } .zebra tr:nth-child(even) { background: #f0f0f0; }
.zebra td, .zebra th { border: 1px solid #bbb; } .r { text-align: right; }
.notes { border-top: 1px solid #999; font-size: 8.5pt; margin-top: 2em; padding-top: .4em; }
.notes p { margin: .2em 0; } sup { font-size: 65%; }
.c2 { column-count: 2; column-gap: 8mm; } .c3 { column-count: 3; column-gap: 6mm; font-size: 9pt; }
"""


def documents(count: int, seed: int = 12) -> list[Document]:
    """So many documents, one kind after the other."""
    kinds = list(_KINDS)
    return [_KINDS[kinds[n % len(kinds)]](random.Random(seed * 1000 + n)) for n in range(count)]


def sentence(rng: random.Random) -> str:
    words = [
        rng.choice(_WHY),
        f"{rng.choice(_WHO)}는",
        rng.choice(_WHEN),
        rng.choice(_WHAT),
        rng.choice(_DID),
    ]
    return " ".join(words[rng.randrange(2) :]) + "."


def text(rng: random.Random, least: int = 2, most: int = 5) -> str:
    return " ".join(sentence(rng) for _ in range(rng.randint(least, most)))


def english(rng: random.Random, count: int = 3) -> str:
    return " ".join(rng.sample(_ENGLISH, count))


class _Maker:
    """Adds blocks to a document, once as truth and once as HTML."""

    def __init__(self, rng: random.Random, kind: str) -> None:
        self.rng, self.made = rng, Document(kind=kind)
        self.made.style.append(f"p {{ text-align: {rng.choice(('left', 'justify'))}; }}")
        self.made.style.append(f"body {{ word-break: {rng.choice(('normal', 'keep-all'))}; }}")

    def add(self, block: Block, markup: str) -> None:
        self.made.blocks.append(block)
        self.made.parts.append(markup)

    def head(self, said: str, level: int = 2) -> None:
        self.add(Heading.of(said, level), f"<h{level}>{html.escape(said)}</h{level}>")

    def para(self, said: str, more: str = "") -> None:
        self.add(Paragraph.of(said), f"<p{more}>{html.escape(said)}</p>")

    def items(self, texts: Sequence[str], numbered: bool = False, inner: Sequence[str] = ()) -> None:
        name = "ol" if numbered else "ul"
        markup = []
        for number, said in enumerate(texts, 1):
            self.made.blocks.append(Item.of(said, f"{number}." if numbered else "-"))
            below = ""
            if inner and number == 1:
                self.made.blocks += [Item.of(each, "-", 1) for each in inner]
                below = f"<ul>{''.join(f'<li>{html.escape(each)}</li>' for each in inner)}</ul>"
            markup.append(f"<li>{html.escape(said)}{below}</li>")
        self.made.parts.append(f"<{name}>{''.join(markup)}</{name}>")

    def table(
        self, rows: Sequence[Sequence[Cell]], kind: str, header_rows: int = 1, figures: bool = True
    ) -> None:
        lines = []
        for number, row in enumerate(rows):
            name = "th" if number < header_rows else "td"
            cells = []
            for cell in row:
                spans = "".join(
                    f' {what}="{size}"'
                    for what, size in (("colspan", cell.colspan), ("rowspan", cell.rowspan))
                    if size > 1
                )
                right = ' class="r"' if figures and name == "td" and cell.text[:1].isdigit() else ""
                cells.append(f"<{name}{spans}{right}>{html.escape(cell.text)}</{name}>")
            lines.append(f"<tr>{''.join(cells)}</tr>")
        table = Table(tuple(tuple(row) for row in rows), header_rows)
        self.add(table, f'<table class="{kind}">{"".join(lines)}</table>')

    def goods(self, kind: str, count: int) -> None:
        names = self.rng.sample(_NOUNS, count)
        rows = [[Cell(each) for each in ("품명", "규격", "수량", "단가(원)")]]
        for name in names:
            size = f"M{self.rng.randrange(4, 20)} x {self.rng.randrange(10, 90)}"
            amount, price = self.rng.randrange(10, 900), self.rng.randrange(100, 99_000)
            rows.append([Cell(name), Cell(size), Cell(f"{amount:,}"), Cell(f"{price:,}")])
        self.table(rows, kind)

    def merged(self, kind: str) -> None:
        rng = self.rng
        rows = [
            [
                Cell("지역", rowspan=2),
                Cell("지점", rowspan=2),
                Cell("2025년", colspan=2),
                Cell("2026년", colspan=2),
            ],
            [Cell(each) for each in ("상반기", "하반기", "상반기", "하반기")],
        ]
        for region, towns in (("수도권", ("서울", "수원", "인천")), ("영남", ("부산", "대구"))):
            for number, town in enumerate(towns):
                first = [Cell(region, rowspan=len(towns))] if not number else []
                rows.append([*first, Cell(town), *(Cell(f"{rng.randrange(100, 3000):,}") for _ in range(4))])
        self.table(rows, kind, 2)

    def long_cells(self, kind: str) -> None:
        rows = [[Cell("구분"), Cell("내용"), Cell("비고")]]
        for part in self.rng.sample(_PARTS, 4):
            rows.append(
                [Cell(part), Cell(text(self.rng, 1, 2)), Cell(self.rng.choice(("", "확인", "2026. 12. 7.")))]
            )
        self.table(rows, kind, figures=False)


def _report(rng: random.Random) -> Document:
    make = _Maker(rng, "report")
    make.head(rng.choice(_TITLES), 1)
    make.para(text(rng))
    for number, part in enumerate(rng.sample(_PARTS, 3), 1):
        make.head(f"{number}. {part}")
        make.para(text(rng, 1, 3))
        if number == 1:
            make.items(
                [text(rng, 1, 1) for _ in range(3)], inner=[sentence(rng)] if rng.random() < 0.5 else ()
            )
        if number == 2:
            make.goods(rng.choice(("all", "zebra", "pale")), 5)
    make.items([sentence(rng) for _ in range(3)], numbered=True)
    return make.made


def _columns(rng: random.Random) -> Document:
    make = _Maker(rng, "columns")
    make.head(rng.choice(_TITLES), 1)
    make.made.parts.append(f'<div class="{rng.choice(("c2", "c2", "c3"))}">')
    for number in range(rng.randint(3, 4)):
        if number:
            make.head(rng.choice(_PARTS), 3)
        make.para(text(rng, 5, 8))
    make.made.parts.append("</div>")
    return make.made


def _tables(rng: random.Random) -> Document:
    make = _Maker(rng, "tables")
    make.head(rng.choice(_TITLES), 1)
    make.goods("rows", 6)
    make.para(text(rng, 1, 2))
    make.merged(rng.choice(("all", "pale")))
    make.para(text(rng, 1, 2))
    make.goods("none", 5)
    make.long_cells(rng.choice(("all", "zebra")))
    return make.made


def _notes(rng: random.Random) -> Document:
    make = _Maker(rng, "footnotes")
    make.head(rng.choice(_TITLES), 1)
    for number in (1, 2, 3):
        first, second = text(rng, 1, 2), text(rng, 1, 2)
        body = f"{first[:-1]}{number}). {second}"
        markup = f"<p>{html.escape(first[:-1])}<sup>{number})</sup>. {html.escape(second)}</p>"
        make.add(Paragraph.of(body), markup)
    make.merged("all")
    make.made.parts.append('<div class="notes">')
    for number in (1, 2, 3):
        said = sentence(rng)
        make.add(Item.of(said, f"{number})"), f"<p>{number}) {html.escape(said)}</p>")
    make.made.parts.append("</div>")
    return make.made


def _mixed(rng: random.Random) -> Document:
    make = _Maker(rng, "mixed")
    make.head("Annual Report 연간 보고", 1)
    make.para(english(rng))
    make.head("2. 추진 경과 (Progress)")
    make.para(f"{sentence(rng)} {english(rng, 1)} {text(rng, 1, 2)}")
    make.items([f"API v{rng.randrange(1, 9)}.{rng.randrange(10)}: {sentence(rng)}" for _ in range(3)])
    make.add(Code(said := rng.choice(_CODE)), f"<pre>{html.escape(chr(10).join(said))}</pre>")
    quoted = text(rng, 2, 2)
    make.add(Quote.of(quoted), f"<blockquote><p>{html.escape(quoted)}</p></blockquote>")
    make.goods("all", 4)
    return make.made


def english_report(rng: random.Random) -> Document:
    """English alone, with figures, names and codes."""
    make = _Maker(rng, "english")
    make.head("Quarterly Review of the Northern Branch", 1)
    for part in ("Summary", "Findings", "Next steps"):
        make.head(part)
        make.para(english(rng))
        make.items(
            [
                f"Item {rng.randrange(100, 999)}-{rng.choice('QXZ')}: {each}"
                for each in english(rng, 2).split(". ")
            ]
        )
    rows = [[Cell(each) for each in ("Part", "Code", "Count")]]
    for _ in range(5):
        code = "".join(rng.choice("ABCDEFGHKLMNPQRTXZ0123456789") for _ in range(10))
        rows.append(
            [
                Cell(rng.choice(("Bolt", "Washer", "Gasket", "Valve"))),
                Cell(code),
                Cell(f"{rng.randrange(9999):,}"),
            ]
        )
    make.table(rows, "all")
    return make.made


def mixed_report(rng: random.Random) -> Document:
    """Korean and English in one document."""
    return _mixed(rng)


_KINDS = {"report": _report, "columns": _columns, "tables": _tables, "footnotes": _notes, "mixed": _mixed}
