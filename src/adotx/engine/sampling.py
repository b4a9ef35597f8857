"""From one row of logits to one token id, with the semantics of transformers' logits processors, on NumPy.

In: float32 logits [V], the ids seen so far, `SamplingParams`. Out: a token id. Knows no model. The order is
that of transformers' `generate`: repetition penalty (also when greedy), then temperature, top-k, top-p, then
the draw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from adotx.errors import AdotxError

# A loop counts as one when its period was seen at least this often in the guarded window.
LOOP_REPEATS = 4


@dataclass(frozen=True)
class SamplingParams:
    """How a request picks its tokens. Names and meanings follow transformers' `GenerationConfig`.

    Args:
        max_new_tokens: most tokens to generate, at least 1; the model's context may end earlier.
        temperature: 0 is greedy; otherwise logits are divided by it.
        top_p: keep the smallest set of tokens whose probabilities add up to at least this; 1 keeps all.
        top_k: keep the k likeliest tokens (and ties with the k-th); 0 keeps all.
        repetition_penalty: > 1 makes every id of prompt and output less likely; 1 is off.
        seed: the draws' seed; None draws a fresh one. Draws depend on nothing else in the batch.
        stop_ids: ids that end the output, besides the checkpoint's own; they are not part of the output.
        ignore_eos: do not stop at the checkpoint's own stop ids (for measuring).
        loop_guard: n > 0 ends the output with reason "loop" once its last n ids are one pattern of at most
            n/4 ids over and over; 0 is off. Nothing is removed from the output.
    """

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop_ids: Sequence[int] = ()
    ignore_eos: bool = False
    loop_guard: int = 0

    def __post_init__(self) -> None:
        def refuse(name: str, must: str) -> None:
            raise AdotxError(
                "sampling.value", f"{name} is {getattr(self, name)}, it must be {must}", "sampling"
            )

        if self.max_new_tokens < 1:
            refuse("max_new_tokens", "at least 1")
        if not 0 <= self.temperature < float("inf"):
            refuse("temperature", "0 (greedy) or more")
        if not 0 < self.top_p <= 1:
            refuse("top_p", "above 0 and at most 1")
        if self.top_k < 0:
            refuse("top_k", "0 (off) or more")
        if not 0 < self.repetition_penalty < float("inf"):
            refuse("repetition_penalty", "above 0")
        if self.seed is not None and self.seed < 0:
            refuse("seed", "0 or more")
        if self.loop_guard and self.loop_guard < 2 * LOOP_REPEATS:
            refuse("loop_guard", f"0 (off) or at least {2 * LOOP_REPEATS}")


def penalize_repetition(scores: np.ndarray, seen: np.ndarray, penalty: float) -> np.ndarray:
    """transformers `RepetitionPenaltyLogitsProcessor`: seen ids' scores divided (below 0: multiplied)."""
    out = scores.copy()
    picked = scores[seen]
    factor = np.float32(penalty)
    out[seen] = np.where(picked < 0, picked * factor, picked / factor)
    return out


def keep_top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """transformers `TopKLogitsWarper`: everything below the k-th score becomes -inf; ties with it stay."""
    k = min(k, scores.size)
    threshold = np.partition(scores, scores.size - k)[scores.size - k]
    return np.where(scores < threshold, np.float32(-np.inf), scores)


def keep_top_p(scores: np.ndarray, p: float) -> np.ndarray:
    """transformers `TopPLogitsWarper`: the unlikely tail that sums to at most 1 - p becomes -inf."""
    probabilities = np.exp((scores - scores.max()).astype(np.float64))
    probabilities /= probabilities.sum()
    # All ids below (1 - p) / V sum to less than 1 - p, so they go without being sorted.
    small = probabilities < (1 - p) / scores.size
    rest = np.flatnonzero(~small)
    order = rest[np.argsort(probabilities[rest], kind="stable")]
    cumulative = probabilities[small].sum() + np.cumsum(probabilities[order])
    drop = cumulative <= 1 - p
    drop[-1] = False
    out = scores.copy()
    out[small] = -np.inf
    out[order[drop]] = -np.inf
    return out


def process(scores: np.ndarray, seen: np.ndarray, params: SamplingParams) -> np.ndarray:
    """All processors in transformers' order; `scores` [V] is not changed. `seen`: unique ids so far."""
    if params.repetition_penalty != 1.0:
        scores = penalize_repetition(scores, seen, params.repetition_penalty)
    if params.temperature == 0:
        return scores
    if params.temperature != 1.0:
        scores = scores / np.float32(params.temperature)
    if params.top_k:
        scores = keep_top_k(scores, params.top_k)
    if params.top_p < 1:
        scores = keep_top_p(scores, params.top_p)
    return scores


class Sampler:
    """One request's sampling state: its random numbers and the ids it has seen."""

    def __init__(self, params: SamplingParams, prompt: Sequence[int]) -> None:
        self.params = params
        self._random = np.random.default_rng(params.seed)
        self._seen = set(prompt) if params.repetition_penalty != 1.0 else None

    def next(self, logits: np.ndarray) -> int:
        """Pick the next id from float32 logits [V].

        Raises:
            AdotxError: the logits hold NaN or +inf, so that any choice would be made up.
        """
        if not np.isfinite(logits.max()):
            raise AdotxError(
                "engine.not_finite", "the model's scores are not numbers", "logits", "try weights='f32'"
            )
        seen = np.fromiter(self._seen, np.int64, len(self._seen)) if self._seen else np.zeros(0, np.int64)
        scores = process(logits, seen, self.params)
        if self.params.temperature == 0:
            token = int(scores.argmax())
        else:
            weights = np.exp((scores - scores.max()).astype(np.float64))
            cumulative = np.cumsum(weights)
            # random() < 1, so the draw lies below the last sum and never on an id of probability 0.
            token = int(np.searchsorted(cumulative, self._random.random() * cumulative[-1], side="right"))
        if self._seen is not None:
            self._seen.add(token)
        return token


@dataclass
class LoopGuard:
    """Sees a token stream fall into a loop. `window`: the n of `SamplingParams.loop_guard`, 0 is off."""

    window: int
    _recent: list[int] = field(default_factory=list)
    _runs: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        # runs[p - 1]: how many ids in a row, up to the newest, equal the id p places before them.
        self._runs = np.zeros(self.window // LOOP_REPEATS, np.int64)

    def push(self, token: int) -> bool:
        """Take one id; True when the last `window` ids repeat one pattern of at most window / 4 ids."""
        if not self.window:
            return False
        longest = len(self._runs)
        before = np.full(longest, -1, np.int64)
        tail = self._recent[: -longest - 1 : -1]
        before[: len(tail)] = tail
        self._runs = np.where(before == token, self._runs + 1, 0)
        self._recent = [*self._recent[-longest:], token]
        return bool((self._runs + np.arange(1, longest + 1) >= self.window).any())
