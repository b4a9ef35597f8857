"""Glyphs in, pieces of text lines with what they say out.

In: the `Glyphs` of one direction of writing, upright. Out: `Piece`s, each the words of a line up to a gap of
about 0.7 em: what stands beside it in another cell or column is another piece. The order in which the file
draws is a hint and no more; blanks that it leaves out are told by gaps. Knows no PDFium, pictures or blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from adotx.documents.assembly.joins import SOFT_HYPHEN
from adotx.documents.text_layer.characters import composed, has_parts, text_of
from adotx.documents.text_layer.glyphs import Glyphs

#: gaps of so many em part pieces, as they do where pixels are read (`adotx.documents.layout.lines`)
PIECE_GAP = 0.7
#: gaps of so many em part words of one script wherever blanks are not drawn
WORD_GAP = 0.13
#: where the file draws blanks, gaps of so many em without one part cells
CELL_GAP = 0.45
# Of the lines of so many em that another stands under, the share with a blank at their end from which on a
# file draws those.
_LONG, _ENDS = 10.0, 0.08
# Of other glyphs, the share of blanks from which on a file draws them.
_BLANKS = 0.06
# Glyphs of one run stand on one baseline, within so many em, and do not run back by more.
_BASE, _BACK = 0.22, 0.5
# Gaps above this are word spaces where the file draws none, in em more than between letters: between Hangul
# and Latin, and of one script. The same where the file draws its blanks.
_UNBLANKED, _UNDRAWN = (0.21, WORD_GAP), (0.34, 0.2)
# Of fewer gaps the narrowest shows how letters are set, of more what a fifth of them is below: most words of
# a line may have one letter.
_FEW, _NARROW = 6, 0.2
# Gaps are as wide as those between words from this share on; those are alike where they differ by less em.
_AS_WIDE, _EVEN = 0.95, 0.04
# What programs that part words at a line's end write there, unlike people.
_HYPHEN = "\u2010"
# A piece is above and below its baseline, in em: where most of the ink of a line is.
ABOVE, BELOW = 0.76, 0.1
# Two pieces overlap in height by this share of the lower one to be of one line.
_OF_ONE_LINE = 0.6
# The same letter drawn twice so near, in em, is drawn once: boldly, or with a shadow.
_TWICE = 0.12
# Pairs of runs that are looked at together: what bounds the memory of a page of dust.
_PAIRS = 1_000_000


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
        ends_word: whether the file draws a blank behind it; None where it draws none at lines' ends.
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
    ends_word: bool | None = None

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
    return parted(glyphs, _pieces(glyphs, _chained(glyphs, runs_of(glyphs))), walls)


def parted(glyphs: Glyphs, pieces: list[Piece], walls: Sequence[Wall]) -> list[Piece]:
    """The pieces, those that walls run through in two or more; the others are the same objects."""
    if not walls or not pieces:
        return pieces
    flat, owner, _ = _flat([piece.glyphs for piece in pieces])
    left, right = flat[:-1], flat[1:]
    beside = glyphs.rooms[right, 0] > glyphs.rooms[left, 2]
    gaps = np.flatnonzero((owner[1:] == owner[:-1]) & (beside | (right - left != 1)))
    a, b = glyphs.boxes[left[gaps], 2] - 1, glyphs.boxes[right[gaps], 0] + 1
    y = glyphs.bases[left[gaps]] - 0.35 * glyphs.ems[left[gaps]]
    crossed = np.zeros(len(gaps), bool)
    for wall in walls:
        crossed |= (a <= wall.x) & (wall.x <= b) & (wall.top <= y) & (y <= wall.bottom)
    cut = set(owner[gaps[crossed]].tolist())
    ends = np.union1d(np.flatnonzero(np.diff(owner)), gaps[crossed]) + 1
    owners = owner[np.append(0, ends)].tolist()
    chains = [chain for chain, of in zip(_split(flat, ends), owners, strict=True) if of in cut]
    return [piece for at, piece in enumerate(pieces) if at not in cut] + _pieces(glyphs, chains)


def once(glyphs: Glyphs) -> Glyphs:
    """The glyphs without those that are drawn a second time at the same place."""
    kept = np.ones(len(glyphs), bool)
    seen: dict[tuple[int, int, int, int], list[int]] = {}
    step = np.maximum(_TWICE * np.round(glyphs.ems), 0.5)
    xs, ys = glyphs.rooms[:, 0] / step, glyphs.rooms[:, 1] / step  # in whatever direction it is written
    keys = np.stack([glyphs.codes, np.round(glyphs.ems), np.round(xs), np.round(ys)], 1).astype(np.int64)
    by = glyphs.objects.tolist()
    for number in np.flatnonzero(~glyphs.blank & _maybe_twice(keys, xs, ys)).tolist():
        code, em, cx, cy = keys[number].tolist()
        for at in seen.get((code, em, cx, cy), ()):
            near = abs(xs[at] - xs[number]) < 1 and abs(ys[at] - ys[number]) < 1
            kept[number] &= not near or by[at] == by[number]
        for dx in (-1, 0, 1):
            for dy in (-1, 0, 1):
                seen.setdefault((code, em, cx + dx, cy + dy), []).append(number)
    return glyphs if kept.all() else glyphs[kept]


def _maybe_twice(keys: np.ndarray, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """bool [n]: glyphs that share a square two steps wide with one of the same code and size; what lies less
    than a step apart does, in one of four ways to lay the squares."""
    found = np.zeros(len(keys), bool)
    same = keys[:, 0] * 1_000_003 + keys[:, 1]
    for dx in (0, 1):
        for dy in (0, 1):
            x, y = (np.floor(places / 2).astype(np.int64) for places in (xs + dx, ys + dy))
            square = same * 15_485_863 + x * 7_368_787 + y
            _, back, count = np.unique(square, return_inverse=True, return_counts=True)
            found |= count[back] > 1
    return found


def runs_of(glyphs: Glyphs) -> list[np.ndarray]:
    """Places of glyphs that the file draws one after the other and that stand side by side; those that say
    nothing are in none."""
    drawn = np.flatnonzero(~glyphs.blank)
    codes, back = np.unique(glyphs.codes[drawn], return_inverse=True)
    drawn = drawn[np.array([bool(text_of(code)) for code in codes.tolist()], bool)[back]]
    if not len(drawn):
        return []
    em = np.maximum(glyphs.ems[drawn][1:], glyphs.ems[drawn][:-1])
    low = np.minimum(glyphs.ems[drawn][1:], glyphs.ems[drawn][:-1])
    gap = glyphs.rooms[drawn[1:], 0] - glyphs.rooms[drawn[:-1], 2]
    step = np.abs(glyphs.bases[drawn][1:] - glyphs.bases[drawn][:-1])
    widest = np.where(_draws_blanks(glyphs) & (np.diff(drawn) == 1), CELL_GAP, PIECE_GAP)
    apart = (step > _BASE * low) | (gap > widest * low) | (gap < -_BACK * low) | (em > 1.35 * low)
    return _split(drawn, np.flatnonzero(apart) + 1)


def _split(places: np.ndarray, at: np.ndarray) -> list[np.ndarray]:
    ends = at.tolist()
    return [places[start:end] for start, end in zip([0, *ends], [*ends, len(places)], strict=True)]


def _draws_blanks(glyphs: Glyphs) -> bool:
    """Whether a file draws the blanks between words: most do; browsers leave room for them."""
    blank = int(glyphs.blank.sum())
    return blank > _BLANKS * (len(glyphs) - blank)


def _chained(glyphs: Glyphs, runs: list[np.ndarray]) -> list[np.ndarray]:
    """Runs that stand side by side on one line put together, whatever the file draws between them."""
    if not runs:
        return []
    follower: dict[int, int] = {}
    taken: dict[int, tuple[float, int]] = {}
    done = -1  # who has found a follower
    for number, at, distance in _neighbours(glyphs, runs):
        if number == done or taken.get(at, (np.inf, 0))[0] <= distance:
            continue
        if at in taken:
            follower.pop(taken[at][1], None)
        taken[at] = distance, number
        follower[number] = at
        done = number
    chains = []
    for number in range(len(runs)):
        if number in taken:
            continue
        chain, at = [runs[number]], number
        while at in follower:
            at = follower[at]
            chain.append(runs[at])
        chains.append(np.concatenate(chain) if len(chain) > 1 else chain[0])
    return chains


def _neighbours(glyphs: Glyphs, runs: list[np.ndarray]) -> Iterator[tuple[int, int, float]]:
    """(run, one that may go on with it, pixels between them), run by run, the nearest first."""
    flat, ids, first = _flat(runs)
    last = np.append(first[1:], len(flat)) - 1
    ems, bases = _medians(glyphs.ems[flat], ids), _medians(glyphs.bases[flat], ids)
    tops, lows = bases - ABOVE * ems, bases + BELOW * ems
    starts, ends = glyphs.rooms[flat[first], 0], glyphs.rooms[flat[last], 2]
    blanks, blank = _draws_blanks(glyphs), np.append(glyphs.blank, False)
    after, before = blank[flat[last] + 1], blank[flat[first] - 1]
    order = np.argsort(bases, kind="stable")
    reach = 1.2 * float(ems.max())
    low = np.searchsorted(bases[order], bases - reach)
    many = np.searchsorted(bases[order], bases + reach) - low
    block = max(1, _PAIRS // max(1, int(many.max())))
    for at in range(0, len(runs), block):
        part = np.arange(at, min(at + block, len(runs)))
        one = np.repeat(part, many[part])
        within = np.arange(len(one)) - np.repeat(np.cumsum(many[part]) - many[part], many[part])
        other = order[low[one] + within]
        gap = starts[other] - ends[one]
        small = np.minimum(ems[other], ems[one])
        near = (gap < PIECE_GAP * small) & (gap > -_BACK * small)
        near &= (other != one) & (starts[other] > starts[one])
        one, other, gap, small = one[near], other[near], gap[near], small[near]
        parting = np.where(blanks & ~after[one] & ~before[other], CELL_GAP, PIECE_GAP)
        overlap = np.minimum(lows[other], lows[one]) - np.maximum(tops[other], tops[one])
        high = np.minimum(lows[other] - tops[other], lows[one] - tops[one])
        fits = (gap < parting * small) & (overlap > _OF_ONE_LINE * high)
        one, other, gap = one[fits], other[fits], gap[fits]
        nearest = np.lexsort((gap, one))
        yield from zip(
            one[nearest].tolist(), other[nearest].tolist(), np.abs(gap[nearest]).tolist(), strict=True
        )


def _flat(groups: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups of places in one array, the number of each one's group, where each group begins in it."""
    sizes = np.array([len(group) for group in groups])
    return np.concatenate(groups), np.repeat(np.arange(len(groups)), sizes), np.cumsum(sizes) - sizes


