"""Fonts: find Hangul faces in folders, tell which characters they can really draw, split them by family.

In: folders with ttf, otf, ttc or woff2 files, or ttf and otf in xz. Out: `FontFace` records, `ImageFont`s,
what they can draw.
Does not know: text, pages, where fonts come from (`adotx.data.fetch` gets them).
"""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from PIL import ImageFont

from adotx.errors import AdotxError
from adotx.machine import user_cache

# Whole families are held out, so that validation measures unseen designs. Decided once; never to be changed.
VALIDATION_FAMILIES = frozenset({"gowun batang", "ibm plex sans kr", "hahmlet", "gowun dodum"})
# Kept for the exam (benchmarks/exam): neither training nor validation sees them. Never to be shortened.
EXAM_FAMILIES = frozenset({"hi melody", "gamja flower", "unbatang", "undotum"})

_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc", ".woff2", ".ttf.xz", ".otf.xz")
_WEIGHT_WORDS = re.compile(
    r"[\s_-]+(thin|hairline|extra|ultra|semi|demi|(extra|ultra|semi|demi)?[\s-]?(light|bold)|regular|normal"
    r"|text|medium|medm|black|heavy|smbld|[blr]|ttf)$",
    re.IGNORECASE,
)
_GLUED_WEIGHT = re.compile(r"(?<=[a-z])(UltraLight|ExtraBold|Light|Bold)$")
_HANDWRITING = re.compile(
    r"gaegu|nanum ?(pen|brush)|barunpen|poor ?story|gamja ?flower|hi ?melody|dokdo|kirang|yeon ?sung"
    r"|cute ?font|single ?day|eunjin|guseul|bandal|bangwool|unpilgi|unpen|ungungseo|unvada",
    re.IGNORECASE,
)
_DISPLAY = re.compile(
    r"^bm |bagel|black han|diphylleia|do hyeon|gasoek|grandiflora|gugi|jua|moirai|headline|stylish|dongle"
    r"|yethangul",
    re.IGNORECASE,
)
# Faces whose name table is silent; the packages' copyright files say it.
_KNOWN_LICENSES = {
    "nanum": "OFL-1.1",
    "black han sans": "OFL-1.1",
    "noto ": "OFL-1.1",
    "bm ": "OFL-1.1",
    "baekmuk": "LicenseRef-Baekmuk",
}
# Rare but claimed by most full fonts: if two of them look the same, that look is the font's box, not a glyph.
PROBES = "갂괋꿻뙇뷁쀍쩗힣"
_BLANK_OK = frozenset(" \u00a0\u3000")
#: pixels per em at which looks are compared
PROBE_SIZE = 24


@dataclass(frozen=True, slots=True)
class FontFace:
    """One face of one font file.

    Attributes:
        path: a file FreeType can open (woff2 and xz files are decompressed to the cache first).
        index: face number inside a collection, else 0.
        family: typographic family without weight words, e.g. ``"Hahmlet"``.
        weight: 100-900, the OS/2 weight class (static web fonts: the weight in the file name).
        style: ``"normal"`` or ``"italic"``.
        handwriting: True for pen, brush and hand-drawn designs.
        license: SPDX name as the font's own name table or its package says, else ``"unknown"``.
    """

    path: str
    index: int
    family: str
    weight: int
    style: str
    handwriting: bool
    license: str

    @property
    def held_out(self) -> bool:
        """Whether the family belongs to validation."""
        return self.family.lower() in VALIDATION_FAMILIES

    @property
    def for_exam(self) -> bool:
        """Whether the family is kept for the exam, out of training and validation."""
        return self.family.lower() in EXAM_FAMILIES

    @property
    def display(self) -> bool:
        """Whether the design is meant for headlines and signs rather than for running text."""
        return bool(_DISPLAY.search(self.family)) or self.weight in {100, 900}


