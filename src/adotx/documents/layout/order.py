"""Segments and frames in, regions in reading order out.

In: `Segment`s and `Frame`s of one page. Out: `Flow` (lines of a column), `Grid` (a table or a form: rows
of cells of lines) in the order a person reads. Columns are found by an XY-cut that starts from bands of
lines. Knows no text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

import numpy as np

from adotx.documents.layout.bands import (
    Band,
    Figure,
    Flow,
    Grid,
    Mark,
    Node,
    Region,
    TextLine,
    bands_of,
    both_free,
    free,
    lines_in,
    nodes_of,
    rows_joined,
)
from adotx.documents.layout.clean import Box
from adotx.documents.layout.grids import aligned_runs, grid_of, open_grid, ruled_grid, with_header
from adotx.documents.layout.lines import Segment
from adotx.documents.layout.rulings import Frame

# Columns of more bands than a page has are looked at once, at their end: a long receipt has none.
_LONG = 100
# Pieces of a line on a panel that are further apart, in em, are cells.
_CELL_GAP = 1.0
# So many lines show that ragged text stands in columns.
_RAGGED_LINES = 6
# Of the lines left of a gutter so many have one right of it at their height, within so many em, in a table.
_MOSTLY, _ONE_HEIGHT = 0.55, 0.25
# So many lines of cells have a gap at one place.
_COMMON_GAP = 0.65
# So few lines are the end of a column that so many stand left of; the first is at least so much as wide.
_SHORT, _LONG_COLUMN, _AS_WIDE = 3, 10, 0.6
# A column of text is at least this many em wide.
_NARROWEST_COLUMN = 7.5


def reading_order(
    segments: Sequence[Segment],
    frames: Sequence[Frame],
    panels: Sequence[Box],
    em: float,
    figures: Sequence[Box] = (),
) -> list[Region]:
    """Regions in reading order; every segment is in exactly one of them."""
    left = set(range(len(segments)))
    nodes = [Node(box, (box[1], box[3]), region=Figure(box)) for box in figures]
    for frame in sorted(frames, key=lambda f: (f.box[2] - f.box[0]) * (f.box[3] - f.box[1])):
        inside = _inside(segments, left, frame.box, em)
        if not inside or frame.kind == "bar":
            continue
        if frame.kind in ("grid", "rows"):
            region = (
                ruled_grid(segments, inside, frame, em)
                if frame.kind == "grid"
                else open_grid(segments, inside, frame, em)
            )
            if region is None:
                continue
            nodes.append(Node(frame.box, (frame.box[1], frame.box[3]), region=region))
        elif not _is_page(frame.box, inside, segments, nodes):
            nodes.append(_framed(segments, inside, frame.box, "box", em))
        else:
            continue
        left -= set(inside)
    for box in panels:
        inside = _inside(segments, left, box, em)
        if inside and not _is_row(segments, inside, em):
            nodes.append(_framed(segments, inside, box, "panel", em))
            left -= set(inside)
    for frame in frames:
        inside = _beside(segments, left, frame, em) if frame.kind == "bar" else []
        if inside:
            nodes.append(_framed(segments, inside, _around(segments, inside), "bar", em))
            left -= set(inside)
    nodes += nodes_of(segments, sorted(left))
    return _read(nodes, segments, em)


def _inside(segments: Sequence[Segment], left: set[int], box: Box, em: float) -> list[int]:
    x0, y0, x1, y1 = box
    slack = 0.3 * em
    out = []
    for i in sorted(left):
        s = segments[i]
        if x0 - slack <= (s.box[0] + s.box[2]) / 2 <= x1 + slack and y0 <= s.middle <= y1:
            out.append(i)
    return out


def _around(segments: Sequence[Segment], chosen: Sequence[int]) -> Box:
    boxes = np.array([segments[i].box for i in chosen])
    x0, y0 = boxes[:, :2].min(0)
    x1, y1 = boxes[:, 2:].max(0)
    return int(x0), int(y0), int(x1), int(y1)


def _is_page(box: Box, inside: list[int], segments: Sequence[Segment], nodes: list[Node]) -> bool:
    """A border around the whole page, or around other frames, frames nothing in particular."""
    if any(
        box[0] <= n.box[0] and box[1] <= n.box[1] and n.box[2] <= box[2] and n.box[3] <= box[3] for n in nodes
    ):
        return True
    return len(inside) > 0.6 * len(segments) and len(inside) > 6


def _is_row(segments: Sequence[Segment], inside: list[int], em: float) -> bool:
    """Whether what stands on a panel is one line of pieces far apart: a row of a table on a ground of its
    own."""
    line = sorted((segments[i] for i in inside), key=lambda each: each.box[0])
    level = all(a.box[1] < b.middle < a.box[3] for a, b in pairwise(line))
    return level and any(b.box[0] - a.box[2] > _CELL_GAP * em for a, b in pairwise(line))


def _beside(segments: Sequence[Segment], left: set[int], bar: Frame, em: float) -> list[int]:
    """Lines that a bar marks as a quotation: they start right of it, and nothing stands left of it."""
    x, (_, y0, _, y1) = bar.xs[0], bar.box
    alongside = [i for i in sorted(left) if y0 - 0.2 * em <= segments[i].middle <= y1 + 0.2 * em]
    if any(x - 2.5 * em < segments[i].box[2] <= x + 1 for i in alongside):
        return []
    right = [i for i in alongside if segments[i].box[0] > x]
    starts = sorted(segments[i].box[0] - x for i in right)
    return right if starts and starts[0] < 1.6 * em and y1 - y0 < 25 * em else []


def _framed(segments: Sequence[Segment], inside: list[int], box: Box, mark: Mark, em: float) -> Node:
    nodes = nodes_of(segments, inside)
    lines = [line for band in bands_of(nodes) for line in lines_in(band.nodes)]
    region = Flow(lines, box[0], box[2], mark)
    return Node(box, (box[1], box[3]), region=region)


# Columns ----------------------------------------------------------------------------------------------------


def _read(nodes: Sequence[Node], segments: Sequence[Segment], em: float, depth: int = 0) -> list[Region]:
    """The XY-cut: bands from top to bottom; runs of bands with a gutter down their middle are columns."""
    bands = bands_of(nodes)
    regions: list[Region] = []
    plain: list[Band] = []
    at = 0
    while at < len(bands):
        count, gutter = _columns(bands, at, em) if depth < 4 else (0, 0.0)
        if not count:
            plain.append(bands[at])
            at += 1
            continue
        regions += _rows_and_flows(plain, em)
        plain = []
        inner = [node for band in bands[at : at + count] for node in band.nodes]
        sides: tuple[list[Node], list[Node]] = ([], [])
        for node in inner:
            sides[(node.box[0] + node.box[2]) / 2 > gutter].append(node)
        for side in sides:
            regions += _read(side, segments, em, depth + 1)
        at += count
    return regions + _rows_and_flows(plain, em)


def _columns(bands: list[Band], at: int, em: float) -> tuple[int, float]:
    """(how many bands from `at` on stand in columns, where to part them); (0, 0) if none do."""
    least = 0.95 * em
    common = free(bands[at].nodes, least)
    ends: list[tuple[int, list[tuple[float, float]]]] = []
    for end in range(at, len(bands)):
        if end > at:
            common = both_free(common, free(bands[end].nodes, least), least)
        if len(common) < 3 and not any(math.isfinite(a) or math.isfinite(b) for a, b in common):
            break
        del ends[_LONG:]
        ends.append((end, common))
    # The longest that stand in columns: most that do are found at once.
    return next((found for each in reversed(ends) if (found := _parted(bands, at, *each, em))), (0, 0.0))


def _parted(
    bands: list[Band], at: int, end: int, common: list[tuple[float, float]], em: float
) -> tuple[int, float] | None:
    """The bands `at` to `end` as columns of text, where one of the free stretches of x parts them."""
    gutters = [(low + high) / 2 for low, high in common if math.isfinite(low) and math.isfinite(high)]
    nodes = [node for band in bands[at : end + 1] for node in band.nodes] if gutters else []
    for gutter in gutters:
        if _both_prose(nodes, gutter, em):
            return end - at + 1, gutter
    return None


def _tabular(side: Sequence[Node], em: float) -> bool:
    """Whether a gap too narrow to part columns of text runs down a side: then its lines are rows of cells."""
    low, high = min(n.box[0] for n in side), max(n.box[2] for n in side)
    for a, b in free(side, 0.5 * em):
        if math.isfinite(a) and math.isfinite(b):
            parts = sorted((a - low, high - b))
            # Bullets stand apart from their text as well.
            if parts[0] < _NARROWEST_COLUMN * em and a - low > 1.5 * em:
                return True
    return False


def _in_cells(lines: Sequence[TextLine], nodes: Sequence[Node], em: float) -> bool:
    """Whether the detector saw cells in most lines of a side (boxes beside each other, narrower than columns
    of text) and most of those lines have a gap at one place: gaps of justified lines lie anywhere."""
    parted, ends = 0, []
    for line in lines:
        inside = sorted((n for n in nodes if n.segment in line.segments), key=lambda n: n.box[0])
        boxes = {n.text for n in inside}
        widths = [
            max(n.box[2] for n in inside if n.text == box) - min(n.box[0] for n in inside if n.text == box)
            for box in boxes
        ]
        parted += len(boxes) > 1 and float(np.mean(widths)) < _NARROWEST_COLUMN * em
        for one, other in pairwise(inside):
            if one.box[2] < other.box[0]:
                ends += [(one.box[2], 1), (other.box[0], -1)]
    most = max(accumulate(step for _, step in sorted(ends)), default=0)
    return parted > 0.5 * len(lines) and most > _COMMON_GAP * len(lines)


def _room(side: Sequence[Node], em: float) -> Callable[[TextLine], float]:
    """How wide a line could be: the side's width; where that is columns itself, of those that it stands in,
    whose lines need not be level."""
    low, high = min(n.box[0] for n in side), max(n.box[2] for n in side)
    gaps = [(a, b) for a, b in free(side, 0.95 * em) if np.isfinite(a) and np.isfinite(b)]
    edges = [low, *(edge for gap in gaps for edge in gap), high]
    columns = list(zip(edges[::2], edges[1::2], strict=True))
    if min(b - a for a, b in columns) < _NARROWEST_COLUMN * em:
        columns = [(low, high)]
    return lambda line: sum(b - a for a, b in columns if line.box[0] < b and line.box[2] > a)


def _is_short_column(mine: Sequence[Node], other: Sequence[Node], em: float) -> bool:
    """Whether some lines at the top of a page's right half are the end of a text whose column left of them is
    full: the first is as wide as that column's lines."""
    if not mine or len(mine) > len(other) or any(n.region for n in mine):
        return False
    short, long = lines_in(mine), lines_in([n for n in other if n.region is None])
    if len(short) > _SHORT or len(long) < _LONG_COLUMN:
        return False
    width = max(n.box[2] for n in other) - min(n.box[0] for n in other)
    top, bottom = min(n.core[0] for n in other), max(n.core[1] for n in other)
    first, wide = short[0].box, sum(line.box[2] - line.box[0] > 0.7 * width for line in long)
    return bool(
        first[2] - first[0] > _AS_WIDE * width > _AS_WIDE * _NARROWEST_COLUMN * em
        and wide > 0.5 * len(long)
        and short[0].core[0] < top + 3 * em
        and short[-1].core[1] - top < 0.5 * (bottom - top)
    )


