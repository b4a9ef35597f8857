"""Glyphs in, pieces of text lines with what they say out.

In: the `Glyphs` of one direction of writing, upright. Out: `Piece`s, each the words of a line up to a gap of
about 0.7 em: what stands beside it in another cell or column is another piece. The order in which the file
draws is a hint and no more; blanks that it leaves out are told by gaps. Knows no PDFium, pictures or blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from adotx.documents.text_layer.characters import composed, text_of
from adotx.documents.text_layer.glyphs import Glyphs

#: gaps of so many em part pieces, as they do where pixels are read (`adotx.documents.layout.lines`)
PIECE_GAP = 0.7
# Where the file draws blanks, gaps of so many em without one part cells.
_CELL_GAP = 0.45
# Of other glyphs, the share of blanks from which on a file draws them.
_BLANKS = 0.06
# Glyphs of one run stand on one baseline, within so many em, and do not run back by more.
_BASE, _BACK = 0.22, 0.5
# Gaps above this are word spaces where the file draws none, in em more than between letters.
_WORD_GAP = 0.13
# The same where the file draws its blanks: of one script, and between Hangul and Latin.
_UNDRAWN, _BETWEEN_SCRIPTS = 0.2, 0.34
# Of fewer gaps the narrowest shows how letters are set, of more the middle one.
_FEW = 6
# A piece is above and below its baseline, in em: where most of the ink of a line is.
ABOVE, BELOW = 0.76, 0.1
# Two pieces overlap in height by this share of the lower one to be of one line.
_OF_ONE_LINE = 0.6
# The same letter drawn twice so near, in em, is drawn once: boldly, or with a shadow.
_TWICE = 0.12


@dataclass(frozen=True)
class Wall:
    """An upright line that text does not run through: (x, top, bottom)."""

    x: float
    top: float
    bottom: float


@dataclass
class Piece:
    """Text that stands together on one line.

    Attributes:
        text: what it says, blanks single.
        box: (x0, y0, x1, y1) around its shapes.
        base, em: its baseline and pixels per em, of most of its glyphs.
        glyphs: places of its glyphs, in order.
        words: (text, x0, x1) of each word.
        bold, fixed: of most of its letters.
        typed: somebody has typed it over the page: its size says nothing.
    """

    text: str
    box: tuple[float, float, float, float]
    base: float
    em: float
    glyphs: np.ndarray
    words: list[tuple[str, float, float]] = field(default_factory=list)
    bold: bool = False
    fixed: bool = False
    typed: bool = False

    @property
    def core(self) -> tuple[float, float]:
        """Top and bottom of where most of its ink is."""
        return self.base - ABOVE * self.em, self.base + BELOW * self.em


def pieces_of(glyphs: Glyphs, walls: Sequence[Wall] = ()) -> list[Piece]:
    """The pieces of a page's lines, in no particular order.

    Args:
        glyphs: upright, of one direction of writing, none of them twice.
        walls: text on both sides of one is never of one piece.
    """
    drawn = np.flatnonzero(~glyphs.blank)
    drawn = drawn[[bool(text_of(int(code))) for code in glyphs.codes[drawn]]]
    if not len(drawn):
        return []
    runs = _runs(glyphs, drawn, walls)
    chains = _chained(glyphs, runs, walls)
    return [_piece(glyphs, chain) for chain in chains]


def once(glyphs: Glyphs) -> Glyphs:
    """The glyphs without those that are drawn a second time at the same place."""
    kept = np.ones(len(glyphs), bool)
    seen: dict[tuple[int, int, int, int], list[int]] = {}
    step = np.maximum(_TWICE * np.round(glyphs.ems), 0.5)
    xs, ys = glyphs.rooms[:, 0] / step, glyphs.bases / step
    keys = np.stack([glyphs.codes, np.round(glyphs.ems), np.round(xs), np.round(ys)], 1).astype(np.int64)
    by = glyphs.objects.tolist()
    for number in np.flatnonzero(~glyphs.blank).tolist():
        code, em, cx, cy = keys[number].tolist()
        for at in seen.get((code, em, cx, cy), ()):
            near = abs(xs[at] - xs[number]) < 1 and abs(ys[at] - ys[number]) < 1
            kept[number] &= not near or by[at] == by[number]
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                seen.setdefault((code, em, cx + dx, cy + dy), []).append(number)
    return glyphs[kept]


def _draws_blanks(glyphs: Glyphs) -> bool:
    """Whether a file draws the blanks between words: most do; browsers leave room for them."""
    blank = int(glyphs.blank.sum())
    return blank > _BLANKS * (len(glyphs) - blank)


def _runs(glyphs: Glyphs, drawn: np.ndarray, walls: Sequence[Wall]) -> list[np.ndarray]:
    """Glyphs that the file draws one after the other and that stand side by side."""
    em = np.maximum(glyphs.ems[drawn][1:], glyphs.ems[drawn][:-1])
    low = np.minimum(glyphs.ems[drawn][1:], glyphs.ems[drawn][:-1])
    gap = glyphs.rooms[drawn[1:], 0] - glyphs.rooms[drawn[:-1], 2]
    step = np.abs(glyphs.bases[drawn][1:] - glyphs.bases[drawn][:-1])
    widest = np.where(_draws_blanks(glyphs) & (np.diff(drawn) == 1), _CELL_GAP, PIECE_GAP)
    parted = (step > _BASE * low) | (gap > widest * low) | (gap < -_BACK * low) | (em > 1.35 * low)
    for at in np.flatnonzero(~parted & (gap > 0)).tolist():
        parted[at] = _walled(glyphs, drawn[at], drawn[at + 1], walls)
    return np.split(drawn, np.flatnonzero(parted) + 1)


def _walled(glyphs: Glyphs, left: int, right: int, walls: Sequence[Wall]) -> bool:
    a, b = (float(x) for x in (glyphs.boxes[left, 2], glyphs.boxes[right, 0]))
    y = float(glyphs.bases[left] - 0.35 * glyphs.ems[left])
    return any(a - 1 <= wall.x <= b + 1 and wall.top <= y <= wall.bottom for wall in walls)


def _chained(glyphs: Glyphs, runs: list[np.ndarray], walls: Sequence[Wall]) -> list[np.ndarray]:
    """Runs that stand side by side on one line put together, whatever the file draws between them."""
    first, last = (np.array([run[at] for run in runs]) for at in (0, -1))
    ems = np.array([np.median(glyphs.ems[run]) for run in runs])
    bases = np.array([np.median(glyphs.bases[run]) for run in runs])
    tops, lows = bases - ABOVE * ems, bases + BELOW * ems
    starts, ends = glyphs.rooms[first, 0], glyphs.rooms[last, 2]
    blanks, blank = _draws_blanks(glyphs), np.append(glyphs.blank, False)
    after, before = blank[last + 1], blank[first - 1]
    follower: dict[int, int] = {}
    taken: dict[int, tuple[float, int]] = {}
    order = np.argsort(bases, kind="stable")
    sorted_bases = bases[order]
    reach = 1.2 * float(ems.max())
    for number in range(len(runs)):
        window = order[
            np.searchsorted(sorted_bases, bases[number] - reach) : np.searchsorted(
                sorted_bases, bases[number] + reach
            )
        ]
        small = np.minimum(ems[window], ems[number])
        gap = starts[window] - ends[number]
        parting = np.where(blanks & ~after[number] & ~before[window], _CELL_GAP, PIECE_GAP)
        overlap = np.minimum(lows[window], lows[number]) - np.maximum(tops[window], tops[number])
        high = np.minimum(lows[window] - tops[window], lows[number] - tops[number])
        fits = (gap < parting * small) & (gap > -_BACK * small) & (overlap > _OF_ONE_LINE * high)
        fits &= (window != number) & (starts[window] > starts[number])
        for at in window[fits][np.argsort(gap[fits])].tolist():
            distance = abs(float(starts[at] - ends[number]))
            if _walled(glyphs, last[number], first[at], walls) or taken.get(at, (np.inf, 0))[0] <= distance:
                continue
            if at in taken:
                follower.pop(taken[at][1], None)
            taken[at] = distance, number
            follower[number] = at
            break
    chains = []
    for number in range(len(runs)):
        if number in taken:
            continue
        chain, at = [runs[number]], number
        while at in follower:
            at = follower[at]
            chain.append(runs[at])
        chains.append(np.concatenate(chain))
    return chains


def _piece(glyphs: Glyphs, chain: np.ndarray) -> Piece:
    texts = [text_of(int(code)) for code in glyphs.codes[chain]]
    gaps = _spaces(glyphs, chain)
    boxes = glyphs.boxes[chain]
    words: list[tuple[str, float, float]] = []
    said: list[str] = []
    start = 0
    for at in range(len(chain) + 1):
        if at == len(chain) or (at and gaps[at - 1]):
            word = composed("".join(texts[start:at]))
            for part in word.split():  # of a glyph that stands for several words
                said.append(part)
                words.append((part, float(boxes[start:at, 0].min()), float(boxes[start:at, 2].max())))
            start = at
    em = _usual(glyphs.ems[chain], glyphs.rooms[chain])
    main = np.abs(glyphs.ems[chain] - em) < 0.05 * em
    faces = [glyphs.fonts[face] for face in glyphs.faces[chain].tolist()]
    return Piece(
        " ".join(said),
        (
            float(boxes[:, 0].min()),
            float(boxes[:, 1].min()),
            float(boxes[:, 2].max()),
            float(boxes[:, 3].max()),
        ),
        float(np.median(glyphs.bases[chain][main] if main.any() else glyphs.bases[chain])),
        em,
        chain,
        words,
        2 * sum(face.bold for face in faces) > len(faces),
        2 * sum(face.fixed for face in faces) > len(faces),
    )


def _usual(ems: np.ndarray, rooms: np.ndarray) -> float:
    """The size that most of the width is set in."""
    order = np.argsort(ems)
    width = np.maximum(rooms[:, 2] - rooms[:, 0], 1e-3)[order]
    return float(ems[order][np.searchsorted(np.cumsum(width), 0.5 * width.sum())])


def _spaces(glyphs: Glyphs, chain: np.ndarray) -> np.ndarray:
    """bool [n - 1]: whether a word ends behind each glyph but the last."""
    if len(chain) < 2:
        return np.zeros(0, bool)
    blank = glyphs.blank
    after = np.append(blank[1:], False)[chain[:-1]]
    before = np.insert(blank[:-1], 0, False)[chain[1:]]
    em = np.minimum(glyphs.ems[chain[1:]], glyphs.ems[chain[:-1]])
    gap = (glyphs.rooms[chain[1:], 0] - glyphs.rooms[chain[:-1], 2]) / em
    drawn = after | before
    # What is set wide has gaps between all letters.
    letters = gap[~drawn]
    few = len(letters) < _FEW
    usual = float(np.clip(np.percentile(letters, 0 if few else 50), -0.1, 0.5)) if len(letters) else 0.0
    least = np.full(len(gap), _WORD_GAP)
    if _draws_blanks(glyphs):
        # Room without a blank may be what typesetting puts between Hangul and Latin.
        hangul = (glyphs.codes[chain] >= 0x1100) & (glyphs.codes[chain] < 0xFF00)
        least = np.where(hangul[1:] != hangul[:-1], _BETWEEN_SCRIPTS, _UNDRAWN)
    wide = gap > least + usual
    # A blank that is drawn elsewhere on the page, with no room for it here, is none of this line.
    return (drawn & (gap > -0.3)) | wide
