"""How sure a reading is, as a probability that it is right: of characters, figures, rows and pages.

In: what the readers say of a character (the decoder's probability, whether the timestep heads see the same,
whether the second reader does). Out: calibrated probabilities and, from them, whether a figure is doubtful
and whether a page makes sense at all. All constants are fitted by `benchmarks/confidence.py`, which says on
what. Knows no models.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from adotx.documents.readers import Status

# Probabilities that a model gives are no nearer to 0 and 1 than this.
_EDGE = 1e-4
#: a figure that is less likely than this to be right is doubtful
DOUBTFUL_FIGURE = 0.95
# A reader of this probability or more means what it says.
_DISPUTE = 0.7
# A page of which fewer of the characters are expected to be right than this makes no sense: its text cannot
# be told from invention. Below the other it is incomplete.
NONSENSE, POOR = 0.5, 0.8
#: a page of which this share of the rows could not be read is not read
MOST_UNREAD = 0.5


def clipped_logit(p: float) -> float:
    """log(p / (1 - p)), finite for all p."""
    p = min(max(p, _EDGE), 1 - _EDGE)
    return math.log(p / (1 - p))


@dataclass(frozen=True)
class Evidence:
    """What speaks for one character.

    Attributes:
        sure: the probability that its reader gives it.
        heads: how sure the timestep heads are of the same, 0 to 1; negative: of another; 0: not asked.
        second: the second reader in the same way.
    """

    sure: float
    heads: float = 0.0
    second: float = 0.0


@dataclass(frozen=True)
class _Logistic:
    """P(right) = 1 / (1 + exp(-(base + sure logit(p) + heads h + second s)))."""

    base: float
    sure: float
    heads: float
    second: float

    def __call__(self, sure: float, heads: float, second: float) -> float:
        score = self.base + self.sure * clipped_logit(sure) + self.heads * heads + self.second * second
        return 1 / (1 + math.exp(-score))


# Fitted; see the module's docstring.
_CHARACTER = _Logistic(-0.78, 0.81, 0.43, 1.95)
_FIGURE = _Logistic(0.51, 0.44, 0.67, 1.98)


def character(evidence: Evidence) -> float:
    """The probability that a character is right."""
    return _CHARACTER(evidence.sure, evidence.heads, evidence.second)


def figure(evidence: Sequence[Evidence]) -> float:
    """The probability that a figure is right, all of its characters."""
    weakest = min(each.sure for each in evidence)
    heads = min(each.heads for each in evidence)
    second = min(each.second for each in evidence)
    return _FIGURE(weakest, heads, second)


def is_disputed(evidence: Sequence[Evidence]) -> bool:
    """Whether the reading that does not stand is sure of itself too: the one that stands is doubtful then."""
    return min(each.second for each in evidence) <= -_DISPUTE


def mean(evidence: Sequence[Evidence]) -> float:
    """The share of characters that are expected to be right; 1 where there are none."""
    return sum(map(character, evidence)) / len(evidence) if evidence else 1.0


def verdict(expected: float, unread: int, total: int) -> Status:
    """ "ok", "partial" or "failed" for a page.

    Args:
        expected: the share of its characters that are expected to be right.
        unread, total: rows that could not be read, and all of them.
    """
    if expected < NONSENSE or unread > MOST_UNREAD * total:
        return "failed"
    return "partial" if unread or expected < POOR else "ok"
