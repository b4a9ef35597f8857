"""The one document model: what stands on a page, as blocks in reading order, and as Markdown.

In: blocks, or Markdown text. Out: the other of the two: `to_markdown` writes, `parse_markdown` reads back.
The page maker, the assembly of pages and the scorers share these types. Depends on nothing but the standard
library; knows no images, models or fonts.
"""

from adotx.markdown.blocks import (
    Align,
    Block,
    Box,
    Cell,
    Code,
    Fields,
    Figure,
    Formula,
    Heading,
    Item,
    Kind,
    Paragraph,
    Quote,
    Span,
    Table,
    TextBlock,
    with_text,
)
from adotx.markdown.parse import parse_inline, parse_markdown
from adotx.markdown.write import inline_markdown, item_indents, to_markdown

__all__ = [
    "Align",
    "Block",
    "Box",
    "Cell",
    "Code",
    "Fields",
    "Figure",
    "Formula",
    "Heading",
    "Item",
    "Kind",
    "Paragraph",
    "Quote",
    "Span",
    "Table",
    "TextBlock",
    "inline_markdown",
    "item_indents",
    "parse_inline",
    "parse_markdown",
    "to_markdown",
    "with_text",
]