def _both_prose(nodes: Sequence[Node], gutter: float, em: float) -> bool:
    """Whether what stands left and right of a gutter are columns of text rather than cells of a table."""
    measures, sides, cells = [], [], False
    parts = [[n for n in nodes if ((n.box[0] + n.box[2]) / 2 < gutter) == side] for side in (True, False)]
    if _is_short_column(parts[1], parts[0], em):
        return True
    for mine in parts:
        if len(mine) < 3:
            return False
        low, high = min(n.box[0] for n in mine), max(n.box[2] for n in mine)
        if high - low < _NARROWEST_COLUMN * em or _tabular(mine, em):
            return False
    for mine in parts:
        text = [n for n in mine if n.region is None]
        lines = lines_in(text) if text else []
        cells |= bool(lines) and _in_cells(lines, text, em)
        tall = max(n.box[3] for n in mine) - min(n.box[1] for n in mine)
        if (len(lines) < 4 and len(lines) == len(mine)) or tall < 3 * em:
            return False
        ink = {n.segment: n.box[2] - n.box[0] for n in text}
        # The blank between cells does not fill a line.
        room = _room(mine, em)
        full = [1.15 * sum(ink[i] for i in line.segments) / room(line) for line in lines]
        measures.append(float(np.mean([share > 0.7 for share in full])) if full else 1.0)
        sides.append(sorted((line.core[0] + line.core[1]) / 2 for line in lines))
    left, right = sides
    places = np.array(right)
    # Cells of a row stand at one height.
    near = [np.abs(places - y).min() < _ONE_HEIGHT * em for y in left] if right else []
    aligned = float(np.mean(near)) if near else 1.0
    if cells and aligned >= _MOSTLY:
        return False
    if min(measures) >= 0.45 or not left or not right:
        return True
    if min(len(left), len(right)) < _RAGGED_LINES or min(measures) < 0.2:
        return False
    return aligned < _MOSTLY


