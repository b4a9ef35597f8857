"""How a request picks its tokens: the settings and their checks.

In: numbers. Out: `SamplingParams` that hold no nonsense. Knows no scores.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adotx.engine.sampling.loops import LONGEST_WINDOW, LOOP_REPEATS
from adotx.errors import AdotxError, Sentence

MOST_LOGPROBS = 20
# Below this transformers' division overflows float32; vLLM takes the largest score there too.
LOWEST_TEMPERATURE = 1e-5
_FLOAT_MAX = float(np.finfo(np.float32).max)


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
        seed: the draws' seed, any whole number; None draws a fresh one. Draws depend on nothing else in the
            batch.
        stop_ids: ids that end the output, besides the checkpoint's own; they are not part of the output.
        ignore_eos: do not stop at the checkpoint's own stop ids (for measuring).
        logprobs: None: off; k of 0..20: each step's log-probability of the picked id and of the k likeliest.
        loop_guard: n > 0 ends the output with reason "loop" once its last n ids are one pattern of at most
            n/4 ids over and over; 0 is off. Nothing is removed from the output. See `LoopGuard`.
        loop_exempt: ids of which a pattern may consist and yet be repeated for longer: cells of tables.
        min_tokens: no stop id is picked before that many others, unless the constraint allows nothing else.

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
    min_tokens: int = 0

    def __post_init__(self) -> None:
        def need(name: str, holds: bool, must: str, **bounds: int) -> None:
            if not holds:
                raise AdotxError(
                    "sampling.value",
                    "{key} is {value!r}, it must be {expected}",
                    "sampling",
                    key=name,
                    value=str(getattr(self, name))[:80],
                    expected=Sentence(must, **bounds),
                )

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
        need("seed", self.seed is None or _whole(self.seed), "a whole number")
        ids("stop_ids")
        ids("loop_exempt")
        least_ids, most = self.min_tokens, self.max_new_tokens
        fits = _whole(least_ids) and 0 <= least_ids <= most
        need("min_tokens", fits, "0 to {most} (max_new_tokens)", most=most)
        need("ignore_eos", isinstance(self.ignore_eos, bool), "true or false")
        bias = self.logit_bias
        pairs = isinstance(bias, Mapping) and all(
            _whole(i) and i >= 0 and _real(b) and abs(b) <= _FLOAT_MAX for i, b in bias.items()
        )
        need("logit_bias", pairs, "a mapping from token ids to finite numbers")
        held = self.logprobs
        k = held is None or (_whole(held) and 0 <= held <= MOST_LOGPROBS)
        need("logprobs", k, "none or 0 to {most}", most=MOST_LOGPROBS)
        window, least = self.loop_guard, 2 * LOOP_REPEATS
        fits = _whole(window) and (window == 0 or least <= window <= LONGEST_WINDOW)
        need("loop_guard", fits, "0 (off) or {least} to {most}", least=least, most=LONGEST_WINDOW)
        # Copies: what the caller does to its own afterwards changes no running request.
        object.__setattr__(self, "stop_ids", tuple(self.stop_ids))
        object.__setattr__(self, "loop_exempt", frozenset(self.loop_exempt))
        object.__setattr__(self, "logit_bias", dict(bias))

    @property
    def greedy(self) -> bool:
        return self.temperature < LOWEST_TEMPERATURE


def _real(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def check_ids(params: SamplingParams, vocabulary: int) -> None:
    """What can only be checked against a model: ids inside its vocabulary.

    Raises:
        AdotxError: ``sampling.id``: an id of `logit_bias` or `stop_ids` is outside.
    """
    for name, ids in (("logit_bias", params.logit_bias), ("stop_ids", params.stop_ids)):
        outside = next((token for token in ids if token >= vocabulary), None)
        if outside is not None:
            raise AdotxError(
                "sampling.id",
                "{key} has id {token}, the vocabulary ends at {last}",
                "sampling",
                "use ids of this model's tokenizer",
                key=name,
                token=outside,
                last=vocabulary - 1,
            )
