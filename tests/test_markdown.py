"""The document model: blocks to Markdown and back, HTML tables, hostile text."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from adotx.markdown import (
    Block,
    Cell,
    Code,
    Fields,
    Figure,
    Formula,
    Heading,
    Item,
    Paragraph,
    Quote,
    Span,
    Table,
    parse_markdown,
    to_markdown,
)


def test_a_document_there_and_back() -> None:
    blocks = [
        Heading.of("제목"),
        Paragraph(
            (
                Span("이것은 "),
                Span("굵은 글씨", bold=True),
                Span("와 "),
                Span("code()", code=True),
                Span("다."),
            )
        ),
        Item.of("하나"),
        Item.of("둘", level=1),
        Item.of("셋", level=2),
        Item.of("넷"),
        Heading.of("표", 2),
        Table.of([("가", "나"), ("1", ""), ("3", "a | b")]),
        Code(("def f():", "", "    return 1")),
        Quote.of("인용문"),
        Item.of("첫째", "1."),
        Item.of("안쪽", level=1),
        Item.of("둘째", "2."),
        Formula("E = mc^2"),
        Figure("그림 1"),
    ]
    text = to_markdown(blocks)
    assert parse_markdown(text) == blocks
    assert "1. 첫째\n   - 안쪽\n2. 둘째" in text and "- 하나\n  - 둘\n    - 셋\n- 넷" in text
    assert text.endswith("$$E = mc^2$$\n\n![그림 1]()") and "| 3 | a \\| b |" in text


def test_merged_cells_are_html() -> None:
    table = Table(
        (
            (Cell("구분", rowspan=2), Cell("2025년", colspan=2)),
            (Cell("상반기"), Cell("하반기")),
            (Cell("매출 < 100"), Cell("1"), Cell("2")),
        ),
        header_rows=2,
    )
    text = to_markdown([table])
    assert text == (
        '<table>\n<tr><th rowspan="2">구분</th><th colspan="2">2025년</th></tr>\n'
        "<tr><th>상반기</th><th>하반기</th></tr>\n"
        "<tr><td>매출 &lt; 100</td><td>1</td><td>2</td></tr>\n</table>"
    )
    assert parse_markdown(text) == [table]
    assert [(r, c, cell.text) for r, c, cell in table.placed()][:4] == [
        (0, 0, "구분"),
        (0, 1, "2025년"),
        (1, 1, "상반기"),
        (1, 2, "하반기"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (  # white space, attributes, no quotes, no end tags, entities
            "<TABLE border=1 class='x'>\n <thead>\n<tr><td> a </td><td colspan = 2>b&amp;c<tr>\n"
            "</thead><tbody><tr><td>1<td>2\n<td><b>3</b><br/>4</table>",
            [
                Table(
                    ((Cell("a"), Cell("b&c", colspan=2)), (Cell("1"), Cell("2"), Cell("3 4"))), header_rows=1
                )
            ],
        ),
        # no merged cells: a pipe table, whatever its header is called; short rows are filled up
        (
            "before\n<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table> after",
            [Paragraph.of("before"), Table.of([("a", "b"), ("c", "")]), Paragraph.of("after")],
        ),
        # cut in the middle, as answers are
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c", [Table.of([("a", "b"), ("c", "")])]),
        # a caption and stray text are not lost; a table in a cell is its text
        (
            "<table><caption>표 1</caption><tr><td>a<table><tr><td>b</td></tr></table></td></tr></table>",
            [Paragraph.of("표 1"), Table.of([("a b",)])],
        ),
        # spans that reach below the table end with it
        ('<table><tr><td rowspan="9">a</td><td>b</td></tr></table>', [Table.of([("a", "b")])]),
        ("<table></table>", []),
        ("| a | b |\n|---|:-:|\n| c<br>d | e |", [Table.of([("a", "b"), ("c d", "e")])]),
        ("$$\na\\\\\nb\n$$\nafter", [Formula("a\\\\\nb"), Paragraph.of("after")]),
        ("$$ open\nno end", [Paragraph.of("$$ open no end")]),
        (
            "성명: 김하늘\n생년월일: 1990. 3. 1.\n비고:",
            [Fields((("성명", "김하늘"), ("생년월일", "1990. 3. 1."), ("비고", "")), ":")],
        ),
        ("회의는 10:30에\n시작: 함께", [Paragraph.of("회의는 10:30에 시작: 함께")]),
        ("(1) 하나\n가. 둘", [Item.of("하나", "(1)"), Item.of("둘", "가.")]),
    ],
)
def test_what_models_write(text: str, expected: list[Block]) -> None:
    found = parse_markdown(text)
    assert found == expected
    assert parse_markdown(to_markdown(found)) == found


def test_without_extensions_they_are_text() -> None:
    for text in ("<table><tr><td>a</td></tr></table>", "$$x$$", "![a](b)", "(1) a"):
        (block,) = parse_markdown(text, extended=False)
        assert isinstance(block, Paragraph)


def test_links_and_emphasis_become_text() -> None:
    (block,) = parse_markdown(
        "[문서](https://example.com/a_(b))와 [부록 D][dev]의 _강조_는 *같은* snake_case_name 이다."
    )
    assert block == Paragraph.of("문서와 부록 D의 강조는 같은 snake_case_name 이다.")


def test_geometry_and_confidence_are_no_part_of_what_a_block_says() -> None:
    here = Heading((Span("제목"),), 2, box=(1, 2, 3, 4), page=7, confidence=0.5)
    assert here == Heading.of("제목", 2) and to_markdown([here]) == "## 제목"
    assert here.at((0, 0, 1, 1)).page == 7
    assert Fields((("이름", "김"), ("비고", "")), ":") == Fields(
        (("이름", "김"), ("비고", "")), ":", box=(0, 0, 1, 1)
    )


def test_fields_are_lines() -> None:
    assert to_markdown([Fields((("이름", "김"), ("비고", "")), ":"), Fields((("합계", "3"),))]) == (
        "이름: 김\n비고:\n\n합계 3"
    )


_WORD = st.text("가나다라abcdef123<&", min_size=1, max_size=6)
_TEXT = st.lists(_WORD, min_size=1, max_size=8).map(" ".join)
_MARKER = st.sampled_from(("-", "1.", "23)", "가.", "(2)", "①"))


@st.composite
def _merged(draw: st.DrawFn) -> Table:
    """A table of a grid cut into rectangles: each cell of the first row may span rows, each other columns."""
    width, height = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    tall = draw(st.integers(2, height))
    rows: list[list[Cell]] = [[Cell(draw(_TEXT), rowspan=tall)]]
    rows += [[] if number < tall else [Cell(draw(_TEXT))] for number in range(1, height)]
    for row in rows:
        left = width - 1
        while left:
            span = draw(st.integers(1, left))
            row.append(Cell(draw(_TEXT), colspan=span))
            left -= span
    return Table(tuple(map(tuple, rows)), draw(st.integers(0, height)))


_BLOCK: st.SearchStrategy[Block] = st.one_of(
    st.builds(Heading.of, _TEXT, st.integers(1, 6)),
    st.builds(Paragraph.of, _TEXT),
    st.builds(Quote.of, _TEXT),
    st.builds(Item.of, _TEXT, _MARKER),
    st.lists(st.tuples(_TEXT, _TEXT), min_size=2, max_size=4).map(Table.of),
    _merged(),
    st.lists(st.tuples(_WORD, st.one_of(_TEXT, st.just(""))), min_size=2, max_size=4).map(
        lambda rows: Fields(tuple(rows), ":")
    ),
    st.lists(st.one_of(_TEXT, st.just("```"), st.just("")), min_size=1, max_size=4).map(tuple).map(Code),
    st.builds(Formula, st.text("abc{}\\^_ 12", min_size=1, max_size=9).map(str.strip).filter(bool)),
    st.builds(Figure, _TEXT, st.sampled_from(("", "a.png"))),
)


@given(st.lists(_BLOCK, min_size=1, max_size=8))
@settings(deadline=None)
def test_what_is_written_is_read_again(blocks: list[Block]) -> None:
    assert parse_markdown(to_markdown(blocks)) == blocks


@pytest.mark.parametrize(
    "text",
    [
        "<name>", "a <b>c</b>", "</div>", "<!-- 주석 -->", "C:\\<dir>", "x \\\\<y", "# 처음 한 번", "> 인용",
        "3 < 5",
        "\\# 가", "<br>",
        "<table>", "① 가", "㉠ 나", "Ⅰ. 총칙", "○ 담당", "※ 참고", "내선 ３３７번", "△ 3.5%, ▲ 2,104명",
        "on|off", "__init__", "*필수*", "`a`", "~취소~", "\\*a*", "a\\\\_b_", "1~2, 3~4", "** 계 **",
        "5621-****-****-3925",
    ],
)  # fmt: skip
def test_signs_of_the_page_survive(text: str) -> None:
    paragraph, table = Paragraph.of(text), Table.of([("이름", "값", "설명"), (text, "a|b", "끝")])
    if text[0] not in "①㉠○※":  # markers of items are the parser's to tell
        assert parse_markdown(to_markdown([paragraph])) == [paragraph]
    assert parse_markdown(to_markdown([table])) == [table]


def test_only_what_would_vanish_is_escaped() -> None:
    """As GitHub renders it: a tag would not show, a heading would be one, a pair of marks would be none;
    other signs stay as they are."""
    rows = [("이름", "값"), ("<name>", "on|off"), ("__init__", "3 < 5"), ("m<sup>2</sup>", "~취소~ # 1")]
    rows += [("a_b_c", "1~2회 *"), ("2 * 3 * 4", "`")]
    assert to_markdown([Table.of(rows)]).splitlines()[2:] == [
        "| \\<name> | on\\|off |",
        "| \\_\\_init\\_\\_ | 3 < 5 |",
        "| m<sup>2</sup> | \\~취소\\~ # 1 |",
        "| a_b_c | 1~2회 * |",
        "| 2 * 3 * 4 | ` |",
    ]
    assert to_markdown([Paragraph.of("# 가 <b>"), Paragraph.of("#가")]) == "\\# 가 \\<b>\n\n#가"
    assert to_markdown([Paragraph((Span("<T>", code=True),))]) == "`<T>`"


class _Shown(HTMLParser):
    """What a browser shows of HTML: the text of each cell or paragraph."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ("table", "thead", "tbody", "tr", "td", "th", "p"), f"a page's text became <{tag}>"
        if tag in ("tr", "p"):
            self.rows.append([])
        if tag in ("td", "th", "p"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def _shown(markdown: str) -> list[list[str]]:
    parser = _Shown()
    parser.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))
    return [[" ".join(text.split()) for text in row] for row in parser.rows]


