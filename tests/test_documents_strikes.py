"""Words that are struck out on a page picture: found by their ink, marked by where characters stand."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from adotx.documents.assembly import PlacedLine
from adotx.documents.assembly.joins import join_lines
from adotx.documents.assembly.letter_widths import text_width
from adotx.documents.layout import Piece, Strike
from adotx.documents.layout.bands import TextLine
from adotx.documents.layout.clean import CleanPage
from adotx.documents.layout.strikes import take_strikes
from adotx.documents.readers.rows import RowReader
from adotx.documents.readers.striking import struck_spans
from adotx.documents.readers.timesteps import Seen
from adotx.documents.struck import CLOSE, OPEN, struck, with_deleted, written
from adotx.markdown import Paragraph, to_markdown
from adotx.model import Model
from documents_pages import hangul_face
from office_files import reading

EM = 36
BEFORE, WORDS, BEHIND = "납품 기한은 ", "12월 10일까지", " 1월 15일까지로 한다"


def drawn(*lines: str, face: str = "Sans") -> tuple[Image.Image, list[tuple[int, int, int, int]]]:
    """A page that says the same line, one below the other, each with its strokes; and the box of the words.

    Args:
        lines: what is drawn at the words of each.
    """
    image = Image.new("L", (1000, 90 * len(lines) + 60), 245)
    draw, font = ImageDraw.Draw(image), hangul_face(face, EM)
    boxes = []
    for number, what in enumerate(lines):
        y = 50 + 90 * number
        draw.text((60, y), BEFORE + WORDS + BEHIND, fill=20, font=font)
        x0 = round(60 + draw.textlength(BEFORE, font))
        x1 = round(60 + draw.textlength(BEFORE + WORDS, font))
        _, top, _, low = draw.textbbox((60, y), BEFORE + WORDS + BEHIND, font=font)
        top, low, middle = round(top), round(low), round((top + low) / 2)
        boxes.append((x0, top, x1, low))
        if what in ("single", "double"):
            draw.line((x0, middle, x1, middle), fill=20, width=3)
        if what == "double":
            draw.line((x0, middle + 7, x1, middle + 7), fill=20, width=3)
        if what == "thick":
            draw.line((x0, middle, x1, middle), fill=20, width=8)
        if what == "by hand":
            draw.line((x0 - 6, middle + 5, x1 + 5, middle - 5), fill=20, width=3)
        if what == "under":
            draw.line((x0, low + 2, x1, low + 2), fill=20, width=3)
        if what == "above":
            draw.line((x0, top - 3, x1, top - 3), fill=20, width=3)
        if what == "fold":
            draw.line((0, middle, image.width, middle), fill=20, width=3)
        if what == "dashes":
            draw.rectangle((x0, top - 4, x1, low + 4), fill=245)
            draw.line((x0 + 8, middle, x1 - 8, middle), fill=20, width=3)
    return image, boxes


def page_of(image: Image.Image, boxes: list[tuple[int, int, int, int]]) -> CleanPage:
    """As cleaning leaves it; text boxes are whole lines."""
    gray = np.asarray(image.convert("L")).copy()
    lines = [(50, top - 4, 900, low + 4) for _, top, _, low in boxes]
    return CleanPage(gray, gray < 128, gray < 180, np.array(lines, np.int64))


@pytest.mark.parametrize("face", ["Sans", "Serif"])
@pytest.mark.parametrize("how", ["single", "double", "thick", "by hand"])
def test_a_stroke_through_words_is_found_and_wiped(how: str, face: str) -> None:
    image, boxes = drawn("", how, "under", face=face)
    page = page_of(image, boxes)
    before = page.ink.copy()
    [strike] = take_strikes(page, float(EM))
    x0, top, x1, low = boxes[1]
    assert abs(strike.box[0] - x0) <= 8 and abs(strike.box[2] - x1) <= 8
    assert top + 8 < strike.middle < low - 8
    wiped = before & ~page.ink
    assert wiped[top:low].any() and not wiped[:top].any() and not wiped[low:].any()
    plain = np.asarray(drawn("", "", "under", face=face)[0]) < 128
    assert (page.ink & plain)[top:low].sum() > 0.75 * plain[top:low].sum(), "letters stay"
    assert (page.ink & ~plain)[top:low].sum() < 0.3 * (before & ~plain)[top:low].sum()
    assert (page.gray[wiped] == 245).all() and not page.faint[wiped].any()


@pytest.mark.parametrize("how", ["", "under", "above", "fold", "dashes"])
@pytest.mark.parametrize("face", ["Sans", "Serif"])
def test_other_strokes_strike_nothing_out(how: str, face: str) -> None:
    page = page_of(*drawn(how, "", face=face))
    before = page.gray.copy()
    assert take_strikes(page, float(EM)) == []
    assert (page.gray == before).all()


def test_rules_between_rows_of_a_table_strike_nothing_out() -> None:
    image = Image.new("L", (600, 240), 245)
    draw, font = ImageDraw.Draw(image), hangul_face("Sans", 30)
    boxes = []
    for row in range(4):
        y = 20 + 50 * row
        draw.rectangle((30, y, 560, y + 50), outline=20, width=2)
        draw.text((40, y + 3), "합계 12,500원  부가세 1,250원", fill=20, font=font)
        boxes.append((40, y + 6, 500, y + 46))
    assert take_strikes(page_of(image, boxes), 30.0) == []


# Which characters


def row(text: str, *strikes: tuple[int, int], known: bool = True) -> str:
    """A row, each character 20 pixels wide, with strikes from one pixel to another."""
    wide = 20 * len(text)
    box = (0, 0, wide, 30)
    piece = Piece(TextLine((0,), box, (0, 30)), box, "", 0, 0, np.arange(wide))
    places = [Seen(piece.at(20 * n), piece.at(20 * n + 20), char, 0.9) for n, char in enumerate(text)]
    found = [Strike((x0, 13, x1, 16)) for x0, x1 in strikes]
    return written(struck(text, struck_spans(text, text, places if known else [], piece, found)))


def test_words_that_a_strike_covers_are_struck_out() -> None:
    assert row("가나 다라 마바", (60, 100)) == "가나 <del>다라</del> 마바"
    assert row("가나 다라 마바", (52, 109)) == "가나 <del>다라</del> 마바", "hands are not exact"
    assert row("가나 다라 마바", (0, 100)) == "<del>가나 다라</del> 마바"
    assert row("가나 다라 마바", (0, 40), (120, 160)) == "<del>가나</del> 다라 <del>마바</del>"
    assert row("가나다라마바", (40, 80)) == "가나<del>다라</del>마바", "part of a word"
    assert row("가나, 다라", (0, 43)) == "<del>가나</del>, 다라"
    assert row("1. 가나다", (0, 120)) == "1. <del>가나다</del>", "an item stays one"
    assert row("가나 다라 마바", (0, 160), known=False) == "<del>가나 다라 마바</del>"


def test_strikes_of_other_rows_are_theirs() -> None:
    text, box = "가나", (0, 40, 40, 70)
    piece = Piece(TextLine((0,), box, (40, 70)), box, "", 0, 0, np.arange(40))
    assert struck_spans(text, text, [], piece, [Strike((0, 10, 40, 13)), Strike((80, 50, 120, 53))]) == []


# Marks in texts


@given(st.text("가나 <>&1.~"), st.lists(st.integers(0, 12), max_size=6, unique=True))
def test_marks_change_nothing_else(text: str, ends: list[int]) -> None:
    ends = sorted(ends)[: len(ends) // 2 * 2]
    spans = list(zip(ends[::2], ends[1::2], strict=True))
    said = written(struck(text, spans or [(0, 0)]))
    assert re.sub("</?del>", "", said) == text.replace("~~", "") or "~~" in text
    assert said.count("<del>") == said.count("</del>")
    assert OPEN not in said and CLOSE not in said


def test_what_a_reader_marks_itself_is_struck_out() -> None:
    assert written(struck("가 ~~나다~~ 라", [])) == "가 <del>나다</del> 라"
    assert written(struck("3~~5 ~~ 7", [])) == "3~~5 ~~ 7"
    assert written(struck("가 ~~나다~~ 라", [(2, 8)])) == "가 <del>나다</del> 라"


def test_marks_are_carried_unseen() -> None:
    first, second = struck("가나다", [(0, 3)]), struck("라마 바", [(0, 2)])
    lines = [PlacedLine(text, (0, 0, 1, 1), (0, 1), 1.0) for text in (first, second)]
    assert written(join_lines(lines, False)) == "<del>가나다 라마</del> 바"
    assert text_width(first) == text_width("가나다")
    assert written(f"가{CLOSE} 나") == "<del>가</del> 나", "the other mark stands in another block"
    [block] = with_deleted([Paragraph.of(f"가 {OPEN}나{CLOSE}")])
    assert to_markdown([block]).strip() == "가 <del>나</del>"


def test_nano_strikes_out_what_is_struck_out() -> None:
    image, _ = drawn("single", "under", "by hand")
    reading = RowReader(Model.open("nano")).read(image.convert("RGB"))
    said = to_markdown(reading.blocks)
    assert said.count("<del>") == said.count("</del>") == 2
    assert len(re.findall(r"납품 기한은 <del>12[^<]*10[^<]*까지</del> 1월 15일까지로", said)) == 2, said
    assert "납품 기한은 12월 10일까지 1월 15일까지로 한다" in said


def test_what_a_file_strikes_out_is_written_in_the_same_way(tmp_path) -> None:
    file = tmp_path / "a.html"
    file.write_text("<!doctype html><p>기한은 <s>10일</s> 15일이다.</p>", encoding="utf-8")
    assert to_markdown(reading(file).blocks) == "기한은 <del>10일</del> 15일이다."
