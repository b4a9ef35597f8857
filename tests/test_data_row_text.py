"""Text of reading rows: of the alphabet, in the shares of the mix, rare syllables as often as common ones."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from adotx.alphabet import classes, readable
from adotx.data import office
from adotx.data.figures import figure, won_in_words
from adotx.data.row_text import LONGEST, MIX, Lines, RowText

KOREAN = [
    "이 문서는 새로 바뀐 신청 절차를 안내하기 위해 작성되었습니다. ☃",
    "올해 매출은 지난해보다 12.4% 늘어난 3,482억 원으로 집계되었다.",
    "그래요? 하고\t그가 물었다~~ 정말로~~",
]
ENGLISH = ["Open the settings file and change the port number.", "It does not work without a restart."]


@pytest.fixture(scope="module")
def text() -> RowText:
    return RowText(KOREAN, ENGLISH, ["for i in range(10): pass"], KOREAN[:1])


def test_pieces_are_readable_and_not_empty(text: RowText) -> None:
    for seed in range(300):
        pieces = text.pieces(random.Random(seed), 12)
        assert len(pieces) == 12
        for piece in pieces:
            assert piece and len(piece) <= LONGEST and piece == readable(piece) == " ".join(piece.split())
            assert None not in map(classes, piece.replace(" ", ""))
            assert "~~" not in piece  # reserved for what is struck out


def test_same_seed_same_pieces(text: RowText) -> None:
    assert text.pieces(random.Random(5), 12) == text.pieces(random.Random(5), 12)


def test_every_kind_has_text(text: RowText) -> None:
    rng = random.Random(0)
    for kind in MIX:
        assert len({text.piece(rng, kind) for _ in range(50)}) > 10, kind
    assert abs(sum(MIX.values()) - 1) < 1e-9


def test_characters_are_those_of_paper(text: RowText) -> None:
    """Shares of a row's worth of characters; a fifth of the rows and more are short."""
    rng = random.Random(1)
    rows = [piece for _ in range(400) for piece in text.pieces(rng, 12)]
    shown = "".join(row[:18] for row in rows).replace(" ", "")
    digits = sum(c.isdigit() for c in shown) / len(shown)
    latin = sum(c.isascii() and c.isalpha() for c in shown) / len(shown)
    hangul = sum("가" <= c <= "힣" for c in shown) / len(shown)
    assert 0.1 < digits < 0.2 and 0.04 < latin < 0.15 and 0.6 < hangul < 0.8
    assert 0.15 < sum(len(row) <= 6 for row in rows) / len(rows) < 0.35


def test_random_share_is_what_no_context_tells() -> None:
    rng = random.Random(2)
    text = RowText(KOREAN, ENGLISH, random_share=1.0, marked_share=0.0, short_share=0.0)
    seen = Counter(c for _ in range(400) for piece in text.pieces(rng, 12) for c in piece)
    assert all(seen[c] > 2 for c in text.common)  # about 60 each
    assert sum(c in seen for c in text.every) > 4000


def test_lines_are_drawn_by_their_rarest_syllable() -> None:
    common = [f"우리는 오늘 이 일을 한다 {n}" for n in range(2000)]
    lines = Lines([*common, "쑥밭", "abc 123", ""])
    rng = random.Random(3)
    drawn = Counter(lines.draw(rng) for _ in range(2000))
    # 1 of 2,000 lines, but as rare as the floor allows: (2000 / 12) ** 0.8 times its share
    assert 20 < drawn["쑥밭"] < 200 and not drawn["abc 123"] and not drawn[""]


def test_a_piece_holds_its_rare_syllable() -> None:
    lines = Lines(
        [
            "가나다 라마 바사 아자 차카 타파 하가 나다 라마 바사 뷁아 자차 카타 파하"
            + " 가나다라마바사아자차카타파하" * 2
        ]
    )
    rng = random.Random(4)
    pieces = [lines.draw(rng) for _ in range(200)]
    assert all("뷁" in piece[:24] for piece in pieces) and len({piece[0] for piece in pieces}) > 3


def test_no_lines_no_text() -> None:
    assert Lines([]).draw(random.Random(0)) == ""


def test_figures_hold_digits_or_number_words() -> None:
    rng = random.Random(5)
    figures = [figure(rng) for _ in range(4000)]
    assert all(re.search(r"[0-9A-Z일이삼사오육칠팔구]", text) for text in figures)
    digits = Counter(c for text in figures for c in text if c in "0123456789")
    assert min(digits.values()) > 0.06 * sum(digits.values())


def test_won_in_words() -> None:
    assert won_in_words(3_450_000) == "삼백사십오만"
    assert won_in_words(1_000_200_030) == "일십억이십만삼십"


def test_office_sentences_have_no_gaps() -> None:
    rng = random.Random(6)
    for _ in range(300):
        sentence = office.sentence(rng)
        assert not set("{}") & set(sentence), sentence
