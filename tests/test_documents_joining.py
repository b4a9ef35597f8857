"""Two readings of a row made one, what is doubted, and what heads and the second reader see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from safetensors.numpy import save_file

from adotx.alphabet import BLANK, FINALS, FIRST_CLASSES, INITIALS, MEDIALS, character
from adotx.documents import doubt
from adotx.documents.readers import confidence
from adotx.documents.readers.checking import has_figures, with_doubts
from adotx.documents.readers.confidence import Evidence
from adotx.documents.readers.glyphs import Glyph, aligned
from adotx.documents.readers.joining import alone, asked_spans, is_formula, joined_row
from adotx.documents.readers.second import second_reader
from adotx.documents.readers.timesteps import FILE, Seen, Timesteps, seen_in
from adotx.evaluate.cer import edit_distance
from adotx.markdown import Item, Paragraph, Table, to_markdown


def glyphs(text: str, sure: float = 0.99, width: float = 16.0) -> list[Glyph]:
    """A second reader's glyphs side by side; blanks leave room."""
    return [Glyph(c, n * width, (n + 1) * width, sure) for n, c in enumerate(text) if c != " "]


def said(text: str, second: str, sure: float = 0.99) -> str:
    return joined_row(text, [0.9] * len(text), [], glyphs(second, sure)).text


# Alignment


@given(st.text("ab1", max_size=9), st.text("ab1", max_size=9))
def test_alignment_costs_the_edit_distance_and_keeps_the_order(a: str, b: str) -> None:
    pairs = aligned(a, b)
    assert [i for i, _ in pairs if i is not None] == list(range(len(a)))
    assert [j for _, j in pairs if j is not None] == list(range(len(b)))
    assert sum(i is None or j is None or a[i] != b[j] for i, j in pairs) == edit_distance(a, b)


# Joining


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("13,000", "11,000", "11,000"),
        ("전화: 031-93-2047", "站:031-933-2047", "전화: 031-933-2047"),
        ("2023. 4.16. 현재", "2023.4.16.王", "2023. 4.16. 현재"),  # nano's blanks stay
        ("제3조 및 제4조", "弟3圣及弟5圣", "제3조 및 제5조"),
        ("2026. 12. 7. 1,234 5", "2026..12.7..,1,234,5,", "2026. 12. 7. 1,234 5"),
        ("2066 173-410 370", "266173-4101370", "266 173-4101 370"),  # no digit twice
        ("34 원", "1,234元", "1,234 원"),
        ("행복분식", "81早", "행복분식"),  # Hangul is never touched
        ("국민 12명", "子旦12명", "국민 12명"),
        ("祖上의 墓", "祖上9]墳", "祖上의 墳"),
        ("금액 5", "81 5", "금액 5"),  # a syllable may look like digits
        ("", "12,000", "12,000"),
        ("", "里立", ""),
        ("가", "", "가"),
    ],
)
def test_the_second_reader_has_the_word_where_there_is_no_hangul(
    first: str, second: str, joined: str
) -> None:
    assert said(first, second) == joined


def test_where_the_first_reader_is_lost_a_figure_of_the_second_stands() -> None:
    def row(second: str) -> str:
        return joined_row("그 그", [0.3] * 3, [], glyphs(second)).text

    assert row("90,586") == "90,586" and row("-31.5%") == "-31.5%"
    assert row("8") == row("里12") == row("No.12") == "그 그"
    assert joined_row("그 그", [0.9] * 3, [], glyphs("90,586")).text == "그 그"


def test_a_row_of_mixed_script_is_put_together_by_places() -> None:
    """Where the first reader is lost among Hanja, what is sure stands in its place, spelt as Korean is."""
    text, truth = "佛슈과 ※의 뾣%다.", "祖上의 墓를 編纂하였다. 文化"
    places = {c: n * 26.0 for n, c in enumerate(truth)}
    hanja = [Glyph(c, places[c] + 8, places[c] + 18, 0.99) for c in truth if c in "祖上墓編纂文化"]
    stray = Glyph("川", places["를"] + 8, places["를"] + 18, 0.6)
    stop = Glyph(".", places["."], places["."] + 6, 0.97)
    said = "가上의 나를 다라하였다. "
    seen = [
        Seen(places[t], places[t] + 26, t if c == t else "", 0.9) for c, t in zip(said, truth, strict=False)
    ]
    row = joined_row(said, [0.9] * len(said), seen, sorted([*hanja, stray, stop], key=lambda g: g.x))
    assert row.text == truth and len(row.evidence) == len(truth)
    # Without heads nobody knows where syllables stand, and Hangul is never thrown away.
    assert "의" in joined_row(text, [0.9] * len(text), [], hanja).text


