"""A picture in, the text on it as quadrangles out.

In: uint8 [H, W, 3], any size. Out: `Quads` in the picture's pixels. Chooses the scales at which the detector
looks: an ordinary page whole, a long one in overlapping pieces, dense print once more from near, huge letters
once more from afar. Knows nothing of ink, lines or order.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from adotx.documents.layout.networks import text_map

# The longer side of what the detector is shown at once, in its pixels: type of 10 points on A4 is 11 high.
_SIDE = 960
# Sides are filled up to multiples of this: each new size costs time once.
_STEP = 160
# Pictures longer than this many times their width are shown in pieces.
_LONGEST = 2.0
# Pieces overlap by this many of the detector's pixels: more than a line of ordinary type is high.
_OVERLAP = 96
# Lines lower than this, in the detector's pixels, are looked at from nearer; they come out this high then.
_LOW, _WANTED = 9.0, 14.0
# Lines higher than this fall apart; they are looked at once more from so much farther away, or where the
# highest is as high as this.
_HIGH, _AFAR = 110.0, 3.0
# What was seen from near is believed up to this many times `_HIGH`, what is seen from afar from this share
# on.
_TRUSTED, _OF_HIGH = 1.6, 0.6
# A single box from near that fills this share of one from afar had not fallen apart.
_WHOLE = 0.25
# A pixel is text from this probability on, a box from this mean of its pixels (0.5 in PP-OCR, which loses
# short words; what holds no ink is dropped later).
_PIXEL, _BOX = 0.3, 0.4
# The network draws lines thinner than they are; area over outline times this gives them back (PP-OCR).
_UNCLIP = 1.6
# Smaller bodies are specks, in the detector's pixels.
_LEAST = 2.5
# A box that lies in a larger one by this share is a fragment of it.
_FRAGMENT = 0.5


@dataclass
class Quads:
    """Text lines, or parts of them.

    Attributes:
        corners: float32 [n, 4, 2]: (x, y) of top left, top right, bottom right, bottom left.
        scores: float32 [n]: how sure the detector is.
    """

    corners: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def widths(self) -> np.ndarray:
        return np.linalg.norm(self.corners[:, 1] - self.corners[:, 0], axis=1)

    @property
    def heights(self) -> np.ndarray:
        return np.linalg.norm(self.corners[:, 3] - self.corners[:, 0], axis=1)

    @property
    def thickness(self) -> np.ndarray:
        """How high lines are, whichever way they run."""
        return np.minimum(self.widths, self.heights)

    def mapped(self, matrix: np.ndarray) -> Quads:
        """Under a homography [3, 3]."""
        if not len(self):
            return self
        return Quads(cv2.perspectiveTransform(self.corners, matrix), self.scores)

    def __getitem__(self, chosen: np.ndarray) -> Quads:
        return Quads(self.corners[chosen], self.scores[chosen])


def detect(rgb: np.ndarray) -> Quads:
    """Where text stands in a picture."""
    height, width = rgb.shape[:2]
    long, short = max(height, width), min(height, width)
    scale = min(_SIDE / min(long, _LONGEST * short), max(1.0, _SIDE / long))
    quads = _at_scale(rgb, scale)
    if not len(quads):
        return quads
    heights = quads.thickness * scale
    low = float(np.percentile(heights, 20))
    if low < _LOW and scale < 1:
        scale = min(1.0, scale * _WANTED / low)
        quads = _at_scale(rgb, scale)
        heights = quads.thickness * scale
    if len(quads) and heights.max() > _HIGH:
        afar = _at_scale(rgb, scale * min(1 / _AFAR, _HIGH / float(heights.max())))
        # What is found from near alone is no text: a texture, the whole of a photograph.
        quads = quads[heights < _TRUSTED * _HIGH]
        quads = _with_large(quads, afar[afar.thickness * scale > _OF_HIGH * _HIGH])
    return quads


def _at_scale(rgb: np.ndarray, scale: float) -> Quads:
    height, width = (max(1, round(side * scale)) for side in rgb.shape[:2])
    small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    probable = _stitched(small)
    quads = _quads(probable)
    quads.corners *= np.array([rgb.shape[1] / width, rgb.shape[0] / height], np.float32)
    return quads


def _stitched(small: np.ndarray) -> np.ndarray:
    """The detector's map of a picture, looked at in as few pieces as hold it."""
    height, width = small.shape[:2]
    out = np.zeros((height, width), np.float32)
    for top, low in _spans(height):
        for left, right in _spans(width):
            piece = small[top:low, left:right]
            pad = (-(low - top) % _STEP, -(right - left) % _STEP)
            piece = cv2.copyMakeBorder(piece, 0, pad[0], 0, pad[1], cv2.BORDER_REPLICATE)
            found = text_map(piece)[: low - top, : right - left]
            np.maximum(out[top:low, left:right], found, out=out[top:low, left:right])
    return out


