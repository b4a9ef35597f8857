"""What happens to a page after printing: copying, faxing, paper, photography. By augraphy and OpenCV.

In: a picture, a strength. Out: a picture that is worse, with the same text on it. Nothing here is shared with
the page maker of adotx, whose damages are its own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
#: dots an inch across of every fax of group 3
FAX_DPI = 204
#: and lines an inch: standard, twice as often as fine
FAX_LINES = (98, 98, 196)
STRENGTHS = ("none", "mild", "medium", "strong")


def find_textures(folder: Path) -> tuple[list[Path], list[Path]]:
    """(photographs of paper, photographs of other things) below `folder`."""
    paper, others = sorted(folder.glob("paper/*.jpg")), sorted(folder.glob("background/*.jpg"))
    if not paper or not others:
        raise SystemExit(f"exam: no paper/*.jpg and background/*.jpg below {folder}")
    return paper, others


def worn(picture: Picture, strength: str, rng: random.Random) -> Picture:
    """The page copied, faxed or scanned.

    Args:
        picture: RGB.
        strength: one of `STRENGTHS`.
        rng: decides what happens; also seeds the generators that augraphy uses.
    """
    if strength == "none":
        return picture
    import augraphy as au

    _seed(rng)  # augraphy draws from the global generators
    # Strengths are chosen so that a person can read every word: worse settings of the same rub out the truth.
    drum = au.DirtyDrum((1, 2), 0.03, noise_intensity=0.12, noise_value=(120, 200), p=1)
    copied = au.BadPhotoCopy(
        noise_type=1,
        noise_value=(100, 170),
        noise_sparsity=(0.2, 0.4),
        noise_concentration=(0.1, 0.3),
        noise_size=(1, 2),
        p=1,
    )
    choices: dict[str, Sequence[Sequence[object]]] = {
        "mild": (
            (au.SubtleNoise(8, p=1), au.Jpeg((60, 90), p=1)),
            (au.ColorPaper((20, 40), (8, 25), p=1), au.Jpeg((60, 90), p=1)),
            (au.InkBleed((0.2, 0.4), (3, 3), (0.1, 0.2), p=1), au.Brightness((0.9, 1.1), p=1)),
        ),
        "medium": (
            (au.InkBleed((0.4, 0.6), p=1), au.NoiseTexturize((2, 5), (2, 4), p=1), au.Jpeg((40, 70), p=1)),
            (au.LowInkRandomLines((5, 12), p=1), drum, au.SubtleNoise(12, p=1)),
            (au.BleedThrough((0.1, 0.3), (140, 220), alpha=0.15, p=1), au.Jpeg((40, 70), p=1)),
            (au.LightingGradient(max_brightness=255, min_brightness=60, p=1), au.Jpeg((40, 70), p=1)),
            (au.InkShifter((10, 15), (1, 2), (0, 1), p=1), au.SubtleNoise(10, p=1)),
        ),
        "strong": (
            (copied, au.Jpeg((30, 50), p=1)),
            (au.Letterpress((200, 400), (200, 400), p=1),),
            (au.DirtyRollers((6, 10), p=1), au.Jpeg((30, 50), p=1)),
            (au.ShadowCast(shadow_opacity_range=(0.3, 0.5), p=1), au.Jpeg((30, 50), p=1)),
            (au.NoiseTexturize((5, 9), p=1),),
            (au.Faxify((1.0, 1.1), monochrome=0, halftone=1, p=1),),
            (au.Folding(fold_count=1, gradient_width=(0.1, 0.2), gradient_height=(0.004, 0.008), p=1),),
        ),
    }
    for step in rng.choice(choices[strength]):
        done = step(picture.copy())  # type: ignore[operator]
        picture = picture if done is None else _rgb(done)
    if strength != "mild":
        picture = turned(picture, rng.uniform(-0.9, 0.9))
    return picture


def turned(picture: Picture, degrees: float) -> Picture:
    """The page laid askew on the scanner."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    edge = tuple(int(value) for value in np.median(picture[:8].reshape(-1, 3), axis=0))
    return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_CUBIC, borderValue=edge)


