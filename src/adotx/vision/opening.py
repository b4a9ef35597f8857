"""Anything that may be a picture in, one RGB picture as a person sees it out; all else is an AdotxError.

Sizes are judged from the header before a pixel is decoded. Turned, transparent, 16-bit and CMYK pictures
become plain RGB: upright, on white, all tones. ``published=True`` does only what the published one does.
Knows nothing of tiles, text or HTTP; never writes.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import IO, Any

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from adotx.errors import AdotxError

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image

# Raster formats with a magic number and a decoder inside Pillow; EPS would start another program.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "DIB", "TIFF", "PPM", "JPEG2000", "AVIF", "HEIF", "JXL")

_PILLOW_LIMIT = threading.Lock()


@dataclass(frozen=True)
class Limits:
    """What is too much, judged before decoding.

    Attributes:
        max_bytes: size of the file.
        max_pixels: width x height of a frame (an A3 page at 600 dpi has 70 million).
        max_frames: pictures in one file; phone photos with an embedded preview count as one.
        first_frame: take the first picture of a longer file instead of refusing it.
        formats: Pillow format names that are tried.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_pixels: int = 80_000_000
    max_frames: int = 1
    first_frame: bool = False
    formats: tuple[str, ...] = FORMATS


DEFAULT_LIMITS = Limits()


def open_image(source: Source, limits: Limits = DEFAULT_LIMITS, published: bool = False) -> Image.Image:
    """Open one picture.

    Args:
        source: a path, the bytes of a file, a binary file, or a PIL image.
        limits: what to refuse.
        published: True gives the published processor's picture (mode converted, alpha dropped, EXIF ignored).

    Returns:
        A new RGB image without metadata; the source stays as it was.

    Raises:
        AdotxError: ``image.missing``, ``image.directory``, ``image.unreadable``, ``image.empty``,
            ``image.too_many_bytes``, ``image.not_an_image``, ``image.too_many_pixels``, ``image.animated``,
            ``image.truncated``, ``image.corrupt``, ``image.mode``.
    """
    if isinstance(source, Image.Image):
        where = getattr(source, "filename", "") or "image"
        return _finish(source, os.fspath(where), limits, published)
    data, where = _read(source, limits)
    with _pillow_allows(limits.max_pixels), warnings.catch_warnings():
        # A warning about size would be a second message: the limit below speaks for itself.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = _identify(data, where, limits)
        with image:
            return _finish(image, where, limits, published)


def _read(source: Source, limits: Limits) -> tuple[bytes, str]:
    """The bytes and a name for messages; never more than ``max_bytes`` (+ 1) are read."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        data, where = bytes(source), "image"
    elif isinstance(source, (str, os.PathLike)):
        where = os.fspath(source)
        try:
            with open(where, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                # A device or pipe has size 0 here: the bounded read judges it.
                data = b"" if size > limits.max_bytes else file.read(limits.max_bytes + 1)
                _check_bytes(max(size, len(data)), where, limits)
        except FileNotFoundError:
            raise AdotxError("image.missing", "no such file", where, "check the path") from None
        except IsADirectoryError:
            raise AdotxError(
                "image.directory", "is a directory", where, "name the image files in it"
            ) from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise AdotxError(
                "image.unreadable", "cannot be read: {reason}", where, "check its permissions", reason=reason
            ) from None
        except AdotxError:
            raise
        except ValueError as error:  # a NUL in the path
            what = "no file can have this name: {reason}"
            raise AdotxError(
                "image.missing", what, repr(where), "check the path", reason=str(error)
            ) from None
    elif hasattr(source, "read"):
        data, where = source.read(limits.max_bytes + 1), str(getattr(source, "name", "image"))
        if not isinstance(data, bytes):
            raise AdotxError("image.source", "is opened as text", where, "open it in binary mode")
    else:
        raise AdotxError(
            "image.source",
            "a {type} is no image source",
            remedy="give a path, bytes, a binary file or a PIL image",
            type=type(source).__name__,
        )
    _check_bytes(len(data), where, limits)
    if not data:
        raise AdotxError("image.empty", "the file is empty", where, "copy or download it again")
    return data, where


def _check_bytes(size: int, where: str, limits: Limits) -> None:
    if size > limits.max_bytes:
        raise AdotxError(
            "image.too_many_bytes",
            "{size:,} bytes or more are over the limit of {limit:,}",
            where,
            "save it smaller",
            size=size,
            limit=limits.max_bytes,
        )


@contextlib.contextmanager
def _pillow_allows(max_pixels: int) -> Iterator[None]:
    """Lift Pillow's own pixel limit while ours is higher; by default ours is lower and nothing is touched."""
    theirs = Image.MAX_IMAGE_PIXELS
    if theirs is None or max_pixels <= theirs:
        yield
        return
    with _PILLOW_LIMIT:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, max_pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


