"""Lines of a page in, 384 x 384 tiles of text rows out: the form in which nano reads.

A tile holds twelve rows of 32 pixels; a row is a line of the page or a piece of one, scaled to about 26
pixels per em, its ink centred in the row's height, starting at x = 4. Lines are cut where the size of type
changes, and at word gaps where they can be, never through a glyph that stands apart. Widely set letters are
moved together. `adotx.data.rows` draws training tiles of the same form.
Knows nothing of text or models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from adotx.documents.layout.bands import Flow, Grid, Region, TextLine
from adotx.documents.layout.clean import PAPER, Box
from adotx.documents.layout.page import Layout
from adotx.documents.layout.rulings import runs

TILE, ROWS, ROW, LEFT, WIDEST = 384, 12, 32, 4, 374
#: pixels per em in a tile
EM = 26.0
# Gaps above this are word spaces, in em; those wider than `_WIDEST_GAP` are narrowed to it.
_WORD_GAP, _WIDEST_GAP = 0.2, 0.6
# The gap between letters as they are usually set; parts of one syllable are nearer than the second, and no
# wider together than the third. A line of letters all of which are that far apart is set wide.
_LETTER_GAP, _IN_SYLLABLE, _SYLLABLE, _WIDE_SET = 0.1, 0.22, 1.05, 0.25
# So many such gaps show it: two letters apart may be two words.
_ENOUGH_GAPS = 3
# Segments whose type differs by this factor are not read in one row; shorter ones than this many em are signs
# of the larger type.
_OTHER_SIZE, _SIGN = 1.25, 1.5


@dataclass(frozen=True)
class Word:
    """Ink of one line without a word gap: columns x0..x1 of the clean page, and the blank before it in
    pixels."""

    x0: int
    x1: int
    before: int


@dataclass(frozen=True)
class Piece:
    """One row of a tile.

    Attributes:
        line: the line it is of.
        box: its ink box (x0, y0, x1, y1) in the clean page.
        glue: what joins it to the next piece of its line: a space; "" where a word was cut, and at the end.
        tile, row: where it was put.
        columns: int [n], those of the clean page that it shows, from left to right: wide gaps are narrowed.
        scale: pixels of the row for one of the clean page.
    """

    line: TextLine
    box: Box
    glue: str
    tile: int
    row: int
    columns: np.ndarray = field(compare=False, repr=False)
    scale: float = 1.0

    def at(self, x: float) -> float:
        """Where in its row a column of the clean page stands, in pixels of the row."""
        return LEFT + float(np.searchsorted(self.columns, x)) * self.scale


@dataclass
class Packed:
    """tiles uint8 [n, 384, 384] and their rows in reading order."""

    tiles: np.ndarray
    pieces: list[Piece]

    def with_row(self, number: int, other: Packed, theirs: int) -> None:
        """Put row `theirs` of `other`, which shows the same columns, into the place of row `number`."""
        piece, new = self.pieces[number], other.pieces[theirs]
        strip = other.tiles[new.tile][new.row * ROW : (new.row + 1) * ROW]
        self.tiles[piece.tile][piece.row * ROW : (piece.row + 1) * ROW] = strip
        self.pieces[number] = replace(piece, scale=new.scale)

    def rows(self, tile: int) -> int:
        """How many rows of a tile are used."""
        return sum(piece.tile == tile for piece in self.pieces)

    def texts(self, rows: Sequence[str]) -> dict[TextLine, str]:
        """The lines' texts from the pieces' texts."""
        texts: dict[TextLine, str] = {}
        glue = ""
        for piece, row in zip(self.pieces, rows, strict=True):
            before = texts.get(piece.line)
            texts[piece.line] = row.strip() if before is None else before + glue + row.strip()
            glue = piece.glue
        return texts


def lines_of(regions: Sequence[Region]) -> Iterator[TextLine]:
    """All lines in reading order."""
    for region in regions:
        if isinstance(region, Flow):
            yield from region.lines
        elif isinstance(region, Grid):
            for row in region.rows:
                for cell in row:
                    yield from cell


def line_em(layout: Layout, line: TextLine) -> float:
    """Pixels per em of a line: that of its segments, wide ones counting more."""
    segments = [layout.segments[i] for i in line.segments]
    widths = sum(s.width for s in segments)
    return sum(s.em * s.width for s in segments) / max(widths, 1)


def glyph_runs(layout: Layout, line: TextLine) -> np.ndarray:
    """int [n, 2]: columns (x0, x1) of ink that stands together, from left to right, in the clean page."""
    found = []
    for i in line.segments:
        x0, y0, x1, y1 = layout.segments[i].box
        columns = np.logical_or.reduce(layout.ink[y0:y1, x0:x1], 0)
        found.append(runs(columns[None, :], 1)[:, 1:] + x0)
    if not found:
        return np.zeros((0, 2), np.int64)
    glyphs = np.concatenate(found)
    return glyphs[np.argsort(glyphs[:, 0], kind="stable")]


def word_gap(glyphs: np.ndarray, em: float) -> float:
    """Pixels above which a gap between glyphs is a space; widely set lines have wider gaps between
    letters."""
    gaps = glyphs[1:, 0] - glyphs[:-1, 1]
    usual = float(np.median(gaps)) if len(gaps) >= 6 else 0.0
    wide = letter_gap(glyphs, em) - _LETTER_GAP * em  # nothing on most lines
    return max(_WORD_GAP * em + wide, usual + 0.13 * em)


def letter_gap(glyphs: np.ndarray, em: float) -> float:
    """Pixels between the letters of a line that is set wide; those of a usual one where it is not, or where
    too few letters show it."""
    gaps, start = [], 0
    for number in range(1, len(glyphs)):
        gap = int(glyphs[number, 0] - glyphs[number - 1, 1])
        if gap > _IN_SYLLABLE * em or glyphs[number, 1] - glyphs[start, 0] > _SYLLABLE * em:
            gaps.append(gap)
            start = number
    # Words of one syllable stand apart as well, but not all of a line's are.
    least = float(np.percentile(gaps, 10, method="lower")) if len(gaps) >= _ENOUGH_GAPS else 0.0
    return least if least > _WIDE_SET * em else _LETTER_GAP * em


def words_of(layout: Layout, line: TextLine) -> list[Word]:
    """The words of a line by its gaps."""
    glyphs = glyph_runs(layout, line)
    if not len(glyphs):
        return []
    limit = word_gap(glyphs, line_em(layout, line))
    words, start = [], 0
    for number in range(1, len(glyphs) + 1):
        if number == len(glyphs) or glyphs[number, 0] - glyphs[number - 1, 1] > limit:
            before = int(glyphs[start, 0] - glyphs[start - 1, 1]) if start else 0
            words.append(Word(int(glyphs[start, 0]), int(glyphs[number - 1, 1]), before))
            start = number
    return words


def pack(layout: Layout) -> Packed:
    """Cut and scale all lines of a page into rows of tiles."""
    strips: list[tuple[TextLine, _Strip]] = []
    for line in lines_of(layout.regions):
        strips += ((line, strip) for strip in _strips(layout, line))
    tiles = np.full((-(-len(strips) // ROWS), TILE, TILE), round(PAPER), np.uint8)
    pieces = []
    for number, (line, strip) in enumerate(strips):
        tile, row = divmod(number, ROWS)
        _paste(tiles[tile], row, strip.gray, strip.middle)
        pieces.append(Piece(line, strip.box, strip.glue, tile, row, strip.columns, strip.scale))
    return Packed(tiles, pieces)


def packed_again(layout: Layout, packed: Packed, numbers: Sequence[int], em: float) -> Packed:
    """Some rows in tiles of their own, at another scale.

    Args:
        layout: what `packed` is of.
        packed: all rows.
        numbers: of the rows, places in `packed.pieces`.
        em: pixels per em instead of `EM`.
    """
    tiles = np.full((-(-len(numbers) // ROWS), TILE, TILE), round(PAPER), np.uint8)
    pieces = []
    for place, number in enumerate(numbers):
        piece = packed.pieces[number]
        scale = piece.scale * em / EM
        _, top, _, low = piece.box
        tile, row = divmod(place, ROWS)
        _paste(tiles[tile], row, *_scaled(layout.page.gray, piece.columns, top, low, scale))
        pieces.append(replace(piece, tile=tile, row=row, scale=scale))
    return Packed(tiles, pieces)


@dataclass(frozen=True)
class _Strip:
    """A piece of a line before it has its place: see `Piece`; `gray` is scaled, `middle` the ink's in it."""

    box: Box
    glue: str
    columns: np.ndarray
    scale: float
    gray: np.ndarray
    middle: float


