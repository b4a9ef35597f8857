"""Coloured seals: what they print is not the page's text, what is under them is.

In: a page's colours and its text boxes. Out: its greys with the seals made paper. A seal is a coloured
outline around paper, not much longer than wide, some lines of type large. Knows nothing of ink or lines.
"""

from __future__ import annotations

import cv2
import numpy as np

# Channels that differ by more than this many grey levels are a colour.
_COLOURED = 60
# How large a seal is, in em of the page's type, and how many times as long as wide at most.
_SMALLEST, _LARGEST, _LONGEST = 2.0, 8.0, 1.6
# Gaps in a worn outline, or where print crosses it, that are closed, in em.
_GAP = 0.75
# An outline fills this share of its convex hull; letters of a coloured word do not.
_CLOSED = 0.85
# So much of what is inside is paper: as light as this share of what is around. A coloured panel has less.
_PAPER, _AS_LIGHT = 0.4, 0.8
# A text box as high as this share of a coloured shape, this many times as long and as coloured elsewhere says
# that it is a letter.
_AS_HIGH, _AS_LONG, _AS_COLOURED = 0.6, 1.25, 0.05


def without_seals(gray: np.ndarray, rgb: np.ndarray, boxes: np.ndarray, em: float) -> np.ndarray:
    """A page's greys with coloured seals made paper: print under them is dark in every colour, their own ink
    is not.

    Args:
        gray, rgb: uint8 [H, W] and [H, W, 3].
        boxes: int64 [n, 4], of text.
        em: pixels per em of most of the text.
    """
    step = max(1, round(em / 8))
    size = max(1, gray.shape[1] // step), max(1, gray.shape[0] // step)
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    coloured = (_colour(small) > _COLOURED).astype(np.uint8)
    if not coloured.any():
        return gray
    reach = round(_GAP * em / step) | 1
    joined = cv2.morphologyEx(coloured, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    lightness = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    out = gray
    for outline in cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
        box = np.array(cv2.boundingRect(outline))
        short, long = sorted(box[2:] * step / em)
        if short < _SMALLEST or long > _LARGEST or long > _LONGEST * short:
            continue
        if not _is_outline(outline, lightness, coloured) or _is_letter(box, boxes // step, coloured):
            continue
        if out is gray:
            out = gray.copy()
        x, y, w, h = box.tolist()
        area = np.s_[max(0, (y - 1) * step) : (y + h + 1) * step, max(0, (x - 1) * step) : (x + w + 1) * step]
        _bleach(out[area], rgb[area])
    return out


def _colour(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(rgb.max(2) - rgb.min(2))


def _is_outline(outline: np.ndarray, lightness: np.ndarray, coloured: np.ndarray) -> bool:
    """Whether a contour is closed and has paper in it."""
    hull = cv2.convexHull(outline)
    if cv2.contourArea(outline) < _CLOSED * cv2.contourArea(hull):
        return False
    x, y, w, h = cv2.boundingRect(outline)
    inside = np.zeros((h, w), np.uint8)
    cv2.drawContours(inside, [hull], -1, 1, cv2.FILLED, offset=(-x, -y))
    beside = max(2, w // 8)
    top, left = max(0, y - beside), max(0, x - beside)
    area = np.s_[top : y + h + beside, left : x + w + beside]
    around = np.ones(lightness[area].shape, bool)
    around[y - top : y - top + h, x - left : x - left + w] = inside == 0
    around &= coloured[area] == 0
    if not around.any():
        return False
    paper = lightness[y : y + h, x : x + w] >= _AS_LIGHT * float(np.median(lightness[area][around]))
    return float((paper & (coloured[y : y + h, x : x + w] == 0))[inside > 0].mean()) > _PAPER


def _is_letter(shape: np.ndarray, boxes: np.ndarray, coloured: np.ndarray) -> bool:
    """Whether a shape (x, y, width, height) is a letter, or some, of a line of large coloured type."""
    x, y, w, h = shape.tolist()
    wide, high = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    common = np.minimum(boxes[:, 3], y + h) - np.maximum(boxes[:, 1], y)
    holds = (boxes[:, 0] < x + w / 2) & (x + w / 2 < boxes[:, 2]) & (common > _AS_HIGH * h)
    around = holds & (common > _AS_HIGH * high) & (wide > _AS_LONG * w)
    # A seal stands over a black line as well.
    for x0, y0, x1, y1 in boxes[around].tolist():
        beside = (coloured[y0:y1, x0 : max(x0, x)], coloured[y0:y1, x + w : max(x1, x + w)])
        if np.concatenate([part.ravel() for part in beside]).mean() > _AS_COLOURED:
            return True
    return False


def _bleach(gray: np.ndarray, rgb: np.ndarray) -> None:
    """Make what is coloured paper, in place."""
    brightest = rgb.max(2)
    seal = _colour(rgb) > _COLOURED
    if seal.any():
        # Black print is dark in the seal's own channel too, and stays so.
        level = max(float(np.percentile(brightest[seal], 30)), 1.0)
        np.maximum(gray, np.minimum(brightest * (255 / level), 255).astype(np.uint8), out=gray)
