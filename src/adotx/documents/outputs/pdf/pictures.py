"""Pictures of pages as PDF images, as they are wherever PDF can hold them so.

In: a picture file, or a frame of one, or a picture. Out: an image object, and how it lies on an upright page.
Black and white is coded anew, which loses nothing and saves a third. JPEG and JPEG 2000 data and PNG's go
over as they are, without what cameras write beside them; all else is packed without loss, or, where that is
larger than the file was, as JPEG of about its size. Knows no text.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from adotx.documents.outputs.pdf.jbig2 import jbig2
from adotx.documents.outputs.pdf.objects import Name, PdfFile, Ref

# The whole PDF is to be at most so many times as large as the picture was in its file; what the picture may
# take of that, and the bytes that font, text and tables take of small ones.
_WHOLE, _LARGER, _LAYER = 1.3, 1.15, 2300
_QUALITIES = (92, 85, 75)
# Bytes of a picture in fax code from which on a third less is not worth the time: half a second and more.
_LARGE_FAX = 1 << 16
# How a picture is turned (EXIF) -> where its right and its up lead on the upright page, and its lower left.
_TURNS = {
    1: (1, 0, 0, 1, 0, 0), 2: (-1, 0, 0, 1, 1, 0), 3: (-1, 0, 0, -1, 1, 1), 4: (1, 0, 0, -1, 0, 1),
    5: (0, -1, -1, 0, 1, 1), 6: (0, -1, 1, 0, 0, 1), 7: (0, 1, 1, 0, 0, 0), 8: (0, 1, -1, 0, 1, 0),
}  # fmt: skip


@dataclass(frozen=True)
class Placed:
    """An image object and the EXIF number of how it is turned."""

    ref: Ref
    turned: int = 1

    def drawn(self, name: str, width: float, height: float) -> bytes:
        """The operators that draw it over a page of this size in points."""
        a, b, c, d, e, f = _TURNS[self.turned]
        values = (a * width, b * height, c * width, d * height, e * width, f * height)
        return f"q {' '.join(f'{value:.3f}' for value in values)} cm /{name} Do Q\n".encode("ascii")


def put_file(pdf: PdfFile, image: Image.Image, data: bytes | None, upright: Image.Image, size: int) -> Placed:
    """A picture as its file has it.

    Args:
        image: opened by Pillow, at its frame.
        data: its file, where it has one frame.
        upright: the same as a person sees it, RGB.
        size: bytes that it takes in its file.
    """
    turned = _orientation(image)
    plain = _black_and_white(image)
    ref = (_bilevel(pdf, plain, size) if plain else None) or _as_it_is(pdf, image, data)
    return Placed(ref, turned) if ref else put_picture(pdf, upright, size)


def put_picture(pdf: PdfFile, picture: Image.Image, size: int | None = None) -> Placed:
    """An upright RGB picture.

    Args:
        size: bytes that it may take, roughly; None: whatever it needs without loss, or a JPEG of good quality
            where that is smaller.
    """
    colours = picture.getcolors(256)
    plain = _few_colours(picture, len(colours)) if colours else picture
    if plain.mode == "1" and (ref := _bilevel(pdf, plain, size)):
        return Placed(ref)
    packed = _saved(plain, "PNG")
    most = None if size is None else round(min(_LARGER * size, max(_WHOLE * size - _LAYER, size / 2)))
    if len(packed) > most if most is not None else colours is None:
        lossy = plain if plain.mode == "L" else picture
        encoded = b""
        for quality in _QUALITIES:
            encoded = _saved(lossy, "JPEG", quality=quality, optimize=True)
            if most is None or len(encoded) <= most:
                break
        else:  # JPEG 2000 can be told how large it may be
            assert most is not None, "the first quality does where nothing bounds it"
            rate = len(lossy.getbands()) * lossy.width * lossy.height / most
            wavelets = _saved(
                lossy, "JPEG2000", quality_mode="rates", quality_layers=[rate], irreversible=True
            )
            if wavelets:
                return Placed(pdf.add_stream(wavelets, {**_head(lossy), "Filter": Name("JPXDecode")}))
        if len(encoded) < len(packed):
            return Placed(_jpeg(pdf, encoded, lossy))
    ref = _png(pdf, packed)
    assert ref, "Pillow writes PNG without interlace"
    return Placed(ref)


def _saved(picture: Image.Image, format: str, **options: Any) -> bytes:
    """A picture as a file; b"" where this Pillow cannot write it."""
    file = io.BytesIO()
    try:
        picture.save(file, format, **options)
    except (OSError, KeyError):
        return b""
    return file.getvalue()


def _few_colours(picture: Image.Image, count: int) -> Image.Image:
    """A picture of at most 256 colours with a palette, or in black and white, exactly the same."""
    grey = picture.convert("L")
    if grey.convert("RGB").tobytes() == picture.tobytes():
        if {value for _, value in grey.getcolors(256) or ()} <= {0, 255}:
            return grey.convert("1", dither=Image.Dither.NONE)
        return grey
    with_palette = picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=count)
    return with_palette if with_palette.convert("RGB").tobytes() == picture.tobytes() else picture


def _black_and_white(image: Image.Image) -> Image.Image | None:
    """The same picture with a bit a pixel, where it has only black and white."""
    if image.mode not in ("1", "L", "P", "RGB") or "transparency" in image.info:
        return None
    if image.mode == "1":
        return image
    picture = image.convert("RGB")
    colours = picture.getcolors(2)
    plain = _few_colours(picture, len(colours)) if colours else picture
    return plain if plain.mode == "1" else None


def _as_it_is(pdf: PdfFile, image: Image.Image, data: bytes | None) -> Ref | None:
    """The file's own data as an image, where PDF can hold them."""
    if data is None:
        return None
    if image.format in ("JPEG", "MPO") and image.mode in ("L", "RGB", "CMYK"):
        return _jpeg(pdf, data, image)
    if image.format == "JPEG2000" and image.mode in ("L", "RGB") and data[4:8] == b"jP  ":
        return pdf.add_stream(data, {**_head(image), "Filter": Name("JPXDecode")})
    if image.format == "PNG" and "transparency" not in image.info:
        return _png(pdf, data)
    return None