def test_two_sure_readers_that_differ_raise_a_doubt() -> None:
    row = joined_row("2004.", [0.9] * 5, [], glyphs("2024."))
    assert row.text == "2024." and row.tokens[0].differs and confidence.is_disputed(row.evidence)
    unsure = joined_row("2004.", [0.9, 0.9, 0.3, 0.9, 0.9], [], glyphs("2024."))
    assert unsure.text == "2024." and not confidence.is_disputed(unsure.evidence)


def test_an_unsure_second_reader_changes_nothing_and_raises_a_doubt() -> None:
    row = joined_row("13,000", [0.8] * 6, [], glyphs("11,000", 0.8))
    assert row.text == "13,000"
    agreed = joined_row("13,000", [0.8] * 6, [], glyphs("13,000", 0.99))
    unasked = alone("13,000", [0.8] * 6, [])
    assert row.tokens[0].differs and confidence.is_disputed(row.evidence)
    assert not agreed.tokens[0].differs and not unasked.tokens[0].differs
    right = [confidence.figure(each.evidence) for each in (row, unasked, agreed)]
    assert right == sorted(right) and right[0] < confidence.DOUBTFUL_FIGURE < right[-1]


@pytest.mark.parametrize(
    ("first", "p", "second", "q", "joined"),
    [
        ("wvw.1f() 2.kr", 0.2, "www.1602.kr", 0.7, "www.1602.kr"),
        ("wvw.1f() 2.kr", 0.5, "www.1602.kr", 0.7, "wvw.1f() 2.kr"),
        ("56Km", 0.2, "五六", 0.7, "56Km"),  # what it takes for Hanja may be anything
    ],
)
def test_the_surer_reader_of_two_unsure_ones_stands(
    first: str, p: float, second: str, q: float, joined: str
) -> None:
    text = first.replace(" ", "")
    expected = joined.replace(" ", "")
    assert joined_row(text, [p] * len(text), [], glyphs(second, q)).text == expected


def test_a_sure_first_reader_is_not_overruled_by_a_less_sure_second() -> None:
    def row(first: str, p: float, second: str, q: float) -> str:
        return joined_row(first, [p] * len(first), [], glyphs(second, q)).text

    assert row("24", 0.99, "27", 0.92) == "24" and row("24", 0.85, "27", 0.92) == "27"
    assert row("5%", 0.9, "5", 0.99) == "5%", "narrow signs are easily passed over"
    assert row("5%", 0.7, "5", 0.99) == "5" and row("50", 0.9, "5", 0.99) == "5"


def test_a_sign_that_no_reader_believes_in_is_left_out() -> None:
    def row(text: str, p: float, second: str) -> str:
        sure = [p if char in "■-" else 0.95 for char in text]
        return joined_row(text, sure, [], glyphs(second)).text

    assert row("205 Km ■", 0.3, "205 Km") == "205 Km"
    assert row("Km ■", 0.8, "Km7") == "Km ■", "a box is a digit to the second reader"
    assert row("205 Km ■", 0.8, "205 Km") == "205 Km ■"
    assert row("방문 ■ 우편", 0.3, "") == "방문 ■ 우편", "a ticked box"
    assert row("- 205 Km", 0.3, "205 Km") == "- 205 Km", "a list would lose its mark"


def test_a_formula_is_the_second_readers() -> None:
    def row(text: str, second: str) -> str:
        return joined_row(text, [0.6] * len(text), [], glyphs(second)).text

    assert row("y = V(x -1)", "y=±√(x²-1)") == "y=±√(x²-1)"
    assert row("값은 V2 이다", "√2") == "값은 √2 이다", "a line of text is none"
    assert not is_formula("V", glyphs("√")), "a check mark"


def test_hanja_is_not_put_for_what_decoder_and_heads_agree_on() -> None:
    def row(heads: str) -> str:
        seen = [Seen(26.0 * n, 26.0 * n + 24, char, 0.6) for n, char in enumerate(heads)]
        return joined_row("무료배송", [0.9, 0.9, 0.9, 0.4], seen, [Glyph("舎", 80, 100, 0.97)]).text

    assert row("무료배송") == "무료배송" and row("무료배솜") == "무료배舎"


