"""Words that are struck out: level strokes through the middle of letters, and the strokes away.

In: a clean page. Out: where its strikes stand, single or double, and the page without them, the letters'
own strokes left. A strike runs through letters that stand apart, which print both above and below it, and
ends where they do: an underline has print above it alone, a rule or a leader none that touches it, a fold
runs on. Knows nothing of lines or text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from adotx.documents.layout.clean import PAPER, Box, CleanPage
from adotx.documents.layout.rulings import runs

# The least length of a strike and the most thickness of a stroke, in em; its slope at most; how far from a
# straight line it may be, in em.
_LONG, _THICK, _SLOPE, _BENT = 1.5, 0.3, 0.1, 0.12
# Strokes at most this far apart, in em, that share this much of their extent are one double strike.
_DOUBLE, _COMMON = 0.3, 0.8
# Letters reach this far above and below a strike at least and at most, in em; a strike is in the middle of
# their height, from and to these shares of it.
_LEAST_REACH, _MOST_REACH, _MIDDLE = 0.12, 1.0, (0.25, 0.75)
# Rows with less of their columns inked than this are blank between lines.
_BLANK = 0.02
# Of the columns with letters, in text boxes at the middle of these; of all columns, with letters; of the
# columns with print above, with print below, and the other way about.
_IN_TEXT, _LETTERS, _BOTH = 0.7, 0.4, 0.25
# Strokes of letters that cross a strike, for each em of letters.
_CROSSED = 0.5
# How far it may run on beyond letters, in em; at each end is blank paper between letters, so many em of it
# within so many.
_BEYOND, _BLANK_END, _NEAR_END = 0.8, 0.1, 0.12
# Letters that touch make long strokes, too; between those that a strike joins is paper: this share of its
# columns, and so many times in each em of it.
_APART, _TIMES_APART = 0.1, 0.7
# Shorter ones are, in this share of these columns, as thick and as high as in most, give or take a pixel.
_SHORT, _EVEN = 2.5, 0.85
# So long ones with so much, and so many times, of it need no paper at their ends: parts of words. Paper with
# more texture than the last makes bold letters run together.
_SURELY_LONG, _SURELY_APART, _SURELY_TIMES, _NOISY = 2.5, 0.15, 1.0, 0.05
# Pixels of the picture for one of a page with texture: letters that were enlarged more run together.
_ENLARGED = 0.75


@dataclass(frozen=True)
class Strike:
    """A stroke through letters: its box (x0, y0, x1, y1) in the clean page."""

    box: Box

    @property
    def middle(self) -> float:
        """Its middle from top to bottom."""
        return (self.box[1] + self.box[3]) / 2


@dataclass(frozen=True)
class _Stroke:
    """A stroke, or two: `rows` int [w] are its middle in the columns from `x0` on, `half` is half of its
    thickness."""

    x0: int
    rows: np.ndarray
    half: int

    @property
    def columns(self) -> np.ndarray:
        return np.arange(self.x0, self.x0 + len(self.rows))

    def around(self, reach: int, height: int) -> tuple[np.ndarray, np.ndarray]:
        """The index of the rows up to `reach` from it, in its columns: [2 * reach + 1, w]."""
        rows = self.rows[None, :] + np.arange(-reach, reach + 1)[:, None]
        return rows.clip(0, height - 1), np.broadcast_to(self.columns, rows.shape)


def take_strikes(page: CleanPage, em: float) -> list[Strike]:
    """Find the strikes of a page and wipe them from it.

    Args:
        page: `gray`, `ink` and `faint` change.
        em: pixels per em.
    """
    if page.noise > _NOISY and page.zoom < _ENLARGED:
        return []
    found = [stroke for stroke in _strokes(page.ink, em) if _is_strike(page, stroke, em)]
    for stroke in found:
        _wipe(page, stroke)
    return [Strike(_box(stroke)) for stroke in found]


def _box(stroke: _Stroke) -> Box:
    top, low = int(stroke.rows.min()) - stroke.half, int(stroke.rows.max()) + stroke.half + 1
    return stroke.x0, top, stroke.x0 + len(stroke.rows), low


def _strokes(ink: np.ndarray, em: float) -> list[_Stroke]:
    """Long level strokes."""
    least = max(8, round(_LONG * em))
    # A stroke that is a little off the level steps from row to row: look at three rows at once.
    wide = cv2.dilate(ink.view(np.uint8), np.ones((3, 1), np.uint8))
    long = cv2.morphologyEx(wide, cv2.MORPH_OPEN, np.ones((1, least), np.uint8))
    if not long.any():
        return []
    _, labels, stats, _ = cv2.connectedComponentsWithStats(long, connectivity=8)
    most = max(3.0, _THICK * em) + 2
    thin = [
        (number, x, y, x + w, y + h)
        for number, (x, y, w, h, _) in enumerate(stats.tolist())
        if number and h <= most + max(_SLOPE * w, _DOUBLE * em)
    ]
    strokes = (_stroke(labels, group, em) for group in _doubled(thin, em))
    return [stroke for stroke in strokes if stroke is not None]


_Part = tuple[int, int, int, int, int]


def _doubled(parts: Sequence[_Part], em: float) -> list[list[_Part]]:
    """Strokes close under each other together."""
    groups: list[list[_Part]] = []
    for part in sorted(parts, key=lambda each: each[2]):
        _, x0, y0, x1, _ = part
        for group in groups:
            _, left, _, right, low = group[-1]
            common = min(x1, right) - max(x0, left)
            if y0 - low <= _DOUBLE * em and common >= _COMMON * max(x1 - x0, right - left):
                group.append(part)
                break
        else:
            groups.append([part])
    return groups


def _stroke(labels: np.ndarray, group: Sequence[_Part], em: float) -> _Stroke | None:
    """Strokes of a group as one; None where they are bent, steep, or too thick."""
    x0, y0 = min(part[1] for part in group), min(part[2] for part in group)
    x1, y1 = max(part[3] for part in group), max(part[4] for part in group)
    mask = np.isin(labels[y0:y1, x0:x1], [part[0] for part in group])
    columns = np.flatnonzero(mask.any(0))
    tops = mask[:, columns].argmax(0)
    lows = len(mask) - 1 - mask[::-1, columns].argmax(0)
    thick = float(np.median(lows - tops)) - 1  # three rows at once made it two thicker
    most = max(3.0, _THICK * em) * (1 if len(group) == 1 else 2) + (_DOUBLE * em if len(group) > 1 else 0)
    if not 0 < thick <= most or len(group) > 2:
        return None
    middles = (tops + lows) / 2
    slope, start = np.polyfit(columns, middles, 1)
    straight = start + slope * np.arange(x1 - x0)
    if abs(slope) > _SLOPE or np.median(np.abs(middles - straight[columns])) > _BENT * em:
        return None
    return _Stroke(x0, y0 + np.round(straight).astype(np.int64), int(np.ceil(thick / 2)))


def _is_strike(page: CleanPage, stroke: _Stroke, em: float) -> bool:
    """Whether letters stand on both sides of a stroke as they do only where it runs through them."""
    reach = round(_MOST_REACH * em)
    half = stroke.half + 1
    if reach <= half + 3:
        return False
    print_ = page.ink[stroke.around(reach, len(page.ink))]
    above, below = print_[: reach - half][::-1], print_[reach + half + 1 :]  # both from the stroke on
    above, below = _letters(above), _letters(below)
    if min(len(above), len(below)) < _LEAST_REACH * em or max(len(above), len(below)) >= reach - half:
        return False
    if not _MIDDLE[0] <= (len(above) + half) / (len(above) + len(below) + 2 * half) <= _MIDDLE[1]:
        return False
    over, under = np.asarray(above.any(0)), np.asarray(below.any(0))
    letters: np.ndarray = over | under
    if letters.mean() < _LETTERS or min(over.sum(), under.sum()) < _BOTH * max(over.sum(), under.sum()):
        return False
    if not _stands_apart(letters, em, _APART, _TIMES_APART):
        return False
    if len(letters) < _SHORT * em and not _is_even(print_[reach - half - 1 : reach + half + 2, ~letters]):
        return False
    crossed = runs(_crossed(above, below)[None, :], 1)
    if len(crossed) < max(2, _CROSSED * letters.sum() / em):
        return False
    heights = len(above) + half, len(below) + half
    sure = page.noise < _NOISY and len(letters) >= _SURELY_LONG * em
    sure = sure and _stands_apart(letters, em, _SURELY_APART, _SURELY_TIMES)
    if not sure and not all(_ends_in_paper(page.ink, stroke, at, heights, em) for at in (0, -1)):
        return False
    return _in_text(page.boxes, stroke, letters) >= _IN_TEXT


def _letters(side: np.ndarray) -> np.ndarray:
    """Rows on one side of a stroke up to where the letters end."""
    blank = np.flatnonzero(side.mean(1) <= _BLANK)
    return side[: int(blank[0])] if len(blank) else side


def _stands_apart(letters: np.ndarray, em: float, apart: float, times: float) -> bool:
    """Whether a stroke joins letters that stand apart and ends with them.

    Args:
        letters: bool [w], the columns of the stroke with print above or below.
        em: pixels per em.
        apart, times: the share of its columns without letters, and how often these are between letters in
            an em.
    """
    first, last = np.flatnonzero(letters)[[0, -1]].tolist()
    if max(first, len(letters) - 1 - last) > _BEYOND * em or np.mean(~letters) < apart:
        return False
    between = runs(~letters[None, first : last + 1], 1)
    return len(between) >= max(1, times * len(letters) / em)


def _is_even(between: np.ndarray) -> bool:
    """Whether a stroke, bool [rows, n], has one top and one foot in the columns where it is alone."""
    edges = np.stack([between.argmax(0), between[::-1].argmax(0)])
    off = np.abs(edges - np.median(edges, 1, keepdims=True))
    return bool(np.mean(off.max(0) <= 1) >= _EVEN)


def _ends_in_paper(ink: np.ndarray, stroke: _Stroke, at: int, heights: tuple[int, int], em: float) -> bool:
    """Whether blank paper is where a stroke ends: strokes of letters end in their letter.

    Args:
        at: 0 for where it begins, -1 for where it ends.
        heights: how far letters reach above and below it.
    """
    near, half = max(2, round(_NEAR_END * em)), stroke.half + 1
    x, y = int(stroke.columns[at]), int(stroke.rows[at])
    columns = slice(max(0, x - near), x + near + 1)
    above = ink[max(0, y - heights[0]) : max(0, y - half), columns]
    below = ink[y + half + 1 : y + heights[1] + 1, columns]
    blank = ~(above.any(0) | below.any(0))
    return int(blank.sum()) >= max(2, round(_BLANK_END * em))


def _crossed(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Columns with print right above and right below a stroke, or nearly in the same column."""
    near = np.ones((1, 3), np.uint8)
    inked = [np.asarray(side[:2].any(0), np.uint8)[None, :] for side in (above, below)]
    sides = [cv2.dilate(each, near)[0] > 0 for each in inked]
    return sides[0] & sides[1]


def _in_text(boxes: np.ndarray, stroke: _Stroke, letters: np.ndarray) -> float:
    """The share of the columns with letters in which the stroke runs through the middle of a text box."""
    at = float(np.mean(stroke.rows))
    share = (at - boxes[:, 1]) / np.maximum(boxes[:, 3] - boxes[:, 1], 1)
    inside = np.zeros(len(letters), bool)
    for x0, _, x1, _ in boxes[(share >= _MIDDLE[0]) & (share <= _MIDDLE[1])].tolist():
        inside[max(0, x0 - stroke.x0) : max(0, x1 - stroke.x0)] = True
    return float(inside[letters].mean())


def _wipe(page: CleanPage, stroke: _Stroke) -> None:
    """Paint paper over a stroke, but for strokes of letters that cross it."""
    reach = stroke.half + 1
    near = page.ink[stroke.around(reach + 2, len(page.ink))]
    crossed = _crossed(near[:2], near[-2:])
    rows, columns = (each[:, ~crossed] for each in stroke.around(reach, len(page.ink)))
    page.ink[rows, columns] = page.faint[rows, columns] = False
    page.gray[rows, columns] = round(PAPER)
