"""Made textures of paper, cloth, walls and tables, as factors around 1 for the pixels of a picture.

In: a `random.Random`, a shape. Out: float32 [h, w]. The same in every process; no picture is read.
"""

from __future__ import annotations

import random
from functools import cache

import cv2
import numpy as np

_SIDES = (256, 1024)
_COUNT = 24


def texture(rng: random.Random, shape: tuple[int, ...], most: float = 0.07) -> np.ndarray:
    """A factor for every pixel; its deviation is 0.01 to `most`."""
    field = rng.choice(_fields())
    height, width = shape
    wide, high = min(width, _SIDES[1]), min(height, _SIDES[0])
    y, x = rng.randint(0, _SIDES[0] - high), rng.randint(0, _SIDES[1] - wide)
    part = field[y : y + high, x : x + wide]
    if part.shape != (height, width):
        part = cv2.resize(part, (width, height))
    return np.clip(1 + np.float32(rng.uniform(0.01, most)) * part, 0.6, 1.25)


@cache
def _fields() -> list[np.ndarray]:
    """Noise of several scales: even, creased, with a grain along the row, or woven; mean 0, deviation 1."""
    noise = np.random.default_rng(20)
    height, width = _SIDES
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    out = []
    for number in range(_COUNT):
        field = np.zeros(_SIDES, np.float32)
        for octave in range(1, 8):
            shape = (max(2, 2**octave // 2), 2 ** (octave + 1))
            part: np.ndarray = noise.standard_normal(shape, np.float32)
            if number % 4 == 1:  # creases
                part = 1 - np.abs(part) * 1.5
            elif number % 4 == 2:  # grain
                part = np.repeat(part[:, : shape[1] // 8 + 1], 2, 1)
            weight = noise.uniform(0.1, 0.3) if number % 4 == 3 else noise.uniform(0.3, 1) * 0.6**octave
            field += np.float32(weight) * cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)
        if number % 6 == 5:  # weave
            pitch = noise.uniform(2.5, 6)
            weave = np.sin(xs * (6.28 / pitch)) * np.sin(ys * (6.28 / pitch))
            field += np.float32(noise.uniform(0.2, 0.8)) * weave
        field -= field.mean()
        out.append(field / max(float(field.std()), 1e-6))
    return out
