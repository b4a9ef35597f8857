"""Tables and forms: rows and columns of cells, between rules or by alignment.

In: `Band`s of one column, or the segments inside a `Frame`. Out: `Grid`s, and which runs of bands are one.
Knows no text.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from adotx.documents.layout.bands import (
    Band,
    Grid,
    Node,
    TextLine,
    bands_of,
    both_free,
    free,
    gaps,
    is_note,
    is_one_line,
    lines_in,
    nodes_of,
    rows_joined,
)
from adotx.documents.layout.lines import Segment
from adotx.documents.layout.rulings import Frame

# Lines less than this many em apart may be of one row of cells.
_ROW_PITCH = 1.55
# A table with at least so many columns has its header looked for above it, at most so many em away.
_HEADED, _HEADER_GAP = 3, 2.2
# The second line of a cell follows the first within so many em.
_LEAD = 0.3
# Gaps that meet in so many rows at so many places part columns.
_SURE_ROWS, _SURE_GUTTERS = 4, 3
# Lines of a paragraph are flush within so many em and stand at most so many times as far apart as others;
# one full of words has ink over this share of its width, gaps between words apart.
_FLUSH, _SAME_STEP, _FULL = 0.35, 1.2, 0.6
# Longer runs of bands are one table or none; shorter ones may be parted anywhere.
_LONG_RUN = 40
# So many rules may stand between rows rather than around a header and a body.
_RULED_ROWS = 4
# Lines of a cell that go on are at least this share as wide as its widest.
_FULL_LINE = 0.75
# What a table must be worth: fewer, larger tables are taken before many small ones.
_TABLE_COST = 2.0

#: (band after the last, gutters, score)
_Candidate = tuple[int, list[float], float]


def aligned_runs(bands: list[Band], em: float) -> dict[int, tuple[int, list[float]]]:
    """Runs of bands that are rows of one table or form: first band -> (band after the last, gutters).

    The bands are divided so that most cells are filled and fewest empty: where goods in four columns
    follow a form in two, each stands for itself.
    """
    best = [0.0] * (len(bands) + 1)
    # A line with a note beside it is no row of cells.
    parted = [bool(gaps(band)) and not any(is_note(n, band.nodes) for n in band.nodes) for band in bands]
    choice: list[tuple[int, list[float]] | None] = [None] * (len(bands) + 1)
    for at in range(len(bands) - 1, -1, -1):
        best[at] = best[at + 1]
        for end, gutters, score in _candidates(bands, parted, at, em):
            if score - _TABLE_COST + best[end] > best[at] + 1e-9:
                best[at], choice[at] = score - _TABLE_COST + best[end], (end, gutters)
    runs: dict[int, tuple[int, list[float]]] = {}
    at = 0
    while at < len(bands):
        chosen = choice[at]
        if chosen is None:
            at += 1
        else:
            runs[at] = chosen
            at = chosen[0]
    return runs


def _candidates(bands: list[Band], parted: list[bool], at: int, em: float) -> Iterator[_Candidate]:
    """The runs of bands from `at` on that may be a table; `parted`: has gaps.

    Of those longer than `_LONG_RUN` only the longest: else work grows with the cube of a receipt's length.
    """
    longest = None
    for end, gutters in _open_runs(bands, parted, at, em):
        if end - at < _LONG_RUN:
            found = _candidate(bands, parted, (at, end), gutters, em)
            if found:
                yield found
        else:
            longest = end, gutters
    if longest:
        found = _candidate(bands, parted, (at, longest[0]), longest[1], em)
        if found:
            yield found


def _open_runs(
    bands: list[Band], parted: list[bool], at: int, em: float
) -> Iterator[tuple[int, list[tuple[float, float]]]]:
    """(last band, columns of x no band covers) of each run from `at` on that some column goes through."""
    if not parted[at]:
        return
    least = 0.5 * em
    common = [(-np.inf, np.inf)]
    steps: list[float] = []
    for end in range(at, len(bands)):
        band = bands[end]
        if any(node.region is not None for node in band.nodes):
            return
        if end > at:
            step = band.top - bands[end - 1].bottom
            usual = max(float(np.median(steps)), 0.45 * em) if steps else 1.5 * em
            # A new block starts after a gap; a lone line belongs to the table only if it continues a cell.
            lone = not parted[end] and not _leads(bands, parted, end, em)
            if step > 2.2 * usual or (lone and step > (1.15 * usual if steps else 0.8 * em)):
                return
            if step > 0:  # lines of a cell may overlap those beside them
                steps.append(step)
        common = both_free(common, free(band.nodes, least), least)
        gutters = [(a, b) for a, b in common if np.isfinite(a) and np.isfinite(b)]
        if not gutters:
            return
        yield end, gutters


def _candidate(
    bands: list[Band],
    parted: list[bool],
    run: tuple[int, int],
    gutters: list[tuple[float, float]],
    em: float,
) -> _Candidate | None:
    """The bands `run[0]` to `run[1]` as one table, if they may be one."""
    at, end = run
    rows = [bands[n] for n in range(at, end + 1) if parted[n]]
    places = _needed([(a + b) / 2 for a, b in gutters], rows)
    # Spaces of justified lines do not meet in so many rows at so many places.
    doubtful = len(rows) < _SURE_ROWS or len(places) < _SURE_GUTTERS
    if len(rows) < (2 if len(places) > 1 else 3) or (doubtful and _justified(rows, em)):
        return None
    if doubtful and _goes_on(bands, run, em):
        return None
    if len(rows) < 3 and any(len({_column(n, places) for n in b.nodes}) <= len(places) for b in rows):
        return None  # two rows are a table only if every cell is filled
    inner = [node for b in bands[at : end + 1] for node in b.nodes]
    first = [n for n in inner if (n.box[0] + n.box[2]) / 2 < places[0]]
    # Bullets and the text behind them are a list.
    if max((n.box[2] - n.box[0] for n in first), default=0) <= 0.9 * em:
        return None
    last = [n.box[0] for n in inner if _column(n, places) == len(places)]
    start = float(np.median(last)) if last else 0.0
    score = 0.0
    for number in range(at, end + 1):
        band = bands[number]
        near = number > at and band.top - bands[number - 1].bottom < _LEAD * em
        last_goes_on = {_column(n, places) for n in band.nodes} == {len(places)} and (
            abs(min(n.box[0] for n in band.nodes) - start) < 0.4 * em
        )
        score += _row_score(band, places, near or last_goes_on, doubtful)
    return end + 1, places, score


def _leads(bands: Sequence[Band], parted: Sequence[bool], at: int, em: float) -> bool:
    """Whether a lone line is the first of a cell whose neighbours stand in the middle of its row."""
    return at + 1 < len(bands) and parted[at + 1] and bands[at + 1].top - bands[at].bottom < _LEAD * em


def _column(node: Node, gutters: Sequence[float]) -> int:
    return bisect_left(gutters, (node.box[0] + node.box[2]) / 2)


def _needed(gutters: list[float], rows: Sequence[Band]) -> list[float]:
    """The gutters that part something: a centred header over a short column is no column of its own."""
    for place in list(gutters):
        at = gutters.index(place)
        sides = [{_column(n, gutters) for n in band.nodes} for band in rows]
        if len(gutters) > 1 and not any({at, at + 1} <= filled for filled in sides):
            gutters = [g for g in gutters if g != place]
    return gutters


def _justified(rows: Sequence[Band], em: float) -> bool:
    """Whether rows are lines of a justified paragraph: flush on both sides, with moderate gaps."""
    starts = [min(n.box[0] for n in band.nodes) for band in rows]
    ends = [max(n.box[2] for n in band.nodes) for band in rows]
    widest = max(b - a for band in rows for a, b in gaps(band))
    flush = max(starts[1:], default=starts[0]) - min(starts) < 0.3 * em and max(ends) - min(ends) < 0.3 * em
    return flush and widest < 3 * em and any(map(is_one_line, rows))


def _goes_on(bands: Sequence[Band], run: tuple[int, int], em: float) -> bool:
    """Whether rows are lines of a justified paragraph that goes on above or below them: all begin and end
    where a line full of words does that stands as near as they stand to each other."""
    rows = bands[run[0] : run[1] + 1]
    boxes = [_extent(band) for band in rows]
    (left, right), slack = boxes[0], _FLUSH * em
    if any(abs(a - left) > slack or abs(b - right) > slack for a, b in boxes):
        return False
    step = max(b.top - a.top for a, b in pairwise(rows)) if len(rows) > 1 else 0.0
    for at, towards in ((run[0], -1), (run[1], 1)):
        other = bands[at + towards] if 0 <= at + towards < len(bands) else None
        if other is None or any(node.region is not None for node in other.nodes):
            continue
        a, b = _extent(other)
        ink = sum(node.box[2] - node.box[0] for node in other.nodes)
        near = abs(other.top - bands[at].top) < _SAME_STEP * step
        if near and abs(a - left) < slack and abs(b - right) < slack and ink > _FULL * (b - a):
            return True
    return False


def _extent(band: Band) -> tuple[int, int]:
    return min(n.box[0] for n in band.nodes), max(n.box[2] for n in band.nodes)


def _row_score(band: Band, gutters: list[float], follows: bool, doubtful: bool) -> float:
    """Filled cells count for, empty cells and wide gaps inside a cell against a division into columns.

    `follows`: whether a line of a single cell would go on with the row before it.
    """
    filled = {_column(n, gutters) for n in band.nodes}
    if len(filled) == 1:  # the second line of a cell, or a line below the table
        return 0.2 if follows else -0.3
    inner = max((n.inner for n in band.nodes), default=0)
    widths = [b - a for a, b in gaps(band)]
    if len(widths) > 2 and max(widths) < 1.3 * min(widths) and doubtful and is_one_line(band):
        return -1.0  # a justified line: all its spaces are equally wide
    stray = sum(b - a < 1.25 * inner or not any(a < place < b for place in gutters) for a, b in gaps(band))
    return len(filled) - 0.8 * (len(gutters) + 1 - len(filled)) - 1.5 * stray


def grid_of(bands: list[Band], gutters: list[float], em: float) -> Grid:
    """Bands as rows of a grid; bands close together are the lines of one row."""
    return _grid(_rows(bands, gutters, em), gutters, ruled=False)


def _rows(bands: Sequence[Band], gutters: Sequence[float], em: float) -> list[list[Node]]:
    """The nodes of each row, by how far apart bands stand."""
    columns = [{_column(node, gutters) for node in band.nodes} for band in bands]
    pitch = [((b.top + b.bottom) - (a.top + a.bottom)) / 2 / em for a, b in pairwise(bands)]
    near, far = [p for p in pitch if p < _ROW_PITCH], [p for p in pitch if p >= _ROW_PITCH]
    two_sizes = bool(near) and bool(far) and min(far) > max(near) + 0.25
    rows: list[list[Node]] = []
    for number, band in enumerate(bands):
        joined = False
        if number:
            full = len(columns[number]) == len(columns[number - 1]) == len(gutters) + 1
            joined = two_sizes and pitch[number - 1] < _ROW_PITCH and not full
            if len(gutters) == 1 and columns[number] == {1} and pitch[number - 1] < 1.9:
                joined = True  # a value that goes on
        if joined:
            rows[-1] += band.nodes
        else:
            rows.append(list(band.nodes))
    return rows


def _grid(rows: Sequence[Sequence[Node]], gutters: Sequence[float], ruled: bool) -> Grid:
    boxes = np.array([node.box for row in rows for node in row])
    x0, y0 = boxes[:, :2].min(0)
    x1, y1 = boxes[:, 2:].max(0)
    cells = [_cells(row, gutters) for row in rows]
    return Grid(cells, (int(x0), int(y0), int(x1), int(y1)), ruled)


def with_header(grid: Grid, band: Band, em: float) -> bool:
    """Make a line above a grid its header, in place, where it names every column; says whether it did.

    Names need not stand over what they name: figures are flush right where their names are not. Each stands
    between the columns beside its own.
    """
    columns = max(map(len, grid.rows))
    nodes = sorted(band.nodes, key=lambda node: node.box[0])
    if columns < _HEADED or len(nodes) != columns or any(node.region is not None for node in nodes):
        return False
    full = any(sum(map(bool, row)) == columns for row in grid.rows)
    if grid.box[1] - band.bottom > _HEADER_GAP * em or not full:
        return False
    for at, node in enumerate(nodes):
        middle = (node.box[0] + node.box[2]) / 2
        before = [line.box[2] for row in grid.rows for cell in row[:at] for line in cell]
        behind = [line.box[0] for row in grid.rows for cell in row[at + 1 :] for line in cell]
        if not max(before, default=-math.inf) < middle < min(behind, default=math.inf):
            return False
    x0, y0, x1, y1 = grid.box
    grid.rows.insert(0, [lines_in([node]) for node in nodes])
    grid.box = (min(x0, nodes[0].box[0]), min(y0, band.top), max(x1, nodes[-1].box[2]), y1)
    grid.spans = {(row + 1, column): size for (row, column), size in grid.spans.items()}
    return True


def _cells(row: Sequence[Node], gutters: Sequence[float]) -> list[list[TextLine]]:
    cells: list[list[Node]] = [[] for _ in range(len(gutters) + 1)]
    for node in row:
        cells[_column(node, gutters)].append(node)
    return [lines_in(cell) for cell in cells]


def ruled_grid(segments: Sequence[Segment], inside: list[int], frame: Frame, em: float) -> Grid | None:
    """The cells between the rules of a grid."""
    xs, ys = frame.xs, frame.ys
    # One row of fields beside each other is a panel, not a table, where its rules were seen among print.
    if len(xs) < 2 or (len(ys) < 3 and not (frame.exact and len(xs) > 2)):
        return None
    spans = _spans(frame)
    home = {
        (row + down, column + across): (row, column)
        for (row, column), (rows, columns) in spans.items()
        for down in range(rows)
        for across in range(columns)
    }
    cells: list[list[list[Node]]] = [[[] for _ in range(len(xs) - 1)] for _ in range(len(ys) - 1)]
    for node in nodes_of(segments, inside):
        row = int(np.searchsorted(ys[1:-1], (node.core[0] + node.core[1]) / 2))
        column = int(np.searchsorted(xs[1:-1], (node.box[0] + node.box[2]) / 2))
        row, column = home.get((row, column), (row, column))
        cells[row][column].append(node)
    lines = [[lines_in(cell) for cell in row] for row in cells]
    if not spans:  # a row between two rules of a double line
        lines = [row for row in lines if any(row)]
    return Grid(lines, frame.box, ruled=True, spans=spans)


def _spans(frame: Frame) -> dict[tuple[int, int], tuple[int, int]]:
    """(rows, columns) of the merged cells of a grid: rectangles without walls inside."""
    rows, columns = len(frame.ys) - 1, len(frame.xs) - 1
    taken: set[tuple[int, int]] = set()
    spans = {}
    for row in range(rows):
        for column in range(columns):
            if (row, column) in taken:
                continue
            wide, high = 1, 1
            while column + wide < columns and (row, column + wide) not in taken:
                if frame.has_right(row, column + wide - 1):
                    break
                wide += 1
            across = range(column, column + wide)
            while row + high < rows and not any(frame.has_below(row + high - 1, at) for at in across):
                if any(frame.has_right(row + high, at) for at in across[:-1]):
                    break
                high += 1
            taken |= {(row + down, at) for down in range(high) for at in across}
            if (high, wide) != (1, 1):
                spans[row, column] = high, wide
    return spans


def open_grid(segments: Sequence[Segment], inside: list[int], frame: Frame, em: float) -> Grid | None:
    """A table with horizontal rules only: its columns are where no row has ink."""
    nodes = nodes_of(segments, inside)
    bands = rows_joined(bands_of(nodes))
    blank = [(a + b) / 2 for a, b in free(nodes, 0.3 * em) if np.isfinite(a) and np.isfinite(b)]
    between = _rows_between(bands, frame.ys, blank)
    gutters = _needed(blank, between or bands)
    if not gutters or len(bands) < 2:
        return None
    rows = [band.nodes for band in between] if between else _rows(bands, gutters, em)
    grid = _grid(rows, gutters, ruled=True)
    # Under headings no header stands between the first two rules.
    return grid if sum(map(bool, grid.rows[0])) > 1 else None


def _is_one_row(bands: Sequence[Band], gutters: Sequence[float]) -> bool:
    """Whether bands are lines of the cells of one row: one column has several, all but the last as wide as
    its text is, the others one."""
    columns: dict[int, list[float]] = {}
    for band in bands:
        filled: dict[int, float] = {}
        for node in band.nodes:
            at = _column(node, gutters)
            filled[at] = filled.get(at, 0.0) + node.box[2] - node.box[0]
        for at, width in filled.items():
            columns.setdefault(at, []).append(width)
    several = [widths for widths in columns.values() if len(widths) > 1]
    return len(several) == 1 < len(columns) and min(several[0][:-1]) > _FULL_LINE * max(several[0])


def _rows_between(bands: Sequence[Band], ys: Sequence[float], gutters: Sequence[float]) -> list[Band]:
    """What stands between each two rules as one band, where rules part rows: most have one row between them;
    none where they do not."""
    between: dict[int, list[Band]] = {}
    for band in bands:
        between.setdefault(bisect_left(ys, (band.top + band.bottom) / 2), []).append(band)
    rows = [1 if _is_one_row(row, gutters) else len(row) for row in between.values()]
    if len(ys) < _RULED_ROWS or np.median(rows) > 1:
        return []
    return [
        Band([node for band in row for node in band.nodes], row[0].top, row[-1].bottom)
        for row in between.values()
    ]
