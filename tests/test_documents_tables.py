"""Tables and folds on drawn pages: which figure stands in which cell, whatever rules there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adotx.documents.assembly import PlacedGrid, PlacedLine, PlacedPage, assemble
from adotx.documents.layout.bands import Flow, Grid
from adotx.documents.layout.bend import sag, unbent
from adotx.documents.layout.detect import Quads
from adotx.documents.layout.page import lay_out
from adotx.markdown import Fields, Table, parse_markdown, to_markdown
from documents_pages import WORDS, Drawn, markdown_of

HIGH = 42
ROWS = [
    ["name", "count", "price", "sum"],
    ["apple", "12", "3,400", "40,800"],
    ["bread", "7", "1,250", "8,750"],
    ["sugar", "131", "980", "128,380"],
    ["paper", "4", "12,000", "48,000"],
]


def figures(
    page: Drawn, y: float, rows: Sequence[Sequence[str]], rules: Sequence[int], wide: int = 150
) -> float:
    """A table with names flush left and figures flush right; `rules`: before which rows lines are drawn."""
    font = page.font(24)
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            right = 60 + wide * (column + 1) - 14 - font.getlength(cell)
            page.text(right if column and number else 72 + wide * column, y + 8 + HIGH * number, cell)
    for number in rules:
        page.rule(60, y + HIGH * number, 60 + wide * len(rows[0]), y + HIGH * number)
    return y + HIGH * len(rows)


def tables_of(page: Drawn) -> list[str]:
    """The tables that are read, as Markdown."""
    return [to_markdown([block]) for block in parse_markdown(markdown_of(page)) if isinstance(block, Table)]


@pytest.mark.parametrize("rules", ((), (1, 5), (1, 2, 3, 4, 5), range(6)))
def test_names_flush_left_head_figures_flush_right(rules: Sequence[int]) -> None:
    page = Drawn.blank(1000, 420)
    page.paragraph(60, 30, 880, WORDS[:14])
    figures(page, 130, ROWS, rules, wide=210)
    assert tables_of(page) == [to_markdown([Table.of(ROWS)])]


@pytest.mark.parametrize("rules", (range(6), (0, 1, 5)))
def test_tables_of_one_width_under_each_other_stay_apart(rules: Sequence[int]) -> None:
    page = Drawn.blank(900, 1000)
    y = 40.0
    for number in (1, 2, 3):
        page.text(60, y, f"table {number}")
        y = figures(page, y + 50, ROWS, rules) + 40
    assert tables_of(page) == [to_markdown([Table.of(ROWS)])] * 3


def test_rules_of_two_widths_make_two_tables() -> None:
    page = Drawn.blank(900, 1000)
    y = 40.0
    # The third is nearly as wide as the first.
    for number, wide in ((1, 150), (2, 110), (3, 152)):
        page.text(60, y, f"table {number}")
        y = figures(page, y + 50, ROWS, range(6), wide) + 40
    assert tables_of(page) == [to_markdown([Table.of(ROWS)])] * 3


def test_a_row_of_two_lines_does_not_end_a_table() -> None:
    page = Drawn.blank(900, 420)
    xs = (72, 300, 520)
    lines = [[["name", "count", "price"]], *([row[:3]] for row in ROWS[1:3])]
    lines += [[["a long", "31", "980"], ["sort of tea", "", ""]], [ROWS[4][:3]]]
    y = 40.0
    for row in lines:
        page.rule(60, y, 700, y)
        for line in row:
            for x, cell in zip(xs, line, strict=True):
                if cell:
                    page.text(x, y + 8, cell)
            y += 38
        y += 6
    page.rule(60, y, 700, y)
    (found,) = tables_of(page)
    assert "| a long sort of tea | 31 | 980 |\n| paper | 4 | 12,000 |" in found


def test_a_cell_of_one_line_stands_beside_the_middle_of_one_of_two() -> None:
    page = Drawn.blank(900, 420)
    for number, (name, first, second) in enumerate(
        (
            ("first part", "what was seen by", "members of the board"),
            ("second part", "what nobody asked", "in the meeting"),
            ("third part", "how the chair closed", "the session early"),
        )
    ):
        y = 60 + 90 * number
        page.text(72, y + 17, name)
        page.text(420, y, first)
        page.text(420, y + 34, second)
    text = " ".join(markdown_of(page).split())
    assert "second part what nobody asked in the meeting third part" in text


def test_rows_of_figures_are_no_columns_of_text() -> None:
    page = Drawn.blank(760, 620)
    rows = [["unit", "first", "second", "third", "fourth"]]
    rows += [
        ["office", "808,029", "1,543", "11,325", "4,126"],
        ["school", "9,773", "4,467", "2,204", "62,723"],
    ]
    y = figures(page, 40, rows, (), wide=118)
    page.text(60, y + 30, "table 2")
    more = [row[:4] for row in (*rows, ["police", "43,331", "901,306", "279,961"])]
    figures(page, y + 80, more, (), wide=130)
    assert tables_of(page) == [to_markdown([Table.of(found)]) for found in (rows, more)]


def ruled(merged: bool = False) -> Drawn:
    page = Drawn.blank(900, 330)
    for number, row in enumerate(ROWS):
        for column, cell in enumerate(row):
            if not (merged and number == 3 and column == 2):
                page.text(72 + 180 * column, 48 + HIGH * number, cell)
    for number in range(6):
        page.rule(60, 40 + HIGH * number, 780, 40 + HIGH * number, fill=60)
        for column in range(5):
            if number < 5 and not (merged and (number, column) == (3, 2)):
                x, y = 60 + 180 * column, 40 + HIGH * number
                page.rule(x, y, x, y + HIGH, fill=60)
    return page


def test_a_wall_under_a_stamp_still_parts_cells() -> None:
    page = ruled()
    # What cleaning leaves of a stamp over a wall and both rules that it meets.
    page.box(394, 40 + 3 * HIGH - 8, 426, 40 + 4 * HIGH + 8, fill=255)
    assert tables_of(page) == [to_markdown([Table.of(ROWS)])]


def test_a_cell_without_a_wall_is_merged() -> None:
    (found,) = tables_of(ruled(merged=True))
    assert '<td colspan="2">131</td><td>128,380</td>' in found


def placed(text: str, x0: float, y: float) -> PlacedLine:
    return PlacedLine(text, (x0, y - 12, x0 + 12 * len(text), y + 12), (y - 10, y + 10), 24.0)


@pytest.mark.parametrize(("inset", "kind"), ((90, Table), (0, Fields)))
def test_names_that_stand_in_over_two_columns_make_a_table(inset: int, kind: type) -> None:
    rows = [[[placed("part", 60 + inset, 40)], [placed("where", 400 + inset, 40)]]]
    for number, texts in enumerate((("stairs", "in the yard"), ("first hall", "by the door"))):
        y = 80 + 40 * number
        rows.append([[placed(texts[0], 60, y)], [placed(texts[1], 400, y)]])
    (block,) = assemble(PlacedPage([PlacedGrid(rows, ruled=False)], 24.0))
    assert isinstance(block, kind)


@pytest.mark.parametrize(
    ("values", "kind"), ((("on", "by hand", "70%"), Fields), (("1,500", "970", "12"), Table))
)
def test_values_set_to_the_right_are_settings_unless_they_are_numbers(values: tuple, kind: type) -> None:
    """With rules between the rows, as on screens; figures to the right are a table's."""
    rows = [
        [[placed("name", 60, 40 * n)], [placed(value, 500 - 12 * len(value), 40 * n)]]
        for n, value in enumerate(values)
    ]
    (block,) = assemble(PlacedPage([PlacedGrid(rows, ruled=True)], 24.0))
    assert isinstance(block, kind)


