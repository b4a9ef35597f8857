"""Decisions that need the whole page: heading levels by size, depths of list items by indent.

In: `Draft`s in reading order. Out: the blocks, fields that follow each other as one. Changes no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adotx.documents.assembly.flow import Draft
from adotx.markdown import Block, Fields, Heading, Item

# Pixels that the markers of one depth may begin apart.
_INDENT_SLACK = 8.0


def with_levels(drafts: Sequence[Draft]) -> list[Block]:
    """The blocks of a page with their levels."""
    blocks: list[Block] = []
    indents: list[float] = []  # of the open list's depths
    for number, draft in enumerate(drafts):
        block = draft.block
        if isinstance(block, Heading):
            blocks.append(replace(block, level=_heading_level(draft.ratio, opens=number == 0)))
        elif isinstance(block, Item):
            if not (blocks and isinstance(blocks[-1], Item)):
                indents = []
            while indents and draft.x0 < indents[-1] - _INDENT_SLACK:
                indents.pop()
            if not indents or draft.x0 > indents[-1] + _INDENT_SLACK:
                indents.append(draft.x0)
            blocks.append(replace(block, level=len(indents) - 1))
        elif blocks and isinstance(block, Fields) and isinstance(last := blocks[-1], Fields):
            blocks[-1] = replace(last, rows=last.rows + block.rows).at(_union(last, block))
        else:
            blocks.append(block)
    return blocks


def _heading_level(ratio: float, opens: bool) -> int:
    """1 to 3 by size; what opens the page needs less of it to be its title."""
    if ratio >= 1.65 or (opens and ratio >= 1.35):
        return 1
    return 2 if ratio >= 1.2 else 3


def _union(a: Block, b: Block) -> tuple[float, float, float, float] | None:
    if a.box is None or b.box is None:
        return a.box or b.box
    return min(a.box[0], b.box[0]), min(a.box[1], b.box[1]), max(a.box[2], b.box[2]), max(a.box[3], b.box[3])
