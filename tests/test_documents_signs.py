"""Signs that ink proves and signs that two readers see: boxes, rings, bars, what the model passes over."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from adotx.documents.assembly import PlacedFlow, PlacedLine
from adotx.documents.assembly.body import Body
from adotx.documents.assembly.flow import flow_blocks
from adotx.documents.assembly.levels import with_levels
from adotx.documents.layout import bars_in, insides, lay_out, line_em, pack, packed_again, rings_in
from adotx.documents.layout.clean import CleanPage
from adotx.documents.layout.pack import EM, ROW
from adotx.documents.readers.answers import RowAnswer
from adotx.documents.readers.glyphs import Glyph
from adotx.documents.readers.joining import joined_row
from adotx.documents.readers.missed import with_missed
from adotx.documents.readers.rows import RowReader
from adotx.documents.readers.signs import EMPTY, TICKED, Sign, in_ring, with_signs
from adotx.documents.readers.timesteps import Seen
from adotx.engine import Output, TokenLogprobs
from adotx.markdown import to_markdown
from documents_fakes import DarkRows, glyph_page, row_model
from documents_pages import hangul_face

WIDE = 16.0


def answer(text: str, sure: float = 0.99) -> RowAnswer:
    return RowAnswer(text, (sure,) * len(text))


def seen(text: str) -> list[Seen]:
    return [Seen(WIDE * n, WIDE * (n + 1), char, 0.9) for n, char in enumerate(text)]


def glyphs(text: str, sure: float = 0.99) -> list[Glyph]:
    return [Glyph(char, WIDE * n, WIDE * (n + 1), sure) for n, char in enumerate(text) if char != " "]


def page_of(image: Image.Image) -> CleanPage:
    gray = np.asarray(image.convert("L"))
    return CleanPage(gray, gray < 128, gray < 128, np.zeros((0, 4), np.int64))


# Boxes and circles in their rows


@pytest.mark.parametrize(
    ("text", "sure", "place", "char", "joined"),
    [
        ("□ 예", 0.99, 0, TICKED, "☑ 예"),
        ("예 Ⅷ 아니요", 0.99, 2, TICKED, "예 ☑ 아니요"),
        ("예 아니요", 0.99, 1, EMPTY, "예 ☐ 아니요"),  # nothing was read there
        ("가 나", 0.99, 0, EMPTY, "☐ 가 나"),  # a syllable that is meant stays
        ("⑦ 신청서", 0.3, 0, "㉠", "㉠ 신청서"),
    ],
)
def test_a_sign_is_put_where_it_stands(text: str, sure: float, place: int, char: str, joined: str) -> None:
    sign = Sign(char, WIDE * place, WIDE * (place + 1), apart=char in (EMPTY, TICKED))
    found, places = with_signs(answer(text, sure), seen(text), [sign])
    assert found.text == joined and len(found.sure) == len(places) == len(joined)


def test_a_bar_stands_for_nothing_but_what_looks_like_one() -> None:
    def bar(text: str, place: int) -> str:
        sign = Sign("|", WIDE * place, WIDE * (place + 1), instead=frozenset("lI|"))
        return with_signs(answer(text), seen(text), [sign])[0].text

    assert bar("onloff", 2) == "on|off"
    assert bar("on off", 2) == "on|off"
    assert bar("이다", 0) == "이다"
    assert bar("12 34", 2) == "12 34"


@pytest.mark.parametrize(
    ("first", "second", "sign"),
    [
        ("1", "1", "①"), ("12", "12", "⑫"), ("그", "」", "㉠"), ("L", "L", "㉡"), ("□", "亡", "㉢"),
        ("근", "己", "㉣"), ("□", "口", "㉤"), ("가", "7", "㉮"), ("나", "4", "㉯"), ("다.", "EE", "㉰"),
        ("R", "R", ""), ("", "", ""), ("21", "21", ""),
    ],
)  # fmt: skip
def test_what_stands_in_a_ring(first: str, second: str, sign: str) -> None:
    assert in_ring(answer(first, 0.95), glyphs(second)) == sign


def test_rings_are_told_from_letters() -> None:
    image = Image.new("L", (600, 60), 245)
    draw = ImageDraw.Draw(image)
    draw.text((100, 8), "이용 O 응 ◎ 8", fill=20, font=hangul_face("Sans", 30))
    draw.ellipse((20, 10, 50, 40), outline=20, width=2)
    draw.text((30, 14), "3", fill=20, font=hangul_face("Sans", 18))
    [ring] = [each for each in rings_in(page_of(image), (0, 0, 600, 60), 32.0) if each.box[0] < 60]
    assert ring.box == (20, 10, 51, 41)
    x0, y0, x1, y1 = ring.inside
    assert 24 < x0 < x1 < 47 and 14 < y0 < y1 < 37
    others = [each for each in rings_in(page_of(image), (60, 0, 600, 60), 32.0)]
    assert len(others) <= 1, "◎ may be one, letters are none"
    tiles = insides(page_of(image), [ring] * 13)
    assert tiles.shape == (2, 384, 384)
    assert all((tiles[n // 12, (n % 12) * ROW : (n % 12 + 1) * ROW] < 128).any() for n in range(13))


def test_a_stroke_between_letters_is_no_letter() -> None:
    image = Image.new("L", (400, 60), 245)
    draw = ImageDraw.Draw(image)
    for x in (20, 49, 79):
        draw.ellipse((x, 20, x + 18, 40), outline=20, width=3)
    draw.rectangle((42, 12, 44, 40), fill=20)
    assert not list(bars_in(page_of(image), (0, 0, 100, 60), 30.0)), "a letter stands on the line"
    draw.rectangle((72, 10, 74, 47), fill=20)
    [bar] = bars_in(page_of(image), (0, 0, 100, 60), 30.0)
    assert bar.below and bar.box == (72, 10, 75, 48)


# What the readers see together


def test_a_sign_that_both_others_see_is_put_in() -> None:
    text, whole = "2,104명 → 전년", "2,104명, → 전년"
    own = [place for place in seen(whole) if place.char != ","]
    own.insert(1, seen(whole)[1])
    heads = [Glyph(each.char, each.x0, each.x1, 0.8) for each in seen(whole) if each.char != " "]
    found, places = with_missed(answer(text), own, heads, glyphs(whole, 0.7))
    assert found.text == whole and [each.char for each in places][6] == ","
    unsure = with_missed(answer(text), own, heads, glyphs(whole, 0.2))[0]
    assert unsure.text == text
    digits = with_missed(answer("13:45"), seen("13:45"), glyphs("13:457"), glyphs("13:457"))[0]
    assert digits.text == "13:45"


@pytest.mark.parametrize(
    ("first", "sure", "second", "joined"),
    [
        ("→ int:", 0.5, "-> int:", "-> int:"),
        ('""합계', 0.8, '"""', '"""합계'),
        ("__init__", 0.6, "__init_", "__init__"),  # equal signs that touch are one to the second reader
        ("*필수:", 0.4, "* *", "*필수*"),
        ("a, b", 0.99, "a. b", "a, b"),  # a sure sign stays
    ],
)
def test_signs_of_ascii_are_the_second_readers(first: str, sure: float, second: str, joined: str) -> None:
    assert joined_row(first, [sure] * len(first), [], glyphs(second, 0.95)).text.replace(" ", "") in (
        joined.replace(" ", "")
    )


def test_a_lone_letter_that_two_readers_take_for_a_digit_is_one() -> None:
    text = "a는 O이 아니다"
    places = seen(text)
    places[3] = replace(places[3], char="0", sure=0.74)
    sure = [0.79 if char == "O" else 0.99 for char in text]
    assert joined_row(text, sure, places, [Glyph("0", 48.0, 64.0, 0.5)]).text == "a는 0이 아니다"
    assert joined_row(text, [0.99] * len(text), seen(text), [Glyph("0", 48.0, 64.0, 0.3)]).text == text


# Rows that are looked at again


def test_a_row_again_shows_the_same_columns_smaller() -> None:
    layout = lay_out(glyph_page(14), deskew=False)
    packed = pack(layout)
    again = packed_again(layout, packed, [3, 13], 24.0)
    assert [piece.line for piece in again.pieces] == [packed.pieces[n].line for n in (3, 13)]
    for new, old in zip(again.pieces, (packed.pieces[3], packed.pieces[13]), strict=True):
        assert new.scale == pytest.approx(old.scale * 24 / EM)
        assert np.array_equal(new.columns, old.columns)
        assert new.at(old.box[0]) == old.at(old.box[0])
    packed.with_row(13, again, 1)
    shown = packed.tiles[1][ROW : 2 * ROW]
    assert np.array_equal(shown, again.tiles[0][ROW : 2 * ROW])


@pytest.mark.parametrize(("second", "text"), [(-0.01, "다시"), (-0.9, "처음")])
def test_an_unsure_row_is_what_the_surer_look_says(second: float, text: str) -> None:
    class Unsure(DarkRows):
        def generate(self, requests: list) -> list[Output]:
            outputs = super().generate(requests)
            if len(requests) == 1:
                [output] = outputs
                return [replace(output, ids=list(map(ord, "다시")), logprobs=steps("다시", second))]
            outputs[4] = replace(outputs[4], ids=list(map(ord, "처음")), logprobs=steps("처음", -0.5))
            return outputs

    def steps(said: str, share: float) -> list[TokenLogprobs]:
        return [TokenLogprobs(ord(char), share) for char in said]

    engine = Unsure()
    reading = RowReader(row_model(engine), second=False).read(glyph_page(6))
    assert text in to_markdown(reading.blocks)
    assert len(engine.asked) == reading.rows + 1


# Marks of lists and of what is to be ticked


def blocks(*texts: str) -> str:
    lines = [
        PlacedLine(text, (100.0, 40.0 * n, 400.0, 40.0 * n + 20), (40.0 * n, 40.0 * n + 20), 20.0, 0.1, 20.0)
        for n, text in enumerate(texts)
    ]
    return to_markdown(with_levels(flow_blocks(PlacedFlow(lines, 1000.0), Body(20.0, 0.1, 20.0))))


def test_squares_that_follow_each_other_are_ticked_or_not() -> None:
    assert blocks("■ 있음", "□ 없음") == "☑ 있음\n\n☐ 없음"
    assert blocks("□ 배경", "□ 목적") == "- □ 배경\n- □ 목적"
    assert blocks("○ 담당: 총무과", "※ 자세한 것은 묻는다.") == "- ○ 담당: 총무과\n\n※ 자세한 것은 묻는다."


def test_a_full_stop_of_small_print_stays() -> None:
    image = Image.new("RGB", (1500, 900), "white")
    draw = ImageDraw.Draw(image)
    for n in range(6):
        draw.text(
            (120, 80 + 70 * n),
            "총회는 해마다 한 번 열고 회장이 부른다",
            fill="black",
            font=hangul_face("Sans", 36),
        )
    draw.text((120, 760), "1) 다음 해부터 적용한다", fill="black", font=hangul_face("Sans", 22))
    right = 120 + draw.textlength("1) 다음 해부터 적용한다", font=hangul_face("Sans", 22))
    draw.rectangle((right + 2, 781, right + 3, 783), fill="black")
    layout = lay_out(image, deskew=False)
    zoom = layout.page.gray.shape[1] / image.width
    last = pack(layout).pieces[-1]
    assert last.box[2] >= (right + 2) * zoom
    assert line_em(layout, last.line) < 0.8 * layout.em
