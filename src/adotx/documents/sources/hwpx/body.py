"""The text of a HWPX file: sections in, blocks out, in the order in which they are read on paper.

What stands above every page comes first, notes come behind the text, then what stands below every page. Text
in boxes, hidden comments and memos are quotations; tables of one cell are boxes. Whatever is unknown but has
paragraphs in it is read too, so that no text is lost. Knows no zip and no models.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from dataclasses import replace

from adotx.documents.sources.charts import chart_blocks
from adotx.documents.sources.hwpx.controls import composed, control_text, ruby
from adotx.documents.sources.hwpx.equation import latex
from adotx.documents.sources.hwpx.package import Package
from adotx.documents.sources.hwpx.styles import Styles, number
from adotx.documents.sources.inside import Pictures
from adotx.documents.sources.numbering import Counter, written
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
from adotx.errors import AdotxError, Sentence
from adotx.markdown import Block, Formula, Heading, Item, Paragraph, Quote, to_markdown

_SHAPES = frozenset(("rect", "ellipse", "polygon", "curve", "arc", "line", "connectLine", "container"))
_CONTROLS = frozenset(("comboBox", "listBox", "edit", "checkBtn", "radioBtn", "btn", "scrollBar"))
_NOTES = ("footNote", "endNote")
_CHANGES = {
    "insertBegin": ("ins", 1),
    "insertEnd": ("ins", -1),
    "deleteBegin": ("del", 1),
    "deleteEnd": ("del", -1),
}
#: elements that hold no text of the document
_SILENT = frozenset(
    [
        "colPr",
        "pageNum",
        "pageHiding",
        "newNum",
        "pageNumCtrl",
        "bookmark",
        "indexmark",
        "fieldEnd",
        "linesegarray",
        "pageOddEvenAdjust",
    ]
)
_MOST_NOTE_MARK = 12


def read_sections(package: Package, pictures: Pictures, show_changes: bool) -> list[Block]:
    """The blocks of a document.

    Args:
        package: the file.
        pictures: reads those in it, and is told what is missing.
        show_changes: tag deleted and inserted text instead of accepting all changes.

    Raises:
        AdotxError: no section can be read.
    """
    header = package.header()
    styles = Styles() if header is None else Styles.of(header)
    roots: list[Node] = []
    errors: list[AdotxError] = []
    for name in package.sections:
        try:
            roots.append(package.section(name))
        except AdotxError as error:
            errors.append(error)
    if not roots:
        raise errors[0]
    for each in errors:
        pictures.miss_error(each)
    reader = _Reader(package, styles, pictures, show_changes, _body_size(roots, styles))
    blocks: list[Block] = []
    for root in roots:
        blocks += reader.section(root)
    for root in package.master_pages():
        reader.running(root, reader.above)
    whole = [*reader.above, *blocks, *reader.notes["footNote"], *reader.notes["endNote"], *reader.below]
    return with_depths(whole)


def _body_size(roots: Sequence[Node], styles: Styles) -> int:
    """The size in which most text outside of tables is set."""
    sizes: Tally[int] = Tally()
    for root in roots:
        for each in root.every("p"):
            for run in each.every("run"):
                count = sum(len(text.text) for text in run.every("t"))
                sizes[styles.char(run.attrs.get("charPrIDRef", "")).size] += count
    [(size, count)] = sizes.most_common(1) or [(0, 0)]
    return size if count else 0


class _Reader:
    """Reads sections one after the other; numbers go on from one to the next."""

    def __init__(
        self, package: Package, styles: Styles, pictures: Pictures, show_changes: bool, body_size: int
    ) -> None:
        self._package, self._styles, self._pictures = package, styles, pictures
        self._show_changes, self._body_size = show_changes, body_size
        self._counters: dict[str, Counter] = {}
        self._outline = "1"
        self._ended: set[tuple[str, str]] = set()  # changes that end somewhere: only those are believed
        self._changes: set[tuple[str, str]] = set()  # those that are open
        self._boxes = 0  # depth inside of tables, boxes and notes
        self.above: list[Block] = []
        self.below: list[Block] = []
        self.notes: dict[str, list[Block]] = {name: [] for name in _NOTES}

    def section(self, root: Node) -> list[Block]:
        self._changes.clear()
        ends = root.all("insertEnd", "deleteEnd")
        self._ended = {(_CHANGES[end.name][0], end.attrs.get("Id", "")) for end in ends}
        return self._paragraphs(root)

    def running(self, node: Node, place: list[Block]) -> None:
        """Take what stands above or below every page, once."""
        blocks = [
            Paragraph(each.spans) if isinstance(each, Heading) else each
            for each in self._all_paragraphs(node)
        ]
        text = to_markdown(blocks)
        if (
            any(letter.isalnum() for letter in text)
            and text not in map(lambda each: to_markdown([each]), place)
            and text != to_markdown(place)
        ):
            place += blocks

    # Paragraphs

    def _all_paragraphs(self, node: Node) -> list[Block]:
        """Those of all lists of paragraphs inside, in order."""
        self._boxes += 1
        try:
            if any(True for _ in node.every("p")):
                return self._paragraphs(node)
            return [block for inner in node for block in self._all_paragraphs(inner)]
        finally:
            self._boxes -= 1

    def _paragraphs(self, node: Node) -> list[Block]:
        return [block for each in node.every("p") for block in self._paragraph(each)]

    def _paragraph(self, node: Node) -> list[Block]:
        sizes: Tally[int] = Tally()
        pieces: list[Run | Apart | Formula] = []
        for run in node.every("run"):
            char = self._styles.char(run.attrs.get("charPrIDRef", ""))
            for piece in self._run(run):
                if isinstance(piece, Run) and piece.text:
                    sizes[char.size] += len(piece.text)
                    text = raised(piece.text, char.raised)
                    if char.struck and text.strip():
                        text = f"<del>{text.strip()}</del>"
                    piece = Run(text, char.bold)
                pieces.append(piece)
        alone = not any(isinstance(piece, Run) and piece.text.strip() for piece in pieces)
        done = [
            piece if not isinstance(piece, Formula) else self._formula(piece, alone)
            for piece in (pieces if alone else map(in_line, pieces))
        ]
        look = self._look(node, sizes)
        if look.marker in ("", "-") or any(isinstance(each, Run) and each.text.strip() for each in done):
            return list(paragraph(done, look))
        return [Paragraph.of(look.marker), *paragraph(done, replace(look, marker=""))] if done else []

    def _formula(self, formula: Formula, alone: bool) -> Run | Apart:
        return Apart([formula]) if alone and not self._boxes else Run(f"${formula.latex}$")

    def _look(self, node: Node, sizes: Tally[int]) -> Look:
        look = self._styles.para(node.attrs.get("paraPrIDRef", ""))
        heading = 0 if self._boxes else self._styles.headings.get(node.attrs.get("styleIDRef", ""), 0)
        marker = ""
        if look.head == "BULLET":
            marker = "-"
        elif look.head in ("NUMBER", "OUTLINE"):
            outline = look.head == "OUTLINE"
            marker = self._number(self._outline if outline else look.id, look.level)
            if outline and not self._boxes and look.level < 6:
                heading = look.level + 1
        count = sum(sizes.values())
        ratio = 1.0
        if count and self._body_size and not self._boxes:
            ratio = sum(size * each for size, each in sizes.items()) / count / self._body_size
        return Look(marker, heading, ratio, look.indent, look.level if marker else 0)

    def _number(self, id: str, level: int) -> str:
        if id not in self._counters:
            self._counters[id] = Counter(self._styles.numberings.get(id, ()))
        return self._counters[id].next(level)

    def _run(self, node: Node) -> Iterator[Run | Apart | Formula]:
        for each in node:
            if each.name == "t":
                yield from self._text(each)
            elif each.name == "secPr":
                self._outline = each.attrs.get("outlineShapeIDRef", self._outline)
            elif each.name in ("ctrl", "switch", "case", "default"):
                inner = each.first("default") or each.first("case") if each.name == "switch" else each
                yield from self._run(inner or each)
            elif each.name not in _SILENT and (self._show_changes or not self._deleted):
                yield from self._object(each)

    @property
    def _deleted(self) -> bool:
        return any(kind == "del" for kind, _ in self._changes)

    def _text(self, node: Node) -> Iterator[Run]:
        for each in node.content:
            if isinstance(each, str):
                yield from self._said(each)
            elif each.name in _CHANGES:
                kind, step = _CHANGES[each.name]
                change = kind, each.attrs.get("Id", "")
                if step < 0:
                    self._changes.discard(change)
                elif change in self._ended:
                    self._changes.add(change)
            elif each.name == "tab":
                yield from self._said(" … " if each.attrs.get("leader", "0") not in ("0", "NONE") else " ")
            elif each.name == "lineBreak":
                yield from self._said("\n")
            elif each.name in ("nbSpace", "fwSpace"):
                yield from self._said(" ")
            elif each.name == "hyphen":
                yield from self._said("-")
            else:
                yield from self._said(each.text)

    def _said(self, text: str) -> Iterator[Run]:
        if not self._show_changes:
            if not self._deleted:
                yield Run(text)
            return
        for kind in ("ins", "del"):
            if text.strip() and "<" not in text and any(kind == open for open, _ in self._changes):
                text = f"<{kind}>{text}</{kind}>"
        yield Run(text)

    # Objects

    def _object(self, node: Node) -> Iterator[Run | Apart | Formula]:
        """What stands in a run besides text."""
        name = node.name
        if name == "tbl":
            yield self._apart(node, self._table(node))
        elif name == "pic":
            yield self._apart(node, self._pictures.blocks(node.get("img", "binaryItemIDRef")))
        elif name == "equation":
            yield Formula(latex(script.text.strip() if (script := node.first("script")) else ""))
        elif name == "compose":
            yield Run(composed(node))
        elif name == "dutmal":
            yield Run(ruby(node))
        elif name in _CONTROLS:
            yield Run(control_text(node))
        elif name in _NOTES:
            yield from self._note(node)
        elif name in ("header", "footer"):
            self.running(node, self.above if name == "header" else self.below)
        elif name == "autoNum":
            yield Run(_auto_number(node))
        elif name == "chart":
            yield self._apart(node, self._chart(node))
        elif name == "textart":
            yield self._apart(
                node, [Paragraph.of(node.attrs.get("text", ""))] if node.attrs.get("text") else []
            )
        elif name in ("ole", "video"):
            self._pictures.lose()
            yield self._apart(node, [])
        elif name in _SHAPES:
            yield self._apart(node, self._shape(node))
        elif blocks := self._all_paragraphs(node):
            if name in ("hiddenComment", "fieldBegin"):
                self._pictures.note(Sentence("comments that are not printed stand as quotations"))
            yield Apart([Quote(each.spans) if isinstance(each, Paragraph) else each for each in blocks])

    def _apart(self, node: Node, blocks: Sequence[Block]) -> Apart:
        """An object's blocks with its caption, where its place in the text says."""
        inline = node.get("pos", "treatAsChar") == "1"
        caption = node.first("caption")
        if caption is None:
            return Apart(blocks, inline)
        said = [Paragraph(b.spans) if isinstance(b, Heading) else b for b in self._all_paragraphs(caption)]
        above = caption.attrs.get("side") == "TOP"
        return Apart([*said, *blocks] if above else [*blocks, *said], inline)

    def _shape(self, node: Node) -> list[Block]:
        """The text of a drawn shape, or of all in a group."""
        blocks: list[Block] = []
        drawn = node.first("drawText")
        if drawn is not None:
            blocks += boxed(self._all_paragraphs(drawn))
        for each in node:
            if each.name in _SHAPES or each.name in ("pic", "equation", "tbl", "textart", "ole", "chart"):
                for piece in self._object(each):
                    blocks += piece.blocks if isinstance(piece, Apart) else ()
                    blocks += [piece] if isinstance(piece, Formula) else ()
        return blocks

    def _chart(self, node: Node) -> list[Block]:
        name = node.attrs.get("chartIDRef", "")
        if name not in self._package:
            self._pictures.lose()
            return []
        try:
            return chart_blocks(self._package.xml(name))
        except AdotxError:
            self._pictures.lose()
            return []

    def _table(self, node: Node) -> list[Block]:
        rows: list[list[Placed]] = []
        if (box := _only_cell(node)) is not None:
            texts = box.first("subList")
            return boxed(self._paragraphs(texts)) if texts is not None else []
        headers, in_header = 0, True
        for row in node.every("tr"):
            placed: list[Placed] = []
            flags: list[bool] = []
            for cell in row.every("tc"):
                blocks = with_depths(self._all_paragraphs(cell))
                spans = [number(cell.get("cellSpan", side), 1) for side in ("colSpan", "rowSpan")]
                places = [number(cell.get("cellAddr", side), -1) for side in ("rowAddr", "colAddr")]
                placed.append(Placed(cell_of(blocks, max(1, spans[0]), max(1, spans[1])), *places))
                flags.append(cell.attrs.get("header") == "1")
            in_header = in_header and bool(flags) and all(flags)
            headers += in_header
            rows.append(placed)
        return [table(rows, max(headers, 1))] if any(rows) else []

    def _note(self, node: Node) -> Iterator[Run]:
        numbered = next(node.all("autoNum"), None)
        mark = _auto_number(numbered, notes=True) if numbered is not None else ""
        mark = (mark or f"{node.attrs.get('number', '')})")[:_MOST_NOTE_MARK].strip()
        blocks = self._all_paragraphs(node)
        if blocks and isinstance(blocks[0], Paragraph):
            blocks[0] = Item(blocks[0].spans, mark)
        else:
            blocks.insert(0, Item.of("", mark))
        self.notes[node.name] += blocks
        yield Run(raised(mark, "sup"))


def _only_cell(node: Node) -> Node | None:
    """The one cell of a table that is a box: it has no other, or only bars above and below it."""
    rows = [list(row.every("tc")) for row in node.every("tr")]
    if any(len(row) != 1 for row in rows):
        return None
    filled = [row[0] for row in rows if next(row[0].all("t", "pic", "tbl", "equation"), None) is not None]
    return filled[0] if len(filled) == 1 else rows[0][0] if len(rows) == 1 else None


def _auto_number(node: Node, notes: bool = False) -> str:
    """A number that the program counts; nothing for page numbers, which only paper has."""
    kind = node.attrs.get("numType", "")
    if kind in ("PAGE", "TOTAL_PAGE") or (kind in ("FOOTNOTE", "ENDNOTE") and not notes):
        return ""
    looks = node.first("autoNumFormat")
    shown = node.attrs.get("num", "")
    if looks is None:
        return f"{shown})" if notes else shown
    text = written(number(shown, 0), looks.attrs.get("type", "DIGIT"))
    return f"{looks.attrs.get('prefixChar', '')}{text}{looks.attrs.get('suffixChar', '')}"
