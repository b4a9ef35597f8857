"""Black boxes over what is covered on a page: its picture and its covered lines in, the picture out.

The boxes are pixels of the new picture: nothing lies under them. They reach beyond the letters where a line
does not tell exactly where those stand. Knows no kinds of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw

from adotx.documents.outputs.redaction.kinds import MASK
from adotx.documents.outputs.words import Quad, part_of, size_of, width_between, words_of
from adotx.documents.readers import TextLine

# In em: how far a box reaches above and below the letters and beside a word; beyond letters inside of one, or
# of a word of which it is not known where it stands, whose places are guessed by widths.
_ABOVE, _BESIDE, _GUESSED = 0.2, 0.15, 0.8


def covered(
    picture: Image.Image, lines: Sequence[TextLine], size: tuple[int, int] | None = None
) -> Image.Image:
    """A copy of the picture, RGB, with the covered letters of its lines blacked out.

    Args:
        picture: of the page.
        lines: of the page.
        size: of the picture in whose pixels the lines are; None: it is this one.
    """
    picture = picture.convert("RGB")
    width, height = size or picture.size
    boxes = [box for line in lines if MASK in line.text for box in _boxes(line)]
    if boxes:
        picture = picture.copy()
        draw = ImageDraw.Draw(picture)
        for box in boxes:
            corners = [(x * picture.width / width, y * picture.height / height) for x, y in box]
            draw.polygon(corners, fill="black", outline="black")
    return picture


def _boxes(line: TextLine) -> Iterator[Quad]:
    for word in words_of(line):
        if MASK not in word.text:
            continue
        length, height = size_of(word.quad)
        em = height / max(length, 1.0)
        first, last = word.text.index(MASK), word.text.rindex(MASK) + 1
        x0, x1 = width_between(word.text, first, last)
        whole = len(word.text)
        outside = _BESIDE if word.apart else _GUESSED
        x0 = max(x0 - (_GUESSED if first else 0.0) * em, 0.0) - (
            outside * em if x0 * length < height else 0.0
        )
        x1 = min(x1 + (_GUESSED if last < whole else 0.0) * em, 1.0)
        x1 += outside * em if (1 - x1) * length < height else 0.0
        yield part_of(word.quad, x0, x1, _ABOVE)
