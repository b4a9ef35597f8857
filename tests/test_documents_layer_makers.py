"""What makers of PDFs do differently: blanks at lines' ends, rules between rows alone, heads on a ground,
columns that are not full, spaces as wide as others."""

from __future__ import annotations

from pathlib import Path

from adotx.documents.text_layer import plausible
from adotx.markdown import Block, Heading, Paragraph, Table, to_markdown
from pdf_files import Page, Text, pdf, width_of
from test_documents_text_layer import KOREAN, given, lines, saying, squeezed

GOODS = (
    ("품명", "규격", "납품일"),
    ("연장선", "M15 x 56", "2026. 12. 7."),
    ("고무 패킹", "M13 x 50", "2026. 12. 7."),
    ("작업등", "M11 x 68", "2026. 12. 7."),
    ("실리콘", "M10 x 60", "2026. 12. 7."),
    ("육각 볼트", "M12 x 28", "2026. 12. 7."),
)
NAMES = ("연장선을", "작업등을", "실리콘을", "사다리를", "장갑까지")


def cells(rows: tuple[tuple[str, ...], ...], y: float = 700, wide: float = 110) -> list[Text]:
    return [
        Text(66 + wide * column, y - 16 - 24 * row, said)
        for row, texts in enumerate(rows)
        for column, said in enumerate(texts)
    ]


def level(*ys: float, x0: float = 60, x1: float = 390) -> str:
    return "0.5 w " + " ".join(f"{x0} {y} m {x1} {y} l S" for y in ys)


def blocks_of(tmp_path: Path, page: Page) -> list[Block]:
    reading, _ = given(tmp_path, pdf([page]))
    assert reading is not None
    return list(reading.blocks)


def table_of(tmp_path: Path, page: Page) -> Table:
    [table] = [block for block in blocks_of(tmp_path, page) if isinstance(block, Table)]
    return table


def test_rules_between_rows_alone_leave_out_no_row(tmp_path: Path) -> None:
    """Neither the head above the first rule nor the row below the last; dates are one cell."""
    rules = level(*(700 - 24 * row for row in range(1, len(GOODS))))
    prose = lines(KOREAN, dy=-300)
    assert table_of(tmp_path, Page([*cells(GOODS), *prose], more=rules)).texts == GOODS


def test_lines_of_a_cell_between_rules_are_one_row(tmp_path: Path) -> None:
    long = ("시설관리소는 접수한 날부터 이레 안에", "결과를 다시 정리하여 주민에게 알린다.")
    drawn, rules = [*cells((("구분", "내용"),))], [700.0, 676.0]
    for row in range(4):
        top = 676 - 40 * row
        drawn += [
            Text(66, top - 24, f"항목 {row}"),
            *(Text(176, top - 16 - 15 * n, t) for n, t in enumerate(long)),
        ]
        rules.append(top - 40)
    table = table_of(tmp_path, Page(drawn, more=level(*rules)))
    assert [row[0] for row in table.texts] == ["구분", *(f"항목 {row}" for row in range(4))]
    assert {row[1] for row in table.texts[1:]} == {" ".join(long)}


def test_two_tables_with_a_paragraph_between_them_are_two(tmp_path: Path) -> None:
    wide = lines(KOREAN[:2], dy=-760 + 520, size=13)
    rules = [700 - 24 * row for row in range(1, 5)] + [440 - 24 * row for row in range(1, 5)]
    page = Page([*cells(GOODS[:4]), *wide, *cells(GOODS[:4], 440)], more=level(*rules))
    tables = [block for block in blocks_of(tmp_path, page) if isinstance(block, Table)]
    assert [table.texts for table in tables] == [GOODS[:4]] * 2


def test_two_tables_of_which_none_is_closed_are_two(tmp_path: Path) -> None:
    """No rule below the last row, so that the next is below another head; the cells under it are high."""
    rules = [700 - 24 * row for row in range(1, 6)]
    drawn, at = [*cells(GOODS), *cells((("구분", "내용", "비고"),), 520)], 496
    for row in range(3):
        rules.append(at)
        drawn += [Text(176, at - 16 - 15 * line, f"{word} 다시 센다") for line, word in enumerate(NAMES)]
        drawn += [Text(66, at - 46, f"항목 {row}"), Text(286, at - 46, "확인")]
        at -= 80
    page = Page(drawn, more=level(*rules, at))
    first, second = (block.texts for block in blocks_of(tmp_path, page) if isinstance(block, Table))
    assert first == GOODS and [row[::2] for row in second[1:]] == [(f"항목 {n}", "확인") for n in range(3)]


