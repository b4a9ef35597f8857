"""Whether something stands on a page beside what was read of it, though nobody can say what.

In: a page's picture, and the outlines of what was read. Out: whether more is left than a blank sheet shows.
Print out of focus, a photograph and a drawing are something; tinted paper, noise, light from one side, what
shines through from the back, folds, dark edges, holes, staples and specks are not. Knows no text, no layout
and no models.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from PIL import Image

# The longer side of what is looked at, in cells: lines of print come out as grey bands there.
_SIDE = 256
# Paper darker than this grey level is as good as black: nothing is darker than it.
_DARKEST_PAPER = 48.0
# Darkness as a share of the paper's: what cannot be paper (the back of a sheet shines through at 0.1 where
# its headings are, its text at 0.04), what may be, and what a body reaches to.
_SURE, _MAYBE, _BODY = 0.10, 0.04, 0.06
# So much of the page must be surely or maybe dark: one line of print out of focus is 0.002, text 0.2.
_LEAST_SURE, _LEAST_MAYBE = 0.0018, 0.08
# Bodies no larger than this, in cells, are specks; no larger than the second and this near to an edge, as a
# share of its side, they are holes and staples.
_SPECK, _HOLE, _MARGIN = 5, 14, 0.1
# What was read is grown by so many cells: print reaches beyond its box.
_GROWN = 3


def is_something_on(image: Image.Image) -> bool:
    """Whether more shows on a page of which nothing was read than on a blank sheet.

    Args:
        image: any mode; print is dark on light.
    """
    darkness = _darkness(image)
    return _counts(darkness, _without_specks(darkness))


def is_mostly_unread(image: Image.Image, read: Iterable[Sequence[tuple[float, float]]]) -> bool:
    """Whether more of a page's print lies outside of what was read than inside of it.

    Args:
        image: as for `is_something_on`.
        read: polygons (x, y) around what was read, in its pixels.
    """
    darkness = _darkness(image)
    scale = np.array([darkness.shape[1] / image.width, darkness.shape[0] / image.height])
    outlines = np.zeros(darkness.shape, np.uint8)
    for polygon in read:
        cv2.fillPoly(outlines, [np.round(np.array(polygon) * scale).astype(np.int32)], 1)
    inside = cv2.dilate(outlines, np.ones((2 * _GROWN + 1, 2 * _GROWN + 1), np.uint8))
    outside = _without_specks(darkness) & (inside == 0)
    return bool(outside.sum() > inside.sum()) and _counts(darkness, outside)


def _counts(darkness: np.ndarray, body: np.ndarray) -> bool:
    """Whether so much of a page is dark that its print, and not its paper, must be."""
    sure, maybe = ((darkness > level) & body for level in (_SURE, _MAYBE))
    return float(sure.mean()) > _LEAST_SURE or float(maybe.mean()) > _LEAST_MAYBE


def _darkness(image: Image.Image) -> np.ndarray:
    """How much darker than the paper around it each cell is, as a share of that: float32 [h, w].

    What hangs together with the picture's edges is no darker than paper: shadows, folds, the desk.
    """
    grey = np.asarray(image.convert("L"))
    shrink = max(grey.shape) / _SIDE
    size = max(1, round(grey.shape[1] / shrink)), max(1, round(grey.shape[0] / shrink))
    grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 1.0)
    paper = _filled(grey)
    return np.asarray((paper - grey) / np.maximum(paper, _DARKEST_PAPER))


def _filled(grey: np.ndarray) -> np.ndarray:
    """Greys with every dark island raised to the level of what is around it (reconstruction by erosion)."""
    out = np.full_like(grey, grey.max())
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        out[edge] = grey[edge]
    kernel = np.ones((3, 3), np.uint8)
    while True:
        lower = np.maximum(cv2.erode(out, kernel, borderType=cv2.BORDER_REPLICATE), grey)
        if np.array_equal(lower, out):
            return out
        out = lower


def _without_specks(darkness: np.ndarray) -> np.ndarray:
    """bool [h, w]: what is maybe dark, without specks, holes and staples."""
    height, width = darkness.shape
    mask = darkness > _MAYBE
    _, labels, stats, centres = cv2.connectedComponentsWithStats((darkness > _BODY).astype(np.uint8))
    for number, ((x, y), size) in enumerate(zip(centres, stats[:, 2:4].max(1).tolist(), strict=True)):
        near = min(x, width - x) < _MARGIN * width or min(y, height - y) < _MARGIN * height
        if number and (size <= _SPECK or (near and size <= _HOLE)):
            mask &= cv2.dilate((labels == number).astype(np.uint8), np.ones((7, 7), np.uint8)) == 0
    return mask