_MAGIC = (
    (b"\x89PNG", "PNG"), (b"\xff\xd8\xff", "JPEG"), (b"GIF8", "GIF"), (b"BM", "BMP"),
    (b"II*\x00", "TIFF"), (b"MM\x00*", "TIFF"), (b"\xff\x0a", "JPEG XL"), (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"ftypheic", "HEIC"), (b"ftypheix", "HEIC"), (b"ftypmif1", "HEIC"), (b"ftypmsf1", "HEIC"),
)  # fmt: skip


@cache
def _known(formats: tuple[str, ...]) -> tuple[str, ...]:
    """The formats this Pillow has; asking ``Image.open`` for one whose plugin is not loaded is a KeyError."""
    Image.preinit()
    for plugin in ("WebP", "Tiff", "Jpeg2K", "Avif"):
        with contextlib.suppress(ImportError):  # AVIF came with Pillow 11.3
            import_module(f"PIL.{plugin}ImagePlugin")
    with contextlib.suppress(ImportError):
        import_module("pi_heif").register_heif_opener(thumbnails=False)
    with contextlib.suppress(ImportError):
        import_module("pillow_jxl")
    return tuple(name for name in formats if name in Image.OPEN)


def _identify(data: bytes, where: str, limits: Limits) -> Image.Image:
    """Parse the header, no pixels."""
    try:
        return Image.open(io.BytesIO(data), formats=_known(limits.formats))
    except Image.DecompressionBombError as error:
        raise AdotxError(
            "image.too_many_pixels",
            "{pixels} pixels are over the limit of {limit:,}",
            where,
            "scale it down",
            pixels=_bomb_size(error),
            limit=limits.max_pixels,
        ) from None
    except UnidentifiedImageError:
        pass
    except Exception as error:  # decoders raise anything on a damaged header
        raise _damaged(error, where) from None
    if data[:5] == b"%PDF-":
        remedy = "use transcribe, which reads PDFs"
        raise AdotxError("image.not_an_image", "is a {format}", where, remedy, format="PDF")
    for format, package in _missing_decoder(data):
        raise AdotxError(
            "image.no_decoder",
            "to open {format} a package is missing",
            where,
            "pip install {package}, or save it as JPEG or PNG",
            format=format,
            package=package,
        )
    for magic, name in _MAGIC:
        if data.startswith(magic) or (magic[:4] == b"ftyp" and data[4:12] == magic):
            raise AdotxError(
                "image.truncated" if len(data) < 64 else "image.corrupt",
                "a {format} file whose header is cut short or damaged",
                where,
                "copy or download it again",
                format=name,
            )
    raise AdotxError(
        "image.not_an_image", "is not an image", where, "give a PNG, JPEG, WebP, TIFF or BMP file"
    )


def _missing_decoder(data: bytes) -> Iterator[tuple[str, str]]:
    """(format, package that opens it) of a picture whose decoder is not there: Pillow has none."""
    heic = data[4:8] == b"ftyp" and data[8:12] in (
        b"heic",
        b"heix",
        b"heim",
        b"heis",
        b"mif1",
        b"msf1",
        b"hevc",
    )
    if heic and "HEIF" not in Image.OPEN:
        yield "HEIC", "'adotx[pictures]'"
    if data.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")) and "JXL" not in Image.OPEN:
        yield "JPEG XL", "pillow-jxl-plugin"


def _bomb_size(error: Exception) -> str:
    """Pillow's message holds the only copy of the size it refused."""
    digits = [word.strip("()") for word in str(error).split() if word.strip("()").isdigit()]
    return f"{int(digits[0]):,}" if digits else "its"


def _damaged(error: Exception, where: str) -> AdotxError:
    short = isinstance(error, EOFError) or "truncated" in str(error).lower()
    remedy = "copy or download it again"
    if short:
        return AdotxError("image.truncated", "the file ends before the picture does", where, remedy)
    return AdotxError("image.corrupt", "damaged: {reason}", where, remedy, reason=str(error))


def _finish(image: Image.Image, where: str, limits: Limits, published: bool) -> Image.Image:
    width, height = image.size
    if width < 1 or height < 1:
        what = "{width} x {height} px has no pixels"
        raise AdotxError("image.corrupt", what, where, "save it again", width=width, height=height)
    if width * height > limits.max_pixels:
        raise AdotxError(
            "image.too_many_pixels",
            "{width:,} x {height:,} px are over the limit of {limit:,} pixels",
            where,
            "scale it down",
            width=width,
            height=height,
            limit=limits.max_pixels,
        )
    try:
        _check_frames(image, where, limits)
        image.load()
        result = _published(image) if published else flatten(image)
    except (AdotxError, MemoryError):
        raise
    except Exception as error:  # decoders raise anything on damaged data
        raise _damaged(error, where) from None
    result = result.copy() if result is image else result
    # Orientation is applied; places, thumbnails and names in the metadata are nobody's business further on.
    dpi = _unequal_dpi(image)
    result.info = {"dpi": dpi} if dpi else {}
    return result


