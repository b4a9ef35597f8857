"""A layout and what its lines say in, a `PlacedPage` out: the only step of assembly that looks at ink.

Knows no models and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from adotx.documents.assembly.letter_widths import words_width
from adotx.documents.assembly.placed import (
    PlacedFigure,
    PlacedFlow,
    PlacedGrid,
    PlacedLine,
    PlacedPage,
    Region,
)
from adotx.documents.layout.bands import Figure, Flow, TextLine
from adotx.documents.layout.pack import line_em, words_of
from adotx.documents.layout.page import Layout

Texts = Mapping[TextLine, str]


def place(layout: Layout, texts: Texts) -> PlacedPage:
    """The page's lines with their texts and places.

    Args:
        layout: of the page.
        texts: what each line says; lines that are missing or empty are left out.
    """

    def placed(lines: list[TextLine]) -> list[PlacedLine]:
        return [line for line in (_placed(layout, line, texts) for line in lines) if line is not None]

    regions: list[Region] = []
    for region in layout.regions:
        if isinstance(region, Flow):
            regions.append(PlacedFlow(placed(region.lines), region.right, region.mark))
        elif isinstance(region, Figure):
            regions.append(PlacedFigure(region.box))
        else:
            rows = [[placed(cell) for cell in row] for row in region.rows]
            regions.append(PlacedGrid(rows, region.ruled, region.spans))
    a, b, c, d, e, f, g, h, i = layout.page.matrix.ravel().tolist()
    return PlacedPage(regions, layout.em, (a, b, c, d, e, f, g, h, i))


def _placed(layout: Layout, line: TextLine, texts: Texts) -> PlacedLine | None:
    text = " ".join(texts.get(line, "").split())
    if not text:
        return None
    em = line_em(layout, line)
    widest = max((layout.segments[i] for i in line.segments), key=lambda s: s.width)
    words = words_of(layout, line)
    return PlacedLine(
        text=text,
        box=line.box,
        core=line.core,
        em=em,
        weight=widest.weight * widest.height / em,
        advance=sum(word.x1 - word.x0 for word in words) / max(words_width(text), 0.1),
        first=words[0].x1 - words[0].x0 if words else 0.0,
    )
