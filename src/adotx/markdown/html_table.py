"""HTML tables as people and models write them: with attributes, stray blanks, missing end tags.

In: text from ``<table`` on. Out: a `Table` and what stood outside of its cells. One pass over the tags;
nothing that a table says is lost, and no attribute makes it larger than its text by more than the bounds
below. Knows no Markdown.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

from adotx.markdown.blocks import Cell, Table

_TAG = re.compile(
    r"<(/?)(table|thead|tbody|tfoot|caption|tr|td|th|br|p|div|span|b|i|u|em|strong|sup|sub)\b([^<>]*)>", re.I
)
_SPAN = re.compile(r"\b(colspan|rowspan)\s*+=\s*+[\"']?+\s*+(\d{1,6})", re.I)
#: HTML allows spans of thousands; no page has such tables
MOST_COLUMNS, MOST_ROWS = 256, 1024


@dataclass
class _Builder:
    """The table so far."""

    rows: list[list[tuple[Cell, bool]]] = field(default_factory=list)
    row: list[tuple[Cell, bool]] | None = None
    text: list[str] | None = None  # of the open cell
    spans: tuple[int, int] = (1, 1)
    header: bool = False
    in_head: bool = False
    outside: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        (self.outside if self.text is None else self.text).append(text)

    def open_cell(self, name: str, attributes: str) -> None:
        self.close_cell()
        if self.row is None:
            self.row = []
        given = {key.lower(): int(count) for key, count in _SPAN.findall(attributes)}
        colspan = min(max(given.get("colspan", 1), 1), MOST_COLUMNS)
        self.spans = (colspan, min(max(given.get("rowspan", 1), 1), MOST_ROWS))
        self.text, self.header = [], name == "th" or self.in_head

    def close_cell(self) -> None:
        if self.text is not None and self.row is not None:
            cell = Cell(_one_line("".join(self.text)), *self.spans)
            self.row.append((cell, self.header))
        self.text = None

    def close_row(self) -> None:
        self.close_cell()
        if self.row is not None:
            self.rows.append(self.row)
        self.row = None


def parse_html_table(text: str) -> tuple[Table | None, str]:
    """(the table, what stands outside of its cells); the table is None where no cell says anything."""
    builder = _Builder()
    at = depth = 0
    text = _without_comments(text)
    for match in _TAG.finditer(text):
        builder.say(text[at : match.start()])
        at = match.end()
        closes, name, attributes = bool(match[1]), match[2].lower(), match[3]
        if name == "table":
            depth += -1 if closes else 1
        if name == "br" or (depth > 1 and name in ("td", "th", "tr")):
            builder.say(" ")  # tables inside a cell are its text
        elif depth > 1:
            continue
        elif name in ("td", "th"):
            builder.close_cell() if closes else builder.open_cell(name, attributes)
        elif name == "tr" or name in ("thead", "tbody", "tfoot"):
            builder.close_row()
            if name == "tr" and not closes:
                builder.row = []
            elif name != "tr":
                builder.in_head = name == "thead" and not closes
        elif name in ("p", "div", "caption"):
            builder.say(" ")
    builder.say(text[at:])
    builder.close_row()
    return _table(builder.rows), _one_line("".join(builder.outside))


def _table(rows: list[list[tuple[Cell, bool]]]) -> Table | None:
    if not any(cell.text for row in rows for cell, _ in row):
        return None
    kept: list[tuple[tuple[Cell, ...], bool]] = []
    covered = 0  # rows that a cell from above still reaches into
    for row in rows:
        if row or covered > 0:
            kept.append((tuple(cell for cell, _ in row), bool(row) and all(header for _, header in row)))
        covered = max([covered - 1, *(cell.rowspan - 1 for cell, _ in row)])
    cells = [row for row, _ in kept]
    # No cell reaches below the table.
    cells = [
        tuple(Cell(c.text, c.colspan, min(c.rowspan, len(cells) - number)) for c in row)
        for number, row in enumerate(cells)
    ]
    headers = next((n for n, (_, header) in enumerate(kept) if not header), len(kept))
    if all(cell.colspan == cell.rowspan == 1 for row in cells for cell in row):
        width = min(max(map(len, cells)), MOST_COLUMNS)
        if width * len(cells) <= 4 * sum(map(len, cells)) + MOST_COLUMNS:
            cells = [row + (Cell(),) * (width - len(row)) for row in cells]
        # Pipe tables have one header row, said to be one or not.
        headers = max(headers, 1)
    return Table(tuple(cells), headers)


def _without_comments(text: str) -> str:
    parts, at = [], 0
    while (start := text.find("<!--", at)) >= 0 and (end := text.find("-->", start)) >= 0:
        parts.append(text[at:start])
        at = end + 3
    return "".join((*parts, text[at:]))


def _one_line(text: str) -> str:
    return " ".join(html.unescape(text).split())
