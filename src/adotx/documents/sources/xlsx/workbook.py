"""The workbook of an XLSX file: its sheets, shared texts and number formats. Knows no cells."""

from __future__ import annotations

from dataclasses import dataclass

from adotx.documents.sources.parts import Parts
from adotx.documents.sources.xml_tree import Node

_MOST_SHEETS = 1000
#: the formats that files name by number only (ISO 29500-1, 18.8.30), as Korean programs show them
_BUILT_IN = {
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "yyyy-mm-dd",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "yyyy-mm-dd h:mm",
    30: "mm-dd-yy",
    31: 'yyyy"년" mm"월" dd"일"',
    32: 'h"시" mm"분"',
    33: 'h"시" mm"분" ss"초"',
    37: "#,##0",
    38: "#,##0",
    39: "#,##0.00",
    40: "#,##0.00",
    41: "#,##0",
    42: '"₩"#,##0',
    43: "#,##0.00",
    44: '"₩"#,##0.00',
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    49: "@",
    55: "yyyy-mm-dd",
    57: 'yyyy"년" mm"월" dd"일"',
    58: "mm-dd",
}


@dataclass(frozen=True)
class Sheet:
    """A sheet: its name, its part, and whether days are counted from 1904."""

    name: str
    part: str
    from_1904: bool


def sheets_of(package: Parts) -> tuple[list[Sheet], int]:
    """(the sheets that are shown, how many are hidden)."""
    name = _workbook(package)
    root, related = package.xml(name), package.related(name)
    from_1904 = root.get("workbookPr", "date1904") in ("1", "true")
    shown, hidden = [], 0
    for node in list(root.all("sheet"))[:_MOST_SHEETS]:
        target = related.get(node.attrs.get("r:id", node.attrs.get("id", "")), ("", ""))[1]
        if target not in package:
            continue
        if node.attrs.get("state", "visible") != "visible":
            hidden += 1
        else:
            shown.append(Sheet(node.attrs.get("name", ""), target, from_1904))
    return shown, hidden


def _workbook(package: Parts) -> str:
    name = next((target for kind, target in package.related("").values() if kind == "officeDocument"), "")
    return name if name in package else "xl/workbook.xml"


def shared_texts(package: Parts) -> list[str]:
    """The texts that cells refer to by number, without the readings above them."""
    part = _part(package, "sharedStrings")
    if part is None:
        return []
    return [rich_text(node) for node in package.xml(part, frozenset(("rPh", "phoneticPr"))).every("si")]


def rich_text(node: Node) -> str:
    """The text of a string in runs."""
    return "".join(text.text for text in node.all("t"))


def formats(package: Parts) -> list[str]:
    """The number format of each style of cells."""
    part = _part(package, "styles")
    if part is None:
        return []
    root = package.xml(part)
    own = {node.attrs.get("numFmtId", ""): node.attrs.get("formatCode", "") for node in root.all("numFmt")}
    found = []
    looks = root.first("cellXfs")
    for each in looks.every("xf") if looks is not None else ():
        id = each.attrs.get("numFmtId", "0")
        found.append(own.get(id) or _BUILT_IN.get(int(id) if id.isdigit() else 0, "General"))
    return found


def _part(package: Parts, kind: str) -> str | None:
    related = package.related(_workbook(package)).values()
    return next((target for each, target in related if each == kind and target in package), None)
