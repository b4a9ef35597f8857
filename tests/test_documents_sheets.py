"""What a picture holds: several sheets, text from top to bottom, letters on an underline."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from adotx.documents.layout import Layout, lay_out, lines_of, pack, sheets_in
from documents_pages import HANGUL_WORDS, hangul_face

ADDRESS = "www.16002451.co.kr"


def slip(lines: int, width: int = 460) -> Image.Image:
    """A receipt of some lines."""
    image = Image.new("RGB", (width, 60 + 44 * lines), (250, 250, 248))
    draw, font = ImageDraw.Draw(image), hangul_face("Sans", 26)
    for number in range(lines):
        y, price = 30 + 44 * number, f"{1200 + 350 * number:,}"
        draw.text((30, y), HANGUL_WORDS[number], font=font, fill=(25, 25, 25))
        draw.text((width - 30, y), price, font=font, fill=(25, 25, 25), anchor="ra")
    return image


def desk(*slips: tuple[Image.Image, tuple[int, int], float], noise: float = 4.0) -> Image.Image:
    """Slips with their middles at places, turned by degrees, on something dark."""
    scene = np.full((900, 1300, 3), 90.0)
    for image, (x, y), angle in slips:
        matrix = cv2.getRotationMatrix2D((image.width / 2, image.height / 2), angle, 1.0)
        matrix[:, 2] += (x - image.width / 2, y - image.height / 2)
        page = cv2.warpAffine(np.asarray(image), matrix, (1300, 900)).astype(np.float64)
        inside = cv2.warpAffine(np.ones((image.height, image.width)), matrix, (1300, 900))[..., None]
        scene = scene * (1 - inside) + page * inside
    scene += np.random.default_rng(1).normal(0, noise, scene.shape)
    return Image.fromarray(scene.clip(0, 255).astype(np.uint8))


def test_two_receipts_on_a_desk_are_two_sheets_from_left_to_right() -> None:
    image = desk((slip(9), (930, 430), 4), (slip(7), (330, 460), -5))
    left, right = sheets_in(image)
    assert left.at[0] < 200 < 600 < right.at[0] < 800
    for part, x in ((left, 330), (right, 930)):
        layout = lay_out(part.image, at=part.at)
        places = [layout.to_input((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)[0] for box in boxes(layout)]
        assert places and all(abs(place - x) < 260 for place in places)


def boxes(layout: Layout) -> list[tuple[int, int, int, int]]:
    return [line.box for line in lines_of(layout.regions)]


def test_one_sheet_on_a_desk_and_panels_of_a_screen_are_not_parted() -> None:
    assert len(sheets_in(desk((slip(9), (500, 430), 3)))) == 1
    screen = desk((slip(9), (330, 450), 0), (slip(9), (930, 450), 0), noise=0.0)
    assert len(sheets_in(screen)) == 1, "a dark screen is flat"


def book(degrees: float) -> Image.Image:
    """Two pages that meet in a shadow, their lines rising towards the outside."""
    image = Image.new("RGB", (760, 900), (245, 243, 238))
    draw, font = ImageDraw.Draw(image), hangul_face("Serif", 26)
    for number in range(16):
        words = " ".join(HANGUL_WORDS[number : number + 6])[:22]
        draw.text((80, 80 + 46 * number), words, font=font, fill="black")
    scene = np.full((1000, 1600, 3), 240.0)
    for x, angle in ((410, -degrees), (1190, degrees)):
        matrix = cv2.getRotationMatrix2D((380, 450), angle, 1.0)
        matrix[:, 2] += (x - 380, 50)
        page = cv2.warpAffine(np.asarray(image), matrix, (1600, 1000), borderValue=(240, 240, 240))
        scene = np.minimum(scene, page)
    shadow = 1 - 0.12 * np.exp(-(((np.arange(1600) - 800) / 60) ** 2))
    return Image.fromarray((scene * shadow[None, :, None]).astype(np.uint8))


def test_the_pages_of_an_open_book_are_parted_where_their_lines_run_apart() -> None:
    left, right = sheets_in(book(2.0))
    assert 780 < left.image.width < 860 and 740 < right.at[0] < 820
    assert len(sheets_in(book(0.0))) == 1, "lines that run alike are columns"


def upright(columns: list[str], em: int = 40) -> Image.Image:
    """Columns from right to left, their signs under each other."""
    image = Image.new("RGB", (150 + 3 * em * len(columns), 1000), "white")
    draw, font = ImageDraw.Draw(image), hangul_face("Serif", em)
    for number, column in enumerate(columns):
        x, y = image.width - 100 - 3 * em * number, 80.0
        for sign in column:
            draw.text((x, y), sign, font=font, fill="black", anchor="mt")
            y += 0.5 * em if sign == " " else 1.3 * em
    return image


def test_text_from_top_to_bottom_is_told_and_laid_across() -> None:
    columns = ["봄바람이 불어오면", "꽃잎이 날리고", "우리는 길을 나선다"]
    image = upright(columns)
    assert lay_out(image).down
    layout = lay_out(image, way="down")
    packed = pack(layout)
    assert not layout.down and len(packed.pieces) == 3
    places = [layout.to_input((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)[0] for box in boxes(layout)]
    assert places == sorted(places, reverse=True), "the right column comes first"
    # As many words as the column has, and signs as upright as if they had been set so.
    row = packed.tiles[0, :32]
    line = Image.new("RGB", (900, 140), "white")
    draw, font = ImageDraw.Draw(line), hangul_face("Serif", 40)
    x = 60.0
    for sign in columns[0]:
        draw.text((x, 40), sign, font=font, fill="black", anchor="mt")
        x += 20 if sign == " " else 52
    set_so = pack(lay_out(line)).tiles[0, :32]
    wide = [int(np.flatnonzero((each < 128).any(0)).max()) for each in (row, set_so)]
    assert abs(wide[0] - wide[1]) < 12
    assert np.corrcoef(shrunk(row, wide[0]), shrunk(set_so, wide[1]))[0, 1] > 0.7


def shrunk(row: np.ndarray, width: int) -> np.ndarray:
    return cv2.resize(row[:, : width + 1], (160, 16), interpolation=cv2.INTER_AREA).ravel().astype(float)


def test_pages_read_across_do_not_run_down() -> None:
    image = Image.new("RGB", (900, 700), "white")
    draw = ImageDraw.Draw(image)
    for number in range(8):
        words = " ".join(HANGUL_WORDS[number : number + 5])
        draw.text((60, 50 + 60 * number), words, font=hangul_face("Sans", 30), fill="black")
    assert not lay_out(image).down


@pytest.mark.parametrize("gap", (0.5, 1.5))
def test_letters_on_an_underline_keep_their_feet(gap: float) -> None:
    def address(underlined: bool) -> np.ndarray:
        """The row of an address set in 20 pixels, drawn four times as large."""
        large, small = hangul_face("Sans", 80), (360, 150)
        image = Image.new("RGB", (1440, 600), "white")
        draw = ImageDraw.Draw(image)
        for y, words in ((60, "안내 말씀을 전합니다"), (180, "아래 주소를 보십시오"), (320, ADDRESS)):
            draw.text((100, y), words, font=large, fill="black")
        if underlined:
            x0, _, x1, y1 = draw.textbbox((100, 320), ADDRESS, font=large)
            draw.rectangle((x0, y1 + 4 * gap, x1, y1 + 4 * gap + 3), fill="black")
        packed = pack(lay_out(image.resize(small, Image.Resampling.BOX), deskew=False))
        piece = packed.pieces[2]
        return packed.tiles[piece.tile, 32 * piece.row : 32 * piece.row + 32]

    bare, under = address(False), address(True)
    assert np.corrcoef(bare.ravel(), under.ravel())[0, 1] > 0.97
