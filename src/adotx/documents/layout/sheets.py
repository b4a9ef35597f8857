"""Several sheets of paper in one picture: receipts on a desk, the two pages of an open book.

In: an image as it was opened. Out: a `Part` for each sheet, in reading order; most images are one. Sheets on
something darker are told by their paper; the pages of a book by the shadow between them and lines that run
in two directions. Screens have panels as light as paper on dark as flat as no photograph's. Knows nothing of
ink, lines' order or models.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from adotx.documents.layout.detect import Quads, detect

# The longer side of what is looked at, in pixels, and how wide dark print is at most in it.
_SIDE, _PRINT = 400, 13
# Paper and what lies around it differ by so many grey levels, which explains this share of the variance.
_APART, _TWO_TONES = 45.0, 0.7
# What lies around is not flat: its pixels differ from those beside them by so many grey levels on the
# average, where edges count for no more than the second.
_TEXTURE, _STEP = 0.6, 8
# A sheet takes this share of the picture, fills this share of the rectangle around it, and has so many lines.
_LEAST, _FILLED, _LINES = 0.05, 0.82, 3
# So much of the text may stand elsewhere.
_ELSEWHERE = 0.1
# Around a sheet, in its longer side: its edges tell how it lies.
_AROUND = 0.02
# A book's pages meet in the middle part of a picture wider than high, where it is darker than beside it.
# Paper is this per cent of a column's pixels, from the darkest.
_WIDER, _MIDDLE, _SHADOW, _PAPER = 1.15, (0.35, 0.65), 0.93, 75
# Lines this many times as wide as high have a direction; those of two pages differ by so much (tangent: one
# degree), and on each side so many have one.
_LONG, _BENT, _ENOUGH = 4.0, 0.0175, 5


@dataclass(frozen=True)
class Part:
    """One sheet: the image with all else painted over, and where its upper left corner lies in the whole."""

    image: Image.Image
    at: tuple[int, int] = (0, 0)


def sheets_in(image: Image.Image) -> list[Part]:
    """The sheets of an image, RGB."""
    rgb = np.asarray(image)
    masks = _on_a_desk(rgb) or _of_a_book(rgb)
    if len(masks) < 2:
        return [Part(image)]
    parts = [_part(rgb, mask) for mask in masks]
    for part in parts:
        part.image.info.update(image.info)  # its resolution
    return parts


def _reduced(rgb: np.ndarray) -> np.ndarray:
    """uint8 [h, w], small."""
    shrink = max(rgb.shape[:2]) / _SIDE
    size = max(1, round(rgb.shape[1] / shrink)), max(1, round(rgb.shape[0] / shrink))
    return cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)


def _on_a_desk(rgb: np.ndarray) -> list[np.ndarray]:
    """Masks uint8 [h, w] of the sheets that lie apart on something darker."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_PRINT, _PRINT))
    small = cv2.morphologyEx(_reduced(rgb), cv2.MORPH_CLOSE, kernel, borderType=cv2.BORDER_REPLICATE)
    _, bright = cv2.threshold(small, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    share = float(bright.mean())
    if not 0 < share < 1:
        return []
    apart = float(small[bright > 0].mean()) - float(small[bright == 0].mean())
    if apart < _APART or share * (1 - share) * apart * apart < _TWO_TONES * float(small.var()):
        return []
    bright = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(bright, connectivity=4)
    found = [
        (labels == n).astype(np.uint8)
        for n in range(1, len(stats))
        if stats[n, cv2.CC_STAT_AREA] > _LEAST * small.size and _is_sheet(labels == n)
    ]
    if len(found) < 2 or not _is_photograph(rgb, bright == 0):
        return []
    quads = detect(rgb)
    return _in_order(found) if _hold_text(found, quads, rgb.shape[1] / small.shape[1]) else []


def _is_sheet(mask: np.ndarray) -> bool:
    """Whether a shape is about a rectangle, whichever way it lies."""
    outline = max(
        cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0],
        key=cv2.contourArea,
    )
    wide, high = cv2.minAreaRect(outline)[1]
    return cv2.contourArea(outline) > _FILLED * wide * high


