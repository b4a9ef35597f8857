"""One sheet of an XLSX file: its part in, its blocks out: its name, its cells, then its charts and pictures,
then comments as quotations.

Cells stand in tables as the sheet has them; rows and columns without any text at the edges are left out, and
where a sheet is mostly empty, those between too. Hidden rows and columns are left out, and told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from adotx.documents.sources.charts import chart_blocks
from adotx.documents.sources.inside import Pictures
from adotx.documents.sources.parts import Parts
from adotx.documents.sources.pieces import Placed, table
from adotx.documents.sources.xlsx.numbers import shown
from adotx.documents.sources.xlsx.workbook import Sheet, formats, rich_text, shared_texts
from adotx.documents.sources.xml_tree import Node
from adotx.errors import AdotxError, Sentence
from adotx.markdown import Block, Cell, Heading, Paragraph, Quote

_REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})")
_MOST_CELLS = 300_000
_Grid = dict[tuple[int, int], str]


def read_sheet(package: Parts, pictures: Pictures, sheet: Sheet) -> list[Block]:
    """The blocks of a sheet."""
    root = package.xml(sheet.part)
    texts, looks = shared_texts(package), formats(package)
    grid: _Grid = {}
    stale = 0
    hidden = _Hidden(root)
    spans_of = _merged(root)
    merged = {}
    for (row, column), (height, width) in spans_of.items():
        y, x = hidden.shown(row, column, height, width)
        merged[y, x] = height - (y - row), width - (x - column)
    for row, column, node in _cells(root):
        if len(grid) >= _MOST_CELLS:
            pictures.miss(Sentence("cells beyond the first {limit:,} are left out", limit=_MOST_CELLS))
            break
        text, known = _text(node, texts, looks, sheet.from_1904)
        if not text.strip():
            continue
        place = hidden.shown(row, column, *spans_of.get((row, column), (1, 1)))
        if not hidden.hides(*place):
            stale += not known
            grid[place] = text.strip()
    pictures.leave_out("hidden rows", len(hidden.rows_met))
    pictures.leave_out("hidden columns", len(hidden.columns_met))
    if stale:
        pictures.note(Sentence("{count} formula(s) without a result stand as formulas", count=stale))
    blocks: list[Block] = [Heading.of(sheet.name, 2)] if sheet.name.strip() and grid else []
    blocks += _tables(grid, merged, hidden)
    pictures.leave_out("files", sum(1 for _ in root.all("oleObject")))
    return [*blocks, *_drawings(package, pictures, sheet.part, root), *_comments(package, pictures, sheet)]


class _Hidden:
    """The hidden rows and columns of a sheet, from 0.

    Attributes:
        rows_met, columns_met: those that held something that nobody sees.
    """

    def __init__(self, root: Node) -> None:
        self.rows_met, self.columns_met = set[int](), set[int]()
        self._rows, row = set[int](), -1
        for line in root.all("row"):
            told = line.attrs.get("r", "")
            row = int(told) - 1 if told.isdigit() else row + 1
            if line.attrs.get("hidden") in ("1", "true"):
                self._rows.add(row)
        self._columns: list[range] = []
        for node in root.all("col"):
            first, last = node.attrs.get("min", ""), node.attrs.get("max", "")
            if node.attrs.get("hidden") in ("1", "true") and first.isdigit() and last.isdigit():
                self._columns.append(range(int(first) - 1, int(last)))

    def row(self, row: int) -> bool:
        return row in self._rows

    def column(self, column: int) -> bool:
        return any(column in columns for columns in self._columns)

    def shown(self, row: int, column: int, height: int = 1, width: int = 1) -> tuple[int, int]:
        """Where a cell that may be merged is seen first; its own place where it is not."""
        rows = (y for y in range(row, row + min(height, 1024)) if not self.row(y))
        columns = (x for x in range(column, column + min(width, 256)) if not self.column(x))
        return next(rows, row), next(columns, column)

    def hides(self, row: int, column: int) -> bool:
        """Whether nobody sees a cell, which is remembered."""
        if self.row(row):
            self.rows_met.add(row)
        elif self.column(column):
            self.columns_met.add(column)
        else:
            return False
        return True


def _comments(package: Parts, pictures: Pictures, sheet: Sheet) -> list[Block]:
    """What somebody has written beside cells, in the order of the cells; threads instead of what old programs
    show of them."""
    said: dict[str, dict[str, list[str]]] = {}
    kinds, related = ("comments", "threadedComment"), package.related(sheet.part)
    for kind, _, root in package.readable(related, kinds, pictures.miss_error):
        cells = said.setdefault(kind, {})
        for node in root.all("comment", "threadedComment"):
            parts = node.all("t") if kind == "comments" else node.every("text")
            text = " ".join("".join(part.text for part in parts).split())
            if text:
                cells.setdefault(node.attrs.get("ref", ""), []).append(text)
    told = said.get("comments", {}) | said.get("threadedComment", {})
    places = sorted(told, key=lambda ref: _place(ref) or (0, 0))
    found = [f"{ref}: {text}" for ref in places for text in told[ref]]
    if found:
        pictures.quoted()
    return [Quote.of(text) for text in found]


def _cells(root: Node) -> Iterator[tuple[int, int, Node]]:
    """(row, column, cell), from 0; cells that do not say where they stand follow each other."""
    row = -1
    for data in root.every("sheetData"):
        for line in data.every("row"):
            told = line.attrs.get("r", "")
            row = int(told) - 1 if told.isdigit() and 0 < int(told) <= 1 << 21 else row + 1
            column = -1
            for node in line.every("c"):
                place = _place(node.attrs.get("r", ""))
                column = place[1] if place is not None else column + 1
                yield (place[0] if place is not None else row), column, node


def _place(reference: str) -> tuple[int, int] | None:
    """(row, column) of "B7"."""
    found = _REFERENCE.fullmatch(reference)
    if found is None or int(found[2]) == 0:
        return None
    column = 0
    for letter in found[1].upper():
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(found[2]) - 1, column - 1


def _text(node: Node, texts: list[str], looks: list[str], from_1904: bool) -> tuple[str, bool]:
    """(what a cell shows, whether its result is known)."""
    kind = node.attrs.get("t", "n")
    value = node.first("v")
    said = value.text if value is not None else ""
    if kind == "s":
        return (texts[int(said)] if said.isdigit() and int(said) < len(texts) else ""), True
    if kind == "inlineStr":
        inline = node.first("is")
        return (rich_text(inline) if inline is not None else ""), True
    if kind == "b":
        return {"1": "TRUE", "0": "FALSE"}.get(said, said), True
    formula = node.first("f")
    if not said and formula is not None and formula.text:
        return f"={formula.text}", False
    if kind in ("str", "e") or not said:
        return said, True
    look = node.attrs.get("s", "0")
    format = looks[int(look)] if look.isdigit() and int(look) < len(looks) else "General"
    return shown(said, format, from_1904), True


def _merged(root: Node) -> dict[tuple[int, int], tuple[int, int]]:
    """Upper left cell -> (rows, columns) that it spans."""
    merged = {}
    for node in root.all("mergeCell"):
        first, _, last = node.attrs.get("ref", "").partition(":")
        start, end = _place(first), _place(last)
        if start and end and end[0] >= start[0] and end[1] >= start[1]:
            merged[start] = (end[0] - start[0] + 1, end[1] - start[1] + 1)
    return merged


def _tables(grid: _Grid, merged: dict[tuple[int, int], tuple[int, int]], hidden: _Hidden) -> list[Block]:
    if not grid:
        return []
    spans = {place: merged[place] for place in merged if place in grid}
    rows = sorted(
        {row for row, _ in grid}
        | {row + n for (row, _), (count, _) in spans.items() for n in range(min(count, 1024))}
    )
    columns = sorted(
        {column for _, column in grid}
        | {c + n for (_, c), (_, count) in spans.items() for n in range(min(count, 256))}
    )
    if (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1) <= 8 * len(grid) + 256:
        rows, columns = list(range(rows[0], rows[-1] + 1)), list(range(columns[0], columns[-1] + 1))
    rows = [row for row in rows if not hidden.row(row)]
    columns = [column for column in columns if not hidden.column(column)]
    if len(grid) == 1:
        return [Paragraph.of(text) for text in grid.values()]
    row_at, column_at = ({old: new for new, old in enumerate(olds)} for olds in (rows, columns))
    lines: list[list[Placed]] = [[] for _ in rows]
    covered = set[tuple[int, int]]()
    for (row, column), text in sorted(grid.items()):
        if (row, column) in covered:
            continue
        height, width = spans.get((row, column), (1, 1))
        height = sum(row <= each < row + height for each in rows) if height > 1 else 1
        width = sum(column <= each < column + width for each in columns) if width > 1 else 1
        if height * width > 1:
            covered |= {
                (y, x)
                for y in rows[row_at[row] : row_at[row] + height]
                for x in columns[column_at[column] : column_at[column] + width]
            }
        lines[row_at[row]].append(Placed(Cell(text, width, height), row_at[row], column_at[column]))
    return [table(lines)]


def _drawings(package: Parts, pictures: Pictures, part: str, root: Node) -> list[Block]:
    """The charts, pictures and texts that lie on a sheet."""
    blocks: list[Block] = []
    related = package.related(part)
    for node in root.every("drawing"):
        target = related.get(node.attrs.get("id", ""), ("", ""))[1]
        if target not in package:
            continue
        try:
            drawing, inner = package.xml(target), package.related(target)
        except AdotxError as error:
            pictures.miss_error(error)
            continue
        for each in drawing.all("blip", "chart", "sp"):
            if each.name == "sp":
                lines = ["".join(text.text for text in line.all("t")) for line in each.all("p")]
                blocks += [Paragraph.of(line.strip()) for line in lines if line.strip()]
                continue
            found = inner.get(each.attrs.get("embed") or each.attrs.get("id", ""), ("", ""))[1]
            if each.name == "blip":
                blocks += pictures.blocks(found)
                continue
            try:
                blocks += chart_blocks(package.xml(found))
            except AdotxError:
                pictures.lose()
    return blocks
