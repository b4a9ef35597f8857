"""The timestep heads that lie beside nano's weights: which glyph covers each eight pixels of a row.

In: image features of tiles, from the engine. Out: the glyphs of each row with their places, seen without any
context; held against the decoder's text they give the place of every character of it, and whether both agree.
Knows no engine and no page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from adotx.alphabet import BLANK, FINALS, FIRST_CLASSES, INITIALS, MEDIALS, character
from adotx.checkpoint.tensors import TensorStore
from adotx.documents.layout import ROWS
from adotx.documents.readers.glyphs import Glyph, aligned
from adotx.engine.runtime import compile_model, openvino

if TYPE_CHECKING:
    import openvino as ov

FILE = "timesteps.safetensors"
# Image tokens side by side in a row, timesteps in a token, pixels of a timestep.
_TOKENS, _STEPS, _WIDTH = 12, 4, 8
_EPSILON = 1e-5
# Tiles that are looked at at once: what one takes is kept, 15 MB.
_TILES_AT_ONCE = 1
_SIZES = (FIRST_CLASSES, MEDIALS, FINALS)


@dataclass(frozen=True)
class Seen:
    """What the heads see where a character of the decoder's text stands.

    Attributes:
        x0, x1: where, in pixels of the row; between its neighbours where they see nothing there.
        char: what they see; "" for nothing.
        sure: how sure they are of that, 0 to 1.
    """

    x0: float
    x1: float
    char: str
    sure: float


class Timesteps:
    """The compiled heads.

    Args:
        folder: of the checkpoint, which holds `FILE`.
    """

    def __init__(self, folder: Path) -> None:
        tensors = TensorStore(folder, FILE)
        self._request = compile_model(_graph(tensors), "bf16").create_infer_request()
        self._lock = Lock()

    def rows(self, features: np.ndarray) -> list[list[Glyph]]:
        """The glyphs of all rows of some tiles, from left to right.

        Args:
            features: float32 [n, tokens, H].
        """
        found: list[list[Glyph]] = []
        for start in range(0, len(features), _TILES_AT_ONCE):
            found += self._rows(features[start : start + _TILES_AT_ONCE])
        return found

    def _rows(self, features: np.ndarray) -> list[list[Glyph]]:
        shape = (len(features) * ROWS, _TOKENS * _STEPS)
        with self._lock:
            self._request.infer({0: np.ascontiguousarray(features, np.float32)}, share_outputs=True)
            parts = [self._request.get_output_tensor(n).data for n in range(len(_SIZES))]
            best = [part.argmax(-1) for part in parts]
            (first, p_first), (medial, p_medial), (final, p_final) = (
                (at.reshape(shape), np.take_along_axis(part, at[..., None], -1).reshape(shape))
                for part, at in zip(parts, best, strict=True)
            )
        syllable = (first != BLANK) & (first <= INITIALS)
        code = first + np.where(syllable, (medial * FINALS + final + 1) * FIRST_CLASSES, 0)
        sure = np.where(syllable, p_first * p_medial * p_final, p_first)
        return [_glyphs(*each) for each in zip(code.tolist(), sure.tolist(), strict=True)]


def _glyphs(codes: list[int], sure: list[float]) -> list[Glyph]:
    """Neighbouring timesteps of one class are one glyph."""
    found, start = [], 0
    for code, steps in groupby(codes):
        end = start + len(list(steps))
        parts, first = divmod(code, FIRST_CLASSES)
        medial, final = divmod(max(parts - 1, 0), FINALS)
        if first != BLANK:
            best = max(sure[start:end])
            found.append(Glyph(character(first, medial, final), start * _WIDTH, end * _WIDTH, best))
        start = end
    return found


def _graph(tensors: TensorStore) -> ov.Model:
    """Features [n, tokens, H] -> probabilities [n, tokens * 4, classes] of first, medial and final."""
    from openvino import opset15 as o

    ov = openvino()

    def constant(name: str) -> Any:
        return o.constant(tensors.array(name))

    width = tensors.spec("classes.weight")[1][1]
    x = o.parameter([-1, -1, tensors.spec("norm.weight")[1][0]], ov.Type.f32, "features")
    y = o.mvn(x, o.constant(np.array([-1])), True, _EPSILON, "inside_sqrt")
    y = o.add(o.multiply(y, constant("norm.weight")), constant("norm.bias"))
    y = o.add(o.matmul(y, constant("project.weight"), False, True), constant("project.bias"))
    y = o.gelu(o.reshape(y, o.constant(np.array([0, -1, width])), True), "tanh")
    # A product for each head: the plugin moves the whole of a common one about to split it.
    ends = np.cumsum(_SIZES)[:-1]
    results = [
        o.softmax(o.add(o.matmul(y, o.constant(weight.copy()), False, True), o.constant(bias.copy())), -1)
        for weight, bias in zip(
            np.split(tensors.array("classes.weight"), ends),
            np.split(tensors.array("classes.bias"), ends),
            strict=True,
        )
    ]
    return ov.Model(results, [x], "timesteps")


def seen_in(text: str, glyphs: Sequence[Glyph]) -> list[Seen]:
    """What the heads see of each character of a text, spaces included.

    Equal neighbours are one glyph to the heads; its room is shared out.
    """
    chars: list[tuple[str, int]] = []  # without spaces, and how many of it stand side by side
    for char, run in groupby(text.replace(" ", "")):
        chars.append((char, len(list(run))))
    places: list[Glyph | None] = [None] * len(chars)
    for own, theirs in aligned([char for char, _ in chars], [glyph.char for glyph in glyphs]):
        if own is not None and theirs is not None:
            places[own] = glyphs[theirs]
    spread: list[Glyph | None] = []
    for (_, count), glyph in zip(chars, places, strict=True):
        for part in range(count):
            if glyph is None:
                spread.append(None)
                continue
            step = (glyph.x1 - glyph.x0) / count
            x0 = glyph.x0 + part * step
            spread.append(Glyph(glyph.char, x0, x0 + step, glyph.sure))
    return _spaced(text, spread)


def _spaced(text: str, places: list[Glyph | None]) -> list[Seen]:
    """Places of all characters of a text from those of its letters; one without stands between its
    neighbours."""
    letters = iter(places)
    known = [None if char == " " else next(letters) for char in text]
    out: list[Seen] = []
    for at, (char, glyph) in enumerate(zip(text, known, strict=True)):
        if glyph is not None:
            out.append(Seen(glyph.x0, glyph.x1, glyph.char, glyph.sure))
            continue
        before = out[-1].x1 if out else 0.0
        after = next((each.x0 for each in known[at:] if each is not None), before)
        following = next((n for n, each in enumerate(known[at:]) if each is not None), len(known) - at)
        share = max(after - before, 0.0) / max(following, 1)
        out.append(Seen(before, before + share, " " if char == " " else "", 1.0 if char == " " else 0.0))
    return out