# Folds ------------------------------------------------------------------------------------------------------


def folded(image: Image.Image, at: float, half: int, deep: float) -> Image.Image:
    """A sheet that was folded upright at a share `at` of its width: `deep` pixels lower there, less towards
    `half` pixels beside it."""
    x = np.arange(image.width)
    low = deep * np.clip(1 - np.abs(x - at * image.width) / half, 0, None)
    return Image.fromarray(unbent(np.asarray(image.convert("RGB")), -low))


@pytest.mark.parametrize("rules", ((), range(6)))
@pytest.mark.parametrize("at", (0.3, 0.5, 0.78))
def test_a_folded_table_reads_like_a_flat_one(at: float, rules: Sequence[int]) -> None:
    page = Drawn.blank(1000, 640)
    figures(page, 40, ROWS, rules, wide=210)
    page.paragraph(60, 300, 880, WORDS * 2)
    flat, found = lay_out(page.image), lay_out(folded(page.image, at, 80, 13))
    assert list(map(shape, found.regions)) == list(map(shape, flat.regions))


def shape(region: Flow | Grid) -> list[list[int]]:
    """How many lines stand in each cell of each row."""
    rows = region.rows if isinstance(region, Grid) else [[[line] for line in region.lines]]
    return [[len(cell) for cell in row] for row in rows]