def _strips(layout: Layout, line: TextLine) -> list[_Strip]:
    """The pieces of a line."""
    out: list[_Strip] = []
    for part in _of_one_size(layout, line):
        strips = _pieces(layout, part)
        if out and strips:
            out[-1] = replace(out[-1], glue=" ")
        out += strips
    return out


def _of_one_size(layout: Layout, line: TextLine) -> list[TextLine]:
    """A line in parts whose type has one size: the time beside a bubble is not read as large as what it
    says."""
    groups: list[list[int]] = []
    size = 0.0
    for i in line.segments:
        segment = layout.segments[i]
        other = max(segment.em, size) > _OTHER_SIZE * min(segment.em, size)
        if not groups or (other and segment.width > _SIGN * segment.em and size > 0):
            groups.append([])
            size = 0.0
        groups[-1].append(i)
        if segment.width > _SIGN * segment.em:
            size = size or segment.em
    if len(groups) == 1:
        return [line]
    parts = []
    for group in groups:
        boxes = np.array([layout.segments[i].box for i in group])
        (x0, y0), (x1, y1) = boxes[:, :2].min(0).tolist(), boxes[:, 2:].max(0).tolist()
        parts.append(replace(line, segments=tuple(group), box=(x0, y0, x1, y1)))
    return parts


