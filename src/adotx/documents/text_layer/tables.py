"""What the frames of a page mean for its lines of text: where none runs through, and which rows belong to a
table though no rule closes them.

In: `Frame`s and `Piece`s of a page. Out: `Wall`s, frames. Knows no PDFium and no pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from adotx.documents.layout.rulings import Frame
from adotx.documents.text_layer.glyphs import Glyphs
from adotx.documents.text_layer.lines import CELL_GAP, WORD_GAP, Piece, Wall

# Blank stretches of this width, in em, part the columns of a high table that has no upright rules; of others
# those of `CELL_GAP`.
_IN_HIGH, _HIGH = 0.3, 7.0
# Columns stand so many times as far apart as words.
_WIDER = 1.2
# So many rules stand between rows. What none closes is within so many of the table's own rows, or so many em,
# of the last of them; lines of a cell are nearer than that to each other.
_BETWEEN_ROWS, _ROWS, _NEAR = 4, 1.3, 2.2
# Grey levels that one ground differs by.
_EVEN = 6


def walls_of(frame: Frame, glyphs: Glyphs, pieces: Sequence[Piece], em: float) -> Iterator[Wall]:
    """Where text may not run through: upright rules, and what is blank from top to bottom of a table that has
    none."""
    _, y0, _, y1 = frame.box
    if frame.kind in ("box", "bar"):
        yield from (Wall(x, y0, y1) for x in frame.xs)
    elif frame.kind == "grid":
        for number, x in enumerate(frame.xs):
            if number in (0, len(frame.xs) - 1):
                yield Wall(x, y0, y1)
                continue
            for row in range(len(frame.ys) - 1):
                if frame.has_right(row, number - 1):
                    yield Wall(x, frame.ys[row], frame.ys[row + 1])
    else:
        inside = [piece for piece in pieces if _is_in(piece, frame)]
        yield from (Wall(x, y0, y1) for x in _columns(glyphs, inside, y1 - y0, em))


def with_text_walls(frame: Frame, pieces: Sequence[Piece]) -> Frame:
    """A grid with walls where a row has none drawn but text in each of its columns: programs draw the rules
    of every other row."""
    if frame.kind != "grid" or frame.right is None or frame.right.all() or len(frame.xs) < 3:
        return frame
    right = frame.right.copy()
    for row, (top, low) in enumerate(pairwise(frame.ys)):
        beside = [piece for piece in pieces if top < (piece.core[0] + piece.core[1]) / 2 < low]
        first = 0
        for last in range(len(frame.xs) - 1):
            if last < len(frame.xs) - 2 and not right[row, last]:
                continue
            columns = frame.xs[first : last + 2]
            # The first may be that of a cell which stands in a row above.
            if last > first and (_fill(columns, beside) or (last > first + 1 and _fill(columns[1:], beside))):
                right[row, first:last] = True
            first = last + 1
    return replace(frame, right=right)


def _fill(xs: Sequence[float], pieces: Sequence[Piece]) -> bool:
    """Whether each column has text, and none has text that runs over its sides."""
    inside = [piece for piece in pieces if piece.box[2] > xs[0] and piece.box[0] < xs[-1]]
    filled = set()
    for piece in inside:
        at = int(np.searchsorted(xs, (piece.box[0] + piece.box[2]) / 2)) - 1
        slack = 0.2 * piece.em
        if not (
            0 <= at < len(xs) - 1 and xs[at] - slack < piece.box[0] and piece.box[2] < xs[at + 1] + slack
        ):
            return False
        filled.add(at)
    return len(filled) == len(xs) - 1


def with_tinted_head(frame: Frame, pieces: Sequence[Piece], rest: np.ndarray, em: float) -> Frame:
    """A grid with the row above it that stands on a ground of its own instead of between rules.

    Args:
        rest: uint8 [H, W], the page without its text.
    """
    if frame.kind != "grid" or len(frame.xs) < 3:
        return frame
    x0, y0, x1, y1 = frame.box
    above = _line_at(
        [
            p
            for p in pieces
            if y0 - _NEAR * em < p.core[0] and p.core[1] < y0 and p.box[2] > x0 and p.box[0] < x1
        ],
        y0,
    )
    if not above or not _fill(frame.xs, above):
        return frame
    ground = rest[max(0, y0 - round(0.5 * em)), x0 + 2 : x1 - 1]
    if not ground.size or np.ptp(ground) > _EVEN or abs(int(ground[0]) - int(rest[0, 0])) <= _EVEN:
        return frame
    top = min(int(piece.core[0]) for piece in above)
    one = np.ones((1, len(frame.xs) - 2), bool)
    right = None if frame.right is None else np.concatenate([one, frame.right])
    one = np.ones((1, len(frame.xs) - 1), bool)
    below = None if frame.below is None else np.concatenate([one, frame.below])
    return replace(frame, box=(x0, top, x1, y1), ys=(float(top), *frame.ys), right=right, below=below)


def with_open_ends(
    frame: Frame, frames: Sequence[Frame], glyphs: Glyphs, pieces: Sequence[Piece], em: float
) -> Frame:
    """A table whose rules stand between its rows alone, with the row above the first of them and the one
    below the last: the first has text in all columns, the last in two at least."""
    inside = [piece for piece in pieces if _is_in(piece, frame)]
    single = all(_rows_in(inside, *ys) == 1 for ys in pairwise(frame.ys))
    if frame.kind != "rows" or not inside or (len(frame.ys) < _BETWEEN_ROWS and not single):
        return frame
    x0, y0, x1, y1 = frame.box
    reach = max(_ROWS * max(low - top for top, low in pairwise(frame.ys)), _NEAR * em)
    own, ys = list(_columns(glyphs, inside, y1 - y0, em)), list(frame.ys)
    free = [
        piece
        for piece in pieces
        if x0 - em < piece.box[0]
        and piece.box[2] < x1 + em
        and not any(_is_in(piece, each) for each in frames)
    ]

    def is_row(line: Sequence[Piece], least: int) -> bool:
        gutters = list(_columns(glyphs, [*inside, *line], y1 - y0, em))
        filled = {int(np.searchsorted(gutters, (p.box[0] + p.box[2]) / 2)) for p in line}
        return bool(own) and len(gutters) >= len(own) and len(filled) >= min(least, len(gutters) + 1)

    above = _line_at([piece for piece in free if y0 - reach < piece.core[0] and piece.core[1] < y0], y0)
    if above and is_row(above, len(own) + 1):
        y0 = min(int(piece.box[1]) for piece in above)
        ys.insert(0, float(y0))
    below: list[Piece] = []
    for piece in sorted(free, key=lambda each: each.core[0]):
        low = max((each.core[1] for each in below), default=y1)
        if y1 < piece.core[0] < y1 + reach and piece.core[0] - low < _NEAR * em:
            if not is_row([piece], 1):
                break
            below.append(piece)
    if below and is_row(below, 2):
        y1 = max(int(np.ceil(piece.box[3])) for piece in below)
        ys.append(float(y1))
    return replace(frame, box=(x0, y0, x1, y1), ys=tuple(ys))


def _is_in(piece: Piece, frame: Frame) -> bool:
    x0, y0, x1, y1 = frame.box
    return y0 <= piece.base <= y1 and x0 < piece.box[2] and piece.box[0] < x1


def _rows_in(pieces: Sequence[Piece], top: float, low: float) -> int:
    """How many lines stand between two heights."""
    rows, last = 0, -np.inf
    for piece in sorted((piece for piece in pieces if top <= piece.base <= low), key=lambda each: each.base):
        rows += piece.core[0] > last
        last = max(last, piece.base)
    return rows


def _line_at(pieces: Sequence[Piece], y: float) -> list[Piece]:
    """The pieces of the line that is nearest to a height."""
    if not pieces:
        return []
    first = min(pieces, key=lambda piece: abs(piece.base - y))
    return [piece for piece in pieces if abs(piece.base - first.base) < 0.5 * first.em]


def _columns(glyphs: Glyphs, pieces: Sequence[Piece], high: float, em: float) -> Iterator[float]:
    """Where columns part: middles of what is blank in all lines, and wider than a blank."""
    parts = [list(_spans(glyphs, piece)) for piece in pieces]
    spans = sorted(span for part in parts for span in part)
    least, at = (_IN_HIGH if high > _HIGH * em else CELL_GAP) * em, float("inf")
    # Words of all rows may part at one place: "M12 x 43".
    words = [b[0] - a[1] for part in parts for a, b in pairwise(part) if b[0] - a[1] < CELL_GAP * em]
    least = max(least, _WIDER * float(np.median(words))) if words else least
    for start, end in spans:
        if start - at >= least:
            yield (start + at) / 2
        at = end if at == float("inf") else max(at, end)


def _spans(glyphs: Glyphs, piece: Piece) -> Iterator[tuple[float, float]]:
    """(x0, x1) of the parts of a piece that no wall runs through: words with one blank drawn between them
    stand together."""
    if not len(piece.glyphs):
        yield piece.box[0], piece.box[2]
        return
    left, right = piece.glyphs[:-1], piece.glyphs[1:]
    gap = glyphs.rooms[right, 0] - glyphs.rooms[left, 2]
    apart = (gap > WORD_GAP * piece.em) & ((right - left != 2) | (gap > CELL_GAP * piece.em))
    ends = [0, *(np.flatnonzero(apart) + 1).tolist(), len(piece.glyphs)]
    for start, end in pairwise(ends):
        places = glyphs.boxes[piece.glyphs[start:end]]
        yield float(places[:, 0].min()), float(places[:, 2].max())
