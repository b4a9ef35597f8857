"""A TIFF in, its frames out, one page each. A frame is decoded when its page is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from adotx.documents.sources import image
from adotx.documents.sources.page import PageImage
from adotx.errors import AdotxError
from adotx.vision import Limits, open_image

SUFFIXES = frozenset((".tif", ".tiff"))
_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def matches(head: bytes) -> bool:
    """Whether the file begins as a TIFF or BigTIFF does."""
    return head.startswith(_MAGIC)


def pages(path: Path, limits: Limits, dpi: int, password: str | None = None) -> Iterator[PageImage]:
    """A page for each frame. `dpi` and `password` are not used."""
    count = _frames(path)
    if count == 1:
        yield from image.pages(path, limits, dpi)
        return
    for index in range(count):
        yield PageImage(index + 1, _frame(path, index, limits))


def _frames(path: Path) -> int:
    try:
        with Image.open(path) as file:
            return getattr(file, "n_frames", 1)
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError):
        return 1  # opening it as one picture says what is wrong


def _frame(path: Path, index: int, limits: Limits) -> Callable[[], Image.Image]:
    # Each page opens the file anew: Pillow's file objects cannot be shared by threads.
    def decode() -> Image.Image:
        where = f"{path}, page {index + 1}"
        try:
            with Image.open(path) as file:
                file.seek(index)
                if file.width * file.height > limits.max_pixels:
                    raise AdotxError(
                        "image.too_many_pixels",
                        "{width} x {height} pixels are more than {limit:,}",
                        where,
                        "scale the page down",
                        width=file.width,
                        height=file.height,
                        limit=limits.max_pixels,
                    )
                file.load()
                picture = file.copy()
        except AdotxError:
            raise
        except (OSError, EOFError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise AdotxError(
                "image.corrupt",
                "the page cannot be decoded: {reason}",
                where,
                "export the file again",
                reason=str(error),
            ) from None
        return open_image(picture, limits)

    return decode