def _pieces(layout: Layout, line: TextLine) -> list[_Strip]:
    """The pieces of a line in one size."""
    glyphs = glyph_runs(layout, line)
    if not len(glyphs):
        return []
    em = line_em(layout, line)
    scale = min(EM / em, (ROW - 2) / max(1, line.box[3] - line.box[1]))
    # What is blank between letters that are set wide says nothing; words stay apart.
    shown = _Gaps(_IN_SYLLABLE * em, round(letter_gap(glyphs, em) - _LETTER_GAP * em), _WIDEST_GAP * em)
    limit = word_gap(glyphs, em)
    glyphs = _narrow(layout, line, glyphs, WIDEST / scale)
    out: list[_Strip] = []
    start = 0
    while start < len(glyphs):
        end = _end(glyphs, start, WIDEST / scale, shown, limit)
        gap = glyphs[end, 0] - glyphs[end - 1, 1] if end < len(glyphs) else 0
        glue = " " if gap > limit else ""
        columns = _columns(glyphs[start:end], shown)
        y0, y1 = line.box[1], line.box[3]
        rows = np.flatnonzero(layout.ink[y0:y1, columns].any(1))
        top, low = (y0 + int(rows[0]), y0 + int(rows[-1]) + 1) if len(rows) else (y0, y1)
        box = (int(glyphs[start, 0]), top, int(glyphs[end - 1, 1]), low)
        out.append(_Strip(box, glue, columns, scale, *_scaled(layout.page.gray, columns, top, low, scale)))
        start = end
    return out


@dataclass(frozen=True)
class _Gaps:
    """How wide the gaps of a line are shown: those above `small` less `cut`, at most `widest` pixels."""

    small: float
    cut: int
    widest: float

    def __call__(self, gap: int) -> int:
        return min(gap - self.cut if gap > self.small else gap, max(1, round(self.widest)))


