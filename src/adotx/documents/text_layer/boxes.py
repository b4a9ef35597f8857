"""Boxes and circles to be ticked that are drawn rather than written, as browsers draw those of a form.

In: a grey picture of what a page has beside its text. Out: where they are, and whether they are ticked. Knows
no text: whether one stands before a line is asked elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

# Sides in em, how unequal they may be, and grey levels that a side is darker by than the paper.
_SIDES, _UNEQUAL, _DARKER = (0.42, 1.3), 0.15, 40
# Smaller circles are bullets.
_CIRCLE = 0.64
# Strokes as a share of the side, how much of a side is drawn, and the corners that a circle leaves free.
_STROKE, _DRAWN, _CORNER = 0.14, 0.88, 0.1
# Of the inside: what an empty one has less of, and a full square or disc more.
_EMPTY, _FULL = 0.03, 0.97
# A page with more marks of this size is a drawing.
_MOST = 1500


@dataclass(frozen=True)
class DrawnBox:
    """(x0, y0, x1, y1) in pixels; whether there is a mark in it."""

    box: tuple[int, int, int, int]
    on: bool


def drawn_boxes(rest: np.ndarray, em: float) -> list[DrawnBox]:
    """The boxes and circles of a picture uint8 [H, W] in which text is `em` pixels high."""
    low, high = _SIDES[0] * em, _SIDES[1] * em
    reach = 2 * int(high / 2) + 5  # larger than a box: what is smaller vanishes when closed
    paper = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    dark = (cv2.subtract(paper, rest) > _DARKER).view(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    wide, tall = stats[1:, cv2.CC_STAT_WIDTH], stats[1:, cv2.CC_STAT_HEIGHT]
    sized = (np.minimum(wide, tall) >= low) & (np.maximum(wide, tall) <= high)
    sized &= np.abs(wide - tall) <= _UNEQUAL * np.maximum(wide, tall) + 1
    found = stats[1:][sized]
    if len(found) > _MOST:
        return []
    boxes = (_box(dark[y : y + h, x : x + w] > 0, x, y, _CIRCLE * em) for x, y, w, h, _ in found.tolist())
    return [box for box in boxes if box is not None]


def _box(dark: np.ndarray, x: int, y: int, circle: float) -> DrawnBox | None:
    high, wide = dark.shape
    box = (x, y, x + wide, y + high)
    stroke, corner = max(2, round(_STROKE * wide)), max(1, round(_CORNER * wide))
    ends = (slice(0, corner), slice(-corner, None))
    corners = sum(bool(dark[a, b].any()) for a in ends for b in ends)
    inside = _middle(dark, 0.25)
    if corners >= 3:
        middle = slice(round(0.15 * wide), round(0.85 * wide))
        sides = [side[:stroke, middle].any(0).mean() for side in (dark, dark[::-1], dark.T, dark.T[::-1])]
        if min(sides) < _DRAWN or inside.mean() > _FULL:
            return None
        return DrawnBox(box, bool(inside.mean() > _EMPTY))
    if corners or wide < circle or _ring(dark) < _DRAWN:
        return None
    middle_share = float(_middle(dark, 0.4).mean())
    gap = 0.85 * (np.pi / 4) > dark.mean()  # of a dot in a ring, paper is seen between both
    if middle_share <= _EMPTY:
        return DrawnBox(box, False)
    return DrawnBox(box, True) if middle_share > 0.8 and gap else None


def _middle(dark: np.ndarray, margin: float) -> np.ndarray:
    high, wide = dark.shape
    y, x = round(margin * high), round(margin * wide)
    return dark[y : high - y, x : wide - x]


def _ring(dark: np.ndarray) -> float:
    """How much of the circle that a picture holds is drawn."""
    high, wide = dark.shape
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    seen = np.zeros(len(angles), bool)
    for inset in (0.02, 0.06, 0.1, 0.14):
        rows = ((0.5 - inset) * np.sin(angles) + 0.5) * (high - 1)
        columns = ((0.5 - inset) * np.cos(angles) + 0.5) * (wide - 1)
        seen |= dark[np.round(rows).astype(int), np.round(columns).astype(int)]
    return float(seen.mean())
