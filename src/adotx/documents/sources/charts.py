"""A chart in (DrawingML, as HWPX, DOCX, PPTX and XLSX have it), its title and a table of its values out."""

from __future__ import annotations

from adotx.documents.sources.xml_tree import Node
from adotx.markdown import Block, Paragraph, Table

_MOST_POINTS = 2000


def chart_blocks(root: Node) -> list[Block]:
    """A paragraph for the title, and a table: a row for each category, a column for each series."""
    blocks: list[Block] = []
    title = next(root.all("title"), None)
    if title is not None and (text := "".join(each.text for each in title.all("t")).strip()):
        blocks.append(Paragraph.of(text))
    names: list[str] = []
    categories: dict[int, str] = {}
    columns: list[dict[int, str]] = []
    for series in root.all("ser"):
        name = series.first("tx")
        names.append("" if name is None else next((each.text for each in name.all("v", "t")), ""))
        for kind in ("cat", "xVal"):
            for at, text in _points(series.first(kind)).items():
                categories.setdefault(at, text)
        columns.append(_points(series.first("val") or series.first("yVal")))
    rows = sorted({*categories, *(at for column in columns for at in column)})
    if rows:
        body = [[categories.get(at, ""), *(column.get(at, "") for column in columns)] for at in rows]
        blocks.append(Table.of([["", *names], *body]))
    return blocks


def _points(node: Node | None) -> dict[int, str]:
    points: dict[int, str] = {}
    for point in node.all("pt") if node is not None else ():
        place = point.attrs.get("idx", "")
        if place.isdigit() and len(points) < _MOST_POINTS:
            points[int(place)] = "".join(each.text for each in point.every("v"))
    return points
