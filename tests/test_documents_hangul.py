"""Layout, packing and assembly of Hangul glyphs, sans and serif: drawn pages, read by an oracle."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adotx.documents.layout.bands import Grid
from adotx.documents.layout.pack import EM, glyph_runs, lines_of, pack, words_of
from adotx.documents.layout.page import lay_out
from documents_pages import HANGUL_WORDS, Drawn, markdown_of, row_heights

pytest.importorskip("pylopdf_fonts_ko", reason="the Hangul faces of the dev extra")

FACES = ("Sans", "Serif")


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("size", (16, 24, 44))
def test_type_size_is_found(face: str, size: int) -> None:
    page = Drawn.blank(1400, 700, face=face)
    page.paragraph(60, 50, 1200, HANGUL_WORDS, size)
    layout = lay_out(page.image)
    zoom = layout.page.zoom
    assert layout.em * zoom == pytest.approx(size, rel=0.1)
    assert [segment.size * zoom for segment in layout.segments] == pytest.approx(
        [size] * len(layout.segments), rel=0.12
    )


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("size", (16, 24, 44))
def test_rows_are_centred_and_of_one_size(face: str, size: int) -> None:
    page = Drawn.blank(1400, 900, face=face)
    page.paragraph(60, 50, 1200, HANGUL_WORDS, size)
    packed = pack(lay_out(page.image))
    heights = row_heights(packed)
    # A line of Hangul fills its em but for a hair.
    assert np.median(heights) == pytest.approx(0.95 * EM, rel=0.1)


@given(st.integers(14, 56), st.integers(0, 20), st.integers(2, 16), st.sampled_from(FACES))
@settings(max_examples=10, deadline=None)
def test_every_glyph_is_in_exactly_one_row(size: int, first: int, count: int, face: str) -> None:
    page = Drawn.blank(1500, 80 + 8 * size, face=face)
    page.paragraph(40, 30, 1400, (HANGUL_WORDS * 2)[first : first + count], size)
    layout = lay_out(page.image)
    packed = pack(layout)
    for line in lines_of(layout.regions):
        pieces = [piece for piece in packed.pieces if piece.line is line]
        for a, b in glyph_runs(layout, line):
            assert sum(p.box[0] <= a and b <= p.box[2] for p in pieces) == 1
        assert all(left.box[2] <= right.box[0] for left, right in pairwise(pieces))


@pytest.mark.parametrize("face", FACES)
def test_words_are_told_by_their_gaps(face: str) -> None:
    page = Drawn.blank(1400, 120, face=face)
    page.text(40, 30, " ".join(HANGUL_WORDS[:10]), 30)
    layout = lay_out(page.image)
    [line] = lines_of(layout.regions)
    assert len(words_of(layout, line)) == 10


@pytest.mark.parametrize("face", FACES)
def test_a_page_of_headings_paragraphs_and_a_list(face: str) -> None:
    page = Drawn.blank(1000, 1000, face=face)
    page.text(60, 40, "회의 자료 관리 안내", 44)
    y = page.paragraph(60, 130, 880, [*HANGUL_WORDS, "끝냅니다."])
    page.text(60, y + 30, "자료를 올리는 순서", 34)
    for number, item in enumerate(("파일 이름을 정합니다", "서버에 올립니다", "담당자에게 알립니다")):
        page.text(80, y + 100 + 44 * number, f"- {item}")
    assert markdown_of(page) == "\n\n".join(
        (
            "# 회의 자료 관리 안내",
            " ".join([*HANGUL_WORDS, "끝냅니다."]),
            "## 자료를 올리는 순서",
            "- 파일 이름을 정합니다\n- 서버에 올립니다\n- 담당자에게 알립니다",
        )
    )


ROWS = [["품목", "수량", "금액"], ["사과", "12", "3,400"], ["식빵", "7", "1,250"], ["설탕", "31", "980"]]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("ruled", (True, False))
def test_a_table_keeps_its_cells(ruled: bool, face: str) -> None:
    page = Drawn.blank(900, 360, face=face)
    page.paragraph(60, 30, 760, HANGUL_WORDS[:7])
    for row, cells in enumerate(ROWS):
        for column, cell in enumerate(cells):
            page.text(72 + 200 * column, 128 + 44 * row, cell)
    for line in range(5 if ruled else 0):
        page.rule(60, 126 + 44 * line, 660, 126 + 44 * line)
    for line in range(4 if ruled else 0):
        page.rule(60 + 200 * line, 126, 60 + 200 * line, 302)
    assert any(isinstance(region, Grid) and region.ruled == ruled for region in lay_out(page.image).regions)
    pipes = [f"| {' | '.join(cells)} |" for cells in ROWS]
    assert markdown_of(page).endswith("\n\n" + "\n".join((pipes[0], "| --- | --- | --- |", *pipes[1:])))


@pytest.mark.parametrize("face", FACES)
def test_a_form_is_one_pair_a_line(face: str) -> None:
    page = Drawn.blank(900, 300, face=face)
    for number, (key, value) in enumerate(
        (("성명:", "김하늘"), ("생년월일:", "1990. 3. 1."), ("주소:", "서울"))
    ):
        page.text(60, 50 + 50 * number, key)
        page.text(260, 50 + 50 * number, value)
    assert markdown_of(page) == "성명: 김하늘\n생년월일: 1990. 3. 1.\n주소: 서울"


@pytest.mark.parametrize("face", FACES)
def test_columns_are_read_one_after_the_other(face: str) -> None:
    page = Drawn.blank(1100, 800, face=face)
    for x, words in ((50, ["왼쪽", *HANGUL_WORDS]), (580, ["오른쪽", *HANGUL_WORDS])):
        page.paragraph(x, 60, 470, words, 22)
    assert markdown_of(page).split() == ["왼쪽", *HANGUL_WORDS, "오른쪽", *HANGUL_WORDS]


@pytest.mark.parametrize("face", FACES)
def test_lines_broken_between_syllables_are_joined(face: str) -> None:
    text = " ".join(HANGUL_WORDS)
    page = Drawn.blank(1000, 500, face=face)
    font, line, y = page.font(24), "", 40.0
    for char in [*text, ""]:
        if not char or font.getlength(line + char) > 860:
            page.text(60, y, line.strip())
            line, y = "", y + 38
        line += char
    said = markdown_of(page)
    assert said.replace(" ", "") == text.replace(" ", "") and "\n" not in said
    # The seams are guesses by what the characters say; most of them are right.
    assert abs(said.count(" ") - text.count(" ")) <= 2
