"""Damages of scanned and photographed pages, with the affine map that the text moved by.

In: a clean page image, a `random.Random`, a strength, the body size (damages scale with it, so that a person
can still read the page). Out: the image, the map, and which damages were done. Does not know: text, fonts.
"""

from __future__ import annotations

import io
import math
import random
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from adotx.data.textures import texture

Strength = Literal["clean", "light", "strong"]
Affine = tuple[float, float, float, float, float, float]
IDENTITY: Affine = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_MOST_DEGREES = 2.5


def damage(
    image: Image.Image,
    rng: random.Random,
    strength: Strength,
    size: int,
    margin: float,
    fill: tuple[int, int, int],
) -> tuple[Image.Image, Affine, list[str]]:
    """The page after printing, scanning and saving.

    Args:
        image: RGB page.
        rng: decides everything.
        strength: ``"clean"`` changes nothing.
        size: pixels per em of running text.
        margin: blank border of the page in pixels; the skew never moves text further than that.
        fill: colour of what the skew brings in at the corners.

    Returns:
        (image of the same size, (a, b, c, d, e, f) with x' = a x + b y + c and y' = d x + e y + f, names).
    """
    if strength == "clean":
        return image, IDENTITY, []
    share = 0.35 if strength == "light" else 0.6
    hard = 0.5 if strength == "light" else 1.0
    done: list[str] = []
    affine = IDENTITY
    if rng.random() < share:
        image, affine = _skew(image, rng, hard, margin, fill)
        done.append("skew")
    if rng.random() < share * 0.5 and size >= 16:
        image = _resample(image, rng, max(14 / size, 1 - 0.4 * hard))
        done.append("resample")
    elif rng.random() < share:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.6 + 0.02 * size * hard)))
        done.append("blur")
    if rng.random() < share * 0.3:
        image = _textured(image, rng)
        done.append("texture")
    if rng.random() < share * 0.15:
        image = _faded(image, rng, fill)
        done.append("faded")
    if rng.random() < share:
        image = _shadow(image, rng, hard)
        done.append("shadow")
    if rng.random() < share * 0.7:
        image = _contrast(image, rng, hard)
        done.append("contrast")
    if rng.random() < share * 0.4:
        image = _streaks(image, rng, hard)
        done.append("streaks")
    if rng.random() < share:
        image = _noise(image, rng, hard)
        done.append("noise")
    if rng.random() < share * 0.25:
        image = _specks(image, rng, hard)
        done.append("specks")
    if rng.random() < share * 0.12 and size >= 18 and not done[1:]:
        image = _faxed(image, rng, size)
        done.append("fax")
    if rng.random() < share * 0.3:
        image = image.convert("L").convert("RGB")
        done.append("grey")
    if rng.random() < share + 0.2:
        image = _jpeg(image, rng, hard)
        done.append("jpeg")
    return image, affine, done


