"""Faces of reading rows: which characters each draws, loaded sizes, advances, and how high its syllables are.

In: font files with weights. Out: faces by weight, or by what a text needs. Knows nothing of tiles.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Sequence

from PIL import ImageFont

from adotx.data.fonts import PROBE_SIZE, PROBES, Coverage

#: faces tried by weight before any that has the text
_TRIED = 6
#: FreeType faces kept; they are not small
_KEPT = 1500
_SYLLABLES = "한글봄빛뚫"
#: syllables of all shapes, and pixels per em at which their widths are compared
_SAMPLE, _EVEN_SIZE = _SYLLABLES + "가기그고과귀의이으어아와뭐니므일임닭값쀍을렇않없있", 256


class RowFonts:
    """Faces with their character coverage; `pick` gives a face by weight."""

    def __init__(self, faces: Sequence[tuple[str, int, float]], loose: Collection[int] = ()) -> None:
        """faces: (path, index in the collection, weight); loose: which of them are handwriting or display."""
        from fontTools.ttLib import TTFont

        self.faces, self.cover = list(faces), []
        for path, index, _ in faces:
            font = TTFont(path, fontNumber=index, lazy=True)
            self.cover.append({chr(c) for c in font.getBestCmap() if c > 0x20})
        self.loose = frozenset(loose)
        self.weights = [w for _, _, w in self.faces]
        self._loaded: dict[tuple[int, int], ImageFont.FreeTypeFont] = {}
        self._advance: dict[tuple[int, int], dict[str, float]] = {}
        self._looks: dict[int, Coverage] = {}
        self._honest: set[int] = set()
        self._body: dict[int, float] = {}
        self._even: dict[int, bool] = {}

    def pick(self, rng: random.Random) -> int:
        return rng.choices(range(len(self.faces)), self.weights)[0]

    def pick_for(self, rng: random.Random, text: str, face: int) -> int:
        """`face` if it has every character of the text; else one that has, else the best of some."""
        wanted = set(text) - {" "}
        if self.draws(face, wanted):
            return face
        tried = [self.pick(rng) for _ in range(_TRIED)]
        for other in tried:
            if self.draws(other, wanted):
                return other
        whole = [number for number, cover in enumerate(self.cover) if wanted <= cover]
        rng.shuffle(whole)
        for other in whole:
            if self.draws(other, wanted):
                return other
        return max(tried, key=lambda other: len(wanted & self.cover[other]))

    def draws(self, face: int, wanted: set[str]) -> bool:
        """Whether a face has glyphs for these characters; what it maps to blanks and boxes is struck off."""
        cover = self.cover[face]
        if not wanted <= cover:
            return False
        if face not in self._looks:
            self._looks[face] = Coverage(self.load(face, PROBE_SIZE))
            # Syllables by the thousand: a face that draws the rare ones it claims draws the others.
            if all(self._looks[face].draws(c) for c in PROBES if c in cover):
                self._honest.add(face)
        honest = face in self._honest
        blank = {c for c in wanted if not (honest and "가" <= c <= "힣") and not self._looks[face].draws(c)}
        cover -= blank
        return not blank

    def load(self, face: int, size: int) -> ImageFont.FreeTypeFont:
        key = (face, size)
        if key not in self._loaded:
            if len(self._loaded) > _KEPT:
                self._loaded.clear()
            path, index, _ = self.faces[face]
            self._loaded[key] = ImageFont.truetype(
                path, size, index=index, layout_engine=ImageFont.Layout.BASIC
            )
        return self._loaded[key]

    def advances(self, face: int, size: int, text: str, most: float = math.inf) -> list[float]:
        """Left edge of every character and the right edge of the last, in pixels; ends beyond `most`."""
        font, known = self.load(face, size), self._advance.setdefault((face, size), {})
        even = self.even(face)
        edges, x = [0.0], 0.0
        for c in text:
            key = _SYLLABLES[0] if even and "가" <= c <= "힣" else c
            if key not in known:
                known[key] = font.getlength(key)
            x += known[key]
            edges.append(x)
            if x > most:
                break
        return edges

    def even(self, face: int) -> bool:
        """Whether all its syllables are equally wide, as nearly everywhere: then one need be measured."""
        if face not in self._even:
            font = self.load(face, _EVEN_SIZE)
            syllables = [c for c in _SAMPLE if c in self.cover[face]]
            self._even[face] = len({font.getlength(c) for c in syllables}) == 1 and _SYLLABLES[0] in syllables
        return self._even[face]

    def body(self, face: int) -> float:
        """Height of its syllables in em: 0.6 (small handwriting) to 1."""
        if face not in self._body:
            shown = "".join(c for c in _SYLLABLES if c in self.cover[face]) or "A"
            box = self.load(face, 64).getbbox(shown)
            self._body[face] = (box[3] - box[1]) / 64
        return self._body[face]