def find_fonts(folders: Iterable[str | Path], cache_folder: str | Path | None = None) -> list[FontFace]:
    """Every face with Hangul below `folders`, one per (family, weight, style), sorted.

    Args:
        folders: searched recursively; files that cannot be read as fonts or lack Hangul are passed over.
        cache_folder: where woff2 and xz files are decompressed to, once; by default the user's cache folder.

    Raises:
        AdotxError: a folder does not exist, no face was found, or fontTools is not installed.
    """
    roots = [Path(folder) for folder in folders]
    for root in roots:
        if not root.is_dir():
            raise AdotxError(
                "fonts.folder", "no such folder", str(root), "adotx data fonts FOLDER gets fonts"
            )
    paths = sorted(
        {path for root in roots for path in root.rglob("*") if path.name.lower().endswith(_SUFFIXES)}
    )
    best: dict[tuple[str, int, str], tuple[int, FontFace]] = {}
    cache = Path(cache_folder) if cache_folder else default_cache()
    for path in paths:
        for face in _faces(path, cache):
            key = (re.sub(r"\W", "", face.family.lower()), face.weight, face.style)
            size = path.stat().st_size
            # The same design often comes from two packages; the larger file has more syllables.
            if key not in best or best[key][0] < size:
                best[key] = (size, face)
    if not best:
        where = ", ".join(map(str, roots))
        raise AdotxError("fonts.none", "no font with Hangul", where, "adotx data fonts FOLDER gets fonts")
    return sorted(
        (face for _, face in best.values()), key=lambda f: (f.family, f.weight, f.style, f.path, f.index)
    )


def split_fonts(faces: Sequence[FontFace]) -> tuple[list[FontFace], list[FontFace]]:
    """(training faces, validation faces), by family; `EXAM_FAMILIES` are on neither side."""
    kept = [face for face in faces if not face.for_exam]
    return [face for face in kept if not face.held_out], [face for face in kept if face.held_out]


@lru_cache(maxsize=512)
def load(face: FontFace, size: int) -> ImageFont.FreeTypeFont:
    """The face at `size` pixels per em, basic layout (fast; Hangul and Latin need no shaping)."""
    return ImageFont.truetype(face.path, size, index=face.index, layout_engine=ImageFont.Layout.BASIC)


def usable(face: FontFace, text: str) -> bool:
    """Whether every character of `text` has a glyph that draws: neither blank nor the missing-glyph box."""
    return not missing(face, text)


def missing(face: FontFace, text: str) -> set[str]:
    """The characters of `text` that `face` cannot draw. Checked by rendering, once per face and character."""
    coverage = _coverage(face)
    return {character for character in set(text) if not coverage.draws(character)}


class Coverage:
    """Which characters one face draws; the answers do not depend on the order of the questions."""

    def __init__(self, font: ImageFont.FreeTypeFont) -> None:
        """font: the face at `PROBE_SIZE`."""
        self.font = font
        self.known: dict[str, bool] = dict.fromkeys(_BLANK_OK, True)
        # U+FFFF and friends are never characters, so what they draw is the missing-glyph box.
        self.boxes = {self._look(chr(point)) for point in (0xFFFF, 0x10FFFF, 0xE0FE)}
        probes = [self._look(syllable) for syllable in PROBES]
        self.boxes |= {look for look in probes if probes.count(look) > 1}
        digits = [self._look(digit) for digit in "0123456789"]
        if len(set(digits)) < 10:
            self.known |= dict.fromkeys("0123456789", False)
        for letter in "abcdefghijklmnopqrstuvwxyz":
            # A face with capitals only would make the truth lie about the picture.
            if self._look(letter) == self._look(letter.upper()):
                self.known[letter] = False

    def draws(self, character: str) -> bool:
        answer = self.known.get(character)
        if answer is None:
            look = self._look(character)
            answer = bool(look[1].strip(b"\0")) and look not in self.boxes and character.isprintable()
            # A lone combining mark draws, but has no width of its own to be placed by.
            answer = answer and not unicodedata.combining(character)
            self.known[character] = answer
        return answer

    def _look(self, character: str) -> tuple[tuple[int, int], bytes]:
        mask = self.font.getmask(character, mode="L")
        return mask.size, bytes(mask)


@cache
def _coverage(face: FontFace) -> Coverage:
    return Coverage(load(face, PROBE_SIZE))


