"""Watermarks: pale letters behind the print are taken out, the print and all other pale things are left."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from adotx.documents.layout import lay_out
from adotx.documents.layout.watermarks import without_watermark
from documents_pages import WORDS

WIDTH, HEIGHT = 1240, 1754
face = cache(ImageFont.load_default)


@cache
def print_of(lines: int = 30, size: int = 26) -> np.ndarray:
    """A page's print: float [H, W, 1], how much of each pixel is ink."""
    image, font = Image.new("L", (WIDTH, HEIGHT), 0), face(size)
    draw = ImageDraw.Draw(image)
    for n in range(lines):
        words = [WORDS[(n * 7 + k) % len(WORDS)] for k in range(10)]
        draw.text((110, 120 + n * 48), " ".join(words), fill=255, font=font)
    return np.asarray(image)[..., None] / 255.0


@cache
def mark(text: str, size: int, angle: float) -> np.ndarray:
    """A watermark in the middle of a page, in the same way."""
    font = face(size)
    x0, y0, x1, y1 = map(round, font.getbbox(text))
    word = Image.new("L", (x1 - x0 + 40, y1 - y0 + 40), 0)
    ImageDraw.Draw(word).text((20 - x0, 20 - y0), text, fill=255, font=font, stroke_width=size // 24)
    word = word.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
    page = Image.new("L", (WIDTH, HEIGHT), 0)
    page.paste(word, ((WIDTH - word.width) // 2, (HEIGHT - word.height) // 2))
    return np.asarray(page)[..., None] / 255.0


def composed(*layers: tuple[np.ndarray, tuple[int, int, int]], noise: float = 0) -> np.ndarray:
    """White paper under layers of colour: uint8 [H, W, 3]."""
    values = np.full((HEIGHT, WIDTH, 3), 255.0)
    for cover, colour in layers:
        values = values * (1 - cover) + cover * np.array(colour)
    if noise:
        values += np.random.default_rng(3).normal(0, noise, (HEIGHT, WIDTH, 1))
    return values.clip(0, 255).astype(np.uint8)


BLACK = (15, 15, 15)


@pytest.mark.parametrize("colour", ((215, 215, 215), (170, 170, 170), (240, 190, 190), (190, 200, 240)))
@pytest.mark.parametrize(("text", "size", "angle"), (("DRAFT", 330, 40), ("CONFIDENTIAL", 150, 50)))
def test_a_watermark_is_made_paper_and_the_print_over_it_is_left(
    text: str, size: int, angle: float, colour: tuple[int, int, int]
) -> None:
    pale, ink = mark(text, size, angle), print_of()
    out = without_watermark(composed((pale, colour), (ink, BLACK))).astype(int)
    off = np.abs(out - composed((ink, BLACK)).astype(int)).max(2)
    assert (off > 40).mean() < 0.0005, "something of it is left, or print is gone"


def test_a_watermark_is_taken_from_a_noisy_scan() -> None:
    pale, ink = mark("DRAFT", 330, 40), print_of()
    out = without_watermark(composed((pale, (185, 185, 185)), (ink, BLACK), noise=5)).astype(int)
    off = np.abs(out - composed((ink, BLACK)).astype(int)).max(2)
    assert (off > 60).mean() < 0.001


def test_print_under_a_watermark_has_the_lines_that_it_has_without() -> None:
    pale, ink = mark("DRAFT", 330, 30), print_of()
    with_it, without = (
        lay_out(Image.fromarray(composed(*layers)))
        for layers in (((pale, (175, 175, 175)), (ink, BLACK)), ((ink, BLACK),))
    )
    assert len(with_it.segments) == len(without.segments)
    for one, other in zip(with_it.segments, without.segments, strict=True):
        assert np.abs(np.subtract(one.box, other.box)).max() <= 3


def test_what_no_letter_lies_across_is_left() -> None:
    ink, title = print_of(12), mark("DRAFT", 330, 40)
    tints = np.zeros((HEIGHT, WIDTH, 1))
    for row in range(0, 12, 2):
        tints[115 + row * 48 : 158 + row * 48, 100:1140] = 1
    alone = np.where(ink.any(1, keepdims=True), 0, title)  # pale letters with no print on them
    for layers in (
        ((ink, BLACK),),
        ((tints, (210, 210, 210)), (ink, BLACK)),
        ((alone, (200, 200, 200)), (ink, BLACK)),
        ((title, (200, 200, 200)),),
    ):
        page = composed(*layers)
        assert without_watermark(page) is page


def test_pages_of_any_size_and_dark_ones_are_left() -> None:
    for size in ((1, 1, 3), (2, 700, 3), (700, 3, 3)):
        page = np.full(size, 250, np.uint8)
        assert without_watermark(page) is page
    dark = 255 - composed((mark("DRAFT", 330, 40), (150, 150, 150)), (print_of(), BLACK))
    assert without_watermark(dark) is dark