_PAGE_TEXT = st.text("가나a1 |*_`~<>/#.:,-", min_size=1, max_size=14).map(lambda text: " ".join(text.split()))


@given(st.lists(st.tuples(_PAGE_TEXT, _PAGE_TEXT, _PAGE_TEXT), min_size=2, max_size=4))
@settings(deadline=None, max_examples=400)
def test_a_renderer_shows_the_cells_as_they_stand_on_the_page(rows: list[tuple[str, ...]]) -> None:
    assert _shown(to_markdown([Table.of(rows)])) == [list(row) for row in rows]
    merged = Table(
        (tuple(map(Cell, rows[0])), *((Cell(row[0], colspan=2), Cell(row[2])) for row in rows[1:]))
    )
    assert _shown(to_markdown([merged])) == [list(rows[0]), *([row[0], row[2]] for row in rows[1:])]


@given(_PAGE_TEXT)
@settings(deadline=None, max_examples=200)
def test_a_renderer_shows_a_paragraph_as_it_stands_on_the_page(text: str) -> None:
    assert _shown(to_markdown([Paragraph.of(f"가 {text}")])) == [[f"가 {text}".strip()]]


_MARKUP = (
    "<table>", "</table>", "<tr>", "<td colspan=3>", "<td rowspan='2'>", "<th>", "</td>", "<!--", "-->",
    "<br>", "<thead>", "a", "b", "|", "---", "\n", " ",
)  # fmt: skip
_FRAGMENTS = (
    "# ", "- ", "1. ", "```", "$$", "![a](b)", "> ", "**", "`", "*", "_", "[", "](", ")", "&lt;", *_MARKUP
)  # fmt: skip


