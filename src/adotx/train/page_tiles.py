"""The text of packed rows: a made page, its layout and its packed rows in, the text of each row out.

A row whose text is not certain has none. Knows nothing of models.
"""

from __future__ import annotations

import math

import numpy as np

from adotx.data.fonts import load
from adotx.data.pages import Page
from adotx.data.typeset import Line
from adotx.documents.layout.clean import Box
from adotx.documents.layout.pack import Packed
from adotx.documents.layout.page import Layout

#: a cut nearer than this (in em) to a glyph's middle leaves open on which side the glyph is
_DOUBT = 0.12
#: an end nearer than this (in em) to the line's is the line's
_SLACK = 0.4
#: a piece lower than this share of its line's ink has lost some of it
_PART = 0.55
#: text narrower than this share of its line has been justified or tabbed
_NATURAL = 0.96


def piece_texts(page: Page, layout: Layout, packed: Packed) -> list[str | None]:
    """The text of each packed row by the page's truth; None where it is not certain."""
    a, b, c, d, e, f = page.affine
    inverse = np.linalg.inv(np.array([[a, b, c], [d, e, f], [0, 0, 1]]))
    out: list[str | None] = []
    for piece in packed.pieces:
        x0, y0, x1, y1 = piece.box
        middle = (y0 + y1) / 2
        (left, y, _), (right, z, _) = (inverse @ (*layout.to_input(x, middle), 1.0) for x in (x0, x1))
        half = (y1 - y0) / 2
        out.append(_between(page, (left, (y + z) / 2 - half, right, (y + z) / 2 + half)))
    return out


def _between(page: Page, box: Box) -> str | None:
    """What the lines of the page show inside a box, in pixels of the page before its skew."""
    left, top, right, bottom = box
    y = (top + bottom) / 2
    lines = [n for n in page.lines if n.flat[1] <= y <= n.flat[3] and n.flat[0] < right and n.flat[2] > left]
    parts = []
    for line in sorted(lines, key=lambda n: n.flat[0]):
        if bottom - top < _PART * (line.flat[3] - line.flat[1]):
            return None  # only some of the line's height was found
        slack = _SLACK * line.size
        first = -math.inf if left <= line.flat[0] + slack else left
        last = math.inf if right >= line.flat[2] - slack else right
        if first == -math.inf and last == math.inf:
            parts.append(line.text)
            continue
        edges = _edges(page, line)
        shown = None if edges is None else _shown(line.text, edges, first, last, _DOUBT * line.size)
        if shown is None:
            return None
        parts.append(shown)
    return " ".join(part for part in parts if part) or None


def _shown(text: str, edges: list[float], first: float, last: float, doubt: float) -> str | None:
    """The part of a text between two cuts; words go as a whole unless a cut is well inside them."""
    words, at = [], 0
    for word in text.split(" "):
        x0, x1 = edges[at], edges[at + len(word)]
        inside = (min(x1, last) - max(x0, first)) / max(x1 - x0, 1e-6)
        if word and inside > 0.85:
            words.append(word)
        elif word and inside > 0.15:
            middles = [
                (p + q) / 2 for p, q in zip(edges[at:], edges[at + 1 : at + 1 + len(word)], strict=False)
            ]
            if any(min(abs(m - first), abs(m - last)) < doubt for m in middles):
                return None
            words.append("".join(c for m, c in zip(middles, word, strict=True) if first < m < last))
        at += len(word) + 1
    return " ".join(words)


def _edges(page: Page, line: Line) -> list[float] | None:
    """Left edge of each character and the right edge of the last.

    None where a tab stands at an unknown space. What a justified line is wider than its text goes to its
    spaces.
    """
    wide, size = line.flat[2] - line.flat[0], max(8, round(line.size))
    if line.kind == "code":  # fixed pitch: Hangul takes two cells
        widths = [2.0 if ord(char) > 0x1100 else 1.0 for char in line.text]
    else:
        faces = [[load(face, size).getlength(char) for char in line.text] for face in page.fonts]
        fitting = min(faces, key=lambda w: abs(sum(w) - wide))
        widths = fitting if sum(fitting) >= _NATURAL * wide else faces[0]
    spaces = line.text.count(" ")
    if line.kind != "code" and sum(widths) < _NATURAL * wide and spaces:
        more = (wide - sum(widths)) / spaces
        if spaces > 1 and more > 0.35 * size:
            return None
        widths = [w + more * (char == " ") for w, char in zip(widths, line.text, strict=True)]
    else:
        widths = [w * wide / max(1.0, sum(widths)) for w in widths]
    return [line.flat[0], *(line.flat[0] + np.cumsum(widths)).tolist()]