def test_a_head_on_a_ground_is_of_the_table_below_it(tmp_path: Path) -> None:
    """Every other row has upright rules, and the head none at all, as in a style of Word's."""
    ground = "0.8 g 60 676 330 24 re f 0 g "
    rules = level(*(676 - 24 * row for row in range(len(GOODS))))
    for row in range(1, len(GOODS), 2):
        rules += "".join(
            f" {60 + 110 * n} {700 - 24 * row} m {60 + 110 * n} {676 - 24 * row} l S" for n in range(4)
        )
    rules += f" 60 676 m 60 {700 - 24 * len(GOODS)} l S 390 676 m 390 {700 - 24 * len(GOODS)} l S"
    table = table_of(tmp_path, Page(cells(GOODS), more=ground + rules))
    assert table.texts == GOODS


def test_the_row_of_a_table_that_goes_on_has_no_rule_above(tmp_path: Path) -> None:
    rows = (("", "결과를 다시 정리하여 알린다", "12. 7."),)
    rules = level(676) + "".join(f" {60 + x} 700 m {60 + x} 676 l S" for x in (0, 110, 260, 330))
    drawn = [Text(176, 684, rows[0][1]), Text(326, 684, rows[0][2])]
    table = table_of(tmp_path, Page([*drawn, *lines(KOREAN, dy=-200)], more=rules))
    assert table.texts == rows


def column(texts: tuple[str, ...], x: float, y: float = 760, count: int = 1) -> list[Text]:
    return [Text(x, y - 16 * row, said, 9) for row, said in enumerate(texts * count)]


def test_a_column_that_is_not_full_is_read_last(tmp_path: Path) -> None:
    page = Page([*column(KOREAN, 50, count=5), *column(KOREAN[:2], 320)])
    text = squeezed(to_markdown(blocks_of(tmp_path, page)))
    assert text == squeezed("".join(KOREAN * 5 + KOREAN[:2]))


def test_so_is_one_line_beside_a_justified_column(tmp_path: Path) -> None:
    """Wide spaces part the words of a justified line."""
    drawn, words, row = column(KOREAN[:1], 320), " ".join(KOREAN * 5).split(), 0
    left = list(words)
    while left:
        count = next(n for n in range(len(left), 0, -1) if width_of(" ".join(left[:n]), 9) <= 240)
        line, left = left[:count], left[count:]
        gap = (240 - sum(width_of(word, 9) for word in line)) / max(count - 1, 1) if left else 3.0
        x = 50.0
        for word in line:
            drawn.append(Text(x, 760 - 16 * row, word, 9))
            x += width_of(word, 9) + gap
        row += 1
    text = squeezed(to_markdown(blocks_of(tmp_path, Page(drawn))))
    assert text == "".join(words) + squeezed(KOREAN[0])


def test_the_end_of_a_word_is_no_mark_of_a_list(tmp_path: Path) -> None:
    said = (
        KOREAN[0] + " 계획을 모두 다시 살펴보았",
        "다. 나머지는 다음에 알린다. 주민은 한낮에 관리사무소에 찾아와서 무엇이든 더 물어볼 수 있습니",
    )
    blocks = blocks_of(tmp_path, Page(lines((*said, "다. 고맙습니다."), size=9)))
    assert [type(block) for block in blocks] == [Paragraph]
    assert squeezed(to_markdown(blocks)) == squeezed("".join((*said, "다. 고맙습니다.")))


def test_a_list_of_letters_is_a_list_still(tmp_path: Path) -> None:
    items = ("가. " + KOREAN[0], "나. " + KOREAN[1], "다. " + KOREAN[2])
    text = to_markdown(blocks_of(tmp_path, Page(lines(items, size=9))))
    assert [line[:2] for line in text.splitlines() if line] == ["가.", "나.", "다."]


def test_a_date_over_two_lines_is_no_list(tmp_path: Path) -> None:
    said = (KOREAN[0] + " 이 규정은 공고한 날인 2026. ", "9. 30.부터 시행한다. 다른 규정은 없다.")
    [block] = blocks_of(tmp_path, Page(lines(said, size=9)))
    assert isinstance(block, Paragraph) and "2026. 9. 30.부터" in block.text


def test_blanks_at_lines_ends_say_where_words_end(tmp_path: Path) -> None:
    """Lines that break anywhere: where a blank is drawn a word ends, elsewhere none does."""
    said = "사업 시행 규정 집행 내역을 검토하였다 " * 9
    parts = [said[at : at + 31] for at in range(0, len(said) - 31, 31)]
    assert any(part.endswith(" ") for part in parts) and any(part[-1] != " " for part in parts)
    text = to_markdown(blocks_of(tmp_path, Page(lines(tuple(parts)))))
    assert text == "".join(parts).strip()


def test_spaces_between_hangul_and_figures_are_as_wide_as_others(tmp_path: Path) -> None:
    """No blank is drawn for some lines, and their spaces are 0.3 em."""
    said, drawn = "회의는 오전 10시부터 오후 4시 사이에 열며 자료는 3일 전에 보낸다", []
    x = 60.0
    for word in said.split():
        drawn += [
            Text(x + sum(width_of(each, 9) for each in word[:at]), 500, char, 9)
            for at, char in enumerate(word)
        ]
        x += sum(width_of(each, 9) for each in word) + 0.3 * 9
    text = to_markdown(blocks_of(tmp_path, Page([*lines(KOREAN), *drawn])))
    assert said in text


