"""A page image in, its layout out: clean page, segments of text lines, regions in reading order.

The one door to `sheet`, `clean`, `rulings`, `lines` and `order`. Knows nothing of models or text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Semaphore

import numpy as np
from PIL import Image

from adotx.documents.layout.bands import Region
from adotx.documents.layout.clean import Box, CleanPage, clean
from adotx.documents.layout.figures import find_figures
from adotx.documents.layout.fractions import fractions_in
from adotx.documents.layout.lines import Segment, find_segments, measure, rough_em
from adotx.documents.layout.order import reading_order
from adotx.documents.layout.rulings import Frame, find_rulings
from adotx.documents.layout.sheet import Way, straight_sheet
from adotx.documents.layout.strikes import Strike, take_strikes
from adotx.documents.layout.text_ink import text_ink
from adotx.documents.layout.ticks import Tick, take_ticks
from adotx.machine import cpus

# While it is laid out an A4 page at 200 dpi takes 60 MB: several at once only where there are processors for
# them.
_AT_ONCE = Semaphore(max(1, cpus() // 2))


@dataclass
class Layout:
    """Where the text of a page stands.

    Attributes:
        page: the cleaned page.
        ink: bool [H, W], its print without rulings and noise.
        segments: pieces of lines; `regions` refer to them by index.
        regions: flows, grids and figures in reading order; every segment is in exactly one.
        frames: what ruling lines make.
        em: pixels per em of most of the text, in the clean page; 0 on a page without text.
        down: its lines seem to run from top to bottom.
        ticks: its boxes to be ticked, where some are ticked.
        strikes: strokes through words; `page` and `ink` are without them.
        fractions: the bars of its fractions, whose parts are lines like others.
    """

    page: CleanPage
    ink: np.ndarray
    segments: list[Segment]
    regions: list[Region]
    frames: list[Frame]
    em: float
    down: bool = False
    ticks: list[Tick] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)
    fractions: list[Box] = field(default_factory=list)

    @property
    def blank(self) -> bool:
        """No print at all."""
        return not self.segments

    def to_input(self, x: float, y: float) -> tuple[float, float]:
        """A point of the clean page -> the point of the input image."""
        return self.page.to_input(x, y)


def lay_out(
    image: Image.Image, deskew: bool = True, way: Way = "across", at: tuple[int, int] = (0, 0)
) -> Layout:
    """Find the text of one page.

    Args:
        image: a page as a person sees it (`adotx.vision.open_image`).
        deskew: set it upright: quarter turns, skew, perspective.
        way: the other way up, or down, where reading it across makes no sense.
        at: where its upper left corner lies in a larger image, whose pixels places are told in then.
    """
    with _AT_ONCE:
        return _laid_out(image, deskew, way, at)


def _laid_out(image: Image.Image, deskew: bool, way: Way, at: tuple[int, int]) -> Layout:
    sheet = straight_sheet(image, deskew, way, at)
    page = clean(sheet)
    em = 0.0 if page.blank else rough_em(page.boxes)
    if em <= 0:
        return Layout(page, page.ink, [], [], [], 0.0, sheet.down)
    ticks = take_ticks(page, em)
    strikes = take_strikes(page, em)
    fractions = fractions_in(page, em)
    rulings = find_rulings(page, em)
    ink = text_ink(page.ink, page.boxes, em)
    figures, none = find_figures(sheet, page, em)
    segments, em = find_segments(ink, page.boxes, em, rulings.frames)
    # What stands in a figure outside of text boxes is of the picture, too.
    segments = [
        s for s in segments if s.text not in none and not (s.text < 0 and any(_in(s, box) for box in figures))
    ]
    segments = measure(segments, em)
    regions = reading_order(segments, rulings.frames, page.panels, em, figures)
    return Layout(page, ink, segments, regions, rulings.frames, em, sheet.down, ticks, strikes, fractions)


def _in(segment: Segment, box: Box) -> bool:
    x, y = (segment.box[0] + segment.box[2]) / 2, segment.middle
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]