@given(st.one_of(st.text(max_size=300), st.lists(st.sampled_from(_FRAGMENTS), max_size=40).map("".join)))
@settings(deadline=None, max_examples=300)
def test_any_text_parses_and_is_written_so_that_nothing_grows(text: str) -> None:
    for extended in (True, False):
        assert len(to_markdown(parse_markdown(text, extended))) <= 40 * len(text) + 40


@given(st.lists(st.sampled_from(_MARKUP), max_size=25))
@settings(deadline=None, max_examples=300)
def test_tables_that_were_written_once_are_written_the_same_again(fragments: list[str]) -> None:
    text = "<table><tr><td>" + "".join(fragments)
    tables = [block for block in parse_markdown(text) if isinstance(block, Table)]
    assert parse_markdown(to_markdown(tables)) == tables


@pytest.mark.parametrize(
    "piece",
    [
        "[a](", "[", "](", "**a ", "`", "``a`", "_a", "*a", "# #", "# a  #", "| ", "|-", "- ", "> ", "![",
        "<table", "<table>", "<table>\n", "<tr>", "<td ", "<td colspan", "<td rowspan=9999>", "colspan=",
        "<!--", "</", "$$", "$$a\n", "$$\n\n", "```\n", "  ", "\t", "a:\n", "1. ", "(1) ", "&", "&amp", "\\|",
        "|a|b\n|-|-\n", "- a\n  ",
    ],
)  # fmt: skip
def test_time_grows_in_proportion(piece: str) -> None:
    """Where it grew faster, the first of these texts would take hours."""
    for head in ("", "x", "<table><tr>", "<table><tr><td colspan=", "a: ", "| a |\n|---|\n"):
        parse_markdown(head + piece * (200_000 // len(piece)) + "x")


def _deep(count: int) -> str:
    return "\n".join("  " * depth + "- a" for depth in range(count))


@pytest.mark.parametrize(
    "make", [_deep, lambda n: "> " * n, lambda n: "|" * n + "\n" + "|-" * n + "\n" + "|" * n]
)
def test_deep_and_wide_documents(make: Callable[[int], str]) -> None:
    to_markdown(parse_markdown(make(1500)))