def test_codes_and_names_beside_another_script_are_not_odd() -> None:
    english = "The committee reviewed the annual figures and found no difference between the records. "
    assert plausible.is_plausible(english + "연간 보고 뷁훑 챙겼")
    assert plausible.is_plausible("Bolt 7DL06ZCKD9 QX7ZKJ 4,096 Valve T22KKAP3C1 7,935")


def test_a_heading_alone_above_a_table_is_no_row(tmp_path: Path) -> None:
    rules = level(*(700 - 24 * row for row in range(len(GOODS) + 1)))
    page = Page([Text(66, 716, "표 1. 납품할 물품", 11), *cells(GOODS), *lines(KOREAN, dy=-300)], more=rules)
    blocks = blocks_of(tmp_path, page)
    assert isinstance(blocks[0], Heading | Paragraph) and blocks[0].text == "표 1. 납품할 물품"
    assert isinstance(blocks[1], Table) and blocks[1].texts == GOODS


def test_columns_of_upright_letters_are_read_from_right_to_left(tmp_path: Path) -> None:
    said = ("세로쓰기로조판한글입니다", "오른쪽에서왼쪽으로읽습니다", "셋째줄도있습니다")
    drawn = [
        Text(500 - 30 * column, 760 - 18 * row, char, 14)
        for column, text in enumerate(said)
        for row, char in enumerate(text)
    ]
    reading, _ = given(tmp_path, pdf([Page(drawn)]), saying(*said))
    assert reading is not None and squeezed(to_markdown(reading.blocks)) == "".join(said)
    first, second = reading.lines[0].quad, reading.lines[1].quad
    assert min(x for x, _ in first) > max(x for x, _ in second)  # on the page as it is


def test_letters_in_a_narrow_cell_are_no_vertical_writing(tmp_path: Path) -> None:
    rules = level(700, 628) + " 60 700 m 60 628 l S 90 700 m 90 628 l S 390 700 m 390 628 l S"
    drawn = [Text(70, 684 - 22 * row, char) for row, char in enumerate("신청인")] + [Text(96, 660, "김하나")]
    table = table_of(tmp_path, Page([*drawn, *lines(KOREAN, dy=-200)], more=rules))
    assert table.texts == (("신청인", "김하나"),)


def test_a_table_between_two_others_parts_them(tmp_path: Path) -> None:
    """Rules of the first and the third are of one extent, and no paragraph is wider."""
    rules = level(*(700 - 24 * row for row in range(1, 5)), *(400 - 24 * row for row in range(1, 5)))
    rules += " " + level(560, 536, 512) + "".join(f" {x} 560 m {x} 512 l S" for x in (60, 170, 280, 390))
    page = Page([*cells(GOODS[:4]), *cells(GOODS[:2], 560), *cells(GOODS[:4], 400)], more=rules)
    tables = [block for block in blocks_of(tmp_path, page) if isinstance(block, Table)]
    assert [table.texts for table in tables] == [GOODS[:4], GOODS[:2], GOODS[:4]]


def test_cells_whose_lines_are_ragged_break_between_words(tmp_path: Path) -> None:
    said = ("도서관은 공사가 모두 끝나는 대로 시설", "점검표를 다시 살핀다.")
    drawn = [Text(66, 684, "구분"), Text(126, 684, said[0]), Text(126, 668, said[1])]
    more = ("안전", "수칙을 승인하지 않은 주민과 담당자가 함께", "점검한다.")
    drawn += [Text(66, 644, "내용"), *(Text(126, 644 - 16 * row, text) for row, text in enumerate(more))]
    rules = level(700, 660, 604) + "".join(f" {x} 700 m {x} 604 l S" for x in (60, 120, 390))
    table = table_of(tmp_path, Page([*drawn, *lines(KOREAN, dy=-200)], more=rules))
    assert table.texts == (("구분", " ".join(said)), ("내용", " ".join(more)))


def test_words_that_part_at_one_place_in_all_rows_are_one_cell(tmp_path: Path) -> None:
    """No blank is drawn between them, as browsers leave it out at times."""
    drawn, rows = [], 7
    for row in range(rows):
        y, x = 684 - 24 * row, 176.0
        drawn += [Text(66, y, "육각볼트"), Text(300, y, str(240 + row))]
        for word in ("M12", "x", str(40 + row)):
            drawn.append(Text(x, y, word))
            x += width_of(word, 11) + 0.3 * 11
    table = table_of(
        tmp_path, Page([*drawn, *lines(KOREAN, dy=-300)], more=level(*(700 - 24 * n for n in range(8))))
    )
    assert table.texts == tuple(("육각볼트", f"M12 x {40 + row}", str(240 + row)) for row in range(rows))
