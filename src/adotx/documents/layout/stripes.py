"""Stripes that a scanner or copier draws from edge to edge: dust on its glass, a worn drum.

In: a picture as it came, before it is turned by any degree. Out: the same with the paper of each column, and
each row, as light as that beside it; print that a stripe crosses comes back with the paper. Knows nothing of
text, ink or lines.
"""

from __future__ import annotations

import cv2
import numpy as np

# So many rows show what a column has in common, and this share of them at each end: rules and panels end
# before the sheet does.
_ROWS, _ENDS = 400, 0.02
# Paper is as light as this per cent of a column.
_PAPER = 70
# What is narrower than this share of the picture is a stripe.
_WIDEST = 0.05
# How much darker than beside it a stripe is, one at least, and by how much its ends are, of that.
_DARKER, _SEEN, _AT_ENDS = 0.012, 0.04, 0.4
# What is darker than this share of the paper hides what is under it.
_DARKEST = 0.5
# Smaller pictures hold no sheet.
_SMALLEST = 64


def without_stripes(rgb: np.ndarray) -> np.ndarray:
    """A picture uint8 [H, W, 3] without stripes; the same array where there are none."""
    if min(rgb.shape[:2]) < _SMALLEST:
        return rgb
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    down, across = _factors(gray), _factors(gray.T)
    if down is None and across is None:
        return rgb
    out = rgb.astype(np.float32)
    if down is not None:
        out /= down[None, :, None]
    if across is not None:
        out /= across[:, None, None]
    return np.clip(out, 0, 255).astype(np.uint8)


def _factors(gray: np.ndarray) -> np.ndarray | None:
    """How light each column's paper is, as a share of that beside it: float32 [W]; None without stripes."""
    rows = gray[:: max(1, len(gray) // _ROWS)]
    ends = max(2, round(_ENDS * len(rows)))
    light, top, low = (_lightness(part) for part in (rows, rows[:ends], rows[-ends:]))
    stripe = (light < 1 - _DARKER) & (light > _DARKEST)
    stripe &= np.maximum(top, low) < 1 - _AT_ENDS * (1 - light)
    if not stripe.any() or float(light[stripe].min()) > 1 - _SEEN:
        return None
    return np.where(stripe, light, 1.0).astype(np.float32)


def _lightness(rows: np.ndarray) -> np.ndarray:
    """Of each column's paper as a share of that beside it: float32 [W], 1 at most."""
    paper = np.percentile(rows, _PAPER, axis=0).astype(np.float32)[None, :]
    reach = max(3, round(_WIDEST * paper.shape[1])) | 1
    beside = cv2.morphologyEx(
        paper, cv2.MORPH_CLOSE, np.ones((1, reach), np.uint8), borderType=cv2.BORDER_REPLICATE
    )
    return (paper / np.maximum(beside, 1.0))[0]