def test_places_tell_which_of_two_equal_figures_is_meant() -> None:
    """Without its places the one figure would be taken for either."""
    text = "가 7 가 7"
    seen = [Seen(60.0 * n, 60.0 * n + 20, char, 0.9) for n, char in enumerate(text)]
    row = joined_row(text, [0.5] * len(text), seen, [Glyph("1", 365, 370, 0.99)])
    assert row.text == "가 7 가 1"
    seen = [Seen(20.0 * n, 20.0 * n + 20, char, 0.9) for n, char in enumerate("금액 5")]
    lost = [Glyph("8", 5, 15, 0.99), Glyph("5", 60, 70, 0.99), Glyph("5", 76, 86, 0.99)]
    assert joined_row("금액 5", [0.5] * 4, seen, lost).text == "금액 55", "one is a syllable, one was lost"


def test_the_second_reader_is_shown_what_it_can_judge() -> None:
    def places(text: str) -> list[Seen]:
        return [Seen(20.0 * n, 20.0 * n + 20, char, 0.9) for n, char in enumerate(text)]

    def spans(text: str, sure: float = 0.9, seen: Sequence[Seen] = ()) -> list[tuple[int, int]]:
        return asked_spans(text, [sure] * len(text), seen, 400)

    assert spans("가나다 라마, 바사.") == spans("가나.", 0.9, places("가나.")) == []
    assert spans("") == spans("가 12") == spans("그 그", 0.3, places("그 그")) == [(0, 400)]
    text = "가나다라마 12바사아자차카타파A하"
    [first, second] = spans(text, 0.9, places(text))
    assert first == (92, 188) and second == (292, 368)


def test_a_digit_beside_a_syllable_is_not_the_syllable() -> None:
    text = "6.60원"
    seen = [Seen(10.0 * n, 10.0 * n + 10, char, 0.9) for n, char in enumerate("6.60")] + [
        Seen(52, 78, "원", 0.9)
    ]
    glyphs = [Glyph(char, 10.0 * n, 10.0 * n + 10, 0.99) for n, char in enumerate("6,600")]
    assert joined_row(text, [0.9] * 5, seen, glyphs).text == "6,600원"
    assert joined_row(text, [0.9] * 5, seen, [*glyphs, Glyph("8", 60, 70, 0.99)]).text == "6,600원"


@given(st.text("가나 12,A", max_size=12), st.text("12,A天", max_size=10), st.floats(0.1, 1))
def test_a_joined_row_is_whole(first: str, second: str, sure: float) -> None:
    row = joined_row(first, [0.8] * len(first), [], glyphs(second, sure))
    assert len(row.evidence) == len(row.text)
    assert [c for c in row.text if c >= "가"] == [c for c in first if c >= "가"]
    for token in row.tokens:
        assert 0 <= token.start < token.end <= len(row.text)


# Doubt


def test_doubts_go_through_blocks_and_are_written_out_as_marks() -> None:
    block = Paragraph.of(f"합계 {doubt.doubted('12,300')}원, 3개")
    table = Table.of([["값"], [doubt.doubted("7.5")]])
    markdown = to_markdown([block, table])
    assert "합계 <mark>12,300</mark>원, 3개" in doubt.marked(markdown)
    assert doubt.figures(markdown) == ["12,300", "7.5"]
    assert doubt.plain(markdown) == to_markdown(doubt.with_texts((block, table), doubt.plain))
    item = doubt.with_texts(Item.of("글", marker="1.", level=2), doubt.plain)
    assert (item.marker, item.level) == ("1.", 2)
    assert doubt.is_item_number("1. 글", 0, 2) and doubt.is_item_number("(3) 글", 0, 3)
    assert not doubt.is_item_number("1,200원", 0, 5) and not doubt.is_item_number("글 1.", 2, 4)


def test_figures_of_a_page_that_the_second_reader_sees_nowhere_are_doubted() -> None:
    rows = [glyphs("立:305-71-38828"), glyphs("11,000"), glyphs("2023.4.16")]
    markdown = '1. 번호 305-71-38828\n\n| 값 | 11,000 | 13,000 |\n\n2023. 4. 16. <td colspan="12"> $x_{77}$ 7'
    checked = with_doubts(markdown, rows)
    assert doubt.figures(checked) == ["13,000"] and doubt.plain(checked) == markdown
    assert has_figures(markdown) and not has_figures("1. 글 7")


# Confidence


@given(*[st.floats(0, 1)] * 2, *[st.floats(-1, 1)] * 4)
def test_more_evidence_is_never_less_sure(p: float, q: float, h: float, i: float, s: float, t: float) -> None:
    low = Evidence(min(p, q), min(h, i), min(s, t))
    high = Evidence(max(p, q), max(h, i), max(s, t))
    assert 0 < confidence.character(low) <= confidence.character(high) < 1
    assert confidence.figure([low, high]) == confidence.figure([low])


