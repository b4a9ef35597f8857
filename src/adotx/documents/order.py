"""Segments and frames in, regions in reading order out.

In: `Segment`s and `Frame`s of one page. Out: `Flow` (lines of a column), `Grid` (a table or a form: rows of cells of
lines) in the order a person reads. Columns are found by an XY-cut that starts from bands of lines. Knows no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from adotx.documents.clean import Box
from adotx.documents.lines import Segment
from adotx.documents.rulings import Frame

Mark = Literal["", "box", "bar", "panel"]


@dataclass(frozen=True)
class TextLine:
    """One line of a column or cell: indices of its segments from left to right, and the box around them."""

    segments: tuple[int, ...]
    box: Box
    core: tuple[int, int]


@dataclass
class Flow:
    """Lines under each other between `left` and `right`; `mark` says what frames them."""

    lines: list[TextLine]
    left: int
    right: int
    mark: Mark = ""


@dataclass
class Grid:
    """Rows of cells, each cell a list of lines; `ruled` by lines, else by alignment."""

    rows: list[list[list[TextLine]]]
    box: Box
    ruled: bool


Region = Flow | Grid


@dataclass
class _Node:
    """A segment, or a region that is read as a whole."""

    box: Box
    core: tuple[int, int]
    segment: int = -1
    region: Region | None = None


@dataclass
class _Band:
    """Nodes that overlap in height, and the free intervals between them."""

    nodes: list[_Node] = field(default_factory=list)
    top: int = 0
    low: int = 0


def reading_order(
    segments: Sequence[Segment], frames: Sequence[Frame], panels: Sequence[Box], em: float
) -> list[Region]:
    """Regions in reading order; every segment is in exactly one of them."""
    left = set(range(len(segments)))
    nodes: list[_Node] = []
    for frame in sorted(frames, key=lambda f: (f.box[2] - f.box[0]) * (f.box[3] - f.box[1])):
        inside = _inside(segments, left, frame.box, em)
        if not inside or frame.kind == "bar":
            continue
        if frame.kind in ("grid", "rows"):
            region = _ruled(segments, inside, frame, em) if frame.kind == "grid" else _rows(segments, inside, em)
            if region is None:
                continue
            nodes.append(_Node(frame.box, (frame.box[1], frame.box[3]), region=region))
        elif not _is_page(frame.box, inside, segments, nodes):
            nodes.append(_framed(segments, inside, frame.box, "box", em))
        else:
            continue
        left -= set(inside)
    for box in panels:
        inside = _inside(segments, left, box, em)
        if inside:
            nodes.append(_framed(segments, inside, box, "panel", em))
            left -= set(inside)
    for frame in frames:
        inside = _beside(segments, left, frame, em) if frame.kind == "bar" else []
        if inside:
            nodes.append(_framed(segments, inside, _around(segments, inside), "bar", em))
            left -= set(inside)
    nodes += [_Node(segments[i].box, segments[i].core, segment=i) for i in sorted(left)]
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


def _is_page(box: Box, inside: list[int], segments: Sequence[Segment], nodes: list[_Node]) -> bool:
    """A border around the whole page, or around other frames, frames nothing in particular."""
    if any(box[0] <= n.box[0] and box[1] <= n.box[1] and n.box[2] <= box[2] and n.box[3] <= box[3] for n in nodes):
        return True
    return len(inside) > 0.6 * len(segments) and len(inside) > 6


def _beside(segments: Sequence[Segment], left: set[int], bar: Frame, em: float) -> list[int]:
    """Lines that a bar marks as a quotation: they start right of it, and nothing stands left of it."""
    x, (_, y0, _, y1) = bar.xs[0], bar.box
    level = [i for i in sorted(left) if y0 - 0.2 * em <= segments[i].middle <= y1 + 0.2 * em]
    if any(x - 2.5 * em < segments[i].box[2] <= x + 1 for i in level):
        return []
    right = [i for i in level if segments[i].box[0] > x]
    starts = sorted(segments[i].box[0] - x for i in right)
    return right if starts and starts[0] < 1.6 * em and y1 - y0 < 25 * em else []


def _framed(segments: Sequence[Segment], inside: list[int], box: Box, mark: Mark, em: float) -> _Node:
    nodes = [_Node(segments[i].box, segments[i].core, segment=i) for i in inside]
    lines = [line for band in _bands(nodes) for line in _lines(band.nodes)]
    region = Flow(lines, box[0], box[2], mark)
    return _Node(box, (box[1], box[3]), region=region)


# Bands and lines --------------------------------------------------------------------------------------------


def _bands(nodes: Sequence[_Node]) -> list[_Band]:
    """Nodes in bands from top to bottom: what overlaps in height by more than a hair is one band."""
    bands: list[_Band] = []
    for node in sorted(nodes, key=lambda n: (n.core[0], n.box[0])):
        top, low = node.core
        if bands:
            band = bands[-1]
            overlap = min(low, band.low) - top
            if overlap > 0.25 * min(low - top, band.low - band.top):
                band.nodes.append(node)
                band.low = max(band.low, low)
                continue
        bands.append(_Band([node], top, low))
    return bands


def _lines(nodes: Sequence[_Node]) -> list[TextLine]:
    """Segment nodes of one column as lines: those whose middles are level belong together."""
    groups: list[list[_Node]] = []
    for node in sorted(nodes, key=lambda n: n.core[0] + n.core[1]):
        middle = (node.core[0] + node.core[1]) / 2
        for group in groups[-2:]:
            top, low = min(n.core[0] for n in group), max(n.core[1] for n in group)
            level = top - 0.05 * (low - top) <= middle <= low + 0.05 * (low - top)
            if level and all(_apart(node, other) for other in group):
                group.append(node)
                break
        else:
            groups.append([node])
    lines = []
    for group in groups:
        group.sort(key=lambda n: n.box[0])
        boxes = np.array([n.box for n in group])
        x0, y0 = boxes[:, :2].min(0)
        x1, y1 = boxes[:, 2:].max(0)
        # The widest segment is the steadiest measure of where the line stands.
        widest = max(group, key=lambda n: n.box[2] - n.box[0])
        lines.append(
            TextLine(tuple(n.segment for n in group), (int(x0), int(y0), int(x1), int(y1)), widest.core)
        )
    lines.sort(key=lambda line: (line.core[0] + line.core[1], line.box[0]))
    return lines


def _apart(a: _Node, b: _Node) -> bool:
    """Beside each other, not above."""
    overlap = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    return overlap <= 0.3 * min(a.box[2] - a.box[0], b.box[2] - b.box[0])


def _free(nodes: Sequence[_Node], least: float) -> list[tuple[float, float]]:
    """Intervals of x that no node covers, from minus to plus infinity, at least `least` wide."""
    out, at = [], -np.inf
    for node in sorted(nodes, key=lambda n: n.box[0]):
        if node.box[0] - at >= least:
            out.append((at, float(node.box[0])))
        at = max(at, float(node.box[2]))
    out.append((at, np.inf))
    return out


def _common(
    a: list[tuple[float, float]], b: list[tuple[float, float]], least: float
) -> list[tuple[float, float]]:
    out = []
    for a0, a1 in a:
        for b0, b1 in b:
            low, high = max(a0, b0), min(a1, b1)
            if high - low >= least:
                out.append((low, high))
    return sorted(out)


# Columns ----------------------------------------------------------------------------------------------------


def _read(nodes: Sequence[_Node], segments: Sequence[Segment], em: float, depth: int = 0) -> list[Region]:
    """The XY-cut: bands from top to bottom; runs of bands with a gutter down their middle are columns."""
    bands = _bands(nodes)
    regions: list[Region] = []
    plain: list[_Band] = []
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
        sides: tuple[list[_Node], list[_Node]] = ([], [])
        for node in inner:
            sides[(node.box[0] + node.box[2]) / 2 > gutter].append(node)
        for side in sides:
            regions += _read(side, segments, em, depth + 1)
        at += count
    return regions + _rows_and_flows(plain, em)


def _columns(bands: list[_Band], at: int, em: float) -> tuple[int, float]:
    """(how many bands from `at` on stand in columns, where to part them); (0, 0) if none do."""
    least = 0.95 * em
    common = _free(bands[at].nodes, least)
    best = (0, 0.0)
    for end in range(at, len(bands)):
        if end > at:
            common = _common(common, _free(bands[end].nodes, least), least)
        nodes = None
        if len(common) < 3 and not any(np.isfinite(a) or np.isfinite(b) for a, b in common):
            break
        for low, high in common:
            if np.isfinite(low) and np.isfinite(high):
                nodes = nodes or [n for band in bands[at : end + 1] for n in band.nodes]
                if _both_prose(nodes, (low + high) / 2, em):
                    best = (end - at + 1, (low + high) / 2)
                    break
    return best


def _both_prose(nodes: Sequence[_Node], gutter: float, em: float) -> bool:
    """Whether what stands left and right of a gutter are columns of text rather than cells of a table."""
    measures = []
    sides = []
    for side in (True, False):
        mine = [n for n in nodes if ((n.box[0] + n.box[2]) / 2 < gutter) == side]
        if len(mine) < 3:
            return False
        low, high = min(n.box[0] for n in mine), max(n.box[2] for n in mine)
        wide = high - low
        if wide < 7.5 * em:
            return False
        text = [n for n in mine if n.region is None]
        lines = _lines(text) if text else []
        tall = max(n.box[3] for n in mine) - min(n.box[1] for n in mine)
        if (len(lines) < 3 and len(lines) == len(mine)) or tall < 3 * em:
            return False
        full = [(line.box[2] - line.box[0]) / wide for line in lines]
        measures.append(float(np.mean([share > 0.7 for share in full])) if full else 1.0)
        sides.append(sorted((line.core[0] + line.core[1]) / 2 for line in lines))
    if min(measures) >= 0.45:
        return True
    left, right = sides
    if not left or not right:
        return True
    places = np.array(right)
    level = np.mean([np.abs(places - y).min() < 0.25 * em for y in left])
    return bool(level < 0.55 and max(measures) >= 0.25)


# Tables and forms without rules -----------------------------------------------------------------------------


def _rows_and_flows(bands: list[_Band], em: float) -> list[Region]:
    """Bands of one column as flows, framed regions, and grids where segments align in columns."""
    regions: list[Region] = []
    lines: list[TextLine] = []

    def flush() -> None:
        if lines:
            left, right = min(line.box[0] for line in lines), max(line.box[2] for line in lines)
            regions.append(Flow(list(lines), left, right))
            lines.clear()

    at = 0
    while at < len(bands):
        framed = [node for node in bands[at].nodes if node.region is not None]
        if framed:
            text = [node for node in bands[at].nodes if node.region is None]
            first = min(node.core[0] for node in framed)
            lines += _lines([n for n in text if (n.core[0] + n.core[1]) / 2 < first])
            flush()
            regions += [n.region for n in sorted(framed, key=lambda n: (n.box[1], n.box[0])) if n.region]
            lines += _lines([n for n in text if (n.core[0] + n.core[1]) / 2 >= first])
            at += 1
            continue
        count, gutters = _aligned(bands, at, em)
        if count:
            flush()
            regions.append(_grid(bands[at : at + count], gutters, em))
            at += count
        else:
            lines += _lines(bands[at].nodes)
            at += 1
    flush()
    return regions


def _gaps(band: _Band) -> list[tuple[float, float]]:
    return [(a, b) for a, b in _free(band.nodes, 0.0) if np.isfinite(a) and np.isfinite(b)]


def _aligned(bands: list[_Band], at: int, em: float) -> tuple[int, list[float]]:
    """(how many bands from `at` on are rows of one table or form, its gutters); (0, []) if it is none."""
    least = 0.5 * em
    if not _gaps(bands[at]):
        return 0, []
    common = _free(bands[at].nodes, least)
    best: tuple[int, list[float]] = (0, [])
    steps: list[float] = []
    for end in range(at, len(bands)):
        band = bands[end]
        if any(node.region is not None for node in band.nodes):
            break
        if end > at:
            step = band.top - bands[end - 1].low
            # A new block starts after a gap; a lone line belongs to the table only if it continues a cell.
            if steps and step > 2.2 * max(np.median(steps), 0.45 * em):
                break
            if not _gaps(band) and step > (1.15 * float(np.median(steps)) if steps else 0.8 * em):
                break
            common = _common(common, _free(band.nodes, least), least)
            steps.append(step)
        gutters = [(a, b) for a, b in common if np.isfinite(a) and np.isfinite(b)]
        if not gutters:
            break
        count = end - at + 1
        rows = [b for b in bands[at : end + 1] if _gaps(b)]
        gaps = [gap for b in rows for gap in _gaps(b)]
        met = np.mean([any(min(b1, g1) - max(b0, g0) > 0.2 * em for b0, b1 in gutters) for g0, g1 in gaps])
        if (len(rows) >= 3 or (len(rows) >= 2 and len(gutters) >= 2)) and met >= 0.75:
            best = (count, [(a + b) / 2 for a, b in gutters])
    if not best[0]:
        return best
    inner = [node for band in bands[at : at + best[0]] for node in band.nodes]
    first = [n for n in inner if (n.box[0] + n.box[2]) / 2 < best[1][0]]
    # Bullets and the text behind them are a list.
    return best if max((n.box[2] - n.box[0] for n in first), default=0) > 0.9 * em else (0, [])


def _grid(bands: list[_Band], gutters: list[float], em: float) -> Grid:
    """Bands as rows of a grid; bands close together are the lines of one row."""
    steps = [b.top - a.low for a, b in zip(bands, bands[1:], strict=False)]
    columns = [{int(np.searchsorted(gutters, (n.box[0] + n.box[2]) / 2)) for n in band.nodes} for band in bands]
    wide = [step for step in steps if step > 0.8 * em]
    two_sizes = bool(wide) and any(step < 0.62 * em for step in steps)
    rows: list[list[_Node]] = []
    for number, band in enumerate(bands):
        joined = number > 0 and (
            (two_sizes and steps[number - 1] < 0.65 * em)
            or (len(gutters) == 1 and columns[number] == {1} and steps[number - 1] < 0.95 * em)
        )
        if joined:
            rows[-1] += band.nodes
        else:
            rows.append(list(band.nodes))
    cells = [_cells(row, gutters) for row in rows]
    boxes = np.array([node.box for band in bands for node in band.nodes])
    x0, y0 = boxes[:, :2].min(0)
    x1, y1 = boxes[:, 2:].max(0)
    return Grid(cells, (int(x0), int(y0), int(x1), int(y1)), ruled=False)


def _cells(row: Sequence[_Node], gutters: Sequence[float]) -> list[list[TextLine]]:
    cells: list[list[_Node]] = [[] for _ in range(len(gutters) + 1)]
    for node in row:
        cells[int(np.searchsorted(gutters, (node.box[0] + node.box[2]) / 2))].append(node)
    return [_lines(cell) for cell in cells]


# Ruled tables -----------------------------------------------------------------------------------------------


def _ruled(segments: Sequence[Segment], inside: list[int], frame: Frame, em: float) -> Grid | None:
    """The cells between the rules of a grid."""
    xs, ys = list(frame.xs), list(frame.ys)
    if len(xs) < 2:
        return None
    xs, ys = xs[1:-1], ys[1:-1]
    nodes = [_Node(segments[i].box, segments[i].core, segment=i) for i in inside]
    rows: list[list[_Node]] = [[] for _ in range(len(ys) + 1)]
    for node in nodes:
        rows[int(np.searchsorted(ys, (node.core[0] + node.core[1]) / 2))].append(node)
    return Grid([_cells(row, xs) for row in rows if row], frame.box, ruled=True)


def _rows(segments: Sequence[Segment], inside: list[int], em: float) -> Grid | None:
    """A table with level rules only: its columns are where no row has ink."""
    nodes = [_Node(segments[i].box, segments[i].core, segment=i) for i in inside]
    gutters = [(a + b) / 2 for a, b in _free(nodes, 0.45 * em) if np.isfinite(a) and np.isfinite(b)]
    bands = _bands(nodes)
    if not gutters or len(bands) < 2:
        return None
    grid = _grid(bands, gutters, em)
    return Grid(grid.rows, grid.box, ruled=True)
