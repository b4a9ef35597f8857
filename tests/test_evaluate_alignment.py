"""The aligner of packed rows with a made page's truth: nothing twice, nothing lost, certain where it can."""

from __future__ import annotations

from collections import Counter

import pytest

from adotx.data.pages import Page
from adotx.documents.layout.pack import pack
from adotx.documents.layout.page import lay_out
from adotx.evaluate.alignment import AlignedRow, align_rows
from documents_pages import HANGUL_WORDS, WORDS, Drawn
from reading_pages import reading_pages


def lines_of(page: Drawn | Page) -> tuple[list[AlignedRow], list[str]]:
    """(rows, what the rows of each found line say together)."""
    layout = lay_out(page.image)
    packed = pack(layout)
    rows = align_rows(layout, packed, page)  # type: ignore[arg-type]
    assert len(rows) == len(packed.pieces)
    return rows, list(packed.texts([row.text for row in rows]).values())


def test_a_row_that_shows_a_whole_line_is_certain() -> None:
    page = Drawn.blank(500, 200)
    page.text(40, 40, "two words")
    page.text(40, 100, "and three more")
    rows, _ = lines_of(page)
    assert rows == [AlignedRow("two words", True), AlignedRow("and three more", True)]


@pytest.mark.parametrize("words", (WORDS, HANGUL_WORDS))
def test_a_line_is_dealt_out_where_its_face_is_unknown(words: list[str]) -> None:
    page = Drawn.blank(1700, 160, face="Sans" if words is HANGUL_WORDS else "")
    page.text(40, 40, " ".join(words[:16]), 26)
    rows, lines = lines_of(page)
    assert len(rows) > 2 and not any(row.certain for row in rows)
    assert lines == [" ".join(words[:16])]


def test_ink_that_is_no_text_says_nothing() -> None:
    page = Drawn.blank(600, 300)
    page.text(40, 40, "a line of text")
    page.text(40, 200, "not in the truth")
    del page.lines[1]
    assert lines_of(page)[0][1] == AlignedRow("", False)


def test_rows_of_made_pages() -> None:
    certain: list[bool] = []
    for page in reading_pages():
        rows, lines = lines_of(page)
        truth = ["".join(line.text.split()) for line in page.lines]
        for row in rows:
            # A row may show several cells of a table, so its words are looked for in the page's whole text.
            assert not row.certain or all(word in "".join(truth) for word in row.text.split()), row
        said, letters = Counter("".join("".join(lines).split())), Counter("".join(truth))
        wrong = (said - letters).total() + (letters - said).total()
        assert wrong <= 0.02 * letters.total(), page.kind
        certain += [row.certain for row in rows]
    # Lines that are justified or set with tabs are cut at places that no face's widths tell.
    assert sum(certain) > 0.9 * len(certain)
