"""Kinds of pictures that were misread: digits of full width, rows of tables on grounds of their own,
hairlines between pixels, fractions, scripts that are not read.

Drawn pages; readers are played by what they say.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from adotx.documents.layout import lay_out
from adotx.documents.layout.pack import pack
from adotx.documents.readers.answers import RowAnswer
from adotx.documents.readers.full_width import in_full_width
from adotx.documents.readers.glyphs import Glyph
from adotx.documents.readers.joining import joined_row
from adotx.documents.readers.scripts import unread_script
from adotx.documents.readers.timesteps import Seen
from adotx.markdown import Table
from documents_pages import Drawn, blocks_of, hangul_face

ROWS = (
    ("지점", "매출", "비용", "이익"),
    ("강남", "52,300", "41,200", "11,100"),
    ("종로", "33,810", "30,405", "3,405"),
    ("부산", "28,004", "19,870", "8,134"),
)
CYRILLIC = ["oroBop apeHab Hexwnoro noMeueHMR", "CyMMa onpaTul cocTaBner 45 000", "MocKBa 12 MapTa"]


def read(page_says: str, reader_says: str, size: int = 32, family: str = "Serif") -> str:
    """What becomes of a reader's answer about a line.

    Args:
        page_says: what is drawn.
        reader_says: the same letters, blanks aside.
    """
    font = hangul_face(family, size)
    image = Image.new("L", (900, 140), 255)
    draw = ImageDraw.Draw(image)
    for y in (20, 80):
        draw.text((40, y), page_says if y == 20 else "다음 줄은 보통 글이다", fill=0, font=font)
    layout = lay_out(image.convert("RGB"))
    piece = pack(layout).pieces[0]
    # Where each letter of the answer stands.
    places, at = [], 0
    for char in reader_says:
        if char == " ":
            places.append(places[-1])
            continue
        while page_says[at] == " ":
            at += 1
        x0, x1 = (40 + draw.textlength(page_says[:end], font) for end in (at, at + 1))
        places.append((piece.at(x0), piece.at(x1)))
        at += 1
    seen = [Seen(x0, x1, char, 0.9) for (x0, x1), char in zip(places, reader_says, strict=True)]
    answer, seen = in_full_width(layout, piece, RowAnswer(reader_says, (0.99,) * len(reader_says)), seen)
    assert len(answer.text) == len(answer.sure) == len(seen)
    return answer.text


@pytest.mark.parametrize("family", ["Sans", "Serif"])
class TestFullWidth:
    @pytest.mark.parametrize(
        ("page", "said", "wanted"),
        [
            ("내선 ５８１번으로", "내선 5 8 1번으로", "내선 ５８１번으로"),
            ("번호 ２０２６－０１１４호", "번호 2026-0114호", "번호 ２０２６－０１１４호"),
            ("금액은 ３５，０００원", "금액은 35,000원", "금액은 ３５，０００원"),
        ],
    )
    def test_digits_an_em_apart(self, page: str, said: str, wanted: str, family: str) -> None:
        assert read(page, said, family=family) == wanted

    @pytest.mark.parametrize(
        "text",
        [
            "내선 581번으로",
            "1 2 3 4 순서로 누른다",
            "수량 3 5개 단가 12원",
            "２인 １조로 한다",
            "2026년 3월 5일 14:30",
        ],
    )
    def test_others_stay(self, text: str, family: str) -> None:
        usual = text.translate({0xFF10 + n: 0x30 + n for n in range(10)})
        assert read(text, usual, family=family) == usual

    def test_the_second_reader_agrees(self, family: str) -> None:
        del family
        seen = [Seen(10.0 * n, 10.0 * n + 9, char, 0.9) for n, char in enumerate("３３７번")]
        glyphs = [Glyph(char, 10.0 * n, 10.0 * n + 9, 0.99) for n, char in enumerate("337")]
        row = joined_row("３３７번", (0.99,) * 4, seen, glyphs)
        assert row.text == "３３７번" and not row.tokens[0].differs and row.tokens[0].is_figure


class TestGrounds:
    def table(self, ground: int, print_: int, header: int | None = None, rule: int | None = None) -> Drawn:
        """A table on a ground: its head on one of its own, rules of one pixel of a grey."""
        page = Drawn.blank(900, 420, ground, "Sans")
        if header is not None:
            page.box(50, 60, 750, 120, fill=header)
        for n, row in enumerate(ROWS):
            light = print_ if header is None or n else 250
            for column, text in enumerate(row):
                page.text(80 + 175 * column, 72 + 60 * n, text, 26, light)
        if rule is not None:
            for n in range(len(ROWS) + 1):
                page.rule(50, 60 + 60 * n, 750, 60 + 60 * n, fill=rule)
            for n in range(5):
                page.rule(50 + 175 * n, 60, 50 + 175 * n, 60 + 60 * len(ROWS), fill=rule)
        return page

    @pytest.mark.parametrize("header", [30, 90])
    def test_a_head_on_a_ground_belongs_to_its_table(self, header: int) -> None:
        [block] = blocks_of(self.table(255, 10, header))
        assert isinstance(block, Table) and block.texts == ROWS

    def test_a_head_on_a_ground_between_rules(self) -> None:
        [block] = blocks_of(self.table(255, 10, 30, rule=150))
        assert isinstance(block, Table) and block.texts == ROWS

    def test_hairlines_between_two_rows_of_pixels(self) -> None:
        page = self.table(18, 225, rule=68)
        # Two of the rules lie half in one row, or column, and half in the next, as resizing leaves them.
        values = np.asarray(page.image).copy()
        for y, x in ((slice(180, 182), slice(50, 751)), (slice(60, 301), slice(400, 402))):
            part = values[y, x]
            part[(part == 68) | (part == 18)] = 43
        [block] = blocks_of(Drawn(Image.fromarray(values), page.lines))
        assert isinstance(block, Table) and block.texts == ROWS
        [frame] = lay_out(Image.fromarray(values).convert("RGB")).frames
        assert (frame.kind, len(frame.xs), len(frame.ys)) == ("grid", 5, 5)


class TestFractions:
    def page(self, beside: bool, bar: int = 180) -> Image.Image:
        image = Image.new("L", (900, 420), 255)
        draw, font = ImageDraw.Draw(image), hangul_face("Sans", 32)
        draw.text((60, 30), "평균은 다음 식으로 구한다.", fill=0, font=font)
        if beside:
            draw.text((200, 162), "v =", fill=0, font=font)
        for y, text in ((130, "a + b"), (196, "n - 1")):
            draw.text((280 + (bar - draw.textlength(text, font)) / 2, y), text, fill=0, font=font)
        draw.line((280, 185, 280 + bar, 185), fill=0, width=2)
        draw.text((60, 320), "여기서 n은 개수이다.", fill=0, font=font)
        return image.convert("RGB")

    def test_a_bar_with_more_of_a_formula_beside_it(self) -> None:
        assert len(lay_out(self.page(True)).fractions) == 1

    def test_a_rule_between_two_lines_is_none(self) -> None:
        assert not lay_out(self.page(False)).fractions


class TestJoining:
    def glyphs(self, text: str, starts: list[int]) -> list[Glyph]:
        letters = [char for char in text if char != " "]
        return [Glyph(char, x, x + 9.0, 0.99) for char, x in zip(letters, starts, strict=True)]

    def test_what_both_say_stands_though_they_see_it_apart(self) -> None:
        text = "const total ="
        starts = [10 + 14 * n for n in range(len(text))]
        seen = [Seen(x, x + 9.0, char, 0.9) for char, x in zip(text, starts, strict=True)]
        # The heads see the first letter of the second word where its blank is.
        seen[6] = Seen(seen[6].x0 + 24, seen[6].x1 + 24, "t", 0.9)
        at = [x for char, x in zip(text, starts, strict=True) if char != " "]
        row = joined_row(text, (0.99,) * len(text), seen, self.glyphs(text, at))
        assert row.text == text

    @pytest.mark.parametrize(("said", "sure", "wanted"), [('."""', 0.7, '."""'), ('."""', 0.99, '..""')])
    def test_a_stop_seen_twice_for_a_quote(self, said: str, sure: float, wanted: str) -> None:
        text = 'x = ..""'
        seen = [Seen(10.0 * n, 10.0 * n + 9, char, 0.9) for n, char in enumerate(text)]
        glyphs = self.glyphs("x=" + said, [0, 20, 40, 50, 60, 70])
        row = joined_row(text, (*[0.99] * 4, *[sure] * 4), seen, glyphs)
        assert row.text == f"x = {wanted}"


