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
#: how the text of a page was had: read from its pixels, taken from the text layer of a PDF, from one that an
#: OCR program put there, or from a file of that format
TextSource = Literal["pixels", "layer", "ocr-layer", "hwpx", "hwp", "docx", "pptx", "xlsx", "html"]


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of text, or a piece of one, as it stands on its page.

    Attributes:
        text: what it says, never empty; doubtful figures as in blocks.
        quad: its four corners (x, y), in pixels of the page's picture as `PageImage.open` gives it: upper
            left of the text, then clockwise.
        confidence: how sure its reader is, 0..1; None where nothing says.
        words: the same of each of its words, from the first to the last; empty where that is not known.
    """

    text: str
    quad: tuple[tuple[float, float], ...]
    confidence: float | None = None
    words: tuple[TextLine, ...] = ()


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
        text_source: how its text was had.
        lines: what stands where, in reading order; empty where that is not known.
        size: (width, height) of the picture in whose pixels boxes and lines are; None: that of the picture
            that was read, or the format has none.
    """

    blocks: Sequence[Block]
    status: Status = "ok"
    reason: str = ""
    rows: int = 0
    confidence: float | None = None
    text_source: TextSource = "pixels"
    lines: Sequence[TextLine] = ()
    size: tuple[int, int] | None = None


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
