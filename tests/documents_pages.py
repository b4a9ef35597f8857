"""Pages drawn with Pillow, with the lines that are on them: no made pages or models needed.

Latin is drawn in Pillow's own face, Hangul in a face of the dev extra (`hangul_face`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from adotx.data.typeset import Line
from adotx.documents.assembly import assemble, place
from adotx.documents.layout.pack import LEFT, ROW, WIDEST, Packed, pack
from adotx.documents.layout.page import lay_out
from adotx.evaluate.alignment import align_rows
from adotx.markdown import Block, to_markdown

_TEXT = """the plan was read by every member of the board before the meeting and nobody asked for a change in
any part of it so that the chair could close the session early and thank all guests for coming this far"""
WORDS = _TEXT.split()
_HANGUL = """이번 달부터 모든 부서는 회의 자료를 하루 전까지 공용 서버에 올려야 하며 담당자는
올라온 자료를 살펴보고 빠진 내용이 있으면 바로 알려 주시기 바랍니다 자료의 이름에는 날짜와 부서의
이름을 함께 적고 오래된 자료는 따로 모아 둡니다"""
HANGUL_WORDS = _HANGUL.split()

Face = ImageFont.FreeTypeFont | ImageFont.ImageFont


def hangul_folder() -> Path:
    """The folder of the dev extra's Hangul faces; skips the test where it is not installed."""
    spec = find_spec("pylopdf_fonts_ko")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("no Hangul face: pip install 'adotx[dev]'")
    return Path(next(iter(spec.submodule_search_locations)))


@cache
def hangul_face(name: str, size: int) -> Face:
    """`name`: ``"Sans"`` or ``"Serif"``."""
    return ImageFont.truetype(hangul_folder() / f"Noto{name}KR-Regular.otf", size)


@dataclass
class Drawn:
    """An image and its truth, in the form that the aligner takes.

    Attributes:
        face: ``""`` for Pillow's own, else a name for `hangul_face`.
    """

    image: Image.Image
    lines: list[Line] = field(default_factory=list)
    affine: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    face: str = ""
    fonts: Sequence[object] = ()

    @classmethod
    def blank(cls, width: int = 1000, height: int = 1200, paper: int = 255, face: str = "") -> Drawn:
        return cls(Image.new("L", (width, height), paper), face=face)

    def font(self, size: int) -> Face:
        return hangul_face(self.face, size) if self.face else ImageFont.load_default(size)

    def text(self, x: float, y: float, text: str, size: int = 24, fill: int = 10) -> float:
        """Draw one line with its top left corner at (x, y); returns where it ends."""
        font = self.font(size)
        ImageDraw.Draw(self.image).text((x, y), text, fill=fill, font=font)
        x0, y0, x1, y1 = font.getbbox(text)
        box = (x + x0, y + y0, x + x1, y + y1)
        self.lines.append(Line(text, box, size, "paragraph", 0, text, "\n", None, box))
        return x + x1

    def paragraph(self, x: float, y: float, width: float, words: Sequence[str], size: int = 24) -> float:
        """Draw words in lines of at most `width`; returns where the next line would stand."""
        font, line = self.font(size), ""
        for word in [*words, ""]:
            longer = f"{line} {word}".strip()
            if line and (not word or font.getlength(longer) > width):
                self.text(x, y, line, size)
                y, longer = y + 1.6 * size, word
            line = longer
        return y

    def rule(self, *box: float, width: int = 1, fill: int = 90) -> None:
        ImageDraw.Draw(self.image).line(box, fill=fill, width=width)

    def box(self, *box: float, fill: int | None = None, outline: int | None = None) -> None:
        ImageDraw.Draw(self.image).rectangle(box, fill=fill, outline=outline)


def blocks_of(page: Drawn) -> list[Block]:
    """The page laid out, packed, read by an oracle, and put together."""
    layout = lay_out(page.image)
    packed = pack(layout)
    rows = [row.text for row in align_rows(layout, packed, page)]  # type: ignore[arg-type]
    return assemble(place(layout, packed.texts(rows)))


def markdown_of(page: Drawn) -> str:
    """`blocks_of` as Markdown."""
    return to_markdown(blocks_of(page))


def row_heights(packed: Packed) -> list[int]:
    """Ink heights of all packed rows, each of which must stand centred in its row and begin at its left."""
    heights = []
    for piece in packed.pieces:
        cell = packed.tiles[piece.tile, piece.row * ROW : (piece.row + 1) * ROW]
        rows, columns = np.flatnonzero((cell < 160).any(1)), np.flatnonzero((cell < 160).any(0))
        assert abs((rows[0] + rows[-1] + 1) / 2 - ROW / 2) <= 1.5
        assert abs(columns[0] - LEFT) <= 3 and columns[-1] <= LEFT + WIDEST + 2
        heights.append(int(rows[-1] - rows[0] + 1))
    return heights
