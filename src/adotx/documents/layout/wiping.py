"""A ruling line off a page, the print that it crosses or underlines left.

In: a clean page and a rule. Out: the page without it. Knows no frames and no text.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from adotx.documents.layout.clean import PAPER, CleanPage

# Print over a rule or at its fringe is darker by so many grey levels; a fringe is as light as this per cent
# of its row; letters reach so many pixels beside what is seen of them above it.
_DARKER, _FRINGE, _WIDER = 60.0, 75.0, 2


@dataclass(frozen=True)
class Rule:
    """One straight line: `at` is its middle across, `start`..`end` its extent along, in pixels."""

    at: float
    start: int
    end: int
    thick: int

    @property
    def length(self) -> int:
        return self.end - self.start


def wipe(page: CleanPage, rule: Rule, vertical: bool, more: int) -> None:
    """Paint paper over a rule and `more` pixels beyond its ends, but for strokes that cross it."""
    ink, faint, gray = (
        (page.ink.T, page.faint.T, page.gray.T) if vertical else (page.ink, page.faint, page.gray)
    )
    reach = rule.thick / 2 + 1.5
    top, low = max(0, int(rule.at - reach)), min(ink.shape[0], int(np.ceil(rule.at + reach)) + 1)
    start, end = max(0, rule.start - more), min(ink.shape[1], rule.end + more)
    area = np.s_[top:low, start:end]
    above, below = ink[max(0, top - 2) : top, start:end], ink[low : low + 2, start:end]
    crossed = np.zeros(end - start, bool)
    if len(above) and len(below):
        crossed |= np.all(above, 0) & np.all(below, 0)
    if crossed.mean() > 0.5:
        crossed[:] = False
    # Print over a faint rule is darker than the rule, whose darkest row counts.
    darkest = gray[top:low, rule.start : rule.end].min(0)
    keep = crossed[None, :] | (gray[area] < float(np.median(darkest)) - _DARKER)
    # Letters stand on an underline: beyond the rule's own rows what is darker than its fringe is theirs.
    first, last = (round(rule.at + side * (rule.thick - 1) / 2) for side in (-1, 1))
    for beside, rows in ((above, slice(0, first - top)), (below, slice(last + 1 - top, None))):
        letters = gray[area][rows]
        if len(beside) and len(letters):
            fringe = np.percentile(letters, _FRINGE, axis=1)[:, None]
            keep[rows] |= _beside(beside) & (letters < fringe - _DARKER)
    ink[area] &= keep
    faint[area] &= keep
    gray[area] = np.where(keep, gray[area], np.uint8(PAPER))


def _beside(rows: np.ndarray) -> np.ndarray:
    """Columns that have ink in rows [n, W], and some beside them."""
    columns = np.logical_or.reduce(rows, 0).astype(np.uint8)[None, :]
    return cv2.dilate(columns, np.ones((1, 2 * _WIDER + 1), np.uint8))[0] > 0
