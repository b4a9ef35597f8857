"""Black boxes over what is covered on a page: its picture and its covered lines in, the picture out.

The boxes are pixels of the new picture: nothing lies under them. They reach beyond the letters where a line
does not tell exactly where those stand. Knows no kinds of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw

from adotx.documents.outputs.redaction.kinds import MASK
from adotx.documents.outputs.words import letter_width, part_of, point_at, size_of, words_of
from adotx.documents.readers import TextLine

# Of a line's height: how far a box reaches above and below it, to the sides of a word, and inside of one,
# where the letters' places are guessed by their widths.
_ABOVE, _BESIDE, _INSIDE = 0.2, 0.3, 0.8


def covered(picture: Image.Image, lines: Sequence[TextLine]) -> Image.Image:
    """A copy of the picture with the covered letters of its lines blacked out."""
    picture = picture.convert("RGB")
    hidden = [line for line in lines if MASK in line.text]
    if not hidden:
        return picture
    grey = np.asarray(picture.convert("L"))
    picture = picture.copy()
    draw = ImageDraw.Draw(picture)
    for line in hidden:
        length, height = size_of(line.quad)
        for x0, x1 in _parts(line, grey, height / max(length, 1.0)):
            quad = part_of(line.quad, x0, x1)
            corners = [point_at(quad, along, down) for along, down in (
                (0, -_ABOVE), (1, -_ABOVE), (1, 1 + _ABOVE), (0, 1 + _ABOVE))]  # fmt: skip
            draw.polygon(corners, fill="black", outline="black")
    return picture


def _parts(line: TextLine, grey: np.ndarray, em: float) -> Iterator[tuple[float, float]]:
    """The covered parts of a line, as shares of its length.

    Args:
        em: its height as a share of its length.
    """
    if not line.text.strip(MASK).strip():
        yield -_BESIDE * em, 1 + _BESIDE * em
        return
    for word in words_of(line, grey):
        if MASK not in word.text:
            continue
        widths = [letter_width(char) for char in word.text]
        total = sum(widths) or 1.0
        first, last = word.text.index(MASK), word.text.rindex(MASK) + 1
        scale = (word.x1 - word.x0) / total
        x0 = word.x0 + sum(widths[:first]) * scale - (_INSIDE if first else _BESIDE) * em
        x1 = word.x0 + sum(widths[:last]) * scale + (_INSIDE if last < len(widths) else _BESIDE) * em
        yield x0, x1
