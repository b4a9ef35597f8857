"""From one row of logits to one token id, with the semantics of transformers' logits processors, on NumPy.

In: float32 logits [V], `SamplingParams`, the prompt's ids, perhaps a `Constraint`. Out: a token id, and on
request log-probabilities. Knows no model, no text and no grammar. The order of `Sampler.next`:

1. log-probabilities are read off the raw logits (as OpenAI and vLLM do: nothing below changes them);
2. the constraint's mask: what it forbids stays forbidden, whatever a bias says;
3. logit bias, repetition penalty, then frequency and presence penalty: transformers' `SequenceBias` and
   `RepetitionPenalty` processors in the order of its `generate`; the other two stand where it puts its
   callers' own processors, in the order of vLLM;
4. greedy (temperature 0): the largest score. Otherwise temperature, top-k, top-p, min-p, each on what the one
   before has left, as transformers' warpers, and one draw.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from adotx.engine.sampling.loops import LONGEST_WINDOW, LOOP_REPEATS
from adotx.errors import AdotxError

MOST_LOGPROBS = 20
# Below this transformers' division overflows float32; vLLM takes the largest score there too.
_COLDEST = 1e-5
# Nucleus: only this many of the likeliest ids are sorted where they reach p.
_SORTED = (256, 4096)
# Draws: ids are summed in runs of this length; only the run that is hit is summed one by one.
_RUN = 512
_FLOAT_MAX = float(np.finfo(np.float32).max)


class Constraint(Protocol):
    """What a grammar asks of one output. One object serves one output, from its first id to its last."""

    def mask(self, scores: np.ndarray) -> None:
        """Set the scores (float32 [V], in place) of all ids that may not come next to -inf."""

    def accept(self, token: int) -> None:
        """Take the id that was picked; stop ids included."""

    @property
    def finished(self) -> bool:
        """The output is complete and nothing but a stop id may follow."""


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


@dataclass(frozen=True)
class SamplingParams:
    """How a request picks its tokens. Names and meanings follow transformers' `GenerationConfig` and, for
    what it lacks, the OpenAI API. Booleans, strings, NaN and infinities are refused as numbers.

    Args:
        max_new_tokens: most tokens to generate, at least 1; the model's context may end earlier.
        temperature: 0 (and anything below 1e-5) is greedy; otherwise scores are divided by it.
        top_p: keep the smallest set of ids whose probabilities add up to at least this; 1 keeps all.
        top_k: keep the k likeliest ids (and ties with the k-th); 0 keeps all.
        min_p: drop ids less likely than this share of the likeliest one's probability; 0 drops none.
        repetition_penalty: > 1 makes every id of prompt and output less likely; 1 is off.
        presence_penalty: taken off the score of each id that is in the OUTPUT so far; the prompt is not
            counted (OpenAI's and vLLM's meaning); 0 is off.
        frequency_penalty: taken off as often as the id is in the OUTPUT so far; 0 is off.
        logit_bias: id -> what is added to its score, before all else but the constraint.
        seed: the draws' seed; None draws a fresh one. Draws depend on nothing else in the batch.
        stop_ids: ids that end the output, besides the checkpoint's own; they are not part of the output.
        ignore_eos: do not stop at the checkpoint's own stop ids (for measuring).
        logprobs: None: off; k of 0..20: each step's log-probability of the picked id and of the k likeliest.
        loop_guard: n > 0 ends the output with reason "loop" once its last n ids are one pattern of at most
            n/4 ids over and over; 0 is off. Nothing is removed from the output. See `LoopGuard`.
        loop_exempt: ids of which a pattern may consist and yet be repeated for longer: cells of tables.

    Raises:
        AdotxError: ``sampling.value``, naming the argument.
    """

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int | None = None
    stop_ids: Collection[int] = ()
    ignore_eos: bool = False
    loop_guard: int = 0
    min_p: float = 0.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    logprobs: int | None = None
    loop_exempt: Collection[int] = frozenset()

    def __post_init__(self) -> None:
        def need(name: str, holds: bool, must: str) -> None:
            if not holds:
                what = f"{name} is {str(getattr(self, name))[:80]!r}, it must be {must}"
                raise AdotxError("sampling.value", what, "sampling")

        def ids(name: str) -> None:
            value = getattr(self, name)
            listed = isinstance(value, Collection) and not isinstance(value, (str, bytes))
            need(name, listed and all(_whole(i) and i >= 0 for i in value), "token ids, 0 or more")

        def number(name: str, least: float, most: float, must: str) -> None:
            value = getattr(self, name)
            need(name, _real(value) and least <= value <= most, must)

        need("max_new_tokens", _whole(self.max_new_tokens) and self.max_new_tokens >= 1, "at least 1")
        number("temperature", 0, _FLOAT_MAX, "0 (greedy) or more")
        number("top_p", 5e-324, 1, "above 0 and at most 1")
        need("top_k", _whole(self.top_k) and self.top_k >= 0, "0 (off) or more")
        number("min_p", 0, 1, "0 (off) to 1")
        number("repetition_penalty", 1e-30, 1e30, "above 0")
        number("presence_penalty", -1e30, 1e30, "a number")
        number("frequency_penalty", -1e30, 1e30, "a number")
        need("seed", self.seed is None or (_whole(self.seed) and self.seed >= 0), "0 or more")
        ids("stop_ids")
        ids("loop_exempt")
        need("ignore_eos", isinstance(self.ignore_eos, bool), "true or false")
        bias = self.logit_bias
        pairs = isinstance(bias, Mapping) and all(
            _whole(i) and i >= 0 and _real(b) and abs(b) <= _FLOAT_MAX for i, b in bias.items()
        )
        need("logit_bias", pairs, "a mapping from token ids to finite numbers")
        held = self.logprobs
        k = held is None or (_whole(held) and 0 <= held <= MOST_LOGPROBS)
        need("logprobs", k, f"none or 0 to {MOST_LOGPROBS}")
        window, least = self.loop_guard, 2 * LOOP_REPEATS
        fits = _whole(window) and (window == 0 or least <= window <= LONGEST_WINDOW)
        need("loop_guard", fits, f"0 (off) or {least} to {LONGEST_WINDOW}")
        # Copies: what the caller does to its own afterwards changes no running request.
        object.__setattr__(self, "stop_ids", tuple(self.stop_ids))
        object.__setattr__(self, "loop_exempt", frozenset(self.loop_exempt))
        object.__setattr__(self, "logit_bias", dict(bias))

    @property
    def greedy(self) -> bool:
        return self.temperature < _COLDEST


def _real(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def check(params: SamplingParams, vocabulary: int) -> None:
    """What can only be checked against a model: ids inside its vocabulary.

    Raises:
        AdotxError: ``sampling.id``: an id of `logit_bias` or `stop_ids` is outside.
    """
    for name, ids in (("logit_bias", params.logit_bias), ("stop_ids", params.stop_ids)):
        outside = next((token for token in ids if token >= vocabulary), None)
        if outside is not None:
            what = f"{name} has id {outside}, the vocabulary ends at {vocabulary - 1}"
            raise AdotxError("sampling.id", what, "sampling", "use ids of this model's tokenizer")


class Seen:
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


def penalize(scores: np.ndarray, seen: Seen, params: SamplingParams) -> None:
    """Repetition, frequency and presence penalty, in place, on the seen ids alone.

    The first is transformers' `RepetitionPenaltyLogitsProcessor`, of all seen ids: scores below 0 are
    multiplied, others divided. The others are OpenAI's: score - frequency * times - presence * (times > 0).
    """
    ids, times = seen.ids, seen.times
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
    for some in _SORTED:
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
    kept, largest = scores, scores.max()
    if 0 < params.top_k < scores.size:
        cut = scores.size - params.top_k
        ids = np.flatnonzero(scores >= np.partition(scores, cut)[cut])
        kept = scores[ids]
    with np.errstate(over="ignore"):
        weights = kept - largest
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


def log_probabilities(logits: np.ndarray, token: int, count: int) -> TokenLogprobs:
    """The log-probabilities of `token` and of the `count` likeliest ids under float32 logits [V]."""
    largest = float(logits.max())
    total = largest + math.log(float(np.exp(logits - np.float32(largest)).sum(dtype=np.float64)))
    top: list[tuple[int, float]] = []
    if count := min(count, logits.size):
        # At least `count` of them, ties with the last included, so that equal ones can be put in order of id.
        cut = logits.size - count
        best = np.flatnonzero(logits >= np.partition(logits, cut)[cut])
        best = best[np.argsort(-logits[best], kind="stable")][:count]
        top = [(int(i), float(logits[i]) - total) for i in best]
    return TokenLogprobs(token, float(logits[token]) - total, tuple(top))


class Sampler:
    """One request's sampling state: its random numbers, the ids it has seen, its constraint.

    Args:
        params: how to pick; checked with `check` against the model.
        prompt: the prompt's ids; they count for the repetition penalty alone.
        constraint: a fresh one, or None.

    Attributes:
        logprobs: one entry for each call of `next`, the stop id's included; empty unless asked for.
    """

    def __init__(
        self, params: SamplingParams, prompt: Sequence[int], constraint: Constraint | None = None
    ) -> None:
        self.params, self.constraint = params, constraint
        self.logprobs: list[TokenLogprobs] = []
        repeats = params.repetition_penalty != 1
        penalized = repeats or params.frequency_penalty != 0 or params.presence_penalty != 0
        self._seen = Seen(prompt if repeats else ()) if penalized else None
        self._bias_ids = np.fromiter(params.logit_bias, np.int64, len(params.logit_bias))
        self._bias = np.fromiter(params.logit_bias.values(), np.float32, len(params.logit_bias))
        self._changes = penalized or constraint is not None or len(self._bias) > 0
        self._random = None if params.greedy else np.random.default_rng(params.seed)

    def next(self, logits: np.ndarray) -> int:
        """Pick the next id from float32 logits [V], which are not changed.

        To be called once for each id of the output, in order.

        Raises:
            AdotxError: ``engine.not_finite``: the logits hold NaN or +inf, so that any choice would be made
                up; ``sampling.nothing_allowed``: the constraint leaves no id; ``sampling.overflow``: bias and
                penalties drive the scores out of float32.
        """
        token = int(logits.argmax())
        # argmax finds NaN as well as +inf: one look at one number.
        if not math.isfinite(logits[token]):
            raise AdotxError(
                "engine.not_finite", "the model's scores are not numbers", "logits", "try weights='f32'"
            )
        scores = self._process(logits) if self._changes else logits
        if self._random is not None:
            token = self._draw(scores)
        elif self._changes:
            token = int(scores.argmax())
        if self._seen is not None:
            self._seen.add(token)
        if self.constraint is not None:
            self.constraint.accept(token)
        if self.params.logprobs is not None:
            self.logprobs.append(log_probabilities(logits, token, self.params.logprobs))
        return token

    def _process(self, logits: np.ndarray) -> np.ndarray:
        """Mask, bias and penalties, on a copy."""
        scores = logits.copy()
        if self.constraint is not None:
            self.constraint.mask(scores)
            if scores.max() == -np.inf:
                raise AdotxError(
                    "sampling.nothing_allowed",
                    "no id may follow here: the grammar cannot be continued with this vocabulary",
                    "constraint",
                    "loosen the schema or the grammar",
                )
        with np.errstate(over="ignore", invalid="ignore"):
            scores[self._bias_ids] += self._bias
            if self._seen is not None:
                penalize(scores, self._seen, self.params)
        if not math.isfinite(scores.max()):
            raise AdotxError(
                "sampling.overflow",
                "bias and penalties drive the scores out of float32",
                "sampling",
                "use smaller values",
            )
        return scores

    def _draw(self, scores: np.ndarray) -> int:
        assert self._random is not None
        ids, weights = candidates(scores, self.params)
        # random() < 1, so the draw lies below the last sum and never on an id of probability 0.
        draw, start = self._random.random(), 0
        if weights.size > 2 * _RUN:
            runs = np.add.reduceat(weights, np.arange(0, weights.size, _RUN), dtype=np.float64)
            sums = np.cumsum(runs)
            run = int(np.searchsorted(sums, draw * sums[-1], side="right"))
            below = sums[run - 1] if run else 0.0
            draw, start = (draw * sums[-1] - below) / (sums[run] - below), run * _RUN
            weights = weights[start : start + _RUN]
        sums = np.cumsum(weights, dtype=np.float64)
        at = start + int(np.searchsorted(sums, draw * sums[-1], side="right"))
        return at if ids is None else int(ids[at])
