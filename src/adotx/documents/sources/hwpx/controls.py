"""What stands in a line of a HWPX file and is no plain text: composed characters, ruby, form controls.

In: the element. Out: its text as one line shows it. Knows no paragraphs.
"""

from __future__ import annotations

from adotx.documents.sources.numbering import circled, written
from adotx.documents.sources.xml_tree import Node

_MOST_RING = 50
_TICKED, _UNTICKED = "☑", "☐"


def composed(node: Node) -> str:
    """Characters set into or over each other: a ringed one where Unicode has it, else what is composed."""
    text = node.attrs.get("composeText", "")
    if node.attrs.get("circleType", "") != "SHAPE_CIRCLE":
        return text
    if text.isdecimal() and text.isascii() and len(text) <= 2 and 0 < int(text) <= _MOST_RING:
        return circled(int(text))
    if len(text) == 1:
        for format in (
            "CIRCLED_HANGUL_SYLLABLE",
            "CIRCLED_HANGUL_JAMO",
            "CIRCLED_LATIN_CAPITAL",
            "CIRCLED_LATIN_SMALL",
        ):
            plain = format.removeprefix("CIRCLED_")
            for number in range(1, 27):
                if written(number, plain) == text and len(ring := written(number, format)) == 1:
                    return ring
    return text


def ruby(node: Node) -> str:
    """Text with what is written small above or below it in parentheses."""
    main, small = (node.first(name) for name in ("mainText", "subText"))
    read = small.text.strip() if small is not None else ""
    return f"{main.text if main is not None else ''}{f'({read})' if read else ''}"


def control_text(node: Node) -> str:
    """What a control of a form shows: its caption with its tick, what is chosen or typed."""
    attrs = node.attrs
    if node.name in ("checkBtn", "radioBtn"):
        tick = _TICKED if attrs.get("value", "").upper() in ("CHECKED", "1", "TRUE") else _UNTICKED
        return f"{tick} {attrs.get('caption', '')}".rstrip()
    if node.name in ("comboBox", "listBox"):
        chosen = attrs.get("selectedValue", "")
        shown = {
            item.attrs.get("value", ""): item.attrs.get("displayText", "") for item in node.every("listItem")
        }
        return shown.get(chosen) or chosen
    if node.name == "edit":
        typed = node.first("text")
        return typed.text if typed is not None else attrs.get("text", "")
    return attrs.get("caption", "")
