"""Text layers of the kinds that programs make: what is found out, and what stands in the answer."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from adotx.documents.running import over_pages
from adotx.documents.text_layer import plausible
from adotx.markdown import Paragraph, Table, to_markdown
from hangul_fonts import hangul_font
from pdf_files import Page, Picture, Text, pdf
from test_documents_text_layer import ENGLISH, KOREAN, given, lines, nobody, opened, saying, scan, squeezed


def shifted(letters: str) -> dict[str, str]:
    """Each letter of a font as the next one of it."""
    order = sorted(set(letters) - set(" "))
    return dict(zip(order, order[1:] + order[:1], strict=True))


BROKEN = {
    "shifted within the font": lambda char, letters: shifted(letters).get(char, char),
    "one letter for all": lambda char, letters: char if char == " " else "가",
    "blanks for some": lambda char, letters: " " if ord(char) % 3 == 0 else char,
    "blanks for all": lambda char, letters: " ",
    "jamo": lambda char, letters: chr(0x1100 + (ord(char) - 0xAC00) // 588) if char >= "가" else char,
    "bytes taken for Hanja": lambda char, letters: char.encode("cp949").decode("gbk", "replace"),
}


@pytest.mark.parametrize("texts", (KOREAN, KOREAN[2:3]), ids=("page", "line"))
@pytest.mark.parametrize("kind", BROKEN)
def test_more_broken_layers_are_found_out(tmp_path: Path, kind: str, texts: tuple[str, ...]) -> None:
    letters = "".join(texts)
    content = pdf([Page(lines(texts))], lambda char: BROKEN[kind](char, letters))
    reading, _ = given(tmp_path, content, saying(*texts))
    assert reading is None, to_markdown(reading.blocks) if reading else ""


def test_names_and_headings_beside_prose_ask_nobody(tmp_path: Path) -> None:
    names = ("품명 규격 수량 단가", "지역 지점 상반기 하반기")
    reading, _ = given(tmp_path, pdf([Page([*lines(KOREAN), *lines(names, dy=-300, size=15)])]))
    assert reading is not None and reading.text_source == "layer"


def test_hanja_is_not_taken_for_bytes() -> None:
    assert not plausible.is_odd_hanja("我们今天在这里学习中文，因为这是一个很大的国家。他有不少的书。")
    assert plausible.is_odd_hanja("涝林刮咯胶匙笨舅林窍促林鲍悼幅急魔茄瘤林")


@pytest.mark.parametrize("parts", ((1, 10), (3, 4)), ids=("strips", "tiles"))
def test_a_scan_in_parts_with_a_typed_number_is_read(tmp_path: Path, parts: tuple[int, int]) -> None:
    """Parts of one picture are that picture: none of them covers the page, all of them do."""
    picture, (across, down) = scan(), parts
    wide, high = picture.size
    cut = [
        Picture(
            picture.crop(
                (wide * x // across, high * y // down, wide * (x + 1) // across, high * (y + 1) // down)
            ),
            595 * x / across,
            842 - 842 * (y + 1) / down,
            595 / across,
            842 / down,
        )
        for y in range(down)
        for x in range(across)
    ]
    assert given(tmp_path, pdf([Page([*cut, Text(290, 30, "3")])]))[0] is None


@cache
def _font() -> Any:
    return pytest.importorskip("fontTools.ttLib").TTFont(str(hangul_font()))


def width(said: str) -> float:
    """How wide a text is set in 11 points."""
    font = _font()
    names, unit = font.getBestCmap(), 11 / font["head"].unitsPerEm
    return sum(font["hmtx"][names[ord(char)]][0] for char in said) * unit


def outlines(texts: tuple[str, ...]) -> str:
    """Operators that draw lines of text as shapes."""
    base, font = pytest.importorskip("fontTools.pens.basePen"), _font()
    shapes, names, unit = font.getGlyphSet(), font.getBestCmap(), 11 / font["head"].unitsPerEm
    out: list[str] = []

    class Pen(base.BasePen):  # type: ignore[misc, name-defined]
        def _moveTo(self, to: tuple[float, float]) -> None:
            out.append(f"{to[0]:.1f} {to[1]:.1f} m")

        def _lineTo(self, to: tuple[float, float]) -> None:
            out.append(f"{to[0]:.1f} {to[1]:.1f} l")

        def _curveToOne(self, *places: tuple[float, float]) -> None:
            out.append(" ".join(f"{x:.1f} {y:.1f}" for x, y in places) + " c")

        def _closePath(self) -> None:
            out.append("h")

    for row, said in enumerate(texts):
        x = 60.0
        for char in said:
            out.append(f"q {unit:.5f} 0 0 {unit:.5f} {x:.2f} {760 - 24 * row} cm")
            shapes[names[ord(char)]].draw(Pen(shapes))
            out.append("f Q")
            x += width(char)
    return "\n".join(out)


def test_a_page_of_outlines_with_a_typed_number_is_read(tmp_path: Path) -> None:
    reading, notes = given(tmp_path, pdf([Page([Text(290, 30, "3")], more=outlines(KOREAN))]))
    assert reading is None and "print is not in it" in notes


@pytest.mark.parametrize("turn", (0, 1, 2, 3))
def test_letters_of_a_turned_page_are_no_twins(tmp_path: Path, turn: int) -> None:
    """Letters that are drawn one by one stand at one x, or at one y, and are not the same for that."""
    drawn, step = [], {0: (1, 0), 1: (0, -1), 2: (-1, 0), 3: (0, 1)}[turn]
    at = {0: (60.0, 700.0), 1: (300.0, 780.0), 2: (535.0, 400.0), 3: (300.0, 60.0)}[turn]
    for char in "나나 나나가 가가 1100 2200":
        if char != " ":
            drawn.append(Text(*at, char, turn=turn))
        moved = width(char) if char != " " else 3.0
        at = at[0] + step[0] * moved, at[1] + step[1] * moved
    reading, _ = given(tmp_path, pdf([Page(drawn)]), saying("나나 나나가 가가 1100 2200"))
    assert reading is not None and squeezed(to_markdown(reading.blocks)) == "나나나나가가가11002200"


SHORT_WORDS = "이미 낸 돈과 안 낸 돈을 다 더해 본 값을 적는 난"


def test_short_words_are_parted(tmp_path: Path) -> None:
    words, x, drawn = SHORT_WORDS.split(), 60.0, []
    for word in words:
        drawn.append(Text(x, 700, word))
        x += width(word) + 3
    reading, _ = given(tmp_path, pdf([Page(drawn)]), saying(" ".join(words)))
    assert reading is not None and to_markdown(reading.blocks) == " ".join(words)


def test_boxes_that_are_drawn_are_told_ticked_and_not(tmp_path: Path) -> None:
    said = ("개인정보를 모으는 데 동의합니다", "광고를 받는 데 동의합니다", "문자로 알려 주기를 바랍니다")
    boxes = ["0.8 w"]
    for row in range(3):
        x, y = 60, 759 - 24 * row
        boxes.append(f"{x} {y} 10 10 re S")
        if row != 1:
            boxes.append(f"{x + 2} {y + 5} m {x + 4} {y + 2} l {x + 8} {y + 8} l S")
    content = pdf([Page([*lines(said, dx=16), *lines(KOREAN, dy=-200)], more=" ".join(boxes))])
    reading, _ = given(tmp_path, content)
    assert reading is not None
    text = to_markdown(reading.blocks)
    assert f"☑ {said[0]}" in text and f"☐ {said[1]}" in text and f"☑ {said[2]}" in text


def table_page(rows: tuple[tuple[str, ...], ...], closed: bool, y: int = 700, foot: str = "") -> Page:
    """A table of rules; without the lowest one where it is not `closed`."""
    low, columns = y - 24 * len(rows), len(rows[0])
    rules = [f"60 {y - 24 * n} m {60 + 150 * columns} {y - 24 * n} l S" for n in range(len(rows) + closed)]
    rules += [f"{60 + 150 * n} {y} m {60 + 150 * n} {low} l S" for n in range(columns + 1)]
    cells = [
        Text(66 + 150 * column, y - 16 - 24 * row, said)
        for row, texts in enumerate(rows)
        for column, said in enumerate(texts)
    ]
    below = [Text(280, 40, foot)] if foot else []
    return Page([*cells, *below], more=f"0.5 w {' '.join(rules)}")


WORDS = (
    ("이름", "부서", "하는 일"),
    ("김하나", "총무과 서무", "문서를 받아 나누어 준다"),
    ("이두리", "시설과 설비", "건물의 설비를 살핀다"),
    ("박세찬", "민원과 창구", "찾아온 주민을 맞는다"),
)
MORE = (("최네온", "총무과 인사", "직원의 일을 돕는다"), ("정다솔", "시설과 조경", "뜰과 나무를 가꾼다"))


def test_a_table_of_words_goes_on_over_pages(tmp_path: Path) -> None:
    """Its last row has no rule below, a footer stands between, and no head is repeated."""
    pages = [table_page(WORDS, False, foot="시설 관리 규정"), table_page(MORE, True, 780, "시설 관리 규정")]
    read = []
    for page in opened(tmp_path, pdf(pages)):
        assert page.given is not None
        reading = page.given(saying(*(" ".join(row) for row in (*WORDS, *MORE))))
        assert reading is not None
        read.append(reading.blocks)
    first, second = over_pages(read)
    [table] = [block for block in first if isinstance(block, Table)]
    assert table.texts == (*WORDS, *MORE) and len(table.parts) == 2 and second == []


def test_another_table_of_words_is_another_table() -> None:
    box = (60.0, 60.0, 510.0, 200.0)
    other = Table.of((("품목", "값", "만든 곳"), ("연필과 지우개", "삼천 원", "부산에 있는 공장")))
    before = Table.of(WORDS).at(box)
    assert list(over_pages([[before], [other.at(box)]])) == [[before], [other.at(box)]]


def test_a_table_of_contents_has_a_line_for_each_entry(tmp_path: Path) -> None:
    entries = tuple(
        f"{name} {'.' * dots} {page}" for name, dots, page in (("표 1. 예산", 90, 5), ("표 2. 인원", 90, 9))
    )
    reading, _ = given(tmp_path, pdf([Page(lines(entries))]), saying(*entries))
    assert reading is not None
    assert [block.text for block in reading.blocks if isinstance(block, Paragraph)] == list(entries)


def test_a_word_that_a_program_has_parted_is_whole(tmp_path: Path) -> None:
    texts = (ENGLISH[0][:-10] + " dif\u2010", "ferences in the branch.")
    content = pdf(
        [Page(lines((texts[0].replace("\u2010", "-"), texts[1])))], lambda c: "\u2010" if c == "-" else c
    )
    reading, _ = given(tmp_path, content, nobody)
    assert reading is not None and "differences" in to_markdown(reading.blocks)


def test_letters_that_say_nothing_are_told_where_they_are_few(tmp_path: Path) -> None:
    content = pdf([Page(lines((*KOREAN, *KOREAN, "뷁")))], lambda char: None if char == "뷁" else char)
    reading, notes = given(tmp_path, content)
    assert reading is not None and "say nothing" in notes
