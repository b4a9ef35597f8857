"""Reading tiles: dense 384 x 384 pictures of text rows with the exact place of every glyph.

In: a seed, text by `RowText`, faces by `RowFonts`. Out: `RowTile` - pixels uint8 [384, 384], the rows' text,
and for each glyph its cell of the 12 x 12 token grid; every timestep (an 8-pixel column of a row, the term of
CTC) has the label of the glyph that covers it. Hundreds of rows a second. The rows stand as
`adotx.documents.layout.pack` packs the lines of a page (one row to 32 pixels, ink centred), so that what is
learnt here is what transcription shows the model; a share of tiles has free sizes and places.
Knows nothing of models.
"""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from adotx.data.glyphs import BLANK, IGNORE, classes
from adotx.data.row_text import RowText

#: sides of a tile, of its token grid and of a cell of it; timesteps in a cell
TILE, GRID, CELL, TIMESTEPS = 384, 12, 32, 4
#: width of a timestep in pixels
TIMESTEP = CELL // TIMESTEPS
#: faces tried by weight before any that has the text
_TRIED = 6
#: characters of a piece that the face must have: about a row
_SEEN = 24
#: widest row of `adotx.documents.layout.pack`
WIDEST = 374
#: pixels per em
_EM, _EM_SPREAD = 26, 2.2


