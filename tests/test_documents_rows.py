"""The row reader with a reader that sees only how dark a row is; layout, packing and assembly are real."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from adotx.checkpoint.config import TileRule
from adotx.documents.layout import ROW
from adotx.documents.readers.rows import RowReader
from adotx.documents.side_by_side import Cancelled
from adotx.documents.transcribe import PageResult
from adotx.engine import Output
from adotx.vision import pixels
from documents_fakes import DarkRows, dark_tiles, glyph_page, row_model


def test_every_line_of_a_page_is_read_once() -> None:
    engine = DarkRows()
    reading = RowReader(row_model(engine)).read(glyph_page(15))
    assert (reading.status, reading.reason) == ("ok", "")
    markdown = PageResult(reading.blocks).markdown
    assert reading.rows == sum(engine.sizes) == markdown.count("줄") >= 15
    assert max(engine.sizes) == 12


def test_blank_page_is_blank_and_nothing_is_asked() -> None:
    engine = DarkRows()
    for image in (glyph_page(0), Image.new("RGB", (1, 1), "white"), Image.new("RGB", (300, 300), "black")):
        reading = RowReader(row_model(engine)).read(image)
        assert reading.status == "blank" and not reading.blocks
    assert not engine.sizes


def test_missing_lines_are_read_again_in_halves() -> None:
    engine = DarkRows(wrong=2)
    texts, unread = RowReader(row_model(engine)).texts(dark_tiles(12), [12])
    assert texts == ["줄"] * 12 and unread == 0
    assert engine.sizes == [12, 6, 6, 3, 3, 3, 3]


def test_rows_that_never_end_are_left_out_and_told() -> None:
    class Loops(DarkRows):
        def generate(self, requests: list) -> list[Output]:
            outputs = super().generate(requests)
            if self.sizes[-1] == 1:  # single rows: the first one loops
                outputs[0] = Output([ord("ㅋ")] * 80, "length", 1)
            return outputs

    texts, unread = RowReader(row_model(Loops(wrong=2))).texts(dark_tiles(3), [3])
    assert unread >= 1 and "ㅋ" not in "".join(texts) and "줄" in texts

    class HalfLoops(DarkRows):
        def generate(self, requests: list) -> list[Output]:
            outputs = super().generate(requests)
            if len(self.sizes) > 1:  # whatever is read again, but for its first row
                for output in outputs[1:]:
                    output.ids[:] = [ord("ㅋ")] * 80
                    object.__setattr__(output, "finish_reason", "loop")
            return outputs

    reading = RowReader(row_model(HalfLoops(wrong=1))).read(glyph_page(4, 300))
    assert reading.status == "partial" and "rows could not be read" in reading.reason
    assert "줄" in PageResult(reading.blocks).markdown

    reading = RowReader(row_model(DarkRows(reason="length"))).read(glyph_page(5))
    assert reading.status == "failed" and "nothing could be read" in reading.reason


def test_words_beyond_the_ink_are_cut_and_told_of_a_whole_page() -> None:
    class Talks(DarkRows):
        def generate(self, requests: list) -> list[Output]:
            outputs = super().generate(requests)
            for output in outputs:
                lines = "".join(map(chr, output.ids)).split("\n")
                said = [
                    "가나다라마바사아자차카타파하거너" if n % 4 else "가나다" * 20 for n in range(len(lines))
                ]
                output.ids[:] = [ord(c) for c in "\n".join(said)]
            return outputs

    reading = RowReader(row_model(Talks())).read(glyph_page(6))
    assert reading.status == "ok" and "cut where their ink ends" in reading.reason
    markdown = PageResult(reading.blocks).markdown
    assert "가나다" * 12 not in markdown and "거너" in markdown


@pytest.mark.parametrize("rows", (12, 5))
def test_a_tile_is_shown_as_it_was_when_it_was_built_of_strips(rows: int) -> None:
    """What the model sees decides what it says: tiles, halves and the paper below them keep their values."""
    shown: list[np.ndarray] = []

    class Sees(DarkRows):
        def generate(self, requests: list) -> list[Output]:
            shown.extend(request.images[0] for request in requests)
            return super().generate(requests)

    tiles = dark_tiles(rows)
    random = np.random.default_rng(0)
    tiles[0, : rows * ROW] = random.integers(0, 250, (rows * ROW, 384))
    RowReader(row_model(Sees(wrong=1))).texts(tiles, [rows])
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
    from adotx.documents.readers import rows

    calls = []
    render = rows.render_for
    monkeypatch.setattr(rows, "render_for", lambda *a, **k: calls.append(1) or render(*a, **k))
    reader = RowReader(row_model(DarkRows(wrong=3)))
    reader.texts(dark_tiles(12), [12])
    reader.texts(dark_tiles(4), [4])
    assert len(calls) == 1


def test_a_cancelled_page_is_left_before_its_next_step() -> None:
    engine = DarkRows(wrong=9)
    with pytest.raises(Cancelled):
        RowReader(row_model(engine)).read(glyph_page(15), lambda: bool(engine.sizes))
    assert engine.sizes == [12, 12, 6]  # one call, of which no half was read again
