"""A page's lines with their places in, its blocks out: text and geometry only.

The conventions are the page maker's (`adotx.data.pages`): tables have the first row as header, forms and
receipts are fields, the running head is the first paragraph and the page number the last. Figures have no
caption: what stands under them stays a paragraph. Knows no pixels and no models.
"""

from __future__ import annotations

from adotx.documents.assembly.body import body_of
from adotx.documents.assembly.flow import Draft, flow_blocks
from adotx.documents.assembly.levels import with_levels
from adotx.documents.assembly.placed import Homography, PlacedFigure, PlacedGrid, PlacedPage
from adotx.documents.assembly.tables import grid_blocks
from adotx.markdown import Block, Box, Figure, Heading, Paragraph

#: lines that are too few to be headed
_SIGN_LINES = 4


def assemble(page: PlacedPage) -> list[Block]:
    """The blocks of a page in reading order; their boxes in pixels of the input image."""
    body = body_of(page)
    drafts: list[Draft] = []
    for region in page.regions:
        if isinstance(region, PlacedGrid):
            drafts += map(Draft, grid_blocks(region))
        elif isinstance(region, PlacedFigure):
            drafts.append(Draft(Figure("").at(region.box)))
        else:
            drafts += flow_blocks(region, body)
    blocks = with_levels(drafts)
    if _is_sign(page):
        blocks = [_as_paragraph(block) for block in blocks]
    return [block.at(_mapped(page.to_image, block.box)) for block in blocks]


def _is_sign(page: PlacedPage) -> bool:
    """Whether a page is a few words, as a sign or a label is: a heading heads something."""
    lines = sum(len(flow.lines) for flow in page.flows())
    return lines <= _SIGN_LINES and not any(page.grids())


def _as_paragraph(block: Block) -> Block:
    return Paragraph(block.spans, align=block.align).at(block.box) if isinstance(block, Heading) else block


def _mapped(to_image: Homography, box: Box | None) -> Box | None:
    """The upright box around a box under a homography."""
    if box is None:
        return None
    a, b, c, d, e, f, g, h, i = to_image
    corners = [(x, y, g * x + h * y + i) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs, ys = (
        [(a * x + b * y + c) / w for x, y, w in corners],
        [(d * x + e * y + f) / w for x, y, w in corners],
    )
    return min(xs), min(ys), max(xs), max(ys)
