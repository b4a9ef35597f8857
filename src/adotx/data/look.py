"""The look of one page: faces, sizes, colours, spacing and the style of each block, chosen by a seed.

In: faces (`adotx.data.fonts`) and a `random.Random`. Out: a `Look`. Does not know: text, drawing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from adotx.data.fonts import FontFace, usable
from adotx.errors import AdotxError

Colour = tuple[int, int, int]
_MONO = ("d2coding", "nanumgothiccoding", "noto sans mono", "mono")
_BULLETS = ("•", "•", "·", "-", "-", "◦", "○", "■", "●", "□", "◆", "▶", "*", "※")
#: by kind: share of pages written by hand
_WRITTEN = {"hand": 1.0} | dict.fromkeys(("prose", "list", "notice", "mixed"), 0.12)
#: by kind: what most of its pages need a face for
_NEEDED = {"checks": "□■☐☑○●✓", "contract": "甲乙東西"}
_PAPERS = ((255, 255, 255),) * 4 + (
    (252, 251, 247),
    (248, 246, 240),
    (244, 240, 228),
    (250, 245, 230),
    (240, 244, 240),
    (238, 242, 248),
    (235, 235, 235),
    (253, 240, 240),
    (228, 224, 212),
)
_ACCENTS = ((20, 60, 130), (140, 25, 30), (15, 95, 75), (95, 45, 120), (150, 85, 10), (0, 105, 150))


@dataclass(frozen=True)
class Look:
    """Everything about a page's appearance that is not its text; lengths in pixels unless said otherwise."""

    body: FontFace
    bold: FontFace | None  # None: bold is drawn by a thicker stroke
    head: FontFace
    mono: FontFace
    value: FontFace  # what is filled into forms; a handwriting face now and then
    size: int  # pixels per em of running text
    leading: float  # line pitch in em
    gap: float  # between blocks, in em
    indent: float  # of a paragraph's first line, in em
    justify: bool
    keep_all: bool  # break between words only
    tracking: float  # extra pixels after each character
    ink: Colour
    paper: Colour
    accent: Colour
    scales: tuple[float, ...]  # of headings 1-6, in body sizes
    centre_title: bool
    heading_rule: bool
    bullets: tuple[str, ...]  # by depth
    table: str  # grid | rows | header | plain
    quote: str  # bar | box | tint
    code: str  # tint | box | dark | plain
    fields: str  # tab | inline
    bubbles: bool  # paragraphs stand in bubbles, as messages do

    @property
    def faint(self) -> Colour:
        """Between paper and ink: rules, borders."""
        return mix(self.paper, self.ink, 0.45)

    @property
    def tint(self) -> Colour:
        """Barely off the paper: backgrounds of code, headers, boxes."""
        return mix(self.paper, self.ink, 0.08)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`a` with `share` of `b`."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


class FontSet:
    """Faces by use: running text, headings and signs, handwriting, code. Families are drawn equally often."""

    def __init__(self, faces: Sequence[FontFace]) -> None:
        if not faces:
            raise AdotxError(
                "fonts.none", "no fonts to set pages with", remedy="adotx data fonts FOLDER gets fonts"
            )
        ordered = sorted(
            faces, key=lambda face: (face.family, face.weight, face.style, face.path, face.index)
        )
        self.faces = tuple(ordered)
        upright = [face for face in ordered if face.style == "normal"] or ordered
        self.hand = [face for face in upright if face.handwriting]
        printed = [face for face in upright if not face.handwriting] or upright
        self.text = [face for face in printed if not face.display and 200 <= face.weight <= 600] or printed
        self.signs = printed
        self.mono = [face for face in self.text if any(word in face.family.lower() for word in _MONO)]

    @classmethod
    def of(cls, fonts: FontSet | Sequence[FontFace]) -> FontSet:
        """`fonts` as a set; a set stays the one it is."""
        return fonts if isinstance(fonts, FontSet) else cls(fonts)

    @staticmethod
    def pick(rng: random.Random, faces: Sequence[FontFace], near: int | None = None) -> FontFace:
        """A face of a family drawn evenly; with `near`, mostly of the weight closest to it."""
        families = sorted({face.family for face in faces})
        family = rng.choice(families)
        members = [face for face in faces if face.family == family]
        if near is not None and rng.random() < 0.7:
            return min(members, key=lambda face: (abs(face.weight - near), face.weight))
        return rng.choice(members)

    def bolder(self, face: FontFace) -> FontFace | None:
        """A bold face of the same family, if there is one."""
        members = [
            f for f in self.faces if f.family == face.family and f.weight >= max(600, face.weight + 200)
        ]
        return min(members, key=lambda f: abs(f.weight - 700)) if members else None


