"""Pages that are folded, or bent along the back of a book: how far each column of pixels sags.

In: a level picture and its text quadrangles. Out: for each column how many pixels it stands too low, and the
picture with its columns moved back. Strips of the page are compared with the print beside them, for lines of
text, rows of cells and rules all go on from strip to strip; the offsets that agree best, and bend least, are
found by dynamic programming. Knows nothing of what is written, and of pages that sag differently above and
below.
"""

from __future__ import annotations

import cv2
import numpy as np

from adotx.documents.layout.detect import Quads

# Pixels per em at which offsets are looked for: they are told to a twelfth of an em.
_EM = 12
# Strips are this wide and begin half of it apart, in pixels of that size.
_STRIP = 12
# Darker than what is around: lines of print are lower than this many pixels.
_LINE = 13
# Profiles are even over this many pixels: what changes more slowly is no line.
_PITCH = 37
# How many strips away the weight of a strip in the comparison has fallen to 1/e.
_REACH = 14.0
# Offsets go up to this many pixels, and change by at most so many from strip to strip (a slope of 0.33).
_DEEPEST, _STEEPEST = 13, 2
# What a strip has to agree better (cosine) to leave its place, and to leave it by a pixel more than the one
# beside it. A strip without print goes along with the others.
_LEAVE, _STEP, _BLANK = 0.06, 0.02, 0.3
# So many boxes of text are needed: the letters of a sign agree by chance.
_FEWEST = 8
# A strip with less print than this share of the usual has none.
_LITTLE = 0.15
# Offsets are judged anew against the strips in their new places so many times.
_ROUNDS = 4
# Bends of less than this many em do no harm; strips moved agree by so much with the others, and so much more
# than before.
_SHALLOW, _AGREE, _BETTER = 0.2, 0.35, 0.08


def sag(rgb: np.ndarray, quads: Quads, em: float) -> np.ndarray | None:
    """How many pixels each column stands too low: float64 [W]; None for a flat page.

    Args:
        rgb: uint8 [H, W, 3], its lines level but where it is bent.
        quads: its text.
        em: pixels per em of most of it.
    """
    if len(quads) < _FEWEST:
        return None
    size = em / _EM
    profiles, printed = _profiles(rgb, quads, size)
    if np.count_nonzero(printed) < _REACH:
        return None
    offsets = _offsets(profiles, printed)
    moved = (offsets != 0) & printed
    if np.abs(offsets).max() < _SHALLOW * _EM or not moved.any() or moved.all():
        return None
    before, after = (_agreement(profiles, at, moved) for at in (np.zeros_like(offsets), offsets))
    if after < max(_AGREE, before + _BETTER):
        return None
    smooth = np.convolve(np.pad(offsets, 1, "edge"), (0.25, 0.5, 0.25), "valid")
    centres = (np.arange(len(offsets)) + 1) * (_STRIP // 2) * size
    return np.interp(np.arange(rgb.shape[1]), centres, smooth * size)


def unbent(rgb: np.ndarray, low: np.ndarray) -> np.ndarray:
    """The picture with its columns moved up by `low` pixels each: what `sag` says."""
    height, width = rgb.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    y += low.astype(np.float32)
    return cv2.remap(rgb, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _profiles(rgb: np.ndarray, quads: Quads, size: float) -> tuple[np.ndarray, np.ndarray]:
    """How dark each row of each strip is, float32 [n, h] of length 1, and which strips have print, bool [n].

    Args:
        size: pixels of the picture for one of the profiles.
    """
    height, width = (max(1, round(side / size)) for side in rgb.shape[:2])
    gray = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (width, height), interpolation=cv2.INTER_AREA)
    dark = cv2.morphologyEx(gray, cv2.MORPH_BLACKHAT, np.ones((_LINE, 1), np.uint8)).astype(np.float32)
    text = np.zeros(gray.shape, np.uint8)
    # Around each line, the rules above and below it.
    around = np.array([[_EM // 6, _EM // 2]])
    boxes = np.hstack([quads.corners.min(1) / size - around, quads.corners.max(1) / size + around])
    for x0, y0, x1, y1 in np.maximum(boxes, 0).astype(int).tolist():
        text[y0:y1, x0:x1] = 1
    half = _STRIP // 2
    count = width // half
    halves = (dark * text)[:, : count * half].reshape(height, count, half).sum(2).T
    strips = halves[:-1] + halves[1:]
    if not strips.any():
        return strips, np.zeros(len(strips), bool)
    # Rules and large type weigh no more than a line of text.
    strips = np.minimum(strips, np.percentile(strips[strips > 0], 90))
    strips = cv2.GaussianBlur(strips, (7, 1), 1.2)
    strips -= cv2.blur(strips, (_PITCH, 1))
    lengths = np.linalg.norm(strips, axis=1)
    printed = lengths > _LITTLE * float(np.median(lengths[lengths > 0]))
    return np.where(printed[:, None], strips / np.maximum(lengths, 1e-6)[:, None], 0), printed


def _moved(profiles: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Profiles with what stands too low moved up."""
    return np.stack([np.roll(profile, -low) for profile, low in zip(profiles, offsets, strict=True)])


def _offsets(profiles: np.ndarray, printed: np.ndarray) -> np.ndarray:
    """The offset of each strip at which it goes on best from those around it: int [n]."""
    at = np.arange(len(profiles))
    near = np.exp(-np.abs(at[:, None] - at) / _REACH) * printed
    np.fill_diagonal(near, 0)
    lows = np.arange(-_DEEPEST, _DEEPEST + 1)
    leave = _LEAVE * (lows != 0)
    step = np.abs(lows[:, None] - lows)
    cost = np.where(step > _STEEPEST, np.inf, _STEP * step)
    offsets = np.zeros(len(profiles), np.int64)
    for _ in range(_ROUNDS):
        around = near @ _moved(profiles, offsets)
        around /= np.maximum(np.linalg.norm(around, axis=1), 1e-6)[:, None]
        agree = np.stack([(np.roll(profiles, -low, 1) * around).sum(1) for low in lows], 1) - leave
        agree[~printed] = -_BLANK * leave
        best, came = agree[0], []
        for gain in agree[1:]:
            ways = best - cost
            came.append(ways.argmax(1))
            best = ways.max(1) + gain
        path = [int(best.argmax())]
        for way in reversed(came):
            path.append(int(way[path[-1]]))
        found = lows[path[::-1]]
        if np.array_equal(found, offsets):
            break
        offsets = found
    return offsets


def _agreement(profiles: np.ndarray, offsets: np.ndarray, moved: np.ndarray) -> float:
    """How well the strips that move agree with those that stay (cosine, the mean over strips)."""
    placed = _moved(profiles, offsets)
    others = placed[~moved].sum(0)
    return float((placed[moved] @ others).mean() / max(float(np.linalg.norm(others)), 1e-6))
