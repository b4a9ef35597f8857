"""The row reader with a reader that sees only how dark a row is; layout, packing and assembly are real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image

from adotx.documents.readers import answers
from adotx.documents.readers.answers import RowAsker, characters, row_answer
from adotx.documents.readers.rows import RowReader
from adotx.documents.side_by_side import Cancelled
from adotx.documents.transcribe import PageResult
from adotx.engine import Output, TokenLogprobs
from documents_fakes import DarkRows, Letters, checkpoint, dark_tiles, glyph_page, row_model


def reader(engine: DarkRows) -> RowReader:
    return RowReader(row_model(engine), second=False)


def test_every_line_of_a_page_is_read_once_and_every_tile_encoded_once() -> None:
    engine = DarkRows()
    reading = reader(engine).read(glyph_page(15))
    assert (reading.status, reading.reason) == ("ok", "")
    markdown = PageResult(reading.blocks).markdown
    assert reading.rows == len(engine.asked) == markdown.count("줄") >= 15
    assert engine.asked == [divmod(n, 12) for n in range(reading.rows)]
    assert len(engine.shown) == -(-reading.rows // 12)


def test_blocks_are_as_sure_as_their_rows() -> None:
    class Doubts(DarkRows):
        def __init__(self, says: Callable[[int], str], unsure: int = 18) -> None:
            super().__init__(says)
            self.unsure = unsure

        def generate(self, requests: list) -> list[Output]:
            outputs = super().generate(requests)
            for output in outputs[self.unsure :]:
                output.logprobs[:] = [replace(step, logprob=-3.0) for step in output.logprobs]
            return outputs

    reading = reader(Doubts(lambda n: "줄이다.")).read(glyph_page(12))
    assert reading.confidence is not None and 0.3 < reading.confidence < 0.99
    sure = [block.confidence for block in reading.blocks]
    assert all(each is not None for each in sure)
    nonsense = reader(Doubts(lambda n: "줄이다.", unsure=0)).read(glyph_page(12))
    assert nonsense.status == "failed" and not nonsense.blocks and "expected to be right" in nonsense.reason


def test_blank_page_is_blank_and_nothing_is_asked() -> None:
    engine = DarkRows()
    for image in (glyph_page(0), Image.new("RGB", (1, 1), "white"), Image.new("RGB", (300, 300), "black")):
        reading = reader(engine).read(image)
        assert reading.status == "blank" and not reading.blocks
    assert not engine.asked and not engine.shown


def test_rows_that_never_end_are_left_out_and_told() -> None:
    class Loops(DarkRows):
        def generate(self, requests: list) -> list[Output]:
            outputs = super().generate(requests)
            if len(requests) == 2:  # these rows are looked at again
                return [Output([ord("ㅋ")] * 80, "length", 1)] * 2
            outputs[1] = Output([ord("ㅋ")] * 80, "length", 1)
            outputs[2] = Output([ord("ㅎ")] * 80, "loop", 1)
            return outputs

    reading = reader(Loops()).read(glyph_page(8))
    assert reading.status == "partial" and "2 of" in reading.reason and "could not be read" in reading.reason
    markdown = PageResult(reading.blocks).markdown
    assert "줄" in markdown and not set("ㅋㅎ") & set(markdown)
    reading = reader(DarkRows(reason="length")).read(glyph_page(5))
    assert reading.status == "failed" and "nothing could be read" in reading.reason


def test_words_beyond_the_ink_are_cut_and_told_of_a_whole_page() -> None:
    usual, long = "가나다라마바사아자차카타파하거너", "가나다" * 20
    reading = reader(DarkRows(lambda n: usual if n % 4 else long)).read(glyph_page(6))
    assert reading.status == "ok" and "cut where their ink ends" in reading.reason
    markdown = PageResult(reading.blocks).markdown
    assert "가나다" * 12 not in markdown and "거너" in markdown


def test_the_prompts_are_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    render = answers.render_for
    monkeypatch.setattr(answers, "render_for", lambda *a, **k: calls.append(1) or render(*a, **k))
    asker = RowAsker(checkpoint(), DarkRows())
    asker.ask(dark_tiles(12), [12])
    asker.ask(dark_tiles(4), [4])
    assert len(calls) == 12


def test_a_cancelled_page_is_left_before_its_next_tiles() -> None:
    engine = DarkRows()
    with pytest.raises(Cancelled):
        reader(engine).read(glyph_page(120), lambda: bool(engine.asked))
    assert len(engine.asked) == 96


def test_characters_of_several_ids_are_as_sure_as_all_of_them() -> None:
    class Bytes(Letters):
        def token_bytes(self, token: int) -> bytes:
            return bytes([token])

    def output(text: str) -> Output:
        ids = list(text.encode())
        return Output(ids, "stop", 1, logprobs=[TokenLogprobs(i, -0.5) for i in ids], stop_logprob=-0.25)

    text, sure = characters(output("a뷁b"), Bytes())
    assert text == "a뷁b" and sure == pytest.approx([2.718281828**-p for p in (0.5, 1.5, 0.5)])
    answer = row_answer(output(" 가 1\n나 "), Bytes())
    assert (answer.text, len(answer.sure)) == ("가 1 나", 5)
    assert answer.end == pytest.approx(2.718281828**-0.25) and answer.ended
    assert not row_answer(Output([65], "length", 1), Bytes()).ended
