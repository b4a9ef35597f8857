"""Pictures, diagrams and codes on a page.

In: a `Sheet` and its `CleanPage`. Out: boxes of figures, and which text boxes in them are none. Where a page
has nothing but text and lines no model is asked. The layout model calls signs and screens figures, too, so a
box full of text is none, and no print is ever thrown away for its verdict. It knows no QR codes, for which
OpenCV has a detector. Knows nothing of lines or order.
"""

from __future__ import annotations

import cv2
import numpy as np

from adotx.documents.layout.clean import Box, CleanPage
from adotx.documents.layout.networks import page_parts
from adotx.documents.layout.sheet import Sheet

# How sure the model must be; the largest share of the page, and of it that text may cover.
_SURE, _LARGEST, _MOST_TEXT = 0.6, 0.6, 0.25
# Outside of text boxes what differs so much from the paper, in grey levels of any channel, may be of a
# picture if it is so many em large and fills this share of its box; ruling lines fill less.
_OTHER, _SMALLEST, _FILLED = 20, 2.0, 0.15
# Of a picture so much has another colour than most of it.
_COLOURFUL = 0.06
# A page is looked at in squares of so many em; text boxes are that much larger than the detector has them.
_SQUARE, _GROW = 0.5, 0.5
# More lines of print than this are no labels of a picture.
_LABELS = 4
# The detector sees letters in pictures, huge ones in em too. Print has two tones, which explain this share of
# its variance.
_HUGE, _TWO_TONES = 4.0, 0.75
# Sides of a code, at most, and how unequal they are.
_CODE, _UNEQUAL = 24.0, 1.3


def find_figures(sheet: Sheet, page: CleanPage, em: float) -> tuple[list[Box], set[int]]:
    """Pictures, diagrams and codes.

    Args:
        sheet, page: before and after cleaning.
        em: pixels per em.

    Returns:
        (their boxes in pixels of the page, the places of those of its text boxes that stand in them and are
        no print).
    """
    boxes: list[Box] = [(x0, y0, x1, y1) for x0, y0, x1, y1 in page.boxes.tolist()]
    is_text = [box[3] - box[1] < _HUGE * em or _is_print(sheet.rgb, box) for box in boxes]
    squares = _Squares(sheet.rgb, page.boxes[is_text], em)
    candidates = squares.candidates()
    if not candidates:
        return [], set()
    prints = [_is_print(sheet.rgb, box) for box in boxes]
    printed = [box for box, is_print in zip(boxes, prints, strict=True) if is_print]

    def is_labelled(box: Box) -> bool:
        """Whether so little is printed in it as in pictures."""
        return sum(_holds(box, each) for each in printed) <= _LABELS

    candidates = [box for box in candidates if is_labelled(box)]
    if not candidates:
        return [], set()
    found = [_inside(part.box, page) for part in page_parts(sheet.rgb, _SURE) if part.kind == "figure"]
    figures = [
        box
        for box in found
        if is_labelled(box) and squares.is_picture(box, [each for each in candidates if _holds(box, each)])
    ]
    codes = [box for box in candidates if not any(_holds(other, box) for other in figures)]
    figures += [box for box in codes if _is_code(sheet.rgb, box, em)]
    inside = [n for n, box in enumerate(boxes) if any(_holds(figure, box) for figure in figures)]
    return figures, {n for n in inside if not prints[n]}


def _is_print(rgb: np.ndarray, box: Box) -> bool:
    """Whether the middle of a box has the two tones of print and ground; its rim may be of the paper."""
    x0, y0, x1, y1 = box
    x, y = (x1 - x0) // 6, (y1 - y0) // 6
    gray = cv2.cvtColor(np.ascontiguousarray(rgb[y0 + y : y1 - y, x0 + x : x1 - x]), cv2.COLOR_RGB2GRAY)
    level, _ = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    above = gray > level
    share, variance = float(above.mean()), float(gray.var())
    if not 0 < share < 1 or variance == 0:
        return False
    apart = float(gray[above].mean()) - float(gray[~above].mean())
    return share * (1 - share) * apart * apart > _TWO_TONES * variance


class _Squares:
    """A page in squares of half an em.

    Args:
        rgb: uint8 [H, W, 3].
        boxes: int64 [n, 4], of text.
        em: pixels per em.
    """

    def __init__(self, rgb: np.ndarray, boxes: np.ndarray, em: float) -> None:
        self._em, self._step = em, max(1, round(_SQUARE * em))
        self._shape = rgb.shape[:2]
        size = -(-rgb.shape[1] // self._step), -(-rgb.shape[0] // self._step)
        self._colours = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.int16)
        # Text boxes as they are, and with what stands around them.
        self._text, self._near = np.zeros(size[::-1], bool), np.zeros(size[::-1], bool)
        for box in boxes:
            for mask, grow in ((self._text, 0), (self._near, round(_GROW * em))):
                mask[self._at((*(box[:2] - grow).clip(0), *(box[2:] + grow)))] = True

    def _at(self, box: Box) -> tuple[slice, slice]:
        """The squares that a box touches."""
        x0, y0, x1, y1 = box
        step = self._step
        return slice(y0 // step, -(-y1 // step)), slice(x0 // step, -(-x1 // step))

    def candidates(self) -> list[Box]:
        """What is no paper and no text, as boxes."""
        paper = np.median(self._colours.reshape(-1, 3), 0)
        other = (np.abs(self._colours - paper).max(2) > _OTHER) & ~self._near
        joined = cv2.morphologyEx(other.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        step, (height, width) = self._step, self._shape
        return [
            (x * step, y * step, min((x + w) * step, width), min((y + h) * step, height))
            for x, y, w, h, area in stats[1:].tolist()
            if min(w, h) * step >= _SMALLEST * self._em and area >= _FILLED * w * h
        ]

    def is_picture(self, box: Box, parts: list[Box]) -> bool:
        """Whether a box has little text and, where its parts stand, more than one colour: a flat one is a
        panel."""
        text = self._text[self._at(box)]
        if not parts or not 0 < text.size <= _LARGEST * self._text.size:
            return False
        if text.mean() > _MOST_TEXT or text.sum() > self._text.sum() / 2:
            return False
        corners = np.array(parts)
        at = self._at((*corners[:, :2].min(0).tolist(), *corners[:, 2:].max(0).tolist()))
        inner = self._colours[at][1:-1, 1:-1][~self._near[at][1:-1, 1:-1]]
        if not len(inner):
            return False
        return bool((np.abs(inner - np.median(inner, 0)).max(1) > _OTHER).mean() > _COLOURFUL)


def _inside(box: Box, page: CleanPage) -> Box:
    """The part of a box that is on the page."""
    height, width = page.ink.shape
    return max(0, box[0]), max(0, box[1]), min(width, box[2]), min(height, box[3])


def _holds(figure: Box, box: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return figure[0] <= x <= figure[2] and figure[1] <= y <= figure[3]


def _is_code(rgb: np.ndarray, box: Box, em: float) -> bool:
    """Whether a box is a QR code."""
    x0, y0, x1, y1 = box
    short, long = sorted((x1 - x0, y1 - y0))
    if long > _CODE * em or long > _UNEQUAL * short:
        return False
    edge = round(em)
    found, _ = cv2.QRCodeDetector().detect(
        np.ascontiguousarray(rgb[max(0, y0 - edge) : y1 + edge, max(0, x0 - edge) : x1 + edge])
    )
    return bool(found)
