"""What a person sees comes out; what cannot be read or is too much gives one line with code and remedy."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from adotx.errors import AdotxError
from adotx.vision import Limits, open_image

WHITE, RED = (255, 255, 255), (200, 10, 10)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + head + extra + data + chunk(b"IEND", b"")


def refused(source: object, code: str, **options: object) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a warning would be a second line on the user's screen
        with pytest.raises(AdotxError) as caught:
            open_image(source, **options)
    message = str(caught.value)
    assert caught.value.code == code, message
    assert "\n" not in message and caught.value.remedy
    return message


# what a person sees


def test_plain_rgb_is_untouched() -> None:
    image = Image.effect_noise((40, 30), 90).convert("RGB")
    for source in (saved(image), io.BytesIO(saved(image)), image):
        opened = open_image(source)
        assert opened.mode == "RGB" and opened.tobytes() == image.tobytes() and opened is not image


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation(orientation: int, kind: str) -> None:
    upright = Image.new("RGB", (48, 32), WHITE)
    upright.paste(RED, (0, 0, 16, 16))
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that undoes each orientation
    stored = upright.transpose(Image.Transpose(back[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(stored, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))
    seen = open_image(data)
    assert seen.size == (48, 32)
    assert np.abs(np.asarray(seen).astype(int) - np.asarray(upright)).mean() < 6
    assert not seen.getexif() and not seen.info
    if kind != "TIFF":  # Pillow itself turns TIFF
        assert open_image(data, published=True).size == stored.size


def half(mode: str) -> Image.Image:
    """Left half opaque red (dark in grey modes), right half fully transparent black."""
    image = Image.new("RGBA", (8, 4), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 4, 4))
    return image.convert(mode)


def key_grey16() -> bytes:
    row = b"\0" + struct.pack(">4H", 0, 30000, 65535, 1234)
    return png(4, 1, 16, 0, row, chunk(b"tRNS", struct.pack(">H", 1234)))


def transparent_sources() -> dict[str, object]:
    palette = half("RGBA").quantize(8, method=Image.Quantize.FASTOCTREE)
    keyed = Image.new("RGB", (8, 4), RED)
    keyed.paste((1, 2, 3), (4, 0, 8, 4))
    grey = Image.new("L", (8, 4), 66)
    grey.paste(7, (4, 0, 8, 4))
    one = Image.new("1", (8, 4), 0)
    one.paste(1, (4, 0, 8, 4))
    black = Image.new("P", (8, 4), 1)
    black.putpalette([0, 0, 0, *RED])
    black.paste(0, (4, 0, 8, 4))
    both = Image.new("PA", (8, 4))
    both.putpalette([0, 0, 0, *RED])
    both.putdata(([(1, 255)] * 4 + [(0, 0)] * 4) * 4)
    premultiplied = half("RGBA").convert("RGBa")
    return {
        "RGBA png": saved(half("RGBA")),
        "LA png": saved(half("LA")),
        "P + tRNS bytes": saved(palette),
        "P + tRNS index": saved(black, transparency=0),
        "RGB + tRNS": saved(keyed, transparency=(1, 2, 3)),
        "L + tRNS": saved(grey, transparency=7),
        "1 + tRNS": saved(one, transparency=1),
        "gif": saved(black, "GIF", transparency=0),
        "webp": saved(half("RGBA"), "WEBP", lossless=True),
        "tiff": saved(half("RGBA"), "TIFF"),
        "RGBa": premultiplied,
        "La": half("LA").convert("La"),
        "PA": both,
        "RGBA 16 bit": png(
            8, 1, 16, 6, b"\0" + struct.pack(">4H", 51400, 2570, 2570, 65535) * 4 + bytes(8 * 4)
        ),
        "RGB 16 bit + tRNS": png(
            8,
            1,
            16,
            2,
            b"\0" + struct.pack(">3H", 51400, 2570, 2570) * 4 + struct.pack(">3H", 7710, 514, 65535) * 4,
            chunk(b"tRNS", struct.pack(">3H", 7710, 514, 65535)),
        ),
    }


@pytest.mark.parametrize("name", list(transparent_sources()))
def test_transparency_lies_on_white(name: str) -> None:
    seen = np.asarray(open_image(transparent_sources()[name]))
    assert (seen[:, 4:] == 255).all(), seen[0]
    assert (seen[:, :4, 1] < 80).all(), seen[0]


def test_half_transparent_is_blended() -> None:
    seen = open_image(Image.new("RGBA", (2, 2), (0, 0, 0, 128)))
    assert abs(seen.getpixel((0, 0))[0] - 127) <= 1
    premultiplied = Image.new("RGBA", (2, 2), (100, 50, 0, 128)).convert("RGBa")
    assert np.abs(np.array(open_image(premultiplied).getpixel((0, 0))) - (177, 152, 127)).max() <= 2


def test_published_drops_alpha() -> None:
    assert open_image(saved(half("RGBA")), published=True).getpixel((7, 0)) == (0, 0, 0)


def test_16_bit_grey_keeps_its_tones() -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(2, 0)
    for source in (saved(Image.fromarray(ramp)), saved(Image.fromarray(ramp), "TIFF"), Image.fromarray(ramp)):
        seen = np.asarray(open_image(source))
        assert np.abs(seen[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    seen = np.asarray(open_image(key_grey16()))[0, :, 0]
    assert seen.tolist() == [0, 117, 255, 255]


def test_16_bit_tiff_where_white_is_zero() -> None:
    ramp = np.array([[0, 65535]], np.uint16)
    data = saved(Image.fromarray(ramp), "TIFF", tiffinfo={262: 0})
    with Image.open(io.BytesIO(data)) as stored:
        inverted = stored.tag_v2[262] == 0
    assert np.asarray(open_image(data))[0, :, 0].tolist() == ([255, 0] if inverted else [0, 255])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[0.0, 100.0, 255.0]], np.float32), [0, 100, 255]),
        (np.array([[-10.0, np.nan, 10.0]], np.float32), [0, 128, 255]),
        (np.array([[0, 128, 255]], np.int32), [0, 128, 255]),
        (np.array([[0, 32768, 65535]], np.int32), [0, 128, 255]),
        (np.array([[0, 0, 0]], np.int32), [0, 0, 0]),
    ],
)
def test_deep_modes(values: np.ndarray, expected: list[int]) -> None:
    assert np.abs(np.asarray(open_image(Image.fromarray(values)))[0, :, 0].astype(int) - expected).max() <= 1


def test_cmyk_jpeg_looks_right() -> None:
    page = Image.new("RGB", (32, 32), WHITE)
    page.paste((0, 0, 0), (0, 0, 16, 32))
    seen = np.asarray(open_image(saved(page.convert("CMYK"), "JPEG", quality=95)))
    assert seen[16, 4].max() < 40 and seen[16, 28].min() > 215


def test_cmyk_with_a_useless_profile_still_opens() -> None:
    data = saved(Image.new("CMYK", (8, 8)), "JPEG", icc_profile=b"nonsense")
    assert open_image(data).getpixel((3, 3)) == WHITE


def test_lab_and_the_other_modes() -> None:
    srgb, space = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(Image.new("RGB", (4, 4), RED), srgb, space, outputMode="LAB")
    assert np.abs(np.array(open_image(lab).getpixel((0, 0))) - RED).max() <= 6
    for mode in ("1", "L", "P", "YCbCr", "HSV", "RGBX"):
        assert open_image(Image.new(mode, (4, 4))).mode == "RGB"
    refused(Image.new("La", (4, 4)), "image.mode", published=True)


def test_phone_photo_with_a_preview_is_one_picture() -> None:
    photo = Image.new("RGB", (32, 24), RED)
    buffer = io.BytesIO()
    photo.save(buffer, "MPO", save_all=True, append_images=[photo.resize((8, 6))])
    assert open_image(buffer.getvalue()).size == (32, 24)


def test_1x1() -> None:
    assert open_image(saved(Image.new("L", (1, 1), 9))).getpixel((0, 0)) == (9, 9, 9)


# what is refused


def test_not_an_image(tmp_path: Path) -> None:
    path = tmp_path / "글.png"
    path.write_text("이것은 글입니다. 그림이 아닙니다.")
    assert "글.png" in refused(path, "image.not_an_image")
    assert "transcribe" in refused(b"%PDF-1.7 ...", "image.not_an_image")
    if find_spec("pi_heif") is None:
        assert "pictures" in refused(b"\0\0\0\x18ftypheic" + bytes(50), "image.no_decoder")
    if find_spec("pillow_jxl") is None:
        assert "JPEG XL" in refused(b"\xff\x0a" + bytes(50), "image.no_decoder")
    refused(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image.not_an_image")
    refused(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "image.not_an_image")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    refused(tmp_path / "none.png", "image.missing")
    refused("nul\0.png", "image.missing")
    refused(tmp_path, "image.directory")
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "image.empty")
    refused(b"", "image.empty")
    refused(12, "image.source")
    refused(io.StringIO("x"), "image.source")


def test_truncated() -> None:
    whole = saved(Image.effect_noise((64, 64), 90))
    for length in range(1, len(whole) - 20, 97):
        with pytest.raises(AdotxError) as caught:
            open_image(whole[:length])
        assert caught.value.code in ("image.truncated", "image.corrupt", "image.not_an_image"), length
    refused(whole[: len(whole) // 2], "image.truncated")
    refused(saved(Image.effect_noise((64, 64), 90), "JPEG")[:1500], "image.truncated")
    refused(whole[:20], "image.truncated")


def test_damaged() -> None:
    whole = bytearray(saved(Image.effect_noise((64, 64), 90)))
    whole[60:90] = bytes(30)
    with pytest.raises(AdotxError) as caught:
        open_image(bytes(whole))
    assert caught.value.code in ("image.truncated", "image.corrupt")
    refused(png(0, 5, 8, 0, b""), "image.corrupt")


def test_bomb_is_refused_from_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    bomb = png(30_000, 30_000, 8, 2, b"")
    assert "900,000,000 pixels" in refused(bomb, "image.too_many_pixels")
    # Between our limit and Pillow's own: no warning, our message.
    assert "10,000 x 12,000" in refused(png(10_000, 12_000, 8, 2, b""), "image.too_many_pixels")
    assert "3 x 5" in refused(png(3, 5, 8, 2, b""), "image.too_many_pixels", limits=Limits(max_pixels=14))
    refused(Image.new("1", (100, 100)), "image.too_many_pixels", limits=Limits(max_pixels=9_999))


def test_a_higher_limit_lifts_pillows_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    data = saved(Image.new("L", (30, 30), 200))
    assert open_image(data, Limits(max_pixels=900)).size == (30, 30)
    assert Image.MAX_IMAGE_PIXELS == 50
    refused(data, "image.too_many_pixels", limits=Limits(max_pixels=899))


def test_too_many_bytes(tmp_path: Path) -> None:
    data = saved(Image.effect_noise((64, 64), 90))
    path = tmp_path / "big.png"
    path.write_bytes(data)
    limits = Limits(max_bytes=len(data) - 1)
    for source in (path, data, io.BytesIO(data)):
        refused(source, "image.too_many_bytes", limits=limits)
    assert open_image(path, Limits(max_bytes=len(data))).size == (64, 64)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animation(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, (0, 200, 0), (0, 0, 200))]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    message = refused(data, "image.animated")
    assert ("pages" if kind == "TIFF" else "animated") in message and "one frame" in message
    refused(Image.open(io.BytesIO(data)), "image.animated")
    assert "3 frames" in refused(data, "image.animated", limits=Limits(max_frames=2))
    for limits in (Limits(first_frame=True), Limits(max_frames=3)):
        assert open_image(data, limits).getpixel((3, 3)) == RED
    if kind != "WEBP":
        moved = Image.open(io.BytesIO(data))
        moved.seek(1)
        assert open_image(moved).getpixel((3, 3)) == (0, 200, 0)


def test_errors_are_one_line_even_for_odd_names(tmp_path: Path) -> None:
    path = tmp_path / "a\nb.png"
    path.write_bytes(b"x")
    refused(path, "image.not_an_image")
