"""Sheets of which nothing is read: print out of focus is told, a blank sheet is blank in any light."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from adotx.documents.readers.rows import RowReader
from adotx.documents.readers.unread import is_mostly_unread, is_something_on
from documents_fakes import DarkRows, row_model
from documents_pages import WORDS

WIDTH, HEIGHT = 900, 1200
face = cache(ImageFont.load_default)


def printed(size: int = 24, lines: int = 30, fill: int = 10, paper: int = 255) -> Image.Image:
    """A page of print, RGB."""
    image, font, step = Image.new("RGB", (WIDTH, HEIGHT), (paper,) * 3), face(size), round(1.6 * size)
    draw = ImageDraw.Draw(image)
    for n in range(min(lines, (HEIGHT - 160) // step)):
        words = [WORDS[(n * 7 + k) % len(WORDS)] for k in range(20)]
        draw.text((90, 80 + n * step), " ".join(words), fill=(fill,) * 3, font=font)
    draw.rectangle((WIDTH - 90, 0, WIDTH, HEIGHT), fill=(paper,) * 3)
    return image


def blurred(image: Image.Image, radius: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(radius))


def paper(level: float = 240.0, noise: float = 3.0) -> np.ndarray:
    return np.random.default_rng(4).normal(level, noise, (HEIGHT, WIDTH))


def picture(values: np.ndarray) -> Image.Image:
    return Image.fromarray(values.clip(0, 255).astype(np.uint8)).convert("RGB")


@given(st.integers(16, 44), st.floats(6, 30), st.integers(10, 80), st.integers(215, 255))
@settings(max_examples=15, deadline=None)
def test_print_out_of_focus_is_something(size: int, radius: float, fill: int, level: int) -> None:
    assert is_something_on(blurred(printed(size, fill=fill, paper=level), radius))


def test_a_few_lines_out_of_focus_in_noise_are_something() -> None:
    values = np.asarray(blurred(printed(36, lines=3), 9).convert("L"), np.float64)
    assert is_something_on(picture(values * 0.92 + np.random.default_rng(1).normal(0, 5, values.shape)))


def shaded() -> np.ndarray:
    return np.asarray(paper() * np.linspace(1, 0.6, WIDTH))


def spotted() -> np.ndarray:
    values, random = paper().astype(np.float32), np.random.default_rng(7)
    for x, y in random.integers(0, (WIDTH, HEIGHT), (60, 2)).tolist():
        cv2.circle(values, (x, y), int(random.integers(1, 4)), 60.0, -1)
    return values


def punched() -> np.ndarray:
    values = paper().astype(np.float32)
    for y in (380, 820):
        cv2.circle(values, (48, y), 17, 40.0, -1, cv2.LINE_AA)
    cv2.line(values, (30, 50), (70, 44), 60.0, 3)  # a staple
    return values


def folded() -> np.ndarray:
    rows = np.arange(HEIGHT)[:, None] - 590.0
    return np.asarray(paper() - 45 * np.exp(-((rows / 3) ** 2)) - 12 * np.exp(-((rows / 25) ** 2)))


def shines_through() -> np.ndarray:
    back = np.asarray(blurred(printed(30), 2.5).convert("L").transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    return np.asarray(paper() - 0.12 * (255.0 - back))


def dark_at_an_edge() -> np.ndarray:
    values = paper()
    values[:, :30], values[:20] = 30, 25
    values[:, 30:45] -= np.linspace(150, 0, 15)
    return values


def on_a_desk() -> np.ndarray:
    values = np.random.default_rng(2).normal(80, 10, (HEIGHT, WIDTH))
    values[90:-90, 70:-70] = paper()[90:-90, 70:-70]
    return values


SHEETS = (
    lambda: paper(255, 0),
    lambda: paper(225, 7),
    lambda: np.full((HEIGHT, WIDTH), 18.0),
    shaded,
    spotted,
    punched,
    folded,
    shines_through,
    dark_at_an_edge,
    on_a_desk,
)


@pytest.mark.parametrize("make", SHEETS)
def test_a_blank_sheet_is_nothing(make: Callable[[], np.ndarray]) -> None:
    assert not is_something_on(picture(make()))


def test_pictures_of_any_size_are_looked_at() -> None:
    for size in ((1, 1), (2, 900), (900, 3), (48, 48)):
        assert not is_something_on(Image.new("RGB", size, "white"))


def test_a_page_of_which_nothing_is_found_fails_and_says_so() -> None:
    engine = DarkRows()
    reading = RowReader(row_model(engine), second=False).read(blurred(printed(26), 30))
    assert reading.status == "failed" and not reading.blocks and not engine.asked
    assert reading.reason == "something is on the page, but nothing could be read"


def test_punctuation_alone_is_nothing_that_was_read() -> None:
    reading = RowReader(row_model(DarkRows(lambda n: ". . . .")), second=False).read(printed(lines=4))
    assert reading.status == "failed" and not reading.blocks and "nothing could be read" in reading.reason


def test_print_outside_of_what_was_read_is_told_from_print_inside() -> None:
    page = printed(26)
    ImageDraw.Draw(page).rectangle((0, 0, WIDTH, 110), fill="white")
    whole = [(80, 70), (WIDTH - 80, 70), (WIDTH - 80, HEIGHT - 60), (80, HEIGHT - 60)]
    first = [(80, 70), (WIDTH - 80, 70), (WIDTH - 80, 180), (80, 180)]
    for radius in (0, 8):
        assert not is_mostly_unread(blurred(page, radius), [whole])
        assert is_mostly_unread(blurred(page, radius), [first])
        assert not is_mostly_unread(blurred(printed(lines=2), radius), [first])
