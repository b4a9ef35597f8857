"""Watermarks out of a page: large letters of one pale tone behind its print.

In: uint8 [H, W, 3] as it was opened. Out: the same with a watermark made paper and the print over it left. A
watermark is told from tinted cells and pale titles by the print: letters lie across the watermark's edges.
Knows no text boxes and no models.
"""

from __future__ import annotations

import cv2
import numpy as np

# The longer side of what is looked at, in pixels: strokes of print are 1 to 4 wide there.
_SIDE = 880
# Strokes of print are narrower than the first, those of watermarks wider than the second, and narrower than
# the third, as are the gaps in them.
_PRINT, _STROKE, _WIDEST = 5, 5, 81
# A watermark's tone as a share of the paper's (paler ones harm nothing), how far its pixels are from it, and
# how much of the page it covers: at least, at most.
_DARKEST, _LIGHTEST, _EVEN, _LEAST, _MOST = 0.5, 0.9, 0.03, 0.004, 0.2
# It is a tone, not the flank of the paper's, where so many times fewer pixels are so far from it, in
# hundredths.
_PEAK, _BESIDE = 2.0, 5
# Darker pages, by their median grey level, have light print.
_DARK_PAGE = 128
# Print is darker than the watermark by this share of the paper's tone.
_DARKER = 0.1
# Letters are no larger than this, in pixels, nor their area less; so much of one lies on either side of
# the edge. So many lie across it.
_LETTER, _SPECK, _SIDE_SHARE, _ENOUGH = 60, 4, 0.15, 6
# So many times it is grown from its broad strokes into their corners, no narrower than so many pixels.
_CORNERS, _NARROW = 12, 3
# No channel of it is made lighter than by this.
_FAINTEST = 0.3
# Around a watermark, in pixels: its edges are softened.
_SOFT = 2


def without_watermark(rgb: np.ndarray) -> np.ndarray:
    """A page without its watermark; the same array where it has none."""
    height, width = rgb.shape[:2]
    shrink = max(1.0, max(height, width) / _SIDE)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    if np.median(grey) < _DARK_PAGE:
        return rgb
    paper = _closed(grey, _WIDEST)
    share = grey / np.maximum(paper, 1).astype(np.float32)
    ground = _closed(share, _PRINT)
    mask, tone = _of_one_tone(share, ground)
    if not tone or _letters_across(share < tone - _DARKER, mask, ground > (1 + tone) / 2) < _ENOUGH:
        return rgb
    kernel = np.ones((2 * _SOFT + 1, 2 * _SOFT + 1), np.uint8)
    whole = cv2.resize(cv2.dilate(mask.astype(np.uint8), kernel), (width, height)) > 0
    papers = _closed(small, _WIDEST)
    # Each channel has a tone of its own.
    tones = np.median(_closed(small, _PRINT)[mask], 0) / np.maximum(np.median(papers[mask], 0), 1)
    lightest = np.maximum(cv2.resize(papers, (width, height))[whole], rgb[whole])
    out = rgb.copy()
    out[whole] = np.minimum(rgb[whole] / np.clip(tones, _FAINTEST, 1), lightest).astype(np.uint8)
    return out


def _closed(values: np.ndarray, reach: int) -> np.ndarray:
    """Without dark things narrower than `reach` pixels."""
    kernel = np.ones((reach, reach), np.uint8)
    return np.asarray(cv2.morphologyEx(values, cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REPLICATE))


def _of_one_tone(share: np.ndarray, ground: np.ndarray) -> tuple[np.ndarray, float]:
    """Strokes of the tone that most of what is neither paper nor print has.

    Args:
        share: float32 [h, w], of the paper's lightness.
        ground: the same without print.

    Returns:
        (bool [h, w], the tone; 0 where there are no such strokes).
    """
    steps = np.convolve(np.histogram(ground, bins=100, range=(0.0, 1.0))[0], np.ones(3), "same")
    first = round(100 * _DARKEST)
    best = first + int(steps[first : round(100 * _LIGHTEST)].argmax())
    tone = (best + 0.5) / 100
    if steps[best] < _PEAK * max(steps[best - _BESIDE], steps[best + _BESIDE]):
        return np.zeros(share.shape, bool), 0.0
    broad, narrow = (np.ones((size, size), np.uint8) for size in (_STROKE, _NARROW))
    even, shown = ((np.abs(values - tone) < _EVEN).astype(np.uint8) for values in (ground, share))
    # Without print its ends and corners are gone too.
    within = cv2.bitwise_or(even, cv2.morphologyEx(shown, cv2.MORPH_OPEN, narrow))
    mask = cv2.erode(even, broad)
    for _ in range(_CORNERS):
        mask = cv2.bitwise_and(cv2.dilate(mask, broad), within)
    found = mask > 0
    return found, tone if _LEAST < float(found.mean()) < _MOST else 0.0


def _letters_across(dark: np.ndarray, mask: np.ndarray, paper: np.ndarray) -> int:
    """How many letters lie partly on a mask and partly on paper."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(dark.astype(np.uint8))
    letter = (stats[:, 2:4].max(1) <= _LETTER) & (stats[:, 4] >= _SPECK)
    letter[0] = False
    for ground in (mask, paper):
        on_it = np.bincount(labels[ground], minlength=len(stats))
        letter &= on_it > _SIDE_SHARE * stats[:, 4]
    return int(letter.sum())