def test_a_page_that_makes_no_sense_is_told() -> None:
    assert confidence.verdict(0.98, 0, 40) == "ok"
    assert confidence.verdict(0.98, 1, 40) == "partial"
    assert confidence.verdict(confidence.POOR - 0.01, 0, 40) == "partial"
    assert confidence.verdict(confidence.NONSENSE - 0.01, 0, 40) == "failed"
    assert confidence.verdict(0.98, 30, 40) == "failed"


# Timestep heads


def test_the_heads_are_what_their_file_says(tmp_path: Path) -> None:
    random, width, hidden = np.random.default_rng(0), 24, 32
    tensors = {
        "norm.weight": random.normal(1, 0.1, hidden),
        "norm.bias": random.normal(0, 0.1, hidden),
        "project.weight": random.normal(0, 0.2, (4 * width, hidden)),
        "project.bias": random.normal(0, 0.1, 4 * width),
        "classes.weight": random.normal(0, 1, (FIRST_CLASSES + MEDIALS + FINALS, width)),
        "classes.bias": random.normal(0, 0.1, FIRST_CLASSES + MEDIALS + FINALS),
    }
    tensors = {name: value.astype(np.float32) for name, value in tensors.items()}
    save_file(tensors, tmp_path / FILE)
    features = random.normal(0, 1, (2, 144, hidden)).astype(np.float32)
    x = features - features.mean(-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * tensors["norm.weight"] + tensors["norm.bias"]
    x = (x @ tensors["project.weight"].T + tensors["project.bias"]).reshape(2, 576, width)
    x = 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    x = x @ tensors["classes.weight"].T + tensors["classes.bias"]
    parts = np.split(x, [FIRST_CLASSES, FIRST_CLASSES + MEDIALS], -1)
    first, medial, final = (part.argmax(-1).reshape(24, 48) for part in parts)
    rows = Timesteps(tmp_path).rows(features)
    assert len(rows) == 24
    same = 0
    for row, steps in zip(rows, zip(first, medial, final, strict=True), strict=True):
        read = [""] * 48
        for glyph in row:
            for step in range(int(glyph.x0) // 8, int(glyph.x1) // 8):
                read[step] = glyph.char
            assert 0 < glyph.sure <= 1
        expected = [
            ""
            if f == BLANK
            else character(int(f), int(m) if f <= INITIALS else 0, int(n) if f <= INITIALS else 0)
            for f, m, n in zip(*steps, strict=True)
        ]
        same += sum(a == b for a, b in zip(read, expected, strict=True))
    assert same > 0.97 * 24 * 48  # the heads compute in bf16


def test_characters_stand_where_the_heads_see_them() -> None:
    row = [Glyph("가", 0, 24, 0.9), Glyph("1", 32, 48, 0.8), Glyph("나", 56, 80, 0.7)]
    seen = seen_in("가 11나", row)
    assert [(each.x0, each.x1, each.char) for each in seen] == [
        (0, 24, "가"), (24, 32, " "), (32, 40, "1"), (40, 48, "1"), (56, 80, "나"),
    ]  # fmt: skip
    assert [each.char for each in seen_in("가7나", row)] == ["가", "1", "나"]
    missing = seen_in("가1다나", row)
    assert [each.char for each in missing] == ["가", "1", "", "나"] and 48 <= missing[2].x0 <= missing[
        2
    ].x1 <= 56
    assert seen_in("", row) == [] and [each.char for each in seen_in("가", [])] == [""]


# The second reader


def test_the_second_reader_reads_figures_and_says_where() -> None:
    reader = second_reader()
    if reader is None:
        pytest.skip("rapidocr is not installed")
    strips = []
    texts = ["1,234,567", "2024-11-27", "No.581312", "8"]
    for text in texts:
        image = Image.new("L", (384, 32), 245)
        ImageDraw.Draw(image).text((6, 3), text, 20, ImageFont.load_default(24))
        strips.append(np.asarray(image)[:, : 30 + 14 * len(text)])
    read = reader.read(strips)
    assert ["".join(glyph.char for glyph in row) for row in read] == texts
    for strip, row in zip(strips, read, strict=True):
        middles = [glyph.x for glyph in row]
        assert middles == sorted(middles) and 0 < middles[0] < 24 and middles[-1] < strip.shape[1]
        assert all(0 < glyph.sure <= 1 for glyph in row)
    assert reader.read([]) == []
