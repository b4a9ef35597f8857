"""Readers: a page image in, blocks of text out, with what is missing. One module for each way of reading.

`rows` packs the lines of a page into tiles (nano); `page` shows whole pages or large pieces of them to any
vision-language model. A reader knows one model and no files; `adotx.documents.transcribe` picks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from adotx.documents.side_by_side import IsCancelled

if TYPE_CHECKING:
    from PIL import Image

    from adotx.markdown import Block

Status = Literal["ok", "blank", "partial", "failed"]


@dataclass(frozen=True)
class PageReading:
    """What a reader says about one page.

    Attributes:
        blocks: the page's text in reading order, doubtful figures written as `adotx.documents.doubt` has it.
        status: "ok"; "blank": there is nothing to read on it; "partial": some of it could not be read;
            "failed": nothing of it could be read.
        reason: what is missing or why it failed; for "ok" what is doubtful, "" where nothing is; a
            `Sentence`.
        rows: packed text rows that were read; 0 for readers of whole pages.
        confidence: the share of its characters that are expected to be right; None where nothing says.
    """

    blocks: Sequence[Block]
    status: Status = "ok"
    reason: str = ""
    rows: int = 0
    confidence: float | None = None


class PageReader(Protocol):
    """Reads pages with one model; many threads may call it at once."""

    def read(self, image: Image.Image, is_cancelled: IsCancelled) -> PageReading:
        """Read one page.

        Args:
            image: RGB, as a person sees the page.
            is_cancelled: asked between steps; once it says so the reader raises `Cancelled`.

        Raises:
            AdotxError: the model cannot be asked at all.
        """
        ...
