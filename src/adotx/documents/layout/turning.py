"""Which of its four sides a picture stands on.

In: a picture and its text quadrangles. Out: quarter turns to the upright page. The page classifier is sure
even where it is wrong (few lines on a large sheet), so it is asked twice, about the whole and about windows
around the longest lines, and the direction and the margins of the lines must fit. Knows nothing of skew.
"""

from __future__ import annotations

import cv2
import numpy as np

from adotx.documents.layout.detect import Quads
from adotx.documents.layout.networks import turns

# A box this many times as long as high has a direction.
_LONG = 2.0
# Windows around so many of the longest lines are looked at, each this many lines high.
_WINDOWS, _LINES = 6, 14
# How likely a turn must be, by the whole picture and by the windows.
_SURE = 0.55
# Lines begin flush and end ragged: after a turn they may begin this much more ragged than they end.
_FLUSH = 1.3


def quarter_turns(rgb: np.ndarray, quads: Quads) -> int:
    """How many quarter turns counter-clockwise (as `np.rot90` turns) make a picture upright: 0 to 3."""
    if not len(quads):
        return 0
    likely = turns(rgb)
    turn = int(np.argmax(likely))
    wide, high = quads.widths, quads.heights
    across = float(wide[wide > _LONG * high].sum())
    down = float(high[high > _LONG * wide].sum())
    if turn == 0 or likely[turn] < _SURE or (turn == 2) != (across > down):
        return 0
    if _by_windows(rgb, quads)[turn] < _SURE:
        return 0
    left, right = _ragged(rotated(quads, rgb.shape[:2], turn))
    return turn if left < _FLUSH * right else 0


def _ragged(quads: Quads) -> tuple[float, float]:
    """How far lines begin, and end, from where most of them do, in pixels on the average."""
    left, right = quads.corners[:, [0, 3], 0].mean(1), quads.corners[:, [1, 2], 0].mean(1)
    return _spread(left), _spread(right)


def _spread(places: np.ndarray) -> float:
    return float(np.abs(places - np.median(places)).mean()) + 1.0


def _by_windows(rgb: np.ndarray, quads: Quads) -> np.ndarray:
    """Probabilities [4] of the turns, the mean over squares around the longest lines."""
    longest = np.argsort(-np.maximum(quads.widths, quads.heights))[:_WINDOWS]
    low = np.minimum(quads.widths, quads.heights)
    side = round(min(_LINES * float(np.median(low)), *rgb.shape[:2]))
    likely = []
    for x, y in quads.corners[longest].mean(1).tolist():
        x0 = round(np.clip(x - side / 2, 0, rgb.shape[1] - side))
        y0 = round(np.clip(y - side / 2, 0, rgb.shape[0] - side))
        likely.append(turns(rgb[y0 : y0 + side, x0 : x0 + side]))
    return np.mean(likely, 0)


def rotated(quads: Quads, shape: tuple[int, int], times: int) -> Quads:
    """The quadrangles of a picture after `np.rot90(picture, times)`, with their corners in order again."""
    out = quads.mapped(turn_matrix(shape, times))
    out.corners = np.roll(out.corners, -times, 1)
    return out


def turn_matrix(shape: tuple[int, int], times: int) -> np.ndarray:
    """[3, 3]: a point of a picture [H, W] -> the point of `np.rot90(picture, times)`."""
    height, width = shape
    matrix = np.eye(3)
    for _ in range(times % 4):
        matrix = np.array([[0.0, 1, 0], [-1, 0, width], [0, 0, 1]]) @ matrix
        width, height = height, width
    return matrix


def turned(rgb: np.ndarray, times: int) -> np.ndarray:
    """A picture after quarter turns counter-clockwise, in memory of its own."""
    codes = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}
    return cv2.rotate(rgb, codes[times % 4]) if times % 4 else rgb
