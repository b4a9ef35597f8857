"""What is done to scores before a pick: penalties, temperature, top-k, top-p, min-p; transformers' semantics.

In: float32 scores [V] and `SamplingParams`. Out: scores, or the ids that are left with their weights. Knows
no random numbers and no order of steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adotx.engine.sampling.params import SamplingParams

# Top-p: only this many of the likeliest ids are sorted where they reach p.
SORT_SIZES = (256, 4096)


class TokenCounts:
    """The ids that penalties touch, and how often each is in the output; grows by one id at a time."""

    def __init__(self, prompt: Sequence[int] = ()) -> None:
        unique = np.unique(np.asarray(prompt, np.int64))
        self._count = len(unique)
        self._at = dict(zip(unique.tolist(), range(self._count), strict=True))
        self._ids = np.concatenate([unique, np.zeros(self._count + 64, np.int64)])
        self._times = np.zeros(len(self._ids), np.float32)

    def add(self, token: int) -> None:
        """Count one id of the output."""
        at = self._at.setdefault(token, self._count)
        if at == self._count:
            if at == len(self._ids):
                self._ids, self._times = np.resize(self._ids, 2 * at), np.resize(self._times, 2 * at)
                self._times[at:] = 0
            self._ids[at] = token
            self._count += 1
        self._times[at] += 1

    @property
    def ids(self) -> np.ndarray:
        """int64 [N], each id once."""
        return self._ids[: self._count]

    @property
    def times(self) -> np.ndarray:
        """float32 [N], how often each is in the output: 0 for ids of the prompt alone."""
        return self._times[: self._count]


def penalize(scores: np.ndarray, counts: TokenCounts, params: SamplingParams) -> None:
    """Repetition, frequency and presence penalty, in place, on the counted ids alone.

    The first is transformers' `RepetitionPenaltyLogitsProcessor`, of all counted ids: scores below 0 are
    multiplied, others divided. The others are OpenAI's: score - frequency * times - presence * (times > 0).
    """
    ids, times = counts.ids, counts.times
    picked = scores[ids]
    if params.repetition_penalty != 1:
        factor = np.float32(params.repetition_penalty)
        picked = np.where(picked < 0, picked * factor, picked / factor)
    if params.frequency_penalty:
        picked -= np.float32(params.frequency_penalty) * times
    if params.presence_penalty:
        picked -= np.float32(params.presence_penalty) * (times > 0)
    scores[ids] = picked


def nucleus(weights: np.ndarray, p: float) -> np.ndarray:
    """Indices, ascending, that transformers' `TopPLogitsWarper` keeps: those that less than p lies above.

    `weights`: float32 [N] >= 0, probabilities up to a factor; of equal ones the later counts as above. Only
    as many of the largest are sorted as are needed to reach p.
    """
    needed = p * float(weights.sum(dtype=np.float64))
    for some in SORT_SIZES:
        if some < weights.size:
            largest = np.partition(weights, weights.size - some)[weights.size - some :]
            if largest.sum(dtype=np.float64) >= needed:
                break
    else:
        largest = weights
    # Values alone are sorted: several times as fast as sorting indices.
    falling = np.sort(largest)[::-1]
    # An id stays while the sum above it is short of p; the first has nothing above it.
    count = 1 + int(np.searchsorted(np.cumsum(falling[:-1], dtype=np.float64), needed, side="left"))
    least = falling[count - 1]
    keep = weights > least
    equal = np.flatnonzero(weights == least)
    keep[equal[equal.size - (count - int(keep.sum())) :]] = True
    return np.flatnonzero(keep)


def candidates(scores: np.ndarray, params: SamplingParams) -> tuple[np.ndarray | None, np.ndarray]:
    """What a draw is made from, after temperature, top-k, top-p and min-p.

    Args:
        scores: float32 [V], not changed; -inf is allowed but for the largest.

    Returns:
        (ids int64 [N] ascending, or None for all V; weights float32 [N]: probabilities up to a factor).
    """
    ids: np.ndarray | None = None
    left, largest = scores, scores.max()
    if 0 < params.top_k < scores.size:
        cut = scores.size - params.top_k
        ids = np.flatnonzero(scores >= np.partition(scores, cut)[cut])
        left = scores[ids]
    with np.errstate(over="ignore"):
        weights = left - largest
        if params.temperature != 1:
            weights /= np.float32(params.temperature)
    np.exp(weights, out=weights)
    if params.top_p < 1:
        keep = nucleus(weights, params.top_p)
        ids, weights = (keep if ids is None else ids[keep]), weights[keep]
    if params.min_p:
        # The largest weight is 1, and nothing above has dropped it.
        keep = np.flatnonzero(weights >= params.min_p)
        ids, weights = (keep if ids is None else ids[keep]), weights[keep]
    return ids, weights
