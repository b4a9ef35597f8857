"""One page of a document: its number, how to get its picture, and the text that its file gives. Knows no file
format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image

from adotx.documents.readers import PageReading
from adotx.errors import Sentence

#: has the model read a picture, such as one that stands inside of a page
ReadPicture = Callable[[Image.Image], PageReading]


@dataclass(frozen=True)
class PageImage:
    """A page that is decoded or rendered only when it is opened.

    Attributes:
        number: counted from 1.
        open: gives the page, RGB, as a person sees it; may be called in any thread. Raises AdotxError. None:
            the format has no pictures of pages, and all there is comes from `given`.
        missing: after `open` or `given`: what stands on the page and could not be shown, in words.
        given: gives the page's text as the file itself has it; may be called in any thread. None, or one that
            gives None: there is no such text, or none to be trusted (`notes` say why), and the picture is to
            be read. Raises AdotxError.
        notes: after `given`: what is worth telling of how the text was had, where nothing is missing.
    """

    number: int
    open: Callable[[], Image.Image] | None
    missing: list[Sentence] = field(default_factory=list, compare=False)
    given: Callable[[ReadPicture], PageReading | None] | None = None
    notes: list[Sentence] = field(default_factory=list, compare=False)
