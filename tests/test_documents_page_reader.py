"""The page reader with mock models: what is asked, how a page is cut, what is asked again, what is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from adotx.checkpoint.config import TileRule
from adotx.documents.doubt import plain
from adotx.documents.layout import lay_out
from adotx.documents.readers.blank import proven_blank
from adotx.documents.readers.cutting import LEAST_EM, Sheet
from adotx.documents.readers.page import VlmReader
from adotx.documents.side_by_side import Cancelled
from adotx.documents.transcribe import PageResult
from adotx.vision import plan
from documents_fakes import Asked, said
from documents_pages import WORDS

RULE = TileRule()


def markdown(reading: Any) -> str:
    return plain(PageResult(reading.blocks).markdown)


class Coloured:
    """A page whose lines have a colour each, by which a mock model knows them: line n is (n, 9, 9)."""

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width, height), "white")
        self.count = 0

    def lines(self, x: float, y: float, width: float, count: int, size: int, step: float = 1.6) -> float:
        """Draw `count` lines that fill `width`; returns where the next would stand."""
        draw, font = ImageDraw.Draw(self.image), ImageFont.load_default(size)
        for _ in range(count):
            words = [WORDS[(self.count * 7 + n) % len(WORDS)] for n in range(60)]
            while font.getlength(" ".join(words)) > width:
                words.pop()
            draw.text((x, y), " ".join(words), fill=(self.count, 9, 9), font=font)
            self.count += 1
            y += step * size
        return y


def ink_of(picture: Image.Image) -> dict[int, tuple[int, int]]:
    """The lines in a picture: number -> (pixels of its plain colour, top)."""
    values = np.asarray(picture).astype(int)
    rows, columns = np.nonzero((values[..., 1] == 9) & (values[..., 2] == 9))
    numbers = values[rows, columns, 0]
    return {int(n): (int((numbers == n).sum()), int(rows[numbers == n].min())) for n in np.unique(numbers)}


def names_lines(picture: Image.Image, _: object) -> SimpleNamespace:
    """Says the numbers of the lines it sees from top to bottom; it has no sense of columns."""
    found = ink_of(picture)
    return said("\n\n".join(f"line {n}" for n in sorted(found, key=lambda n: found[n][1])))


def type_in_tiles(picture: Image.Image, em: float) -> float:
    across, down = plan(*picture.size, RULE).canvas
    return em * min(across / picture.width, down / picture.height)


# Which pages are asked about


@pytest.mark.parametrize("paper", ("white", (200, 190, 170), "black"))
def test_a_blank_page_is_told_and_not_asked_about(paper: Any) -> None:
    model = Asked(lambda *_: pytest.fail("asked about a blank page"))
    for size in ((1240, 1754), (1, 1)):
        reading = VlmReader(model).read(Image.new("RGB", size, paper))
        assert (reading.status, list(reading.blocks)) == ("blank", []) and reading.reason


def test_noise_and_light_from_one_side_are_blank() -> None:
    random = np.random.default_rng(0)
    values = random.normal(235, 8, (900, 700)) * np.linspace(1, 0.75, 700)
    assert proven_blank(Image.fromarray(values.clip(0, 255).astype(np.uint8)))


def scenery() -> Image.Image:
    """Like a photograph: soft shapes of all sizes, no line of text."""
    random = np.random.default_rng(2)
    layers = [
        Image.fromarray(random.integers(0, 256, (n, n), np.uint8)).resize(
            (800, 600), Image.Resampling.BICUBIC
        )
        for n in (3, 4)
    ]
    return Image.blend(*layers, 0.4).filter(ImageFilter.GaussianBlur(30)).convert("RGB")


def huge_letter() -> Image.Image:
    image = Image.new("RGB", (900, 900), "white")
    ImageDraw.Draw(image).text((120, -80), "R", fill="black", font=ImageFont.load_default(900))
    return image


def faint_line() -> Image.Image:
    image = Image.new("RGB", (900, 900), "white")
    ImageDraw.Draw(image).text(
        (100, 400), "hardly to be seen", fill=(246, 246, 246), font=ImageFont.load_default(40)
    )
    return image


@pytest.mark.parametrize("make", (scenery, huge_letter, faint_line))
def test_a_page_on_which_the_rules_find_nothing_is_asked_about(make: Callable[[], Image.Image]) -> None:
    page = make()
    if make is not huge_letter:
        assert lay_out(page).blank
    model = Asked(lambda *_: said("# R"))
    reading = VlmReader(model).read(page)
    assert len(model.pictures) == 1 and model.pictures[0].size == page.size
    assert (reading.status, markdown(reading)) == ("ok", "# R")


def test_silence_about_a_picture_is_blank_and_about_print_a_failure() -> None:
    silent = Asked(lambda *_: said("  "))
    reading = VlmReader(silent).read(scenery())
    assert reading.status == "blank" and "found no text" in reading.reason
    page = Coloured(700, 500)
    page.lines(50, 60, 600, 6, 24)
    assert VlmReader(silent).read(page.image).status == "failed"


@given(st.integers(8, 60), st.integers(0, 2**31), st.integers(0, 6), st.integers(12, 60))
@settings(max_examples=25, deadline=None)
def test_print_is_never_proven_blank(size: int, seed: int, noise: int, contrast: int) -> None:
    image = Image.new("L", (400, 300), 230)
    ImageDraw.Draw(image).text(
        (60, 100), "가 word", fill=230 - max(contrast, 9 * noise), font=ImageFont.load_default(size)
    )
    values = np.asarray(image) + np.random.default_rng(seed).normal(0, noise, (300, 400))
    assert not proven_blank(Image.fromarray(values.clip(0, 255).astype(np.uint8)))


# How a page is cut


def test_type_that_is_large_enough_is_not_cut() -> None:
    page = Coloured(800, 1000)
    page.lines(60, 60, 680, 16, 30)
    model = Asked(names_lines)
    reading = VlmReader(model).read(page.image)
    assert len(model.pictures) == 1 and model.pictures[0].tobytes() == page.image.tobytes()
    assert reading.status == "ok" and markdown(reading).count("line") == 16


def small_print() -> Coloured:
    page = Coloured(1654, 2339)
    page.lines(150, 200, 1350, 60, 20, 1.7)
    return page


def two_columns() -> Coloured:
    page = Coloured(1654, 2339)
    page.lines(150, 120, 1300, 1, 44)
    for x in (150, 850):
        page.lines(x, 260, 640, 56, 20, 1.7)
    return page


def wide_and_narrow_column() -> Coloured:
    page = Coloured(2000, 1500)
    page.lines(100, 60, 1240, 44, 16, 1.8)
    page.lines(1400, 60, 500, 44, 16, 1.8)
    return page


@pytest.mark.parametrize("make", (small_print, two_columns, wide_and_narrow_column))
@pytest.mark.parametrize("angle", (0.0, 1.2))
def test_small_print_is_cut_into_pieces_and_joined_in_reading_order(
    make: Callable[[], Coloured], angle: float
) -> None:
    page = make()
    image = page.image.rotate(angle, Image.Resampling.NEAREST, expand=True, fillcolor="white")
    model = Asked(names_lines)
    if angle:  # turning back blends colours: only the order of pieces can be seen
        sheet = Sheet(image, lay_out(image), RULE)
        places = [[unit.place for unit in piece.units] for piece in sheet.pieces()]
        assert [n for piece in places for n in sorted(piece)] == list(range(sum(map(len, places))))
        assert 2 <= len(places) <= 6
        return
    reading = VlmReader(model).read(image)
    assert reading.status == "ok"
    assert markdown(reading).split("\n\n") == [f"line {n}" for n in range(page.count)]
    # No line is cut, lost or shown twice.
    shown = [number for picture in model.pictures for number in ink_of(picture)]
    assert sorted(shown) == list(range(page.count))
    whole = ink_of(image)
    for picture in model.pictures:
        for number, (pixels, _) in ink_of(picture).items():
            assert pixels == whole[number][0]
    # As few as needed, and each with type that can be read.
    assert 2 <= len(model.pictures) <= (3 if make is small_print else 5)
    em = lay_out(image).em
    assert type_in_tiles(image, em) < LEAST_EM
    assert all(type_in_tiles(picture, em) >= LEAST_EM for picture in model.pictures)


def test_pieces_have_paper_around_them() -> None:
    model = Asked(names_lines)
    VlmReader(model).read(small_print().image)
    for picture in model.pictures:
        values = np.asarray(picture)
        edges = (values[:8], values[-8:], values[:, :8], values[:, -8:])
        assert all((edge == 255).all() for edge in edges)


def test_a_table_is_cut_between_its_rows_only() -> None:
    page = Coloured(1654, 2339)
    draw = ImageDraw.Draw(page.image)
    for row in range(46):
        for column in range(4):
            page.lines(170 + 330 * column, 208 + 44 * row, 260, 1, 19)
    for row in range(47):
        draw.line((150, 200 + 44 * row, 1480, 200 + 44 * row), fill=(90, 90, 90), width=2)
    for column in range(5):
        draw.line((150 + 332 * column, 200, 150 + 332 * column, 200 + 44 * 46), fill=(90, 90, 90), width=2)
    model = Asked(names_lines)
    VlmReader(model).read(page.image)
    assert len(model.pictures) > 1
    for picture in model.pictures:
        lines = sorted(ink_of(picture))
        assert (
            lines[0] % 4 == 0
            and lines == list(range(lines[0], lines[0] + len(lines)))
            and len(lines) % 4 == 0
        )


# What is asked again


def loops_on(bad: Callable[[Image.Image], bool], says: str = "before the loop") -> Callable:
    def answer(picture: Image.Image, sampling: Any) -> SimpleNamespace:
        if bad(picture):
            return said(says + "~" * 50, "loop", len(says))
        return names_lines(picture, sampling)

    return answer


def test_a_looping_page_is_retried_and_partial() -> None:
    page = Coloured(700, 500)
    page.lines(50, 60, 600, 6, 24)
    model = Asked(loops_on(lambda picture: 0 in ink_of(picture)))
    reading = VlmReader(model).read(page.image)
    assert reading.status == "partial"
    assert reading.reason == "the first half of the page ran into a loop"
    # The half that loops gives what it said before; the other half is whole.
    assert markdown(reading).startswith("before the loop\n\nline ") and "~" not in markdown(reading)
    assert markdown(reading).endswith("line 4\n\nline 5")
    # The page, its halves, and the one that loops twice more, warmer and with a seed.
    warm = [s for s in model.samplings if s.temperature]
    assert len(model.pictures) == 5 and len(warm) == 2
    assert [s.temperature for s in warm] == sorted({s.temperature for s in warm})
    assert all(s.seed is not None and s.repetition_penalty > 1.05 for s in warm)
    first = model.samplings[0]
    assert (first.temperature, first.repetition_penalty, first.loop_guard) == (0, 1.05, 256)
    assert first.max_new_tokens == 4096


def test_halves_that_are_read_make_the_page_whole() -> None:
    page = Coloured(700, 500)
    page.lines(50, 60, 600, 6, 24)
    model = Asked(loops_on(lambda picture: len(ink_of(picture)) == 6))
    reading = VlmReader(model).read(page.image)
    assert (reading.status, reading.reason) == ("ok", "")
    assert markdown(reading).split("\n\n") == [f"line {n}" for n in range(6)]


def test_what_cannot_be_halved_is_asked_warmer() -> None:
    page = Coloured(700, 120)
    page.lines(50, 40, 600, 1, 28)
    model = Asked(
        lambda picture, sampling: said(
            "text" if sampling.temperature > 0.5 else "te", "stop" if sampling.temperature > 0.5 else "length"
        )
    )
    reading = VlmReader(model).read(page.image)
    assert (reading.status, markdown(reading)) == ("ok", "text")
    assert len(model.pictures) == 3


def test_a_piece_that_is_cut_off_is_named() -> None:
    def answer(picture: Image.Image, sampling: Any) -> SimpleNamespace:
        reply = names_lines(picture, sampling)
        return said(reply.text, "length") if max(ink_of(picture)) == 59 else reply

    model = Asked(answer)
    reading = VlmReader(model).read(small_print().image)
    assert reading.status == "partial" and "line 59" in markdown(reading) and "line 0\n" in markdown(reading)
    told = re.fullmatch(r"the second half of piece 2 of 2 was cut off at ([\d,]+) tokens", reading.reason)
    assert told and int(told[1].replace(",", "")) > 0


def test_a_piece_about_which_nothing_is_said_is_named() -> None:
    model = Asked(lambda picture, _: said("") if 0 in ink_of(picture) else names_lines(picture, _))
    reading = VlmReader(model).read(small_print().image)
    assert (reading.status, reading.reason) == ("partial", "the model said nothing about piece 1 of 2")


def test_a_page_of_which_nothing_was_read_has_failed() -> None:
    page = Coloured(700, 500)
    page.lines(50, 60, 600, 6, 24)
    reading = VlmReader(Asked(lambda *_: said("~" * 90, "loop", 0))).read(page.image)
    assert reading.status == "failed" and "loop" in reading.reason and not reading.blocks


def test_a_fence_around_the_whole_answer_is_taken_off() -> None:
    page = Coloured(700, 500)
    page.lines(50, 60, 600, 6, 24)
    for text in ("```markdown\n# 제목\n\n글\n```", "```md\n# 제목\n\n글\n```\n", "# 제목\n\n글"):
        reading = VlmReader(Asked(lambda *_, text=text: said(text))).read(page.image)
        assert markdown(reading) == "# 제목\n\n글"
    code = "```\nprint(1)\n```"
    assert markdown(VlmReader(Asked(lambda *_: said(code))).read(page.image)) == code


def test_an_answer_is_left_in_its_middle_when_nobody_wants_it() -> None:
    page = Coloured(700, 500)
    page.lines(50, 60, 600, 6, 24)
    model = Asked(lambda *_: said("abc" * 1000))
    with pytest.raises(Cancelled):
        VlmReader(model).read(page.image, lambda: bool(model.pictures))
