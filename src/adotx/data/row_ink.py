"""One line of text as ink: how dark each pixel is, and where each character stands.

In: a text, a face, a size and how the type is set (words moved, letters spaced, stretched, strokes thinner or
thicker, dots of a printer's needles, a thermal head that fades). Out: `Ink`. Knows nothing of paper.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np
from PIL import Image, ImageDraw

from adotx.data.row_fonts import RowFonts


@dataclass(frozen=True)
class Ink:
    """cover float32 [h, w], 0 paper to 1 ink; edges (left, right) of each character; pixels per em."""

    cover: np.ndarray
    edges: list[tuple[float, float]]
    size: float

    @cached_property
    def rows(self) -> tuple[int, int]:
        """First row with ink and the row after the last."""
        rows = np.flatnonzero(self.cover.max(1) > 0.25)
        return (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, self.cover.shape[0])

    def scaled(self, across: float, down: float, how: int = cv2.INTER_AREA) -> Ink:
        """Stretched by a factor in each direction; `size` follows the height."""
        height, width = self.cover.shape
        size = (max(1, round(width * across)), max(1, round(height * down)))
        across = size[0] / width
        cover = cv2.resize(self.cover, size, interpolation=how)
        return Ink(cover, [(a * across, b * across) for a, b in self.edges], self.size * size[1] / height)


@dataclass(frozen=True)
class Setting:
    """How a line is set.

    Attributes:
        loose: how far words move, 0 (print) to 1: shifts of 0.15 em, turns of 4 degrees, stretches of 12 %.
        spacing: em added between letters.
        stretch: width of letters against their height.
        slant: tangent of the angle of a slanted type.
    """

    loose: float = 0.0
    spacing: float = 0.0
    stretch: float = 1.0
    slant: float = 0.0


def set_line(rng: random.Random, line: str, fonts: RowFonts, face: int, size: int, how: Setting) -> Ink:
    """The line's ink with a margin of half an em on every side."""
    font, margin = fonts.load(face, size), round(0.5 * size)
    edges = fonts.advances(face, size, line)
    height = round(2.1 * size)
    if not how.loose and not how.spacing:
        strip = Image.new("L", (int(edges[-1]) + 2 * margin, height), 0)
        ImageDraw.Draw(strip).text((margin, margin), line, font=font, fill=255)
        cover: np.ndarray = np.asarray(strip, np.float32) / 255
        places = [(a + margin, b + margin) for a, b in pairwise(edges)]
    else:
        cover, places = _set_words(rng, line, fonts, face, size, how, margin, height)
    ink = Ink(cover, places, size)
    if how.stretch != 1.0:
        ink = replace(ink.scaled(how.stretch, 1.0, cv2.INTER_LINEAR), size=ink.size)
    if how.slant:
        middle = ink.cover.shape[0] / 2
        lean = np.array([[1, -how.slant, how.slant * middle], [0, 1, 0]], np.float32)
        ink = replace(ink, cover=cv2.warpAffine(ink.cover, lean, ink.cover.shape[::-1]))
    return ink


def _set_words(
    rng: random.Random,
    line: str,
    fonts: RowFonts,
    face: int,
    size: int,
    how: Setting,
    margin: int,
    height: int,
) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """Word by word, each with its own shift, turn and stretch."""
    font, loose, extra = fonts.load(face, size), how.loose, how.spacing * size
    space = fonts.advances(face, size, " ")[1]
    width = (
        int(fonts.advances(face, size, line)[-1] * (1 + 0.2 * loose) + max(0.0, extra) * len(line))
        + 3 * margin
    )
    cover = np.zeros((height, width), np.float32)
    places: list[tuple[float, float]] = []
    x = float(margin)
    for number, word in enumerate(line.split(" ")):
        if number:
            gap = space * (1 + rng.uniform(-0.35, 0.5) * loose) + extra
            places.append((x, x + gap))
            x += gap
        edges = fonts.advances(face, size, word)
        letters = [a + extra * i for i, a in enumerate(edges[:-1])]
        long = edges[-1] + extra * max(0, len(word) - 1)
        strip = Image.new("L", (int(long) + 2 * margin, height), 0)
        pen = ImageDraw.Draw(strip)
        if extra:
            for letter, at in zip(word, letters, strict=True):
                pen.text((margin + at, margin), letter, font=font, fill=255)
        else:
            pen.text((margin, margin), word, font=font, fill=255)
        wide, high = (1 + rng.uniform(-0.12, 0.12) * loose for _ in range(2))
        angle = math.radians(rng.uniform(-4, 4) * loose) * min(1.0, 4 * size / max(long, 1))
        down = rng.uniform(-0.15, 0.15) * loose * size
        cos, sin, cx, cy = math.cos(angle), math.sin(angle), margin + long / 2, margin + size / 2
        to_x, to_y = x + wide * long / 2, margin + size / 2 + down
        turn = np.array(
            [
                [wide * cos, -high * sin, to_x - wide * cos * cx + high * sin * cy],
                [wide * sin, high * cos, to_y - wide * sin * cx - high * cos * cy],
            ],
            np.float32,
        )
        # Only where the word can come to lie: most of the line is elsewhere.
        first = max(0, int(x - margin))
        last = min(width, math.ceil(x + wide * long + margin))
        turn[0, 2] -= first
        window = cover[:, first:last]
        drawn = cv2.warpAffine(np.asarray(strip, np.float32) / 255, turn, window.shape[::-1])
        np.maximum(window, drawn, out=window)
        for at, a, b in zip(letters, edges, edges[1:], strict=False):
            places.append((x + wide * at, x + wide * (at + b - a)))
        x += wide * long
    return cover[:, : min(width, int(x) + margin)], places


