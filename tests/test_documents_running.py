"""What runs over pages: page numbers, headers, footers, tables that go on; and what only looks like it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from adotx.documents.doubt import doubted
from adotx.documents.running import over_pages
from adotx.markdown import Block, Heading, Item, Paragraph, Table

_HEADER = "2026년도 운영 지침 대외비"


def line(text: str, top: float, item: bool = False) -> Block:
    block: Block = Item.of(text) if item else Paragraph.of(text)
    return block.at((170, top, 800, top + 25))


def page(body: str, *running: Block) -> list[Block]:
    return [
        *(b for b in running if b.box and b.box[1] < 200),
        line(body, 300),
        *(b for b in running if b.box and b.box[1] >= 200),
    ]


def texts(pages: list[list[Block]]) -> list[list[str]]:
    return [
        [block.text for block in blocks if isinstance(block, (Paragraph, Item))]
        for blocks in over_pages(pages)
    ]


@pytest.mark.parametrize(
    "form", ["{} / 3", "- {} -", "{}", "{}쪽", "Page {} of 3", "페이지 {}", "제{}쪽", "{} /3"]
)
def test_page_numbers_go_and_a_header_stays_once(form: str) -> None:
    pages = [page(f"글 {n}", line(_HEADER, 73 + n), line(form.format(n), 2246)) for n in (1, 2, 3)]
    assert texts(pages) == [[_HEADER, "글 1"], ["글 2"], ["글 3"]]


def test_readings_may_differ_a_little() -> None:
    second = [
        line("2026년도 운영 지침 대의비", 74),
        line("글 2", 300),
        line(f"{doubted('2')} .", 2240, item=True),
    ]
    pages = [page("글 1", line(_HEADER, 73), line("1-", 2236, item=True)), second]
    assert texts(pages) == [[_HEADER, "글 1"], ["글 2"]]


def test_what_does_not_run_stays() -> None:
    one = [page("글 1", line("- 1 -", 2246))]
    assert texts(one) == [["글 1", "- 1 -"]]
    other_places = [page("글 1", line("3", 2246)), page("글 2", line("4", 1200))]
    assert texts(other_places) == [["글 1", "3"], ["글 2", "4"]]
    titles: list[list[Block]] = [
        [Heading.of("영수증").at((0, 50, 90, 90)), line(f"글 {n}", 300)] for n in (1, 2)
    ]
    assert list(over_pages(titles)) == titles
    others = [page("글 1", line("첫째 장의 머리말", 73)), page("글 2", line("다른 이야기", 73))]
    assert texts(others) == [["첫째 장의 머리말", "글 1"], ["다른 이야기", "글 2"]]


def table(*rows: tuple[str, ...]) -> Block:
    return Table.of(rows).at((233, 181, 1330, 900))


_HEAD = ("번호", "이름", "점수")


def test_a_table_goes_on_with_and_without_its_header() -> None:
    parts = [("1", "김가람", "61"), ("2", "이나래", "68")], [("3", "박다솔", "75")], [("4", "최라온", "82")]
    whole = Table.of([_HEAD, *(row for rows in parts for row in rows)])
    for head in ((_HEAD,), ()):
        first, *rest = ([*h, *rows] for h, rows in zip(((_HEAD,), head, head), parts, strict=True))
        pages = [[table(*first), line("- 1 -", 2236)]]
        pages += [[table(*rows), line(f"- {n} -", 2236)] for n, rows in enumerate(rest, 2)]
        pages[-1].insert(1, line("끝.", 1200))
        assert list(over_pages(pages)) == [[whole], [], [Paragraph.of("끝.")]]


def test_other_tables_stay() -> None:
    first = table(_HEAD, ("1", "김가람", "61"))
    for other in (
        table(("품목", "규격", "단가"), ("종이", "A4", "9,000")),
        table(("5", "6"), ("7", "8")),
        Table.of([("2", "이나래", "68")]).at((600, 181, 1330, 900)),
    ):
        assert list(over_pages([[first], [other]])) == [[first], [other]]


def test_pages_come_as_soon_as_the_next_is_known_and_before_an_error() -> None:
    seen = []

    def pages() -> Iterator[list[Block]]:
        for number in range(4):
            seen.append(number)
            yield [line(f"글 {number}", 300)]
        raise KeyboardInterrupt

    given = over_pages(pages())
    next(given)
    assert seen == [0, 1]
    assert [len(next(given)) for _ in range(3)] == [1, 1, 1]
    with pytest.raises(KeyboardInterrupt):
        next(given)
