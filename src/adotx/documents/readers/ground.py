"""What a reader says of a row, held against its ink: words that reach beyond the ink are not on the page.

In: packed rows and their texts. Out: the texts without such tails. A row has room for its ink width in em;
how wide a face sets its letters is learnt from the page itself. Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from adotx.documents.assembly.letter_widths import advance, text_width
from adotx.documents.layout import Layout, Packed, line_em

# A tail is cut only where the text is this much too long for its ink: factor and em.
_TOO_LONG, _SLACK = 1.2, 1.5
# Faces from very narrow to very wide, against `letter_widths`.
_NARROWEST, _WIDEST = 0.6, 1.4
# How far, in em, the last letter that stays may reach beyond the ink.
_LAST_LETTER = 0.5
# A row of fewer letters says nothing about its face.
_ENOUGH_LETTERS = 6


def grounded(layout: Layout, packed: Packed, texts: Sequence[str]) -> tuple[list[str], int]:
    """The texts cut where their ink ends.

    Args:
        layout, packed: of the page.
        texts: of `packed.pieces`.

    Returns:
        (texts, how many were cut).
    """
    # Wide gaps between words say nothing about the face: a row has the room that it shows.
    room = [len(piece.columns) / max(1.0, line_em(layout, piece.line)) for piece in packed.pieces]
    widths = [text_width(text) for text in texts]
    shares = [
        have / takes
        for have, takes, text in zip(room, widths, texts, strict=True)
        if len(text) >= _ENOUGH_LETTERS and takes > 0
    ]
    # Most rows are read to their end and no further, so the usual share is the face's.
    face = float(np.clip(np.median(shares), _NARROWEST, _WIDEST)) if shares else 1.0
    out, cut = [], 0
    for have, takes, text in zip(room, widths, texts, strict=True):
        if takes * face > _TOO_LONG * have + _SLACK:
            fitting = sum(end * face <= have + _LAST_LETTER for end in accumulate(map(advance, text)))
            text, cut = text[:fitting].rstrip(), cut + 1
        out.append(text)
    return out, cut