def _is_photograph(rgb: np.ndarray, dark: np.ndarray) -> bool:
    """Whether what lies around the sheets, a mask [h, w], has a texture."""
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    around = cv2.erode(dark.astype(np.uint8), np.ones((5, 5), np.uint8))
    around = cv2.resize(around, gray.shape[::-1], interpolation=cv2.INTER_NEAREST)[:, 1:] > 0
    steps = np.abs(np.diff(gray.astype(np.int16), axis=1))[around]
    return len(steps) > 0 and float(np.minimum(steps, _STEP).mean()) > _TEXTURE


def _hold_text(masks: list[np.ndarray], quads: Quads, shrink: float) -> bool:
    """Whether all masks have lines of text and next to none stand elsewhere."""
    if not len(quads):
        return False
    height, width = masks[0].shape
    x, y = (quads.corners.mean(1) / shrink).astype(int).T
    x, y = x.clip(0, width - 1), y.clip(0, height - 1)
    counts = [int(mask[y, x].sum()) for mask in masks]
    return min(counts) >= _LINES and sum(counts) > (1 - _ELSEWHERE) * len(quads)


def _in_order(masks: list[np.ndarray]) -> list[np.ndarray]:
    """Rows of sheets from top to bottom, each from left to right."""
    boxes = [cv2.boundingRect(mask) for mask in masks]
    rows: list[list[int]] = []
    for number in sorted(range(len(masks)), key=lambda n: boxes[n][1]):
        _, y, _, h = boxes[number]
        for row in rows:
            _, top, _, high = boxes[row[0]]
            if min(y + h, top + high) - max(y, top) > 0.5 * min(h, high):
                row.append(number)
                break
        else:
            rows.append([number])
    return [masks[n] for row in rows for n in sorted(row, key=lambda n: boxes[n][0])]


def _of_a_book(rgb: np.ndarray) -> list[np.ndarray]:
    """Masks of the left and the right page of an open book whose lines run in two directions."""
    height, width = rgb.shape[:2]
    if width < _WIDER * height:
        return []
    small = _reduced(rgb)
    levels = np.percentile(small, _PAPER, axis=0)
    first, last = (round(share * len(levels)) for share in _MIDDLE)
    fold = first + int(np.argmin(levels[first:last]))
    beside = min(float(np.median(levels[:first])), float(np.median(levels[last:])))
    if levels[fold] > _SHADOW * beside:
        return []
    quads = detect(rgb)
    x = (fold + 0.5) * width / len(levels)
    across = (quads.corners[..., 0].min(1) < x) & (quads.corners[..., 0].max(1) > x)
    if not len(quads) or across.mean() > _ELSEWHERE:
        return []
    long = quads.widths > _LONG * quads.heights
    step = quads.corners[:, 1] - quads.corners[:, 0]
    slopes = step[:, 1] / np.maximum(step[:, 0], 1.0)
    left = long & (quads.corners[..., 0].mean(1) < x)
    right = long & ~left
    if min(left.sum(), right.sum()) < _ENOUGH:
        return []
    if abs(float(np.median(slopes[left])) - float(np.median(slopes[right]))) < _BENT:
        return []
    masks = [np.zeros(small.shape, np.uint8), np.zeros(small.shape, np.uint8)]
    masks[0][:, :fold], masks[1][:, fold:] = 1, 1
    return masks


def _part(rgb: np.ndarray, mask: np.ndarray) -> Part:
    """A sheet cut out with a little of what lies around it; other sheets are painted over."""
    reach = 2 * max(1, round(_AROUND * max(cv2.boundingRect(mask)[2:]))) + 1
    wide = cv2.dilate(mask, np.ones((reach, reach), np.uint8))
    x, y, w, h = cv2.boundingRect(wide)
    scale = rgb.shape[1] / mask.shape[1], rgb.shape[0] / mask.shape[0]
    x0, y0 = round(x * scale[0]), round(y * scale[1])
    x1, y1 = round((x + w) * scale[0]), round((y + h) * scale[1])
    out = rgb[y0:y1, x0:x1].copy()
    inside = cv2.resize(wide[y : y + h, x : x + w], out.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    if not inside.all():
        out[~inside] = np.median(rgb[y0:y1, x0:x1][~inside], 0)
    return Part(Image.fromarray(out), (x0, y0))
