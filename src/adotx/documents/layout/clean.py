"""An upright page in, an evenly lit dark-on-light page out.

In: a `Sheet`. Out: `CleanPage`: grey uint8 [H, W] with paper near 245 and ink near 20, masks of ink, panels
(light print on dark, turned over already). Whether print is dark or light is decided for each text box on its
own. Knows nothing of lines, text or models.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from adotx.documents.layout.networks import Box
from adotx.documents.layout.seals import without_seals
from adotx.documents.layout.sheet import BOX_OF_EM, Sheet

PAPER, INK = 245.0, 20.0
# Share of the ink's darkness above which a pixel is ink; faint is what ruling lines need.
_INK_SHARE, _FAINT_SHARE = 0.32, 0.16
# Of a faint line that lies between two rows of pixels each has so much at least.
_HALF_SHARE = 0.05
# Less darkness than this share of the paper is texture, not print.
_LEAST_CONTRAST = 0.07
# Paper is what is left when dark things narrower than this many em are filled: list marks are, tinted rows of
# tables are not.
_WIDEST_STROKE = 0.9
# A ground is what most of a square of so many em shows: print of either kind covers less than half of it.
_GROUND = 1.1
# Boxes this much larger than the page's type are cleaned on their own: their strokes are wider.
_LARGE = 1.7
# Print fainter than this share of the page's usual is brought to full strength on its own.
_FAINT_PRINT = 0.7
# More of a box than this is not print but a tint.
_MOST_PRINT = 0.5
# Around a box, in its em: what the detector leaves out above and below a line.
_GROW = 0.12
# Paper darker than this grey level is as good as black: nothing is darker than it.
_DARKEST_PAPER = 48.0
# Print and ground differ by this many grey levels at least; a box's rim is this share of its height.
_TWO_TONES, _RIM = 12.0, 0.08
# A panel fills this much of the box around it.
_FILLED = 0.7
# A dark ground that covers more of the page than this is the page.
_WHOLE_PAGE = 0.85

__all__ = ["Box", "CleanPage", "clean"]


@dataclass
class CleanPage:
    """One page ready for layout.

    Attributes:
        gray: uint8 [H, W], paper about 245, full ink about 20.
        ink: bool [H, W], print without paper texture.
        faint: bool [H, W], also what is much lighter than print (ruling lines).
        boxes: int64 [n, 4], (x0, y0, x1, y1) of the text boxes.
        panels: boxes (x0, y0, x1, y1) that were light on dark; their content is turned over in `gray` and
            `ink`.
        matrix: float64 [3, 3]; (x, y, 1) of the clean page -> (x, y, w) of the input.
        noise: deviation of the paper's texture as a share of the ink's darkness.
        blank: True where no text is.
        hairs: bool [H, W], what may be hairlines that lie between two rows or columns of pixels, fainter than
            `faint`; None where texture hides them.
    """

    gray: np.ndarray
    ink: np.ndarray
    faint: np.ndarray
    boxes: np.ndarray
    panels: list[Box] = field(default_factory=list)
    matrix: np.ndarray = field(default_factory=lambda: np.eye(3))
    noise: float = 0.0
    blank: bool = False
    hairs: np.ndarray | None = None

    def to_input(self, x: float, y: float) -> tuple[float, float]:
        """A point of the clean page -> the point of the input image."""
        u, v, w = self.matrix @ (x, y, 1.0)
        return float(u / w), float(v / w)

    @property
    def zoom(self) -> float:
        """Pixels of the input for one of the clean page, in its middle."""
        height, width = self.gray.shape
        x, y = self.to_input(width / 2, height / 2)
        ends = (self.to_input(width / 2 + 1, height / 2), self.to_input(width / 2, height / 2 + 1))
        (a, b), (c, d) = ((u - x, v - y) for u, v in ends)
        return float(np.sqrt(abs(a * d - b * c)))


def clean(sheet: Sheet) -> CleanPage:
    """Clean one page."""
    boxes = _boxes(sheet)
    gray = cv2.cvtColor(sheet.rgb, cv2.COLOR_RGB2GRAY)
    if not len(boxes):
        empty = np.zeros(gray.shape, bool)
        flat = np.full(gray.shape, round(PAPER), np.uint8)
        return CleanPage(flat, empty, empty, boxes, matrix=sheet.matrix, blank=True)
    ems = (boxes[:, 3] - boxes[:, 1]) / BOX_OF_EM
    em = _usual(ems, boxes[:, 2] - boxes[:, 0])
    gray = without_seals(gray, sheet.rgb, boxes, em)
    darkness = _darkness(gray, em)
    levels = np.array([_dark_level(gray[y0:y1, x0:x1]) for x0, y0, x1, y1 in boxes.tolist()])
    dark = levels > 0
    panels: list[Box] = []
    if dark.any():
        panels = _turn_over(darkness, gray, boxes[dark], boxes[~dark], float(np.median(levels[dark])), em)
    for box, size, light in zip(boxes.tolist(), ems.tolist(), dark.tolist(), strict=True):
        if size > _LARGE * em:
            _clean_box(darkness, gray, box, size, light)
    return _normalized(darkness, boxes, panels, sheet.matrix)


def _boxes(sheet: Sheet) -> np.ndarray:
    """Upright boxes int64 [n, 4] of a sheet's quadrangles, inside of it."""
    height, width = sheet.rgb.shape[:2]
    corners = sheet.quads.corners
    low, high = np.floor(corners.min(1)), np.ceil(corners.max(1))
    boxes = np.concatenate([low, high], 1).astype(np.int64).reshape(-1, 4)
    boxes[:, ::2] = boxes[:, ::2].clip(0, width)
    boxes[:, 1::2] = boxes[:, 1::2].clip(0, height)
    return boxes[(boxes[:, 2] - boxes[:, 0] > 2) & (boxes[:, 3] - boxes[:, 1] > 2)]


