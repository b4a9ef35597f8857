"""Log-probabilities of a step, as the OpenAI API and vLLM report them.

In: one row of raw logits. Out: `TokenLogprobs`. Knows no sampling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TokenLogprobs:
    """Natural log-probabilities of one step, of the model's distribution before any processing.

    Attributes:
        token: the id that was picked.
        logprob: of that id; -inf where the model gave it a score of -inf.
        top: (id, logprob) of the likeliest ids, best first, equal ones by id; may lack the picked one.
    """

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()


def log_probabilities(logits: np.ndarray, token: int, count: int) -> TokenLogprobs:
    """The log-probabilities of `token` and of the `count` likeliest ids under float32 logits [V]."""
    largest = float(logits.max())
    shares = logits - np.float32(largest)
    np.exp(shares, out=shares)
    # NumPy adds up in pairs: in float32 as exact as the shares are, and twice as fast as in float64.
    total = largest + math.log(float(shares.sum()))
    top: list[tuple[int, float]] = []
    if count := min(count, logits.size):
        # At least `count` of them, ties with the last included, so that equal ones can be put in order of id.
        cut = logits.size - count
        best = np.flatnonzero(logits >= np.partition(logits, cut)[cut])
        best = best[np.argsort(-logits[best], kind="stable")][:count]
        top = [(int(i), float(logits[i]) - total) for i in best]
    return TokenLogprobs(token, float(logits[token]) - total, tuple(top))
