"""Ink in, segments out: the pieces of text lines that stand together, with their measures.

In: the ink mask of a clean page without rulings. Out: `Segment`s (a word group up to a gap of about 0.8
em) and the page's em. Knows nothing of reading order, text or models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from adotx.documents.layout.clean import Box
from adotx.documents.layout.rulings import Frame, runs
from adotx.documents.layout.sheet import BOX_OF_EM
from adotx.documents.layout.text_ink import labelled

#: Wider gaps part segments; reading order puts those of one line together again.
SEGMENT_GAP = 0.7
# A letter or mark that is smaller than this in height and width, in em, is a speck.
_SPECK = 0.22
# The middles of text boxes of two lines lie this much of their height apart at least.
_LINES_APART = 0.6
# Text boxes this much higher than the page's type are lines of their own.
_LARGE = 1.7
# Remnants of a rule lie this near it, in em.
_NEAR_RULE = 0.3
# Ink height of a line with Hangul and punctuation, and of most Hangul syllables, in em, over the usual faces.
LINE_OF_EM = 1.0
_SYLLABLE_OF_EM = 0.92
# Digits are this many times lower than Hangul of their size; small type beside large may be either.
_DIGITS, _BESIDE = 1.4, 1.2
# A comma, or a letter's tail, hangs so far below the letters of its size, in their ink height.
_HANGS = 0.25
# How high an underscore is at most, and how far from its neighbour, in em.
_FLAT, _UNDERSCORE = 0.12, 0.3
# A mark below a letter is part of it up to this gap, in em: nearer than the next line ever stands.
_HANGING_GAP = 0.2


@dataclass(frozen=True)
class Segment:
    """Text that stands together on one line.

    Attributes:
        box: ink box (x0, y0, x1, y1).
        core: (top, bottom) of the rows where most ink is; steadier than the box.
        weight: stroke width in em of the segment's height; bold is about 1.5 times regular.
        size: pixels of line ink height that it is measured by (its own, or its neighbours' where it has no
            tall letters); 0 until `measure` has run.
        inner: its widest blank from top to bottom, in pixels.
        text: the text box that it stands in, by its place among the page's; -1 outside of all.
    """

    box: Box
    core: tuple[int, int]
    weight: float = 0.0
    size: float = 0.0
    inner: int = 0
    text: int = -1

    @property
    def height(self) -> int:
        return self.box[3] - self.box[1]

    @property
    def width(self) -> int:
        return self.box[2] - self.box[0]

    @property
    def middle(self) -> float:
        return (self.core[0] + self.core[1]) / 2

    @property
    def em(self) -> float:
        return (self.size or self.height) / LINE_OF_EM


def rough_em(boxes: np.ndarray) -> float:
    """Pixels per em of the text that covers most of the page, by its text boxes [n, 4]; 0 without any."""
    if not len(boxes):
        return 0.0
    heights, widths = boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]
    order = np.argsort(heights)
    share = np.cumsum(widths[order]) / widths.sum()
    return float(heights[order][np.searchsorted(share, 0.5)]) / BOX_OF_EM


def _step(em: float) -> int:
    """Smearing looks at squares of so many pixels."""
    return 2 if em >= 14 else 1


def _line_em(boxes: np.ndarray, em: float) -> float | None:
    """Pixels per em by the heights of smeared lines; None with too few of them."""
    # Squares reach half of what they are larger than a pixel beyond the ink, above and below.
    heights, widths = boxes[:, 3] - boxes[:, 1] - (_step(em) - 1), boxes[:, 2] - boxes[:, 0]
    sane = (heights > 0.4 * em) & (heights < 1.9 * em) & (widths > 1.5 * heights)
    # Few lines tell it only if they are long.
    if sane.sum() < 3 and not (sane & (widths > 6 * heights)).any():
        return None
    order = np.argsort(heights[sane])
    share = np.cumsum(widths[sane][order]) / widths[sane].sum()
    return float(heights[sane][order][np.searchsorted(share, 0.5)]) / LINE_OF_EM


def find_segments(
    ink: np.ndarray, text: np.ndarray, em: float, frames: list[Frame]
) -> tuple[list[Segment], float]:
    """Segments of a page and its em.

    Args:
        ink: bool [H, W] without rulings and noise.
        text: int64 [n, 4], the text boxes.
        em: rough pixels per em; judged anew from the lines that come out.
        frames: their upright rules part segments.
    """
    walls = _walls(ink, frames, em)
    large = text[text[:, 3] - text[:, 1] > _LARGE * BOX_OF_EM * em]
    segments = _large_segments(ink, large)
    if segments:
        ink = ink.copy()
        for x0, y0, x1, y1 in large.tolist():
            ink[y0:y1, x0:x1] = False
    boxes = _smear(ink, em, walls)
    if not len(boxes):
        return segments, em
    better = _line_em(boxes, em)
    if better is not None:
        if abs(better - em) > 0.12 * em:
            boxes = _smear(ink, better, walls)
        em = better
    parts: list[Segment] = []
    for box in _whole(boxes, em, walls):
        for part in _by_lines(box, text):
            parts += _split(ink, part, em)
    trimmed = [_trimmed(ink, segment) for segment in parts]
    found = [s for s in trimmed if s is not None and _may_be_text(s, em, frames)]
    segments += [s for s in found if not _is_speck(s, em) or _is_mark(s, found, em)]
    return [replace(s, text=_text_box(s, text)) for s in segments], em


def _text_box(segment: Segment, text: np.ndarray) -> int:
    """The place of the text box that a segment's middle lies in, the smallest of several; -1 for none."""
    x, y = (segment.box[0] + segment.box[2]) / 2, segment.middle
    inside = np.flatnonzero((text[:, 0] <= x) & (x <= text[:, 2]) & (text[:, 1] <= y) & (y <= text[:, 3]))
    return int(min(inside, key=lambda n: text[n, 3] - text[n, 1], default=-1))


