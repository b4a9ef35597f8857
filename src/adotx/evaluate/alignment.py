"""A reader that knows the truth of made pages: what layout alone loses, measured without a model.

In: a `Layout`, its `Packed` rows, the `Page` that was made. Out: what a perfect reader would say for each
row. A truth line is dealt out to the rows that show it in proportion to their ink, cut at the word
boundary (or, inside a word, the character) nearest to the share. For benchmarks and tests; knows nothing
of models.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from adotx.documents.layout.pack import Packed
from adotx.documents.layout.page import Layout

if TYPE_CHECKING:
    from adotx.data.pages import Page
    from adotx.data.typeset import Line


def oracle_rows(layout: Layout, packed: Packed, page: Page) -> list[str]:
    """The text of each piece; "" where a piece shows no line of the page."""
    back = np.linalg.inv(np.vstack([np.reshape(page.affine, (2, 3)), [0, 0, 1]]))
    to_flat = back @ np.vstack([layout.page.matrix, [0, 0, 1]])
    shown: dict[int, list[tuple[float, float, int]]] = {}
    for number, piece in enumerate(packed.pieces):
        x0, _, x1, _ = piece.box
        middle = (piece.line.core[0] + piece.line.core[1]) / 2
        left, y, _ = to_flat @ (x0, middle, 1)
        right, _, _ = to_flat @ (x1, middle, 1)
        best = _line_at(page.lines, left, right, y)
        if best is not None:
            shown.setdefault(best, []).append((left, right, number))
    rows = [""] * len(packed.pieces)
    for at, parts in shown.items():
        parts.sort()
        glues = [packed.pieces[n].glue for _, _, n in parts]
        same = [packed.pieces[a[2]].line is packed.pieces[b[2]].line for a, b in pairwise(parts)]
        words = [not s or g == " " for s, g in zip(same, glues, strict=False)]
        texts = _dealt(page.lines[at].text, [right - left for left, right, _ in parts], words)
        for (_, _, number), text in zip(parts, texts, strict=True):
            rows[number] = text
    return rows


def _line_at(lines: list[Line], left: float, right: float, y: float) -> int | None:
    """Index of the truth line at a height that a span of x shows most of."""
    best, most = None, 0.0
    for number, line in enumerate(lines):
        x0, y0, x1, y1 = line.flat
        slack = 0.15 * line.size
        if not y0 - slack <= y <= y1 + slack:
            continue
        overlap = (min(right, x1) - max(left, x0)) / max(right - left, 1e-6)
        overlap -= 0.3 * abs(y - (y0 + y1) / 2) / line.size
        if overlap > max(most, 0.2):
            best, most = number, overlap
    return best


def _dealt(text: str, widths: list[float], at_words: list[bool]) -> list[str]:
    """`text` cut into as many parts as there are widths; `at_words` says which cuts fall between words."""
    if len(widths) == 1:
        return [text]
    units = np.cumsum([0.0] + [_unit(c) for c in text])
    shares = np.cumsum(widths) / sum(widths)
    cuts = [0]
    for share, between in zip(shares[:-1], at_words, strict=True):
        wanted = share * units[-1]
        places = [
            i for i in range(cuts[-1] + 1, len(text)) if (text[i - 1] == " ") == between and text[i] != " "
        ]
        cuts.append(min(places, key=lambda i: abs(units[i] - wanted)) if places else cuts[-1])
    cuts.append(len(text))
    return [text[a:b].strip() for a, b in pairwise(cuts)]


def _unit(char: str) -> float:
    """About how wide a character is, in em."""
    if char == " ":
        return 0.3
    if ord(char) < 0x2000:
        return 0.3 if char in "iIl.,:;'|!()[]" else 0.55
    return 0.95
