"""Models that read without weights: what layout, readers and transcription are tried with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from adotx.checkpoint.config import TileRule
from adotx.documents.layout import ROW
from adotx.engine import EncodedImage, Output, TokenLogprobs


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


def checkpoint(
    reader: str | None = "rows",
    tiles: TileRule | None = TileRule(),  # noqa: B008
    answer: str = "row",
) -> SimpleNamespace:
    config = SimpleNamespace(
        tiles=tiles, image_token_id=Letters.special["<|extra_id_11|>"], family="a.x-4-vl"
    )
    extra = {"reader": reader, "answer": answer} if reader else {}
    return SimpleNamespace(
        config=config, tokenizer=Letters(), name="fake", extra=extra, path=Path("no such folder")
    )


class DarkRows:
    """An engine that answers row by row: "줄" for one with ink, as `says` and `reason` have it.

    Attributes:
        asked: (number of the tile among those encoded, row from 0) of each request.
        shown: the tiles that were encoded.
    """

    def __init__(self, says: Callable[[int], str] = lambda number: "줄", reason: str = "stop") -> None:
        self.says, self.reason = says, reason
        self.asked: list[tuple[int, int]] = []
        self.shown: list[np.ndarray] = []

    def encode(self, pixels: np.ndarray) -> EncodedImage:
        assert pixels.shape == (1, 3, 384, 384)
        self.shown.append(pixels)
        return EncodedImage([bytes([len(self.shown) - 1])], np.zeros((1, 144, 8), np.float32))

    def generate(self, requests: list) -> list[Output]:
        outputs = []
        for request in requests:
            [image], [slot] = request.images, request.slots
            assert slot[1] == 144
            end = Letters.special["<|im_end|>"]
            after = list(request.ids[slot[0] + slot[1] :])
            row = int("".join(map(chr, after[: after.index(end)]))) - 1
            tile = self.shown[image.digests[0][0]]
            dark = tile[0, 0, row * ROW : (row + 1) * ROW].min() < 0
            self.asked.append((image.digests[0][0], row))
            ids = [ord(c) for c in self.says(len(self.asked) - 1)] if dark else []
            steps = [TokenLogprobs(i, -0.01) for i in ids]
            outputs.append(Output(ids, self.reason, len(request.ids), 0, steps, stop_logprob=-0.01))
        return outputs


def row_model(engine: Any, answer: str = "row") -> Any:
    """A model for `RowReader` around a fake engine."""
    return SimpleNamespace(checkpoint=checkpoint(answer=answer), engine=engine)


def said(text: str, reason: str = "stop", loop_start: int | None = None) -> SimpleNamespace:
    """A reply."""
    usage = SimpleNamespace(completion_tokens=len(text))
    return SimpleNamespace(text=text, finish_reason=reason, loop_start=loop_start, usage=usage)


class Asked:
    """A vision-language model that answers each picture with `answer(picture, sampling)`.

    Attributes:
        pictures: what it was shown, in the order it was asked.
        samplings: how.
    """

    def __init__(self, answer: Callable[[Image.Image, Any], SimpleNamespace]) -> None:
        self.checkpoint = checkpoint(reader=None)
        self.answer, self.pictures, self.samplings = answer, [], []

    def stream(
        self, messages: Sequence[dict], *, images: Sequence[Image.Image], sampling: Any, priority: int
    ) -> Any:
        assert "무엇이 적혀있나요" in messages[-1]["content"][-1]["text"]
        [picture] = images
        self.pictures.append(picture)
        self.samplings.append(sampling)
        return _Stream(self.answer(picture, sampling))


class _Stream:
    def __init__(self, reply: SimpleNamespace) -> None:
        self.reply = reply

    def __iter__(self) -> Iterator[str]:
        yield from self.reply.text

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def glyph_page(lines: int, width: int = 600) -> Image.Image:
    """A page with lines of glyph-like boxes, crossed so that they are no rulings."""
    image = Image.new("RGB", (width, 60 + 40 * max(lines, 1)), "white")
    draw = ImageDraw.Draw(image)
    for n in range(lines):
        for x in range(40, width - 60, 30):
            box = (x, 30 + 40 * n, x + 20, 52 + 40 * n)
            draw.rectangle(box, outline="black", width=3)
            draw.line(box, fill="black", width=2)
    return image


def dark_tiles(rows: int) -> np.ndarray:
    """uint8 [1, 384, 384] with so many rows of ink."""
    tile = np.full((1, 384, 384), 245, np.uint8)
    for row in range(rows):
        tile[0, row * ROW + 8 : row * ROW + 24, 10:200] = 0
    return tile
