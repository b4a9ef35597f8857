"""Ruling lines out of a clean page: find them, wipe them, tell what they frame.

In: a `CleanPage` and a rough em. Out: `Rulings` - the lines, the frames they make (grids of cells, boxes,
tables of horizontal rules, bars) - and ink and grey without them. Knows nothing of text lines, text or
models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np

from adotx.documents.layout.clean import Box, CleanPage
from adotx.documents.layout.sides import ROW_HIGH, open_end, open_sides
from adotx.documents.layout.walls import same_place, walls
from adotx.documents.layout.wiping import Rule, wipe

# A rule longer than this share of the page is dust on a scanner's glass.
_DUST_SHARE = 0.97

# What parts two tables is higher than this many of the lowest rows.
_TALLER = 1.3
# A table's first two rules, a head's, are so many em apart at most, unless cells stand between all of them.
_HEAD = 6.0
# Text boxes higher than this, in em, hold type whose strokes are as long as rules.
_LARGE = 2.0
# Where so many rules are seen each way, a table's, fainter ones may be too.
_RULED = 2
# So many uprights that end at a panel show that it is a row of a table.
_ENDING = 3


@dataclass(frozen=True)
class Frame:
    """What some rules make together.

    kind: "grid" (cells), "rows" (a table of three or more horizontal rules), "box" (one rectangle), "bar"
    (one vertical rule beside text). `xs` and `ys` are the rules' places, sorted; for a grid they bound the
    cells, and `right` bool [rows, columns - 1] and `below` [rows - 1, columns] say where a rule parts
    two: cells without one are merged. `exact`: the rules are known from the file, not seen among print.
    """

    kind: Literal["grid", "rows", "box", "bar"]
    box: Box
    xs: tuple[float, ...] = ()
    ys: tuple[float, ...] = ()
    right: np.ndarray | None = field(default=None, compare=False)
    below: np.ndarray | None = field(default=None, compare=False)
    exact: bool = False

    def has_right(self, row: int, column: int) -> bool:
        """Whether a rule parts a cell of a grid from the next in its row."""
        return self.right is None or bool(self.right[row, column])

    def has_below(self, row: int, column: int) -> bool:
        """Whether a rule parts a cell of a grid from the one below."""
        return self.below is None or bool(self.below[row, column])


@dataclass
class Rulings:
    """Horizontal and vertical rules, and the frames found in them."""

    horizontal: list[Rule] = field(default_factory=list)
    vertical: list[Rule] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)


def runs(mask: np.ndarray, least: int) -> np.ndarray:
    """Unbroken runs of True along the rows: int [n, 3] of (row, start, end), each at least `least` long."""
    full = np.flatnonzero(np.count_nonzero(mask, 1) >= max(least, 1))
    height, width = len(full), mask.shape[1]
    padded = np.zeros((height, width + 2), np.int8)
    padded[:, 1:-1] = mask[full]
    change = np.diff(padded.ravel())
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    keep = ends - starts >= least
    starts, ends = starts[keep], ends[keep]
    rows = starts // (width + 2)
    return np.stack([full[rows], starts - rows * (width + 2), ends - rows * (width + 2)], 1)


def find_rulings(page: CleanPage, em: float) -> Rulings:
    """Find the rules of a page, wipe them from `page.ink`, `page.faint` and `page.gray`, and name their
    frames.

    Args:
        page: is changed in place.
        em: rough pixels per em of its text.
    """
    thickest = max(4, round(0.36 * em))
    height, width = page.ink.shape
    noisy = page.noise > 0.05
    faint = page.faint.copy()
    for x0, y0, x1, y1 in page.boxes.tolist():
        if y1 - y0 > _LARGE * em:  # strokes of large type are no rules
            faint[y0:y1, x0:x1] = False
    horizontal, vertical = _both_ways(faint, thickest, em, noisy)
    if page.hairs is not None and min(len(horizontal), len(vertical)) >= _RULED:
        faint |= page.hairs
        horizontal, vertical = _both_ways(faint, thickest, em, noisy)
    short = _rules(faint.T, round(1.1 * em), thickest, em, noisy) if len(horizontal) > 1 else []
    vertical += _between(short, horizontal, vertical)
    reach = round(0.3 * em) if noisy else 2  # where rules are broken, their ends were not seen
    for rule in horizontal:
        wipe(page, rule, False, reach)
    for rule in vertical:
        wipe(page, rule, True, reach)
    # Dust on the scanner's glass runs over the whole page and bounds nothing.
    horizontal = [rule for rule in horizontal if rule.length < _DUST_SHARE * width]
    vertical = [rule for rule in vertical if rule.length < _DUST_SHARE * height]
    horizontal += _edges_of_panels(page.panels, vertical, em)
    frames = [_walled(frame, faint, em) for frame in _frames(horizontal, vertical, page.boxes, em)]
    return Rulings(horizontal, vertical, frames)


def frames_on(mask: np.ndarray, text: np.ndarray, em: float) -> list[Frame]:
    """The frames that rules make where they are known apart from print, as in a PDF.

    Args:
        mask: bool [H, W], what may be rules and is no text.
        text: int64 [n, 4], the boxes of lines of text.
        em: pixels per em of its text.
    """
    thickest = max(4, round(0.36 * em))
    horizontal = _rules(mask, round(1.6 * em), thickest, em, False)
    vertical = _rules(np.ascontiguousarray(mask.T), round(0.9 * em), thickest, em, False)
    found = _frames(horizontal, vertical, text, em, open_rows=True)
    frames = [_to_the_end(frame, vertical, em) for frame in found]
    return [replace(_walled(_single_row(frame), mask, em), exact=True) for frame in frames]


def _to_the_end(frame: Frame, vertical: Sequence[Rule], em: float) -> Frame:
    """A grid with the row at its top or bottom that no rule closes, for its table goes on over the page's
    edge: most of its uprights run on beside it."""
    if frame.kind != "grid":
        return frame
    slack, (x0, top, x1, low) = max(5.0, 0.3 * em), frame.box
    sides = [
        rule
        for rule in vertical
        if any(abs(rule.at - x) <= slack for x in frame.xs)
        and rule.start < low + slack
        and rule.end > top - slack
    ]
    above = sorted(rule.start for rule in sides if rule.start < top - ROW_HIGH * em)
    below = sorted(rule.end for rule in sides if rule.end > low + ROW_HIGH * em)
    ys = frame.ys
    if 2 * len(above) > len(frame.xs):
        top = above[len(above) // 2]
        ys = (float(top), *ys)
    if 2 * len(below) > len(frame.xs):
        low = below[len(below) // 2]
        ys = (*ys, float(low))
    return replace(frame, box=(x0, top, x1, low), ys=ys)


def _single_row(frame: Frame) -> Frame:
    """A row of cells alone, as the last of a table on its next page, as the grid that it is."""
    return replace(frame, kind="grid") if frame.kind == "box" and len(frame.xs) > 2 else frame


def _walled(frame: Frame, faint: np.ndarray, em: float) -> Frame:
    """A grid with the walls between its cells, by what stands where its rules may run."""
    if frame.kind != "grid":
        return frame
    xs, ys = np.array(frame.xs), np.array(frame.ys)
    return replace(frame, right=walls(faint, xs, ys, em), below=walls(faint.T, ys, xs, em).T)


def _both_ways(mask: np.ndarray, thickest: int, em: float, noisy: bool) -> tuple[list[Rule], list[Rule]]:
    """The level and the upright rules of a mask."""
    # Strokes of a large heading are vertical lines too, up to twice the em of running text.
    across = _rules(mask, round(3.2 * em), thickest, em, noisy)
    return across, _rules(mask.T, round(2.6 * em), thickest, em, noisy)


def _rules(mask: np.ndarray, least: int, thickest: int, em: float, noisy: bool) -> list[Rule]:
    """Horizontal rules of a mask: long runs, rows of one rule put together, thick ones (pictures, panels)
    left out."""
    # A rule that is a hair off the horizontal steps from row to row: look at three rows at once.
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    if noisy:  # a rule is broken then: most of a stretch must be dark, which no row of letters is
        share = cv2.blur(wide.view(np.uint8) * np.uint8(200), (max(5, round(1.5 * em)), 1))
        wide = share > 150
    found = runs(np.ascontiguousarray(wide), least)
    groups: list[list[int]] = []  # top row, last row, start, end
    for row, start, end in found.tolist():
        for group in reversed(groups):
            if row - group[1] <= 1 and start <= group[3] + 2 and end >= group[2] - 2:
                group[1], group[2], group[3] = row, min(start, group[2]), max(end, group[3])
                break
        else:
            groups.append([row, row, start, end])
    rules = []
    for top, last, start, end in groups:
        thick = max(1, last - top - 1)  # three rows at once made it two thicker
        if noisy:  # the share over a stretch falls short at both ends, and letters blur into thick stretches
            start, end = max(0, start - round(0.3 * em)), min(mask.shape[1], end + round(0.3 * em))
            if thick > 1 + 0.14 * em:
                continue
        if thick <= thickest and _alone(mask, top, last, start, end, em, noisy):
            rules.append(Rule((top + last) / 2, start, end, thick))
    return _joined(rules, 12 if noisy else 5)


def _alone(mask: np.ndarray, top: int, last: int, start: int, end: int, em: float, noisy: bool) -> bool:
    """Paper beside it: the strokes of a row of letters have ink above and below."""
    height, reach = mask.shape[0], max(2, round((0.25 if noisy else 0.12) * em))
    above = mask[max(0, top - reach) : max(0, top - 1), start:end]
    below = mask[min(height, last + 2) : min(height, last + reach + 1), start:end]
    shares = [0.0, 0.0]
    for number, side in enumerate((above, below)):
        if side.size:  # where there is texture, any column has a dark pixel somewhere
            shares[number] = float(side.mean() if noisy else side.any(0).mean())
    long = end - start >= 8 * em
    # A short one might be a row of bold letters that run together: it needs paper on both sides.
    return min(shares) < 0.3 and max(shares) < (0.6 if long and not noisy else 0.3)


def _joined(rules: list[Rule], gap: int) -> list[Rule]:
    """Pieces of one broken rule put together."""
    done: list[Rule] = []
    for rule in sorted(rules, key=lambda r: (r.start, r.at)):
        for number, other in enumerate(done):
            near = abs(rule.at - other.at) <= 2 + max(rule.thick, other.thick) / 2
            if near and rule.start - other.end <= gap and rule.end >= other.start:
                longer = rule if rule.length > other.length else other
                done[number] = Rule(
                    longer.at, other.start, max(rule.end, other.end), max(rule.thick, other.thick)
                )
                break
        else:
            done.append(rule)
    return done


def _between(short: list[Rule], horizontal: list[Rule], known: list[Rule]) -> list[Rule]:
    """Vertical rules one table row high: they start and end on horizontal rules, as no stroke of a letter
    does."""
    kept = []
    for rule in short:
        if any(
            abs(rule.at - other.at) <= 2 and rule.start >= other.start - 2 and rule.end <= other.end + 2
            for other in known
        ):
            continue
        ends = [
            any(
                abs(place - other.at) <= 4 and other.start - 4 <= rule.at <= other.end + 4
                for other in horizontal
            )
            for place in (rule.start, rule.end)
        ]
        if all(ends):
            kept.append(rule)
    return kept


def _edges_of_panels(panels: Sequence[Box], vertical: Sequence[Rule], em: float) -> list[Rule]:
    """The upper and lower edges of panels that uprights end at: rows of a table on a ground of their own,
    whose rules are its edges."""
    found = []
    for x0, y0, x1, y1 in panels:
        ends = sum(
            x0 - em <= rule.at <= x1 + em and rule.start <= y1 + em and rule.end >= y0 - em
            for rule in vertical
        )
        if ends >= _ENDING:
            found += [Rule(y, x0, x1, 1) for y in (y0, y1)]
    return found


def _frames(
    horizontal: list[Rule], vertical: list[Rule], text: np.ndarray, em: float, open_rows: bool = False
) -> list[Frame]:
    """Rules that touch each other, as grids and boxes; what is left over as tables of horizontal rules and
    bars; with `open_rows` rows of cells that one level rule closes, too."""
    slack = max(5.0, 0.3 * em)
    parent = list(range(len(horizontal) + len(vertical)))

    def root(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    for i, a in enumerate(horizontal):
        for j, b in enumerate(vertical):
            if a.start - slack <= b.at <= a.end + slack and b.start - slack <= a.at <= b.end + slack:
                parent[root(i)] = root(len(horizontal) + j)
    groups: dict[int, tuple[list[Rule], list[Rule]]] = {}
    for i, rule in enumerate(horizontal):
        groups.setdefault(root(i), ([], []))[0].append(rule)
    for j, rule in enumerate(vertical):
        groups.setdefault(root(len(horizontal) + j), ([], []))[1].append(rule)
    frames, free = [], []
    for across, down in groups.values():
        down += _open_sides(across, down, em)
        xs = _places([rule.at for rule in down], slack)
        ys = _places([rule.at for rule in across], same_place(em))
        if not down:
            free += across
        elif not across:
            for rule in down:
                box = (round(rule.at), rule.start, round(rule.at) + 1, rule.end)
                frames.append(Frame("bar", box, xs=(rule.at,)))
        elif len(xs) >= 2 and len(ys) >= 2:
            frames += [_cell_frame(*part, em) for part in _parted(across, down, ys, em)]
        elif open_rows and len(xs) > 2 and len(ys) == 1:
            end = open_end([r.start for r in down], [r.end for r in down], across[0].at, em)
            row = [] if end is None else [replace(across[0], at=end), *across]
            frames += [_cell_frame(row, down, em)] if row else []
    return frames + _open_tables(free, [frame.box for frame in frames], text, em)


def _open_sides(across: list[Rule], down: list[Rule], em: float) -> list[Rule]:
    """The sides of a table that are not drawn."""
    if not across or not down:
        return []
    top, low = (round(f(rule.at for rule in across)) for f in (min, max))
    inner = min(rule.at for rule in down), max(rule.at for rule in down)
    places = open_sides([rule.start for rule in across], [rule.end for rule in across], inner, em)
    return [Rule(at, top, low, 1) for at in places]


def _parted(
    across: list[Rule], down: list[Rule], ys: tuple[float, ...], em: float
) -> list[tuple[list[Rule], list[Rule]]]:
    """Tables close under each other, parted where no row fits between two horizontal rules, or where not two
    vertical rules run from one to the next."""
    parts, first = [], 0
    for number in range(len(ys)):
        closes = number + 1 == len(ys)
        if not closes:
            middle = (ys[number] + ys[number + 1]) / 2
            closes = ys[number + 1] - ys[number] < 0.45 * em
            closes = closes or sum(rule.start <= middle <= rule.end for rule in down) < 2
        if closes:
            top, low = ys[first] - 3, ys[number] + 3
            horizontal = [rule for rule in across if top <= rule.at <= low]
            vertical = [rule for rule in down if min(rule.end, low) - max(rule.start, top) > 14]
            if len(horizontal) > 1 and len(vertical) > 1:
                parts.append((horizontal, vertical))
            first = number + 1
    return parts


def _cell_frame(across: list[Rule], down: list[Rule], em: float) -> Frame:
    """The grid or box that horizontal and vertical rules make."""
    near = same_place(em)
    xs, ys = _places([rule.at for rule in down], near), _places([rule.at for rule in across], near)
    box = (round(xs[0]), round(ys[0]), round(xs[-1]), round(ys[-1]))
    # A single column of few rules frames text; it holds no cells.
    cells = len(xs) > 2 or len(ys) > 3
    return Frame("grid" if cells else "box", box, xs, ys)


def _places(values: list[float], slack: float) -> tuple[float, ...]:
    """Sorted places, those closer than `slack` as one."""
    out: list[list[float]] = []
    for value in sorted(values):
        if out and value - out[-1][-1] <= slack:
            out[-1].append(value)
        else:
            out.append([value])
    return tuple(sum(group) / len(group) for group in out)


def _open_tables(free: list[Rule], others: Sequence[Box], text: np.ndarray, em: float) -> list[Frame]:
    """Three horizontal rules of one extent under each other (top, header, bottom) or more: a table without
    vertical rules."""
    frames = []
    rest = sorted(free, key=lambda rule: rule.at)
    while rest:
        first = rest.pop(0)
        near = 0.6 * em
        group = [first]
        for rule in rest:
            same = abs(rule.start - first.start) < near and abs(rule.end - first.end) < near
            common = min(rule.end, first.end) - max(rule.start, first.start)
            if len(group) >= 3 and (_closes(group, rule, text) if same else common > 0.5 * first.length):
                break
            if any(
                group[-1].at < y0 and y1 < rule.at and x0 < rule.end and x1 > rule.start
                for x0, y0, x1, y1 in others
            ):
                break  # another table stands between
            if same:
                group.append(rule)
        if len(group) >= 3 and (group[1].at - group[0].at < _HEAD * em or _is_table(group, text)):
            rest = [rule for rule in rest if rule not in group]
            ys = tuple(rule.at for rule in group)
            box = (min(r.start for r in group), round(ys[0]), max(r.end for r in group), round(ys[-1]))
            frames.append(Frame("rows", box, ys=ys))
    return frames


def _is_table(group: list[Rule], text: np.ndarray) -> bool:
    """Whether text boxes [n, 4] stand beside each other between all rules of a group, however far apart those
    are: rules between paragraphs part text."""
    middles = (text[:, 1] + text[:, 3]) / 2
    rows = [text[(middles > a.at) & (middles < b.at)] for a, b in pairwise(group)]
    return all(len(row) > 1 and _are_cells(row).any() for row in rows)


def _closes(group: list[Rule], rule: Rule, text: np.ndarray) -> bool:
    """Whether a table ends before a rule: no row of cells stands between the rule and the last of the table,
    but a caption or nothing, in more room than a row takes.

    Args:
        text: int64 [n, 4], the text boxes.
    """
    step, row = rule.at - group[-1].at, min(b.at - a.at for a, b in pairwise(group))
    if step < _TALLER * row:
        return False
    middles = (text[:, 1] + text[:, 3]) / 2
    inside = text[(middles > group[-1].at) & (middles < rule.at)]
    inside = inside[(inside[:, 2] > rule.start) & (inside[:, 0] < rule.end)]
    if ((inside[:, 2] > rule.end + step) | (inside[:, 0] < rule.start - step)).any():
        return True  # lines of text that are wider than the table
    if len(inside) and _widest_blank(inside) > max(row, float(np.median(inside[:, 3] - inside[:, 1]))):
        return True  # the last row, which no rule closes, and the head of the next table
    return bool(np.mean(_are_cells(inside)) < 0.5) if len(inside) else True


def _are_cells(boxes: np.ndarray) -> np.ndarray:
    """bool [n]: whether each of the boxes [n, 4] has another at its height."""
    beside = (boxes[:, None, 1] < boxes[None, :, 3]) & (boxes[:, None, 3] > boxes[None, :, 1])
    return np.asarray(beside.sum(1) > 1)


def _widest_blank(boxes: np.ndarray) -> int:
    """How far apart, from top to bottom, the lines of text boxes [n, 4] stand at most."""
    low, widest = None, 0
    for _, top, _, bottom in sorted(boxes.tolist(), key=lambda box: box[1]):
        widest = max(widest, 0 if low is None else top - low)
        low = bottom if low is None else max(low, bottom)
    return widest