def stroke(rng: random.Random, ink: Ink) -> Ink:
    """Strokes thicker (spread ink, copies) or thinner (worn type)."""
    kernel = np.ones((2, 2) if ink.size < 36 else (3, 3), np.uint8)
    # Only what is drawn large can lose a pixel on every side.
    thick = ink.size < 34 or rng.random() < 0.5
    changed = (cv2.dilate if thick else cv2.erode)(ink.cover, kernel)
    share = rng.uniform(0.3, 1.0) if thick else rng.uniform(0.2, 0.5)
    return replace(ink, cover=ink.cover + (changed - ink.cover) * np.float32(share))


def warp(rng: random.Random, ink: Ink, strength: float = 0.05) -> Ink:
    """Strokes wander by a few hundredths of an em, as a hand's do."""
    height, width = ink.cover.shape
    noise = np.random.default_rng(rng.randrange(2**32))
    coarse = (2, 4, max(3, round(width / ink.size)))
    fields = noise.standard_normal(coarse, np.float32) * np.float32(strength * ink.size)
    dx, dy = (cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC) for field in fields)
    xs, ys = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return replace(ink, cover=cv2.remap(ink.cover, xs + dx, ys + dy, cv2.INTER_LINEAR))


def needles(rng: random.Random, ink: Ink) -> Ink:
    """Printed by needles: round dots on a grid, some missing, a needle worn out now and then."""
    dots = rng.randint(16, 24)
    grid = ink.scaled(dots / ink.size, dots / ink.size)
    noise = np.random.default_rng(rng.randrange(2**32))
    on = (grid.cover > 0.42) & (noise.random(grid.cover.shape) > rng.uniform(0, 0.05))
    level = noise.uniform(rng.uniform(0.6, 1), 1, grid.cover.shape).astype(np.float32) * on
    if rng.random() < 0.2:
        level[rng.randrange(level.shape[0])] *= 0.2
    side, radius = 4, rng.uniform(0.5, 0.75)
    at = (np.arange(side) + 0.5) / side - 0.5
    dot = np.clip((radius - np.hypot(*np.meshgrid(at, at))) * side, 0, 1).astype(np.float32)
    cover = np.kron(level, dot)
    return Ink(cover, [(a * side, b * side) for a, b in grid.edges], grid.size * side)


def thermal(rng: random.Random, ink: Ink) -> Ink:
    """Printed by heat: columns that fade, dead elements, grain."""
    height, width = ink.cover.shape
    noise = np.random.default_rng(rng.randrange(2**32))
    knots = noise.uniform(rng.uniform(0.4, 0.9), 1, max(3, round(width / ink.size / 2))).astype(np.float32)
    fade = cv2.resize(knots[None], (width, 1), interpolation=cv2.INTER_LINEAR)
    for _ in range(rng.choice((0, 0, 1, 2, 4))):
        at = rng.randrange(width)
        fade[:, at : at + max(1, round(ink.size * 0.05))] *= np.float32(rng.uniform(0.2, 0.6))
    grain = 1 - np.float32(rng.uniform(0, 0.4)) * noise.random((height, width), np.float32)
    return replace(ink, cover=ink.cover * fade * grain)
