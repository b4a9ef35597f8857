"""A picture in, an upright straight page out, with its text boxes.

In: an image as it was opened. Out: `Sheet`: colours, text quadrangles and the homography back to the image.
Quarter turns, skew, perspective, folds, unequal resolution and the size of type are settled here. Knows
nothing of ink, lines or order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from adotx.documents.layout.bend import sag, unbent
from adotx.documents.layout.detect import Quads, detect
from adotx.documents.layout.straighten import in_a_scene, upright, warp
from adotx.documents.layout.stripes import without_stripes
from adotx.documents.layout.turning import quarter_turns, rotated, turn_matrix, turned
from adotx.documents.layout.vertical import laid_across, runs_down
from adotx.documents.layout.watermarks import without_watermark

#: how a page is read: as it seems right, the other way up, or in lines that run from top to bottom
Way = Literal["across", "over", "down"]

#: Larger pages are reduced: 9 million pixels are A4 at 300 dpi.
MAX_PIXELS = 9_000_000
#: a text box's height for an em of its text: the detector leaves some paper above and below
BOX_OF_EM = 1.2
# Pictures smaller than this (a line, a label) are given a margin of their own edge.
_MIN_SIDE = 48
# Type outside of these, in pixels per em, is brought to the nearer one: smaller is too coarse to part
# letters, larger is more than the readers look at. The smaller part of a page's type is meant.
_SMALLEST, _LARGEST, _SMALLER = 17.0, 34.0, 0.2
# A picture is enlarged at most this much.
_MOST_ENLARGED = 3.0
# A box this many times as wide as high that rises by more than this (tangent: 11 degrees) is a watermark.
_LONG, _ASKEW = 1.6, 0.2
# Resolutions that differ by less than this between x and y are the same; by more than that, a mistake.
_SAME_DPI, _FOOLISH_DPI = 1.08, 4.0
# Around the text of a sheet in perspective, in em: what lies farther out may be another thing. The sides of a
# table stand as far beside its text as its last column is wide.
_AROUND, _BESIDE = 4.0, 10.0


@dataclass
class Sheet:
    """One page, upright.

    Attributes:
        rgb: uint8 [H, W, 3].
        quads: its text boxes, in its pixels.
        matrix: float64 [3, 3]; (x, y, 1) of the sheet -> (x, y, w) of the image it came as, where a fold was
            taken out up to an em above or below it.
        down: its lines seem to run from top to bottom; only read "down" they can be told.
    """

    rgb: np.ndarray
    quads: Quads
    matrix: np.ndarray
    down: bool = False


def straight_sheet(
    image: Image.Image, deskew: bool = True, way: Way = "across", at: tuple[int, int] = (0, 0)
) -> Sheet:
    """Find the text of a picture and set it upright.

    Args:
        image: any mode; RGB from `adotx.vision.open_image`.
        deskew: straighten it; else it stays as it stands.
        way: how it is read.
        at: where its upper left corner lies in the image that places are told of.
    """
    rgb = np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    to_image = np.array([[1.0, 0, at[0]], [0, 1.0, at[1]], [0, 0, 1.0]])
    rgb, step = _square_pixels(rgb, image)
    to_image = to_image @ step
    rgb, step = _with_margin(rgb if in_a_scene(rgb) else without_watermark(without_stripes(rgb)))
    to_image = to_image @ step
    quads = detect(rgb)
    times = 0
    if way == "down":
        to_image = to_image @ np.linalg.inv(turn_matrix(rgb.shape[:2], 1))
        rgb = laid_across(rgb, quads)
        quads = detect(rgb)
    else:
        times = ((quarter_turns(rgb, quads) if deskew else 0) + 2 * (way == "over")) % 4
    if times:
        to_image = to_image @ np.linalg.inv(turn_matrix(rgb.shape[:2], times))
        quads, rgb = rotated(quads, rgb.shape[:2], times), turned(rgb, times)
    down = deskew and way != "down" and runs_down(quads)
    matrix = upright(quads, rgb) if deskew else np.eye(3)
    quads = quads[_level(quads.mapped(matrix))]
    rgb, quads, step = _framed(rgb, quads, matrix)
    low = sag(rgb, quads, float(np.median(quads.heights)) / BOX_OF_EM) if deskew and len(quads) else None
    if low is not None:
        rgb = unbent(rgb, low)
        quads = detect(rgb)
        matrix = upright(quads, rgb)  # the fold had its part in what seemed level
        rgb, quads, more = _framed(rgb, quads[_level(quads.mapped(matrix))], matrix)
        step = step @ more
    return Sheet(rgb, quads, to_image @ step, down)


def _level(quads: Quads) -> np.ndarray:
    """bool [n]: not written askew on a straight page, as watermarks and stamps are."""
    step = np.abs(quads.corners[:, 1] - quads.corners[:, 0])
    return (step[:, 1] < _ASKEW * step[:, 0]) | (quads.widths < _LONG * quads.heights)


def _square_pixels(rgb: np.ndarray, image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """A picture whose file names another resolution across than down (fax), with square pixels."""
    x, y = map(float, image.info.get("dpi", (1, 1)))
    if x <= 0 or y <= 0 or not _SAME_DPI <= max(x / y, y / x) < _FOOLISH_DPI:
        return rgb, np.eye(3)
    width, height = rgb.shape[1], rgb.shape[0]
    if x > y:
        height = round(height * x / y)
    else:
        width = round(width * y / x)
    step = np.diag([rgb.shape[1] / width, rgb.shape[0] / height, 1.0])
    return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_CUBIC), step


def _with_margin(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width = rgb.shape[:2]
    if min(height, width) >= _MIN_SIDE:
        return rgb, np.eye(3)
    x, y = (max(8, (_MIN_SIDE - side + 1) // 2) for side in (width, height))
    edge = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
    colour = np.median(edge, 0).tolist()
    framed = cv2.copyMakeBorder(rgb, y, y, x, x, cv2.BORDER_CONSTANT, value=colour)
    return framed, np.array([[1.0, 0, -x], [0, 1.0, -y], [0, 0, 1.0]])


def _framed(rgb: np.ndarray, quads: Quads, matrix: np.ndarray) -> tuple[np.ndarray, Quads, np.ndarray]:
    """(picture under a homography at a good size, its quadrangles, the homography back)."""
    height, width = rgb.shape[:2]
    straight = bool(np.allclose(matrix, np.eye(3)))
    moved = quads.mapped(matrix)
    x0, y0, x1, y1 = 0.0, 0.0, float(width), float(height)
    if not straight:
        corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
        flat = abs(matrix[2, 0]) + abs(matrix[2, 1]) == 0
        (x0, y0), (x1, y1) = (f(cv2.perspectiveTransform(corners, matrix)[0], 0) for f in (np.min, np.max))
        if not flat:
            em = float(np.median(moved.heights)) / BOX_OF_EM
            (a0, b0), (a1, b1) = (f(moved.corners.reshape(-1, 2), 0) for f in (np.min, np.max))
            x0, y0 = max(x0, a0 - _BESIDE * em), max(y0, b0 - _AROUND * em)
            x1, y1 = min(x1, a1 + _BESIDE * em), min(y1, b1 + _AROUND * em)
    scale = _scale(moved, x1 - x0, y1 - y0)
    size = (max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale)))
    if straight:
        zoom = np.diag([size[0] / width, size[1] / height, 1.0])
        if size != (width, height):
            kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
            rgb = cv2.resize(rgb, size, interpolation=kind)
        return rgb, quads.mapped(zoom), np.linalg.inv(zoom)
    whole = np.diag([scale, scale, 1.0]) @ np.array([[1.0, 0, -x0], [0, 1.0, -y0], [0, 0, 1.0]]) @ matrix
    return warp(rgb, whole, size), quads.mapped(whole), np.linalg.inv(whole)


def _scale(quads: Quads, width: float, height: float) -> float:
    """How much a page is enlarged or reduced so that its type has a good size."""
    scale = 1.0
    if len(quads):
        order = np.argsort(quads.heights)
        share = np.cumsum(quads.widths[order]) / quads.widths.sum()
        em = float(quads.heights[order][np.searchsorted(share, _SMALLER)]) / BOX_OF_EM
        scale = float(np.clip(scale, _SMALLEST / em, max(_LARGEST / em, 1e-3)))
        scale = min(scale, _MOST_ENLARGED)
    return min(scale, math.sqrt(MAX_PIXELS / max(width * height, 1.0)))