def _large_segments(ink: np.ndarray, boxes: np.ndarray) -> list[Segment]:
    """Segments of type much larger than the page's: a text box is a line of it, however its strokes lie."""
    out = []
    for x0, y0, x1, y1 in boxes.tolist():
        size = (y1 - y0) / BOX_OF_EM
        columns = np.logical_not(ink[y0:y1, x0:x1].any(0))
        start = x0
        for _, a, b in [*runs(columns[None, :], max(1, round(SEGMENT_GAP * size))).tolist(), (0, x1 - x0, 0)]:
            segment = _trimmed(ink, Segment((start, y0, x0 + a, y1), (y0, y1))) if x0 + a > start else None
            if segment is not None and segment.height > 0.2 * size:
                out.append(segment)
            start = x0 + b
    return out


def _walls(ink: np.ndarray, frames: list[Frame], em: float) -> np.ndarray | None:
    """True where text may not run through: the uprights of frames, and what is blank from top to bottom of a
    table that has none."""
    walls = None
    for frame in frames:
        if frame.kind in ("grid", "box", "bar"):
            walls = np.zeros(ink.shape, bool) if walls is None else walls
            _, y0, _, y1 = frame.box
            for number, x in enumerate(frame.xs):
                at = slice(max(0, round(x) - 1), round(x) + 2)
                if frame.kind != "grid" or number in (0, len(frame.xs) - 1):
                    walls[max(0, y0) : y1, at] = True
                    continue
                for row, (top, low) in enumerate(pairwise(frame.ys)):
                    if frame.has_right(row, number - 1):
                        walls[max(0, round(top)) : round(low), at] = True
        elif frame.kind == "rows":
            walls = np.zeros(ink.shape, bool) if walls is None else walls
            x0, y0, x1, y1 = frame.box
            blank = np.logical_not(np.logical_or.reduce(ink[y0:y1, x0:x1], 0))
            least = max(3, round((0.3 if y1 - y0 > 7 * em else 0.45) * em))
            for _, start, end in runs(blank[None, :], least).tolist():
                walls[y0:y1, x0 + (start + end) // 2] = True
    return walls


def _smear(ink: np.ndarray, em: float, walls: np.ndarray | None) -> np.ndarray:
    """Boxes int [n, 4] of ink whose horizontal gaps are closed; a line's words run together."""
    step = _step(em)
    height, width = ink.shape[0] // step * step, ink.shape[1] // step * step
    small = ink[:height, :width]
    if step == 2:
        small = small[::2, ::2] | small[1::2, ::2] | small[::2, 1::2] | small[1::2, 1::2]
    # The largest gap that is closed, in reduced pixels.
    gap = max(1, round(SEGMENT_GAP * em / step))
    mask = np.ones((small.shape[0], small.shape[1] + 2), bool)
    mask[:, 1:-1] = ~small
    fill = np.zeros(mask.shape, np.int32)
    paper = runs(mask, 1)
    inner = (paper[:, 2] - paper[:, 1] <= gap) & (paper[:, 1] > 0) & (paper[:, 2] < mask.shape[1])
    rows, starts, ends = paper[inner].T
    np.add.at(fill, (rows, starts), 1)
    np.add.at(fill, (rows, ends), -1)
    smeared = small | (np.cumsum(fill, 1)[:, 1:-1] > 0)
    if walls is not None:
        barred = walls[:height, :width]
        if step == 2:
            barred = barred[::2, ::2] | barred[::2, 1::2]
        smeared &= ~barred
    return labelled(smeared)[1] * step


def _whole(boxes: np.ndarray, em: float, walls: np.ndarray | None) -> list[Box]:
    """Boxes of whole segments: dots, accents, quotation marks and loose jamo joined to what they belong
    to."""
    gap = SEGMENT_GAP * em
    todo = [_box(box) for box in boxes]
    changed = True
    while changed:
        changed = False
        todo.sort(key=lambda box: (box[1] + box[3], box[0]))
        array = np.array(todo, np.int64).reshape(-1, 4)
        alive = np.ones(len(todo), bool)
        for i in range(len(todo)):
            if not alive[i]:
                continue
            box = array[i]
            dx = np.maximum(box[0], array[:, 0]) - np.minimum(box[2], array[:, 2])
            dy = np.maximum(box[1], array[:, 1]) - np.minimum(box[3], array[:, 3])
            low = np.minimum(box[3] - box[1], array[:, 3] - array[:, 1])
            thin = np.minimum(box[2] - box[0], array[:, 2] - array[:, 0])
            high = np.maximum(box[3], array[:, 3]) - np.minimum(box[1], array[:, 1])
            fits = high <= 1.25 * np.maximum(
                np.maximum(box[3] - box[1], array[:, 3] - array[:, 1]), 0.85 * em
            )
            # Side by side on one line, or parts of a letter above each other.
            beside = (dx <= np.maximum(gap, SEGMENT_GAP * low)) & (-dy >= 0.5 * low) & fits
            stacked = (-dx >= 0.5 * thin) & (dy <= 0.3 * em) & (low < 0.55 * em) & fits
            inside = (-dx >= 0.9 * thin) & (-dy >= 0.7 * low)
            # Finals of large loose letters hang below them, nearer than the next line ever stands.
            tall = np.maximum(box[3] - box[1], array[:, 3] - array[:, 1])
            hanging = (
                (-dx >= 0.7 * thin) & (dy <= _HANGING_GAP * em) & (low < 0.75 * tall) & (high < 1.9 * tall)
            )
            # So do the parts of one large syllable.
            wide = np.maximum(box[2], array[:, 2]) - np.minimum(box[0], array[:, 0])
            hanging |= (-dx >= 0.7 * thin) & (dy <= _HANGING_GAP * em) & (wide < 2.2 * em) & (high < 2.6 * em)
            # Underscores stand below what they are beside.
            underscore = (low < _FLAT * em) & (dx <= _UNDERSCORE * em) & (dy >= 0) & (dy <= 0.3 * em) & fits
            joined = np.flatnonzero((beside | stacked | hanging | inside | underscore) & alive).tolist()
            join = [j for j in joined if j != i and not _walled(walls, box, array[j])]
            if join:
                group = array[[i, *join]]
                array[i] = (*group[:, :2].min(0), *group[:, 2:].max(0))
                alive[join] = False
                changed = True
        todo = [_box(box) for box in array[alive]]
    return todo


def _box(values: np.ndarray) -> Box:
    x0, y0, x1, y1 = values.tolist()
    return x0, y0, x1, y1


def _walled(walls: np.ndarray | None, a: np.ndarray, b: np.ndarray) -> bool:
    """Whether a wall stands between two boxes side by side."""
    if walls is None:
        return False
    y = int(max(a[1], b[1]) + min(a[3], b[3])) // 2
    x0, x1 = int(min(a[2], b[2])), int(max(a[0], b[0]))
    return bool(walls[min(y, len(walls) - 1), x0:x1].any())


def _by_lines(box: Box, text: np.ndarray) -> list[Box]:
    """A box in which text boxes stand above each other, cut half way between them: a stamp or a long stroke
    has run their lines together."""
    x0, y0, x1, y1 = box
    centre = (text[:, :2] + text[:, 2:]) / 2
    inside = (centre[:, 0] > x0) & (centre[:, 0] < x1) & (centre[:, 1] > y0) & (centre[:, 1] < y1)
    lines = text[inside]
    lines = lines[np.argsort(lines[:, 1] + lines[:, 3])]
    cuts = [y0]
    for above, below in pairwise(lines.tolist()):
        apart = (below[1] + below[3] - above[1] - above[3]) / 2
        if apart > _LINES_APART * min(above[3] - above[1], below[3] - below[1]):
            cuts.append((above[3] + below[1]) // 2)
    return [(x0, a, x1, b) for a, b in pairwise([*cuts, y1]) if b > a]


def _split(ink: np.ndarray, box: Box, em: float) -> list[Segment]:
    """The lines of a box that holds several, cut in the valleys between them; mostly one."""
    x0, y0, x1, y1 = box
    # A short tall box is large type, whose syllables may have a blank row between their parts.
    high, wide = y1 - y0, x1 - x0
    if high < 1.5 * em or wide < (5 * high if high < 2.6 * em else 3 * em):
        return [Segment(box, (y0, y1))]
    profile = ink[y0:y1, x0:x1].sum(1).astype(np.float64)
    full = np.percentile(profile, 85)
    low = profile < 0.14 * full
    cuts = [0]
    for _, start, end in runs(low[None, :], 1).tolist():
        if start > cuts[-1] + 0.4 * em and end < y1 - y0 - 0.4 * em:
            cuts.append((start + end) // 2)
    if len(cuts) == 1:
        return [Segment(box, (y0, y1))]
    cuts.append(y1 - y0)
    parts = pairwise(cuts)
    return [Segment((x0, y0 + a, x1, y0 + b), (y0 + a, y0 + b)) for a, b in parts]


def _trimmed(ink: np.ndarray, segment: Segment) -> Segment | None:
    """The segment with its box around its ink, its core rows and its stroke width; None without ink."""
    x0, y0, x1, y1 = segment.box
    area = ink[y0:y1, x0:x1]
    rows, cols = area.sum(1), area.any(0)
    if not cols.any():
        return None
    across, down = np.flatnonzero(cols), np.flatnonzero(rows)
    box = (x0 + int(across[0]), y0 + int(down[0]), x0 + int(across[-1]) + 1, y0 + int(down[-1]) + 1)
    dense = np.flatnonzero(rows >= 0.16 * rows.max())
    core = (y0 + int(dense[0]), y0 + int(dense[-1]) + 1)
    # Ink area over its outline is half a stroke's width.
    outline = np.count_nonzero(area[:, 1:] != area[:, :-1]) + np.count_nonzero(area[1:] != area[:-1])
    stroke = 2 * float(rows.sum()) / max(int(outline), 1)
    blanks = np.diff(across)
    return replace(
        segment,
        box=box,
        core=core,
        weight=stroke / max(1, int(down[-1] - down[0]) + 1),
        inner=int(blanks.max()) - 1 if len(blanks) else 0,
    )


def _is_speck(segment: Segment, em: float) -> bool:
    return max(segment.height, segment.width) < _SPECK * em


def _is_mark(segment: Segment, segments: Sequence[Segment], em: float) -> bool:
    """Whether text begins close behind a dot, in its height: then it is the mark of a list item."""
    _, y0, x1, y1 = segment.box
    return any(
        x1 < other.box[0] < x1 + 1.5 * em and other.box[1] < (y0 + y1) / 2 < other.box[3]
        for other in segments
        if other.height > 0.5 * em
    )


def _may_be_text(segment: Segment, em: float, frames: list[Frame]) -> bool:
    """Not an upright stroke longer than a letter, or a remnant of a frame's rule."""
    x0, y0, x1, y1 = segment.box
    high, wide = segment.height, segment.width
    if high > 1.5 * em and wide < 0.3 * high:
        return False
    near = _NEAR_RULE * em
    for frame in frames:
        fx0, fy0, fx1, fy1 = frame.box
        if x1 < fx0 - near or x0 > fx1 + near or y1 < fy0 - near or y0 > fy1 + near:
            continue
        if high < 0.35 * em and any(abs(y - (y0 + y1) / 2) < near for y in (*frame.ys, fy0, fy1)):
            return False
        if wide < near and any(abs(x - (x0 + x1) / 2) < near for x in (*frame.xs, fx0, fx1)):
            return False
    return True


def measure(segments: list[Segment], em: float) -> list[Segment]:
    """Give each segment the ink height of a full line in its type (`size`).

    A line of digits or small letters has less ink height than Hangul of the same size: it takes the height
    of near segments that are somewhat taller and of the same kind.

    Args:
        segments: of a page.
        em: its pixels per em.
    """
    if not segments:
        return []
    tops = np.array([s.core[0] for s in segments], np.float64)
    lows = np.array([s.core[1] for s in segments], np.float64)
    heights = np.array([s.height for s in segments], np.float64)
    cores = lows - tops
    widths = np.array([s.width for s in segments], np.float64)
    lefts = np.array([s.box[0] for s in segments], np.float64)
    rights = lefts + widths
    middles = (tops + lows) / 2
    out = []
    for i, segment in enumerate(segments):
        height = heights[i]
        dy = np.abs(middles - middles[i])
        dx = np.maximum(lefts, lefts[i]) - np.minimum(rights, rights[i])
        # As tall or taller: among lines of its own height a segment is what it is.
        similar = (heights > height * 0.94) & (heights < height * 2.1) & (heights < 1.5 * max(em, height))
        taller = np.maximum(cores, cores[i])
        beside = (dy < 0.7 * taller) & (dx < 12 * em)
        # What hangs lower than its line's letters is set smaller than they are.
        aligned = beside & (dy < 0.45 * taller) & (lows[i] - lows < _HANGS * heights)
        close = (dy < 3.2 * em) & (dx < 4 * em) & (heights < height * 1.55)
        near = np.flatnonzero(similar & (aligned | close))
        size = height
        if len(near) > 1:  # itself and others
            # Wide segments hold a full alphabet, so their height can be trusted.
            trust = np.minimum(widths[near], 10 * em)
            order = np.argsort(heights[near])
            share = np.cumsum(trust[order]) / trust.sum()
            typical = float(heights[near][order][np.searchsorted(share, 0.6)])
            if segment.width < 6 * em or typical < 1.4 * height:
                size = max(height, typical)
        elif segment.width < 6 * em and height < 0.9 * em:
            # Alone on its place, a page number say: rather read somewhat small than blown up.
            size = min(em, (_BESIDE if np.count_nonzero(beside) > 1 else _DIGITS) * height)
        # Punctuation and dashes on their own are not enlarged beyond the page's type.
        if size < 0.6 * em and segment.width < 3 * em:
            size = 0.75 * em
        out.append(replace(segment, size=float(size)))
    return out
