"""Text that runs from top to bottom, made text that runs from left to right.

In: a picture and its text quadrangles. Out: whether its lines run down, and the picture a quarter turn
counter-clockwise with each sign turned back where it stands: columns from right to left become lines from top
to bottom, so places map back as those of a turned picture do. Knows nothing of ink, lines' order or models.
"""

from __future__ import annotations

import cv2
import numpy as np

from adotx.documents.layout.detect import Quads
from adotx.documents.layout.turning import turned

# A box this many times as high as wide is a piece of a line that runs down or lies on its side.
_LONG = 2.0
# Such boxes are together this many times as long as those that run across, and there is one of them at least.
_MOSTLY = 2.0
# A text box is this many times as wide as its signs.
_AROUND = 1.2
# Signs of one column lie over each other by this share of their width.
_SHARED = 0.5
# A sign is at most this many times as high as its column is wide; parts of one are nearer than that.
_SIGN = 1.05
# Print is this share of the way from the ground to what differs most from it.
_PRINT = 0.35
# Commas are smaller than this, and so far right of the middle, twice; they end so far below it. In em.
_MARK, _ASIDE, _FOOT = 0.45, 0.2, 0.45
# What a sign is cut with around it, in its column's width.
_MARGIN = 0.06


def runs_down(quads: Quads) -> bool:
    """Whether most lines of a picture run from top to bottom, or lie on their side."""
    wide, high = quads.widths, quads.heights
    down = float(high[high > _LONG * wide].sum())
    return down > 0 and down > _MOSTLY * float(wide[wide > high].sum())


def laid_across(rgb: np.ndarray, quads: Quads) -> np.ndarray:
    """The picture a quarter turn counter-clockwise, its signs upright.

    Args:
        rgb: uint8 [H, W, 3].
        quads: its text, in its pixels.
    """
    out = turned(rgb, 1)
    width = rgb.shape[1]
    for x0, y0, x1, y1 in _columns(quads, rgb.shape[:2]):
        column = rgb[y0:y1, x0:x1]
        ground = np.median(column.reshape(-1, 3), 0)
        signs = _signs(column, ground)
        out[width - x1 : width - x0, y0:y1] = ground.astype(np.uint8)
        margin = max(1, round(_MARGIN * (x1 - x0)))
        for top, low in signs:
            inside = np.abs(column[top:low].astype(np.int16) - ground.astype(np.int16)).max((0, 2))
            dark = np.flatnonzero(inside > _PRINT * inside.max())
            left, right = max(0, int(dark[0]) - margin), min(x1 - x0, int(dark[-1]) + 1 + margin)
            sign = column[max(0, top - margin) : low + margin, left:right]
            y = width - x0 - (left + right) // 2
            em = (x1 - x0) / _AROUND
            # Commas and full stops hang at the right: they stand on the line then.
            if max(low - top, right - left) < _MARK * em and left + right > x1 - x0 + _ASIDE * em:
                y = round(width - (x0 + x1) / 2 + _FOOT * em) - sign.shape[0] // 2
            _put(out, sign, (y0 + (top + low) // 2, y))
    return out


def _put(out: np.ndarray, sign: np.ndarray, middle: tuple[int, int]) -> None:
    """Paste a sign with its middle at (x, y), in place; what would leave the picture is lost."""
    high, wide = sign.shape[:2]
    x, y = middle[0] - wide // 2, middle[1] - high // 2
    left, top = max(0, -x), max(0, -y)
    area = out[y + top : y + high, x + left : x + wide]
    area[:] = sign[top : top + area.shape[0], left : left + area.shape[1]]


def _columns(quads: Quads, shape: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Boxes (x0, y0, x1, y1) of columns: pieces that stand under each other, and single signs among them."""
    height, width = shape
    low, high = quads.corners.min(1), quads.corners.max(1)
    boxes = np.concatenate([low, high], 1)
    columns: list[np.ndarray] = []
    for box in boxes[np.argsort(-(boxes[:, 3] - boxes[:, 1]))]:
        for column in columns:
            common = min(box[2], column[2]) - max(box[0], column[0])
            if common > _SHARED * min(box[2] - box[0], column[2] - column[0]):
                column[:2], column[2:] = np.minimum(column[:2], box[:2]), np.maximum(column[2:], box[2:])
                break
        else:
            columns.append(box.copy())
    limits = np.array([width, height, width, height])
    return [tuple(np.clip(np.round(column), 0, limits).astype(int).tolist()) for column in columns]


def _signs(column: np.ndarray, ground: np.ndarray) -> list[tuple[int, int]]:
    """(top, low) of each sign of a column uint8 [H, W, 3], from top to bottom."""
    other = np.abs(column.astype(np.int16) - ground.astype(np.int16)).max(2).astype(np.uint8)
    other = cv2.GaussianBlur(other, (0, 0), 0.8)
    rows = np.flatnonzero(other.max(1) > _PRINT * float(np.percentile(other, 99.5)))
    if not len(rows):
        return []
    ends = np.flatnonzero(np.diff(rows) > 1)
    parts = list(zip(rows[np.r_[0, ends + 1]].tolist(), (rows[np.r_[ends, -1]] + 1).tolist(), strict=True))
    most = _SIGN * column.shape[1] / _AROUND
    signs = [parts[0]]
    for top, low in parts[1:]:
        if low - signs[-1][0] <= most:
            signs[-1] = signs[-1][0], low
        else:
            signs.append((top, low))
    return signs
