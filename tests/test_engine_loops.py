"""The loop guard against its definition, and on the two things it must tell apart: tables and loops."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adotx.chat import table_ids
from adotx.checkpoint import open_checkpoint
from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.engine.sampling.loops import EXEMPT_WINDOWS, LOOP_REPEATS, LoopGuard


def cut_at(window: int, ids: list[int], exempt=frozenset()) -> tuple[int, int, int] | None:
    """(ids taken, start, period) when the guard first speaks."""
    guard = LoopGuard(window, exempt)
    for count, token in enumerate(ids, 1):
        if guard.push(token):
            return count, guard.start, guard.period
        assert guard.start is None and guard.period is None
    return None


def test_it_cuts_when_the_window_is_one_pattern() -> None:
    assert cut_at(16, [5] * 100) == (16, 0, 1)
    assert cut_at(16, [1, 2, 3, *[8, 9, 7] * 10]) == (3 + 16, 3, 3)
    assert cut_at(16, [1, 2, 3, 4, 5] * 20) is None  # five is more than a fourth of 16
    assert cut_at(20, [1, 2, 3, 4, 5] * 20) == (20, 0, 5)
    assert cut_at(0, [5] * 100) is None


def expected(window: int, ids: list[int], exempt: frozenset[int] = frozenset()):
    """The definition, by hand: for each end and period, how far back the pattern goes."""
    for end in range(1, len(ids) + 1):
        for period in range(1, window // LOOP_REPEATS + 1):
            start = end - period
            while start > 0 and ids[start - 1] == ids[start - 1 + period]:
                start -= 1
            alone = start >= 0 and exempt.issuperset(ids[max(0, end - period) : end])
            if start >= 0 and end - start >= window * (EXEMPT_WINDOWS if alone else 1):
                return end, start, period
    return None


@given(st.lists(st.integers(0, 2), max_size=60))
@settings(deadline=None)
def test_it_agrees_with_its_definition(ids: list[int]) -> None:
    assert cut_at(12, ids) == expected(12, ids)


PIECES = st.tuples(st.lists(st.integers(0, 4), min_size=1, max_size=3), st.integers(1, 90))


@given(st.lists(PIECES, max_size=4), st.frozensets(st.integers(0, 4)))
@settings(deadline=None)
def test_it_agrees_with_its_definition_on_repeats_and_exempt_ids(pieces, exempt) -> None:
    ids = [token for pattern, times in pieces for token in pattern * times]
    assert cut_at(12, ids, exempt) == expected(12, ids, exempt)


@given(st.lists(st.integers(0, 9), max_size=300), st.integers(1, 5), st.integers(10, 14))
@settings(deadline=None)
def test_a_loop_at_the_end_is_found_where_it_starts(before: list[int], period: int, first: int) -> None:
    before = [token + 100 * i for i, token in enumerate(before)]  # nothing repeats in it
    pattern = list(range(10_000, 10_000 + period))
    count, start, found = cut_at(32, before + pattern * 40)
    assert (start, found) == (len(before), period)
    assert count == len(before) + 32


# Tables, with the shipped vocabulary

WINDOW = 256


@pytest.fixture(scope="module")
def tokenizer():
    return open_checkpoint("nano").tokenizer


def is_cut(tokenizer, text: str) -> bool:
    return cut_at(WINDOW, tokenizer.encode(text), table_ids(tokenizer)) is not None


EMPTY_TABLES = {
    "cells of pipes": "| " * 700,
    "rows of pipes": "|   |   |   |   |   |\n" * 60,
    "tight rows": "|||||||\n" * 60,
    "rule": "|" + "---|" * 300,
    "aligned rule": "|" + ":---:|" * 100,
    "cells of tags": "<tr>" + "<td></td>" * 130 + "</tr>",
    "rows of tags": "<table>\n" + "<tr>\n<td></td>\n<td> </td>\n<td></td>\n</tr>\n" * 20 + "</table>",
    "breaks": "<td><br></td>" * 90,
    "header cells": "<th></th>" * 120,
    "long rule": "-" * 6000,
}


@pytest.mark.parametrize("text", EMPTY_TABLES.values(), ids=EMPTY_TABLES)
def test_big_empty_tables_survive(tokenizer, text: str) -> None:
    assert len(tokenizer.encode(text)) > WINDOW
    assert not is_cut(tokenizer, text)


LOOPS = {
    "words in a cell": "| 합계 " * 200,
    "a row again and again": "| 홍길동 | 30 | 서울 |\n" * 80,
    "words in a tag cell": "<td>합계</td>" * 200,
    "words": "네, 네, " * 300,
    "full stops": "." * 40_000,
    "digits": "| 0 " * 300,
    "a word between blank cells": "| | | | 소계 " * 100,
}


@pytest.mark.parametrize("text", LOOPS.values(), ids=LOOPS)
def test_loops_of_words_are_caught(tokenizer, text: str) -> None:
    count, start, period = cut_at(WINDOW, tokenizer.encode(text), table_ids(tokenizer))
    assert count - start == WINDOW
    assert period <= WINDOW // LOOP_REPEATS


def test_an_empty_table_does_not_go_on_for_ever(tokenizer) -> None:
    ids = table_ids(tokenizer)
    assert cut_at(WINDOW, tokenizer.encode("|   " * 5000), ids)[0] <= EXEMPT_WINDOWS * WINDOW + 1


def test_table_ids_hold_no_words_and_no_control_ids(tokenizer) -> None:
    ids = table_ids(tokenizer)
    assert not ids & tokenizer.control_ids
    texts = [tokenizer.decode([i]).strip() for i in ids]
    # The vocabulary of nano writes "td" as two letters: those of the repeated tags are all there are.
    assert {t for t in texts if any(c.isalnum() for c in t)} <= {"t", "d", "r", "b", "td", "tr", "th", "br"}


def test_table_ids_of_the_published_vocabulary(shared) -> None:
    tokenizer = AxTokenizer.open(shared / "ax4" / "vl")
    ids = table_ids(tokenizer)
    assert not ids & tokenizer.control_ids
    for text in EMPTY_TABLES.values():
        assert not is_cut(tokenizer, text)
    for text in LOOPS.values():
        assert is_cut(tokenizer, text)


def test_empty_tables_would_be_taken_for_loops_without_the_exempt_ids(tokenizer) -> None:
    assert cut_at(WINDOW, tokenizer.encode(EMPTY_TABLES["cells of pipes"])) is not None
