"""Transcription with a reader that sees only how dark a row is; layout, packing and assembly are real."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from adotx.checkpoint.config import TileRule
from adotx.documents.layout.pack import ROW
from adotx.documents.transcribe import Transcriber
from adotx.engine import Output
from adotx.errors import AdotxError


class Letters:
    """A tokenizer of code points; control tokens lie far above them."""

    names = ("<|im_start|>", "<|im_end|>", "<|system|>", "<|user|>", "<|assistant|>", "<|extra_id_11|>")
    special = dict(zip(names, range(2_000_000, 2_000_006), strict=True))  # noqa: RUF012
    control_ids = frozenset(special.values())
    vocab_size = 128

    def encode(self, text: str) -> list[int]:
        return [ord(c) for c in text]

    def encode_batch(self, texts: list[str]) -> list[list[int]]:
        return [self.encode(text) for text in texts]

    def token_bytes(self, token: int) -> bytes:
        return {v: k for k, v in self.special.items()}.get(token, chr(token % 2_000_000)).encode()

    def decode(self, ids: list[int], skip_special: bool = True) -> str:
        return "".join(map(chr, ids))


class DarkRows:
    """Says "줄" for each row with ink; for `wrong` turns answers with several lines lack their last."""

    def __init__(self, wrong: int = 0, reason: str = "stop") -> None:
        self.wrong, self.reason, self.sizes = wrong, reason, []

    def generate(self, requests: list) -> list[Output]:
        outputs = []
        for request in requests:
            assert request.images[0].shape == (1, 3, 384, 384) and request.slots[0][1] == 144
            rows = request.images[0][0, 0].reshape(-1, ROW, 384)
            lines = ["줄" for row in rows if row.min() < 0]
            self.sizes.append(len(lines))
            if self.wrong and len(lines) > 1:
                lines.pop()
            outputs.append(Output([ord(c) for c in "\n".join(lines)], self.reason, len(request.ids)))
        self.wrong = max(0, self.wrong - 1)
        return outputs


def checkpoint(reader: str | None = "rows", tiles: TileRule | None = TileRule()) -> SimpleNamespace:  # noqa: B008
    config = SimpleNamespace(
        tiles=tiles, image_token_id=Letters.special["<|extra_id_11|>"], family="a.x-4-vl"
    )
    return SimpleNamespace(
        config=config, tokenizer=Letters(), name="fake", extra={"reader": reader} if reader else {}
    )


def page(lines: int, width: int = 600) -> Image.Image:
    image = Image.new("RGB", (width, 60 + 40 * max(lines, 1)), "white")
    draw = ImageDraw.Draw(image)
    for n in range(lines):
        for x in range(40, width - 60, 30):  # glyph-like boxes, crossed so that they are no ruling
            box = (x, 30 + 40 * n, x + 20, 52 + 40 * n)
            draw.rectangle(box, outline="black", width=3)
            draw.line(box, fill="black", width=2)
    return image


def test_every_line_of_a_page_is_read_once() -> None:
    engine = DarkRows()
    result = Transcriber(checkpoint(), engine).page(page(15), number=3)
    assert (result.status, result.reason, result.number) == ("ok", "", 3)
    assert result.rows == sum(engine.sizes) == result.markdown.count("줄") >= 15
    assert max(engine.sizes) == 12


def test_blank_page_is_blank_and_nothing_is_asked() -> None:
    engine = DarkRows()
    for image in (page(0), Image.new("RGB", (1, 1), "white"), Image.new("RGB", (300, 300), "black")):
        result = Transcriber(checkpoint(), engine).page(image)
        assert (result.status, result.markdown) == ("blank", "")
    assert not engine.sizes


def test_missing_lines_are_read_again_in_halves() -> None:
    engine = DarkRows(wrong=2)
    strips = np.full((12, ROW, 384), 250, np.uint8)
    strips[:, 8:24, 10:200] = 0
    texts, cut = Transcriber(checkpoint(), engine).read(list(strips))
    assert texts == ["줄"] * 12 and cut == 0
    assert engine.sizes == [12, 6, 6, 3, 3, 3, 3]


def test_rows_that_never_end_are_left_out_and_told() -> None:
    class Loops(DarkRows):
        def generate(self, requests: list) -> list[Output]:
            outputs = super().generate(requests)
            if self.sizes[-1] == 1:  # single rows: the first one loops
                outputs[0] = Output([ord("ㅋ")] * 80, "length", 1)
            return outputs

    engine = Loops(wrong=2)
    strips = np.full((3, ROW, 384), 250, np.uint8)
    strips[:, 8:24, 10:200] = 0
    texts, cut = Transcriber(checkpoint(), engine).read(list(strips))
    assert cut >= 1 and "ㅋ" not in "".join(texts) and "줄" in texts

    everything = DarkRows(reason="length")
    result = Transcriber(checkpoint(), everything, rows_per_tile=4).page(page(5))
    assert result.status == "failed" and "nothing could be read" in result.reason


def test_other_checkpoints_are_asked_about_the_whole_page() -> None:
    class Whole:
        def generate(self, requests: list) -> list[Output]:
            [request] = requests
            assert sum(map(len, request.images)) * 144 == sum(length for _, length in request.slots)
            assert "무엇이 적혀있나요" in "".join(chr(i) for i in request.ids if i < 2_000_000)
            return [Output([ord(c) for c in "# 글"], "length", len(request.ids))]

    result = Transcriber(checkpoint(reader=None), Whole()).page(page(3))
    assert result.markdown == "# 글\n" and result.status == "ok" and "length" in result.reason


def test_a_failing_page_does_not_cost_the_others(tmp_path: Path) -> None:
    class Fails(DarkRows):
        def generate(self, requests: list) -> list[Output]:
            if not self.sizes:
                self.sizes.append(0)
                raise AdotxError("engine.memory", "no room", "engine", "close something")
            return super().generate(requests)

    first = page(4)
    first.save(tmp_path / "two.pdf", save_all=True, append_images=[page(4)], resolution=150)
    results = list(Transcriber(checkpoint(), Fails()).pages(tmp_path / "two.pdf"))
    assert [(r.number, r.status) for r in results] == [(1, "failed"), (2, "ok")]
    assert "no room" in results[0].reason and "줄" in results[1].markdown


def test_a_picture_that_cannot_be_opened_raises(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(AdotxError, match=r"a\.png"):
        list(Transcriber(checkpoint(), DarkRows()).pages(tmp_path / "a.png"))


def test_text_models_are_refused() -> None:
    with pytest.raises(AdotxError, match="text only"):
        Transcriber(checkpoint(tiles=None), DarkRows())


def test_words_beyond_the_ink_are_cut_and_told() -> None:
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

    result = Transcriber(checkpoint(), Talks()).page(page(6))
    assert "cut where their ink ends" in result.reason
    assert "가나다" * 12 not in result.markdown and "거너" in result.markdown
