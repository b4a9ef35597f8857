"""The paper, screen or wall that a row's ink stands on, and what scanners, copiers and cameras do to it.

In: `Ink` and a `Look`. Out: a grey strip at the size of a tile's row, and where each character stands in it.
Knows nothing of tiles and text.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import cv2
import numpy as np

from adotx.data.row_ink import Ink
from adotx.data.textures import texture

Edges = list[tuple[float, float]]
#: levels of a cleaned page
_PAPER_LEVEL, _INK_LEVEL = 245.0, 20.0


@dataclass(frozen=True)
class Look:
    """What the rows of one picture have in common.

    Attributes:
        medium: ``print``, ``worn``, ``screen``, ``receipt``, ``photo`` or ``fax``.
        paper, ink: grey levels; light on dark where ink is the lighter one.
        size: pixels per em before the row is scaled (small print is enlarged, large print reduced).
        cleaned: whether its levels are stretched and light on dark is turned over, as layout does.
    """

    medium: str
    paper: int
    ink: int
    size: int
    cleaned: bool


def strip_of(rng: random.Random, ink: Ink, look: Look, scale: float) -> tuple[np.ndarray, Edges, float]:
    """The row's strip.

    Args:
        scale: pixels of the tile for one of `ink`.

    Returns:
        (uint8 [h, w], the characters' edges, the middle of the ink's height), in pixels of the tile.
    """
    top, bottom = ink.rows
    margins = [max(1, round(rng.uniform(1.0, 4.5) / scale)) for _ in range(4)]
    if rng.random() < 0.08:  # a box that is too narrow cuts into the ink
        margins[rng.randrange(4)] = -round(rng.uniform(0.5, 2.0) / scale)
    left = max(0, round(ink.edges[0][0]) - margins[0])
    right = min(ink.cover.shape[1], round(ink.edges[-1][1]) + margins[1])
    y0, y1 = max(0, top - margins[2]), min(ink.cover.shape[0], bottom + margins[3])
    cover = ink.cover[y0:y1, left:right].copy()
    _remains(rng, cover, ink, (top - y0, bottom - y0), scale)
    grey = look.paper + (look.ink - look.paper) * cover
    if look.medium == "photo" or (look.medium != "screen" and rng.random() < 0.05):
        grey *= texture(rng, grey.shape)
    if rng.random() < 0.025:
        grey = _seal(rng, grey, ink.size)
    if look.medium == "fax":
        grey = _fax(rng, grey, ink.size)
    across, down = scale, scale
    size = (max(1, round(grey.shape[1] * across)), max(1, round(grey.shape[0] * down)))
    across, down = size[0] / grey.shape[1], size[1] / grey.shape[0]
    how = cv2.INTER_AREA if scale < 1 else rng.choice((cv2.INTER_CUBIC, cv2.INTER_CUBIC, cv2.INTER_LINEAR))
    if size != grey.shape[::-1]:
        grey = cv2.resize(grey, size, interpolation=how)
    edges = [((a - left) * across, (b - left) * across) for a, b in ink.edges]
    middle = ((top + bottom) / 2 - y0) * down
    if look.medium == "photo" or rng.random() < 0.12:
        grey, edges = _tilt(rng, grey, edges, 1.0 if look.medium == "photo" else 0.4)
    return _damaged(rng, grey, look), edges, middle


def _remains(rng: random.Random, cover: np.ndarray, ink: Ink, rows: tuple[int, int], scale: float) -> None:
    """What a box around a row holds besides it: feet of the line above, heads of the one below, rulings."""
    top, bottom = rows
    height, width = cover.shape
    line = max(1, round(rng.uniform(0.5, 1.6) / scale))
    gap = max(1, round(1.2 / scale))
    level = np.float32(rng.uniform(0.4, 1))
    if rng.random() < 0.07:
        first, last = ink.rows
        other = np.roll(ink.cover, rng.randrange(ink.cover.shape[1]), 1)[:, :width]
        deep = max(0, top - gap) if rng.random() < 0.5 else 0
        if deep:
            part = other[last - deep : last]
            cover[:deep, : part.shape[1]] = part
        deep = max(0, height - bottom - gap)
        if deep:
            part = other[first : first + deep]
            cover[height - deep :, : part.shape[1]] = part
    if rng.random() < 0.07:  # sides of a cell
        for side in rng.sample(("left", "right", "top", "bottom"), rng.randint(1, 3)):
            if side == "left":
                cover[:, :line] = level
            elif side == "right":
                cover[:, width - line :] = level
            elif side == "top" and top > line:
                cover[:line] = level
            elif side == "bottom" and height - bottom > line:
                cover[height - line :] = level


def _seal(rng: random.Random, grey: np.ndarray, em: float) -> np.ndarray:
    """A stamp over the text, grey as red ink becomes."""
    height, width = grey.shape
    stamp = np.zeros(grey.shape, np.float32)
    at = (rng.randrange(width), round(height / 2 + rng.uniform(-0.8, 0.8) * em))
    radius, thick = round(em * rng.uniform(0.6, 1.6)), max(1, round(em * rng.uniform(0.04, 0.12)))
    if rng.random() < 0.6:
        cv2.circle(stamp, at, radius, 1.0, thick, cv2.LINE_AA)
    else:
        corner = (at[0] - radius, at[1] - radius)
        cv2.rectangle(stamp, corner, (at[0] + radius, at[1] + radius), 1.0, thick)
    for _ in range(rng.randint(2, 8)):  # strokes of its characters
        x, y = (rng.uniform(-0.6, 0.6) * radius for _ in range(2))
        long = rng.uniform(0.2, 0.7) * radius
        ends = (long, 0.0) if rng.random() < 0.5 else (0.0, long)
        start = (round(at[0] + x), round(at[1] + y))
        cv2.line(stamp, start, (round(start[0] + ends[0]), round(start[1] + ends[1])), 1.0, thick)
    return grey * (1 - stamp * np.float32(rng.uniform(0.15, 0.5)))


def _fax(rng: random.Random, grey: np.ndarray, em: float) -> np.ndarray:
    """Sent by fax: half the lines, one bit."""
    height, width = grey.shape
    across = min(1.0, rng.uniform(20, 32) / em)
    down = min(1.0, rng.choice((rng.uniform(12, 17), rng.uniform(20, 28))) / em)
    small = cv2.resize(
        grey, (max(8, round(width * across)), max(4, round(height * down))), interpolation=cv2.INTER_AREA
    )
    bit = _bilevel(rng, small)
    how = rng.choice((cv2.INTER_NEAREST, cv2.INTER_LINEAR))
    return cv2.resize(bit, (width, height), interpolation=how)


def _bilevel(rng: random.Random, grey: np.ndarray) -> np.ndarray:
    """Paper or ink, nothing between; the limit lies between what is darkest and lightest here."""
    low, high = _levels(grey, (0.01, 0.99))
    limit = low + (high - low) * rng.uniform(0.4, 0.62)
    return np.where(grey < limit, np.float32(low), np.float32(high))


def _tilt(rng: random.Random, grey: np.ndarray, edges: Edges, hard: float) -> tuple[np.ndarray, Edges]:
    """What is left of perspective, skew and curl after a row has been straightened."""
    height, width = grey.shape
    far = hard * min(3.0, 0.09 * height)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    lean = rng.uniform(-0.14, 0.14) * hard * height
    skew = rng.uniform(-1, 1) * far
    moved = corners + np.array(
        [
            [lean + rng.uniform(-1, 1), skew + rng.uniform(-0.5, 0.5) * far],
            [lean + rng.uniform(-1, 1), -skew + rng.uniform(-0.5, 0.5) * far],
            [-lean + rng.uniform(-1, 1), -skew + rng.uniform(-0.5, 0.5) * far],
            [-lean + rng.uniform(-1, 1), skew + rng.uniform(-0.5, 0.5) * far],
        ],
        np.float32,
    )
    way = cv2.getPerspectiveTransform(corners, moved)
    out = cv2.warpPerspective(
        grey, way, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if hard == 1.0 and rng.random() < 0.3:  # a page that does not lie flat
        wave = rng.uniform(-1.5, 1.5) * np.sin(np.linspace(0, rng.uniform(1, 5), width, dtype=np.float32))
        xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
        out = cv2.remap(
            out, xs, ys + wave.astype(np.float32)[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    points = np.array([[x, height / 2] for edge in edges for x in edge], np.float32)[None]
    xs = cv2.perspectiveTransform(points, way)[0, :, 0].tolist()
    return out, list(zip(xs[::2], xs[1::2], strict=True))


#: by medium, how often: blur of the lens, of motion, noise, light that changes, one bit, specks, JPEG
_SHARES = {
    "print": (0.2, 0.0, 0.2, 0.03, 0.02, 0.01, 0.2),
    "worn": (0.5, 0.05, 0.6, 0.2, 0.3, 0.3, 0.5),
    "screen": (0.1, 0.0, 0.1, 0.05, 0.0, 0.0, 0.5),
    "receipt": (0.4, 0.1, 0.5, 0.3, 0.05, 0.05, 0.5),
    "photo": (0.6, 0.2, 0.7, 0.7, 0.02, 0.0, 0.7),
    "fax": (0.2, 0.0, 0.0, 0.0, 0.0, 0.4, 0.1),
}


def _damaged(rng: random.Random, grey: np.ndarray, look: Look) -> np.ndarray:
    blur, motion, noise, light, bit, specks, jpeg = (rng.random() < share for share in _SHARES[look.medium])
    hard = 0.5 if look.medium in ("print", "screen") else 1.0
    contrast = abs(look.paper - look.ink)
    height, width = grey.shape
    numbers = np.random.default_rng(rng.randrange(2**32))
    if blur:
        grey = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.35, 0.45 + 0.5 * hard))
    if motion and not blur:
        length = rng.randint(2, 4)
        kernel = np.zeros((length, length), np.float32)
        kernel[(slice(None), length // 2) if rng.random() < 0.4 else (length // 2, slice(None))] = 1 / length
        grey = cv2.filter2D(grey, -1, kernel)
    if bit:
        grey = _bilevel(rng, grey)
    if light and (not look.cleaned or rng.random() < 0.3):  # cleaning evens the light out
        knots = np.float32(1) - numbers.uniform(0, 0.35 * hard, (2, 3)).astype(np.float32)
        grey = grey * cv2.resize(knots, (width, height), interpolation=cv2.INTER_LINEAR)
    if noise:
        grain: np.ndarray = numbers.standard_normal(grey.shape, np.float32)
        if rng.random() < 0.4:
            grain = cv2.GaussianBlur(grain, (0, 0), 0.8) * 2
        grey = grey + grain * np.float32(contrast * rng.uniform(0.01, 0.02 + 0.06 * hard))
    if specks:
        hit = numbers.random(grey.shape) < rng.uniform(0.001, 0.015)
        grey[hit] = look.ink
    if look.cleaned:
        grey = _cleaned(grey, look.ink > look.paper)
    out = np.clip(grey, 0, 255).astype(np.uint8)
    if jpeg:
        quality = rng.randint(45, 92) if hard < 1 else rng.randint(25, 80)
        packed = cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        out = cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)
    return out


def _cleaned(grey: np.ndarray, turned: bool) -> np.ndarray:
    """Paper near 245 and ink near 20, as `adotx.documents.layout.clean` gives pages over."""
    if turned:
        grey = 255 - grey
    ink, paper = _levels(grey, (0.02, 0.75))
    return _INK_LEVEL + (grey - ink) * np.float32((_PAPER_LEVEL - _INK_LEVEL) / max(paper - ink, 24.0))


def _levels(grey: np.ndarray, shares: tuple[float, float]) -> list[float]:
    """Quantiles, as `np.percentile` has them, without its checks, which take longer than the work."""
    flat = grey.ravel()
    at = [share * (len(flat) - 1) for share in shares]
    ordered = np.partition(flat, sorted({k for x in at for k in (int(x), math.ceil(x))}))
    return [float(ordered[int(x)] + (ordered[math.ceil(x)] - ordered[int(x)]) * (x % 1)) for x in at]
