"""Reading tiles: labels where the ink is, readable text only, the same tile from the same seed."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import numpy as np
import pytest

from adotx.alphabet import BLANK, FINALS, FIRST_CLASSES, IGNORE, MEDIALS, classes, readable
from adotx.data.fonts import find_fonts
from adotx.data.row_fonts import RowFonts
from adotx.data.row_ink import Ink, Setting, needles, set_line, stroke, thermal, warp
from adotx.data.row_text import RowText
from adotx.data.rows import CELL, GRID, MEDIA, TILE, TIMESTEP, TIMESTEPS, RowTile, _look, make_tile
from hangul_fonts import hangul_font

pytest.importorskip("fontTools")

KOREAN = [
    "이 문서는 새로 바뀐 신청 절차를 안내하기 위해 작성되었습니다. ☃",
    "설정 파일(config.toml)을 열어 포트 번호를 8080으로 바꾸고 다시 시작하세요.",
    "올해 매출은 지난해보다 12.4% 늘어난 3,482억 원으로 집계되었다.",
    "“그래요?” 하고\t그가 물었다.",
]
ENGLISH = [
    "Open the settings file and change the port number.",
    "It does not work without a restart — naïve.",
]
CODE = ['print(f"{name}: {total:,}")', "for i in range(10): pass"]
SEEDS = range(60)


@pytest.fixture(scope="module")
def fonts() -> RowFonts:
    """The Hangul fonts of the development extra."""
    faces = find_fonts([hangul_font().parent])
    return RowFonts([(face.path, face.index, 1.0) for face in faces[:8]])


@pytest.fixture(scope="module")
def text() -> RowText:
    return RowText(KOREAN, ENGLISH, CODE, KOREAN[:1])


@pytest.fixture(scope="module")
def tiles(fonts: RowFonts, text: RowText) -> list[RowTile]:
    return [make_tile(random.Random(seed), text, fonts) for seed in SEEDS]


def test_shapes_and_ranges(tiles: list[RowTile]) -> None:
    for tile in tiles:
        assert tile.pixels.dtype == np.uint8 and tile.pixels.shape == (TILE, TILE)
        assert tile.labels.dtype == np.int16 and tile.labels.shape == (GRID * GRID, TIMESTEPS, 3)
        assert len(tile.rows) == GRID
        first, medial, final = np.moveaxis(tile.labels, -1, 0)
        assert first.min() >= BLANK and first.max() < FIRST_CLASSES
        for part, count in ((medial, MEDIALS), (final, FINALS)):
            assert ((part == IGNORE) | ((part >= 0) & (part < count))).all()


def test_rows_are_readable_and_every_character_has_a_glyph(tiles: list[RowTile]) -> None:
    for tile in tiles:
        assert len(tile.rows) <= GRID
        for row in tile.rows:
            assert row and row == readable(row) and row == " ".join(row.split())
        wanted = [(r, i) for r, row in enumerate(tile.rows) for i, c in enumerate(row) if c != " "]
        assert [(g.row, g.index) for g in tile.glyphs] == wanted


def test_glyphs_lie_in_their_cells_in_reading_order(tiles: list[RowTile]) -> None:
    for tile in tiles:
        for g in tile.glyphs:
            assert 0 <= g.cell < GRID * GRID
            assert 0 <= g.x < TILE and 0 <= g.y < TILE
            assert g.cell == int(g.y // CELL) * GRID + int(g.x // CELL)
        for a, b in zip(tile.glyphs, tile.glyphs[1:], strict=False):
            assert (a.x < b.x and a.y == b.y) if a.row == b.row else a.y < b.y


def test_the_timestep_at_a_glyphs_centre_has_its_classes(tiles: list[RowTile]) -> None:
    right = total = 0
    for tile in tiles:
        for g in tile.glyphs:
            label = tuple(tile.labels[g.cell, int(g.x % CELL // TIMESTEP)])
            char = tile.rows[g.row][g.index]
            right += label == classes(char)
            total += 1
    assert total > 5000 and right > 0.985 * total


def test_timesteps_without_a_glyph_are_blank(tiles: list[RowTile]) -> None:
    for tile in tiles:
        rows = tile.labels.reshape(GRID, GRID * TIMESTEPS, 3)
        used = {g.cell // GRID for g in tile.glyphs}
        for row in set(range(GRID)) - used:
            assert (rows[row] == (BLANK, IGNORE, IGNORE)).all()
        drawn = {classes(c) for line in tile.rows for c in line if c != " "}
        seen = {tuple(label) for label in tile.labels.reshape(-1, 3).tolist()}
        assert seen <= drawn | {(BLANK, IGNORE, IGNORE)}


def test_there_is_ink_at_every_glyph(tiles: list[RowTile]) -> None:
    faint = total = 0
    for tile in tiles:
        grey = tile.pixels.astype(float)
        for g in tile.glyphs:
            if not "가" <= tile.rows[g.row][g.index] <= "힣":
                continue  # a dot or a dash may lie off the middle
            x, y = int(g.x), int(g.y)
            around = grey[max(y - 12, 0) : y + 13, max(x - 9, 0) : x + 10]
            faint += np.ptp(around) < 20
            total += 1
    assert total > 2000 and faint <= 0.002 * total


def test_ink_stands_where_the_labels_say(tiles: list[RowTile]) -> None:
    """Timesteps under Hangul are busier than blank ones, tile by tile."""
    for tile in tiles:
        columns = tile.pixels.astype(float).reshape(GRID, CELL, GRID * TIMESTEPS, TIMESTEP)
        contrast = columns.std(axis=(1, 3)).reshape(GRID * GRID, TIMESTEPS)
        hangul, blank = tile.labels[..., 1] >= 0, tile.labels[..., 0] == BLANK
        if hangul.sum() >= 20 and blank.sum() >= 20:
            assert np.median(contrast[hangul]) > np.median(contrast[blank])


def test_same_seed_same_tile(fonts: RowFonts, text: RowText, tiles: list[RowTile]) -> None:
    for seed in list(SEEDS)[:10]:
        again = make_tile(random.Random(seed), text, fonts)
        assert again.rows == tiles[seed].rows and again.glyphs == tiles[seed].glyphs
        assert np.array_equal(again.pixels, tiles[seed].pixels)
        assert np.array_equal(again.labels, tiles[seed].labels)
    assert not np.array_equal(tiles[0].pixels, tiles[1].pixels)


def test_fewer_rows_on_request(fonts: RowFonts, text: RowText) -> None:
    for rows in (1, 3):
        assert all(len(make_tile(random.Random(seed), text, fonts, rows).rows) <= rows for seed in SEEDS[:10])


def test_the_nth_row_stands_in_the_nth_32_pixels(tiles: list[RowTile]) -> None:
    for tile in tiles:
        assert all(int(g.y // CELL) == g.row for g in tile.glyphs)


def test_a_struck_out_word_is_marked_in_the_truth_and_ruled_in_the_picture(
    fonts: RowFonts, text: RowText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adotx.data.rows._STRUCK", 1.0)
    tiles = [make_tile(random.Random(seed), text, fonts) for seed in range(10)]
    marked = [row for tile in tiles for row in tile.rows if "~~" in row]
    assert len(marked) > 20 and all(re.search("~~[가-힣]{2,}~~", row) for row in marked)
    for tile in tiles:  # the marks have places for the reader, but no labels: they are not drawn
        wanted = [(r, i) for r, row in enumerate(tile.rows) for i, c in enumerate(row) if c != " "]
        assert [(g.row, g.index) for g in tile.glyphs] == wanted


def test_media_come_in_their_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(0)
    looks = [_look(rng) for _ in range(4000)]
    for medium, share in MEDIA.items():
        assert abs(sum(look.medium == medium for look in looks) / 4000 - share) < 0.03
    assert all(abs(look.paper - look.ink) >= 60 for look in looks)
    assert 0.06 < sum(look.ink > look.paper for look in looks) / 4000 < 0.15
    assert abs(sum(MEDIA.values()) - 1) < 1e-9 and MEDIA["print"] > 0.5


def test_rare_characters_get_a_face_that_has_them(fonts: RowFonts) -> None:
    rng = random.Random(0)
    for c in "가뷁①㎡漢":
        having = [face for face in range(len(fonts.faces)) if fonts.draws(face, {c})]
        if having:
            assert all(fonts.pick_for(rng, c, face) in having for face in range(len(fonts.faces)))


def test_faces_that_map_a_character_to_nothing_lose_it(fonts: RowFonts) -> None:
    face = 0
    fonts.cover[face].add("\ue123")
    assert not fonts.draws(face, {"\ue123"}) and "\ue123" not in fonts.cover[face]


@pytest.mark.parametrize("how", [needles, thermal, stroke, warp])
def test_print_keeps_its_place(fonts: RowFonts, how: Callable[[random.Random, Ink], Ink]) -> None:
    rng = random.Random(1)
    ink = set_line(rng, "다람쥐 헌 쳇바퀴", fonts, 0, 30, Setting())
    changed = how(rng, ink)
    assert len(changed.edges) == len(ink.edges)
    factor = changed.size / ink.size
    for (a, b), (c, d) in zip(ink.edges, changed.edges, strict=True):
        assert abs(a * factor - c) < 0.06 * changed.size and abs(b * factor - d) < 0.06 * changed.size
    top, bottom = (y * factor for y in ink.rows)
    assert (
        abs(changed.rows[0] - top) < 0.2 * changed.size and abs(changed.rows[1] - bottom) < 0.2 * changed.size
    )


def test_moved_words_lie_between_their_edges(fonts: RowFonts) -> None:
    rng = random.Random(2)
    for _ in range(20):
        ink = set_line(rng, "서로 다른 낱말", fonts, 0, 30, Setting(loose=1.0, spacing=0.1, stretch=0.8))
        for (a, b), c in zip(ink.edges, "서로 다른 낱말", strict=True):
            part = ink.cover[:, max(0, round(a)) : round(b)]
            assert (part.max() > 0.5) == (c != " ")
