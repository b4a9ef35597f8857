"""Are the figures right, and where they are not, was one told? Digits of a page and of its truth, aligned.

In: two texts; in what was said, doubtful figures stand between `MARKS` (``<mark>12,300</mark>``). Out:
`Digits`. A wrong digit is an edit that falls on a digit of the truth, or puts another digit beside one, so
that neither a lost digit nor a figure that has grown goes unseen; a letter that was read as a digit where no
figure stands is a wrong letter. Order and place are those of the least edits between the texts bared of
Markdown, white space left out. Knows no models.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adotx.documents.doubt import MARKS
from adotx.evaluate.bare import bare
from adotx.evaluate.cer import normalise_text

#: `MARKS` as single characters, which no Markdown has: they pass through its parser
_OPEN, _CLOSE = "\ue000", "\ue001"


@dataclass(frozen=True, slots=True)
class Digits:
    """Digits of one page or of many.

    Attributes:
        true: of the truth.
        wrong: wrong ones.
        silent: wrong ones that do not touch a doubtful figure.
        said: of what was said.
        doubtful: of what was said, in doubtful figures; marking everything would hide nothing.
    """

    true: int = 0
    wrong: int = 0
    silent: int = 0
    said: int = 0
    doubtful: int = 0

    def __add__(self, other: Digits) -> Digits:
        return Digits(
            self.true + other.true,
            self.wrong + other.wrong,
            self.silent + other.silent,
            self.said + other.said,
            self.doubtful + other.doubtful,
        )


def without_marks(markdown: str) -> str:
    """Markdown without the marks of doubt."""
    return markdown.replace(MARKS[0], "").replace(MARKS[1], "")


def count_digits(hypothesis: str, reference: str) -> Digits:
    """The digits of a page's Markdown against those of its truth."""
    marked = normalise_text(bare(hypothesis.replace(MARKS[0], _OPEN).replace(MARKS[1], _CLOSE)), spaces=False)
    doubts, depth = [], 0
    for char in marked:
        depth += (char == _OPEN) - (char == _CLOSE)
        if char not in (_OPEN, _CLOSE):
            doubts.append(depth > 0)
    said = marked.replace(_OPEN, "").replace(_CLOSE, "")
    true = normalise_text(bare(reference), spaces=False)
    wrong = silent = 0
    for place, at, one, other in edits(said, true):
        beside = true[max(0, at - 1) : at] + true[at + len(other) : at + len(other) + 1]
        if _digit(other) or (_digit(one) and any(map(_digit, beside))):
            wrong += 1
            # Where a character is missing, the figure before or behind it is the one that lacks it.
            silent += not any(doubts[max(0, place - (not one)) : place + 1])
    marked_digits = sum(_digit(char) and doubt for char, doubt in zip(said, doubts, strict=True))
    return Digits(sum(map(_digit, true)), wrong, silent, sum(map(_digit, said)), marked_digits)


def edits(said: str, true: str) -> list[tuple[int, int, str, str]]:
    """The edits of a least set, from the end: (place in `said`, place in `true`, character said, true one).

    One of the two characters is empty where something is missing or too many.
    """
    start = next((at for at, (a, b) in enumerate(zip(said, true, strict=False)) if a != b), None)
    if start is None:
        start = min(len(said), len(true))
    a, b = (np.frombuffer(text[start:].encode("utf-32-le"), np.uint32) for text in (said, true))
    # best[i, j]: least edits of the first i characters of `a` into the first j of `b`.
    best = np.empty((len(a) + 1, len(b) + 1), np.int32)
    steps = np.arange(len(b) + 1, dtype=np.int32)
    best[0] = steps
    for i, code in enumerate(a, 1):
        row = np.concatenate(([i], np.minimum(best[i - 1, 1:] + 1, best[i - 1, :-1] + (b != code))))
        # Runs of insertions in one go: min over k <= j of row[k] + (j - k).
        best[i] = np.minimum.accumulate(row - steps) + steps
    found: list[tuple[int, int, str, str]] = []
    i, j = len(a), len(b)
    while i or j:
        if i and j and best[i, j] == best[i - 1, j - 1] + (a[i - 1] != b[j - 1]):
            i, j = i - 1, j - 1
            if a[i] != b[j]:
                found.append((start + i, start + j, said[start + i], true[start + j]))
        elif i and best[i, j] == best[i - 1, j] + 1:
            i -= 1
            found.append((start + i, start + j, said[start + i], ""))
        else:
            j -= 1
            found.append((start + i, start + j, "", true[start + j]))
    return found


def _digit(char: str) -> bool:
    return char != "" and char in "0123456789"
