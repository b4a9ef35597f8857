"""Lines where they stand: words drawn at known places are found again on the picture that was read."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from adotx.documents.layout import lay_out, pack
from adotx.documents.readers.standing import lines_where_they_stand
from hangul_fonts import hangul_font

WORDS = (
    "강을 따라 걷는 사람들",
    "회의는 오전 열 시에",
    "자료는 미리 보내 드림",
)


@pytest.mark.parametrize("degrees", (0.0, 1.5))
def test_words_lie_on_their_ink(degrees: float) -> None:
    font = ImageFont.truetype(str(hangul_font()), 30)
    page = Image.new("L", (900, 500), 255)
    pen = ImageDraw.Draw(page)
    truth: list[tuple[str, tuple[float, float, float, float]]] = []
    for row, line in enumerate(WORDS):
        x = 80.0
        for word in line.split():
            pen.text((x, 100 + 70 * row), word, 0, font)
            truth.append((word, pen.textbbox((x, 100 + 70 * row), word, font)))
            x += pen.textlength(word, font) + 12
    image = page.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255).convert("RGB")
    layout = lay_out(image)
    packed = pack(layout)
    texts = dict.fromkeys(range(len(packed.pieces)), "")
    spread = [word for word, _ in truth]
    rows: dict[object, list[int]] = {}
    for number, piece in enumerate(packed.pieces):
        rows.setdefault(piece.line, []).append(number)
    assert len(rows) == len(WORDS)
    for numbers, line in zip(rows.values(), WORDS, strict=True):
        assert len(numbers) == 1, "a line of the test fits one row"
        texts[numbers[0]] = line
    lines = lines_where_they_stand(layout, packed, list(texts.values()), [0.9] * len(texts))
    assert [line.text for line in lines] == list(WORDS)
    words = [word for line in lines for word in line.words]
    assert [word.text for word in words] == spread
    turn = math.radians(-degrees)
    for word, (_, (x0, y0, x1, y1)) in zip(words, truth, strict=True):
        middle = np.array(word.quad).mean(0)
        x, y = (x0 + x1) / 2 - 450, (y0 + y1) / 2 - 250
        wanted = (
            450 + x * math.cos(turn) - y * math.sin(turn),
            250 + x * math.sin(turn) + y * math.cos(turn),
        )
        assert np.abs(middle - wanted).max() < 5, word.text