def lines_at(height: int, width: int, words: Sequence[tuple[int, int, int]]) -> tuple[np.ndarray, Quads]:
    """A picture of dark bars 24 pixels an em, (left, right, row), and their quadrangles."""
    rgb = np.full((height, width, 3), 250, np.uint8)
    corners = []
    for left, right, row in words:
        y = 40 + 40 * row
        rgb[y : y + 18, left:right] = 30
        corners.append(((left, y - 5), (right, y - 5), (right, y + 23), (left, y + 23)))
    return rgb, Quads(np.array(corners, np.float32), np.ones(len(corners), np.float32))


@given(
    st.lists(
        st.tuples(st.integers(30, 500), st.integers(60, 400), st.integers(0, 13)), min_size=1, max_size=40
    )
)
@settings(max_examples=60, deadline=None)
def test_level_lines_are_no_fold(found: list[tuple[int, int, int]]) -> None:
    rgb, quads = lines_at(640, 1000, [(left, left + wide, row) for left, wide, row in found])
    assert sag(rgb, quads, 24.0) is None


@given(st.floats(0.25, 0.75), st.integers(70, 150), st.integers(9, 16), st.booleans())
@settings(max_examples=30, deadline=None)
def test_a_fold_is_measured(at: float, half: int, deep: int, up: bool) -> None:
    rgb, quads = lines_at(640, 1000, [(60, 940, row) for row in range(13)])
    low = (-deep if up else deep) * np.clip(1 - np.abs(np.arange(1000) - at * 1000) / half, 0, None)
    found = sag(unbent(rgb, -low), quads, 24.0)
    assert found is not None
    assert np.abs(found - low)[60:940].max() < 0.2 * 24


@pytest.mark.parametrize("uprights", ((1,), (1, 2), (1, 2, 3)))
def test_a_table_whose_sides_are_open_has_its_outer_columns(uprights: Sequence[int]) -> None:
    page = Drawn.blank(900, 620)
    top = round(page.paragraph(60, 30, 780, WORDS[:24])) + 20
    for row, cells in enumerate(ROWS):
        for column, cell in enumerate(cells):
            page.text(80 + 200 * column, top + 8 + HIGH * row, cell)
    for row in range(len(ROWS) + 1):
        page.rule(60, top + HIGH * row, 860, top + HIGH * row, width=2)
    for column in uprights:
        page.rule(60 + 200 * column, top, 60 + 200 * column, top + HIGH * len(ROWS), width=2)
    (grid,) = [region for region in lay_out(page.image).regions if isinstance(region, Grid)]
    assert grid.ruled and len(grid.rows) == len(ROWS)
    assert {len(row) for row in grid.rows} == {len(uprights) + 1}
    assert all(cell for row in grid.rows for cell in row)


def justified(page: Drawn, x: int, y: float, wide: int, lines: Sequence[Sequence[str]]) -> None:
    """Lines whose words are spread from side to side, but for the last."""
    font = page.font(22)
    for number, words in enumerate(lines):
        free = wide - sum(font.getlength(word) for word in words)
        blank = 8 if number + 1 == len(lines) else free / max(1, len(words) - 1)
        at = float(x)
        for word in words:
            page.text(at, y + 36 * number, word, 22)
            at += font.getlength(word) + blank


def test_justified_lines_of_narrow_columns_are_no_table() -> None:
    page = Drawn.blank(1000, 620)
    text = "evidence of an early/settlement by the/southern riverside/continued extensive/excavations near an"
    lines = [line.split() for line in [*text.split("/"), "administrative town"]]
    # Two lines of three words each whose gaps lie over each other.
    lines[3:3] = [["uncovered", "many", "stones"], ["decorated", "with", "flowers"]]
    for x in (50, 350, 650):
        justified(page, x, 60.0 + x // 40, 250, lines)
    regions = lay_out(page.image).regions
    assert not [region for region in regions if isinstance(region, Grid)]
    assert [round(region.left, -1) for region in regions if isinstance(region, Flow)] == [50, 350, 650]
