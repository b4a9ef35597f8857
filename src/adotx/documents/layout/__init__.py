"""Where text stands on a page image: clean page, rulings, lines, reading order, packed rows.

In: an image. Out: `lay_out` gives the regions of lines of a page, `pack` the tiles of rows that nano reads.
Knows no text.
"""

from adotx.documents.layout.bands import Figure, Flow, Grid, Region, TextLine
from adotx.documents.layout.bars import bars_in
from adotx.documents.layout.clean import Box
from adotx.documents.layout.lines import Segment
from adotx.documents.layout.pack import (
    ROW,
    ROWS,
    TILE,
    Packed,
    Piece,
    Word,
    line_em,
    lines_of,
    pack,
    packed_again,
    words_of,
)
from adotx.documents.layout.page import Layout, lay_out
from adotx.documents.layout.rings import Ring, insides, rings_in
from adotx.documents.layout.row_parts import parts_of
from adotx.documents.layout.sheets import Part, sheets_in
from adotx.documents.layout.strikes import Strike
from adotx.documents.layout.ticks import Tick

__all__ = [
    "ROW",
    "ROWS",
    "TILE",
    "Box",
    "Figure",
    "Flow",
    "Grid",
    "Layout",
    "Packed",
    "Part",
    "Piece",
    "Region",
    "Ring",
    "Segment",
    "Strike",
    "TextLine",
    "Tick",
    "Word",
    "bars_in",
    "insides",
    "lay_out",
    "line_em",
    "lines_of",
    "pack",
    "packed_again",
    "parts_of",
    "rings_in",
    "sheets_in",
    "words_of",
]