def _unequal_dpi(image: Image.Image) -> tuple[float, float] | None:
    """The resolution across and down where they differ (fax): its pixels are not square."""
    try:
        x, y = (float(value) for value in image.info.get("dpi", ()))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (
        (x, y)
        if x != y and x > 0 and y > 0 and image.getexif().get(ExifTags.Base.Orientation, 1) < 5
        else None
    )


def _check_frames(image: Image.Image, where: str, limits: Limits) -> None:
    # MPO is what phones write: one photo with a preview or a depth map beside it.
    if image.format == "MPO" or limits.first_frame or not getattr(image, "is_animated", False):
        return
    if image.tell() > 0:  # a PIL image that its owner moved to a frame: that frame is meant
        return
    # Counting walks the whole file, so it is done only where more than one is allowed.
    frames = image.n_frames if limits.max_frames > 1 else 2  # type: ignore[attr-defined]
    if frames > limits.max_frames:
        remedy = "save one frame as PNG or JPEG"
        if limits.max_frames > 1:
            what, most = "has {frames:,} frames, allowed are {limit:,}", limits.max_frames
            raise AdotxError("image.animated", what, where, remedy, frames=frames, limit=most)
        what = "has several pages" if image.format == "TIFF" else "is animated"
        raise AdotxError("image.animated", what, where, remedy)
    # Counting moved to the last frame.
    image.seek(0)


def _published(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    try:
        return image.convert("RGB")
    except ValueError:
        raise AdotxError(
            "image.mode",
            "mode {mode} is unknown to the published processor",
            remedy="do without published",
            mode=image.mode,
        ) from None


def flatten(image: Image.Image) -> Image.Image:
    """A decoded picture of any mode as a person sees it: upright, on white paper, RGB.

    Args:
        image: any PIL image; an upright opaque RGB one comes back as it is.

    Returns:
        An image of mode RGB.
    """
    tags = getattr(image, "tag_v2", {})
    with contextlib.suppress(Exception):  # damaged EXIF is no reason to lose the picture
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        return _deep(image, tags).convert("RGB")
    if image.mode in ("CMYK", "LAB"):
        return _managed(image)
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    key = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(key, tuple) and max(key) > 255:
        # A 16-bit RGB PNG is decoded to its high bytes, but its transparent colour keeps 16 bits.
        image = image.copy()
        image.info["transparency"] = tuple(value >> 8 for value in key)
    rgba = image.convert("LA") if image.mode == "La" else image
    rgba = rgba.convert("RGBA")
    paper = Image.new("RGB", rgba.size, (255, 255, 255))
    paper.paste(rgba, mask=rgba.getchannel("A"))
    return paper


def _deep(image: Image.Image, tags: Mapping[int, Any]) -> Image.Image:
    """16-bit, 32-bit and float grey as 8-bit grey over the full tone range; a transparent one is white."""
    values = np.asarray(image)
    key = image.info.get("transparency")
    hole = values == key if isinstance(key, (int, float)) else None
    if image.mode.startswith("I;16"):
        bits = min(int(tags.get(258, (16,))[0]), 16)  # TIFF knows 12-bit grey
        table = np.clip(np.rint(np.arange(65536) * (255 / ((1 << bits) - 1))), 0, 255).astype(np.uint8)
        if tags.get(262) == 0:  # TIFF "white is zero", which Pillow leaves as it is at 16 bits
            table = 255 - table
        grey = table[values]
    else:
        values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
        if low < 0 or high > 65535:
            values, top = values - low, high - low
        elif image.mode == "F" and high <= 1:
            top = 1.0
        else:
            top = 255.0 if high <= 255 else 65535.0
        grey = np.rint(values * (255 / top)).astype(np.uint8)
    if hole is not None:
        grey[hole] = 255
    return Image.fromarray(grey)


def _managed(image: Image.Image) -> Image.Image:
    """CMYK and LAB through their colour profile where there is one; plain CMYK by Pillow's formula."""
    from PIL import ImageCms

    srgb = ImageCms.createProfile("sRGB")
    profile = image.info.get("icc_profile")
    # A damaged or foreign profile falls through to the formula: colour a little off beats no picture.
    with contextlib.suppress(Exception):
        if profile or image.mode == "LAB":
            source = (
                ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
            )
            converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
            if converted is not None:
                return converted
    return image.convert("RGB")
