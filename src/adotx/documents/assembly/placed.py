"""Lines of text where they stand on a page: all that assembly knows of it. Plain data, no pixels.

Lengths are pixels of one upright page; `PlacedPage.to_image` leads from there to the image that the page came
as.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from adotx.markdown import Box

#: what frames a flow: nothing, a box, a bar at its side, a dark or tinted panel
Mark = Literal["", "box", "bar", "panel"]
Homography = tuple[float, float, float, float, float, float, float, float, float]


@dataclass(frozen=True)
class PlacedLine:
    """One line of text.

    Attributes:
        text: what it says; never empty, blanks single.
        box: its ink, or the box that a text source gives.
        core: (top, bottom) where most of its ink is, without the parts that few letters have.
        em: pixels per em.
        weight: stroke width in em; bold is about 1.5 times regular.
        advance: pixels per em by the width of what it says; height and width together tell a heading.
        first: width of its first word.
        fixed: whether its letters are all equally wide; None where that is not known.
        ends_word: whether a word ends with it, where a text source draws the blank between two words at a
            line's end too; None where that is not known.
    """

    text: str
    box: Box
    core: tuple[float, float]
    em: float
    weight: float = 0.1
    advance: float = 1.0
    first: float = 0.0
    fixed: bool | None = None
    ends_word: bool | None = None

    @property
    def x0(self) -> float:
        return self.box[0]

    @property
    def x1(self) -> float:
        return self.box[2]

    @property
    def y(self) -> float:
        """The middle of its core."""
        return (self.core[0] + self.core[1]) / 2


@dataclass(frozen=True)
class PlacedFlow:
    """Lines under each other that end at `right` at the latest; `mark` says what frames them."""

    lines: Sequence[PlacedLine]
    right: float
    mark: Mark = ""


@dataclass(frozen=True)
class PlacedGrid:
    """Rows of cells, each cell a list of lines; `ruled` by lines, else by alignment.

    `spans`: (rows, columns) of merged cells by (row, column) of their top left; what they cover is empty.
    `exact`: its rules are known, so that a column without text is one. `box`: around its rules, where they go
    all around it.
    """

    rows: Sequence[Sequence[Sequence[PlacedLine]]]
    ruled: bool
    spans: Mapping[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    exact: bool = False
    box: Box | None = None


@dataclass(frozen=True)
class PlacedFigure:
    """A picture; what is printed in it stands behind it."""

    box: Box


Region = PlacedFlow | PlacedGrid | PlacedFigure


@dataclass(frozen=True)
class PlacedPage:
    """Regions in reading order.

    Attributes:
        regions: flows, grids and figures.
        em: pixels per em of most of the text.
        to_image: (a, ..., i): with w = g x + h y + i, ((a x + b y + c) / w, (d x + e y + f) / w) are the
            pixels of the input image.
    """

    regions: Sequence[Region]
    em: float
    to_image: Homography = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    def flows(self) -> Iterator[PlacedFlow]:
        """The regions that are flows."""
        return (region for region in self.regions if isinstance(region, PlacedFlow))

    def grids(self) -> Iterator[PlacedGrid]:
        """The regions that are grids."""
        return (region for region in self.regions if isinstance(region, PlacedGrid))


def box_of(lines: Sequence[PlacedLine]) -> Box | None:
    """The box around lines; None for none."""
    if not lines:
        return None
    x0, y0, x1, y1 = zip(*(line.box for line in lines), strict=True)
    return min(x0), min(y0), max(x1), max(y1)