# Tables and forms without rules -----------------------------------------------------------------------------


def _rows_and_flows(bands: list[Band], em: float) -> list[Region]:
    """Bands of one column as flows, framed regions, and grids where segments align in columns."""
    regions: list[Region] = []
    lines: list[TextLine] = []

    def flush() -> None:
        if lines:
            left, right = min(line.box[0] for line in lines), max(line.box[2] for line in lines)
            regions.append(Flow(list(lines), left, right))
            lines.clear()

    def headed(grid: Grid, before: Band) -> None:
        """Put a line in front of a grid as its header if it is one."""
        last = lines_in(before.nodes)[-1].segments if len(before.nodes) > 1 else ()
        if lines and lines[-1].segments == last and with_header(grid, before, em):
            lines.pop()

    bands = rows_joined(bands)
    runs = aligned_runs(bands, em)
    at = 0
    while at < len(bands):
        framed = [node for node in bands[at].nodes if node.region is not None]
        if framed:
            text = [node for node in bands[at].nodes if node.region is None]
            first = min(node.core[0] for node in framed)
            lines += lines_in([n for n in text if (n.core[0] + n.core[1]) / 2 < first])
            found = [n.region for n in sorted(framed, key=lambda n: (n.box[1], n.box[0])) if n.region]
            if at and len(framed) == 1 and not text and isinstance(found[0], Grid):
                headed(found[0], bands[at - 1])
            flush()
            regions += found
            lines += lines_in([n for n in text if (n.core[0] + n.core[1]) / 2 >= first])
            at += 1
        elif at in runs:
            end, gutters = runs[at]
            grid = grid_of(bands[at:end], gutters, em)
            if at:
                headed(grid, bands[at - 1])
            flush()
            regions.append(grid)
            at = end
        else:
            lines += lines_in(bands[at].nodes)
            at += 1
    flush()
    return regions