def _medians(values: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The median of each group; `ids` are sorted, and none is missing."""
    ordered = values[np.lexsort((values, ids))]
    count = np.bincount(ids)
    start = np.cumsum(count) - count
    return np.asarray((ordered[start + (count - 1) // 2] + ordered[start + count // 2]) / 2)


def _pieces(glyphs: Glyphs, chains: list[np.ndarray]) -> list[Piece]:
    """A piece for each chain of glyphs."""
    if not chains:
        return []
    flat, ids, first = _flat(chains)
    boxes = glyphs.boxes[flat]
    ems = _usual(glyphs.ems[flat], glyphs.rooms[flat], ids, first)
    main = np.abs(glyphs.ems[flat] - ems[ids]) < 0.05 * ems[ids]
    bases = _medians(glyphs.bases[flat][main], ids[main])
    lows, highs = np.minimum.reduceat(boxes[:, :2], first), np.maximum.reduceat(boxes[:, 2:], first)
    size = np.diff(np.append(first, len(flat)))
    bolds, fixeds = (
        2 * np.add.reduceat(np.array(flags, int)[glyphs.faces[flat]], first) > size
        for flags in ([face.bold for face in glyphs.fonts], [face.fixed for face in glyphs.fonts])
    )
    ends_words = _ends_words(glyphs, flat[first], flat[np.append(first[1:], len(flat)) - 1])
    begins = np.insert(_spaces(glyphs, flat, ids, len(chains)) | (ids[1:] != ids[:-1]), 0, True)
    at = np.flatnonzero(begins)
    x0, x1 = np.minimum.reduceat(boxes[:, 0], at).tolist(), np.maximum.reduceat(boxes[:, 2], at).tolist()
    codes = glyphs.codes[flat]
    texts = [text_of(code) for code in codes.tolist()]
    whole = composed if has_parts(codes) else str
    words: list[list[tuple[str, float, float]]] = [[] for _ in chains]
    ends = [*at[1:].tolist(), len(flat)]
    for start, end, of, left, right in zip(at.tolist(), ends, ids[at].tolist(), x0, x1, strict=True):
        for part in whole("".join(texts[start:end])).split():  # of a glyph that stands for several words
            words[of].append((part, left, right))
    for said in words:
        if said and len(said[-1][0]) > 1 and said[-1][0].endswith(_HYPHEN):
            said[-1] = (said[-1][0][:-1] + SOFT_HYPHEN, *said[-1][1:])
    columns = (
        words,
        lows.tolist(),
        highs.tolist(),
        bases.tolist(),
        ems.tolist(),
        chains,
        bolds.tolist(),
        fixeds.tolist(),
        [None] * len(chains) if ends_words is None else ends_words.tolist(),
    )
    return [
        Piece(
            " ".join(word[0] for word in said),
            (*low, *high),
            base,
            em,
            chain,
            said,
            bold,
            fixed,
            ends_word=end,
        )
        for said, low, high, base, em, chain, bold, fixed, end in zip(*columns, strict=True)
    ]


def _ends_words(glyphs: Glyphs, first: np.ndarray, last: np.ndarray) -> np.ndarray | None:
    """bool [n]: whether a blank is drawn behind each piece, from its `first` glyph to its `last`; None where
    the file draws no blanks at the ends of lines, as browsers do not: then nothing can be said."""
    blank = np.append(glyphs.blank, False)
    drawn = np.flatnonzero(~glyphs.blank)
    following = np.append(drawn, len(glyphs))[np.searchsorted(drawn, last, side="right")]
    goes_on = following < len(glyphs)
    a, b = last[goes_on], following[goes_on]
    step = (glyphs.bases[b] - glyphs.bases[a]) / glyphs.ems[a]
    long = glyphs.rooms[a, 2] - glyphs.rooms[first[goes_on], 0] > _LONG * glyphs.ems[a]
    under = (step > 0.8) & (step < 2.6) & (glyphs.rooms[b, 0] < glyphs.rooms[a, 0]) & long
    ended = blank[a + 1] & under
    return blank[last + 1] if ended.sum() > max(1, _ENDS * under.sum()) else None


def _as_between_words(gap: np.ndarray, alike: np.ndarray, words: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """bool [n]: gaps that are as wide as those between words of one script on their line, or, where there are
    none, on a page on which all of those are as wide.

    Args:
        gap: in em; `alike`: between letters of one script; `words`: known to part words; `ids`: of the line.
    """
    sure = words & alike
    if not sure.any():
        return sure
    level = np.full(int(ids.max()) + 1, np.inf)
    np.minimum.at(level, ids[sure], gap[sure])
    low, high = np.percentile(gap[sure], (10, 90))
    if high - low < _EVEN:
        level[np.isinf(level)] = low
    return np.asarray(gap > _AS_WIDE * level[ids])


def _usual(ems: np.ndarray, rooms: np.ndarray, ids: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The size that most of the width of each group is set in."""
    order = np.lexsort((ems, ids))
    width = np.maximum(rooms[:, 2] - rooms[:, 0], 1e-3)[order]
    total = np.add.reduceat(width, first)
    before = np.cumsum(total) - total
    return np.asarray(ems[order][np.searchsorted(np.cumsum(width), before + 0.5 * total)])


def _spaces(glyphs: Glyphs, flat: np.ndarray, ids: np.ndarray, count: int) -> np.ndarray:
    """bool [n - 1]: whether a word ends behind each glyph but the last."""
    left, right, inside = flat[:-1], flat[1:], ids[1:] == ids[:-1]
    blank = np.append(glyphs.blank, False)
    drawn = blank[left + 1] | blank[right - 1]
    gap = (glyphs.rooms[right, 0] - glyphs.rooms[left, 2]) / np.minimum(glyphs.ems[left], glyphs.ems[right])
    # What is set wide has gaps between all letters.
    letters = np.flatnonzero(inside & ~drawn)
    many = np.bincount(ids[letters], minlength=count)
    usual = np.zeros(count)
    if len(letters):
        some, own = np.unique(ids[letters], return_inverse=True)
        narrowest = np.full(len(some), np.inf)
        np.minimum.at(narrowest, own, gap[letters])
        ordered = gap[letters][np.lexsort((gap[letters], own))]
        start = np.cumsum(many[some]) - many[some]
        narrow = ordered[start + (many[some] * _NARROW).astype(int)]
        usual[some] = np.where(many[some] < _FEW, narrowest, narrow).clip(-0.1, 0.5)
    # Room without a blank may be what typesetting puts between Hangul and Latin.
    hangul = (glyphs.codes >= 0x1100) & (glyphs.codes < 0xFF00)
    between, within = _UNDRAWN if _draws_blanks(glyphs) else _UNBLANKED
    least = np.where(hangul[left] != hangul[right], between, within)
    wide = gap > least + usual[ids[1:]]
    words = inside & np.where(drawn, gap > within, wide)
    wide |= _as_between_words(gap, hangul[left] == hangul[right], words, ids[1:])
    # A blank that is drawn elsewhere on the page, with no room for it here, is none of this line.
    return np.asarray(((drawn & (gap > -0.3)) | wide) & inside)
