"""From lines with their texts to Markdown: kinds of blocks, joins, tables, code."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adotx.documents.assembly import PlacedFlow, PlacedGrid, PlacedLine, PlacedPage, assemble
from adotx.documents.assembly.body import Body
from adotx.documents.assembly.code import code_score, is_code
from adotx.documents.assembly.flow import Draft, flow_blocks
from adotx.documents.assembly.joins import SOFT_HYPHEN, glue, join_lines, space_odds
from adotx.documents.assembly.levels import with_levels
from adotx.markdown import Block, Fields, Heading, Item, Paragraph, Table, to_markdown
from documents_pages import WORDS, Drawn, blocks_of, markdown_of

BODY = Body(em=24.0, weight=0.1, advance=24.0)


def line(
    text: str, y: float, x0: float = 50, x1: float = 850, em: float = 24, weight: float = 0.1
) -> PlacedLine:
    return PlacedLine(text, (x0, y - 12, x1, y + 12), (y - 10, y + 10), em, weight, advance=em, first=40)


def blocks(*lines: PlacedLine) -> list[Block]:
    return [draft.block for draft in flow_blocks(PlacedFlow(lines, 860), BODY)]


def texts(*lines: PlacedLine) -> list[str]:
    return [to_markdown([block]) for block in blocks(*lines)]


def kinds(*lines: PlacedLine) -> list[str]:
    return [block.kind for block in blocks(*lines)]


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
    for number, code in enumerate(lines):
        page.text(80 + 11 * (len(code) - len(code.lstrip())), 120 + 36 * number, code.strip(), 22)
    text = markdown_of(page)
    assert [each.strip() for each in text.split("```")[1].strip("\n").split("\n")] == [
        each.strip() for each in lines
    ]
    indents = [len(each) - len(each.lstrip()) for each in text.split("```")[1].strip("\n").split("\n")]
    assert indents[0] < indents[1] == indents[2] < indents[3] and indents[4] == indents[1]


def test_a_wider_gap_or_an_indent_begins_a_paragraph() -> None:
    apart = texts(line("one", 0), line("two", 36), line("three", 90), line("four", 126))
    assert apart == ["one two", "three four"]
    indented = texts(line("one", 0, 80), line("two", 36), line("three", 72, 80), line("four", 108))
    assert indented == ["one two", "three four"]


def test_a_line_with_room_for_the_next_word_ends_its_paragraph() -> None:
    assert texts(line("one", 0), line("two", 36, x1=400), line("three", 72)) == ["one two", "three"]


def test_items_go_on_under_their_text() -> None:
    found = blocks(
        line("• one", 0, 60), line("more", 36, 90), line("• two", 72, 60), line("1) three", 108, 60)
    )
    assert found == [Item.of("one more"), Item.of("two"), Item.of("three", "1)")]


def test_large_or_bold_lines_are_headings_and_sentences_are_not() -> None:
    assert kinds(line("Large", 0, x1=200, em=40)) == ["heading"]
    assert kinds(line("Bold", 0, x1=200, weight=0.15), line("and text.", 60)) == ["heading", "paragraph"]
    assert kinds(line("A little larger than most.", 0, em=26)) == ["paragraph"]
    drafts = [Draft(Heading.of("a"), ratio) for ratio in (1.8, 1.3, 1.1)]
    assert with_levels(drafts) == [Heading.of("a", level) for level in (1, 2, 3)]


def test_nested_items_are_indented() -> None:
    drafts = [
        Draft(Item.of("a", "1."), x0=50),
        Draft(Item.of("b", "-"), x0=90),
        Draft(Item.of("c", "2."), x0=50),
        Draft(Paragraph.of("d")),
    ]
    assert to_markdown(with_levels(drafts)) == "1. a\n   - b\n2. c\n\nd"


def test_lines_without_pixels_become_a_page() -> None:
    # What a text layer gives: text and boxes. Rows of cells, some of them empty.
    rows = [[[line("품목", 200, 60, 120)], [line("금액", 200, 300, 360)]]]
    rows += [[[line(name, y, 60, 120)], [line(sum_, y, 300, 360)]] for name, sum_, y in GOODS]
    page = PlacedPage(
        [
            PlacedFlow([line("견적서", 40, 400, 500, em=48)], 860),
            PlacedFlow([line("아래와 같이 보냅니다.", 120, x1=300)], 860),
            PlacedGrid(rows, ruled=False),
            PlacedGrid([[[line("합계", 360, 40, 100)], [line("5,000", 360, 300, 360)]]], ruled=False),
        ],
        em=24.0,
        to_image=(2.0, 0.0, 10.0, 0.0, 2.0, 20.0, 0.0, 0.0, 1.0),
    )
    title, text, table, total = assemble(page)
    assert (title, text) == (Heading.of("견적서", 1), Paragraph.of("아래와 같이 보냅니다."))
    assert table == Table.of([("품목", "금액"), ("사과", "2,000"), ("배", "3,000")])
    assert total == Fields((("합계", "5,000"),))
    assert title.box == (810, 76, 1010, 124) and table.box == (130, 396, 730, 604)


GOODS = (("사과", "2,000", 240), ("배", "3,000", 280))


def test_boxes_are_those_of_the_image() -> None:
    page = Drawn.blank(1000, 700)
    page.text(60, 40, "A title in large type", 44)
    page.paragraph(60, 130, 880, WORDS)
    title, text = blocks_of(page)
    assert title.box and text.box
    for box, lines in ((title.box, page.lines[:1]), (text.box, page.lines[1:])):
        truth = [min(n.flat[at] for n in lines) for at in (0, 1)] + [
            max(n.flat[at] for n in lines) for at in (2, 3)
        ]
        assert max(abs(a - b) for a, b in zip(box, truth, strict=True)) <= 4


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
        # the page maker breaks no word at these, so the line ended between words
        ("그가 말했다", "'좋다'", " "),
        ("어제는", "-3도", " "),
        ("가격은 $", "얼마", " "),
    ],
)
def test_glue_where_lines_break_anywhere(left: str, right: str, expected: str) -> None:
    assert glue(left, right, anywhere=True) == expected


def said(*texts: str) -> list[PlacedLine]:
    """Lines of which only the text matters."""
    return [PlacedLine(text, (0, 0, 1, 1), (0, 1), 1.0) for text in texts]


def test_glue_where_lines_break_between_words() -> None:
    assert glue("신청 절", "차와", anywhere=False) == " "
    assert join_lines(said("가나", "다라", "마"), False) == "가나 다라 마"
    assert space_odds("했습니다", "그러나") > 0 > space_odds("프로그", "램을")


def test_words_parted_at_a_line_s_end_are_whole_again() -> None:
    parted = said("no differ\u00ad", "ence in the north\u00ad", "East\u00ad")
    assert join_lines(parted, False) == "no difference in the north-East-"


def test_hyphens_that_words_have_stay() -> None:
    assert (
        join_lines(said("a well\u00ad", "known five\u00ad", "year plan"), False)
        == "a well-known five-year plan"
    )


def test_blanks_at_the_ends_of_lines_say_where_words_end() -> None:
    first, second = said("설명은 사업 시행 규정", "집행 내역을")
    assert space_odds(first.text, second.text) < 3
    for known, seam in ((True, "규정 집행"), (False, "규정집행")):
        for anywhere in (True, False):
            assert seam in join_lines([replace(first, ends_word=known), second], anywhere)
    address = said("https://example.org/a/", "b.html")
    assert (
        join_lines([replace(address[0], ends_word=False), address[1]], False)
        == "https://example.org/a/b.html"
    )


_SAID = st.text(
    st.characters(exclude_characters="\u00ad", exclude_categories=["Cs"]), min_size=1, max_size=12
)


@given(st.lists(_SAID, max_size=6), st.booleans())
@settings(max_examples=60, deadline=None)
def test_joining_loses_no_letter(texts: list[str], anywhere: bool) -> None:
    assert join_lines(said(*texts), anywhere).replace(" ", "") == "".join(texts).replace(" ", "")


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
        PlacedLine(" ".join(text.split()) or "x", (x, 40.0 * n, x + 100, 40.0 * n + 20), (0, 0), em, first=30)
        for n, (text, x, em) in enumerate(lines)
    ]
    rows = [replace(row, core=(row.box[1], row.box[3]), advance=row.em) for row in rows]
    written = to_markdown(with_levels(flow_blocks(PlacedFlow(rows, 1000), BODY)))
    # Signs of Markdown are escaped, and a backslash may be one of them.
    letters = "".join(written.replace("\\", "").split())
    # Bullets become "-"; all else that was read is written.
    said = [row.text.replace("\\", "").replace(SOFT_HYPHEN, "-") for row in rows if row.text[0].isalnum()]
    assert all(text.split()[-1] in letters for text in said if text.split())


def test_a_list_in_mixed_script_is_no_code() -> None:
    from adotx.documents.assembly.code import is_code

    assert not is_code(["* 文化財를 保存하고 傳統을 繼承하는 것은 責任이다.", "* 委員長은 會議를 召集한다."])
    assert is_code(["x = [1, 2]", "print(x[0])  # 첫째"])


@pytest.mark.parametrize("label", ["[Web발신]", "(A형)", "<별표 1>", "[KB국민카드]", "(2026.1.3 개정)"])
def test_a_label_is_no_code(label: str) -> None:
    assert not is_code([label]) and is_code(['["가", "나"]', "f(가, 나);"])


def test_a_sign_heads_nothing() -> None:
    def page(count: int) -> PlacedPage:
        lines = [
            PlacedLine(
                f"낱말 {n}",
                (0, 60.0 * n, 100, 60.0 * n + 40 - 20 * (n > 0)),
                (0, 0),
                40.0 if n == 0 else 20.0,
            )
            for n in range(count)
        ]
        return PlacedPage([PlacedFlow(lines, 400)], 20.0)

    assert all(isinstance(block, Paragraph) for block in assemble(page(3)))


def test_boxes_to_be_ticked_are_no_bullets() -> None:
    from adotx.documents.assembly.groups import BULLET

    assert BULLET.match("□ 제출 서류") and BULLET.match("■ 일시: 12월 7일")
    assert not any(map(BULLET.match, ("□ 남 [V] 여", "□ 동의함 ■ 동의하지 않음", "□ 예 ☑ 아니요")))


@pytest.mark.parametrize("text", ["2026년 11월 28일", "6,600원", "010-1245-9656"])
def test_a_figure_a_little_larger_heads_nothing(text: str) -> None:
    def heading(said: str) -> list[Block]:
        lines = [
            PlacedLine(t, (0, 60.0 * n, 200, 60.0 * n + size), (60 * n, 60 * n + size), size, size)
            for n, (t, size) in enumerate([(said, 23.0), ("여기에는 본문이 한 줄 서 있습니다.", 20.0)])
        ]
        return [draft.block for draft in flow_blocks(PlacedFlow(lines, 1000), BODY)]

    assert not any(isinstance(block, Heading) for block in heading(text))
