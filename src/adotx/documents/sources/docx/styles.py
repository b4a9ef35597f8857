"""What styles.xml and numbering.xml of a DOCX file say. In: their roots. Out: how a paragraph or run of a
style looks, and the numberings. Styles inherit from each other; a ring of them ends where it began."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from adotx.documents.sources.numbering import Counter, Level
from adotx.documents.sources.xml_tree import Node

_HEADING = re.compile(r"^(?:heading|제목|개요)\s?([1-9])$", re.I)
_TITLE = re.compile(r"^(?:title|제목)$", re.I)
_PLACE = re.compile(r"%([1-9])")
_NO_LEVEL = 9
_MOST_INHERITED = 20
_NO_STYLE = Node("style", {})


def number(text: str, default: int = 0) -> int:
    """A whole number as attributes hold them; `default` where it is none, or one beyond all measure."""
    try:
        value = int(float(text))
    except (ValueError, OverflowError):
        return default
    return value if -(1 << 31) < value < 1 << 31 else default


def on(node: Node | None) -> bool:
    """Whether a switch such as ``<b/>`` is there and not turned off."""
    return node is not None and node.attrs.get("val", "1") not in ("0", "false", "off", "none")


@dataclass(frozen=True)
class Style:
    """What a style says itself; None: nothing.

    Attributes:
        heading: 1 to 6, or 0 where it is no heading.
        numbering: (id, level).
        size: in half points.
        indent: in twentieths of a point.
    """

    heading: int | None = None
    numbering: tuple[str, int] | None = None
    bold: bool | None = None
    size: int | None = None
    indent: int | None = None


@dataclass
class Styles:
    """Styles by id, with what they inherit, and numberings by id."""

    styles: dict[str, Style] = field(default_factory=dict)
    default: str = ""
    size: int = 20
    counters: dict[str, Counter] = field(default_factory=dict)
    bullets: set[tuple[str, int]] = field(default_factory=set)

    @classmethod
    def of(cls, styles: Node | None, numbering: Node | None) -> Styles:
        found = cls()
        if styles is not None:
            found.size = number(styles.get("docDefaults", "rPrDefault", "rPr", "sz", "val"), 20)
            nodes = {node.attrs.get("styleId", ""): node for node in styles.every("style")}
            for id, node in nodes.items():
                found.styles[id] = _whole(node, nodes)
                if node.attrs.get("type") == "paragraph" and node.attrs.get("default") in ("1", "true"):
                    found.default = id
        if numbering is not None:
            found._add_numberings(numbering)
        return found

    def style(self, id: str) -> Style:
        return self.styles.get(id or self.default, Style())

    def _add_numberings(self, root: Node) -> None:
        abstract = {node.attrs.get("abstractNumId", ""): node for node in root.every("abstractNum")}
        for num in root.every("num"):
            id = num.attrs.get("numId", "")
            base = abstract.get(num.get("abstractNumId", "val"))
            levels: list[Level] = []
            for node in base.every("lvl") if base is not None else ():
                self._add_level(id, node, levels)
            for override in num.every("lvlOverride"):
                for node in override.every("lvl"):
                    self._add_level(id, node, levels)
                at, start = number(override.attrs.get("ilvl", ""), -1), override.get("startOverride", "val")
                if start and 0 <= at < len(levels):
                    old = levels[at]
                    levels[at] = Level(old.parts, old.format, number(start, 1), old.plain)
            self.counters[id] = Counter(levels)

    def _add_level(self, id: str, node: Node, levels: list[Level]) -> None:
        at = max(0, min(8, number(node.attrs.get("ilvl", ""))))
        while len(levels) <= at:
            levels.append(Level((len(levels), ".")))
        format = node.get("numFmt", "val", default="decimal")
        if format == "bullet":
            self.bullets.add((id, at))
        parts: list[str | int] = []
        text, begin = node.get("lvlText", "val"), 0
        for found in _PLACE.finditer(text):
            parts += [text[begin : found.start()], int(found[1]) - 1]
            begin = found.end()
        shown = tuple(part for part in (*parts, text[begin:]) if part != "")
        levels[at] = Level(shown, format, number(node.get("start", "val"), 1), on(node.first("isLgl")))


def _whole(node: Node, nodes: dict[str, Node]) -> Style:
    """A style with what it inherits."""
    heading = numbering = bold = size = indent = None
    for _ in range(_MOST_INHERITED):
        name = node.get("name", "val").strip()
        if heading is None:
            if found := _HEADING.match(name):
                heading = min(6, int(found[1]))
            elif _TITLE.match(name):
                heading = 1
            elif (level := number(node.get("pPr", "outlineLvl", "val"), _NO_LEVEL)) < _NO_LEVEL:
                heading = min(6, level + 1)
        if numbering is None and (numbered := node.first("pPr", "numPr")) is not None:
            numbering = (numbered.get("numId", "val"), number(numbered.get("ilvl", "val")))
        if bold is None and (switch := node.first("rPr", "b")) is not None:
            bold = on(switch)
        if size is None and (told := node.get("rPr", "sz", "val")):
            size = number(told, 20)
        if indent is None and (told := node.get("pPr", "ind", "left") or node.get("pPr", "ind", "start")):
            indent = number(told)
        node = nodes.get(node.get("basedOn", "val"), _NO_STYLE)
    return Style(heading or 0, numbering, bold, size, indent)
