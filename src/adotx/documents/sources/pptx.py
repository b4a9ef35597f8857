"""A PPTX file in (PresentationML, ISO 29500), a page of text for each slide out.

A slide's title comes first, then its shapes from top to bottom; pictures are read by the model. What is said
while slides are shown (notes) and comments stand behind it as quotations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.documents.sources.page import PageImage
from adotx.errors import AdotxError
from adotx.vision import Limits

if TYPE_CHECKING:
    from adotx.documents.sources.inside import Pictures
    from adotx.documents.sources.parts import Parts
    from adotx.documents.sources.pieces import Apart, Run
    from adotx.documents.sources.xml_tree import Node
    from adotx.markdown import Block

SUFFIXES = frozenset((".pptx", ".pptm", ".ppsx"))
_MOST_SLIDES, _MOST_DEPTH = 5000, 40
#: automatic numbers -> (format, before, behind); what is not here is written "1."
_NUMBERS = {
    "arabicParenR": ("decimal", "", ")"), "arabicParenBoth": ("decimal", "(", ")"),
    "arabicPlain": ("decimal", "", ""), "circleNumDbPlain": ("decimalEnclosedCircle", "", ""),
    "circleNumWdWhitePlain": ("decimalEnclosedCircle", "", ""), "alphaLcPeriod": ("lowerLetter", "", "."),
    "alphaLcParenR": ("lowerLetter", "", ")"), "alphaLcParenBoth": ("lowerLetter", "(", ")"),
    "alphaUcPeriod": ("upperLetter", "", "."), "alphaUcParenR": ("upperLetter", "", ")"),
    "romanUcPeriod": ("upperRoman", "", "."), "romanLcPeriod": ("lowerRoman", "", "."),
    "romanUcParenR": ("upperRoman", "", ")"), "romanLcParenR": ("lowerRoman", "", ")"),
}  # fmt: skip
_TITLES, _SKIPPED = ("title", "ctrTitle"), ("sldNum", "dt", "ftr", "hdr")


def has(names: frozenset[str]) -> bool:
    """Whether a package has a PPTX file's parts; their names are in lower case."""
    return "ppt/presentation.xml" in names


def pages(path: Path, limits: Limits, dpi: int, password: str | None = None) -> Iterator[PageImage]:
    """A page without a picture for each slide. `dpi` and `password` are not used.

    Raises:
        AdotxError: ``package.*``; ``pptx.empty``.
    """
    from adotx.documents.sources.inside import text_page
    from adotx.documents.sources.parts import Parts

    with Parts(path, "PPTX") as package:
        slides = _slides(package)
    if not slides:
        raise AdotxError("pptx.empty", "the presentation has no slides", str(path), "save it again")
    for number, name in enumerate(slides, 1):
        yield text_page(
            lambda: Parts(path, "PPTX"), partial(_slide, name=name), "pptx", limits, number=number
        )


def _slides(package: Parts) -> list[str]:
    """The parts of the slides in their order, hidden ones too: they keep their numbers."""
    name = next((target for kind, target in package.related("").values() if kind == "officeDocument"), "")
    name = name if name in package else "ppt/presentation.xml"
    related = package.related(name)
    ids = [node.attrs for node in package.xml(name).all("sldId")][:_MOST_SLIDES]
    return [target for attrs in ids if (target := _target(related, attrs)) in package]


def _target(related: dict[str, tuple[str, str]], attrs: dict[str, str]) -> str:
    # Both of a slide's ids have the local name "id"; the relation's is the one that is one.
    return related.get(attrs.get("r:id", attrs.get("id", "")), ("", ""))[1]


def _slide(package: Parts, pictures: Pictures, name: str) -> list[Block]:
    from adotx.documents.sources.pieces import with_depths
    from adotx.errors import Sentence

    root = package.xml(name)
    if root.attrs.get("show") in ("0", "false"):
        pictures.note(Sentence("the slide is hidden"))
    related = package.related(name)
    reader = _Reader(package, pictures, related)
    tree = root.first("cSld", "spTree")
    shown = reader.shapes(tree) if tree is not None else []
    return with_depths([*shown, *_beside(package, pictures, related)])


