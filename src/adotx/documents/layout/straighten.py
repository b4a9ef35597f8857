"""Which homography makes a photographed or skewed page upright, and pictures warped by it.

In: text quadrangles, straight strokes of a picture. Out: matrices [3, 3]; `straighten` gives the upright
strip of one quadrangle, for inference and training alike. Knows nothing of ink, lines' order or models.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from adotx.documents.layout.detect import Quads

# A quadrangle this many times as wide as high has a direction that can be trusted.
_LONG = 2.5
# Lines whose direction is off by more than this (tangent) are judged to be of something else: 2 degrees.
_STRAY = 0.035
# Directions that change less than this (tangent) over the page are one direction: half a degree.
_CHANGE = 0.009
# Less skew than this (tangent) is left alone: 0.04 degrees.
_LEAST_SKEW = 0.0007
# Upright strokes shorter than this share of the text's height, or than so many of its lines' heights, may be
# parts of letters.
_STROKE, _LONGEST_STROKE = 0.12, 3.0
# How much of the text's height upright strokes must cover together before they are believed.
_ENOUGH_STROKES = 0.6
# Uprights that lean less than this on the average (tangent: 0.7 degrees) are left alone: margins are ragged
# by as much; and so are those of which setting them upright leaves more than this share of the lean.
_LEAST_LEAN, _BETTER = 0.012, 0.6
# Grey levels by which a picture's rim differs from paper, and the share of it that does around a sheet in a
# scene.
_OTHER, _SCENE = 40.0, 0.2
# A homography may change the size of type over the page at most this much.
_LARGEST_CHANGE = 6.0


def straighten(gray: np.ndarray, quad: np.ndarray, height: int) -> np.ndarray:
    """The strip of a quadrangle, upright.

    Args:
        gray: uint8 [H, W] or [H, W, 3].
        quad: float [4, 2], (x, y) of top left, top right, bottom right, bottom left.
        height: of the strip in pixels; its width keeps the proportions.
    """
    quad = np.asarray(quad, np.float32)
    high = float(np.linalg.norm(quad[3] - quad[0]) + np.linalg.norm(quad[2] - quad[1]))
    wide = float(np.linalg.norm(quad[1] - quad[0]) + np.linalg.norm(quad[2] - quad[3]))
    width = max(1, round(wide / max(high, 1e-6) * height))
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    return warp(gray, cv2.getPerspectiveTransform(quad, target), (width, height))


def warp(picture: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A picture under a homography (input pixel -> output pixel); outside of it its edge goes on.

    Where the output is much smaller, the picture is reduced first, so that no stroke falls between pixels.
    """
    shrink = 1 / max(scale_at(matrix, picture.shape[1] / 2, picture.shape[0] / 2), 1e-6)
    if shrink > 1.5:
        width, height = (max(1, round(side / shrink)) for side in (picture.shape[1], picture.shape[0]))
        back = np.diag([picture.shape[1] / width, picture.shape[0] / height, 1.0])
        picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        # Pixel centres lie half a pixel inside.
        matrix = matrix @ _shift(-0.5, -0.5) @ back @ _shift(0.5, 0.5)
    return cv2.warpPerspective(picture, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def scale_at(matrix: np.ndarray, x: float, y: float) -> float:
    """How much larger a homography makes things at a point: the root of its Jacobian's determinant."""
    u, v, w = matrix @ (x, y, 1.0)
    jacobian = (matrix[:2, :2] * w - np.outer((u, v), matrix[2, :2])) / (w * w)
    return math.sqrt(abs(float(np.linalg.det(jacobian))))


def upright(quads: Quads, rgb: np.ndarray) -> np.ndarray:
    """The homography [3, 3] after which lines of text are level and uprights are upright; the identity for a
    straight page."""
    if not len(quads):
        return np.eye(3)
    height, width = rgb.shape[:2]
    centre = _shift(-width / 2, -height / 2)
    moved = quads.mapped(centre)
    level = _level(moved)
    if not _sane(level, moved):
        level = np.eye(3)
    both = _unlean(moved.mapped(level), rgb, level @ centre) @ level
    if not _sane(both, moved):
        both = level
    if np.allclose(both, np.eye(3)):
        return np.eye(3)
    return _shift(width / 2, height / 2) @ both @ centre


def _shift(x: float, y: float) -> np.ndarray:
    return np.array([[1.0, 0, x], [0, 1.0, y], [0, 0, 1.0]])


def _level(quads: Quads) -> np.ndarray:
    """The homography that makes lines level: their slopes t at (x, y) fit t = b + c (t x - y), as all meet
    in one point."""
    long = quads.widths > _LONG * quads.heights
    if not long.any():
        return np.eye(3)
    corners = quads.corners[long].astype(np.float64)
    left, right = corners[:, [0, 3]].mean(1), corners[:, [1, 2]].mean(1)
    step, (x, y) = right - left, ((left + right) / 2).T
    slope, length = step[:, 1] / step[:, 0], step[:, 0]
    b, c = _fitted(slope, np.stack([np.ones_like(x), slope * x - y], 1), length)
    span = float(y.max() - y.min()) if len(y) > 3 else 0.0
    if abs(c) * span < _CHANGE:
        b, _ = _fitted(slope, np.ones((len(x), 1)), length)[0], 0.0
        c = 0.0
        if abs(b) < _LEAST_SKEW:
            return np.eye(3)
    cos, sin = 1 / math.hypot(1, b), b / math.hypot(1, b)
    # The last row sends the lines' meeting point (1, b, c) to infinity.
    last = -c / (1 + b * b)
    return np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [last, last * b, 1.0]])


