"""From lines with their texts to Markdown: kinds of blocks, joins, tables, code."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adotx.documents.assembly.assemble import write_blocks
from adotx.documents.assembly.blocks import Block, Body, Seen, flow_blocks, join_lines, set_levels
from adotx.documents.assembly.code import code_score, is_code
from adotx.documents.assembly.joins import glue, space_odds
from documents_pages import WORDS, Drawn, markdown_of

BODY = Body(em=24.0, weight=0.1, advance=24.0)


def seen(text: str, y: float, x0: float = 50, x1: float = 850, em: float = 24, weight: float = 0.1) -> Seen:
    return Seen(text, x0, x1, y, em, weight, advance=em, first=40)


def kinds(lines: list[Seen], body: Body = BODY) -> list[str]:
    return [block.kind for block in flow_blocks(lines, 860, body)]


def test_a_page_of_headings_paragraphs_and_a_list() -> None:
    page = Drawn.blank(1000, 1000)
    page.text(60, 40, "A title in large type", 44)
    y = page.paragraph(60, 130, 880, WORDS[:30])
    y = page.paragraph(60, y + 30, 880, WORDS[5:33])
    page.text(60, y + 40, "A smaller heading", 34)
    for number, item in enumerate(("first of all", "then this", "at last that")):
        page.text(80, y + 110 + 40 * number, f"- {item}")
    assert markdown_of(page) == "\n\n".join(
        (
            "# A title in large type",
            " ".join(WORDS[:30]),
            " ".join(WORDS[5:33]),
            "## A smaller heading",
            "- first of all\n- then this\n- at last that",
        )
    )


def test_a_form_is_one_pair_a_line() -> None:
    page = Drawn.blank(900, 300)
    for number, (key, value) in enumerate((("Name:", "Kim"), ("Date:", "2024. 3. 1."), ("Place:", "Seoul"))):
        page.text(60, 50 + 44 * number, key)
        page.text(260, 50 + 44 * number, value)
    assert markdown_of(page) == "Name: Kim\nDate: 2024. 3. 1.\nPlace: Seoul"


def test_code_keeps_its_lines_and_indents() -> None:
    page = Drawn.blank(900, 420)
    page.paragraph(60, 30, 800, WORDS[:12])
    lines = (
        "def total(items):",
        "    result = 0",
        "    for item in items:",
        "        result += item.price",
        "    return result",
    )
    for number, line in enumerate(lines):
        page.text(80 + 11 * (len(line) - len(line.lstrip())), 120 + 36 * number, line.strip(), 22)
    text = markdown_of(page)
    assert [line.strip() for line in text.split("```")[1].strip("\n").split("\n")] == [
        line.strip() for line in lines
    ]
    indents = [len(line) - len(line.lstrip()) for line in text.split("```")[1].strip("\n").split("\n")]
    assert indents[0] < indents[1] == indents[2] < indents[3] and indents[4] == indents[1]


def test_a_wider_gap_or_an_indent_begins_a_paragraph() -> None:
    lines = [seen("one", 0), seen("two", 36), seen("three", 90), seen("four", 126)]
    assert [b.text for b in flow_blocks(lines, 860, BODY)] == ["one two", "three four"]
    lines = [seen("one", 0, 80), seen("two", 36), seen("three", 72, 80), seen("four", 108)]
    assert [b.text for b in flow_blocks(lines, 860, BODY)] == ["one two", "three four"]


def test_a_line_with_room_for_the_next_word_ends_its_paragraph() -> None:
    lines = [seen("one", 0), seen("two", 36, x1=400), seen("three", 72)]
    assert [b.text for b in flow_blocks(lines, 860, BODY)] == ["one two", "three"]


def test_items_go_on_under_their_text() -> None:
    lines = [seen("• one", 0, 60), seen("more", 36, 90), seen("• two", 72, 60), seen("1) three", 108, 60)]
    blocks = flow_blocks(lines, 860, BODY)
    assert [(b.kind, b.marker, b.text) for b in blocks] == [
        ("item", "-", "one more"),
        ("item", "-", "two"),
        ("item", "1)", "three"),
    ]


def test_large_or_bold_lines_are_headings_and_sentences_are_not() -> None:
    assert kinds([seen("Large", 0, x1=200, em=40)]) == ["heading"]
    assert kinds([seen("Bold", 0, x1=200, weight=0.15), seen("and text.", 60)]) == ["heading", "paragraph"]
    assert kinds([seen("A little larger than most.", 0, em=26)]) == ["paragraph"]
    blocks = [Block("heading", "a", ratio=r) for r in (1.8, 1.3, 1.1)]
    set_levels(blocks)
    assert [block.level for block in blocks] == [1, 2, 3]


def test_nested_items_are_indented() -> None:
    blocks = [
        Block("item", "a", marker="1.", x0=50),
        Block("item", "b", marker="-", x0=90),
        Block("item", "c", marker="2.", x0=50),
        Block("paragraph", "d"),
    ]
    set_levels(blocks)
    assert write_blocks(blocks) == "1. a\n   - b\n2. c\n\nd"


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("이 문서는 새로 바뀐 신청 절", "차와 서류를 안내합니다", ""),
        ("회의는 매주 수요일에", "열리며 자료는 공유합니다", " "),
        ("설치가 끝났습니다.", "다음으로 넘어갑니다", " "),
        ("값은 (", "예를 들어)", ""),
        ("이것은 목록", ", 그리고 표", ""),
        ("read the", "manual first", " "),
        ("", "처음", ""),
    ],
)
def test_glue_where_lines_break_anywhere(left: str, right: str, expected: str) -> None:
    assert glue(left, right, anywhere=True) == expected


def test_glue_where_lines_break_between_words() -> None:
    assert glue("신청 절", "차와", anywhere=False) == " "
    assert join_lines(["가나", "다라", "마"], False) == "가나 다라 마"
    assert space_odds("했습니다", "그러나") > 0 > space_odds("프로그", "램을")


@given(st.lists(st.text(min_size=1, max_size=12), max_size=6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_joining_loses_no_letter(texts: list[str], anywhere: bool) -> None:
    assert join_lines(texts, anywhere).replace(" ", "") == "".join(texts).replace(" ", "")


CODE = (
    "import numpy as np",
    "for (int i = 0; i < n; i++) {",
    "let x = vec![1, 2];",
    "$ pip install adotx",
    "})",
    "self.items.append(x)",
)
TEXT = (
    "오늘은 날씨가 맑습니다.",
    "The board met on Monday and agreed.",
    "제3조 (목적) 이 규정은 다음과 같다.",
    "합계: 12,000원",
)


def test_code_is_told_from_text() -> None:
    assert min(map(code_score, CODE)) >= 0.5 > max(map(code_score, TEXT))
    assert is_code(CODE) and not is_code(TEXT) and not is_code([])


@given(st.text(max_size=60))
@settings(max_examples=80, deadline=None)
def test_any_line_has_a_score(line: str) -> None:
    assert 0 <= code_score(line) <= 1


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=20), st.integers(0, 900), st.integers(10, 60)), max_size=12
    )
)
@settings(max_examples=60, deadline=None)
def test_any_lines_become_blocks_without_loss(lines: list[tuple[str, int, int]]) -> None:
    rows = [
        Seen(" ".join(text.split()) or "x", x, x + 100, 40.0 * n, em, 0.1, advance=em, first=30)
        for n, (text, x, em) in enumerate(lines)
    ]
    blocks = flow_blocks(rows, 1000, BODY)
    set_levels(blocks)
    letters = "".join("".join(write_blocks(blocks).split()))
    # Bullets become "-"; all else that was read is written.
    assert all(row.text.split()[-1] in letters for row in rows if row.text[0].isalnum())
