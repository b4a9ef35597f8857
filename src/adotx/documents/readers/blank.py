"""Whether the pixels alone prove that there is nothing on a page. Knows nothing of text or layout.

A proof, not a guess: whatever might be print, a picture or handwriting is not blank, and a speck of dust is
not either. A page that is not proven blank is shown to the model.
"""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

# The paper is judged by the means of blocks of this many pixels a side.
_BLOCK = 16
# Light that falls from one side may halve the paper's brightness, no more.
_DARKEST_PAPER = 0.5
# In grey levels of 255: what no eye tells from paper.
_INVISIBLE = 4.0
# How many deviations of its noise a pixel of plain paper may be off.
_DEVIATIONS = 7.0
# Means over so many pixels a side lower the noise and keep print, whose strokes are as thick or crowd
# together; with each the noise of the means above which nothing is proven.
_WINDOWS = ((1, 15.0), (3, 5.0), (7, 3.0))
_MOST_PIXELS = 9_000_000


def proven_blank(image: Image.Image) -> bool:
    """Whether every pixel is paper: even, or lit from one side, with nothing that stands out of its noise.

    Args:
        image: any mode.
    """
    grey = image.convert("L")
    if grey.width * grey.height > _MOST_PIXELS:
        grey = grey.reduce(int(np.ceil((grey.width * grey.height / _MOST_PIXELS) ** 0.5)))
    values = np.asarray(grey, np.float32)
    paper = _paper(grey)
    if paper.min() < _DARKEST_PAPER * paper.max() - _INVISIBLE:
        return False
    off = values - paper
    for window, too_noisy in _WINDOWS:
        smooth = cv2.blur(off, (window, window), borderType=cv2.BORDER_REPLICATE)
        noise = 1.4826 * float(np.median(np.abs(smooth - np.median(smooth))))
        if noise > too_noisy or float(np.abs(smooth).max()) > max(_INVISIBLE, _DEVIATIONS * noise):
            return False
    return True


def _paper(grey: Image.Image) -> np.ndarray:
    """float32 [H, W]: block means, put together smoothly."""
    size = (max(1, grey.width // _BLOCK), max(1, grey.height // _BLOCK))
    means = grey.convert("F").resize(size, Image.Resampling.BOX)
    return np.asarray(means.resize(grey.size, Image.Resampling.BILINEAR))
