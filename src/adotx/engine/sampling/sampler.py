"""From one row of logits to one token id, with the semantics of transformers' logits processors, in NumPy.

In: float32 logits [V], `SamplingParams`, the prompt's ids, perhaps a `Constraint`. Out: a token id, and on
request log-probabilities. Knows no model, no text and no grammar. The order of `Sampler.next`:

1. log-probabilities are read off the raw logits (as OpenAI and vLLM do: nothing below changes them);
2. the constraint's mask: what it forbids stays forbidden, whatever a bias says;
3. until there are `min_tokens` ids, stop ids are masked too, where that leaves any other;
4. logit bias, repetition penalty, then frequency and presence penalty: transformers' `SequenceBias` and
   `RepetitionPenalty` processors in the order of its `generate`; the other two stand where it puts its
   callers' own processors, in the order of vLLM;
5. greedy (temperature 0): the largest score. Otherwise temperature, top-k, top-p, min-p, each on what the one
   before has left, as transformers' warpers, and one draw.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np

from adotx.engine.sampling.logprobs import TokenLogprobs, log_probabilities
from adotx.engine.sampling.params import SamplingParams
from adotx.engine.sampling.processors import TokenCounts, candidates, penalize
from adotx.errors import AdotxError

# Draws: ids are summed in segments of this length; only the one that is hit is summed one by one.
DRAW_SEGMENT = 512


class Constraint(Protocol):
    """What a grammar asks of one output. One object serves one output, from its first id to its last."""

    def mask(self, scores: np.ndarray) -> None:
        """Set the scores (float32 [V], in place) of all ids that may not come next to -inf."""

    def accept(self, token: int) -> None:
        """Take the id that was picked; stop ids included."""

    @property
    def finished(self) -> bool:
        """The output is complete and nothing but a stop id may follow."""


class Sampler:
    """One request's sampling state: its random numbers, its counts of ids, its constraint.

    Args:
        params: how to pick; checked with `check_ids` against the model.
        prompt: the prompt's ids; they count for the repetition penalty alone.
        constraint: a fresh one, or None.
        stop_ids: what `min_tokens` is about.

    Attributes:
        logprobs: one entry for each call of `next`, the stop id's included; empty unless asked for.
    """

    def __init__(
        self,
        params: SamplingParams,
        prompt: Sequence[int],
        constraint: Constraint | None = None,
        stop_ids: Collection[int] = (),
    ) -> None:
        self.params, self.constraint = params, constraint
        self.logprobs: list[TokenLogprobs] = []
        repeats = params.repetition_penalty != 1
        penalized = repeats or params.frequency_penalty != 0 or params.presence_penalty != 0
        self._counts = TokenCounts(prompt if repeats else ()) if penalized else None
        self._bias_ids = np.fromiter(params.logit_bias, np.int64, len(params.logit_bias))
        self._bias = np.fromiter(params.logit_bias.values(), np.float32, len(params.logit_bias))
        self._stop_ids = np.fromiter(stop_ids, np.int64, len(stop_ids))
        self._stopless = params.min_tokens if len(stop_ids) else 0  # ids to come before a stop id may
        self._changes = penalized or constraint is not None or len(self._bias) > 0 or self._stopless > 0
        # NumPy takes no negative seeds: theirs are the two's complements of 64 bits.
        seed = params.seed if params.seed is None or params.seed >= 0 else int(params.seed) % (1 << 64)
        self._random = None if params.greedy else np.random.default_rng(seed)

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
        self._stopless -= self._stopless > 0
        if self._counts is not None:
            self._counts.add(token)
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
        if self._stopless:
            stops = scores[self._stop_ids]
            scores[self._stop_ids] = -np.inf
            if scores.max() == -np.inf:
                scores[self._stop_ids] = stops
        with np.errstate(over="ignore", invalid="ignore"):
            scores[self._bias_ids] += self._bias
            if self._counts is not None:
                penalize(scores, self._counts, self.params)
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
        if weights.size > 2 * DRAW_SEGMENT:
            segments = np.add.reduceat(weights, np.arange(0, weights.size, DRAW_SEGMENT), dtype=np.float64)
            sums = np.cumsum(segments)
            hit = int(np.searchsorted(sums, draw * sums[-1], side="right"))
            below = sums[hit - 1] if hit else 0.0
            draw, start = (draw * sums[-1] - below) / (sums[hit] - below), hit * DRAW_SEGMENT
            weights = weights[start : start + DRAW_SEGMENT]
        sums = np.cumsum(weights, dtype=np.float64)
        at = start + int(np.searchsorted(sums, draw * sums[-1], side="right"))
        return at if ids is None else int(ids[at])
