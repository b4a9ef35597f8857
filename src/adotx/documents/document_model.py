"""Stand-in until `adotx.markdown` and `assembly.assemble` of the document model are merged; then it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adotx.data.markdown import parse_markdown, to_markdown
from adotx.documents.assembly.assemble import assemble
from adotx.documents.layout import Layout, TextLine


class _Written(str):
    """Blocks that the assembler has written already."""


def placed_blocks(layout: Layout, texts: Mapping[TextLine, str]) -> Sequence[Any]:
    text = assemble(layout, texts)
    return (_Written(text),) if text.strip() else ()


def markdown_of(blocks: Sequence[Any]) -> str:
    if blocks and isinstance(blocks[0], _Written):
        return str(blocks[0])
    return to_markdown(blocks)


def blocks_of(text: str) -> Sequence[Any]:
    return parse_markdown(text)
