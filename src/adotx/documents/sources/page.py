"""One page of a document: its number, and how to get its picture. Knows no file format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image

from adotx.errors import Sentence


@dataclass(frozen=True)
class PageImage:
    """A page that is decoded or rendered only when it is opened.

    Attributes:
        number: counted from 1.
        open: gives the page, RGB, as a person sees it; may be called in any thread. Raises AdotxError.
        missing: after `open`: what stands on the page and could not be shown, in words.
    """

    number: int
    open: Callable[[], Image.Image]
    missing: list[Sentence] = field(default_factory=list, compare=False)
