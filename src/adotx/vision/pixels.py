"""RGB picture in, normalised tiles out, bit-equal to the published image processor.

Goes in: a PIL image of mode RGB (``open_image`` makes one of anything), or the grey values of one ready tile.
Comes out: float32 [tiles, 3, S, S], C-contiguous, row-major tiles, the thumbnail last. Knows nothing of files
or of text.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image

from adotx.errors import AdotxError
from adotx.vision.plan import TileRule, plan


def _channels(values: object) -> tuple[float, float, float]:
    """Mean or deviation as three floats; configs hold one number or three."""
    if isinstance(values, (int, float)):
        return (float(values),) * 3
    first, second, third = (float(value) for value in values)  # type: ignore[attr-defined]
    return first, second, third


@lru_cache(maxsize=8)
def _table(mean: tuple[float, float, float], std: tuple[float, float, float]) -> np.ndarray:
    """float32 [3, 256]: what each byte becomes in each channel."""
    # The published order of roundings: float64 product, float32, then both normalisation steps in float32.
    scaled = (np.arange(256, dtype=np.float64) * (1 / 255)).astype(np.float32)
    mean32, std32 = (np.array(values, np.float32)[:, None] for values in (mean, std))
    return (scaled[None, :] - mean32) / std32


def pixels(image: Image.Image, rule: TileRule) -> np.ndarray:
    """Cut a picture into tiles.

    Args:
        image: mode RGB.
        rule: tile size, grid limits, mean and deviation.

    Returns:
        float32 [T, 3, S, S], C-contiguous, T = ``plan(*image.size, rule).tiles``.

    Raises:
        AdotxError: ``image.mode`` for a picture that is not RGB.
    """
    if image.mode != "RGB":
        what, remedy = "mode {mode} is not RGB", "use open_image first"
        raise AdotxError("image.mode", what, remedy=remedy, mode=image.mode)
    chosen, size = plan(*image.size, rule), rule.tile_size
    table = _table(_channels(rule.image_mean), _channels(rule.image_std))
    out = np.empty((chosen.tiles, 3, size, size), np.float32)
    canvas = np.asarray(image.resize(chosen.canvas, Image.Resampling.BICUBIC))
    # [rows, y, cols, x, 3] -> [rows, cols, y, x, 3]: tiles in reading order.
    grid = canvas.reshape(chosen.rows, size, chosen.cols, size, 3).swapaxes(1, 2)
    parts = [grid.reshape(-1, size, size, 3)]
    if chosen.thumbnail:
        parts.append(np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))[None])
    start = 0
    for part in parts:
        for channel in range(3):
            out[start : start + len(part), channel] = table[channel][part[..., channel]]
        start += len(part)
    assert start == chosen.tiles, (start, chosen)
    return out


def tile_pixels(grey: np.ndarray, rule: TileRule) -> np.ndarray:
    """One grey tile of the model's own size: nothing to cut, resize or convert.

    Args:
        grey: uint8 [S, S], S = ``rule.tile_size``.
        rule: mean and deviation.

    Returns:
        float32 [1, 3, S, S], C-contiguous, equal to the last bit to ``pixels`` of the same tile as RGB under
        a rule that allows a single tile.
    """
    size = rule.tile_size
    assert grey.shape == (size, size) and grey.dtype == np.uint8, (grey.shape, grey.dtype)
    table = _table(_channels(rule.image_mean), _channels(rule.image_std))
    if (table == table[0]).all():  # the published values: one look-up serves all channels
        return np.broadcast_to(table[0][grey], (1, 3, size, size)).copy()
    return np.take(table, grey, axis=1)[None]
