"""From lines of text with their places to the blocks of a page: headings, paragraphs, lists, tables, code.

In: a `PlacedPage`, which `place` makes of a layout and its lines' texts, and any source of text with geometry
may make without pixels. Out: `adotx.markdown` blocks in reading order with their boxes. Knows no models and
no engine.
"""

from adotx.documents.assembly.assemble import assemble
from adotx.documents.assembly.place import place
from adotx.documents.assembly.placed import PlacedFlow, PlacedGrid, PlacedLine, PlacedPage

__all__ = ["PlacedFlow", "PlacedGrid", "PlacedLine", "PlacedPage", "assemble", "place"]
