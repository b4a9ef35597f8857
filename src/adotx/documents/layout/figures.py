"""Pictures and diagrams on a page.

In: a `Sheet` and its `CleanPage`. Out: boxes in which nothing is read. The layout model calls signs and
screens figures, too, so a box full of text is none. Knows nothing of lines or order.
"""

from __future__ import annotations

import numpy as np

from adotx.documents.layout.clean import Box, CleanPage
from adotx.documents.layout.networks import page_parts
from adotx.documents.layout.sheet import Sheet

# How sure the model must be; the largest share of the page, and of it that text may cover.
_SURE, _LARGEST, _MOST_TEXT = 0.6, 0.6, 0.25


def find_figures(sheet: Sheet, page: CleanPage) -> list[Box]:
    """Boxes of pictures and diagrams, in pixels of the page."""
    height, width = page.ink.shape
    covered = np.zeros((height, width), bool)
    for x0, y0, x1, y1 in page.boxes.tolist():
        covered[y0:y1, x0:x1] = True
    found = []
    for part in page_parts(sheet.rgb, _SURE):
        x0, y0, x1, y1 = part.box
        x0, y0, x1, y1 = max(0, x0), max(0, y0), min(width, x1), min(height, y1)
        inside = covered[y0:y1, x0:x1]
        if part.kind != "figure" or not inside.size or inside.size > _LARGEST * covered.size:
            continue
        if inside.mean() < _MOST_TEXT and inside.sum() < covered.sum() / 2:
            found.append((x0, y0, x1, y1))
    return found