class TestScripts:
    @pytest.mark.parametrize(
        ("rows", "script"),
        [
            (["これは本で す", "ひらがな"], "kana"),
            (CYRILLIC, "cyrillic"),
            (["iPhone, eBay, LaTeX를 쓴다.", "우리말 글이 더 많은 쪽이다. 그러니 괜찮다."], ""),
            (["const rowCount = getRowCount(maxRows);", "let lastRow = readRow(rowCount);"], ""),
            (["The quick brown fox jumps over the lazy dog at McDonald's."], ""),
            ([], ""),
        ],
    )  # fmt: skip
    def test_what_is_not_read(self, rows: list[str], script: str) -> None:
        assert unread_script(rows) == script


def test_large_letters_of_an_enlarged_dirty_picture_are_not_struck_out() -> None:
    rng = np.random.default_rng(4)
    image = Image.new("L", (500, 220), 255)
    draw = ImageDraw.Draw(image)
    for y in (20, 90, 150):
        draw.text((60, y), "행복마트 수원점 영수증", fill=0, font=hangul_face("Sans", 36))
    small = np.asarray(image.resize((200, 88))).astype(float) * 0.5 + 60
    dirty = (small + rng.normal(0, 12, small.shape)).clip(0, 255).astype(np.uint8)
    assert not lay_out(Image.fromarray(dirty).convert("RGB")).strikes
