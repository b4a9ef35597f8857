"""What stands on a page beside its text: seals, ticked boxes, figures, small type beside large."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from adotx.documents.layout import Figure, Flow, figures, lay_out, lines_of, pack
from adotx.documents.layout.networks import Found
from adotx.documents.layout.pack import EM, Packed
from adotx.documents.layout.page import Layout
from adotx.markdown import Figure as FigureBlock
from documents_pages import HANGUL_WORDS, Drawn, blocks_of, hangul_face

RED = (214, 60, 60)


def paper(width: int = 1000, height: int = 900) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (width, height), "white")
    return image, ImageDraw.Draw(image)


def prose(draw: ImageDraw.ImageDraw, y: int, lines: int = 3, size: int = 28) -> None:
    for number in range(lines):
        words = " ".join(HANGUL_WORDS[6 * number : 6 * number + 6])
        draw.text((60, y + 2 * size * number), words, fill="black", font=hangul_face("Sans", size))


def row(packed: Packed, number: int) -> np.ndarray:
    tile, place = divmod(number, 12)
    return packed.tiles[tile, place * 32 : (place + 1) * 32]


def dark(layout: Layout, box: tuple[int, int, int, int]) -> float:
    """Share of ink in a box of the clean page."""
    x0, y0, x1, y1 = box
    return float(layout.ink[y0:y1, x0:x1].mean())


# Seals


@pytest.mark.parametrize("shape", ("rectangle", "ellipse"))
def test_a_seal_is_taken_off_and_what_is_under_it_stays(shape: str) -> None:
    image, draw = paper()
    prose(draw, 60)
    draw.text((330, 470), "주식회사 다온기획", fill="black", font=hangul_face("Serif", 40))
    bare = pack(lay_out(image))
    getattr(draw, shape)((590, 425, 740, 575), outline=RED, width=8)
    for number, line in enumerate(("다온의", "기획인", "감독□")):
        draw.text((612, 436 + 40 * number), line, fill=RED, font=hangul_face("Serif", 34))
    # Black print lies over the seal's ink, as it does where both are dark.
    draw.text((330, 470), "주식회사 다온기획", fill="black", font=hangul_face("Serif", 40))
    sealed = pack(lay_out(image))
    assert len(sealed.pieces) == len(bare.pieces)
    difference = np.abs(sealed.tiles.astype(int) - bare.tiles.astype(int))
    assert (difference > 80).mean() < 0.004


def test_large_coloured_type_is_no_seal() -> None:
    image, draw = paper()
    draw.text((120, 40), "김밥 축제", fill=(170, 30, 40), font=hangul_face("Sans", 170))
    prose(draw, 420)
    layout = lay_out(image)
    first = next(iter(lines_of(layout.regions)))
    assert first.box[2] - first.box[0] > 600


# Boxes to be ticked


def ticked_page(*ticked: bool) -> tuple[Image.Image, list[tuple[int, int, int, int]]]:
    image, draw = paper()
    prose(draw, 60)
    boxes = []
    for number, tick in enumerate(ticked):
        x, y = 90 + 250 * number, 400
        draw.rectangle((x, y, x + 26, y + 26), outline="black", width=3)
        draw.text((x + 44, y - 8), "동의", fill="black", font=hangul_face("Sans", 28))
        if tick:
            points = [(x + 4, y + 10), (x + 12, y + 21), (x + 33, y - 9)]
            draw.line(points, fill=(20, 20, 140), width=4)
        boxes.append((x + 7, y + 7, x + 20, y + 20))
    return image, boxes


def test_a_box_ticked_by_hand_is_told_and_shown_as_an_empty_one() -> None:
    image, boxes = ticked_page(False, True, False)
    layout = lay_out(image, deskew=False)
    zoom = layout.page.gray.shape[1] / image.width
    filled = []
    for box in boxes:
        x0, y0, x1, y1 = (round(zoom * side) for side in box)
        filled.append(dark(layout, (x0, y0, x1, y1)))
    assert max(filled) < 0.1
    assert [tick.ticked for tick in sorted(layout.ticks, key=lambda each: each.box)] == [False, True, False]
    above = boxes[1][0] + 20, boxes[1][1] - 16, boxes[1][0] + 30, boxes[1][1] - 9
    x0, y0, x1, y1 = (round(zoom * side) for side in above)
    assert dark(layout, (x0, y0, x1, y1)) < 0.05, "the tick's end is gone"


def test_without_an_empty_box_nothing_is_a_tick() -> None:
    image, boxes = ticked_page(True, True)
    layout = lay_out(image, deskew=False)
    zoom = layout.page.gray.shape[1] / image.width
    for box in boxes:
        x0, y0, x1, y1 = (round(zoom * side) for side in box)
        assert dark(layout, (x0, y0, x1, y1)) < 0.8


# Figures


def page_with(picture: Image.Image) -> Image.Image:
    image, draw = paper(1240, 1754)
    for y in (80, 250, 1000, 1170, 1340):
        prose(draw, y)
    image.paste(picture, (200, 450))
    return image


def photograph() -> Image.Image:
    noise = np.random.default_rng(3).random((420, 640, 3)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 30)
    return Image.fromarray(cv2.normalize(soft, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8))


def qr_code() -> Image.Image:
    code = cv2.QRCodeEncoder.create().encode("https://example.kr/apply?id=20261127")
    return Image.fromarray(cv2.resize(code, (260, 260), interpolation=cv2.INTER_NEAREST)).convert("RGB")


def chart() -> Image.Image:
    image = Image.new("RGB", (760, 440), "white")
    draw = ImageDraw.Draw(image)
    draw.line((40, 20, 40, 420, 740, 420), fill="black", width=3)
    for number, height in enumerate((120, 260, 180, 340, 220)):
        draw.rectangle((90 + 130 * number, 420 - height, 160 + 130 * number, 418), fill=(70, 110, 180))
    return image


@pytest.fixture
def verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layout model's verdict on `page_with`; how sure it is of drawn pictures is not the matter here."""

    def parts(rgb: np.ndarray, least: float) -> list[Found]:
        return [Found("figure", (190, 440, 1000, 900), 0.9)]

    monkeypatch.setattr(figures, "page_parts", parts)


