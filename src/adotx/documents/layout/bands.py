"""What layout puts together: nodes (segments, framed regions), bands of nodes, lines, and the regions they
become.

In: `Node`s with boxes. Out: `Band`s from top to bottom, `TextLine`s, free intervals between nodes. Knows
no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from adotx.documents.layout.clean import Box
from adotx.documents.layout.lines import Segment

# Less overlap in height than this share of a line comes from paper that is not quite flat.
_HAIR = 0.1

Mark = Literal["", "box", "bar", "panel"]
# A note beside a line is set in type of less than this share of its height and hangs this share of it lower.
_SMALLER, _HANGS = 0.75, 0.12


@dataclass(frozen=True)
class TextLine:
    """One line of a column or cell: indices of its segments in reading order, and the box around them."""

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
    """Rows of cells, each cell a list of lines; `ruled` by lines, else by alignment.

    `spans`: (rows, columns) of merged cells by (row, column) of their top left; what they cover is empty.
    """

    rows: list[list[list[TextLine]]]
    box: Box
    ruled: bool
    spans: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Figure:
    """A picture, diagram or code; what is printed in it stands in the regions behind it."""

    box: Box


Region = Flow | Grid | Figure


@dataclass
class Node:
    """A segment, or a region that is read as a whole."""

    box: Box
    core: tuple[int, int]
    segment: int = -1
    region: Region | None = None
    inner: int = 0
    text: int = -1


@dataclass
class Band:
    """Nodes that overlap in height, and the free intervals between them."""

    nodes: list[Node] = field(default_factory=list)
    top: int = 0
    bottom: int = 0


def nodes_of(segments: Sequence[Segment], chosen: Sequence[int]) -> list[Node]:
    """A node for each chosen segment."""
    return [
        Node(segments[i].box, segments[i].core, segment=i, inner=segments[i].inner, text=segments[i].text)
        for i in chosen
    ]


def is_one_line(band: Band) -> bool:
    """Whether the detector took any of its nodes for words of one line, as it does in justified text."""
    boxes = [node.text for node in band.nodes if node.text >= 0]
    return len(boxes) < len(band.nodes) or len(set(boxes)) < len(boxes)


def is_note(node: Node, line: Sequence[Node]) -> bool:
    """Whether a node is set smaller than what it stands beside, and hangs lower, as the time beside a bubble
    does: it belongs behind it, on whichever side it stands."""
    high, low = node.core[1] - node.core[0], node.core[1]
    return any(
        high < _SMALLER * (other.core[1] - other.core[0])
        and low > other.core[1] + _HANGS * (other.core[1] - other.core[0])
        for other in line
    )


def bands_of(nodes: Sequence[Node]) -> list[Band]:
    """Nodes in bands from top to bottom: what overlaps in height by more than a hair is one band."""
    bands: list[Band] = []
    for node in sorted(nodes, key=lambda n: (n.core[0], n.box[0])):
        top, low = node.core
        if bands:
            band = bands[-1]
            overlap = min(low, band.bottom) - top
            if overlap > 0.25 * min(low - top, band.bottom - band.top):
                band.nodes.append(node)
                band.bottom = max(band.bottom, low)
                continue
        bands.append(Band([node], top, low))
    return bands


def rows_joined(bands: Sequence[Band]) -> list[Band]:
    """Bands with those put together that are one row of cells: a cell of one line stands beside the middle of
    one of two, where it overlaps both in height by a hair."""
    out: list[Band] = []
    for band in bands:
        last = out[-1] if out else None
        if last is not None and 1 in (len(last.nodes), len(band.nodes)) and _interlock(last, band):
            out[-1] = Band([*last.nodes, *band.nodes], last.top, max(last.bottom, band.bottom))
        else:
            out.append(band)
    return out


def _interlock(above: Band, below: Band) -> bool:
    """Whether nodes of two bands overlap in height, and all that do stand beside each other."""
    pairs = [(a, b) for a in above.nodes for b in below.nodes if a.box[3] > b.box[1]]
    deep = any(a.box[3] - b.box[1] > _HAIR * (b.box[3] - b.box[1]) for a, b in pairs)
    return deep and all(
        a.region is b.region is None and (a.box[2] < b.box[0] or b.box[2] < a.box[0]) for a, b in pairs
    )


def lines_in(nodes: Sequence[Node]) -> list[TextLine]:
    """Segment nodes of one column as lines: those whose middles are aligned belong together."""
    groups: list[list[Node]] = []
    heights: list[tuple[int, int]] = []  # of each group, its top and bottom
    for node in sorted(nodes, key=lambda n: n.core[0] + n.core[1]):
        middle = (node.core[0] + node.core[1]) / 2
        for at in range(max(0, len(groups) - 2), len(groups)):
            top, low = heights[at]
            aligned = top - 0.05 * (low - top) <= middle <= low + 0.05 * (low - top)
            if aligned and all(_apart(node, other) for other in groups[at]):
                groups[at].append(node)
                heights[at] = min(top, node.core[0]), max(low, node.core[1])
                break
        else:
            groups.append([node])
            heights.append(node.core)
    lines = []
    for unsorted in groups:
        if len(unsorted) == 1:
            [node] = unsorted
            lines.append(TextLine((node.segment,), node.box, node.core))
            continue
        notes = [is_note(node, unsorted) for node in unsorted]
        group = [
            node for node, _ in sorted(zip(unsorted, notes, strict=True), key=lambda n: (n[1], n[0].box[0]))
        ]
        x0, y0, x1, y1 = zip(*(node.box for node in group), strict=True)
        # The widest segment is the steadiest measure of where the line stands.
        widest = max(group, key=lambda n: n.box[2] - n.box[0])
        box = (min(x0), min(y0), max(x1), max(y1))
        lines.append(TextLine(tuple(n.segment for n in group), box, widest.core))
    lines.sort(key=lambda line: (line.core[0] + line.core[1], line.box[0]))
    return lines


def _apart(a: Node, b: Node) -> bool:
    """Beside each other, not above."""
    overlap = min(a.box[2], b.box[2]) - max(a.box[0], b.box[0])
    return overlap <= 0.3 * min(a.box[2] - a.box[0], b.box[2] - b.box[0])


def free(nodes: Sequence[Node], least: float) -> list[tuple[float, float]]:
    """Intervals of x that no node covers, from minus to plus infinity, at least `least` wide."""
    out, at = [], -np.inf
    for node in sorted(nodes, key=lambda n: n.box[0]):
        if node.box[0] - at >= least:
            out.append((at, float(node.box[0])))
        at = max(at, float(node.box[2]))
    out.append((at, np.inf))
    return out


def both_free(
    a: list[tuple[float, float]], b: list[tuple[float, float]], least: float
) -> list[tuple[float, float]]:
    out = []
    for a0, a1 in a:
        for b0, b1 in b:
            low, high = max(a0, b0), min(a1, b1)
            if high - low >= least:
                out.append((low, high))
    return sorted(out)


def gaps(band: Band) -> list[tuple[float, float]]:
    return [(a, b) for a, b in free(band.nodes, 0.0) if np.isfinite(a) and np.isfinite(b)]
