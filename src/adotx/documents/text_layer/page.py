"""Pieces of lines and what is drawn around them in, the blocks of a page out.

The order and the assembly are the house's own (`adotx.documents.layout`, `adotx.documents.assembly`), which
know no pixels: here they are given exact places, sizes and weights. Knows no PDFium and judges no text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby

import numpy as np

from adotx.documents.assembly import PlacedFlow, PlacedGrid, PlacedLine, PlacedPage, assemble
from adotx.documents.assembly.joins import SOFT_HYPHEN
from adotx.documents.assembly.letter_widths import words_width
from adotx.documents.assembly.placed import Homography, PlacedFigure, Region
from adotx.documents.layout.bands import Figure, Flow, TextLine
from adotx.documents.layout.lines import LINE_OF_EM, Segment
from adotx.documents.layout.order import reading_order
from adotx.documents.layout.rulings import Frame
from adotx.documents.readers import TextLine as StandingLine
from adotx.documents.text_layer.glyphs import Glyphs
from adotx.documents.text_layer.ink import Drawn, union
from adotx.documents.text_layer.lines import Piece, parted, pieces_of
from adotx.documents.text_layer.tables import walls_of, with_open_ends, with_text_walls, with_tinted_head
from adotx.markdown import Block, Box
from adotx.markdown import Figure as FigureBlock

# Stroke widths in em that assembly knows regular and bold type by.
_REGULAR, _BOLD = 0.1, 0.15
# A mark stands so far before the line whose bullet it is, in em.
_BEFORE = (0.1, 2.2)
_BULLET = "•"
# What a box is ticked for begins within so many em behind it.
_BEHIND_TICK, _HIGHEST_TICK = 2.0, 1.4
#: what is said of a box that is not, and of one that is ticked
SIGNS = ("☐", "☑")
# What ticks are written with.
_TICKS = frozenset("✓✔✗✘☑VvXx×●■√")
# A picture with more pieces of text on it than this is what they stand on.
_GROUND = 3


@dataclass
class Picture:
    """A picture on the page: where, in pixels of the layout; what stands in it, in those of the page."""

    box: tuple[int, int, int, int]
    blocks: Sequence[Block] = ()
    lines: Sequence[StandingLine] = ()


@dataclass
class PageText:
    """A page to be laid out.

    Attributes:
        glyphs: upright, in pixels of the layout.
        drawn: the pictures of the same.
        to_image: (x, y, 1) of the layout -> (x, y, w) of the page's picture.
        pictures: on the page, read or not.
        aside: pieces that are written in other directions, their boxes upright.
        ticks: (box, sign) of fields to be ticked.
        typed: boxes of what somebody has typed over the page.
    """

    glyphs: Glyphs
    drawn: Drawn
    to_image: np.ndarray
    pictures: list[Picture] = field(default_factory=list)
    aside: list[Piece] = field(default_factory=list)
    ticks: list[tuple[tuple[int, int, int, int], str]] = field(default_factory=list)
    typed: list[tuple[int, int, int, int]] = field(default_factory=list)

    def read(self) -> tuple[list[Block], list[StandingLine]]:
        """The blocks of the page and its lines, both in reading order."""
        pieces, frames, em = self._pieces()
        pieces += self.aside
        if not pieces:
            blocks = [block for picture in self.pictures for block in picture.blocks]
            return blocks, [line for picture in self.pictures for line in picture.lines]
        pictures = [each for each in self.pictures if not _is_ground(each.box, pieces)]
        regions = reading_order(
            [_segment(piece, number) for number, piece in enumerate(pieces)],
            frames,
            [],
            em,
            [each.box for each in pictures],
        )
        usual = _usual_advance(pieces)
        placed = [part for region in regions for part in self._placed(region, frames, pieces, em, usual)]
        a, b, c, d, e, f, g, h, i = self.to_image.ravel().tolist()
        to_image: Homography = (a, b, c, d, e, f, g, h, i)
        blocks = assemble(PlacedPage(placed, em, to_image))
        shown = {self._mapped_box(each.box): each for each in pictures}
        lines = list(self._lines(regions, pieces, {each.box: each for each in pictures}))
        return list(_with_pictures(blocks, shown)), lines

    def _pieces(self) -> tuple[list[Piece], list[Frame], float]:
        """The pieces of the page, those beside a rule apart; the frames of rules; pixels per em."""
        pieces = pieces_of(self.glyphs)
        every = pieces + self.aside
        if not every:
            return [], [], 0.0
        em = _usual_em(every)
        boxes = np.array([union([piece.box]) for piece in every], np.int64)
        drawn = [tick for tick in self.drawn.ticks(em) if _is_asked(tick.box, pieces)]
        drawn = [tick for tick in drawn if not any(_meet(tick.box, box) for box, _ in self.ticks)]
        frames = self.drawn.frames(boxes, em, drawn)
        frames = [with_tinted_head(frame, pieces, self.drawn.rest, em) for frame in frames]
        frames = [with_text_walls(frame, pieces) for frame in frames]
        frames = [with_open_ends(frame, frames, self.glyphs, pieces, em) for frame in frames]
        walls = [wall for frame in frames for wall in walls_of(frame, self.glyphs, pieces, em)]
        pieces = parted(self.glyphs, pieces, walls)
        for piece in pieces:
            piece.typed = any(_holds(box, piece) for box in self.typed)
        frames = [frame for frame in frames if not _is_field(frame, pieces)]
        _add_bullets(pieces, self.drawn.marks(em))
        written = [(tick.box, SIGNS[tick.on or _is_marked(tick.box, pieces)]) for tick in drawn]
        for box, sign in (*self.ticks, *written):
            _add_tick(pieces, box, sign, em)
        return pieces, frames, em

    def _placed(
        self,
        region: Flow | object,
        frames: Sequence[Frame],
        pieces: Sequence[Piece],
        em: float,
        advance: float,
    ) -> Iterator[Region]:
        def placed(lines: Sequence[TextLine]) -> list[PlacedLine]:
            found = []
            for line in lines:
                typed = any(pieces[number].typed for number in line.segments)
                own = _placed_line(line, pieces)
                found.append(replace(own, em=em, advance=advance, weight=_REGULAR) if typed else own)
            return found

        if isinstance(region, Figure):
            yield PlacedFigure(region.box)
        elif isinstance(region, Flow):
            if region.mark:
                yield PlacedFlow(placed(region.lines), region.right, region.mark)
                return
            # What is set in letters of one width is program text, or may be.
            for fixed, lines in groupby(
                region.lines, lambda line: all(pieces[n].fixed for n in line.segments)
            ):
                yield PlacedFlow(placed(list(lines)), region.right, "panel" if fixed else "")
        else:
            rows = [[placed(cell) for cell in row] for row in region.rows]  # type: ignore[attr-defined]
            box = next((frame.box for frame in frames if frame.box == region.box), None)  # type: ignore[attr-defined]
            yield PlacedGrid(rows, region.ruled, region.spans, exact=True, box=box)  # type: ignore[attr-defined]

    def _lines(
        self, regions: Sequence[object], pieces: Sequence[Piece], pictures: dict[object, Picture]
    ) -> Iterator[StandingLine]:
        for region in regions:
            if isinstance(region, Figure):
                yield from pictures[region.box].lines
                continue
            lines = (
                region.lines
                if isinstance(region, Flow)
                else [line for row in region.rows for cell in row for line in cell]  # type: ignore[attr-defined]
            )
            for line in lines:
                for number in line.segments:
                    yield self._standing(pieces[number])

    def _standing(self, piece: Piece) -> StandingLine:
        _, y0, _, y1 = piece.box
        words = tuple(
            StandingLine(text.replace(SOFT_HYPHEN, "-"), self._quad((x0, y0, x1, y1)))
            for text, x0, x1 in piece.words
        )
        return StandingLine(piece.text.replace(SOFT_HYPHEN, "-"), self._quad(piece.box), None, words)

    def _quad(self, box: Sequence[float]) -> tuple[tuple[float, float], ...]:
        x0, y0, x1, y1 = box
        (a, b, c), (d, e, f), _ = self._affine
        corners = ((x0, y0), (x1, y0), (x1, y1), (x0, y1))
        return tuple((a * x + b * y + c, d * x + e * y + f) for x, y in corners)

    @cached_property
    def _affine(self) -> list[list[float]]:
        rows: list[list[float]] = (self.to_image / self.to_image[2, 2]).tolist()
        return rows

    def _mapped_box(self, box: Sequence[float]) -> Box:
        xs, ys = zip(*self._quad(box), strict=True)
        return min(xs), min(ys), max(xs), max(ys)


def _usual_em(pieces: Sequence[Piece]) -> float:
    """Pixels per em of the text that covers most of the page."""
    ems = np.array([piece.em for piece in pieces])
    widths = np.array([max(piece.box[2] - piece.box[0], 1e-3) for piece in pieces])
    order = np.argsort(ems)
    return float(ems[order][np.searchsorted(np.cumsum(widths[order]), 0.5 * widths.sum())])


def _usual_advance(pieces: Sequence[Piece]) -> float:
    """Pixels per em of what lines say, of most of them."""
    shares = [
        sum(x1 - x0 for _, x0, x1 in piece.words) / max(words_width(piece.text), 0.1)
        for piece in pieces
        if not piece.typed
    ]
    return float(np.median(shares)) if shares else 1.0


def _segment(piece: Piece, number: int) -> Segment:
    top, low = piece.core
    core = (round(top), max(round(low), round(top) + 1))
    x0, y0, x1, y1 = piece.box
    box = (math.floor(x0), math.floor(y0), math.ceil(x1), math.ceil(y1))
    inner = max((b[1] - a[2] for a, b in zip(piece.words, piece.words[1:], strict=False)), default=0.0)
    weight = _BOLD if piece.bold else _REGULAR
    # Each piece is a box of its own: that is what parts words of one line from cells.
    return Segment(box, core, weight, piece.em * LINE_OF_EM, max(0, round(inner)), number)


def _placed_line(line: TextLine, pieces: Sequence[Piece]) -> PlacedLine:
    parts = [pieces[number] for number in line.segments]
    text = " ".join(part.text for part in parts)
    widths = [part.box[2] - part.box[0] for part in parts]
    em = sum(part.em * width for part, width in zip(parts, widths, strict=True)) / max(sum(widths), 1e-3)
    words = [word for part in parts for word in part.words]
    bold = sum(width for part, width in zip(parts, widths, strict=True) if part.bold) > 0.5 * sum(widths)
    return PlacedLine(
        text=text,
        box=line.box,
        core=line.core,
        em=em,
        weight=_BOLD if bold else _REGULAR,
        advance=sum(x1 - x0 for _, x0, x1 in words) / max(words_width(text), 0.1),
        first=words[0][2] - words[0][1] if words else 0.0,
        fixed=any(part.fixed for part in parts),
        ends_word=parts[-1].ends_word,
    )


def _add_bullets(pieces: list[Piece], marks: np.ndarray) -> None:
    """Put a bullet before each piece that a small mark stands before."""
    for x0, y0, x1, y1 in marks.tolist():
        middle = (y0 + y1) / 2
        behind = [
            piece
            for piece in pieces
            if piece.core[0] <= middle <= piece.core[1]
            and _BEFORE[0] * piece.em < piece.box[0] - x1 < _BEFORE[1] * piece.em
        ]
        if not behind or any(
            p.box[0] < x1 and p.box[2] > x0 and p.box[1] < middle < p.box[3] for p in pieces
        ):
            continue
        piece = min(behind, key=lambda each: each.box[0])
        piece.text = f"{_BULLET} {piece.text}"
        piece.words.insert(0, (_BULLET, float(x0), float(x1)))
        piece.box = (float(x0), min(piece.box[1], y0), piece.box[2], max(piece.box[3], y1))


def _add_tick(pieces: list[Piece], box: tuple[int, int, int, int], sign: str, em: float) -> None:
    """Put the sign of a field to be ticked in its place: before what stands behind it, instead of what is
    drawn in it."""
    x0, y0, x1, y1 = box
    middle = (y0 + y1) / 2
    pieces[:] = [
        p
        for p in pieces
        if not (
            x0 - 1 <= (p.box[0] + p.box[2]) / 2 <= x1 + 1 and y0 - 1 <= (p.box[1] + p.box[3]) / 2 <= y1 + 1
        )
    ]
    behind = [
        p
        for p in pieces
        if p.core[0] - 0.4 * p.em <= middle <= p.core[1] + 0.4 * p.em
        and 0 <= p.box[0] - x1 + 2 < _BEHIND_TICK * p.em
    ]
    if behind:
        piece = min(behind, key=lambda each: each.box[0])
        piece.text = f"{sign} {piece.text}"
        piece.words.insert(0, (sign, float(x0), float(x1)))
        piece.box = (float(x0), min(piece.box[1], y0), piece.box[2], max(piece.box[3], y1))
    else:
        whole = (float(x0), float(y0), float(x1), float(y1))
        size = min(em, float(y1 - y0))
        pieces.append(
            Piece(sign, whole, middle + 0.33 * size, size, np.zeros(0, int), [(sign, whole[0], whole[2])])
        )


def _is_asked(box: Sequence[float], pieces: Sequence[Piece]) -> bool:
    """Whether a drawn box is there to be ticked: a line begins behind it, and nothing but a tick is in it."""
    _, y0, x1, y1 = box
    middle = (y0 + y1) / 2
    inside = [piece for piece in pieces if _holds(box, piece)]
    return all(piece.text in _TICKS for piece in inside) and any(
        piece.core[0] - 0.2 * piece.em <= middle <= piece.core[1] + 0.2 * piece.em
        and 0 <= piece.box[0] - x1 + 2 < _BEHIND_TICK * piece.em
        and y1 - y0 < _HIGHEST_TICK * piece.em
        for piece in pieces
    )


def _is_marked(box: Sequence[float], pieces: Sequence[Piece]) -> bool:
    return any(_holds(box, piece) for piece in pieces)


def _meet(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _holds(box: Sequence[float], piece: Piece) -> bool:
    x0, y0, x1, y1 = box
    return x0 <= (piece.box[0] + piece.box[2]) / 2 <= x1 and y0 <= (piece.box[1] + piece.box[3]) / 2 <= y1


def _is_field(frame: Frame, pieces: Sequence[Piece]) -> bool:
    """Whether a frame is there to be filled in: one line stands in it, and its name beside it."""
    inside = [piece for piece in pieces if _holds(frame.box, piece)]
    if frame.kind != "box" or not inside or _lines_of(inside) > 1:
        return False
    _, y0, _, y1 = frame.box
    return any(
        not _holds(frame.box, piece) and piece.core[0] < y1 and piece.core[1] > y0 and y1 - y0 < 3 * piece.em
        for piece in pieces
    )


def _lines_of(pieces: Sequence[Piece]) -> int:
    """How many lines pieces stand on."""
    lines = 0
    low = -np.inf
    for piece in sorted(pieces, key=lambda each: each.base):
        lines += piece.core[0] > low
        low = max(low, piece.base)
    return lines


def _is_ground(box: Sequence[float], pieces: Sequence[Piece]) -> bool:
    return sum(_holds(box, piece) for piece in pieces) > _GROUND


def _with_pictures(blocks: Sequence[Block], shown: dict[Box, Picture]) -> Iterator[Block]:
    """The blocks with what stands in pictures behind each of them that was read."""
    for block in blocks:
        picture = next(
            (each for box, each in shown.items() if isinstance(block, FigureBlock) and _same(box, block.box)),
            None,
        )
        if picture is None or not picture.blocks:
            yield block
        else:
            yield from picture.blocks


def _same(a: Box, b: Box | None) -> bool:
    return b is not None and max(abs(x - y) for x, y in zip(a, b, strict=True)) < 1.0