def _fitted(values: np.ndarray, basis: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Weights of `basis` that fit `values`, of what agrees with most; long lines count more."""
    order = np.argsort(values)
    share = np.cumsum(length[order]) / length.sum()
    weights = np.zeros(basis.shape[1])
    weights[0] = float(values[order][np.searchsorted(share, 0.5)])
    # The first look is wide: perspective spreads the slopes.
    for stray in (0.3, 0.15, 0.07, _STRAY, _STRAY):
        off = values - basis @ weights
        trust = length**2 / (1 + (off / (stray / 2)) ** 2)
        trust[np.abs(off) > stray] = 0
        if (trust > 0).sum() < basis.shape[1] + 1:
            break
        root = np.sqrt(trust / trust.max())
        weights = np.linalg.lstsq(basis * root[:, None], values * root, rcond=1e-9)[0]
    return weights


def _unlean(text: Quads, rgb: np.ndarray, to_level: np.ndarray) -> np.ndarray:
    """The homography that makes uprights upright and leaves level lines level: slopes u = dx / dy at (x, y)
    fit u = s + k (u y - x)."""
    starts, ends = _uprights(text, rgb, to_level)
    if not len(starts):
        return np.eye(3)
    step, (x, y) = ends - starts, ((starts + ends) / 2).T
    slope, length = step[:, 0] / step[:, 1], step[:, 1]
    span = float(np.ptp(text.corners[..., 1]))
    if length.sum() < _ENOUGH_STROKES * span:
        return np.eye(3)
    s, k = _fitted(slope, np.stack([np.ones_like(x), slope * y - x], 1), length)
    if np.ptp(x) < 0.2 * float(np.ptp(text.corners[..., 0])):
        s, k = float(_fitted(slope, np.ones((len(x), 1)), length)[0]), 0.0
    left = slope - s - k * (slope * y - x)
    agree = np.abs(left) < _STRAY / 2
    if length[agree].sum() < max(0.5 * length.sum(), _ENOUGH_STROKES * span):
        return np.eye(3)
    before, after = (float(np.abs(off) @ length / length.sum()) for off in (slope, left))
    if before < _LEAST_LEAN or after > _BETTER * before:
        return np.eye(3)
    return np.array([[1.0, -s, 0.0], [0.0, 1.0, 0.0], [0.0, -k, 1.0]])


def _uprights(text: Quads, rgb: np.ndarray, to_level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower ends of what ought to be upright, after `to_level`: rules and edges of sheets, and
    margins that lines of text share."""
    pairs = [_margins(text)]
    if abs(to_level[2, :2]).max() > 0 or in_a_scene(rgb):
        pairs.append(_strokes(rgb, to_level))
    ends = np.concatenate(pairs).astype(np.float64)
    ends = np.where((ends[:, 0, 1] > ends[:, 1, 1])[:, None, None], ends[:, ::-1], ends)
    step = ends[:, 1] - ends[:, 0]
    span = float(np.ptp(text.corners[..., 1]))
    least = max(_STROKE * span, _LONGEST_STROKE * float(np.median(text.heights)))
    keep = (np.abs(step[:, 0]) < 0.4 * step[:, 1]) & (step[:, 1] > least)
    return ends[keep, 0], ends[keep, 1]


def in_a_scene(rgb: np.ndarray) -> bool:
    """Whether something else than paper shows around a sheet: its rim is not as bright as most of it."""
    green = rgb[..., 1]
    rim = np.concatenate([green[0], green[-1], green[:, 0], green[:, -1]])
    paper = float(np.percentile(green[::8, ::8], 75))
    return float(np.mean(np.abs(rim - paper) > _OTHER)) > _SCENE


def _strokes(rgb: np.ndarray, to_level: np.ndarray) -> np.ndarray:
    """Ends float32 [n, 2, 2] of straight strokes of a picture, after `to_level`."""
    shrink = max(1.0, max(rgb.shape[:2]) / 1000)
    small = cv2.cvtColor(
        cv2.resize(rgb, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY
    )
    found = cv2.createLineSegmentDetector().detect(small)[0]
    if found is None:
        return np.zeros((0, 2, 2), np.float32)
    return cv2.perspectiveTransform((found.reshape(-1, 2, 2) * shrink).astype(np.float32), to_level)


def _margins(text: Quads) -> np.ndarray:
    """Stretches float32 [n, 2, 2] along which lines of text begin, or end, one under the other."""
    out: list[tuple[np.ndarray, np.ndarray]] = []
    high = text.heights
    for near, far in ((0, 3), (1, 2)):
        places = (text.corners[:, near] + text.corners[:, far]) / 2
        order = np.argsort(places[:, 1])
        chain: list[int] = []
        for at in order.tolist():
            if chain:
                step = places[at] - places[chain[-1]]
                size = max(high[at], high[chain[-1]])
                if not (0 < step[1] < 3 * size and abs(step[0]) < 0.35 * size):
                    if len(chain) >= 5:
                        out.append((places[chain[0]], places[chain[-1]]))
                    chain = []
            chain.append(at)
        if len(chain) >= 5:
            out.append((places[chain[0]], places[chain[-1]]))
    return np.array(out, np.float32).reshape(-1, 2, 2)


def _sane(matrix: np.ndarray, quads: Quads) -> bool:
    """Whether all text keeps about its size: a wrong fit tears the page apart."""
    points = quads.corners.reshape(-1, 2).astype(np.float64)
    weights = points @ matrix[2, :2] + 1
    if weights.min() < 0.2:
        return False
    sizes = [scale_at(matrix, x, y) for x, y in points[:: max(1, len(points) // 64)]]
    return max(sizes) < _LARGEST_CHANGE * min(sizes)
