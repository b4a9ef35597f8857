"""A second, independent reader: PP-OCR's recogniser, which knows digits, Latin, Hanja, signs, but no Hangul.

In: rows of a tile. Out: what it sees in them, with places. Hangul it takes for other things, so only what
stands where another reader sees no Hangul is worth looking at. Knows no tiles and no other reader.

Source: PP-OCRv6 (Apache-2.0), whose small model lies in the wheel `rapidocr`; it reads pictures of 48 pixels
height with a step of CTC every eight pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image

from adotx.documents.layout import ROW
from adotx.documents.readers.glyphs import Glyph
from adotx.engine.runtime import compile_model, core

_FILE = ("models", "PP-OCRv6_rec_small.onnx")
_HEIGHT, _STEP = 48, 8
# Widths that pictures are filled up to with paper (576 is the widest row), and how many of each are read at
# once, blank ones among them: few shapes, for the network is made ready for each, which takes as long as
# reading ten rows; none with many more pixels than the others, for what the largest needs is kept.
_AT_ONCE = {80: 4, 160: 4, 320: 2, 576: 1}
# Ink is that much darker than the paper of its row; it gets that many columns of paper beside it.
_DARKER, _MARGIN = 60, 6
# What it calls the space, and in another width, what this project writes otherwise.
_WRITTEN = str.maketrans("（）：；，．！？％＋－＝／［］＜＞～∼＆＃＊＠　￥", "():;,.!?%+-=/[]<>~~&#*@ ¥")


class SecondReader:
    """PP-OCR's recogniser; one a process (`second_reader`), calls from several threads take turns."""

    def __init__(self, path: Path) -> None:
        model = core().read_model(path)
        listed = model.get_rt_info(["framework", "character"]).astype(str)
        # Class 0 is CTC's blank, the last one a space.
        self._chars = ["", *listed.split("\n"), " "]
        self._request = compile_model(model, "bf16").create_infer_request()
        self._lock = Lock()

    def read(self, strips: Sequence[np.ndarray]) -> list[list[Glyph]]:
        """What stands in some pictures of text, from left to right.

        Args:
            strips: uint8 [32, w], w at most 384: rows of a tile or parts of them.
        """
        pictures = [_scaled(strip) for strip in strips]
        order = sorted(range(len(strips)), key=lambda n: pictures[n].shape[1])
        out: list[list[Glyph]] = [[] for _ in strips]
        at = 0
        while at < len(order):
            width = _width(pictures[order[at]])
            part = [n for n in order[at : at + _AT_ONCE[width]] if _width(pictures[n]) == width]
            at += len(part)
            batch = np.ones((_AT_ONCE[width], 1, _HEIGHT, width), np.float32)
            for place, n in enumerate(part):
                batch[place, 0, :, : pictures[n].shape[1]] = pictures[n].astype(np.float32) / 127.5 - 1
                batch[place, 0, :, pictures[n].shape[1] :] = float(pictures[n].max()) / 127.5 - 1
            best, sure = self._steps(np.repeat(batch, 3, 1))
            for place, n in enumerate(part):
                shrink = strips[n].shape[0] / _HEIGHT
                out[n] = self._glyphs(best[place].tolist(), sure[place].tolist(), _STEP * shrink)
        return out

    def _steps(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The likeliest class of each step and its probability: [n, steps] each."""
        with self._lock:
            self._request.infer({0: batch}, share_outputs=True)
            shares = self._request.get_output_tensor(0).data
            best = shares.argmax(-1)
            return best, np.take_along_axis(shares, best[..., None], -1)[..., 0]

    def _glyphs(self, best: list[int], sure: list[float], width: float) -> list[Glyph]:
        found: list[Glyph] = []
        for at, (code, share) in enumerate(zip(best, sure, strict=True)):
            char = self._chars[code].translate(_WRITTEN)
            if not char.strip():
                continue
            if at and best[at - 1] == code:  # CTC: the same class again is the same character
                last = found.pop()
                found.append(Glyph(char, last.x0, (at + 1) * width, max(last.sure, share)))
            else:
                found.append(Glyph(char, at * width, (at + 1) * width, share))
        return found


@cache
def second_reader() -> SecondReader | None:
    """The one of this process; None where its wheel is not installed."""
    spec = find_spec("rapidocr")
    if spec is None or spec.origin is None:
        return None
    return SecondReader(Path(spec.origin).parent.joinpath(*_FILE))


def strip_of(tile: np.ndarray, row: int) -> np.ndarray:
    """A row of a tile up to where its ink ends: uint8 [32, w]."""
    strip = tile[row * ROW : (row + 1) * ROW]
    ink = np.flatnonzero(strip.min(0) < int(strip.max()) - _DARKER)
    return strip[:, : int(ink[-1]) + 1 + _MARGIN] if len(ink) else strip[:, :ROW]


def _scaled(strip: np.ndarray) -> np.ndarray:
    height, width = strip.shape
    wide = min(max(1, round(width * _HEIGHT / height)), max(_AT_ONCE))
    return np.asarray(Image.fromarray(strip).resize((wide, _HEIGHT), Image.Resampling.BICUBIC))


def _width(picture: np.ndarray) -> int:
    return next(width for width in _AT_ONCE if width >= picture.shape[1])
