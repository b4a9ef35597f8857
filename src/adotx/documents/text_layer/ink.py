"""What is drawn on a page, told apart: its text, and all the rest. Pictures in, masks and rulings out.

In: grey pictures of one page with and without its text. Out: where text is drawn, the frames that lines make,
small marks beside lines, whether there is print under what an OCR program has put there. Knows no PDFium.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import cv2
import numpy as np

from adotx.documents.layout.rulings import Frame, frames_on
from adotx.documents.text_layer.boxes import DrawnBox, drawn_boxes

# Grey levels that a pixel of text, of a line, of print on a scan differs by.
_TEXT, _LINE, _PRINT = 12, 7, 40
# Pixels around what is drawn that are looked at with it: more than any filter reaches.
_AROUND = 32
# Shapes like letters: their height in em, the most of their box that is inked, how far apart they stand, and
# how many make a line.
_LETTER, _FILLED, _BETWEEN, _IN_LINE = (0.25, 1.5), 0.9, 0.5, 6
# Half of a shape's size at most, in em: what is larger is ground.
_AROUND_SHAPE = 0.72
# Pixels that the lines of a box are wider than the box.
_EDGE = 4
# Bullets are so high and wide in em, and so dark; of a drawing with more small marks the others are none.
_BULLET, _MARK, _MOST_MARKS = (0.12, 0.62), 50, 5000


@dataclass
class Drawn:
    """Two pictures of a page, uint8 [H, W]: `whole`, and `rest`, which lacks the text."""

    whole: np.ndarray
    rest: np.ndarray
    _found: dict[int, tuple[np.ndarray, np.ndarray, tuple[int, int]]] = field(
        default_factory=dict, init=False, repr=False
    )

    def turned(self, turn: int) -> Drawn:
        """The same by so many quarter turns counterclockwise."""
        if not turn:
            return self
        whole, rest = (np.ascontiguousarray(np.rot90(each, turn)) for each in (self.whole, self.rest))
        return Drawn(whole, rest)

    @cached_property
    def text(self) -> np.ndarray:
        """bool [H, W]: where text changes what is seen."""
        return cv2.absdiff(self.whole, self.rest) > _TEXT

    @cached_property
    def lines(self) -> np.ndarray:
        """bool [H, W]: what is thin and of another colour than what is beside it."""
        found = np.zeros(self.rest.shape, bool)
        rest, size = self.rest[self._drawn_on], np.ones((9, 9), np.uint8)
        if rest.size:
            # Dark lines vanish when closed, bright ones when opened.
            dark = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, size)
            light = cv2.morphologyEx(rest, cv2.MORPH_OPEN, size)
            lines = (cv2.subtract(dark, rest) > _LINE) | (cv2.subtract(rest, light) > _LINE)
            found[self._drawn_on] = lines
        return found

    @cached_property
    def _drawn_on(self) -> tuple[slice, slice]:
        """The part of the page that has more than paper, and some of it around: most of a page of text has
        none."""
        other = self.rest != self.rest[0, 0]
        rows, columns = np.flatnonzero(other.any(1)), np.flatnonzero(other.any(0))
        if not len(rows):
            return slice(0, 0), slice(0, 0)
        return (
            slice(max(0, int(rows[0]) - _AROUND), int(rows[-1]) + _AROUND),
            slice(max(0, int(columns[0]) - _AROUND), int(columns[-1]) + _AROUND),
        )

    @cached_property
    def print(self) -> np.ndarray:
        """bool [H, W]: print on what is no text, as on a scan: darker than the paper around it."""
        paper = cv2.morphologyEx(self.rest, cv2.MORPH_CLOSE, np.ones((25, 25), np.uint8))
        return cv2.subtract(paper, self.rest) > _PRINT

    def frames(self, boxes: np.ndarray, em: float, ticks: Sequence[DrawnBox] = ()) -> list[Frame]:
        """The frames that lines make.

        Args:
            boxes: int64 [n, 4], of lines of text.
            em: pixels per em.
            ticks: boxes to be ticked, which frame nothing.
        """
        if not self.rest[self._drawn_on].size:
            return []
        lines = self.lines.copy() if ticks else self.lines
        for x0, y0, x1, y1 in (tick.box for tick in ticks):
            lines[max(0, y0 - _EDGE) : y1 + _EDGE, max(0, x0 - _EDGE) : x1 + _EDGE] = False
        return frames_on(lines, boxes, em)

    def letters(self, em: float, pictures: Sequence[Sequence[float]]) -> int:
        """How many shapes like letters stand side by side in lines, beside text and pictures: a page whose
        text was made outlines.

        Args:
            em: pixels per em.
            pictures: boxes that are left out.
        """
        dark, stats, (left, top) = self._shapes(em)
        x, y, wide, tall, area = stats.T
        like = (tall > _LETTER[0] * em) & (tall < _LETTER[1] * em) & (wide < 3 * em) & (wide > 0.05 * em)
        like &= area < _FILLED * wide * tall
        for x0, y0, x1, y1 in pictures:
            middle = x + wide / 2 + left, y + tall / 2 + top
            like &= (middle[0] < x0) | (middle[0] > x1) | (middle[1] < y0) | (middle[1] > y1)
        if like.sum() < _IN_LINE:
            return 0
        x, y, wide, tall = x[like], y[like], wide[like], tall[like]
        lines = np.zeros_like(dark)
        for left, top, right, low in np.stack([x, y, x + wide, y + tall], 1).tolist():
            lines[top:low, left : right + max(1, round(_BETWEEN * em))] = 1
        count, labels = cv2.connectedComponents(lines, connectivity=8)
        of_line = labels[y, x]
        in_line = np.bincount(of_line, minlength=count)
        low = np.full(count, np.inf)
        high = np.zeros(count)
        np.minimum.at(low, of_line, tall)
        np.maximum.at(high, of_line, tall)
        # Bars and dashes are all alike, letters are not.
        return int(in_line[(in_line >= _IN_LINE) & (high > 1.15 * low)].sum())

    def ticks(self, em: float) -> list[DrawnBox]:
        """Boxes and circles to be ticked, wherever they stand."""
        dark, stats, (x, y) = self._shapes(em)
        return [
            replace(each, box=(each.box[0] + x, each.box[1] + y, each.box[2] + x, each.box[3] + y))
            for each in drawn_boxes(dark, stats, em)
        ]

    def _shapes(self, em: float) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
        """What is darker than the paper around it, where text is `em` pixels high: a picture of 0 and 1 of a
        part of the page, (x, y, width, height, area) of all that hangs together in it, (x, y) of the part."""
        reach = 2 * round(_AROUND_SHAPE * em) + 1
        if reach not in self._found:
            down, across = self._drawn_on
            rest = self.rest[down, across]
            dark: np.ndarray = np.zeros(rest.shape, np.uint8)
            stats: np.ndarray = np.zeros((0, 5), np.int32)
            if rest.size:
                paper = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
                dark = (cv2.subtract(paper, rest) > _PRINT).view(np.uint8)
                stats = cv2.connectedComponentsWithStats(dark, connectivity=8)[2][1:]
            self._found[reach] = dark, stats, (across.start, down.start)
        return self._found[reach]

    def marks(self, em: float) -> np.ndarray:
        """int64 [n, 4]: boxes of small round or square marks, as browsers draw before items."""
        down, across = self._drawn_on
        rest = self.rest[down, across]
        if not rest.size:
            return np.zeros((0, 4), np.int64)
        paper = cv2.morphologyEx(rest, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
        dark = (cv2.subtract(paper, rest) > _MARK).view(np.uint8)
        contours, _ = cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        low, high = _BULLET[0] * em, _BULLET[1] * em
        found = []
        for contour in contours[:_MOST_MARKS]:
            x, y, wide, tall = cv2.boundingRect(contour)
            if low <= wide <= high and low <= tall <= high and abs(wide - tall) <= 2:
                found.append((x, y, x + wide, y + tall))
        return np.array(found, np.int64).reshape(-1, 4) + np.tile([across.start, down.start], 2)


def share_in(mask: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """float64 [n]: the share of each box (x0, y0, x1, y1) that a mask covers; 0 for what lies outside."""
    height, width = mask.shape
    sums = cv2.integral(mask.view(np.uint8), sdepth=cv2.CV_32S)
    x0, x1 = (np.clip(np.round(boxes[:, at]).astype(int), 0, width) for at in (0, 2))
    y0, y1 = (np.clip(np.round(boxes[:, at]).astype(int), 0, height) for at in (1, 3))
    x1, y1 = np.maximum(x1, np.minimum(x0 + 1, width)), np.maximum(y1, np.minimum(y0 + 1, height))
    inside = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
    return inside / np.maximum((x1 - x0) * (y1 - y0), 1)


def union(boxes: Sequence[Sequence[float]]) -> tuple[int, int, int, int]:
    """The whole pixels around some boxes."""
    array = np.array(boxes, np.float64).reshape(-1, 4)
    x0, y0 = np.floor(array[:, :2].min(0)).astype(int)
    x1, y1 = np.ceil(array[:, 2:].max(0)).astype(int)
    return int(x0), int(y0), int(x1), int(y1)