@dataclass(frozen=True)
class Glyph:
    """One drawn character: its row of text, its index in that row, and its centre in pixels."""

    row: int
    index: int
    x: float
    y: float

    @property
    def cell(self) -> int:
        """Index of the image token (0..143) that covers the centre."""
        return min(GRID - 1, max(0, int(self.y // CELL))) * GRID + min(GRID - 1, max(0, int(self.x // CELL)))


@dataclass
class RowTile:
    """One picture and its truth.

    pixels uint8 [384, 384]; rows of text; glyphs; labels int16 [144, 4, 3]: (first, medial, final) of each
    timestep.
    """

    pixels: np.ndarray
    rows: list[str]
    glyphs: list[Glyph]
    labels: np.ndarray


class RowFonts:
    """Faces with their character coverage; `pick` gives a face by weight.

    Display and handwriting faces come less often.
    """

    def __init__(self, faces: Sequence[tuple[str, int, float]]) -> None:
        """faces: (path, index in the collection, weight)."""
        from fontTools.ttLib import TTFont

        self.faces, self.cover = [], []
        for path, index, weight in faces:
            font = TTFont(path, fontNumber=index, lazy=True)
            self.faces.append((path, index, weight))
            self.cover.append(frozenset(chr(c) for c in font.getBestCmap() if c > 0x20))
        self.weights = [w for _, _, w in self.faces]
        self._loaded: dict[tuple[int, int], ImageFont.FreeTypeFont] = {}
        self._advance: dict[tuple[int, int], dict[str, float]] = {}

    def pick(self, rng: random.Random) -> int:
        return rng.choices(range(len(self.faces)), self.weights)[0]

    def pick_for(self, rng: random.Random, text: str, face: int) -> int:
        """`face` if it has every character of the text; else one that has, else the best of some."""
        wanted = frozenset(text) - {" "}
        if wanted <= self.cover[face]:
            return face
        tried = [self.pick(rng) for _ in range(_TRIED)]
        for other in tried:
            if wanted <= self.cover[other]:
                return other
        whole = [number for number, cover in enumerate(self.cover) if wanted <= cover]
        if whole:
            return rng.choice(whole)
        return max(tried, key=lambda other: len(wanted & self.cover[other]))

    def load(self, face: int, size: int) -> ImageFont.FreeTypeFont:
        key = (face, size)
        if key not in self._loaded:
            if len(self._loaded) > 1500:  # FreeType faces are not small
                self._loaded.clear()
            path, index, _ = self.faces[face]
            self._loaded[key] = ImageFont.truetype(
                path, size, index=index, layout_engine=ImageFont.Layout.BASIC
            )
        return self._loaded[key]

    def advances(self, face: int, size: int, text: str) -> list[float]:
        """Left edge of every character and the right edge of the last, in pixels."""
        font, known = self.load(face, size), self._advance.setdefault((face, size), {})
        edges, x = [0.0], 0.0
        for c in text:
            if c not in known:
                known[c] = font.getlength(c)
            x += known[c]
            edges.append(x)
        return edges


def make_tile(rng: random.Random, text: RowText, fonts: RowFonts, rows: int = GRID) -> RowTile:
    """One tile with up to `rows` rows of text."""
    free = rng.random() < 0.08
    ink, paper = _colours(rng)
    canvas = np.full((TILE, TILE), float(paper), np.float32)
    labels = np.full((GRID, GRID * TIMESTEPS, 3), IGNORE, np.int16)
    labels[:, :, 0] = BLANK
    pitch = rng.randint(36, 96) if free else CELL
    first = rng.randint(0, pitch // 2) if free else 0
    count = min(rows, (TILE - first) // pitch)
    same = rng.random() < 0.8
    face = fonts.pick(rng)
    em, scale = _size(rng, pitch, free), _scale(rng)
    texts: list[str] = []
    glyphs: list[Glyph] = []
    for r, piece in enumerate(text.pieces(rng, count)):
        if not same:
            face, em, scale = fonts.pick(rng), _size(rng, pitch, free), _scale(rng)
        row = len(texts)
        drawn = fonts.pick_for(rng, piece[:_SEEN], face)
        line = _fit(rng, piece, fonts, drawn, em)
        if not line:
            continue
        strip, edges, middle = _draw_line(line, fonts, drawn, em, scale)
        x0 = rng.randint(1, 7) if rng.random() < 0.8 else rng.randint(0, max(1, int(TILE - edges[-1]) - 2))
        yc = first + pitch * r + pitch / 2 + rng.uniform(-2.5, 2.5)
        top = round(yc - middle)
        _blend(canvas, strip, x0 - 4, top, ink)
        line_row = min(GRID - 1, max(0, int(yc // CELL)))
        for i, c in enumerate(line):
            if c == " ":
                continue
            left, right = x0 + edges[i], x0 + edges[i + 1]
            glyphs.append(Glyph(row, i, (left + right) / 2, yc))
            a, b = (
                int(np.ceil((left - TIMESTEP / 2) / TIMESTEP)),
                int(np.ceil((right - TIMESTEP / 2) / TIMESTEP)),
            )
            if b <= a:  # narrower than a timestep: it labels the one at its centre
                a = int((left + right) / 2 // TIMESTEP)
                b = a + 1
            label = classes(c)
            assert label is not None, f"{c!r} is not readable"
            labels[line_row, max(a, 0) : max(0, min(b, GRID * TIMESTEPS))] = label
        texts.append(line)
    pixels = _damage(rng, canvas)
    return RowTile(pixels, texts, glyphs, labels.reshape(GRID * GRID, TIMESTEPS, 3))


def _size(rng: random.Random, pitch: int, free: bool) -> int:
    return (
        int(pitch * rng.uniform(0.5, 0.85)) if free else round(min(29, max(17, rng.gauss(_EM, _EM_SPREAD))))
    )


def _scale(rng: random.Random) -> float:
    """Size of the source against the tile.

    1 = drawn in place, below = a small print enlarged, above = a large one reduced.
    """
    return 1.0 if rng.random() < 0.5 else rng.uniform(0.55, 2.0)


def _colours(rng: random.Random) -> tuple[int, int]:
    paper, ink = rng.randint(215, 255), rng.randint(0, 90)
    if rng.random() < 0.15:  # low contrast
        paper, ink = rng.randint(150, 235), rng.randint(40, 130)
        ink = min(ink, paper - 60)
    return (paper, ink) if rng.random() < 0.04 else (ink, paper)


def _fit(rng: random.Random, piece: str, fonts: RowFonts, face: int, em: int) -> str:
    cover = fonts.cover[face]
    piece = "".join(c for c in piece if c == " " or c in cover)
    piece = " ".join(piece.split())
    edges = fonts.advances(face, em, piece)
    room = WIDEST if rng.random() < 0.9 else rng.randint(60, WIDEST)
    n = next((i for i in range(len(piece), 0, -1) if edges[i] <= room), 0)
    if n < len(piece) and rng.random() < 0.8:  # cut where a line of a page is cut: at a space
        space = piece.rfind(" ", 0, n + 1)
        n = space if space > n * 0.5 else n
    return piece[:n].strip()


def _draw_line(
    line: str, fonts: RowFonts, face: int, em: int, scale: float
) -> tuple[np.ndarray, list[float], float]:
    """Coverage [h, w] in 0..1 with a margin of 4 pixels, the characters' edges, the ink's vertical middle."""
    size = max(9, round(em * scale))
    factor = size / em
    font, margin = fonts.load(face, size), round(4 * factor)
    edges = fonts.advances(face, size, line)
    height = round(size * 1.7)
    strip = Image.new("L", (int(edges[-1]) + 2 * margin + size // 2, height), 0)
    ImageDraw.Draw(strip).text((margin, size * 0.2), line, font=font, fill=255)
    box = strip.getbbox() or (0, 0, 1, height)
    if factor != 1.0:
        strip = strip.resize(
            (max(1, round(strip.width / factor)), max(1, round(height / factor))), Image.Resampling.BICUBIC
        )
    return np.asarray(strip, np.float32) / 255, [e / factor for e in edges], (box[1] + box[3]) / 2 / factor


def _blend(canvas: np.ndarray, strip: np.ndarray, x: int, y: int, ink: float) -> None:
    h, w = strip.shape
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, TILE), min(y + h, TILE)
    if x1 > x0 and y1 > y0:
        part = strip[y0 - y : y1 - y, x0 - x : x1 - x]
        area = canvas[y0:y1, x0:x1]
        area += (ink - area) * part


def _damage(rng: random.Random, canvas: np.ndarray) -> np.ndarray:
    if rng.random() < 0.25:  # a shadow across the page
        ramp = np.linspace(rng.uniform(0.7, 1), rng.uniform(0.85, 1.1), TILE, dtype=np.float32)
        canvas = canvas * (ramp[None] if rng.random() < 0.5 else ramp[:, None])
    if rng.random() < 0.35:
        noise = np.random.default_rng(rng.randrange(2**32)).standard_normal((TILE, TILE), np.float32)
        canvas = canvas + noise * rng.uniform(1, 16)
    image = Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))
    if rng.random() < 0.25:
        angle = rng.uniform(-0.6, 0.6)
        image = image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=int(canvas[0, 0].clip(0, 255)))
    if rng.random() < 0.2:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=rng.randint(25, 80))
        image = Image.open(buffer)
    return np.asarray(image, np.uint8)
