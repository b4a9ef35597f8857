"""Fonts cut down to what training draws: one face and its characters in, a small font file out.

In: a `FontFace` and characters. Out: which of them it really draws, and the bytes of a ttf or otf file with
these alone: no hinting, no layout tables, no kerning (rows are set letter by letter). What `find_fonts` reads
stays: names, weight, style, licence. Knows nothing of budgets and folders.
"""

from __future__ import annotations

import io
import logging

from adotx.data.fonts import PROBE_SIZE, Coverage, FontFace, load

#: names that say family, style, copyright and licence (OpenType, table `name`)
_NAMES = [0, 1, 2, 3, 4, 5, 6, 13, 14, 16, 17]
#: what drawing letter by letter in one size does not use, besides what fontTools drops by itself
_DROPPED = [
    *("GSUB", "GPOS", "GDEF", "BASE", "JSTF", "MATH", "STAT", "kern", "vhea", "vmtx", "VORG", "morx", "mort"),
    *("feat", "lcar", "prop", "opbd", "FFTM", "TTFA", "LTSH", "VDMX", "hdmx", "gasp", "PCLT", "meta", "EBDT"),
    *("EBLC", "EBSC", "DSIG", "TSI0", "TSI1", "TSI2", "TSI3", "TSI5"),
]


def drawn(face: FontFace, characters: str) -> str:
    """The characters that the face maps to glyphs that show something, in their order."""
    mapped, coverage = _open(face).getBestCmap(), Coverage(load(face, PROBE_SIZE))
    return "".join(c for c in characters if ord(c) in mapped and coverage.draws(c))


def cut(face: FontFace, characters: str) -> bytes:
    """The face as a font file of its own with these characters and the blank."""
    from fontTools.subset import Options, Subsetter

    logging.getLogger("fontTools.subset").setLevel(logging.ERROR)  # tables it cannot cut are no loss
    options = Options(
        hinting=False,
        layout_features=[],
        glyph_names=False,
        notdef_outline=True,  # what a face draws for a character it lacks is how `Coverage` tells
        name_IDs=_NAMES,
        name_languages=["*"],
    )
    options.drop_tables += _DROPPED
    font = _open(face)
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[0x20, *map(ord, characters)])
    subsetter.subset(font)
    font["OS/2"].usWeightClass = face.weight  # web fonts say it in the name of the file alone
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def _open(face: FontFace):  # type: ignore[no-untyped-def]  # fontTools is imported late
    from fontTools.ttLib import TTFont

    return TTFont(face.path, fontNumber=face.index, lazy=True, recalcTimestamp=False, recalcBBoxes=False)
