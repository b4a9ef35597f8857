"""Layout on drawn pages: cleaning, rulings, segments, reading order."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adotx.documents.layout.bands import Flow, Grid
from adotx.documents.layout.clean import clean
from adotx.documents.layout.lines import Segment
from adotx.documents.layout.order import reading_order
from adotx.documents.layout.pack import lines_of, pack
from adotx.documents.layout.page import lay_out
from adotx.documents.layout.sheet import straight_sheet
from adotx.documents.layout.stripes import without_stripes
from documents_pages import WORDS, Drawn, markdown_of


def prose(lines: int = 12, size: int = 24) -> Drawn:
    page = Drawn.blank(1000, 100 + round(lines * 1.6 * size))
    page.paragraph(60, 50, 880, (WORDS * lines)[: lines * 11], size)
    return page


@pytest.mark.parametrize("angle", (-19.0, -2.4, -0.7, 0.3, 8.0))
def test_a_skewed_page_is_straightened_and_mapped_back(angle: float) -> None:
    page = prose()
    skewed = page.image.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    found = clean(straight_sheet(skewed))
    # A step along a line maps to a step along the skewed line, and the middle of the text to its middle.
    height, width = found.gray.shape
    (x0, y0), (x1, y1) = found.to_input(0, height / 2), found.to_input(width, height / 2)
    assert np.degrees(np.arctan2(y0 - y1, x1 - x0)) == pytest.approx(angle, abs=0.11)
    assert found.to_input(width / 2, height / 2) == pytest.approx(np.array(skewed.size) / 2, abs=1)


def test_a_level_page_is_left_level() -> None:
    for image in (prose().image, Image.new("L", (400, 400), 255)):
        assert np.array_equal(straight_sheet(image).matrix, np.eye(3))


@pytest.mark.parametrize("turns", (1, 2, 3))
def test_a_page_that_lies_or_stands_on_its_head_is_turned(turns: int) -> None:
    page = prose(16)
    layout = lay_out(page.image.rotate(90 * turns, expand=True))
    upright = lay_out(page.image)
    assert len(layout.segments) == len(upright.segments)
    for a, b in zip(layout.segments, upright.segments, strict=True):
        assert np.abs(np.array(a.box) - b.box).max() <= 2


def test_a_sheet_in_perspective_is_straightened() -> None:
    page = Drawn.blank(1000, 1200, paper=235)
    page.paragraph(90, 90, 820, WORDS * 8)
    corners = np.array([[0, 0], [1000, 0], [1000, 1200], [0, 1200]], np.float32)
    seen = np.array([[150, 120], [1050, 60], [1130, 1150], [40, 1240]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, seen)
    photo = cv2.warpPerspective(np.asarray(page.image), matrix, (1200, 1300), borderValue=60)
    layout = lay_out(Image.fromarray(photo))
    lines = list(lines_of(layout.regions))
    assert len(lines) == len(page.lines)
    back = np.linalg.inv(matrix)
    for line, truth in zip(lines, page.lines, strict=True):
        for x, y, u, v in ((0, 1, 0, 1), (2, 1, 2, 1), (0, 3, 0, 3), (2, 3, 2, 3)):
            point = back @ (*layout.to_input(line.box[x], line.box[y]), 1.0)
            assert np.abs(point[:2] / point[2] - (truth.box[u], truth.box[v])).max() < 8


def test_light_from_one_side_changes_nothing() -> None:
    page = prose()
    values = np.asarray(page.image).astype(float)
    shadow = np.linspace(1, 0.45, values.shape[1]) * np.linspace(1, 0.8, values.shape[0])[:, None]
    dimmed = Image.fromarray((values * shadow).astype(np.uint8))
    plain, dim = clean(straight_sheet(page.image)), clean(straight_sheet(dimmed))
    assert (plain.ink & dim.ink).sum() / (plain.ink | dim.ink).sum() > 0.93


def test_light_print_on_dark_reads_like_dark_on_light() -> None:
    page = prose()
    turned = Drawn(Image.fromarray(255 - np.asarray(page.image)), page.lines)
    assert markdown_of(turned) == markdown_of(page)


@pytest.mark.parametrize("paper", (255, 200, 90))
def test_paper_without_print_is_blank(paper: int) -> None:
    noise = np.random.default_rng(1).normal(paper, 4, (500, 400)).clip(0, 255).astype(np.uint8)
    for values in (noise, np.full((500, 400), paper, np.uint8)):
        layout = lay_out(Image.fromarray(values))
        assert layout.blank and not layout.regions and pack(layout).tiles.shape == (0, 384, 384)


def test_a_dark_panel_is_turned_over() -> None:
    page = Drawn.blank(1000, 500)
    page.text(60, 40, "above the panel stands this line")
    page.box(60, 100, 940, 300, fill=40)
    page.text(90, 130, "white letters on dark ground", fill=240)
    page.text(90, 180, "and a second line of them", fill=240)
    page.text(60, 340, "below the panel stands that line")
    layout = lay_out(page.image)
    assert [r.mark for r in layout.regions if isinstance(r, Flow)] == ["", "panel", ""]
    assert [len(r.lines) for r in layout.regions if isinstance(r, Flow)] == [1, 2, 1]


def test_words_survive_noise_and_specks() -> None:
    page = prose(8)
    random = np.random.default_rng(2)
    values = np.asarray(page.image) + random.normal(0, 14, (page.image.height, page.image.width))
    values[random.random(values.shape) < 0.0003] = 20
    assert markdown_of(
        Drawn(Image.fromarray(values.clip(0, 255).astype(np.uint8)), page.lines)
    ) == markdown_of(page)


def table(page: Drawn, y: float, rows: list[list[str]], ruled: bool = True) -> float:
    xs = [60 + 200 * n for n in range(len(rows[0]) + 1)]
    for number, row in enumerate(rows):
        for x, cell in zip(xs, row, strict=False):
            page.text(x + 12, y + 8 + 44 * number, cell)
    if ruled:
        for number in range(len(rows) + 1):
            page.rule(xs[0], y + 44 * number, xs[-1], y + 44 * number)
        for x in xs:
            page.rule(x, y, x, y + 44 * len(rows))
    return y + 44 * len(rows)


ROWS = [["name", "count", "price"], ["apple", "12", "3,400"], ["bread", "7", "1,250"], ["sugar", "31", "980"]]
PIPES = """\
| name | count | price |
| --- | --- | --- |
| apple | 12 | 3,400 |
| bread | 7 | 1,250 |
| sugar | 31 | 980 |"""


@pytest.mark.parametrize("ruled", (True, False))
def test_a_table_keeps_its_cells(ruled: bool) -> None:
    page = Drawn.blank(1000, 400)
    page.paragraph(60, 30, 880, WORDS[:14])
    table(page, 130, ROWS, ruled)
    assert markdown_of(page).endswith("\n\n" + PIPES)


def test_two_tables_close_together_stay_two() -> None:
    page = Drawn.blank(900, 460)
    table(page, 20 + table(page, 30, ROWS), ROWS[::-1])
    grids = [region for region in lay_out(page.image).regions if isinstance(region, Grid)]
    assert [[len(row) for row in grid.rows] for grid in grids] == [[3] * 4] * 2
    assert all(grid.ruled for grid in grids)


def test_rules_are_wiped_and_letters_are_not() -> None:
    page = prose(6)
    plain = lay_out(page.image)
    page.rule(60, 40, 940, 40, width=3)
    page.rule(30, 20, 30, page.image.height - 20, width=2)
    ruled = lay_out(page.image)
    for a, b in zip(ruled.segments, plain.segments, strict=True):
        assert np.abs(np.array(a.box) - b.box).max() <= 2


def test_dust_on_the_glass_is_no_rule() -> None:
    page = prose(6)
    before = markdown_of(page)
    values = np.asarray(page.image).copy()
    values[:, 400:402] = (values[:, 400:402] * 0.8).astype(np.uint8)
    values[120] = (values[120] * 0.85).astype(np.uint8)
    assert markdown_of(Drawn(Image.fromarray(values), page.lines)) == before


def test_a_few_short_words_do_not_tilt_a_page() -> None:
    page = Drawn.blank(900, 300)
    rows = ("name", "count", "price"), ("apple", "12", "3,400"), ("bread", "7", "1,250")
    for number, words in enumerate(rows):
        for column, word in enumerate(words):
            page.text(80 + 200 * column, 48 + 42 * number, word)
    sheet = straight_sheet(page.image)
    assert abs(sheet.matrix[1, 0]) < 0.002 > abs(sheet.matrix[0, 1])


def test_stripes_of_a_copier_come_off_and_a_panel_stays() -> None:
    page = prose(6)
    clean = np.asarray(page.image.convert("RGB"))
    height, width = clean.shape[:2]
    wave = np.abs(np.sin(np.arange(width) / 9)) * (np.arange(width) % 180 < 90)
    dark = 1 - 0.3 * wave[None, :, None]
    striped = (clean * dark).astype(np.uint8)
    mended = without_stripes(striped)
    assert np.abs(mended.astype(int) - clean).mean() < 2 < 8 < np.abs(striped.astype(int) - clean).mean()
    assert markdown_of(Drawn(Image.fromarray(striped).convert("L"), page.lines)) == markdown_of(page)
    panelled = clean.copy()
    panelled[height // 4 : 3 * height // 4, 40:70] //= 2
    assert without_stripes(panelled) is panelled, "it ends before the sheet does"


def test_columns_are_read_one_after_the_other() -> None:
    page = Drawn.blank(1100, 800)
    page.text(330, 20, "a title over both columns", 40)
    for x, words in ((50, ["left", *WORDS]), (580, ["right", *WORDS])):
        page.paragraph(x, 110, 470, words, 22)
    text = markdown_of(page)
    assert text.startswith("# a title over both columns")
    assert " ".join(text.split()).split(" ", 6)[6] == " ".join(["left", *WORDS, "right", *WORDS])


def test_digits_and_small_letters_are_not_blown_up() -> None:
    page = prose(4)
    page.text(60, page.image.height - 45, "sum 1402")
    layout = lay_out(page.image)
    sizes = sorted(segment.size for segment in layout.segments)
    assert sizes[-1] / sizes[0] < 1.12


@pytest.mark.parametrize("mark", ("-", "•", "·", "*"))
def test_list_marks_are_no_specks(mark: str) -> None:
    page = prose(3)
    height = page.image.height
    taller = Drawn(Image.new("L", (1000, height + 150), 255), page.lines)
    taller.image.paste(page.image)
    for number in range(3):
        taller.text(70, height + 45 * number, mark)
        taller.text(96, height + 45 * number, " ".join(WORDS[:4]))
    layout = lay_out(taller.image)
    last = list(lines_of(layout.regions))[-3:]
    assert [round(line.box[0], -1) for line in last] == [70] * 3


def test_a_line_below_a_heading_keeps_its_size() -> None:
    page = Drawn.blank(1000, 400)
    page.text(60, 40, "A heading somewhat larger", 32)
    page.paragraph(60, 100, 880, WORDS[:30])
    sizes = [layout_line.size for layout_line in lay_out(page.image).segments]
    assert max(sizes[1:]) < 0.85 * sizes[0]


boxes = st.tuples(st.integers(0, 900), st.integers(0, 1100), st.integers(8, 400), st.integers(10, 40))


@given(st.lists(boxes, max_size=40))
@settings(max_examples=60, deadline=None)
def test_every_segment_is_read_once(found: list[tuple[int, int, int, int]]) -> None:
    segments = [Segment((x, y, x + w, y + h), (y, y + h), 0.1, h) for x, y, w, h in found]
    regions = reading_order(segments, [], [], 24.0)
    read = [index for line in lines_of(regions) for index in line.segments]
    assert sorted(read) == list(range(len(segments)))


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1), st.sampled_from((1, 7, 60)))
@settings(max_examples=40, deadline=None)
def test_any_picture_can_be_laid_out(width: int, height: int, seed: int, coarse: int) -> None:
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (-(-height // coarse), -(-width // coarse)), np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST)
    layout = lay_out(image)
    packed = pack(layout)
    assert packed.tiles.shape[1:] == (384, 384) and len(packed.pieces) <= 12 * len(packed.tiles)
    assert layout.blank == (not packed.pieces) or not any(s.width for s in layout.segments)
