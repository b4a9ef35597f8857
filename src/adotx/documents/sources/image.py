"""A picture file in, its one page out. Takes whatever no other source claims, so that it says what is
wrong."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.documents.sources.page import PageImage
from adotx.errors import AdotxError
from adotx.vision import Limits, open_image

if TYPE_CHECKING:
    from PIL import Image

_ALWAYS = (
    ".png .apng .jpg .jpeg .jpe .jfif .jp2 .j2k .jpf .jpx .avif .webp .bmp .dib .gif .ppm .pgm .pbm .pnm"
)
# Those whose decoders do not come with Pillow: module -> endings.
_WITH = {"pi_heif": ".heic .heif .hif", "pillow_jxl": ".jxl"}
#: of the formats that `adotx.vision.open_image` opens here
SUFFIXES = frozenset(_ALWAYS.split()).union(
    *(suffixes.split() for module, suffixes in _WITH.items() if find_spec(module) is not None)
)


def matches(head: bytes) -> bool:
    """Any file: `open_image` tells pictures from what is none."""
    return True


def pages(path: Path, limits: Limits, dpi: int, password: str | None = None) -> Iterator[PageImage]:
    """One page; opening it raises what `adotx.vision.open_image` raises. `dpi` and
    `password` are not used."""
    yield PageImage(1, lambda: _opened(path, limits))


def _opened(path: Path, limits: Limits) -> Image.Image:
    try:
        return open_image(path, limits)
    except AdotxError as error:
        if error.code != "image.not_an_image" or error.values:
            raise
        what, remedy = "its content is of no known kind", "give an image, a PDF, a HWPX or an office document"
        raise AdotxError("input.unknown", what, str(path), remedy) from None
