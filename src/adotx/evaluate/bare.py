"""What Markdown says without its marks, so that a reader that writes none can be compared.

In: Markdown. Out: the text of all blocks in their order. Knows no scores.
"""

from __future__ import annotations

from adotx.markdown import Code, Fields, Formula, Item, Table, TextBlock, parse_markdown


def bare(markdown: str) -> str:
    """The text of paragraphs, items, cells, ... line by line; numbers of items stay, bullets do not."""
    out: list[str] = []
    for block in parse_markdown(markdown):
        match block:
            case Item():
                out += [block.text] if block.marker == "-" else [block.marker, block.text]
            case TextBlock():
                out.append(block.text)
            case Fields():
                out += [f"{key}{block.marker} {value}" for key, value in block.rows]
            case Table():
                out += [text for row in block.texts for text in row if text]
            case Code():
                out += block.lines
            case Formula():
                out.append(block.latex)
    return "\n".join(out)