def _beside(package: Parts, pictures: Pictures, related: dict[str, tuple[str, str]]) -> Iterator[Block]:
    """The speaker's notes and the comments of a slide."""
    from adotx.errors import Sentence
    from adotx.markdown import Quote

    for kind, _, root in package.readable(related, ("notesSlide", "comments"), pictures.miss_error):
        if kind == "notesSlide":
            bodies = [sp.first("txBody") for sp in root.all("sp") if _placeholder(sp) == "body"]
            told = Sentence("the speaker's notes stand as quotations behind their slides")
        else:  # of old programs as text, of new ones as paragraphs
            bodies = [node for node in root.all("text", "txBody")]
            told = Sentence("comments that are not printed stand as quotations")
        for body in filter(None, bodies):
            lines = [node.text for node in body.every("p")] if body.name == "txBody" else [body.text]
            for line in filter(None, (" ".join(line.split()) for line in lines)):
                pictures.note(told)
                yield Quote.of(line)


class _Reader:
    """Reads the shapes of one slide."""

    def __init__(self, package: Parts, pictures: Pictures, related: dict[str, tuple[str, str]]) -> None:
        self._package, self._pictures, self._related = package, pictures, related

    def shapes(self, tree: Node, depth: int = 0) -> list[Block]:
        """The blocks of all shapes: titles first, then from top to bottom, from left to right."""
        found: list[tuple[tuple[int, int, int], Sequence[Block]]] = []
        shapes = [
            (node.first("Choice") or node.first("Fallback") or node)
            if node.name == "AlternateContent"
            else node
            for node in tree
        ]
        for node in shapes:
            inner = list(node) if node.name in ("Choice", "Fallback") else [node]
            for each in inner:
                title = _placeholder(each) in _TITLES
                x, y = _place(each)
                # Shapes that begin on about one line are read from left to right.
                found.append(((0 if title else 1, y // 360_000, x), self._shape(each, depth)))
        return [block for _, blocks in sorted(found, key=lambda each: each[0]) for block in blocks]

    def _shape(self, node: Node, depth: int) -> Sequence[Block]:
        name = node.name
        if name == "grpSp":
            return self.shapes(node, depth + 1) if depth < _MOST_DEPTH else []
        if name == "pic":
            if next(node.all("videoFile", "audioFile", "quickTimeFile", "wavAudioFile"), None) is not None:
                self._pictures.leave_out("media")
            blip = next(node.all("blip"), None)
            caption = node.get("nvPicPr", "cNvPr", "descr")
            id = blip.attrs.get("embed", "") if blip is not None else ""
            return self._pictures.blocks(self._related.get(id, ("", ""))[1], " ".join(caption.split()))
        if name == "graphicFrame":
            return self._frame(node)
        if name in ("sp", "cxnSp"):
            body, kind = node.first("txBody"), _placeholder(node)
            return self._text(body, kind) if body is not None and kind not in _SKIPPED else []
        return []

    def _frame(self, node: Node) -> list[Block]:
        from adotx.documents.sources.charts import chart_blocks
        from adotx.documents.sources.docx.body import diagram_blocks

        blocks: list[Block] = []
        if (embedded := next(node.all("oleObj"), None)) is not None:
            self._pictures.leave_out("files")
            picture = next(node.all("pic"), None) or embedded.first("pic")
            return list(self._shape(picture, 0)) if picture is not None else []
        for each in node.all("tbl", "chart", "relIds"):
            if each.name == "tbl":
                blocks += self._table(each)
                continue
            target = self._related.get(each.attrs.get("dm") or each.attrs.get("id", ""), ("", ""))[1]
            try:
                root = self._package.xml(target)
            except AdotxError:
                self._pictures.lose()
                continue
            blocks += chart_blocks(root) if each.name == "chart" else diagram_blocks(root)
        return blocks

    def _text(self, body: Node, placeholder: str, boxed: bool = False) -> list[Block]:
        from adotx.documents.sources.numbering import written
        from adotx.documents.sources.pieces import Look, paragraph
        from adotx.markdown import Heading, TextBlock

        blocks: list[Block] = []
        numbers: dict[int, int] = {}
        bulleted = placeholder in ("body", "obj", "content")
        for each in body.every("p"):
            looks = each.first("pPr")
            level = int(looks.attrs.get("lvl", "0")) if looks and looks.attrs.get("lvl", "0").isdigit() else 0
            level = min(level, 8)
            pieces = list(self._pieces(each))
            marker = ""
            if looks is not None and (auto := looks.first("buAutoNum")) is not None:
                start = auto.attrs.get("startAt", "1")
                numbers[level] = numbers.get(level, (int(start) if start.isdigit() else 1) - 1) + 1
                format, before, behind = _NUMBERS.get(auto.attrs.get("type", ""), ("decimal", "", "."))
                marker = f"{before}{written(numbers[level], format)}{behind}"
            elif (looks is not None and looks.first("buChar") is not None) or (
                bulleted and (looks is None or looks.first("buNone") is None)
            ):
                marker = "-"
            for below in [at for at in numbers if at > level]:
                del numbers[below]
            blocks += paragraph(pieces, Look(marker, 0, 1.0, 2000 * level, level if marker else 0))
        if placeholder in _TITLES and blocks and all(isinstance(block, TextBlock) for block in blocks):
            return [Heading.of(" ".join(b.text for b in blocks if isinstance(b, TextBlock)), 1)]
        return blocks

    def _pieces(self, node: Node) -> Iterator[Run | Apart]:
        from adotx.documents.sources.omml import latex
        from adotx.documents.sources.pieces import Run, raised

        for each in node:
            if each.name in ("r", "fld"):
                if each.name == "fld" and each.attrs.get("type") == "slidenum":
                    continue
                text = "".join(part.text for part in each.every("t"))
                base = each.get("rPr", "baseline", default="0")
                how = (
                    ""
                    if base.lstrip("-").rstrip("%") in ("", "0")
                    else "sub"
                    if base.startswith("-")
                    else "sup"
                )
                if each.get("rPr", "strike", default="noStrike") != "noStrike" and text.strip():
                    text = f"<del>{text.strip()}</del>"
                yield Run(raised(text, how), each.get("rPr", "b") in ("1", "true"))
            elif each.name == "br":
                yield Run("\n")
            elif each.name in ("oMath", "oMathPara", "m"):
                yield Run(
                    "".join(
                        f"${latex(math)}$" for math in ([each] if each.name == "oMath" else each.all("oMath"))
                    )
                )
            elif each.name == "AlternateContent":
                chosen = each.first("Choice") or each.first("Fallback")
                if chosen is not None:
                    yield from self._pieces(chosen)

    def _table(self, node: Node) -> list[Block]:
        from adotx.documents.sources.docx.styles import number
        from adotx.documents.sources.pieces import Placed, cell_of, table

        rows: list[list[Placed]] = []
        for y, row in enumerate(node.every("tr")):
            placed: list[Placed] = []
            for x, cell in enumerate(row.every("tc")):
                if any(cell.attrs.get(name) in ("1", "true") for name in ("hMerge", "vMerge")):
                    continue
                body = cell.first("txBody")
                blocks = self._text(body, "", boxed=True) if body is not None else []
                spans = [max(1, number(cell.attrs.get(name, "1"), 1)) for name in ("gridSpan", "rowSpan")]
                placed.append(Placed(cell_of(blocks, *spans), y, x))
            rows.append(placed)
        return [table(rows)] if any(rows) else []


def _placeholder(node: Node) -> str:
    found = next((each.first("nvPr", "ph") for each in node if each.name in ("nvSpPr", "nvPicPr")), None)
    # A placeholder without a type is one for content.
    return "" if found is None else found.attrs.get("type", "body")


def _place(node: Node) -> tuple[int, int]:
    """(x, y) in English metric units; those that say nothing keep the order of the file, at the top."""
    from adotx.documents.sources.docx.styles import number

    for path in (("spPr", "xfrm", "off"), ("grpSpPr", "xfrm", "off"), ("xfrm", "off")):
        if (off := node.first(*path)) is not None:
            return number(off.attrs.get("x", "")), number(off.attrs.get("y", ""))
    return 0, 0
