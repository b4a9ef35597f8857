"""How tokens are picked: the fields of a request in, `SamplingParams` out. Names change here, not rules.

Where a request does not say, its checkpoint's generation_config.json counts as transformers reads it: greedy
unless "do_sample" is true. Knows no messages.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from adotx.checkpoint import Checkpoint
from adotx.checkpoint.files import read_json_if_present
from adotx.engine import SamplingParams
from adotx.errors import AdotxError, Sentence
from adotx.server.requests import Sampling
from adotx.server.settings import Settings

#: what engines take as seed -> the numbers that the API allows
_SEEDS = 1 << 64


def defaults_of(checkpoint: Checkpoint) -> SamplingParams:
    """What counts where a request does not say."""
    given = read_json_if_present(checkpoint.path / "generation_config.json")
    names = ("top_p", "top_k", "repetition_penalty") + (("temperature",) if given.get("do_sample") else ())
    values: dict[str, Any] = {name: given[name] for name in names if given.get(name) is not None}
    if given.get("do_sample"):
        values.setdefault("temperature", 1.0)
    return SamplingParams(**values)


def read_sampling(
    body: Sampling,
    defaults: SamplingParams,
    settings: Settings,
    most: int,
    logprobs: int | None,
    index: int = 0,
) -> SamplingParams:
    """How the answer number `index` of a request picks its tokens.

    Args:
        body: the request.
        defaults: see `defaults_of`.
        settings: the limits.
        most: ids that it asks for at most; 0: it does not say.
        logprobs: alternatives at each step; None: no log-probabilities.

    Raises:
        AdotxError: ``server.limit``, ``server.parameter``, ``sampling.value``.
    """
    limit = settings.max_tokens
    if limit and most > limit:
        what, remedy = "{given:,} tokens, the limit is {limit:,}", "ask for fewer"
        raise AdotxError("server.limit", what, "max_tokens", remedy, given=most, limit=limit)
    if 0 < most < (body.min_tokens or 0):
        what = Sentence("it is more than max_tokens, which is {most:,}", most=most)
        raise AdotxError("server.parameter", "{reason}", "min_tokens", reason=what)
    names = ("temperature", "top_p", "min_p", "repetition_penalty", "presence_penalty", "frequency_penalty")
    values: dict[str, Any] = {name: value for name in names if (value := getattr(body, name)) is not None}
    if body.top_k is not None:
        values["top_k"] = max(body.top_k, 0)  # vLLM's clients say -1 for all
    if body.seed is not None:
        # Each answer draws its own numbers; the engine's seeds are not negative.
        values["seed"] = (body.seed + index) % _SEEDS
    if body.logit_bias:
        values["logit_bias"] = _bias(body.logit_bias)
    return replace(
        defaults,
        max_new_tokens=most or limit or _WHOLE_CONTEXT,
        logprobs=logprobs,
        stop_ids=body.stop_token_ids or (),
        ignore_eos=bool(body.ignore_eos),
        min_tokens=body.min_tokens or 0,
        **values,
    )


#: the engine cuts it to what the context leaves
_WHOLE_CONTEXT = 1 << 30


def _bias(given: dict[str, float]) -> dict[int, float]:
    for key in given:
        if not re.fullmatch("[0-9]{1,9}", key):
            what = "{key} is no token id"
            raise AdotxError(
                "server.parameter", what, "logit_bias", "use ids of /tokenize", key=repr(key)[:40]
            )
    return {int(key): bias for key, bias in given.items()}
