"""The tags of an HTML page in, blocks out: headings, paragraphs, lists, tables, program text, pictures.

Reads on whatever is open or closed wrongly, as browsers do. Knows no files and no models.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from adotx.documents.sources.html.inline import squeezed
from adotx.documents.sources.html.tags import tags
from adotx.documents.sources.inside import Pictures
from adotx.documents.sources.numbering import written
from adotx.documents.sources.pieces import Apart, Look, Placed, Run, cell_of, paragraph, raised, table
from adotx.markdown import Block, Code, Figure, Heading, Item, Paragraph, Quote, Table
from adotx.markdown.html_table import MOST_COLUMNS, MOST_ROWS

_HIDDEN = frozenset(
    [
        "script",
        "title",
        "style",
        "template",
        "noscript",
        "head",
        "svg",
        "iframe",
        "object",
        "embed",
        "audio",
        "video",
        "canvas",
        "datalist",
        "rp",
    ]
)
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
    ]
)
_BREAKS = frozenset(
    [
        "p",
        "div",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "nav",
        "aside",
        "address",
        "figure",
        "figcaption",
        "form",
        "fieldset",
        "legend",
        "details",
        "summary",
        "dl",
        "dt",
        "dd",
        "hr",
        "blockquote",
        "center",
        "body",
        "html",
        "ul",
        "ol",
        "li",
        "menu",
        "table",
        "caption",
        "tr",
        "td",
        "th",
        "thead",
        "tbody",
        "tfoot",
        "pre",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    ]
)
_NUMBERS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_STRUCK, _BOLD = ("s", "strike", "del"), ("b", "strong", "th")
_NOT_SHOWN = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.I)
_MOST_DEPTH = 200


def read_html(text: str, pictures: Pictures) -> list[Block]:
    """The blocks of a page."""
    return _Reader(pictures).read(text)


@dataclass
class _List:
    """An open list: its kind of numbers ("" for bullets) and the last one."""

    format: str = ""
    number: int = 0


@dataclass
class _TableSoFar:
    rows: list[list[Placed]] = field(default_factory=list)
    header: list[bool] = field(default_factory=list)  # whether a row has header cells only
    cell: tuple[int, int, bool] | None = None  # columns, rows and kind of the open cell
    in_head: bool = False


@dataclass
class _Flow:
    """Blocks that are being put together: of the page, or of a cell."""

    blocks: list[Block] = field(default_factory=list)
    pieces: list[Run | Apart] = field(default_factory=list)
    table: _TableSoFar | None = None  # the table whose cell this is


class _Reader:
    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._flows = [_Flow()]
        self._tables: list[_TableSoFar] = []
        self._lists: list[_List] = []
        self._open: list[str] = []
        self._hidden = 0  # how many open elements are not shown
        self._hidden_at: list[int] = []
        self._heading = 0
        self._marker = ""
        self._quotes = 0
        self._pre: list[str] | None = None
        self._formula: list[str] | None = None
        self._ruby = False
        self._drawing = False  # a drawing (SVG) is open, and no letters were seen in it

    def read(self, text: str) -> list[Block]:
        for each in tags(text):
            if isinstance(each, str):
                self._say(each)
            elif each[0].startswith("/"):
                self._close(each[0][1:])
            else:
                self._start(*each)
        while self._tables:
            self._end_table()
        self._end_block()
        return self._flows[0].blocks

    @property
    def _flow(self) -> _Flow:
        return self._flows[-1]

    # Text

    def _say(self, text: str) -> None:
        if self._formula is not None:
            self._formula.append(text)
            return
        if self._hidden:
            return
        if self._pre is not None:
            self._pre.append(text)
            return
        text = re.sub(r"[ \t\r\n\f]+", " ", text.replace("\xa0", " "))
        if self._tables and self._flow.table is not self._tables[-1] and not text.strip():
            return  # between rows and cells
        for name in ("sup", "sub"):
            if name in self._open[-6:]:
                text = raised(text, name)
        if text.strip() and any(name in self._open for name in _STRUCK):
            text = f"<del>{text.strip()}</del>"
        if "rt" in self._open[-3:]:
            text = f"({text.strip()})" if text.strip() else ""
        bold = not self._heading and any(name in self._open for name in _BOLD) and not self._in_cell
        if text:
            self._flow.pieces.append(Run(text, bold))

    @property
    def _in_cell(self) -> bool:
        return len(self._flows) > 1

    def _end_block(self) -> None:
        """What was said since the last block becomes one."""
        flow, pieces = self._flow, self._flow.pieces
        if not pieces:
            return
        flow.pieces = []
        marker, self._marker = self._marker, ""
        level = max(0, len(self._lists) - 1)
        blocks = list(paragraph(squeezed(pieces), Look()))
        for number, block in enumerate(blocks):
            if isinstance(block, Item):
                block = block.at(None)
            if self._heading and isinstance(block, Paragraph | Item | Heading):
                block = Heading.of(
                    "".join(p.text for p in squeezed(pieces) if isinstance(p, Run)).strip(), self._heading
                )
                blocks = blocks[:1]
            elif marker and number == 0 and isinstance(block, Paragraph | Item | Heading):
                spans = block.spans
                block = Item(spans, marker, level)
            elif isinstance(block, Heading):
                block = Paragraph(block.spans)
            elif self._quotes and isinstance(block, Paragraph):
                block = Quote(block.spans)
            flow.blocks.append(block)
            if self._heading:
                break

    # Tags

    def _start(self, name: str, attrs: dict[str, str]) -> None:
        if name in ("p", "li", "td", "th", "tr", "option", "dt", "dd") and name in self._open:
            self._imply_end(name)
        if name in _BREAKS:
            if name != "p":
                self._imply_end("p")
            self._end_block()
        self._tell_left_out(name)
        if name not in _VOID:
            self._open.append(name)
            hidden = (
                name in _HIDDEN
                or "hidden" in attrs
                or (attrs.get("aria-hidden") == "true" and name != "math")
                or bool(_NOT_SHOWN.search(attrs.get("style", "")))
            )
            if hidden:
                self._hidden_at.append(len(self._open))
                self._hidden += 1
            if len(self._open) > _MOST_DEPTH:
                self._open.pop(0)
                self._hidden_at = [max(1, at - 1) for at in self._hidden_at]
        if self._hidden:
            return
        starts: dict[str, Callable[[dict[str, str]], None]] = {
            "table": self._start_table, "tr": self._start_row, "td": self._start_cell, "th": self._start_cell,
            "ul": self._start_list, "ol": self._start_list, "menu": self._start_list, "li": self._start_item,
            "img": self._picture, "input": self._input, "math": self._start_formula,
        }  # fmt: skip
        if name in starts:
            starts[name](attrs)
        elif name == "br":
            self._pre.append("\n") if self._pre is not None else self._flow.pieces.append(Run("\n"))
        elif name in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self._heading = int(name[1])
        elif name == "blockquote":
            self._quotes += 1
        elif name == "pre" and self._pre is None:
            self._pre = []
        elif name == "thead" and self._tables:
            self._tables[-1].in_head = True
        elif name in ("tbody", "tfoot") and self._tables:
            self._tables[-1].in_head = False
        elif name == "option" and "selected" not in attrs and "select" in self._open:
            self._hidden_at.append(len(self._open))
            self._hidden += 1

    def _tell_left_out(self, name: str) -> None:
        """Count what a browser would show, and we do not; drawings where letters stand in them."""
        if self._hidden:
            if name == "text" and self._drawing:
                self._drawing = False
                self._pictures.leave_out("frames")
            return
        self._drawing = name == "svg"
        if name in ("audio", "video"):
            self._pictures.leave_out("media")
        elif name in ("iframe", "object", "embed", "canvas"):
            self._pictures.leave_out("frames")

    def _imply_end(self, name: str) -> None:
        """`<p>` in `<p>`, `<li>` in `<li>`: the open one ends, unless a list or table opened inside."""
        stops = {
            "li": ("ul", "ol", "menu"),
            "td": ("tr", "table"),
            "th": ("tr", "table"),
            "tr": ("table",),
            "p": ("td", "th", "li", "div", "blockquote", "table"),
        }.get(name, ("select", "dl"))
        for each in reversed(self._open):
            if each in stops:
                return
            if each == name:
                self._close(name)
                return

    def _close(self, name: str) -> None:
        if name not in self._open:
            if name == "p":
                self._end_block()
            return
        if name in _BREAKS:
            self._end_block()
        while self._open:
            closed = self._open.pop()
            while self._hidden_at and self._hidden_at[-1] > len(self._open):
                self._hidden_at.pop()
                self._hidden -= 1
            self._closed(closed)
            if closed == name:
                return

    def _closed(self, name: str) -> None:
        if name in ("td", "th"):
            self._end_cell()
        elif name == "table":
            self._end_table()
        elif name in ("ul", "ol", "menu"):
            self._end_block()
            del self._lists[-1:]
        elif name == "li":
            self._end_block()
            self._marker = ""
        elif name in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self._end_block()
            self._heading = 0
        elif name == "blockquote":
            self._quotes = max(0, self._quotes - 1)
        elif name == "pre" and self._pre is not None:
            lines = "".join(self._pre).strip("\n").expandtabs(4).split("\n")
            self._pre = None
            if any(line.strip() for line in lines):
                self._flow.blocks.append(Code(tuple(line.rstrip() for line in lines)))
        elif name == "math" and self._formula is not None:
            self._end_formula()
        elif name == "thead" and self._tables:
            self._tables[-1].in_head = False

    # Lists, pictures, fields of forms, formulas

    def _start_list(self, attrs: dict[str, str]) -> None:
        start = attrs.get("start", "1")
        number = int(start) - 1 if re.fullmatch(r"-?\d{1,6}", start) else 0
        ordered = self._open[-1] == "ol"
        self._lists.append(_List(_NUMBERS.get(attrs.get("type", ""), "decimal") if ordered else "", number))

    def _start_item(self, attrs: dict[str, str]) -> None:
        if not self._lists:
            self._lists.append(_List())
        last = self._lists[-1]
        value = attrs.get("value", "")
        last.number = int(value) if re.fullmatch(r"\d{1,6}", value) else last.number + 1
        self._marker = f"{written(last.number, last.format)}." if last.format else "-"

    def _picture(self, attrs: dict[str, str]) -> None:
        alt = " ".join(attrs.get("alt", "").split())
        address = attrs.get("src", "")
        if address.startswith("data:"):
            self._flow.pieces.append(Apart(self._pictures.blocks(address, alt)))
            return
        if address:
            self._pictures.leave_out("elsewhere")
        if alt:
            self._flow.pieces.append(Apart([Figure(alt)]))

    def _input(self, attrs: dict[str, str]) -> None:
        kind = attrs.get("type", "text").lower()
        if kind in ("checkbox", "radio"):
            self._flow.pieces.append(Run("☑ " if "checked" in attrs else "☐ "))
        elif kind not in ("hidden", "password", "image", "file") and attrs.get("value"):
            self._flow.pieces.append(Run(attrs["value"]))

    def _start_formula(self, attrs: dict[str, str]) -> None:
        self._formula = []

    def _end_formula(self) -> None:
        text = " ".join("".join(self._formula or ()).split())
        self._formula = None
        if text:
            self._flow.pieces.append(Run(f"${text}$"))

    # Tables

    def _start_table(self, attrs: dict[str, str]) -> None:
        if len(self._tables) < 12:
            self._tables.append(_TableSoFar())

    def _start_row(self, attrs: dict[str, str]) -> None:
        if self._tables:
            self._end_cell()
            self._tables[-1].rows.append([])
            self._tables[-1].header.append(True)

    def _start_cell(self, attrs: dict[str, str]) -> None:
        if not self._tables:
            return
        self._end_cell()
        last = self._tables[-1]
        if not last.rows:
            self._start_row({})
        spans = [
            min(int(attrs[name]), most) if re.fullmatch(r"\d{1,6}", attrs.get(name, "")) else 1
            for name, most in (("colspan", MOST_COLUMNS), ("rowspan", MOST_ROWS))
        ]
        last.cell = (max(1, spans[0]), max(1, spans[1]), self._open[-1] == "th" or last.in_head)
        self._flows.append(_Flow(table=last))

    def _end_cell(self) -> None:
        if not self._tables or self._tables[-1].cell is None:
            return
        self._end_block()
        last, flow = self._tables[-1], self._flows.pop()
        columns, rows, header = last.cell or (1, 1, False)
        last.cell = None
        last.rows[-1].append(Placed(cell_of(flow.blocks, columns, rows)))
        last.header[-1] = last.header[-1] and header

    def _end_table(self) -> None:
        if not self._tables:
            return
        self._end_cell()
        done = self._tables.pop()
        kept = [(row, header) for row, header in zip(done.rows, done.header, strict=True) if row]
        if not any(each.cell.text for row, _ in kept for each in row):
            return
        headers = next((n for n, (_, header) in enumerate(kept) if not header), len(kept))
        made = table([row for row, _ in kept], max(1, headers))
        widths = {len(row) for row in made.rows}
        if len(widths) > 1 and all(cell.colspan == cell.rowspan == 1 for row in made.rows for cell in row):
            made = Table(
                tuple(row + (type(row[0])(),) * (max(widths) - len(row)) for row in made.rows),
                made.header_rows,
            )
        self._flow.blocks.append(made)