@pytest.mark.parametrize("picture", (photograph, chart))
@pytest.mark.usefixtures("verdict")
def test_a_picture_is_told_where_it_stands(picture: Callable[[], Image.Image]) -> None:
    layout = lay_out(page_with(picture()))
    assert [type(region) for region in layout.regions] == [Flow, Figure, Flow]


def test_a_code_is_found_without_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "page_parts", lambda rgb, least: [])
    drawn = qr_code()
    layout = lay_out(page_with(drawn))
    kinds = [type(region) for region in layout.regions]
    assert kinds == [Flow, Figure, Flow]
    figure = next(region for region in layout.regions if isinstance(region, Figure))
    x0, y0 = layout.to_input(*figure.box[:2])
    x1, y1 = layout.to_input(*figure.box[2:])
    assert abs(x0 - 200) < 60 and abs(y0 - 450) < 60
    assert abs(x1 - 200 - drawn.width) < 60 and abs(y1 - 450 - drawn.height) < 60


@pytest.mark.usefixtures("verdict")
def test_what_is_printed_in_a_figure_is_read_behind_it() -> None:
    picture = chart()
    ImageDraw.Draw(picture).text((60, 20), "분기별 매출", fill="black", font=hangul_face("Sans", 26))
    layout = lay_out(page_with(picture))
    figure, after = next((one, other) for one, other in pairwise(layout.regions) if isinstance(one, Figure))
    assert isinstance(after, Flow) and after.lines[0].box[1] < figure.box[3]


@pytest.mark.usefixtures("verdict")
def test_a_figure_is_a_block_without_a_caption() -> None:
    page = Drawn(page_with(chart()))
    [figure] = [block for block in blocks_of(page) if isinstance(block, FigureBlock)]
    assert not figure.caption and figure.box is not None


@pytest.mark.usefixtures("verdict")
def test_a_flat_panel_is_no_picture() -> None:
    panel = Image.new("RGB", (780, 430), (40, 60, 110))
    ImageDraw.Draw(panel).text((40, 180), "파란 바탕의 흰 글씨", fill="white", font=hangul_face("Sans", 30))
    layout = lay_out(page_with(panel))
    assert not any(isinstance(region, Figure) for region in layout.regions)
    assert sum(1 for _ in lines_of(layout.regions)) == 16


# Sizes and letter gaps


def test_small_type_beside_large_is_read_in_its_own_scale() -> None:
    image, draw = paper()
    prose(draw, 60, size=40)
    draw.text((60, 400), "저녁에 만나요", fill="black", font=hangul_face("Sans", 40))
    draw.text((400, 428), "오후 7:25", fill="black", font=hangul_face("Sans", 24))
    packed = pack(lay_out(image))
    heights = []
    for number in range(len(packed.pieces))[-2:]:
        ink = np.flatnonzero((row(packed, number) < 140).any(1))
        heights.append(int(ink[-1] - ink[0] + 1))
    assert 0.75 * heights[0] < heights[1] <= EM + 4


def test_a_note_beside_a_line_is_read_behind_it() -> None:
    image, draw = paper()
    for number, (word, note) in enumerate(((400, 60), (60, 400), (400, 60))):
        y = 60 + 160 * number
        draw.text((word, y), "저녁에 만나요", fill="black", font=hangul_face("Sans", 40))
        draw.text((note, y + 29), "오후 7:25", fill="black", font=hangul_face("Sans", 24))
    layout = lay_out(image)
    assert [type(region) for region in layout.regions] == [Flow]
    for line in lines_of(layout.regions):
        first, last = (layout.segments[i] for i in line.segments)
        assert first.height > 1.3 * last.height


def spread(text: str, size: int, step: float) -> Image.Image:
    image, draw = paper()
    prose(draw, 60)
    x = 60.0
    for char in text:
        draw.text((x, 420), char, fill="black", font=hangul_face("Sans", size))
        x += step * size * (1 if char != " " else 0.8)
    return image


@pytest.mark.parametrize(("text", "step", "width"), [("자치규약", 1.6, 4.4), ("마을 자치규약", 1.6, 7.4)])
def test_letters_set_wide_are_moved_together(text: str, step: float, width: float) -> None:
    packed = pack(lay_out(spread(text, 36, step)))
    ink = np.flatnonzero((row(packed, len(packed.pieces) - 1) < 140).any(0))
    assert ink[-1] - ink[0] < width * EM


def test_words_of_one_syllable_stay_apart() -> None:
    text = "올 때 두부 두 모랑 파 한 단 사 와"
    image, draw = paper()
    prose(draw, 60)
    draw.text((60, 420), text, fill="black", font=hangul_face("Sans", 28))
    packed = pack(lay_out(image))
    columns = (row(packed, len(packed.pieces) - 1) < 140).any(0)
    gaps = np.diff(np.flatnonzero(columns))
    assert (gaps > 0.25 * EM).sum() >= 5
