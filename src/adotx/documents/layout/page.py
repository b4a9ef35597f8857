"""A page image in, its layout out: clean page, segments of text lines, regions in reading order.

The one door to `clean`, `rulings`, `lines` and `order`. Knows nothing of models or text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from adotx.documents.layout.bands import Region
from adotx.documents.layout.clean import CleanPage, clean
from adotx.documents.layout.lines import Segment, drop_noise, find_segments, measure, rough_em
from adotx.documents.layout.order import reading_order
from adotx.documents.layout.rulings import Frame, find_rulings


@dataclass
class Layout:
    """Where the text of a page stands.

    Attributes:
        page: the cleaned page.
        ink: bool [H, W], its print without rulings and noise.
        segments: pieces of lines; `regions` refer to them by index.
        regions: flows and grids in reading order; every segment is in exactly one.
        frames: what ruling lines make.
        em: pixels per em of most of the text, in the clean page; 0 on a page without text.
    """

    page: CleanPage
    ink: np.ndarray
    segments: list[Segment]
    regions: list[Region]
    frames: list[Frame]
    em: float

    @property
    def blank(self) -> bool:
        """No print at all."""
        return not self.segments

    def to_input(self, x: float, y: float) -> tuple[float, float]:
        """A point of the clean page -> the point of the input image."""
        a, b = self.page.matrix @ (x, y, 1.0)
        return float(a), float(b)


def lay_out(image: Image.Image, deskew: bool = True) -> Layout:
    """Find the text of one page.

    Args:
        image: a page as a person sees it (`adotx.vision.open_image`).
        deskew: straighten a skew of up to three degrees.
    """
    page = clean(image, deskew)
    em = 0.0 if page.blank else rough_em(page.ink)
    if em <= 0:
        return Layout(page, page.ink, [], [], [], 0.0)
    rulings = find_rulings(page, em)
    ink = drop_noise(page.ink, em)
    segments, em = find_segments(ink, em, rulings.frames)
    segments = [s for s in segments if not _page_edge(s, page, ink, image.size, em)]
    segments = measure(segments, em)
    regions = reading_order(segments, rulings.frames, page.panels, em)
    return Layout(page, ink, segments, regions, rulings.frames, em)


def _page_edge(segment: Segment, page: CleanPage, ink: np.ndarray, size: tuple[int, int], em: float) -> bool:
    """Whether a segment is the dark rim beside a sheet: solid, and at the very edge of the picture."""
    x0, y0, x1, y1 = segment.box
    scale = float(np.hypot(*page.matrix[:, 0]))
    x, y = page.matrix @ ((x0 + x1) / 2, (y0 + y1) / 2, 1.0)
    away = min(x, y, size[0] - x, size[1] - y) / scale
    return away < 0.8 * em and float(ink[y0:y1, x0:x1].mean()) > 0.42