def apply_affine(affine: Affine, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """The upright box around the mapped corners of `box`."""
    a, b, c, d, e, f = affine
    corners = [(x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs = [a * x + b * y + c for x, y in corners]
    ys = [d * x + e * y + f for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _skew(
    image: Image.Image, rng: random.Random, hard: float, margin: float, fill: tuple[int, int, int]
) -> tuple[Image.Image, Affine]:
    width, height = image.size
    # The far end of the page moves by angle x half its length; it may eat most of the margin, no text.
    most = min(math.radians(_MOST_DEGREES) * hard, math.atan(0.7 * margin / (max(width, height) / 2)))
    angle = rng.uniform(-most, most)
    cos, sin, middle = math.cos(angle), math.sin(angle), (width / 2, height / 2)
    a, b, d, e = cos, -sin, sin, cos
    c = middle[0] - a * middle[0] - b * middle[1]
    f = middle[1] - d * middle[0] - e * middle[1]
    # Pillow wants the way back: the turn by the opposite angle about the same point.
    back_c = middle[0] - cos * middle[0] - sin * middle[1]
    back_f = middle[1] + sin * middle[0] - cos * middle[1]
    back = (cos, sin, back_c, -sin, cos, back_f)
    # Bilinear is enough at these angles and three times as fast as bicubic.
    turned = image.transform(
        image.size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR, fillcolor=fill
    )
    return turned, (a, b, c, d, e, f)


def _resample(image: Image.Image, rng: random.Random, least: float) -> Image.Image:
    scale = rng.uniform(min(least, 0.95), 0.97)
    small = (max(8, round(image.width * scale)), max(8, round(image.height * scale)))
    return image.resize(small, Image.Resampling.BILINEAR).resize(image.size, Image.Resampling.BILINEAR)


def _shadow(image: Image.Image, rng: random.Random, hard: float) -> Image.Image:
    """A smooth change of light over the page: a lamp on one side, the dark fold of a book."""
    depth = rng.uniform(0.08, 0.2 + 0.3 * hard)
    ys, xs = np.mgrid[0:24, 0:16] / np.array([[[23.0]], [[15.0]]])
    angle = rng.uniform(0, 2 * math.pi)
    along = (xs - 0.5) * math.cos(angle) + (ys - 0.5) * math.sin(angle) + 0.5
    if rng.random() < 0.3:  # a fold or a finger: dark within a band
        along = np.exp(-(((along - rng.random()) / rng.uniform(0.08, 0.3)) ** 2))
    light = 255 * (1 - depth * np.clip(along, 0, 1))
    mask = Image.fromarray(light.astype(np.uint8)).resize(image.size, Image.Resampling.BILINEAR)
    return ImageChops.multiply(image, Image.merge("RGB", (mask, mask, mask)))


def _textured(image: Image.Image, rng: random.Random) -> Image.Image:
    """Paper that is not smooth."""
    factor = texture(rng, (image.height, image.width), 0.05)
    return Image.fromarray(np.clip(np.asarray(image) * factor[..., None], 0, 255).astype(np.uint8))


def _faded(image: Image.Image, rng: random.Random, paper: tuple[int, int, int]) -> Image.Image:
    """A thermal head that fades: columns of the print are lighter, up to half."""
    knots = bytes(rng.randint(0, 110) for _ in range(rng.randint(5, 20)))
    mask = Image.frombytes("L", (len(knots), 1), knots).resize(image.size, Image.Resampling.BILINEAR)
    return Image.composite(Image.new("RGB", image.size, paper), image, mask)


def _faxed(image: Image.Image, rng: random.Random, size: int) -> Image.Image:
    """One bit, at a fax's unequal resolution where the print is large enough for it."""
    grey = image.convert("L")
    low, high = (float(level) for level in np.percentile(np.asarray(grey)[::3, ::3], (0.5, 90)))
    down = max(0.5, 14 / size) if rng.random() < 0.6 else 1.0
    small = grey.resize((grey.width, max(8, round(grey.height * down))), Image.Resampling.BOX)
    limit = low + (high - low) * rng.uniform(0.45, 0.65)
    bit = small.point([0 if level < limit else 255 for level in range(256)])
    return bit.resize(image.size, Image.Resampling.NEAREST).convert("RGB")


def _contrast(image: Image.Image, rng: random.Random, hard: float) -> Image.Image:
    span = rng.uniform(1 - 0.5 * hard, 0.9)
    floor = rng.uniform(0, 255 * (1 - span))
    gamma = rng.uniform(0.75, 1.35)
    table = [round(floor + 255 * span * (value / 255) ** gamma) for value in range(256)]
    return image.point(table * 3)


def _streaks(image: Image.Image, rng: random.Random, hard: float) -> Image.Image:
    """Thin lines along the scan: dust on the glass."""
    image = image.copy()
    upright = rng.random() < 0.7
    length = image.width if upright else image.height
    for _ in range(rng.randint(1, 2 + round(3 * hard))):
        at, wide = rng.randrange(length), rng.randint(1, 2)
        region = (at, 0, at + wide, image.height) if upright else (0, at, image.width, at + wide)
        factor, lift = rng.uniform(0.72, 0.95), rng.choice((0, 0, 40))
        strip = image.crop(region).point(lambda value, k=factor, b=lift: round(min(255, value * k + b)))
        image.paste(strip, region[:2])
    return image


def _noise(image: Image.Image, rng: random.Random, hard: float) -> Image.Image:
    """Gaussian sensor noise, cut out of one tile of noise: drawing it anew would cost more than the page."""
    level = rng.randrange(1, 3 + round(4 * hard))
    tile = _noise_tile(level)
    left, top = rng.randrange(tile.width), rng.randrange(tile.height)
    field = Image.new("L", image.size)
    for x in range(-left, image.width, tile.width):
        for y in range(-top, image.height, tile.height):
            field.paste(tile, (x, y))
    if rng.random() < 0.7:
        noise = Image.merge("RGB", (field, field, field))
    else:
        noise = Image.merge(
            "RGB", (field, ImageChops.offset(field, 37, 91), ImageChops.offset(field, 113, 53))
        )
    return ImageChops.add(image, noise, 1.0, -128)


@lru_cache(maxsize=8)
def _noise_tile(level: int) -> Image.Image:
    values = np.random.default_rng(level).normal(128, 2.0 * level, (509, 769))
    return Image.fromarray(np.clip(values.round(), 0, 255).astype(np.uint8))


def _specks(image: Image.Image, rng: random.Random, hard: float) -> Image.Image:
    """Single dark and light dots, as of toner."""
    pixels = np.array(image)
    count = round(image.width * image.height * rng.uniform(0.00002, 0.0004 * hard))
    points = np.random.default_rng(rng.getrandbits(32))
    ys, xs = points.integers(0, image.height, count), points.integers(0, image.width, count)
    pixels[ys, xs] = points.choice([30, 60, 235], count)[:, None]
    return Image.fromarray(pixels)


def _jpeg(image: Image.Image, rng: random.Random, hard: float) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=rng.randint(round(70 - 40 * hard), 92))
    with Image.open(buffer) as saved:
        return saved.convert("RGB")
