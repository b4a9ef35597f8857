"""Character error rate against a plain reference implementation and its own laws."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from adotx.evaluate.cer import cer, corpus_cer, edit_distance, normalise_text

TEXT = st.text(alphabet="ab 가나다\n", max_size=12)


def plain_distance(a: str, b: str) -> int:
    table = [[max(i, j) for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i][j] = min(
                table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a[i - 1] != b[j - 1])
            )
    return table[-1][-1]


@given(TEXT, TEXT)
@settings(max_examples=150)
def test_distance_equals_the_plain_one(a: str, b: str) -> None:
    assert edit_distance(a, b) == plain_distance(a, b) == edit_distance(b, a)


@given(TEXT)
@settings(max_examples=50)
def test_equal_texts_have_no_error(a: str) -> None:
    assert cer(a, a) == 0


def test_white_space_and_composition_do_not_count() -> None:
    assert cer("각 나\n\n다", "\u1100\u1161\u11a8  나 다 ") == 0
    assert normalise_text(" a \t\n b ") == "a b"


def test_values() -> None:
    assert cer("", "") == 0 and cer("x", "") == 1 and cer("", "가나") == 1
    assert cer("가다", "가나") == 0.5
    assert cer("가나나나나", "가나") == 1.5
    assert corpus_cer([("가", "나"), ("가나다", "가나다")]) == 0.25
    assert corpus_cer([]) == 0
