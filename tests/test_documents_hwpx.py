"""HWPX: what becomes of text, numbers, tables, notes, formulas, pictures and changes."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adotx.documents.sources import open_pages
from adotx.documents.sources.hwpx.equation import latex
from adotx.documents.sources.numbering import Counter as Numbers
from adotx.documents.sources.numbering import Level, written
from adotx.markdown import Formula, Heading, Item, Paragraph, Quote, Table, to_markdown
from office_files import cell, hwpx, markdown, numbered_head, p, packed, png, reading, says, tbl

# Numbers


def test_numbers_of_all_korean_levels(tmp_path: Path) -> None:
    levels = numbered_head(
        ("DIGIT", "제^1장"),
        ("DIGIT", "^2."),
        ("HANGUL_SYLLABLE", "^3."),
        ("DIGIT", "^4)"),
        ("HANGUL_SYLLABLE", "^5)"),
        ("DIGIT", "(^6)"),
        ("CIRCLED_DIGIT", "^7"),
    )
    order = [1, 2, 3, 4, 5, 6, 7, 7, 3, 2, 1, 2]
    blocks = reading(hwpx(tmp_path / "a.hwpx", "".join(p("글", str(n)) for n in order), levels)).blocks
    assert [(b.kind, getattr(b, "marker", "") or b.text) for b in blocks] == [  # type: ignore[attr-defined]
        ("heading", "제1장 글"),
        ("item", "1."),
        ("item", "가."),
        ("item", "1)"),
        ("item", "가)"),
        ("item", "(1)"),
        ("item", "①"),
        ("item", "②"),
        ("item", "나."),
        ("item", "2."),
        ("heading", "제2장 글"),
        ("item", "1."),
    ]


def test_outlines_are_headings_and_number_paths_are_whole(tmp_path: Path) -> None:
    levels = numbered_head(("DIGIT", "^1."), ("DIGIT", "^1.^2."), kind="OUTLINE")
    body = (
        p("<hp:secPr outlineShapeIDRef='1'/>") + p("하나", "1") + p("둘", "2") + p("셋", "2") + p("넷", "1")
    )
    blocks = reading(hwpx(tmp_path / "a.hwpx", body, levels)).blocks
    assert blocks == (
        Heading.of("1. 하나", 1),
        Heading.of("1.1. 둘", 2),
        Heading.of("1.2. 셋", 2),
        Heading.of("2. 넷", 1),
    )


@pytest.mark.parametrize(
    ("number", "format", "text"),
    [
        (15, "HANGUL_SYLLABLE", "가가"),
        (3, "CIRCLED_HANGUL_SYLLABLE", "㉰"),
        (2, "HANGUL_JAMO", "ㄴ"),
        (21, "CIRCLED_DIGIT", "㉑"),
        (4, "ROMAN_CAPITAL", "IV"),
        (28, "LATIN_SMALL", "ab"),
        (13, "HANGUL_PHONETIC", "십삼"),
        (120, "IDEOGRAPH", "百二十"),
        (5, "DECAGON_CIRCLE", "무"),
        (3, "ganada", "다"),
        (11, "decimalEnclosedCircle", "⑪"),
        (23, "koreanCounting", "이십삼"),
        (21, "koreanLegal", "스물하나"),
        (10**12, "ROMAN_CAPITAL", "1000000000000"),
        (-1, "ganada", "-1"),
    ],
)
def test_a_number_is_written_as_its_format_says(number: int, format: str, text: str) -> None:
    assert written(number, format) == text


def test_numbers_below_begin_anew_and_missing_levels_count_as_begun() -> None:
    numbers = Numbers([Level((0, ".")), Level((0, ".", 1, "."))])
    assert [numbers.next(level) for level in (1, 1, 0, 1)] == ["1.1.", "1.2.", "2.", "2.1."]


def test_typed_numbers_are_items_and_bullets_stay(tmp_path: Path) -> None:
    body = p("1. 개요") + p("  가. 목적") + p("  ○ 담당") + p("※ 참고") + p("- 내선")
    blocks = reading(hwpx(tmp_path / "a.hwpx", body)).blocks
    assert blocks == (
        Item.of("개요", "1.", 0),
        Item.of("목적", "가.", 1),
        Item.of("○ 담당", "-", 1),
        Paragraph.of("※ 참고"),
        Item.of("내선", "-", 0),
    )


def test_a_large_short_line_is_a_heading(tmp_path: Path) -> None:
    looks = '<hh:charPr id="0" height="1000"/><hh:charPr id="1" height="1800"><hh:bold/></hh:charPr>'
    blocks = reading(hwpx(tmp_path / "a.hwpx", p("공고", char="1") + p("긴 본문이다. " * 9), looks)).blocks
    assert blocks[0] == Heading.of("공고", 1) and isinstance(blocks[1], Paragraph)


# Tables


def test_merged_cells_keep_their_places_and_holes_are_cells(tmp_path: Path) -> None:
    table = tbl(
        cell(0, 0, p("가"), rows=2) + cell(0, 1, p("나") + p("다"), columns=2), cell(1, 2, p("라 | &lt;b>"))
    )
    [block] = reading(hwpx(tmp_path / "a.hwpx", p(table))).blocks
    assert isinstance(block, Table)
    assert [(row, column, each.text) for row, column, each in block.placed()] == [
        (0, 0, "가"),
        (0, 1, "나\n다"),
        (1, 1, ""),
        (1, 2, "라 | <b>"),
    ]
    assert '<th colspan="2">나<br>다</th>' in to_markdown([block])


def test_a_table_in_a_cell_is_a_table_and_its_text_the_cells(tmp_path: Path) -> None:
    inner = tbl(cell(0, 0, p("안1")) + cell(0, 1, p("안2")))
    body = p(tbl(cell(0, 0, p("앞") + p(inner) + p("뒤")) + cell(0, 1, p("옆"))))
    [block] = reading(hwpx(tmp_path / "a.hwpx", body)).blocks
    assert isinstance(block, Table)
    assert block.texts == (("앞\n안1 안2\n뒤", "옆"),) and not block.plain
    assert "앞<table><tr><th>안1</th><th>안2</th></tr></table>뒤" in to_markdown([block])


def test_a_table_of_one_cell_is_a_box(tmp_path: Path) -> None:
    blocks = reading(hwpx(tmp_path / "a.hwpx", p(tbl(cell(0, 0, p("알림") + p("1. 하나")))))).blocks
    assert blocks == (Quote.of("알림"), Item.of("하나", "1."))


def test_contradicting_places_cost_no_text(tmp_path: Path) -> None:
    table = tbl(cell(0, 0, p("가"), columns=3) + cell(0, 1, p("나")), cell(4_000_000_00, 9, p("다")))
    [block] = reading(hwpx(tmp_path / "a.hwpx", p(table))).blocks
    assert isinstance(block, Table) and [[c.text for c in row] for row in block.rows] == [
        ["가", "나"],
        ["다"],
    ]


# What stands in and beside text


def test_boxes_notes_headers_and_footers(tmp_path: Path) -> None:
    note = (
        '<hp:ctrl><hp:footNote number="1"><hp:subList>'
        + p(
            '<hp:ctrl><hp:autoNum num="1" numType="FOOTNOTE"><hp:autoNumFormat type="DIGIT" suffixChar=")"/>'
            "</hp:autoNum></hp:ctrl><hp:t> 덧붙인 말</hp:t>"
        )
        + "</hp:subList></hp:footNote></hp:ctrl>"
    )
    running = "".join(
        f"<hp:ctrl><hp:{name}><hp:subList>{p(text)}</hp:subList></hp:{name}></hp:ctrl>"
        for name, text in (("header", "위"), ("footer", "아래"))
    )
    box = f"<hp:rect><hp:drawText><hp:subList>{p('상자')}</hp:subList></hp:drawText></hp:rect>"
    body = p(f"{running}<hp:t>본문{{}}</hp:t>".format("")) + p(f"<hp:t>말</hp:t>{note}<hp:t>이다</hp:t>{box}")
    blocks = reading(hwpx(tmp_path / "a.hwpx", body)).blocks
    assert blocks == (
        Paragraph.of("위"),
        Paragraph.of("본문"),
        Paragraph.of("말¹⁾이다"),
        Quote.of("상자"),
        Item.of("덧붙인 말", "1)"),
        Paragraph.of("아래"),
    )


def test_tracked_changes_are_accepted_or_shown(tmp_path: Path) -> None:
    text = (
        '<hp:t>변경<hp:deleteBegin Id="2"/> 추적<hp:deleteEnd Id="2"/> <hp:insertBegin Id="1"/>인간은'
        '<hp:insertEnd Id="1"/></hp:t>'
    )
    file = hwpx(tmp_path / "a.hwpx", p(text) + p('<hp:t><hp:deleteBegin Id="9"/>남는다</hp:t>'))
    assert markdown(file) == "변경 인간은\n\n남는다"  # a change that never ends is not believed
    assert markdown(file, show_changes=True) == "변경<del> 추적</del> <ins>인간은</ins>\n\n남는다"


def test_composed_characters_ruby_fields_and_controls(tmp_path: Path) -> None:
    body = (
        p(
            '<hp:compose circleType="SHAPE_CIRCLE" composeText="21"/><hp:t> </hp:t>'
            '<hp:compose circleType="CHAR" composeText="AO"/>'
        )
        + p("<hp:dutmal><hp:mainText>漢字</hp:mainText><hp:subText>한자</hp:subText></hp:dutmal>")
        + p(
            '<hp:checkBtn caption="동의" value="CHECKED"/><hp:t> </hp:t>'
            '<hp:checkBtn caption="거부" value="UNCHECKED"/>'
        )
        + p(
            '<hp:ctrl><hp:fieldBegin type="CLICK_HERE" name="이름"/></hp:ctrl><hp:t>홍길동</hp:t>'
            "<hp:ctrl><hp:fieldEnd/></hp:ctrl>"
        )
    )
    assert markdown(hwpx(tmp_path / "a.hwpx", body)).split("\n\n") == [
        "㉑ AO",
        "漢字(한자)",
        "☑ 동의 ☐ 거부",
        "홍길동",
    ]


def test_comments_that_are_not_printed_are_told(tmp_path: Path) -> None:
    hidden = f"<hp:ctrl><hp:hiddenComment><hp:subList>{p('속말')}</hp:subList></hp:hiddenComment></hp:ctrl>"
    [page] = open_pages(hwpx(tmp_path / "a.hwpx", p(f"<hp:t>겉</hp:t>{hidden}")))
    assert page.given is not None and (found := page.given(says)) is not None
    assert found.blocks == (Paragraph.of("겉"), Quote.of("속말")) and len(page.notes) == 1


def test_pictures_are_read_once_and_lost_ones_told(tmp_path: Path) -> None:
    shown = "".join(
        p(f'<hp:pic><hc:img binaryItemIDRef="{name}"/></hp:pic>') for name in ("a", "a", "b", "gone")
    )
    file = hwpx(tmp_path / "a.hwpx", shown, BinData__a="", BinData__b="")
    packed(
        file,
        {name: zipfile.ZipFile(file).read(name) for name in ("Contents/header.xml", "Contents/section0.xml")}
        | {"BinData/a.png": png(60, 40), "BinData/b.wmf": b"no picture"},
    )
    [page] = open_pages(file)
    assert page.given is not None and (found := page.given(says)) is not None
    assert [b for b in found.blocks if isinstance(b, Paragraph)] == [Paragraph.of("60 x 40")]
    assert [str(each) for each in page.missing] == ["2 picture(s) could not be shown"]
    assert found.confidence is not None and found.confidence < 1


# Formulas


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            '{"123"} over {123 sqrt {3466}} sum _{34} ^{12}',
            r"\frac{\text{123}}{123 \sqrt{3466}} \sum_{34}^{12}",
        ),
        ("x = {-b +- sqrt {b^2 -4ac}} over {2a}", r"x = \frac{- b \pm \sqrt{b^{2} - 4 ac}}{2 a}"),
        ("root 3 of {x+1}", r"\sqrt[3]{x + 1}"),
        ("pmatrix{a & b # c & d}", r"\begin{pmatrix}a & b \\ c & d\end{pmatrix}"),
        ("cases{1 & x>0 # 0 & x<0}", r"\begin{cases}1 & x > 0 \\ 0 & x < 0\end{cases}"),
        ("LEFT ( {1 over 2} RIGHT )", r"\left( {\frac{1}{2}} \right)"),
        ("left a over b right )", r"\left. \frac{a}{b} \right)"),
        ("lim _{x -> inf} f(x)", r"\lim_{x \to \infty} f ( x )"),
        ("int from 0 to 1 x dx", r"\int_{0}^{1} x dx"),
        ("rm kg cdot m SUP 2", r"\mathrm{kg} \cdot m^{2}"),
        ("hat x + bar {AB}", r"\hat{x} + \overline{AB}"),
        ("a = b # c = d", r"\begin{aligned}a = b \\ c = d\end{aligned}"),
        ("온도 over 시간", r"\frac{온도}{시간}"),
    ],
)
def test_equation_scripts_as_latex(script: str, expected: str) -> None:
    assert latex(script) == expected


@given(
    st.text('{}_^#&~ ab1"\\', max_size=60)
    | st.lists(
        st.sampled_from(
            [
                "over",
                "sqrt",
                "root",
                "of",
                "{",
                "}",
                "left",
                "right",
                "matrix",
                "sum",
                "_",
                "^",
                "a",
                "rm",
                "hat",
                "#",
                "&",
            ]
        ),
        max_size=40,
    ).map(" ".join)
)
def test_any_script_gives_latex_and_loses_no_letter(script: str) -> None:
    made = latex(script)
    assert all(made.count(letter) >= len(re.findall(rf"\b{letter}\b", script)) for letter in "ab1")


def test_a_formula_alone_is_a_block_and_else_in_its_line(tmp_path: Path) -> None:
    formula = "<hp:equation><hp:script>a over b</hp:script></hp:equation>"
    blocks = reading(
        hwpx(tmp_path / "a.hwpx", p(formula) + p(f"<hp:t>값은 </hp:t>{formula}<hp:t>이다</hp:t>"))
    ).blocks
    assert blocks == (Formula(r"\frac{a}{b}"), Paragraph.of(r"값은 $\frac{a}{b}$이다"))
