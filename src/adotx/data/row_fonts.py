"""Faces of reading rows: which characters each draws, loaded sizes, advances, and how high its syllables are.

In: font files with weights. Out: faces by weight, or by what a text needs. Knows nothing of tiles.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

from PIL import ImageFont

from adotx.data.fonts import PROBE_SIZE, PROBES, Coverage

#: faces tried by weight before any that has the text
_TRIED = 6
#: FreeType faces kept; they are not small
_KEPT = 1500
_SYLLABLES = "한글봄빛뚫"


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

    def body(self, face: int) -> float:
        """Height of its syllables in em: 0.6 (small handwriting) to 1."""
        if face not in self._body:
            shown = "".join(c for c in _SYLLABLES if c in self.cover[face]) or "A"
            box = self.load(face, 64).getbbox(shown)
            self._body[face] = (box[3] - box[1]) / 64
        return self._body[face]
