"""The ink of text, out of all ink of a page.

In: an ink mask without rulings, and the text boxes. Out: the mask without textures, specks, dashed rules and
whatever else stands outside of text boxes. Knows nothing of lines, text or models.
"""

from __future__ import annotations

import cv2
import numpy as np

from adotx.documents.layout.sheet import BOX_OF_EM

# How far a text box's ink reaches beyond it above and below; how far a list mark may stand before it and a
# closing mark behind it, in em of the box; how large such marks are, and their least area in square em.
_ABOVE, _BEFORE, _BEHIND = 0.12, 1.8, 0.6
_LARGEST_MARK, _LEAST_MARK = 1.15, 0.01
# Heights of figures that have no text box, in em, and how far from where so many others end they may end.
_FIGURE, _FLUSH, _FLUSH_BOXES = (0.5, 1.1), 0.35, 2
# The least area of a full stop, in square em of the smaller of its box and the page.
_LEAST_DOT = 0.004
# Dashes of dashed rules are at most this high, in em.
_DASH = 0.32


def labelled(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(labels [H, W], boxes int [n, 4] of (x0, y0, x1, y1), areas [n]) of what hangs together."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    stats = stats[1:].astype(np.int64)
    boxes = np.concatenate([stats[:, :2], stats[:, :2] + stats[:, 2:4]], 1)
    return labels, boxes, stats[:, 4]


def text_ink(ink: np.ndarray, boxes: np.ndarray, em: float) -> np.ndarray:
    """The ink of text: what lies in text boxes, and what may be marks before and behind their lines.

    Args:
        ink: bool [H, W] without rulings.
        boxes: int64 [n, 4], of text.
        em: rough pixels per em.
    """
    core, reach = np.zeros(ink.shape, np.uint8), np.zeros(ink.shape, np.float32)
    for x0, y0, x1, y1 in boxes[np.argsort(boxes[:, 3] - boxes[:, 1])].tolist():
        size = (y1 - y0) / BOX_OF_EM
        grow, before, behind = round(_ABOVE * size), round(_BEFORE * size), round(_BEHIND * size)
        top, low = max(0, y0 - grow), y1 + grow
        core[top:low, max(0, x0 - grow) : x1 + grow] = 1
        reach[top:low, max(0, x0 - before) : x1 + behind] = size
    labels, found, _ = labelled(ink)
    dashes = _dashes(found, em)
    if dashes.any():
        ink = ink & ~np.concatenate([[False], dashes])[labels]
    del labels  # as large as all else here together
    for x0, y0, x1, y1 in _lone_figures(ink & (reach == 0), boxes, em):
        core[y0:y1, x0:x1], reach[y0:y1, x0:x1] = 1, em
    labels, found, area = labelled(ink & (reach > 0))
    if not len(found):
        return np.zeros_like(ink)
    x0, y0, x1, y1 = found.T
    high, wide = y1 - y0, x1 - x0
    sums = cv2.integral(core)
    inside = (sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]) / (high * wide) > 0.5
    size = reach[(y0 + y1) // 2, (x0 + x1) // 2]
    mark = (np.maximum(high, wide) < _LARGEST_MARK * size) & (area >= _LEAST_MARK * size * size)
    drop = ~(inside | mark)
    # A full stop of small print is a speck in the print around it.
    drop |= area < np.maximum(2.0, _LEAST_DOT * np.minimum(em, size) ** 2)
    return np.concatenate([[False], ~drop])[labels]


def _lone_figures(ink: np.ndarray, boxes: np.ndarray, em: float) -> list[tuple[int, int, int, int]]:
    """Boxes of figures that have no text box: a 1 behind a row of dots is easily passed over. They stand in a
    line with one and end where at least two end."""
    if len(boxes) < _FLUSH_BOXES:
        return []
    _, found, _ = labelled(ink)
    x0, y0, x1, y1 = found.T
    high = y1 - y0
    letters = (high >= _FIGURE[0] * em) & (high <= _FIGURE[1] * em) & (x1 - x0 <= _FIGURE[1] * em)
    out: list[tuple[int, int, int, int]] = []
    for left, top, right, low in found[letters].tolist():
        middle = (top + low) / 2
        same_line = (boxes[:, 1] < middle) & (boxes[:, 3] > middle) & (boxes[:, 2] < left)
        flush = (np.abs(boxes[:, 2] - right) < _FLUSH * em) & ((boxes[:, 3] < top) | (boxes[:, 1] > low))
        if same_line.any() and flush.sum() >= _FLUSH_BOXES:
            out.append((left, top, right, low))
    return out


def _dashes(boxes: np.ndarray, em: float) -> np.ndarray:
    """Which components are dashes of a dashed rule: flat, alike, ten or more in one row."""
    x0, y0, x1, y1 = boxes.T
    flat = (y1 - y0 <= max(3, _DASH * em)) & (x1 - x0 <= 0.8 * em)
    drop = np.zeros(len(boxes), bool)
    rows = (y0 + y1) // 2
    for row in np.unique(rows[flat]):
        group = np.flatnonzero(flat & (np.abs(rows - row) <= 1))
        if len(group) < 10:
            continue
        starts = np.sort(x0[group])
        steps = np.diff(starts)
        if np.median(steps) < 1.2 * em and np.mean(np.abs(steps - np.median(steps)) <= 2) > 0.75:
            drop[group] = True
    return drop
