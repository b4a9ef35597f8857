"""The font families of the exam, none of which is ever trained on, and their files.

In: folders with fonts. Out: `Face`s with the file of each weight and the characters that they can draw.
`TEXT` and `HAND` are the one list; tests/test_exam.py holds them to the families that adotx keeps from
training (`VALIDATION_FAMILIES` and `EXAM_FAMILIES` of `adotx.data.fonts`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

TEXT = ("Gowun Batang", "Gowun Dodum", "IBM Plex Sans KR", "Hahmlet", "UnBatang", "UnDotum")
HAND = ("Hi Melody", "Gamja Flower")
#: families with Hanja and the signs of Korean paper, behind the others where those lack a character
SIGNS = ("UnBatang", "UnDotum")
#: check boxes; no Hangul
BOXES = "DejaVu Sans"
FAMILIES = (*TEXT, *HAND, BOXES)


@dataclass(frozen=True)
class Face:
    """A family: its name, the files of its regular and its bold weight (the same where it has no bold)."""

    family: str
    regular: Path
    bold: Path

    @cached_property
    def characters(self) -> frozenset[str]:
        """What it has glyphs for."""
        from fontTools.ttLib import TTFont

        return frozenset(map(chr, TTFont(self.regular, lazy=True).getBestCmap()))


def find_faces(folders: Iterable[Path]) -> dict[str, Face]:
    """The families of `FAMILIES` by name.

    Raises:
        SystemExit: one of them is missing; says which.
    """
    from fontTools.ttLib import TTFont, TTLibError

    stems = {name.lower().replace(" ", ""): name for name in FAMILIES}
    files: dict[str, dict[int, Path]] = {}
    paths = (path for folder in folders for path in sorted(folder.rglob("*")))
    for path in paths:
        stem = path.stem.lower().replace("-", "").replace("_", "")
        if path.suffix.lower() not in {".ttf", ".otf", ".woff2"} or not stem.startswith(tuple(stems)):
            continue
        try:
            font = TTFont(path, lazy=True)
        except (TTLibError, OSError):
            continue
        name = font["name"].getDebugName(16) or font["name"].getDebugName(1) or ""
        family = next((known for known in FAMILIES if name.lower() == known.lower()), None)
        if family is None:  # a weight that calls itself a family of its own
            family = next((known for known in FAMILIES if name.lower() == f"{known.lower()} bold"), None)
        if family is not None:
            bold = "bold" in path.stem.lower() or "-700-" in path.name
            plain = "-400-" in path.name or path.suffix.lower() != ".woff2"
            if (bold or plain) and not any(word in stem for word in ("oblique", "mono", "extralight")):
                files.setdefault(family, {}).setdefault(700 if bold else 400, path)
    missing = [name for name in FAMILIES if 400 not in files.get(name, {})]
    if missing:
        raise SystemExit(f"exam: no font of {', '.join(missing)}; docs/exam.md says where they come from")
    return {name: Face(name, files[name][400], files[name].get(700, files[name][400])) for name in FAMILIES}


def behind(face: Face, faces: dict[str, Face]) -> list[Face]:
    """The faces that draw what `face` cannot, first to last."""
    order = (*SIGNS, BOXES)
    if face.family in ("Gowun Dodum", "IBM Plex Sans KR"):
        order = (*reversed(SIGNS), BOXES)
    return [faces[name] for name in order if name != face.family]
