"""Packing: rows stand where nano expects them, no glyph is cut, nothing is lost or shown twice."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adotx.documents.layout.pack import EM, ROWS, TILE, glyph_runs, lines_of, pack, words_of
from adotx.documents.layout.page import lay_out
from documents_pages import WORDS, Drawn, row_heights


@pytest.mark.parametrize("size", (14, 24, 48))
def test_rows_are_centred_and_of_one_size(size: int) -> None:
    page = Drawn.blank(1200, 700)
    page.paragraph(60, 50, 1000, WORDS * 2, size)
    packed = pack(lay_out(page.image))
    heights = row_heights(packed)
    assert 0.78 * EM <= np.median(heights) <= 1.08 * EM
    assert np.median(packed.tiles) > 235


@given(st.integers(12, 60), st.integers(0, 38), st.integers(2, 40))
@settings(max_examples=12, deadline=None)
def test_every_glyph_is_in_exactly_one_row(size: int, first: int, count: int) -> None:
    page = Drawn.blank(1500, 60 + 2 * size)
    page.paragraph(40, 30, 1400, (WORDS * 3)[first : first + count], size)
    layout = lay_out(page.image)
    packed = pack(layout)
    for line in lines_of(layout.regions):
        glyphs = glyph_runs(layout, line)
        pieces = [piece for piece in packed.pieces if piece.line is line]
        shown = [any(p.box[0] <= a and b <= p.box[2] for p in pieces) for a, b in glyphs]
        assert all(shown)
        for left, right in pairwise(pieces):
            assert left.box[2] <= right.box[0]
        assert pieces[-1].glue == ""


def test_rows_fill_tiles_in_reading_order() -> None:
    page = Drawn.blank(1000, 1300)
    page.paragraph(60, 40, 880, WORDS * 5)
    packed = pack(lay_out(page.image))
    assert packed.tiles.shape == (-(-len(packed.pieces) // ROWS), TILE, TILE)
    assert [(p.tile, p.row) for p in packed.pieces] == [divmod(n, ROWS) for n in range(len(packed.pieces))]
    middles = [(piece.line.core[0], piece.box[0]) for piece in packed.pieces]
    assert middles == sorted(middles)


def test_pieces_join_at_words_and_inside_words() -> None:
    page = Drawn.blank(1600, 200)
    page.text(40, 40, " ".join(WORDS[:18]), 26)
    page.text(40, 120, "x" * 90, 26)
    packed = pack(lay_out(page.image))
    lines = {piece.line: [] for piece in packed.pieces}
    for piece in packed.pieces:
        lines[piece.line].append(piece.glue)
    words, run = lines.values()
    assert len(words) > 2 and set(words[:-1]) == {" "}
    assert len(run) > 2 and set(run[:-1]) == {""}
    texts = packed.texts([f" t{n} " for n in range(len(packed.pieces))])
    assert next(iter(texts.values())).startswith("t0 t1") and "  " not in "".join(texts.values())


def test_words_are_told_by_their_gaps() -> None:
    page, x = Drawn.blank(1400, 120), 40.0
    for word in WORDS[:12]:
        x = page.text(x, 40, word, 28) + 0.3 * 28
    layout = lay_out(page.image)
    [line] = lines_of(layout.regions)
    assert len(words_of(layout, line)) == 12
