"""The text layer of a page of a PDF in, what it says as a reader would say it out; or why it is not used.

`extract` takes an open page apart (with `glyphs`, the only modules that call PDFium; `vertical` turns what is
written downwards), `trust` holds its text against its pixels, `lines`, `tables` and `page` lay out what is
trusted with the house's own order and assembly.
"""

from adotx.documents.text_layer.extract import Extract, take_apart
from adotx.documents.text_layer.reading import reading_of

__all__ = ["Extract", "reading_of", "take_apart"]
