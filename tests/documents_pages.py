"""Pages drawn with Pillow's own face, with the lines that are on them: no fonts or models needed."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

from PIL import Image, ImageDraw, ImageFont

from adotx.documents.assembly.assemble import assemble
from adotx.documents.layout.pack import pack
from adotx.documents.layout.page import lay_out
from adotx.evaluate.alignment import oracle_rows

_TEXT = """the plan was read by every member of the board before the meeting and nobody asked for a change in
any part of it so that the chair could close the session early and thank all guests for coming this far"""
WORDS = _TEXT.split()


@dataclass
class Drawn:
    """An image and its truth, in the form that the oracle reader takes."""

    image: Image.Image
    lines: list[SimpleNamespace] = field(default_factory=list)
    affine: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)

    @classmethod
    def blank(cls, width: int = 1000, height: int = 1200, paper: int = 255) -> Drawn:
        return cls(Image.new("L", (width, height), paper))

    def text(self, x: float, y: float, text: str, size: int = 24, fill: int = 10) -> float:
        """Draw one line with its top left corner at (x, y); returns where it ends."""
        font = ImageFont.load_default(size)
        ImageDraw.Draw(self.image).text((x, y), text, fill=fill, font=font)
        x0, y0, x1, y1 = font.getbbox(text)
        self.lines.append(SimpleNamespace(text=text, size=size, flat=(x + x0, y + y0, x + x1, y + y1)))
        return x + x1

    def paragraph(self, x: float, y: float, width: float, words: list[str], size: int = 24) -> float:
        """Draw words in lines of at most `width`; returns where the next line would stand."""
        font, line = ImageFont.load_default(size), ""
        for word in [*words, ""]:
            longer = f"{line} {word}".strip()
            if line and (not word or font.getlength(longer) > width):
                self.text(x, y, line, size)
                y, longer = y + 1.6 * size, word
            line = longer
        return y

    def rule(self, *box: float, width: int = 1, fill: int = 90) -> None:
        ImageDraw.Draw(self.image).line(box, fill=fill, width=width)

    def box(self, *box: float, fill: int | None = None, outline: int | None = None) -> None:
        ImageDraw.Draw(self.image).rectangle(box, fill=fill, outline=outline)


def markdown_of(page: Drawn) -> str:
    """The page laid out, packed, read by the oracle, and put together."""
    layout = lay_out(page.image)
    packed = pack(layout)
    return assemble(layout, packed.texts(oracle_rows(layout, packed, page)))  # type: ignore[arg-type]