def _usual(ems: np.ndarray, widths: np.ndarray) -> float:
    """The median over the width of all boxes."""
    order = np.argsort(ems)
    share = np.cumsum(widths[order]) / widths.sum()
    return float(ems[order][np.searchsorted(share, 0.5)])


def _darkness(gray: np.ndarray, em: float) -> np.ndarray:
    """How much darker than its paper each pixel is, as a share of the paper: float32 [H, W].

    Paper is what is left when dark things narrower than a stroke ever is are filled.
    """
    height, width = gray.shape
    step = max(1, round(em / 6))
    small = _reduced(gray, step)
    reach = max(3, round(_WIDEST_STROKE * em / step)) | 1
    paper = cv2.morphologyEx(
        small, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8), borderType=cv2.BORDER_REPLICATE
    )
    paper = cv2.blur(paper, (3, 3), borderType=cv2.BORDER_REPLICATE).astype(np.float32)
    paper = cv2.resize(paper, (width, height), interpolation=cv2.INTER_LINEAR)
    darkness = paper - gray
    np.maximum(paper, _DARKEST_PAPER, out=paper)
    darkness /= paper
    return darkness


def _reduced(gray: np.ndarray, step: int) -> np.ndarray:
    size = max(1, -(-gray.shape[1] // step)), max(1, -(-gray.shape[0] // step))
    return cv2.resize(gray, size, interpolation=cv2.INTER_AREA)


def _dark_level(area: np.ndarray) -> float:
    """The grey level between ground and print of a text box that is light on dark: its rim and most of it are
    the darker of its two tones; 0 for dark print."""
    threshold, _ = cv2.threshold(area, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    below = area <= threshold
    if below.all() or not below.any() or area[~below].mean() - area[below].mean() < _TWO_TONES:
        return 0.0
    rim = max(1, round(_RIM * area.shape[0]))
    edge = np.concatenate(
        [below[:rim].ravel(), below[-rim:].ravel(), below[:, :rim].ravel(), below[:, -rim:].ravel()]
    )
    return threshold + 1.0 if edge.mean() + below.mean() > 1 else 0.0


def _turn_over(
    darkness: np.ndarray,
    gray: np.ndarray,
    boxes: np.ndarray,
    others: np.ndarray,
    level: float,
    em: float,
) -> list[Box]:
    """Make the dark grounds on which light text stands paper, in place.

    Args:
        boxes, others: of light text, and of dark.
        level: the grey between ground and print.

    Returns:
        the grounds that are rectangles smaller than the page.
    """
    height, width = gray.shape
    step = max(1, round(em / 6))
    small = _reduced(gray, step)
    ground = cv2.medianBlur(small, max(3, round(_GROUND * em / step)) | 1)
    _, labels, stats, _ = cv2.connectedComponentsWithStats((ground < level).astype(np.uint8), connectivity=4)
    at = ((boxes[:, :2] + boxes[:, 2:]) // 2 // step).clip(0, [small.shape[1] - 1, small.shape[0] - 1])
    under = np.unique(labels[at[:, 1], at[:, 0]])
    panels: list[Box] = []
    clear = boxes // step
    corners = np.zeros(small.shape, np.uint8)
    for number in under[under > 0].tolist():
        x, y, w, h, area = stats[number].tolist()
        if area <= _FILLED * w * h:
            continue
        _mark_corners(corners, (x, y, x + w, y + h), round(_GROUND * em / step / 2) + 1)
        on_it = labels[at[:, 1], at[:, 0]] == number
        clear[on_it] = np.clip(clear[on_it], [x, y, x, y], [x + w - 1, y + h - 1] * 2)
        if w * h < _WHOLE_PAGE * small.size:
            panels.append((x * step, y * step, min(width, (x + w) * step), min(height, (y + h) * step)))
    mask = np.isin(labels, under[under > 0]).astype(np.uint8)
    for x0, y0, x1, y1 in clear.tolist():  # large print hides its ground
        mask[y0 : y1 + 1, x0 : x1 + 1] = 1
    for x0, y0, x1, y1 in (others // step).tolist():  # dense dark print looks like a dark ground
        mask[y0 : y1 + 1, x0 : x1 + 1] = 0
    kernel = np.ones((3, 3), np.uint8)
    # Where a ground ends neither side can be judged.
    edge = cv2.dilate(mask, kernel) - cv2.erode(mask, kernel, borderType=cv2.BORDER_REPLICATE)
    for x0, y0, x1, y1 in (np.concatenate([boxes, others]) // step).tolist():
        corners[y0 : y1 + 1, x0 : x1 + 1] = 0
    whole, ends = (
        cv2.resize(each, (width, height), interpolation=cv2.INTER_NEAREST) > 0
        for each in (mask, np.bitwise_or(edge, corners))
    )
    np.copyto(darkness, _darkness(255 - gray, em), where=whole)
    darkness[ends] = 0
    return panels


def _mark_corners(mask: np.ndarray, box: Box, size: int) -> None:
    """Mark the corners of a ground, which its median is without: they would be left dark."""
    x0, y0, x1, y1 = box
    for y in (y0, y1 - size):
        for x in (x0, x1 - size):
            mask[max(0, y - 1) : max(0, y + size + 1), max(0, x - 1) : max(0, x + size + 1)] = 1


def _clean_box(darkness: np.ndarray, gray: np.ndarray, box: list[int], em: float, light: bool) -> None:
    """Judge one box anew, in place: by its own size of type, and turned over if its print is light."""
    grow, around = round(_GROW * em), round(em)
    x0, y0, x1, y1 = box
    y0, x0 = max(0, y0 - grow), max(0, x0 - grow)
    y1, x1 = min(gray.shape[0], y1 + grow), min(gray.shape[1], x1 + grow)
    top, left = max(0, y0 - around), max(0, x0 - around)
    area = gray[top : y1 + around, left : x1 + around]
    found = _darkness(255 - area if light else area, em)
    darkness[y0:y1, x0:x1] = found[y0 - top : y1 - top, x0 - left : x1 - left]


def _normalized(darkness: np.ndarray, boxes: np.ndarray, panels: list[Box], matrix: np.ndarray) -> CleanPage:
    """Choose what is ink, and spread the greys so that paper and ink have fixed ones; `darkness` is used up.

    In place, for of a large page each array takes 15 MB.
    """
    inside = np.zeros(darkness.shape, np.uint8)
    for x0, y0, x1, y1 in boxes.tolist():
        inside[y0:y1, x0:x1] = 1
    sample = darkness[::2, ::2][inside[::2, ::2] > 0]
    middle = float(np.percentile(sample, 30))  # most of a box is paper
    noise = 1.4826 * float(np.median(np.abs(sample[sample <= middle] - middle)))
    threshold = middle + max(_LEAST_CONTRAST, 4.5 * noise)
    marked = sample[sample > threshold]
    if len(marked) < 12:
        flat = np.full(darkness.shape, round(PAPER), np.uint8)
        empty = np.zeros(darkness.shape, bool)
        return CleanPage(flat, empty, empty, boxes, panels, matrix, blank=True)
    full = max(float(np.percentile(marked, 80)) - middle, 0.1)
    share = np.subtract(darkness, middle, out=darkness)
    share /= full
    for x0, y0, x1, y1 in boxes.tolist():
        _strengthened(share[y0:y1, x0:x1], noise / full)
    spreading = share * (PAPER - INK)
    np.subtract(PAPER, spreading, out=spreading)
    gray: np.ndarray = np.clip(spreading, 0, 255, out=spreading).astype(np.uint8)
    del spreading
    spread = noise / full
    judged: np.ndarray = share
    if spread > 0.07:  # texture reaches into the ink's range: judge a smoothed page
        radius = 0.7 if spread < 0.14 else 1.1
        judged = cv2.GaussianBlur(share, (0, 0), radius)
        spread /= 2.2 * radius
    ink = judged > max(_INK_SHARE, min(3.5 * spread, 0.5))
    faint = share > max(_FAINT_SHARE, min(1.5 * noise / full, 0.4))
    hairs = _between_pixels(share) if 3 * noise / full < _HALF_SHARE else None
    # What has no dark core is texture that happened to clump.
    strong = judged > max(_INK_SHARE + 0.1, min(5.0 * spread, 0.65))
    count, labels = cv2.connectedComponents(ink.astype(np.uint8), connectivity=8)
    has_core = np.zeros(count, bool)
    has_core[labels[strong]] = True
    has_core[0] = False
    return CleanPage(gray, has_core[labels], faint, boxes, panels, matrix, noise / full, hairs=hairs)


def _between_pixels(share: np.ndarray) -> np.ndarray:
    """What of hairlines lies half in one row, or column, of pixels and half in the next, with paper on both
    sides: each half is fainter than ink that counts."""
    half = (share > _HALF_SHARE) & (share <= _FAINT_SHARE)
    clear = share <= _HALF_SHARE
    found = np.zeros_like(half)
    for axis in (0, 1):  # views of the same arrays, turned
        marks, paper, shares, out = (np.moveaxis(each, axis, 0) for each in (half, clear, share, found))
        pair = marks[1:-2] & marks[2:-1] & paper[:-3] & paper[3:]
        pair &= shares[1:-2] + shares[2:-1] > _FAINT_SHARE
        out[1:-2] |= pair
        out[2:-1] |= pair
    return found


def _strengthened(share: np.ndarray, noise: float) -> None:
    """Bring a box whose print is fainter than the page's to full strength, in place."""
    strongest = share[share > max(3 * noise, _LEAST_CONTRAST)]
    if len(strongest) < 12 or len(strongest) > _MOST_PRINT * share.size:
        return
    level = float(np.percentile(strongest, 85))
    if level < _FAINT_PRINT and level > 6 * noise:
        share /= level