def _head(image: Image.Image, bits: int = 8) -> dict[str, Any]:
    spaces = {"L": "DeviceGray", "1": "DeviceGray", "CMYK": "DeviceCMYK"}
    return {
        "Subtype": Name("Image"), "Width": image.width, "Height": image.height,
        "BitsPerComponent": bits, "ColorSpace": Name(spaces.get(image.mode, "DeviceRGB")),
    }  # fmt: skip


def _jpeg(pdf: PdfFile, data: bytes, image: Image.Image) -> Ref:
    values = {**_head(image), "Filter": Name("DCTDecode")}
    if image.mode == "CMYK" and "adobe" in image.info:  # whose programs write them inverted
        values["Decode"] = [1, 0] * 4
    return pdf.add_stream(_bare_jpeg(data), values)


def _bare_jpeg(data: bytes) -> bytes:
    """JPEG data without comments and without what applications add, such as places and previews; Adobe's
    colour mark stays."""
    out, at = [data[:2]], 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a filler
            at += 1
            continue
        if marker == 0xDA or marker in range(0xD0, 0xDA):
            break
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if not (marker == 0xFE or (0xE1 <= marker <= 0xEF and marker != 0xEE)):
            out.append(data[at:end])
        at = end
    return b"".join((*out, data[at:]))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        at += 12 + length


def _png(pdf: PdfFile, data: bytes) -> Ref | None:
    """A PNG's own packed rows: PDF knows their filters. None for what PDF has not: alpha, interlace, 16
    bits."""
    parts: dict[bytes, list[bytes]] = {}
    for name, part in _chunks(data):
        parts.setdefault(name, []).append(part)
    width, height, bits, kind, _, _, interlace = struct.unpack(">IIBBBBB", parts[b"IHDR"][0])
    channels = {0: 1, 2: 3, 3: 1}.get(kind)
    if channels is None or interlace or bits > 8 or b"tRNS" in parts or b"acTL" in parts:
        return None
    space: Any = Name("DeviceRGB" if channels == 3 else "DeviceGray")
    if kind == 3:
        palette = parts[b"PLTE"][0]
        space = [Name("Indexed"), Name("DeviceRGB"), len(palette) // 3 - 1, palette]
    values = {
        "Subtype": Name("Image"), "Width": width, "Height": height,
        "BitsPerComponent": bits, "ColorSpace": space, "Filter": Name("FlateDecode"),
        "DecodeParms": {"Predictor": 15, "Colors": channels, "BitsPerComponent": bits, "Columns": width},
    }  # fmt: skip
    return pdf.add_stream(b"".join(parts[b"IDAT"]), values)


def _bilevel(pdf: PdfFile, image: Image.Image, most: int | None) -> Ref | None:
    """A black and white picture in JBIG2 code, or in CCITT group 4 code where that is large; None where it is
    larger than `most` bytes, as dithered ones are."""
    file = io.BytesIO()
    bare = image.copy()
    bare.info = {}
    bare.save(file, "TIFF", compression="group4", strip_size=1 << 30)
    with Image.open(file) as made:
        tags = made.tag_v2  # type: ignore[attr-defined]
        [offset], [length] = tags[273], tags[279]
        inverted = tags[262] == 1
    if most is not None and length > max(most, _LARGE_FAX):
        return None
    if length <= _LARGE_FAX:
        data = jbig2(~np.asarray(bare))
        if most is not None and len(data) > most:
            return None
        return pdf.add_stream(data, {**_head(bare, 1), "Filter": Name("JBIG2Decode")})
    parameters = {"K": -1, "Columns": image.width, **({"BlackIs1": True} if inverted else {})}
    values = {**_head(bare, 1), "Filter": Name("CCITTFaxDecode"), "DecodeParms": parameters}
    return pdf.add_stream(file.getvalue()[offset : offset + length], values)


def _orientation(image: Image.Image) -> int:
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged EXIF, which `open_image` leaves out too
        return 1
    return turned if turned in _TURNS else 1
