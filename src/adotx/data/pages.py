"""The page maker: a seed in, a page out - image, Markdown truth in reading order, every line with its box.

In: a seed, a `TextSource`, fonts. Out: `Page`. The same seed, text, fonts and library versions give the same
page. Knows nothing of models, tiles or tokens.

What the truth holds: everything that can be read on the page, in reading order, NFC, text not escaped. Tables
are pipe tables with the first row as header, forms and receipts lines of "key: value", rules and boxes leave
no trace, the running head is the first paragraph and the page number the last.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, overload

from PIL import Image, ImageChops, ImageDraw

from adotx.data import fill
from adotx.data.damage import Affine, Strength, apply_affine, damage
from adotx.data.fonts import FontFace, split_fonts
from adotx.data.kinds import KINDS
from adotx.data.look import FontSet, Look, choose_look, mix
from adotx.data.shapes import set_blocks
from adotx.data.source import TextSource
from adotx.data.typeset import Box, Line, Sheet
from adotx.data.wrap import Type
from adotx.errors import AdotxError
from adotx.markdown import Block, Heading, to_markdown

# (width, height, pixels per inch, how often): A4 and B5 scans, slides, telephone screens.
_FORMATS = (
    (1240, 1754, 150, 10),
    (992, 1403, 120, 3),
    (1654, 2339, 200, 2),
    (1075, 1518, 150, 2),
    (1275, 1650, 150, 1),
    (1600, 900, 150, 1),
    (900, 1600, 150, 1),
)

_WITHOUT_HEAD = ("receipt", "form", "notice", "letter", "checks", "sign", "screen")


@dataclass
class Page:
    """One made page.

    Attributes:
        image: RGB.
        markdown: the truth; `blocks` as Markdown.
        lines: every physical line, in reading order.
        kind: one of `KINDS`.
        fonts: the faces that text was set in.
        blocks: the blocks as they were set, in reading order.
        affine: (a, b, c, d, e, f) from flat to final pixels: x' = a x + b y + c, y' = d x + e y + f.
        meta: seed, strength, damages, size (body, pixels per em), columns.
    """

    image: Image.Image
    markdown: str
    lines: list[Line]
    kind: str
    fonts: tuple[FontFace, ...]
    blocks: list[Block]
    affine: Affine
    meta: dict[str, Any] = field(default_factory=dict)


def make_page(
    seed: int | str,
    source: TextSource,
    fonts: FontSet | Sequence[FontFace],
    kind: str | None = None,
    *,
    canvas: tuple[int, int] | None = None,
    size: int | None = None,
    strength: Strength | None = None,
) -> Page:
    """Make one page.

    Args:
        seed: decides everything that the other arguments leave open.
        source: where its text comes from.
        fonts: faces, or a `FontSet` made once.
        kind: one of `KINDS`; drawn if None.
        canvas: (width, height) in pixels; drawn if None. Receipts are cut to their length.
        size: running text in pixels per em; drawn if None.
        strength: how much the page is damaged; drawn if None.

    Raises:
        AdotxError: unknown kind.
    """
    if kind is not None and kind not in KINDS:
        known = ", ".join(KINDS)
        raise AdotxError(
            "page.kind", "no kind of page {kind!r}", remedy="one of {known}", kind=kind, known=known
        )
    rng = random.Random(f"adotx page 1 {seed}")
    fonts = FontSet.of(fonts)
    kind = kind or rng.choice(list(KINDS))
    strength = strength or rng.choices(("clean", "light", "strong"), (25, 45, 30))[0]
    for _ in range(20):
        page = _attempt(rng, source, fonts, kind, canvas, size, strength)
        if page:
            page.meta = {"seed": seed, "strength": strength, **page.meta}
            return page
    what, remedy = "nothing of a {kind} page could be set", "give more text or fonts"
    raise AdotxError("page.empty", what, remedy=remedy, kind=kind)


def _attempt(
    rng: random.Random,
    source: TextSource,
    fonts: FontSet,
    kind: str,
    canvas: tuple[int, int] | None,
    size: int | None,
    strength: Strength,
) -> Page | None:
    """One page, or None where the drawn face can set next to nothing of the drawn text."""
    (width, height), body = _dimensions(rng, kind, canvas, size)
    look = choose_look(rng, fonts, kind, body)
    margin = width * (rng.uniform(0.06, 0.13) if kind != "receipt" else rng.uniform(0.05, 0.09))
    if width > height:
        margin = height * rng.uniform(0.06, 0.1)
    frame = (margin, margin * rng.uniform(0.9, 1.2), width - margin, height - margin)
    room = int(
        (frame[2] - frame[0]) * (frame[3] - frame[1]) / (body * body * look.leading) * rng.uniform(0.7, 1.3)
    )
    if rng.random() < 0.2 and kind in ("prose", "list", "notice", "mixed"):
        room = int(room * rng.uniform(0.15, 0.6))  # last pages, short letters
    if kind == "receipt":
        look = replace(
            look, table="plain", fields=rng.choice(("inline", "tab")), centre_title=False, indent=0.0
        )
    if kind == "form":
        look = replace(look, table=rng.choice(("grid", "grid", "header")))
    blocks = KINDS[kind](rng, source, room)
    sheet = Sheet((width, height), look, [frame])
    has_head = kind not in _WITHOUT_HEAD and rng.random() < 0.12
    if has_head:
        sheet.centre(
            source.phrase(rng, longest=24), width / 2, margin * 0.6, "header", max(12, round(body * 0.8))
        )
    count = 1
    if kind == "two_column":
        count = 2 if width < height or rng.random() < 0.7 else 3
        _columns(rng, sheet, source, frame, count)
    if kind == "notice" and rng.random() < 0.5:
        _border(sheet, frame, margin * 0.45)
    dashes = rng.choice(("", "-", "=", "*", "line", "line", "heavy"))
    for part in [[block] for block in blocks] if kind == "receipt" else [blocks]:
        if dashes and kind == "receipt" and part[0].kind in ("table", "fields"):
            _dashes(sheet, frame, dashes)
        if not set_blocks(sheet, part):
            break
    if not sheet.blocks or len([line for line in sheet.lines if line.kind not in ("header", "footer")]) < 2:
        return None
    if kind not in ("receipt", "sign", "screen") and rng.random() < 0.25:
        number = rng.randint(1, 400)
        shown = rng.choice(
            (f"{number}", f"- {number} -", f"{number} / {number + rng.randint(0, 60)}", f"p. {number}")
        )
        sheet.centre(shown, width / 2, height - margin * 0.5, "footer", max(12, round(body * 0.8)))
        bottom = height
    else:
        bottom = height if kind != "receipt" and rng.random() < 0.75 else round(_bottom(sheet) + margin)
    image = sheet.image.crop((0, 0, width, min(height, bottom))) if bottom < height else sheet.image
    edge = look.paper if rng.random() < 0.8 else mix(look.paper, (0, 0, 0), rng.uniform(0.1, 0.9))
    if kind in ("letter", "contract", "form", "checks") and rng.random() < 0.5:
        _seal(rng, image, sheet)
    image, affine, done = damage(image, rng, strength, body, margin * 0.6, edge)
    lines = [replace(line, box=apply_affine(affine, line.flat)) for line in sheet.lines]
    meta = {"damages": done, "size": body, "columns": count, "families": _families(look)}
    faces = tuple(
        dict.fromkeys((look.body, look.head, look.mono, look.value, *((look.bold,) if look.bold else ())))
    )
    return Page(image, to_markdown(sheet.blocks), lines, kind, faces, sheet.blocks, affine, meta)


def _dimensions(
    rng: random.Random, kind: str, canvas: tuple[int, int] | None, size: int | None
) -> tuple[tuple[int, int], int]:
    """((width, height), body size) in pixels."""
    formats = [entry for entry in _FORMATS if kind not in ("form", "two_column") or entry[0] < entry[1]]
    width, height, density, _ = rng.choices(formats, [entry[3] for entry in formats])[0]
    points = (
        rng.uniform(9.5, 13)
        if rng.random() < 0.75
        else rng.choice((rng.uniform(8, 9.5), rng.uniform(13, 18)))
    )
    body = size or max(14, round(points * density / 72))
    if kind == "receipt":
        width, height = round(body * rng.uniform(20, 30)), round(body * 110)
    elif kind == "terms" and size is None:  # small print
        body = max(11, round(rng.uniform(6, 8.5) * density / 72))
    elif kind == "hand" and size is None:  # hands write larger than print
        body = round(body * rng.uniform(1.2, 1.8))
    elif kind == "sign":
        width, height = rng.choice(((900, 600), (1200, 800), (800, 1000), (1280, 720)))
        body = size or round(width / rng.uniform(14, 28))
    elif kind == "screen":
        width, height = rng.choice(((720, 1480), (1080, 2000), (540, 1100)))
        body = size or round(width / rng.uniform(22, 32))
    return canvas or (width, height), body


def _columns(rng: random.Random, sheet: Sheet, source: TextSource, frame: Box, count: int) -> None:
    """Set a title over the whole width, then divide the rest into columns."""
    if rng.random() < 0.6:
        set_blocks(sheet, [Heading.of(source.heading(rng), 1, "center")])
        sheet.y += sheet.look.size
    gutter = sheet.look.size * rng.uniform(1.2, 2.2)
    wide = (frame[2] - frame[0] - gutter * (count - 1)) / count
    top = sheet.y
    sheet.columns = [
        (frame[0] + n * (wide + gutter), top, frame[0] + n * (wide + gutter) + wide, frame[3])
        for n in range(count)
    ]
    sheet.column = 0
    if rng.random() < 0.3:
        for column in sheet.columns[1:]:
            x = column[0] - gutter / 2
            sheet.draw.line((x, top, x, frame[3]), fill=sheet.look.faint, width=1)


def _border(sheet: Sheet, frame: Box, away: float) -> None:
    box = (frame[0] - away, frame[1] - away, frame[2] + away, frame[3] + away)
    sheet.draw.rectangle(box, outline=sheet.look.faint, width=max(1, sheet.look.size // 10))


def _dashes(sheet: Sheet, frame: Box, how: str) -> None:
    """A rule of dashes, drawn (thin, or a quarter of an em high) or typed; the truth has no trace of it."""
    look, step = sheet.look, sheet.look.size * 0.4
    sheet.y += step
    if how in ("line", "heavy"):
        pen = max(1, round(look.size * (0.22 if how == "heavy" else 0.05)))
        for n in range(int((frame[2] - frame[0]) / step)):
            left = frame[0] + n * step
            sheet.draw.line((left, sheet.y, left + step * 0.6, sheet.y), fill=look.ink, width=pen)
    else:
        font = Type(look.body, look.size).font
        text = how * int((frame[2] - frame[0]) / max(1.0, font.getlength(how)))
        sheet.draw.text((frame[0], sheet.y), text, fill=look.ink, font=font, anchor="lm")
    sheet.y += step


def _seal(rng: random.Random, image: Image.Image, sheet: Sheet) -> None:
    """A red stamp over the end of one of the last lines."""
    line = rng.choice(sheet.lines[-4:])
    radius = line.size * rng.uniform(0.8, 1.8)
    x, y = line.flat[2] - rng.uniform(0, 1.5) * radius, (line.flat[1] + line.flat[3]) / 2
    shape = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(shape)
    box = (x - radius, y - radius, x + radius, y + radius)
    pen = max(2, round(radius * 0.08))
    (draw.ellipse if rng.random() < 0.6 else draw.rectangle)(box, outline=255, width=pen)
    font = Type(sheet.look.head, max(8, round(radius * 0.7))).font
    name = fill.name(rng)
    draw.text(
        (x, y), f"{name[:2]}\n{name[2:]}인", fill=255, font=font, anchor="mm", align="center", spacing=0
    )
    red = Image.new("RGB", image.size, (rng.randint(180, 230), rng.randint(20, 70), rng.randint(20, 70)))
    # Stamping ink is transparent: what is printed stays darker.
    image.paste(ImageChops.multiply(image, red), (0, 0), shape)


def _bottom(sheet: Sheet) -> float:
    return max(line.flat[3] for line in sheet.lines)


def _families(look: Look) -> tuple[str, ...]:
    faces = (look.body, look.head, look.mono, look.value)
    return tuple(dict.fromkeys(face.family for face in faces))


class ValidationPages(Sequence[Page]):
    """A fixed list of validation pages, made when they are asked for (a page is some six megabytes)."""

    def __init__(self, n: int, seed: int, source: TextSource, fonts: FontSet) -> None:
        self.n, self.seed, self.source, self.fonts = n, seed, source, fonts

    def __len__(self) -> int:
        return self.n

    @overload
    def __getitem__(self, index: int) -> Page: ...
    @overload
    def __getitem__(self, index: slice) -> list[Page]: ...
    def __getitem__(self, index: int | slice) -> Page | list[Page]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(self.n))]
        if not -self.n <= index < self.n:
            raise IndexError(index)
        index %= self.n
        kinds = list(KINDS)
        kind, cycle = kinds[index % len(kinds)], index // len(kinds)
        strength: Strength = ("clean", "light", "light", "strong")[cycle % 4]  # type: ignore[assignment]
        # Two prose pages in three have glyphs of 20 px or more, as the acceptance asks for.
        size = (20, 24, None, 22, 28, None)[cycle % 6] if kind == "prose" else None
        return make_page(
            f"validation {self.seed} {index}", self.source, self.fonts, kind, size=size, strength=strength
        )


def validation_pages(
    n: int, seed: int, corpora: str | Path | TextSource, fonts: Sequence[FontFace]
) -> ValidationPages:
    """`n` pages of held-out texts in held-out font families, kinds in turn.

    Args:
        n: how many; the first pages of a longer list are those of a shorter one.
        seed: another list for another seed.
        corpora: the corpora folder, or a `TextSource` made of validation documents.
        fonts: faces of which only the held-out families are used.

    Raises:
        AdotxError: none of `fonts` is of a held-out family.
    """
    source = corpora if isinstance(corpora, TextSource) else TextSource.from_corpora(corpora, "validation")
    held_out = split_fonts(fonts)[1]
    if not held_out:
        raise AdotxError(
            "fonts.validation", "no held-out font family", remedy="adotx data fonts FOLDER gets them"
        )
    return ValidationPages(n, seed, source, FontSet(held_out))
