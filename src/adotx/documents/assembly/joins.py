"""Where a line ends, is it a word's end? The glue between two lines of a paragraph: a space or nothing.

Korean is set either with breaks between words only or with breaks between any two syllables; which of the
two shows in how the right edge looks. In the second case the text itself must say whether a word goes on:
a table of how often syllables end and start words decides. Knows nothing of images or models.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from functools import cache
from importlib import resources

from adotx.documents.assembly.placed import PlacedLine
from adotx.documents.struck import UNSEEN
from adotx.markdown.line_breaks import NEVER_FIRST, NEVER_LAST, may_break

#: marks that end a word when a line ends with them
STOPS = frozenset(".!?,;:…")
#: a hyphen that a source of text knows to be there because the line ends
SOFT_HYPHEN = "\u00ad"
# Where programs break addresses.
_IN_ADDRESSES = frozenset("/?&=_")
# What begins words that are written with a hyphen, and ends no part of a word that a program has parted.
_HYPHENATED = re.compile(
    r"\b(?:well|self|high|low|long|short|full|half|part|cross|non|ex|co|so|one|two|three|four|five|six|seven|"
    r"eight|nine|ten|first|second|third|fourth|state|year|day|end|real|open|user|built|man|hand)$",
    re.IGNORECASE,
)
# Log odds of a space from which on one is put where the file draws blanks at lines' ends, but none at this
# one: some programs leave out those that hang over the edge.
_SURELY = 1.2


@cache
def _table() -> dict:
    path = resources.files("adotx.documents.assembly").joinpath("joins.json")
    return json.loads(path.read_text(encoding="utf-8"))


def space_odds(left: str, right: str) -> float:
    """Log odds that a space belongs between two pieces of Korean text, by the characters at the seam."""
    table = _table()
    score = table["bias"]
    for name, value in features(left, right):
        score += table[name].get(value, 0.0)
    return score


def features(left: str, right: str) -> list[tuple[str, str]]:
    """What the decision looks at: up to three characters before and two behind the seam, of the two words."""
    before, after = left.rsplit(" ", 1)[-1][-3:], right.split(" ", 1)[0][:3]
    return [
        ("end1", before[-1:]),
        ("end2", before[-2:]),
        ("end3", before),
        ("start1", after[:1]),
        ("start2", after[:2]),
        ("start3", after),
        ("seam", before[-1:] + after[:1]),
    ]


def glue(left: str, right: str, anywhere: bool, ends_word: bool | None = None) -> str:
    """What joins two lines of one paragraph: " " or "".

    Args:
        left, right: the texts of the line that ends and of the line that follows.
        anywhere: whether lines are broken between syllables here (else between words only).
        ends_word: of the line that ends, where that is known.
    """
    left, right = left.translate(UNSEEN), right.translate(UNSEEN)
    if not left or not right:
        return ""
    a, b = left[-1], right[0]
    if ends_word:
        return " "
    if b in NEVER_FIRST:
        return ""
    if a in NEVER_LAST or (ends_word is False and a in _IN_ADDRESSES):
        return "" if anywhere or ends_word is False else " "
    if a in STOPS or not may_break(a, b):
        return " "
    if ends_word is None and not anywhere:
        return " "
    return " " if space_odds(left, right) > (0 if ends_word is None else _SURELY) else ""


def join_lines(lines: Sequence[PlacedLine], anywhere: bool) -> str:
    """The lines of one paragraph or cell as running text, words parted at a line's end whole again."""
    out, ends_word = "", None
    for line in lines:
        if out.endswith(SOFT_HYPHEN):
            parted = line.text[:1].islower() and not _HYPHENATED.search(out[:-1])
            out = out[:-1] + ("" if parted else "-") + line.text
        else:
            out = out + glue(out, line.text, anywhere, ends_word) + line.text
        ends_word = line.ends_word
    return out.replace(SOFT_HYPHEN, "-")


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, x))))