def _narrow(layout: Layout, line: TextLine, glyphs: np.ndarray, widest: float) -> np.ndarray:
    """Runs of touching glyphs that are wider than a row, cut at their thinnest columns."""
    out: list[tuple[int, int]] = []
    for x0, x1 in glyphs.tolist():
        while x1 - x0 > widest:
            low, high = x0 + int(widest * 0.6), x0 + int(widest)
            ink = layout.ink[line.box[1] : line.box[3], low:high].sum(0)
            cut = low + int(np.argmin(ink))
            out.append((x0, cut))
            x0 = cut
        out.append((x0, x1))
    return np.array(out, np.int64).reshape(-1, 2)


def _end(glyphs: np.ndarray, start: int, widest: float, shown: _Gaps, limit: float) -> int:
    """Index after the last glyph run of the piece that begins at `start`."""
    width, last_word = float(glyphs[start, 1] - glyphs[start, 0]), 0
    for end in range(start + 1, len(glyphs)):
        gap = int(glyphs[end, 0] - glyphs[end - 1, 1])
        if gap > limit and width > 0.45 * widest:
            last_word = end
        width += shown(gap) + float(glyphs[end, 1] - glyphs[end, 0])
        if width > widest:
            if last_word:
                return last_word
            # No word space to cut at: the widest gap of the last third keeps letters whole.
            first = start + max(1, (end - start) * 2 // 3)
            gaps = glyphs[first : end + 1, 0] - glyphs[first - 1 : end, 1]
            return first + int(np.argmax(gaps)) if len(gaps) else end
    return len(glyphs)


def _columns(glyphs: np.ndarray, shown: _Gaps) -> np.ndarray:
    """The page's columns that make a row: glyphs and the gaps between them, wide gaps narrowed."""
    parts = [np.arange(glyphs[0, 0], glyphs[0, 1])]
    for before, (x0, x1) in zip(glyphs[:-1, 1].tolist(), glyphs[1:].tolist(), strict=True):
        room = shown(x0 - before)
        parts += [np.arange(before, before + room // 2), np.arange(x0 - (room - room // 2), x0)]
        parts.append(np.arange(x0, x1))
    return np.concatenate(parts)


def _scaled(
    gray: np.ndarray, columns: np.ndarray, top: int, low: int, scale: float
) -> tuple[np.ndarray, float]:
    """The strip at row size with a margin of a page pixel or two, and the middle of its ink."""
    margin = 2
    y0, y1 = max(0, top - margin), min(gray.shape[0], low + margin)
    # The page's margin beside a line is paper, so the outer columns may be taken along.
    lead = np.clip(np.arange(columns[0] - margin, columns[0]), 0, gray.shape[1] - 1)
    tail = np.clip(np.arange(columns[-1] + 1, columns[-1] + 1 + margin), 0, gray.shape[1] - 1)
    strip = gray[y0:y1, np.concatenate([lead, columns, tail])]
    size = (max(1, round(strip.shape[1] * scale)), max(1, round(strip.shape[0] * scale)))
    if size != (strip.shape[1], strip.shape[0]):
        strip = np.asarray(Image.fromarray(strip).resize(size, Image.Resampling.BICUBIC))
    return strip, ((top + low) / 2 - y0) * size[1] / (y1 - y0)


def _paste(tile: np.ndarray, row: int, strip: np.ndarray, middle: float) -> None:
    """Put a strip into its row, the ink's middle on the row's; what would leave the row is margin."""
    top = round(row * ROW + ROW / 2 - middle)
    y0, y1 = max(row * ROW, top), min((row + 1) * ROW, top + strip.shape[0])
    x0 = LEFT - 2
    x1 = min(TILE, x0 + strip.shape[1])
    tile[y0:y1, x0:x1] = strip[y0 - top : y1 - top, : x1 - x0]
