"""Reading tiles: dense 384 x 384 pictures of text rows with the exact place of every glyph.

In: a seed, text by `RowText`, faces by `RowFonts`. Out: `RowTile` - pixels uint8 [384, 384], the rows' text,
and for each glyph its cell of the 12 x 12 token grid; every timestep (an 8-pixel column of a row, the term of
CTC) has the label of the glyph that covers it. The n-th row of text stands in the n-th 32 pixels, as
`adotx.documents.layout.pack` packs the lines of a page: scaled by its syllables' height, ink centred, a strip
of the page on the tile's paper. Half of the rows are clean print; the others are what offices have besides.
Knows nothing of models.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from adotx.alphabet import BLANK, IGNORE, classes
from adotx.data.figures import figure
from adotx.data.row_fonts import RowFonts
from adotx.data.row_ink import Ink, Setting, needles, set_line, stroke, thermal, warp
from adotx.data.row_paper import Look, strip_of
from adotx.data.row_text import RowText

# Workers are forked, one to a core: a pool of threads in each would wait for ever, or get in the way.
cv2.setNumThreads(1)

#: sides of a tile, of its token grid and of a cell of it; timesteps in a cell
TILE, GRID, CELL, TIMESTEPS = 384, 12, 32, 4
#: width of a timestep in pixels
TIMESTEP = CELL // TIMESTEPS
#: as in `adotx.documents.layout.pack`: pixels per em and their deviation, most ink, widest row, first column
EM, _EM_DEVIATION, _EM_LEAST, _EM_MOST = 26.0, 2.2, 17.0, 29.0
_INK, _WIDEST, _LEFT = 30, 374, 4
#: grey of the tile where no row is, as a cleaned page has it
_PAPER = 245
#: usual height of syllables in em; type with smaller ones is scaled up to it
_BODY = 0.9
#: em beyond the room that are still measured: letters that are set close take up to 0.05 em less each
_SLACK = 3.0
#: characters of a piece that the face must have: about a row
_SEEN = 24
#: shares of rows by medium
MEDIA = {"print": 0.58, "worn": 0.12, "screen": 0.09, "receipt": 0.08, "photo": 0.1, "fax": 0.03}
#: shares of the rows as `adotx.documents.layout` cleans pages; of light on dark, what it turns over
_CLEANED, _TURNED_OVER = 0.75, 0.5
#: shares of rows with a struck-out word (truth: ~~word~~) and with an underlined one (truth: plain)
_STRUCK, _UNDERLINED = 0.01, 0.04
_WORD = re.compile(r"(?<!\S)[가-힣]{2,}(?!\S)")


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


@dataclass(frozen=True)
class _Line:
    """One row before it is in the tile: its strip, the middle of its ink, its characters' edges.

    `struck` is the word that is struck out: the truth marks it, the picture has no glyphs of the marks.
    """

    text: str
    strip: np.ndarray
    middle: float
    edges: list[tuple[float, float]]
    struck: tuple[int, int] | None

    @property
    def truth(self) -> str:
        if self.struck is None:
            return self.text
        a, b = self.struck
        return f"{self.text[:a]}~~{self.text[a:b]}~~{self.text[b:]}"

    def characters(self) -> Iterator[tuple[int, str, tuple[float, float], bool]]:
        """(index in the truth, character, edges, whether it is drawn): marks stand just inside their word."""
        index = 0
        a, b = self.struck or (-1, -1)
        for at, (c, edges) in enumerate(zip(self.text, self.edges, strict=True)):
            if at == a:
                yield from ((index + i, "~", (edges[0] + i, edges[0] + i + 1), False) for i in range(2))
                index += 2
            yield index, c, edges, True
            index += 1
            if at == b - 1:
                yield from ((index + i, "~", (edges[1] - 2 + i, edges[1] - 1 + i), False) for i in range(2))
                index += 2


def make_tile(rng: random.Random, text: RowText, fonts: RowFonts, rows: int = GRID) -> RowTile:
    """One tile with `rows` rows of text, at most twelve."""
    free = rng.random() < 0.06
    look, face = _look(rng), fonts.pick(rng)
    same_look, same_face = rng.random() < 0.75, rng.random() < 0.6
    own_paper = not look.cleaned and rng.random() < 0.7
    pixels = np.full((TILE, TILE), look.paper if own_paper else _PAPER, np.uint8)
    labels = np.full((GRID, GRID * TIMESTEPS, 3), IGNORE, np.int16)
    labels[:, :, 0] = BLANK
    texts: list[str] = []
    glyphs: list[Glyph] = []
    for row, piece in enumerate(text.pieces(rng, min(rows, GRID))):
        look = look if same_look else _look(rng)
        face = face if same_face else fonts.pick(rng)
        line = _draw(rng, piece, fonts, face, look, free)
        x0 = _LEFT - 2 + rng.randint(-1, 3)
        if free or rng.random() < 0.07:
            x0 = rng.randint(1, max(1, TILE - line.strip.shape[1] - 1))
        slack = max(1.5, (CELL - line.strip.shape[0]) / 2) if free else 1.5
        middle = CELL * row + CELL / 2
        _paste(pixels, row, line.strip, x0, round(middle + rng.uniform(-slack, slack) - line.middle))
        for index, c, (left, right), drawn in line.characters():
            if c != " ":
                glyphs.append(Glyph(row, index, x0 + (left + right) / 2, middle))
                if drawn:
                    _label(labels[row], x0 + left, x0 + right, c)
        texts.append(line.truth)
    return RowTile(pixels, texts, glyphs, labels.reshape(GRID * GRID, TIMESTEPS, 3))


def _label(row: np.ndarray, left: float, right: float, char: str) -> None:
    """The label of the timesteps that a glyph covers by half and more, or of the one at its centre."""
    a, b = (math.ceil((x - TIMESTEP / 2) / TIMESTEP) for x in (left, right))
    if b <= a:
        a = int((left + right) / 2 // TIMESTEP)
        b = a + 1
    label = classes(char)
    assert label is not None, f"{char!r} is not readable"
    row[max(a, 0) : max(0, min(b, GRID * TIMESTEPS))] = label


def _paste(pixels: np.ndarray, row: int, strip: np.ndarray, x0: int, top: int) -> None:
    """Put a strip into its row; what would leave the row is margin."""
    y0, y1 = max(row * CELL, top), min((row + 1) * CELL, top + strip.shape[0])
    x1 = min(TILE, x0 + strip.shape[1])
    pixels[y0:y1, x0:x1] = strip[y0 - top : y1 - top, : x1 - x0]


def _look(rng: random.Random) -> Look:
    """A medium with its grey levels and the size of its type."""
    medium = rng.choices(list(MEDIA), list(MEDIA.values()))[0]
    size = EM
    if medium == "screen":
        size = rng.uniform(8, 18) if rng.random() < 0.6 else rng.uniform(18, 40)
    elif rng.random() < 0.5:
        size = EM * 2.0 ** rng.uniform(-0.8, 1)
    paper, ink, least = _LEVELS[medium]
    light, dark = rng.randint(*paper), rng.randint(*ink)
    if medium == "print" and rng.random() < 0.5:
        light = _PAPER
    if medium in ("screen", "print") and rng.random() < 0.12:  # a panel of some colour
        light = rng.randint(110, 210)
    dark = max(0, min(dark, light - least))
    if rng.random() < _TURNED.get(medium, 0.0):
        light, dark = dark, light
    cleaned = rng.random() < (_CLEANED if light > dark else _TURNED_OVER)
    return Look(medium, light, dark, max(8, round(size)), cleaned)


#: by medium: grey of the paper, of the ink, least difference
_LEVELS = {
    "print": ((225, 255), (0, 80), 90),
    "worn": ((180, 250), (30, 130), 75),
    "screen": ((232, 255), (0, 120), 90),
    "receipt": ((190, 252), (20, 110), 90),
    "photo": ((120, 245), (5, 100), 75),
    "fax": ((255, 255), (0, 0), 255),
}
#: by medium: share of light on dark
_TURNED = {"print": 0.05, "screen": 0.5, "photo": 0.2, "worn": 0.04}


def _setting(rng: random.Random, look: Look, loose_face: bool) -> Setting:
    loose = 0.0
    if rng.random() < (0.55 if loose_face else 0.04):
        loose = rng.uniform(0.3, 1.0)
    r = rng.random()
    # Letters that are all set wide, as in headings, are one word: the truth has no blanks between them.
    spacing = rng.uniform(-0.05, 0.2) if r < 0.1 else rng.uniform(0.2, 0.7) if r < 0.13 else 0.0
    stretch, r = 1.0, rng.random()
    if look.medium == "receipt" and r < 0.2:
        stretch = rng.choice((0.5, 0.6, 1.6, 2.0))
    elif r < 0.14:
        stretch = rng.uniform(0.75, 0.97)
    elif r < 0.18:
        stretch = rng.uniform(1.03, 1.3)
    return Setting(loose, spacing, stretch, rng.uniform(0.05, 0.25) if rng.random() < 0.03 else 0.0)


def _draw(rng: random.Random, piece: str, fonts: RowFonts, face: int, look: Look, free: bool) -> _Line:
    """One row: as much of a piece as it holds, in a face that has its characters."""
    em = rng.uniform(13, 26) if free else min(_EM_MOST, max(_EM_LEAST, rng.gauss(EM, _EM_DEVIATION)))
    room = _WIDEST if rng.random() < 0.9 else rng.randint(60, _WIDEST)
    line = ""
    while not line:
        face = fonts.pick_for(rng, piece[:_SEEN], face)
        drawn = em * _BODY / fonts.body(face) if rng.random() < 0.75 else em
        how = _setting(rng, look, face in fonts.loose)
        line = _fit(rng, piece, fonts, face, look.size, how, room * look.size / drawn)
        piece = figure(rng)  # for the next round: digits are in every face
    ink = set_line(rng, line, fonts, face, look.size, how)
    top, bottom = ink.rows
    struck = None
    if rng.random() < _STRUCK:
        struck = _word(rng, line)
        if struck is not None:
            ink = _rule(rng, ink, struck, (top + bottom) / 2)
    elif rng.random() < _UNDERLINED:
        ink = _rule(rng, ink, _word(rng, line) or (0, len(line)), bottom + 0.07 * ink.size)
    ink = _printed(rng, ink, look, face in fonts.loose)
    top, bottom = ink.rows
    scale = min(drawn / ink.size, _INK / (bottom - top))
    strip, edges, middle = strip_of(rng, ink, look, scale)
    return _Line(line, strip, middle, edges, struck)


def _printed(rng: random.Random, ink: Ink, look: Look, loose_face: bool) -> Ink:
    """What pen, needles or heat make of the shapes."""
    if rng.random() < (0.4 if look.medium == "worn" or loose_face else 0.08):
        ink = stroke(rng, ink)
    if loose_face and rng.random() < 0.4:
        ink = warp(rng, ink)
    if look.medium == "receipt":
        r = rng.random()
        ink = needles(rng, ink) if r < 0.3 else thermal(rng, ink) if r < 0.75 else ink
    return ink


def _word(rng: random.Random, line: str) -> tuple[int, int] | None:
    """A whole word of Hangul, for a rule through or under it."""
    words = [match.span() for match in _WORD.finditer(line)]
    return rng.choice(words) if words else None


def _rule(rng: random.Random, ink: Ink, word: tuple[int, int], y: float) -> Ink:
    thick = max(1, round(rng.uniform(0.04, 0.09) * ink.size))
    top = round(y - thick / 2)
    left, right = round(ink.edges[word[0]][0]), round(ink.edges[word[1] - 1][1])
    ink.cover[top : top + thick, left:right] = 1.0
    return replace(ink)  # its rows are others now


def _fit(
    rng: random.Random, piece: str, fonts: RowFonts, face: int, size: int, how: Setting, room: float
) -> str:
    """The beginning of a piece that is `room` pixels wide, cut where a line of a page is cut: at a space."""
    piece = " ".join("".join(c for c in piece if c == " " or c in fonts.cover[face]).split())
    across = how.stretch * (1 + 0.12 * how.loose)
    edges = fonts.advances(face, size, piece, room / across + _SLACK * size)
    wide = [(x + how.spacing * size * i) * across for i, x in enumerate(edges)]
    n = next((i for i in range(len(edges) - 1, 0, -1) if wide[i] <= room), 0)
    if n < len(piece) and rng.random() < 0.8:
        space = piece.rfind(" ", 0, n + 1)
        n = space if space > n * 0.5 else n
    return piece[:n].strip()
