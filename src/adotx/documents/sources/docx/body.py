"""The text of a DOCX file: its parts in, blocks out, in the order in which they are read on paper.

What stands above every page comes first, notes come behind the text, then what stands below every page. Text
in boxes is quoted, and so are comments, behind what they are about. Deleted text is left out or tagged. Knows
no zip and no models.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from dataclasses import replace

from adotx.documents.sources.charts import chart_blocks
from adotx.documents.sources.docx.styles import Style, Styles, number, on
from adotx.documents.sources.inside import Pictures
from adotx.documents.sources.omml import latex
from adotx.documents.sources.parts import Parts
from adotx.documents.sources.pieces import (
    Apart,
    Look,
    Placed,
    Run,
    boxed,
    cell_of,
    in_line,
    paragraph,
    raised,
    table,
    with_depths,
)
from adotx.documents.sources.xml_tree import Node
from adotx.errors import AdotxError
from adotx.markdown import Block, Formula, Heading, Item, Paragraph, Quote, to_markdown
from adotx.markdown.html_table import MOST_COLUMNS

_HIDDEN = frozenset(
    [
        "instrText",
        "delInstrText",
        "pPr",
        "rPr",
        "sdtPr",
        "sdtEndPr",
        "tblPr",
        "tblGrid",
        "trPr",
        "tcPr",
        "bookmarkStart",
        "bookmarkEnd",
    ]
)
_CHANGED = {"ins": "ins", "moveTo": "ins", "del": "del", "moveFrom": "del"}
_MOST_PICTURE = 64 << 20
_Piece = Run | Apart | Formula


def read_document(package: Parts, pictures: Pictures, show_changes: bool) -> list[Block]:
    """The blocks of a document.

    Raises:
        AdotxError: its text cannot be read.
    """
    name = next((target for kind, target in package.related("").values() if kind == "officeDocument"), "")
    name = name if name in package else "word/document.xml"
    root = package.xml(name)
    related = package.related(name)
    kinds = ("styles", "numbering", "footnotes", "endnotes", "comments")
    parts = {kind: part for kind, _, part in package.readable(related, kinds, pictures.miss_error)}
    reader = _Reader(package, pictures, Styles.of(parts.get("styles"), parts.get("numbering")), show_changes)
    for kind in ("footnotes", "endnotes", "comments"):
        if kind in parts:
            reader.add_notes(kind, parts[kind])
    body = root.first("body") or root
    reader.measure(body)
    blocks = reader.blocks(body, related)
    blocks += reader.comments_left()
    above, below = (reader.running(related, kind) for kind in ("header", "footer"))
    return with_depths([*above, *blocks, *reader.notes["footnotes"], *reader.notes["endnotes"], *below])


class _Reader:
    def __init__(self, package: Parts, pictures: Pictures, styles: Styles, show_changes: bool) -> None:
        self._package, self._pictures, self._styles = package, pictures, styles
        self._show_changes = show_changes
        self._related: dict[str, tuple[str, str]] = {}
        self._boxes = 0
        self._body_size = styles.size
        self._note_nodes: dict[tuple[str, str], Node] = {}
        self.notes: dict[str, list[Block]] = {"footnotes": [], "endnotes": []}
        self._noted: Tally[str] = Tally()
        self._comments: list[Block] = []  # of what is being read, to stand behind it

    def measure(self, body: Node) -> None:
        """Find the size in which most text outside of tables is set."""
        sizes: Tally[int] = Tally()
        for each in body.every("p"):
            style = self._styles.style(each.get("pPr", "pStyle", "val"))
            for run in each.every("r"):
                sizes[self._size(run, style)] += sum(len(text.text) for text in run.every("t"))
        [(size, count)] = sizes.most_common(1) or [(0, 0)]
        self._body_size = size if count else 0

    def add_notes(self, kind: str, root: Node) -> None:
        for node in root:
            if node.attrs.get("type", "normal") == "normal":
                self._note_nodes[kind, node.attrs.get("id", "")] = node

    def running(self, related: dict[str, tuple[str, str]], kind: str) -> list[Block]:
        """What stands above or below the pages, each text once."""
        texts: dict[str, list[Block]] = {}
        for _, target, root in self._package.readable(related, (kind,), self._pictures.miss_error):
            self._boxes += 1
            blocks = [_plain(block) for block in self.blocks(root, self._package.related(target))]
            self._boxes -= 1
            text = to_markdown(blocks)
            if any(letter.isalpha() for letter in text):
                texts.setdefault(text, blocks)
        return [block for blocks in texts.values() for block in blocks]

    def blocks(self, node: Node, related: dict[str, tuple[str, str]] | None = None) -> list[Block]:
        """The blocks of whatever holds paragraphs and tables."""
        outer, self._related = self._related, self._related if related is None else related
        try:
            found: list[Block] = []
            for each in node:
                found += self._block(each)
                if self._comments and not self._boxes:
                    found += self._comments
                    self._comments = []
            return found
        finally:
            self._related = outer

    def _block(self, node: Node) -> Sequence[Block]:
        if node.name == "p":
            return self._paragraph(node)
        if node.name == "tbl":
            return self._table(node)
        if node.name == "oMathPara":
            return [Formula(latex(each)) for each in node.every("oMath")]
        if node.name == "AlternateContent":
            chosen = node.first("Choice") or node.first("Fallback")
            return self.blocks(chosen) if chosen is not None else []
        if node.name == "altChunk":
            self._pictures.leave_out("files")
        if node.name in _HIDDEN or (_CHANGED.get(node.name) == "del" and not self._show_changes):
            return []
        return self.blocks(node)

    # Paragraphs

    def _paragraph(self, node: Node) -> list[Block]:
        style = self._styles.style(node.get("pPr", "pStyle", "val"))
        pieces: list[_Piece] = []
        sizes: Tally[int] = Tally()
        for piece, size in self._pieces(node, style, ""):
            pieces.append(piece)
            if isinstance(piece, Run):
                sizes[size] += len(piece.text.strip())
        alone = not any(isinstance(piece, Run) and piece.text.strip() for piece in pieces)
        done: list[Run | Apart] = []
        for piece in pieces if alone else map(in_line, pieces):
            if isinstance(piece, Formula):
                done.append(Apart([piece]) if alone and not self._boxes else Run(f"${piece.latex}$"))
            else:
                done.append(piece)
        return list(paragraph(done, self._look(node, style, sizes, bool(sizes.total()))))

    def _look(self, node: Node, style: Style, sizes: Tally[int], said: bool) -> Look:
        numbering = style.numbering
        if (own := node.first("pPr", "numPr")) is not None:
            numbering = (
                own.get("numId", "val"),
                number(own.get("ilvl", "val"), numbering[1] if numbering else 0),
            )
        outline = number(node.get("pPr", "outlineLvl", "val"), 9)
        heading = 0 if self._boxes else (min(6, outline + 1) if outline < 9 else style.heading or 0)
        indent = number(node.get("pPr", "ind", "left") or node.get("pPr", "ind", "start"), style.indent or 0)
        marker, level = "", 0
        if numbering and numbering[0] not in ("", "0") and said:
            id, level = numbering[0], max(0, min(8, numbering[1]))
            if (id, level) in self._styles.bullets:
                marker = "-"
            elif id in self._styles.counters:
                marker = self._styles.counters[id].next(level)
        count, ratio = sizes.total(), 1.0
        if count and self._body_size and not self._boxes:
            ratio = sum(size * each for size, each in sizes.items()) / count / self._body_size
        return Look(marker, heading, ratio, indent * 5, level if marker else 0)

    def _size(self, run: Node, style: Style) -> int:
        return number(run.get("rPr", "sz", "val"), style.size or self._styles.size)

    def _pieces(self, node: Node, style: Style, change: str) -> Iterator[tuple[_Piece, int]]:
        """What stands in a paragraph, and in which size."""
        for each in node:
            name = each.name
            if name == "r":
                size = self._size(each, style)
                for piece in self._run(each, style, change):
                    yield piece, size
            elif name in _CHANGED:
                if _CHANGED[name] == "ins" or self._show_changes:
                    yield from self._pieces(each, style, _CHANGED[name] if self._show_changes else "")
            elif name in ("oMath", "oMathPara"):
                for formula in [each] if name == "oMath" else each.every("oMath"):
                    yield Formula(latex(formula)), 0
            elif name == "AlternateContent":
                chosen = each.first("Choice") or each.first("Fallback")
                if chosen is not None:
                    yield from self._pieces(chosen, style, change)
            elif name not in _HIDDEN:
                yield from self._pieces(each, style, change)

    def _run(self, node: Node, style: Style, change: str) -> Iterator[_Piece]:
        if on(node.first("rPr", "vanish")):
            if any(each.text.strip() for each in node.every("t")):
                self._pictures.leave_out("hidden text")
            return
        bold = on(node.first("rPr", "b")) if node.first("rPr", "b") is not None else bool(style.bold)
        bold = bold and not style.heading
        how = {"superscript": "sup", "subscript": "sub"}.get(node.get("rPr", "vertAlign", "val"), "")
        struck = on(node.first("rPr", "strike")) or on(node.first("rPr", "dstrike"))
        for piece in self._inside(node, style):
            if not isinstance(piece, Run):
                yield piece
                continue
            text = raised(piece.text, how)
            if struck and text.strip():
                text = f"<del>{text.strip()}</del>"
            if change and text.strip() and "<" not in text:
                text = f"<{change}>{text}</{change}>"
            yield Run(text, bold)

    def _inside(self, node: Node, style: Style) -> Iterator[_Piece]:
        for each in node:
            name = each.name
            if name in ("t", "delText"):
                yield Run(each.text)
            elif name in ("tab", "ptab"):
                yield Run(" ")
            elif name in ("br", "cr"):
                yield Run("\n" if each.attrs.get("type", "textWrapping") == "textWrapping" else "")
            elif name == "noBreakHyphen":
                yield Run("-")
            elif name == "sym":
                yield Run(_symbol(each))
            elif name in ("footnoteReference", "endnoteReference"):
                yield Run(self._note(f"{name.removesuffix('Reference')}s", each.attrs.get("id", "")))
            elif name == "commentReference":
                self._comment(each.attrs.get("id", ""))
            elif name == "fldChar" and (data := each.first("ffData")) is not None:
                yield Run(_form_field(data))
            elif name == "ruby":
                base, small = (each.first(part) for part in ("rubyBase", "rt"))
                read = "".join(text.text for text in small.all("t")) if small is not None else ""
                main = "".join(text.text for text in base.all("t")) if base is not None else ""
                yield Run(f"{main}({read})" if read else main)
            elif name == "AlternateContent":
                chosen = each.first("Choice") or each.first("Fallback")
                if chosen is not None:
                    yield from self._inside(chosen, style)
            elif name in ("drawing", "pict", "object"):
                self._pictures.leave_out("files", sum(1 for _ in each.all("OLEObject")))
                yield Apart(self._drawn(each), each.first("inline") is not None)
            elif name == "oMath":
                yield Formula(latex(each))

    # Objects

    def _note(self, kind: str, id: str) -> str:
        node = self._note_nodes.pop((kind, id), None)
        if node is None:
            return ""
        self._noted[kind] += 1
        mark = f"{self._noted[kind]})"
        self._boxes += 1
        blocks = self.blocks(node, {})
        self._boxes -= 1
        if blocks and isinstance(blocks[0], Paragraph):
            blocks[0] = Item(blocks[0].spans, mark)
        else:
            blocks.insert(0, Item.of("", mark))
        self.notes[kind] += blocks
        return raised(mark, "sup")

    def _comment(self, id: str) -> None:
        """What somebody has written beside the text."""
        node = self._note_nodes.pop(("comments", id), None)
        if node is None:
            return
        self._pictures.quoted()
        self._boxes += 1
        blocks = self.blocks(node, {})
        self._boxes -= 1
        self._comments += boxed(blocks)

    def comments_left(self) -> list[Block]:
        """The comments of headers, notes and of no place."""
        for _, id in [each for each in self._note_nodes if each[0] == "comments"]:
            self._comment(id)
        done, self._comments = self._comments, []
        return done

    def _drawn(self, node: Node) -> list[Block]:
        """Text boxes, pictures, charts and drawings, in their order."""
        blocks: list[Block] = []
        for each in node:
            if each.name == "txbxContent":
                self._boxes += 1
                blocks += boxed(self.blocks(each))
                self._boxes -= 1
            elif each.name in ("blip", "imagedata"):
                blocks += self._picture(each.attrs.get("embed") or each.attrs.get("id", ""))
            elif each.name == "chart" and "id" in each.attrs:
                blocks += self._chart(each.attrs["id"])
            elif each.name == "relIds" and "dm" in each.attrs:
                blocks += self._diagram(each.attrs["dm"])
            elif each.name == "AlternateContent":
                chosen = each.first("Choice") or each.first("Fallback")
                blocks += self._drawn(chosen) if chosen is not None else []
            else:
                blocks += self._drawn(each)
        return blocks

    def _picture(self, id: str) -> list[Block]:
        return self._pictures.blocks(self._related.get(id, ("", ""))[1])

    def _chart(self, id: str) -> list[Block]:
        try:
            return chart_blocks(self._package.xml(self._related.get(id, ("", ""))[1]))
        except AdotxError:
            self._pictures.lose()
            return []

    def _diagram(self, id: str) -> list[Block]:
        try:
            root = self._package.xml(self._related.get(id, ("", ""))[1])
        except AdotxError:
            self._pictures.lose()
            return []
        return diagram_blocks(root)

    def _table(self, node: Node) -> list[Block]:
        rows: list[list[Placed]] = []
        headers, in_header = 0, True
        open_at: dict[int, tuple[int, int]] = {}  # column -> (row, place in it) of the cell that goes on down
        for row in _found(node, "tr"):
            placed: list[Placed] = []
            column = number(row.get("trPr", "gridBefore", "val"))
            column = column if 0 <= column < MOST_COLUMNS else 0
            for cell in _found(row, "tc"):
                span = max(1, min(MOST_COLUMNS, number(cell.get("tcPr", "gridSpan", "val"), 1)))
                merged = cell.first("tcPr", "vMerge")
                goes_on = merged is not None and merged.attrs.get("val", "continue") == "continue"
                if goes_on and column in open_at:
                    y, x = open_at[column]
                    above = rows[y][x]
                    rows[y][x] = replace(above, cell=replace(above.cell, rowspan=len(rows) - y + 1))
                else:
                    self._boxes += 1
                    blocks = with_depths(self.blocks(cell))
                    self._boxes -= 1
                    open_at.pop(column, None)
                    if merged is not None:
                        open_at[column] = (len(rows), len(placed))
                    placed.append(Placed(cell_of(blocks, span), len(rows), column))
                column += span
            in_header = in_header and on(row.first("trPr", "tblHeader"))
            headers += in_header
            rows.append(placed)
        cells = [(cell, row) for row in _found(node, "tr") for cell in _found(row, "tc")]
        if len(cells) == 1:
            return boxed(self.blocks(cells[0][0]))
        return [table(rows, max(headers, 1))] if any(rows) else []


def _found(node: Node, name: str) -> Iterator[Node]:
    """Rows of a table or cells of a row, those inside of content controls too."""
    for each in node:
        if each.name == name:
            yield each
        elif each.name in ("sdt", "sdtContent", "customXml", "ins", "moveTo"):
            yield from _found(each, name)


def diagram_blocks(root: Node) -> list[Block]:
    """The texts of a drawn diagram (SmartArt), one after the other."""
    texts = ("".join(text.text for text in point.all("t")).strip() for point in root.all("pt"))
    return [Quote.of(text) for text in texts if text]


def _form_field(data: Node) -> str:
    """What a field of an old form shows: its tick, or the choice from its list; typed text stands in runs."""
    if (box := data.first("checkBox")) is not None:
        told = box.first("checked") or box.first("default")
        return "☑" if told is not None and on(told) else "☐"
    if (choices := data.first("ddList")) is not None:
        entries = [each.attrs.get("val", "") for each in choices.every("listEntry")]
        chosen = number(choices.get("result", "val") or choices.get("default", "val"))
        return entries[chosen] if 0 <= chosen < len(entries) else ""
    return ""


def _plain(block: Block) -> Block:
    return Paragraph(block.spans) if isinstance(block, Heading) else block


def _symbol(node: Node) -> str:
    try:
        code = int(node.attrs.get("char", ""), 16)
    except ValueError:
        return ""
    font = node.attrs.get("font", "").casefold()
    if "wingdings" in font or font == "symbol":
        return {0xF0FE: "☑", 0xF0A8: "☐", 0xF06F: "☐", 0xF052: "☑", 0xF0FC: "✓", 0xF0E0: "→", 0xF06C: "●",
                0xF0B7: "·", 0xF0A7: "▪", 0xF076: "❖"}.get(code, "•")  # fmt: skip
    return chr(code) if 32 <= code < 0xD800 or 0xE000 <= code < 0x110000 else ""
