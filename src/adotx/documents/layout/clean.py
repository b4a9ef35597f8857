"""A photographed or scanned page in, an upright evenly lit dark-on-light page out.

In: an RGB image. Out: `CleanPage`: grey uint8 [H, W] with paper near 245 and ink near 20, ink masks, dark
panels (white-on-dark boxes, turned over already) and the affine map back to the input. Knows nothing of
lines, text or models.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

#: Larger pages are reduced: 9 million pixels are A4 at 300 dpi.
MAX_PIXELS = 9_000_000
#: Smaller pictures (a line, a label) are enlarged before thresholds in whole pixels make sense.
MIN_SIDE = 48
PAPER, INK = 245.0, 20.0
_MAX_SKEW = 3.0
# Share of the ink's darkness above which a pixel is ink; faint is what ruling lines need.
_INK_SHARE, _FAINT_SHARE = 0.32, 0.16
# Less darkness than this share of the paper is texture, not print.
_LEAST_CONTRAST = 0.07

Box = tuple[int, int, int, int]


@dataclass
class CleanPage:
    """One page ready for layout.

    Attributes:
        gray: uint8 [H, W], paper about 245, full ink about 20.
        ink: bool [H, W], print without paper texture.
        faint: bool [H, W], also what is much lighter than print (ruling lines).
        panels: boxes (x0, y0, x1, y1) that were light on dark; their content is turned over in `gray` and
        `ink`.
        angle: degrees the page was turned counter-clockwise to stand upright.
        matrix: float64 [2, 3]; (x, y, 1) of the clean page -> (x, y) of the input.
        noise: deviation of the paper's texture as a share of the ink's darkness.
        blank: True where nothing is darker than texture.
    """

    gray: np.ndarray
    ink: np.ndarray
    faint: np.ndarray
    panels: list[Box] = field(default_factory=list)
    angle: float = 0.0
    matrix: np.ndarray = field(default_factory=lambda: np.eye(2, 3))
    noise: float = 0.0
    blank: bool = False


def clean(image: Image.Image, deskew: bool = True) -> CleanPage:
    """Clean one page.

    Args:
        image: any mode; RGB from `adotx.vision.open_image`.
        deskew: straighten a skew of up to three degrees.
    """
    gray = image.convert("L")
    width, height = gray.size
    scale = min(1.0, math.sqrt(MAX_PIXELS / (width * height)))
    if scale < 1.0:
        gray = gray.resize(
            (max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BOX
        )
    if min(gray.size) < MIN_SIDE:  # a crop of a line: give it a margin of its own paper
        gray = _pad(gray)
    values = np.asarray(gray)
    offset = ((gray.width - width * scale) / 2, (gray.height - height * scale) / 2)
    matrix = np.array([[1 / scale, 0, -offset[0] / scale], [0, 1 / scale, -offset[1] / scale]])
    # A short text covers a few thousandths of a page.
    low, high = np.percentile(values[::3, ::3], (0.1, 99.9))
    if high - low > 20 and _is_dark(values, (low + high) / 2):
        values = 255 - values
    values = _dusted(_dusted(values).T).T
    gray = Image.fromarray(np.ascontiguousarray(values))
    angle = skew_angle(values) if deskew else 0.0
    if abs(angle) >= 0.04:
        before = gray.size
        edge = int(np.median(np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])))
        gray = gray.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=edge)
        matrix = matrix @ np.vstack([_unrotate(angle, before, gray.size), [0, 0, 1]])
        values = np.asarray(gray)
    else:
        angle = 0.0
    darkness, panels = _flatten(values)
    return _normalized(darkness, panels, angle, matrix)


def _is_dark(gray: np.ndarray, middle: float) -> bool:
    """Whether a page is light on dark: most of it and its margin, or nearly all, is dark."""
    dark = float(np.mean(gray[::3, ::3] < middle))
    rim = max(2, min(gray.shape) // 40)
    edge = np.concatenate(
        [gray[:rim].ravel(), gray[-rim:].ravel(), gray[:, :rim].ravel(), gray[:, -rim:].ravel()]
    )
    return dark > 0.85 or (dark > 0.5 and float(np.mean(edge < middle)) > 0.7)


def _pad(gray: Image.Image) -> Image.Image:
    edge = np.asarray(gray)
    border = int(np.median(np.concatenate([edge[0], edge[-1], edge[:, 0], edge[:, -1]])))
    canvas = Image.new("L", (max(gray.width + 16, MIN_SIDE), max(gray.height + 16, MIN_SIDE)), border)
    canvas.paste(gray, ((canvas.width - gray.width) // 2, (canvas.height - gray.height) // 2))
    return canvas


def _dusted(gray: np.ndarray) -> np.ndarray:
    """The page without the upright streaks that dust on a scanner's glass draws from edge to edge."""
    height, width = gray.shape
    if width < 16 or height < 64:
        return gray
    reach = 3
    rows = gray[:: max(1, height // 500)].astype(np.int16)
    beside = np.minimum(rows[:, : -2 * reach], rows[:, 2 * reach :])
    darker = beside - rows[:, reach:-reach] >= 3
    ends = max(1, len(rows) // 50)
    # A ruling line ends before the sheet does.
    full = (darker.mean(0) > 0.72) & (darker[:ends].mean(0) > 0.7) & (darker[-ends:].mean(0) > 0.7)
    columns = np.flatnonzero(full) + reach
    if not len(columns) or len(columns) > 40:
        return gray
    out = gray.copy()
    for column in columns.tolist():
        outside = (rows[:, column - reach] + rows[:, column + reach]) / 2
        factor = float(np.median(rows[:, column] / np.maximum(outside, 1)))
        if factor > 0.5:  # print that it crosses comes back with the paper
            out[:, column] = np.clip(gray[:, column] / factor, 0, 255).astype(np.uint8)
    return out


def _unrotate(angle: float, before: tuple[int, int], after: tuple[int, int]) -> np.ndarray:
    """[2, 3]: a point of the turned picture -> the picture before; both turn about their centres."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    (w0, h0), (w1, h1) = before, after
    return np.array(
        [
            [c, -s, w0 / 2 - c * w1 / 2 + s * h1 / 2],
            [s, c, h0 / 2 - s * w1 / 2 - c * h1 / 2],
        ]
    )


def skew_angle(gray: np.ndarray) -> float:
    """Degrees to turn a page counter-clockwise so that its lines are horizontal; 0 where nothing speaks for
    another angle.

    Horizontal edges are projected along each candidate direction; level text piles them up
    into few rows. Edges instead of ink, so that shadows and dark panels do not matter.
    """
    step = max(1, round(max(gray.shape) / 1400))
    small = _block_means(gray, step)
    if small.shape[0] < 8 or small.shape[1] < 32:
        return 0.0
    edges = small[2:] - small[:-2]
    strong = np.percentile(np.abs(edges[::2, ::2]), 97)
    if strong < 6:
        return 0.0
    y, x = np.nonzero(np.abs(edges) > strong * 0.7)
    if len(y) > 40_000:
        pick = np.random.default_rng(0).choice(len(y), 40_000, replace=False)
        y, x = y[pick], x[pick]
    sign = np.sign(edges[y, x])
    x = x - small.shape[1] / 2

    def score(angle: float) -> float:
        rows = y - x * math.tan(math.radians(angle))
        rows -= rows.min()
        # Bottom edges are positive and top edges negative: a level line keeps them apart.
        profile = np.bincount((rows + 0.5).astype(np.int64), weights=sign)
        return float(np.sum(profile * profile))

    best, best_score = 0.0, score(0.0)
    for span, stride in ((_MAX_SKEW, 0.25), (0.25, 0.05)):
        centre = best
        for angle in np.arange(-span, span + 1e-9, stride) + centre:
            value = score(float(angle))
            if value > best_score:
                best, best_score = float(angle), value
    if abs(best) > _MAX_SKEW - 0.01 or best_score < 1.03 * score(0.0):
        return 0.0
    return best


def _block_means(gray: np.ndarray, step: int) -> np.ndarray:
    """uint8 [H, W] -> float64 [H // step, W // step]: means of whole blocks of `step` pixels a side."""
    height, width = gray.shape[0] // step * step, gray.shape[1] // step * step
    # Sums of shifted images: fifteen times as fast as a mean over two axes.
    sums = np.zeros((height // step, width // step), np.uint32)
    for y in range(step):
        for x in range(step):
            sums += gray[y:height:step, x:width:step]
    return sums / step**2


def _flatten(gray: np.ndarray) -> tuple[np.ndarray, list[Box]]:
    """Darkness float32 [H, W] against the local paper (0 paper, 1 black), and the dark panels, turned
    over."""
    height, width = gray.shape
    block = int(np.clip(round(math.sqrt(gray.size) / 230), 3, 12))
    tiles = np.pad(gray, ((0, -height % block), (0, -width % block)), mode="edge")
    rows, cols = tiles.shape[0] // block, tiles.shape[1] // block
    tiles = tiles.reshape(rows, block, cols, block).swapaxes(1, 2).reshape(rows, cols, block * block)
    most, half = int(block * block * 0.85), block * block // 2
    ordered = np.partition(tiles, (0, half, most), axis=-1)
    bright = ordered[..., most].astype(np.float32)
    middle = ordered[..., half].astype(np.float32)
    paper = _surface(bright)
    dark = 1 - middle / paper
    contrast = max(1 - float(np.percentile(ordered[..., 0] / paper, 3)), 0.1)
    panels = _panels(dark, gray, paper, contrast, block)
    for x0, y0, x1, y1 in panels:
        area = np.s_[y0 // block : -(-y1 // block), x0 // block : -(-x1 // block)]
        bright[area] = paper[area]
    # Grey closing fills whatever is narrower than the window with the paper around it; tinted rows are wider.
    window = max(3, min(5 if block >= 5 else 7, rows | 1, cols | 1))
    local = ndimage.grey_closing(np.minimum(bright, paper * 1.15), size=(window, window), mode="nearest")
    local = ndimage.gaussian_filter(local, 1.0, mode="nearest")
    field = np.asarray(
        Image.fromarray(local).resize((cols * block, rows * block), Image.Resampling.BILINEAR)
    )[:height, :width]
    darkness = gray / np.maximum(field, 1.0)
    np.subtract(1, darkness, out=darkness)
    for box in panels:
        _turn_over(darkness, box)
    _wipe_wedges(darkness, bright < 0.86 * paper, block)
    return darkness, panels


def _wipe_wedges(darkness: np.ndarray, dark: np.ndarray, block: int) -> None:
    """Paper over the desk that shows beside a page that lies askew: dark blocks hanging on the picture's
    edge."""
    labels, count = ndimage.label(np.pad(dark, 1, constant_values=True))
    if not count:
        return
    wedge = labels[1:-1, 1:-1] == labels[0, 0]
    reach_y, reach_x = max(2, round(0.06 * dark.shape[0])), max(2, round(0.06 * dark.shape[1]))
    wedge[reach_y:-reach_y, reach_x:-reach_x] = False
    if wedge.sum() < 3:
        return
    wedge = ndimage.binary_dilation(wedge, iterations=1)
    full = np.repeat(np.repeat(wedge, block, 0), block, 1)[: darkness.shape[0], : darkness.shape[1]]
    darkness[full] = 0


def _surface(bright: np.ndarray) -> np.ndarray:
    """The paper's brightness as a smooth quadratic surface that print, panels and pictures do not pull
    down."""
    rows, cols = bright.shape
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, cols), indexing="ij")
    basis = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], -1).reshape(-1, 6)
    values = bright.reshape(-1)
    pick = np.arange(0, len(values), max(1, len(values) // 8000))
    basis_small, small = basis[pick], values[pick]
    keep = small > 0.6 * np.percentile(small, 75)
    for _ in range(5):
        if keep.sum() < 12:
            break
        # By the normal equations: six unknowns are solved at once, where thousands of rows would wake BLAS's
        # threads.
        known = basis_small[keep]
        weights, *_ = np.linalg.lstsq(known.T @ known, known.T @ small[keep], rcond=None)
        fit = basis_small @ weights
        keep = (small > fit * 0.88) & (small < fit * 1.2)
    else:
        surface = (basis @ weights).reshape(rows, cols)
        # Where it was extrapolated it may not leave the range of what was seen.
        low, high = np.percentile(small[keep], (1, 99)) if keep.any() else (small.min(), small.max())
        return np.clip(surface, max(low * 0.9, 1), high * 1.1).astype(np.float32)
    return np.full(bright.shape, max(float(np.percentile(values, 75)), 1.0), np.float32)


def _panels(dark: np.ndarray, gray: np.ndarray, paper: np.ndarray, contrast: float, block: int) -> list[Box]:
    """Upright rectangles that are mostly as dark as ink: headers and code boxes with light text."""
    mask = dark > 0.55 * contrast
    mask = ndimage.binary_closing(np.pad(mask, 2), np.ones((3, 3)))[2:-2, 2:-2]
    labels, count = ndimage.label(mask)
    if not count:
        return []
    height, width = gray.shape
    found: list[Box] = []
    for number, (ys, xs) in enumerate(ndimage.find_objects(labels), 1):
        rows, cols = ys.stop - ys.start, xs.stop - xs.start
        if rows < 3 or cols < 5 or rows * cols < 20:
            continue
        if np.mean(labels[ys, xs] == number) < 0.75:
            continue
        threshold = float(np.median(paper[ys, xs])) * (1 - 0.5 * contrast)
        y0, y1 = max(0, (ys.start - 1) * block), min(height, (ys.stop + 1) * block)
        x0, x1 = max(0, (xs.start - 1) * block), min(width, (xs.stop + 1) * block)
        solid = gray[y0:y1, x0:x1] < threshold
        on_rows, on_cols = np.flatnonzero(solid.mean(1) > 0.45), np.flatnonzero(solid.mean(0) > 0.45)
        if len(on_rows) < 8 or len(on_cols) < 8:
            continue
        box = (x0 + on_cols[0], y0 + on_rows[0], x0 + on_cols[-1] + 1, y0 + on_rows[-1] + 1)
        inside = gray[box[1] : box[3], box[0] : box[2]] < threshold
        frame = np.concatenate(
            [inside[1:3].ravel(), inside[-3:-1].ravel(), inside[:, 1:3].ravel(), inside[:, -3:-1].ravel()]
        )
        # Print is never solid along all its four edges.
        if inside.mean() > 0.6 and frame.mean() > 0.9:
            left, top, right, low = (int(v) for v in box)
            found.append((left, top, right, low))
    return found


def _turn_over(darkness: np.ndarray, box: Box) -> None:
    """Make one dark panel light, in place, and wipe its edge."""
    x0, y0, x1, y1 = box
    area = darkness[y0:y1, x0:x1]
    base = float(np.median(area))
    light = base - float(np.percentile(area, 1))
    turned = np.clip((base - area) * (base / light), 0, None) if light > 0.25 * base else np.zeros_like(area)
    edge = 2
    turned[:edge] = turned[-edge:] = 0
    turned[:, :edge] = turned[:, -edge:] = 0
    height, width = darkness.shape
    darkness[max(0, y0 - 3) : min(height, y1 + 3), max(0, x0 - 3) : min(width, x1 + 3)] = 0
    darkness[y0:y1, x0:x1] = turned


def _normalized(darkness: np.ndarray, panels: list[Box], angle: float, matrix: np.ndarray) -> CleanPage:
    """Choose what is ink, and spread the greys so that paper and ink have fixed ones."""
    sample = darkness[::2, ::2]
    middle = float(np.median(sample))
    noise = 1.4826 * float(np.median(np.abs(sample - middle)))
    threshold = middle + max(_LEAST_CONTRAST, 4.5 * noise)
    marked = sample[sample > threshold]
    if len(marked) < max(12, 2e-6 * sample.size):
        flat = np.full(darkness.shape, round(PAPER), np.uint8)
        empty = np.zeros(darkness.shape, bool)
        return CleanPage(flat, empty, empty, panels, angle, matrix, blank=True)
    full = max(float(np.percentile(marked, 80)) - middle, 0.1)
    share = darkness - middle
    share /= full
    spread = noise / full
    levels = share * (PAPER - INK)
    np.subtract(PAPER, levels, out=levels)
    gray = np.clip(levels, 0, 255, out=levels).astype(np.uint8)
    if spread > 0.07:  # texture reaches into the ink's range: judge a smoothed page
        radius = 0.7 if spread < 0.14 else 1.1
        smooth = np.asarray(Image.fromarray(gray).filter(ImageFilter.GaussianBlur(radius)))
        judged = (PAPER - smooth) / (PAPER - INK)
        spread /= 2.2 * radius
    else:
        judged = share
    ink = judged > max(_INK_SHARE, min(3.5 * spread, 0.5))
    faint = share > max(_FAINT_SHARE, min(1.5 * noise / full, 0.4))
    # What has no dark core is texture that happened to clump.
    strong = judged > max(_INK_SHARE + 0.1, min(5.0 * spread, 0.65))
    labels, count = ndimage.label(ink, np.ones((3, 3)))
    has_core = np.zeros(count + 1, bool)
    has_core[labels[strong]] = True
    has_core[0] = False
    ink = has_core[labels]
    return CleanPage(gray, ink, faint, panels, angle, matrix, noise / full)