def _spans(length: int) -> list[tuple[int, int]]:
    """Overlapping intervals of at most one and a half `_SIDE` that cover a length evenly."""
    most = _SIDE * 3 // 2
    count = 1 if length <= most else -(-(length - _OVERLAP) // (_SIDE - _OVERLAP))
    size = -(-(length + (count - 1) * _OVERLAP) // count)
    starts = [min(n * (size - _OVERLAP), length - size) for n in range(count)]
    return [(start, start + size) for start in starts]


def _quads(probable: np.ndarray) -> Quads:
    """The bodies of a map as rectangles of the lines' full size."""
    mask = (probable > _PIXEL).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    corners, scores = [], []
    for contour in contours:
        centre, size, angle = cv2.minAreaRect(contour)
        if min(size) < _LEAST:
            continue
        x, y, w, h = cv2.boundingRect(contour)
        inside = np.zeros((h, w), np.uint8)
        cv2.drawContours(inside, [contour], -1, 1, cv2.FILLED, offset=(-x, -y))
        score = cv2.mean(probable[y : y + h, x : x + w], inside)[0]
        if score < _BOX:
            continue
        grow = 2 * size[0] * size[1] * _UNCLIP / (2 * (size[0] + size[1]))
        corners.append(_ordered(cv2.boxPoints((centre, (size[0] + grow, size[1] + grow), angle))))
        scores.append(score)
    return Quads(np.array(corners, np.float32).reshape(-1, 4, 2), np.array(scores, np.float32))


def _ordered(points: np.ndarray) -> np.ndarray:
    """Corners of a rectangle clockwise from the top left; its more level sides are top and bottom."""
    side = np.abs(points[1] - points[0])
    if side[0] < side[1]:
        points = np.roll(points, -1, 0)
    if points[0, 0] + points[3, 0] > points[1, 0] + points[2, 0]:
        points = points[[1, 0, 3, 2]]
    return points if points[0, 1] + points[1, 1] < points[2, 1] + points[3, 1] else points[[3, 2, 1, 0]]


def _with_large(quads: Quads, large: Quads) -> Quads:
    """Large boxes, and those of the others that are no fragments of them."""
    if not len(large):
        return quads
    keep = np.ones(len(quads), bool)
    kept = []
    areas = np.array([float(cv2.contourArea(other)) for other in quads.corners])
    for number, quad in enumerate(large.corners):
        common = [float(cv2.intersectConvexConvex(quad, other)[0]) for other in quads.corners]
        inside = np.array(common) > _FRAGMENT * areas
        if inside.sum() == 1 and areas[inside][0] > _WHOLE * float(cv2.contourArea(quad)):
            continue
        keep &= ~inside
        kept.append(number)
    chosen, others = large[np.array(kept, np.int64)], quads[keep]
    return Quads(
        np.concatenate([chosen.corners, others.corners]), np.concatenate([chosen.scores, others.scores])
    )
