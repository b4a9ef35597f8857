"""Running text on a sheet: break lines, draw them, and keep for every line what it says and where it stands.

In: text blocks, a `Look`, an empty sheet with columns. Out: the drawn sheet, its lines, and the blocks as
they were really set (cut where a column ended). Does not know: blocks of other shapes, corpora, damages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image, ImageDraw

from adotx.data.fonts import FontFace, missing
from adotx.data.look import Colour, Look, mix
from adotx.data.wrap import SetLine, StyledText, Type, Word, drawable, to_spans, to_words, wrap
from adotx.markdown import (
    Block,
    Heading,
    Item,
    Paragraph,
    Span,
    TextBlock,
    inline_markdown,
    with_text,
)

Box = tuple[float, float, float, float]


def union(a: Box, b: Box) -> Box:
    """The box around two boxes."""
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


@dataclass(frozen=True, slots=True)
class Line:
    """One physical line of a page (of a cell, in a table).

    Attributes:
        text: what is seen, with bullets, without marks.
        box: ink box (x0, y0, x1, y1) in pixels of the finished image; upright after a skew.
        size: pixels per em.
        kind: the kind of its block, or ``"header"`` / ``"footer"``.
        block: index of its block in `Page.blocks`.
        markdown: the line as the Markdown truth has it (marks, no bullet glyphs).
        glue: what joins it to the next line of its block: ``" "``, ``""`` (a word goes on) or ``"\\n"``.
        cell: (row, column) in a table or in `fields`, else None.
        flat: ink box before the skew.
    """

    text: str
    box: Box
    size: float
    kind: str
    block: int
    markdown: str
    glue: str
    cell: tuple[int, int] | None
    flat: Box


class Sheet:
    """A blank page that blocks are set on, column after column.

    Args:
        size: (width, height) in pixels.
        look: how everything is set.
        columns: (x0, y0, x1, y1) of each column, in reading order.

    Attributes:
        lines, blocks: what was set, in reading order.
        y: where the next line begins, in column number `column`.
        indent: what stands before the marker of the next list item in Markdown.
    """

    def __init__(self, size: tuple[int, int], look: Look, columns: Sequence[Box]) -> None:
        self.look = look
        self.image = Image.new("RGB", size, look.paper)
        self.draw = ImageDraw.Draw(self.image)
        self.columns = list(columns)
        self.column = 0
        self.y = columns[0][1]
        self.lines: list[Line] = []
        self.blocks: list[Block] = []
        self.indent = ""
        self.body = Type(look.body, look.size, tracking=look.tracking)
        self._bold = (
            Type(look.bold, look.size, tracking=look.tracking)
            if look.bold
            else Type(look.body, look.size, True, look.tracking)
        )

    def part_from(self, before: str, kind: str) -> None:
        """Leave the blank between two blocks of these kinds; none at the top of a column."""
        if self.y > self.columns[self.column][1]:
            tight = before == kind == "item"
            self.y += self.look.size * self.look.gap * (0.25 if tight else 1.5 if kind == "heading" else 1)

    def centre(self, text: str, x: float, y: float, kind: str, size: int) -> None:
        """A short line of its own centred at `x`: page numbers, running heads. A block, too."""
        type_ = Type(self.look.body, size)
        shown = drawable(self.look.body, text)
        if shown:
            words = to_words([Span(shown)], lambda _: type_)
            line = SetLine(words, sum(w.width for w in words) + type_.space * (len(words) - 1))
            self._draw_line(line, x - line.width / 2, y, type_, kind, shown)
            self.blocks.append(Paragraph.of(shown))

    # Blocks of running text -------------------------------------------------------------------------------

    def heading(self, block: Heading) -> bool:
        look = self.look
        size = round(look.size * look.scales[block.level - 1])
        face = look.head if not missing(look.head, block.text) else look.body
        type_ = Type(face, size, stroke=face.weight < 500 and block.level > 3)
        align = block.align or ("center" if look.centre_title and block.level == 1 else "left")
        done = self._flow(
            block,
            type_,
            align=align,
            colour=look.accent,
            keep_all=True,
            lead=1.35,
            mark="#" * block.level + " ",
        )
        if done and look.heading_rule and block.level <= 2:
            x0, _, x1, _ = self.columns[self.column]
            self.y += size * 0.2
            self.draw.line((x0, self.y, x1, self.y), fill=look.faint, width=max(1, size // 16))
            self.y += size * 0.3
        return done

    def paragraph(self, block: Paragraph) -> bool:
        look = self.look
        align = block.align or ("justify" if look.justify else "left")
        first = look.indent * look.size if align in ("left", "justify") else 0.0
        return self._flow(block, self.body, align=align, first=first)

    def item(self, block: Item) -> bool:
        look = self.look
        shown = block.marker
        if shown == "-":
            shown = look.bullets[min(block.level, len(look.bullets) - 1)]
        shown = drawable(look.body, shown) or "-"
        left = look.size * (0.3 + 1.4 * block.level)
        hang = max(self.body.width(shown) + 0.45 * look.size, 1.1 * look.size)
        align = "justify" if look.justify else "left"
        return self._flow(
            block,
            self.body,
            align=align,
            left=left + hang,
            bullet=(shown, hang),
            mark=f"{self.indent}{block.marker} ",
        )

    def _flow(
        self,
        block: TextBlock,
        type_: Type,
        align: str = "left",
        first: float = 0.0,
        left: float = 0.0,
        colour: Colour | None = None,
        keep_all: bool | None = None,
        lead: float | None = None,
        mark: str = "",
        bullet: tuple[str, float] | None = None,
    ) -> bool:
        """Set a block of text over as many columns as it takes; what does not fit is not part of the page."""
        spans = self.prepared(block, type_.face)
        if not spans:
            return True
        x0, _, x1, _ = self.columns[self.column]
        keep_all = self.look.keep_all if keep_all is None else keep_all
        lines = self.wrapped(spans, x1 - x0 - left, first, keep_all, type_)
        pitch = type_.size * (lead or self.look.leading)
        at = 0
        while at < len(lines):
            x0, _, x1, y1 = self.columns[self.column]
            fit = min(len(lines) - at, int((y1 - self.y) / pitch))
            part = lines[at : at + fit]
            if part and bullet and not at:
                marker = Word([StyledText(bullet[0], type_)])
                base = self._baseline(type_, pitch)
                bullet_box = self.draw_words(
                    [marker], x0 + left - bullet[1], base, 0.0, colour or self.look.ink
                )
                self.place(
                    part,
                    x0 + left,
                    x1 - x0 - left,
                    type_,
                    block.kind,
                    align,
                    colour,
                    0.0,
                    pitch,
                    mark,
                    (bullet[0], bullet_box),
                    last=at + fit == len(lines),
                )
            else:
                self.place(
                    part,
                    x0 + left,
                    x1 - x0 - left,
                    type_,
                    block.kind,
                    align,
                    colour,
                    0.0 if at else first,
                    pitch,
                    "" if at else mark,
                    last=at + fit == len(lines),
                )
            at += fit
            if at < len(lines) and not self.next_column():
                break
        if at:
            self.blocks.append(with_text(block, to_spans(lines[:at])))
        return at == len(lines)

    # Lines ------------------------------------------------------------------------------------------------

    def prepared(self, block: TextBlock, face: FontFace | None = None) -> list[Span]:
        """The block's spans as its faces can draw them; empty if too much would be lost."""
        spans = []
        for span in block.spans:
            style = self._style(span, None)
            shown = drawable(face if face and not (span.code or span.bold) else style.face, span.text)
            if shown is None:
                return []
            spans.append(replace(span, text=shown))
        return spans

    def _style(self, span: Span, type_: Type | None) -> Type:
        if span.code:
            mono = self.look.mono if not missing(self.look.mono, span.text) else self.look.body
            return Type(mono, max(round((type_ or self.body).size * 0.94), 9))
        if span.bold:
            bold = self._bold if not missing(self._bold.face, span.text) else replace(self.body, stroke=True)
            return bold if not type_ else replace(bold, size=type_.size)
        return type_ or self.body

    def wrapped(
        self, spans: Sequence[Span], width: float, first: float, keep_all: bool, type_: Type | None = None
    ) -> list[SetLine]:
        words = to_words(spans, lambda span: self._style(span, type_))
        return wrap(words, width, first, (type_ or self.body).space, keep_all)

    def place(
        self,
        lines: Sequence[SetLine],
        x: float,
        width: float,
        type_: Type,
        kind: str,
        align: str,
        colour: Colour | None,
        first: float,
        pitch: float,
        mark: str,
        bullet: tuple[str, Box] | None = None,
        last: bool = True,
    ) -> None:
        """Draw lines from `self.y` on and keep them; `mark` and `bullet` stand before the first."""
        for number, line in enumerate(lines):
            start = x + (first if not number else 0.0)
            room = width - (first if not number else 0.0)
            space = type_.space
            slack = room - line.width
            if align == "center":
                start += slack / 2
            elif align == "right":
                start += slack
            ends = number + 1 == len(lines) and last
            if align == "justify" and not ends and len(line.words) > 1 and slack < 0.25 * room:
                space += max(slack, 0.0) / (len(line.words) - 1)
            text, markdown = line.text, inline_markdown(with_text(Paragraph(()), to_spans([line])).spans)
            flat = self.draw_words(
                line.words, start, self._baseline(type_, pitch), space, colour or self.look.ink
            )
            if not number and bullet:
                text, flat = f"{bullet[0]} {text}", union(bullet[1], flat)
            self.keep(
                text,
                flat,
                type_.size,
                kind,
                (mark if not number else "") + markdown,
                "\n" if ends else line.glue,
            )
            self.y += pitch

    def _draw_line(self, line: SetLine, x: float, base: float, type_: Type, kind: str, text: str) -> None:
        flat = self.draw_words(line.words, x, base, type_.space, mix(self.look.ink, self.look.paper, 0.2))
        self.keep(text, flat, type_.size, kind, text, "\n")

    def draw_words(self, words: Sequence[Word], x: float, base: float, space: float, colour: Colour) -> Box:
        """Draw words from `x` on the baseline; returns their ink box."""
        box: Box | None = None
        for word in words:
            for part in word.parts:
                font, width = part.type.font, part.type.width(part.text)
                if part.code and self.look.code != "plain" and colour == self.look.ink and space:
                    top, low = base - 0.95 * part.type.size, base + 0.28 * part.type.size
                    self.draw.rectangle((x - 1, top, x + width + 1, low), fill=self.look.tint)
                pen = part.type.size * 0.03 if part.type.stroke else 0
                if part.type.tracking:
                    at = x
                    for character in part.text:
                        self.draw.text(
                            (at, base), character, fill=colour, font=font, anchor="ls", stroke_width=pen
                        )
                        at += part.type.width(character)
                else:
                    self.draw.text(
                        (x, base), part.text, fill=colour, font=font, anchor="ls", stroke_width=pen
                    )
                x0, y0, x1, y1 = font.getbbox(part.text, anchor="ls")
                ink = (x + x0, base + y0, x + x1 + part.type.tracking * (len(part.text) - 1), base + y1)
                box = union(box, ink) if box else ink
                x += width
            x += space
        assert box is not None
        return box

    def keep(
        self,
        text: str,
        flat: Box,
        size: float,
        kind: str,
        markdown: str,
        glue: str,
        cell: tuple[int, int] | None = None,
    ) -> None:
        self.lines.append(Line(text, flat, size, kind, len(self.blocks), markdown, glue, cell, flat))

    def pitch(self, lead: float | None = None) -> float:
        return self.look.size * (lead or self.look.leading)

    def ascent(self, type_: Type, pitch: float) -> float:
        """From the top of a line of `pitch` to its baseline: the em box is centred."""
        return (pitch - type_.size) / 2 + 0.86 * type_.size

    def _baseline(self, type_: Type, pitch: float) -> float:
        return self.y + self.ascent(type_, pitch)

    def room(self, height: float) -> bool:
        """Make sure of `height` pixels, if need be in the next column; False on a full sheet."""
        return self.y + height <= self.columns[self.column][3] or (
            self.next_column() and self.y + height <= self.columns[self.column][3]
        )

    def next_column(self) -> bool:
        if self.column + 1 >= len(self.columns):
            return False
        self.column += 1
        self.y = self.columns[self.column][1]
        return True