def choose_look(rng: random.Random, fonts: FontSet, kind: str, size: int) -> Look:
    """A look for a page of `kind` with running text of `size` pixels per em."""
    written = bool(fonts.hand) and rng.random() < _WRITTEN.get(kind, 0.03)
    needed = _NEEDED.get(kind, "") if rng.random() < 0.7 else ""
    having = [face for face in fonts.text if usable(face, needed)] if needed else []
    body = fonts.pick(rng, fonts.hand if written else having or fonts.text, 400)
    head = body if rng.random() < 0.55 else fonts.pick(rng, fonts.signs, 700)
    if not written and rng.random() < 0.04:
        body = fonts.pick(rng, fonts.signs)  # whole pages in a display face exist: posters, menus
    if kind == "sign":
        body = head = fonts.pick(rng, fonts.signs, rng.choice((500, 700, 800, 900)))
    bold = fonts.bolder(body)
    mono = fonts.pick(rng, fonts.mono) if fonts.mono and rng.random() < 0.85 else body
    value = fonts.pick(rng, fonts.hand) if fonts.hand and rng.random() < 0.3 else body
    paper = rng.choice(_PAPERS)
    grey = rng.choice((0, 10, 20, 30, 45, 60, rng.randint(0, 85)))
    ink: Colour = (grey, grey, grey)
    if rng.random() < 0.15:
        ink = mix(ink, rng.choice(_ACCENTS), 0.7)
    if kind == "sign" and rng.random() < 0.5:  # a coloured board
        paper = mix(rng.choice(_ACCENTS), (0, 0, 0), rng.uniform(0, 0.4))
        ink = mix((255, 255, 255), paper, rng.uniform(0, 0.1))
    elif rng.random() < (0.5 if kind == "screen" else 0.05):
        paper, ink = (rng.randint(12, 50),) * 3, (rng.randint(200, 250),) * 3
    dark = sum(paper) < 300
    accent = ink if dark or rng.random() < 0.6 else rng.choice(_ACCENTS)
    scales = (
        (1.8, 1.4, 1.15, 1.0, 1.0, 1.0),
        (1.5, 1.25, 1.1, 1.0, 1.0, 1.0),
        (2.2, 1.6, 1.3, 1.1, 1.0, 1.0),
    )
    bullets = [mark for mark in dict.fromkeys(rng.sample(_BULLETS, len(_BULLETS))) if usable(body, mark)]
    return Look(
        body=body,
        bold=bold,
        head=head,
        mono=mono,
        value=value,
        size=size,
        leading=rng.choice((1.3, 1.4, 1.5, 1.6, 1.7, 1.8, rng.uniform(1.25, 2.1))),
        gap=rng.choice((0.3, 0.5, 0.7, 1.0)),
        indent=rng.choice((0.0, 0.0, 0.0, 1.0, 1.0, 2.0)),
        justify=rng.random() < 0.45,
        keep_all=rng.random() < 0.55,
        tracking=rng.choice((-0.03, 0.04, 0.08)) * size if rng.random() < 0.15 else 0.0,
        ink=ink,
        paper=paper,
        accent=accent,
        scales=rng.choice(scales),
        centre_title=rng.random() < 0.4,
        heading_rule=rng.random() < 0.2,
        bullets=tuple((bullets or ["-"])[:3]),
        table=rng.choice(("grid", "grid", "grid", "rows", "header", "plain")),
        quote=rng.choice(("bar", "box", "tint")),
        code=rng.choice(("tint", "box", "plain", "dark")),
        fields=rng.choice(("tab", "inline")),
        bubbles=kind == "screen" and rng.random() < 0.5,
    )
