"""The parts of a row: pieces of ink that hang together.

In: a page's ink and the box of a row. Out: the parts' boxes in it. Knows no letters.
"""

from __future__ import annotations

import cv2
import numpy as np

from adotx.documents.layout.clean import Box, CleanPage

# Boxes smaller than that many pixels hold no row.
_LEAST = 6


def parts_of(page: CleanPage, box: Box) -> list[list[int]]:
    """[x, y, width, height, area] of each part, from left to right, from the box's upper left corner on."""
    x0, y0, x1, y1 = box
    if y1 - y0 < _LEAST or x1 - x0 < _LEAST:
        return []
    ink = page.ink[y0:y1, x0:x1].astype(np.uint8)
    return sorted(cv2.connectedComponentsWithStats(ink, connectivity=8)[2][1:].tolist())
