"""Pages for the outputs: drawn text with the places of its ink, as a reader tells them. Needs no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from adotx.documents.doubt import plain, with_texts
from adotx.documents.readers import TextLine
from adotx.documents.transcribe import PageResult
from adotx.markdown import (
    Block,
    Cell,
    Code,
    Fields,
    Figure,
    Formula,
    Heading,
    Item,
    Paragraph,
    Quote,
    Span,
    Table,
)
from hangul_fonts import hangul_font

HOSTILE = '<img src=x onerror="document.title=1"> <script>1</script> "\'>&amp; **a**'
#: lines as office pages have them
LINES = (
    "제1조(목적) 이 규정은 2024년 예산의 집행에 관한 사항을 정한다.",
    "Total amount: 1,234,567 won (VAT 10% incl.)",
    "담당 부서는 매월 말일까지 집행 결과를 보고하여야 한다.",
    "계약 번호 2024-0173호에 따라 잔금을 지급한다.",
)


def page_of_blocks(blocks: Sequence[Block], number: int = 1, **more: Any) -> PageResult:
    """A page that says these blocks, doubts included."""
    doubted = tuple(blocks)
    return PageResult(with_texts(doubted, plain), number=number, doubted=doubted, **more)


def every_kind(text: str = "글") -> tuple[Block, ...]:
    """A block of every kind, each of which says `text`."""
    table = Table(
        ((Cell(text, colspan=2), Cell("나")), (Cell("1"), Cell(text), Cell("3", rowspan=1))), 1,
    )  # fmt: skip
    return (
        Heading.of(text, 2), Paragraph((Span(text), Span(text, bold=True), Span("x", code=True))),
        Quote.of(text), Item.of(text, "가."), Item.of(text, "-", 1), Code((text, "b")),
        Fields(((text, text),), ":"), table, Formula(text), Figure(text),
    )  # fmt: skip


def ink_box(picture: Image.Image, box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    """The box of the dark pixels in a part of a picture."""
    x0, y0 = int(box[0]), int(box[1])
    dark = np.asarray(picture.crop(tuple(map(int, box))).convert("L")) < 128
    ys, xs = np.nonzero(dark)
    return x0 + int(xs.min()), y0 + int(ys.min()), x0 + int(xs.max()) + 1, y0 + int(ys.max()) + 1


def drawn(
    texts: Sequence[str] = LINES, size: tuple[int, int] = (1654, 900), px: int = 40, number: int = 1
) -> tuple[Image.Image, PageResult]:
    """A page with lines of text and what a perfect reader says about it: a line and a block each."""
    font = ImageFont.truetype(str(hangul_font()), px)
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    lines, blocks = [], []
    for n, text in enumerate(texts):
        x, y = 120, 90 + n * round(3.2 * px)
        draw.text((x, y), text, fill="black", font=font)
        words, at = [], 0
        for word in text.split():
            start = text.index(word, at)
            at = start + len(word)
            x0, x1 = (x + draw.textlength(text[:end], font=font) for end in (start, at))
            words.append(TextLine(word, _quad(ink_box(picture, (x0 - 2, y - 5, x1 + 2, y + 1.6 * px)))))
        whole = ink_box(picture, (x - 5, y - 5, size[0], y + 1.6 * px))
        lines.append(TextLine(text, _quad(whole), 0.99, tuple(words)))
        blocks.append(Paragraph.of(text).at(tuple(map(float, whole))))  # type: ignore[arg-type]
    page = PageResult(
        tuple(blocks), number=number, confidence=0.99, lines=tuple(lines), size=size, doubted=tuple(blocks)
    )
    return picture, page


def _quad(box: tuple[int, int, int, int]) -> tuple[tuple[float, float], ...]:
    x0, y0, x1, y1 = map(float, box)
    return ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
