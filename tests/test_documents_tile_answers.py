"""One answer for all rows of a tile, with a reader that sees only how dark a row is; goes with that way."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from adotx.checkpoint.config import TileRule
from adotx.documents.layout import ROW
from adotx.documents.readers import tile_answers
from adotx.documents.readers.tile_answers import TileAsker
from adotx.documents.side_by_side import Cancelled
from adotx.engine import Output
from adotx.vision import pixels
from documents_fakes import DarkTiles, checkpoint, dark_tiles


def texts(engine: DarkTiles, rows: int) -> tuple[list[str], int]:
    answers, _ = TileAsker(checkpoint(answer=""), engine).ask(dark_tiles(rows), [rows])
    return [answer.text for answer in answers], sum(not answer.ended for answer in answers)


def test_missing_lines_are_read_again_in_halves() -> None:
    engine = DarkTiles(wrong=2)
    assert texts(engine, 12) == (["줄"] * 12, 0)
    assert engine.sizes == [12, 6, 6, 3, 3, 3, 3]


def test_rows_that_never_end_are_left_out_and_told() -> None:
    class Loops(DarkTiles):
        def generate(self, requests: list) -> list[Output]:
            outputs = super().generate(requests)
            if self.sizes[-1] == 1:  # single rows: the first one loops
                outputs[0] = Output([ord("ㅋ")] * 80, "length", 1)
            return outputs

    said, unread = texts(Loops(wrong=2), 3)
    assert unread >= 1 and "ㅋ" not in "".join(said) and "줄" in said


@pytest.mark.parametrize("rows", (12, 5))
def test_a_tile_is_shown_as_it_was_when_it_was_built_of_strips(rows: int) -> None:
    """What the model sees decides what it says: tiles, halves and the paper below them keep their values."""
    shown: list[np.ndarray] = []

    class Sees(DarkTiles):
        def generate(self, requests: list) -> list[Output]:
            shown.extend(request.images[0] for request in requests)
            return super().generate(requests)

    tiles = dark_tiles(rows)
    random = np.random.default_rng(0)
    tiles[0, : rows * ROW] = random.integers(0, 250, (rows * ROW, 384))
    TileAsker(checkpoint(answer=""), Sees(wrong=1)).ask(tiles, [rows])
    half = rows // 2
    for pictured, part in zip(shown, (range(rows), range(half), range(half, rows)), strict=False):
        strips = [tiles[0, row * ROW : (row + 1) * ROW] for row in part]
        built = np.full((384, 384), int(strips[0].max()), np.uint8)
        for row, strip in enumerate(strips):
            built[row * ROW : (row + 1) * ROW] = strip
        expected = pixels(Image.fromarray(built).convert("RGB"), TileRule())
        assert pictured.tobytes() == expected.tobytes()
    assert len(shown) >= 3


def test_the_prompt_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    render = tile_answers.render_for
    monkeypatch.setattr(tile_answers, "render_for", lambda *a, **k: calls.append(1) or render(*a, **k))
    asker = TileAsker(checkpoint(answer=""), DarkTiles(wrong=3))
    asker.ask(dark_tiles(12), [12])
    asker.ask(dark_tiles(4), [4])
    assert len(calls) == 1


def test_a_cancelled_page_is_left_before_its_next_step() -> None:
    engine = DarkTiles(wrong=9)
    with pytest.raises(Cancelled):
        TileAsker(checkpoint(answer=""), engine).ask(dark_tiles(12), [12], lambda: bool(engine.sizes))
    assert engine.sizes == [12]