def default_cache() -> Path:
    """Where decompressed fonts are kept: below the user's cache; a new folder where there is none."""
    cache = user_cache()
    return cache / "fonts" if cache else Path(tempfile.mkdtemp(prefix="adotx-"))


def _faces(path: Path, cache_folder: Path) -> list[FontFace]:
    try:
        from fontTools.ttLib import TTCollection, TTFont, TTLibError
    except ImportError:
        raise AdotxError(
            "extra.missing",
            "{package} is not installed",
            str(path),
            "pip install 'adotx[train]'",
            package="fontTools",
        ) from None
    try:
        if path.suffix.lower() == ".woff2":
            # Split web fonts hold a few hundred syllables each: only whole Korean files are of use.
            if re.search(r"-\d+-\d+-(normal|italic)$", path.stem):
                return []
            path = _decompressed(path, cache_folder)
        elif path.suffix.lower() == ".xz":
            path = _decompressed(path, cache_folder)
        if path.suffix.lower() in {".ttc", ".otc"}:
            fonts = list(TTCollection(str(path), lazy=True).fonts)
        else:
            fonts = [TTFont(str(path), lazy=True)]
        found = [_describe(font, path, index) for index, font in enumerate(fonts)]
    except (TTLibError, lzma.LZMAError, EOFError, OSError, KeyError, ValueError, AssertionError):
        return []
    faces = [face for face in found if face is not None]
    korean = [face for face in faces if face.family.endswith(" KR")]
    # A CJK collection draws Hangul in all its faces; only the Korean one has the Korean forms of the rest.
    return [face for face in (korean or faces) if usable(face, "가한글")]


def _describe(font: object, path: Path, index: int) -> FontFace | None:
    names, os2 = font["name"], font["OS/2"]  # type: ignore[index]
    name = names.getDebugName(16) or names.getDebugName(1)
    if not name or "fvar" in font:  # type: ignore[operator]
        return None  # variable fonts would be drawn at one weight only, under a name that says otherwise
    family = _GLUED_WEIGHT.sub("", " ".join(name.split()))
    while (shorter := _WEIGHT_WORDS.sub("", family)) != family:
        family = shorter
    in_name = re.search(r"-(\d00)(?:-normal|-[0-9a-f]{12})?$", path.stem)
    italic = bool(os2.fsSelection & 1)
    terms = " ".join(names.getDebugName(number) or "" for number in (0, 13, 14)).lower()
    for spdx, words in (
        ("OFL-1.1", ("open font license", "ofl")),
        ("Apache-2.0", ("apache",)),
        ("GPL-2.0", ("gpl",)),
    ):
        if any(word in terms for word in words):
            license = spdx
            break
    else:
        known = (spdx for start, spdx in _KNOWN_LICENSES.items() if family.lower().startswith(start))
        license = next(known, "unknown")
    weight = int(in_name[1]) if in_name else round(os2.usWeightClass / 100) * 100
    style = "italic" if italic else "normal"
    return FontFace(
        str(path),
        index,
        family,
        min(max(weight, 100), 900),
        style,
        bool(_HANDWRITING.search(family)),
        license,
    )


def _decompressed(path: Path, cache_folder: Path) -> Path:
    """The woff2 or xz file as FreeType opens it in `cache_folder`, made once, named by its content."""
    packed = path.read_bytes()
    digest = hashlib.blake2b(packed, digest_size=6).hexdigest()
    xz = path.suffix.lower() == ".xz"
    inner = Path(path.stem) if xz else path.with_suffix(".ttf")
    stem = re.sub(r"-korean-(\d+)-normal$", r"-\1", inner.stem)
    target = cache_folder / f"{stem}-{digest}{inner.suffix}"
    if not target.is_file():
        cache_folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f".{os.getpid()}.part")
        if xz:
            partial.write_bytes(lzma.decompress(packed))
        else:
            from fontTools.ttLib import TTFont

            font = TTFont(str(path))
            font.flavor = None
            font.save(str(partial))
        partial.replace(target)  # whole or absent: two processes may do this at once
    return target
