"""What a HWPX header says of how text looks: in: the `head` element. Out: `Styles`, asked by the ids that
paragraphs and runs carry. Whatever an id names that is not there looks as plain text does."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, cast

from adotx.documents.sources.numbering import Level
from adotx.documents.sources.xml_tree import Node
from adotx.markdown import Align

_HEAD = re.compile(r"\^([1-9]|10|[nN])")
_TITLE = re.compile(r"(?:^|\s)(?:큰\s?)?제목|title", re.I)
_HEADING = re.compile(r"(?:제목|개요|heading|outline)\s?(\d{1,2})$", re.I)
_ALIGNS = {"LEFT": "left", "CENTER": "center", "RIGHT": "right", "JUSTIFY": "justify"}
_PLAIN_SIZE = 1000


@dataclass(frozen=True)
class CharLook:
    """How a run is set; `size` in hundredths of a point."""

    size: int = _PLAIN_SIZE
    bold: bool = False
    struck: bool = False
    raised: Literal["", "sup", "sub"] = ""


@dataclass(frozen=True)
class ParaLook:
    """How a paragraph is set.

    Attributes:
        head: what stands before it: nothing, the section's outline number, a number, a bullet.
        id: of the numbering or bullet.
        level: of the head, from 0.
        indent: where its first line begins, in hundredths of a point.
    """

    align: Align = ""
    head: Literal["NONE", "OUTLINE", "NUMBER", "BULLET"] = "NONE"
    id: str = ""
    level: int = 0
    indent: int = 0


@dataclass
class Styles:
    """Looks by id.

    Attributes:
        chars, paras: of runs and paragraphs.
        headings: style id -> heading level that its name tells.
        numberings: id -> its levels.
    """

    chars: dict[str, CharLook] = field(default_factory=dict)
    paras: dict[str, ParaLook] = field(default_factory=dict)
    headings: dict[str, int] = field(default_factory=dict)
    numberings: dict[str, list[Level]] = field(default_factory=dict)

    @classmethod
    def of(cls, head: Node) -> Styles:
        """From the root of header.xml."""
        found = cls()
        for node in head.all("charPr", "paraPr", "style", "numbering"):
            id = node.attrs.get("id", "")
            if node.name == "charPr":
                found.chars[id] = _char(node)
            elif node.name == "paraPr":
                found.paras[id] = _para(node)
            elif node.name == "style":
                if level := _heading_level(node):
                    found.headings[id] = level
            else:
                found.numberings[id] = _levels(node)
        return found

    def char(self, id: str) -> CharLook:
        return self.chars.get(id, CharLook())

    def para(self, id: str) -> ParaLook:
        return self.paras.get(id, ParaLook())


def number(text: str, default: int = 0) -> int:
    """A whole number as attributes hold them; `default` where it is none, or one beyond all measure."""
    try:
        value = int(text)
    except ValueError:
        return default
    return value if -(1 << 31) < value < 1 << 32 else default


def _char(node: Node) -> CharLook:
    struck = node.get("strikeout", "shape", default="NONE")
    raised = "sup" if node.first("supscript") else "sub" if node.first("subscript") else ""
    return CharLook(
        number(node.attrs.get("height", ""), _PLAIN_SIZE),
        node.first("bold") is not None,
        struck not in ("NONE", "", "3D"),
        cast(Literal["", "sup", "sub"], raised),
    )


def _para(node: Node) -> ParaLook:
    head = node.get("heading", "type", default="NONE")
    # Units differ from case to case; the default's are the older ones, which every program writes.
    margin = next(iter(each for each in node.all("margin")), None)
    left = _length(margin, "left")
    return ParaLook(
        cast(Align, _ALIGNS.get(node.get("align", "horizontal"), "")),
        cast(
            Literal["NONE", "OUTLINE", "NUMBER", "BULLET"],
            head if head in ("OUTLINE", "NUMBER", "BULLET") else "NONE",
        ),
        node.get("heading", "idRef"),
        max(0, min(9, number(node.get("heading", "level")))),
        left + max(0, _length(margin, "intent")),
    )


def _length(margin: Node | None, side: str) -> int:
    if margin is None:
        return 0
    return number(margin.get(side, "value") or margin.attrs.get(side, ""))


def _heading_level(node: Node) -> int:
    if node.attrs.get("type", "PARA") != "PARA":
        return 0
    for name in (node.attrs.get("name", "").strip(), node.attrs.get("engName", "").strip()):
        if numbered := _HEADING.search(name):
            return max(1, min(6, int(numbered[1])))
        if _TITLE.search(name) and not re.search(r"부\s?제목|subtitle|표\s?제목|그림\s?제목", name, re.I):
            return 1
    return 0


def _levels(node: Node) -> list[Level]:
    levels: list[Level] = []
    for head in node.every("paraHead"):
        at = max(1, min(10, number(head.attrs.get("level", ""), len(levels) + 1))) - 1
        while len(levels) <= at:
            levels.append(Level((len(levels), ".")))
        start = number(head.attrs.get("start", ""), 1)
        levels[at] = Level(_parts(head.text, at), head.attrs.get("numFormat", "DIGIT"), start)
    return levels


def _parts(text: str, own: int) -> tuple[str | int, ...]:
    """ "^1.^2)" as (0, ".", 1, ")"); ^n and ^N are all numbers down to this one, ^N with a dot behind."""
    parts: list[str | int] = []
    at = 0
    for found in _HEAD.finditer(text):
        parts.append(text[at : found.start()])
        at = found.end()
        if found[1] in "nN":
            for level in range(own + 1):
                parts += [level, "." if level < own or found[1] == "N" else ""]
        else:
            parts.append(int(found[1]) - 1)
    return tuple(part for part in (*parts, text[at:]) if part != "")
