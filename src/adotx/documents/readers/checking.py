"""Figures of a whole page's text held against what the second reader sees in the page's rows.

In: Markdown of a model that was shown the page, and the page's layout. Out: the Markdown with figures doubted
that are nowhere on the page as the second reader has it. Nothing is replaced: where on the page such a model
has read a figure is not known. Knows no first reader.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from adotx.documents.doubt import doubted, is_item_number
from adotx.documents.layout import Layout, pack
from adotx.documents.readers.glyphs import Glyph
from adotx.documents.readers.second import second_reader, strip_of

# A figure that is worth looking for: one digit is found anywhere.
_FIGURE = re.compile(r"[0-9](?:[0-9.,:/-]*[0-9])")
# What holds no figures of the page: tags, formulas, links' targets.
_APART = re.compile(r"(<[^>\n]*>|\$[^$\n]*\$|\]\([^)\n]*\))")
_SEPARATORS = re.compile(r"[.,:/\s-]")


def has_figures(markdown: str) -> bool:
    """Whether there is anything to check."""
    return _FIGURE.search(markdown) is not None


def seen_by_second(layout: Layout) -> list[list[Glyph]]:
    """What the second reader sees in a page's rows; nothing where there is no second reader."""
    reader = second_reader()
    if reader is None or layout.blank:
        return []
    packed = pack(layout)
    return reader.read([strip_of(packed.tiles[piece.tile], piece.row) for piece in packed.pieces])


def with_doubts(markdown: str, rows: Sequence[Sequence[Glyph]]) -> str:
    """The text with every figure doubted that no row holds, its separators aside."""
    seen = [_SEPARATORS.sub("", "".join(glyph.char for glyph in row)) for row in rows]

    def checked(line: str) -> str:
        def one(found: re.Match[str]) -> str:
            if is_item_number(line, *found.span()):
                return found[0]
            digits = _SEPARATORS.sub("", found[0])
            return found[0] if any(digits in row for row in seen) else doubted(found[0])

        return _FIGURE.sub(one, line)

    parts = _APART.split(markdown)
    # Every second part is one of those that are left alone.
    parts[::2] = ["\n".join(map(checked, part.split("\n"))) for part in parts[::2]]
    return "".join(parts)
