"""Fonts with Hangul for tests: installed packages in, a folder of training and held-out faces out.

The packages of the development extra that carry fonts are looked up by name; where none is installed, tests
are skipped. A family is held out by its name, so one face is copied under the name of such a family.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

_PACKAGES = ("pylopdf_fonts_ko", "koreanize_matplotlib")
_HELD_OUT = "Gowun Dodum"


def hangul_font() -> Path:
    """The smallest font file with Hangul of an installed package; skips where there is none."""
    found = []
    for package in _PACKAGES:
        spec = find_spec(package)
        if spec and spec.origin:
            found += [p for p in Path(spec.origin).parent.rglob("*") if p.suffix in (".ttf", ".otf")]
    if not found:
        pytest.skip(f"no font with Hangul: none of {', '.join(_PACKAGES)} is installed")
    return min(found, key=lambda path: path.stat().st_size)


def both_sides(folder: Path) -> Path:
    """`folder` with one face for training and the same under the name of a held-out family."""
    ttlib = pytest.importorskip("fontTools.ttLib")
    folder.mkdir(parents=True, exist_ok=True)
    source = hangul_font()
    (folder / source.name).write_bytes(source.read_bytes())
    font = ttlib.TTFont(source)
    for record in list(font["name"].names):
        if record.nameID in (1, 16):
            font["name"].setName(_HELD_OUT, record.nameID, record.platformID, record.platEncID, record.langID)
    font.save(folder / f"held-out{source.suffix}")
    return folder