def on_paper(picture: Picture, paper: Path, rng: random.Random) -> Picture:
    """Printed on photographed paper: the ink darkens what is there."""
    height, width = picture.shape[:2]
    sheet = _read(paper)
    sheet = cv2.resize(sheet, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
    # Photographs of paper differ in exposure, and some are of crumpled paper in hard light: bring each to a
    # light page whose folds are seen but hide nothing.
    low, high = np.percentile(sheet, (2, 98))
    depth = rng.uniform(0.12, 0.3)
    sheet = rng.uniform(225, 245) * (1 - depth + depth * np.clip((sheet - low) / max(1.0, high - low), 0, 1))
    ink = picture.astype(np.float32) / 255
    return np.clip(sheet * (0.12 + 0.88 * ink), 0, 255).astype(np.uint8)


def photographed(picture: Picture, table: Path, rng: random.Random) -> Picture:
    """The page lying on something, in perspective, with a shadow, a little out of focus, as JPEG."""
    height, width = picture.shape[:2]
    border = rng.uniform(0.04, 0.10)
    wide, high = int(width * (1 + 2 * border)), int(height * (1 + 2 * border))
    scene = cv2.resize(_read(table), (wide, high), interpolation=cv2.INTER_CUBIC)
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    shift = np.array([(rng.uniform(-0.035, 0.035), rng.uniform(-0.03, 0.03)) for _ in range(4)], np.float32)
    angle = np.deg2rad(rng.uniform(-2.5, 2.5))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]], np.float32)
    middle = np.array([width / 2, height / 2], np.float32)
    seen = (corners - middle) @ turn.T * rng.uniform(0.93, 0.98) + shift * width
    seen = np.clip(seen + np.array([wide / 2, high / 2]), (4, 4), (wide - 4, high - 4)).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, seen)
    page = cv2.warpPerspective(picture, matrix, (wide, high), flags=cv2.INTER_AREA)
    inside = cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, (wide, high))
    mask = cv2.GaussianBlur(inside, (3, 3), 0)[..., None].astype(np.float32) / 255
    shade = cv2.GaussianBlur(inside, (0, 0), 14)[..., None].astype(np.float32) / 255
    out = scene * (1 - 0.45 * shade) * (1 - mask) + page * mask
    out *= _light(high, wide, rng)[..., None]
    out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.4, 0.9))
    noise = np.random.default_rng(rng.randrange(2**32)).normal(0, rng.uniform(2, 5), out.shape)
    out = np.clip(out + noise, 0, 255).astype(np.uint8)
    return jpeg(out, rng.randint(55, 85))


def _light(height: int, width: int, rng: random.Random) -> NDArray[np.float32]:
    """Brightness from one side, and the soft edge of somebody's shadow."""
    angle, (y, x) = rng.uniform(0, 2 * np.pi), np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    along = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
    shadow = 1 / (1 + np.exp(-(along - rng.uniform(-0.2, 0.3)) * rng.uniform(15, 40)))
    light = 1 - 0.22 * (along + 0.5) - rng.uniform(0.0, 0.3) * shadow
    return light.astype(np.float32)


def faxed(picture: Picture, dpi: int, lines: int, rng: random.Random) -> Picture:
    """Sent by fax: black or white, 204 dots an inch across and `lines` down, a few dots and lines lost.

    The picture keeps these unequal resolutions, as a fax file does; whoever shows it stretches it.
    """
    height, width = picture.shape[:2]
    size = (round(width * FAX_DPI / dpi), round(height * lines / dpi))
    grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(rng.randrange(2**32))
    dots = np.where(grey + noise.normal(0, 12, grey.shape) > rng.uniform(165, 190), 255, 0).astype(np.uint8)
    flipped = noise.random(dots.shape) < rng.uniform(0.0002, 0.0015)
    dots[flipped] = 255 - dots[flipped]
    for _ in range(rng.randint(0, 2)):  # a line that was not received repeats the one above
        at = rng.randrange(1, dots.shape[0])
        dots[at] = dots[at - 1]
    return np.repeat(dots[..., None], 3, axis=2)


def jpeg(picture: Picture, quality: int) -> Picture:
    """Saved as JPEG and opened again."""
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]


def _seed(rng: random.Random) -> None:
    seed = rng.randrange(2**31)
    random.seed(seed)
    np.random.seed(seed)
    cv2.setRNGSeed(seed)


def _read(path: Path) -> Picture:
    found = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if found is None:
        raise SystemExit(f"exam: not a picture: {path}")
    return found[..., ::-1]


def _rgb(picture: Picture) -> Picture:
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    return np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture[..., :3]
