"""A page's lines with their places in, its blocks out: text and geometry only.

The conventions are the page maker's (`adotx.data.pages`): tables have the first row as header, forms and
receipts are fields, the running head is the first paragraph and the page number the last. Knows no pixels and
no models.
"""

from __future__ import annotations

from adotx.documents.assembly.body import body_of
from adotx.documents.assembly.flow import Draft, flow_blocks
from adotx.documents.assembly.levels import with_levels
from adotx.documents.assembly.placed import Homography, PlacedGrid, PlacedPage
from adotx.documents.assembly.tables import grid_blocks
from adotx.markdown import Block, Box, Heading, Paragraph

#: lines that are too few to be headed
_SIGN_LINES = 4


def assemble(page: PlacedPage) -> list[Block]:
    """The blocks of a page in reading order; their boxes in pixels of the input image."""
    body = body_of(page)
    drafts: list[Draft] = []
    for region in page.regions:
        if isinstance(region, PlacedGrid):
            drafts += map(Draft, grid_blocks(region))
        else:
            drafts += flow_blocks(region, body)
    blocks = with_levels(drafts)
    if _is_sign(page):
        blocks = [_as_paragraph(block) for block in blocks]
    return [block.at(_mapped(page.to_image, block.box)) for block in blocks]


def _is_sign(page: PlacedPage) -> bool:
    """Whether a page is a few words, as a sign or a label is: a heading heads something."""
    flows = [region for region in page.regions if not isinstance(region, PlacedGrid)]
    return len(flows) == len(page.regions) and sum(len(flow.lines) for flow in flows) <= _SIGN_LINES


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
