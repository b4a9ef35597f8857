"""Text that runs from top to bottom with its letters upright, told and made text that is turned clockwise.

In: the `Glyphs` of a page. Out: the same, where most of the page is written so with the direction, baselines
and rooms of a line that runs down: whatever knows turned text then reads columns from right to left. Knows no
PDFium and no words.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from adotx.documents.text_layer.glyphs import Glyphs

# A letter under another one: so far below it, in em, and so little beside it.
_DOWN, _BESIDE = (0.5, 2.2), 0.4
# Of a page's letters those that have one under or over them, at least so many.
_MOSTLY, _LEAST = 0.6, 12
# Where the middle of a letter is over its baseline, in em.
_MIDDLE = 0.33


def as_written(glyphs: Glyphs) -> Glyphs:
    """The glyphs, those that are written downwards turned by a quarter clockwise."""
    letters = np.flatnonzero(~glyphs.blank)
    middles = (glyphs.rooms[:, :2] + glyphs.rooms[:, 2:]) / 2
    em = np.minimum(glyphs.ems[letters[1:]], glyphs.ems[letters[:-1]])
    step = (middles[letters[1:]] - middles[letters[:-1]]) / em[:, None]
    down = (np.abs(step[:, 0]) < _BESIDE) & (step[:, 1] > _DOWN[0]) & (step[:, 1] < _DOWN[1])
    down &= (glyphs.turns[letters[1:]] == 0) & (glyphs.turns[letters[:-1]] == 0)
    under = np.zeros(len(letters), bool)
    under[1:] |= down
    under[:-1] |= down
    if under.sum() < max(_LEAST, _MOSTLY * (glyphs.turns[letters] == 0).sum()):
        return glyphs
    chosen = np.zeros(len(glyphs), bool)
    chosen[letters[under]] = True
    # A blank is of the line of the letter before it.
    before = np.maximum.accumulate(np.where(glyphs.blank, -1, np.arange(len(glyphs))))
    chosen |= glyphs.blank & (glyphs.turns == 0) & np.where(before < 0, False, chosen[before])
    half = glyphs.ems[chosen, None] / 2
    rooms, bases, turns = glyphs.rooms.copy(), glyphs.bases.copy(), glyphs.turns.copy()
    rooms[chosen] = np.concatenate([middles[chosen] - half, middles[chosen] + half], 1)
    bases[chosen] = _MIDDLE * glyphs.ems[chosen] - middles[chosen, 0]
    turns[chosen] = 1
    return replace(glyphs, rooms=rooms, bases=bases, turns=turns)
