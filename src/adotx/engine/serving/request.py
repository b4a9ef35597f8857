"""What is asked of the engine, and what comes of it.

In: ids, image slots, pixels and sampling settings. Out: `Output`. Knows no model and no cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from adotx.engine.sampling.params import SamplingParams
from adotx.engine.sampling.sampler import Constraint, TokenLogprobs


@dataclass(frozen=True, eq=False)
class EncodedImage:
    """The tiles of an image whose features are known, from `Engine.encode`.

    An image that is asked about more than once is encoded and hashed once, and of prompts that begin alike
    everything up to its end is computed once, to the last position.

    Args:
        digests: of each tile's pixels.
        features: float32 [T, tokens per tile, H].
    """

    digests: Sequence[bytes]
    features: np.ndarray

    def __len__(self) -> int:
        return len(self.digests)


@dataclass(frozen=True)
class Request:
    """What to continue.

    Args:
        ids: the prompt's token ids, image positions included.
        slots: (start, length) of each image's positions in `ids`, in order; None finds them by the image
            token's id. An empty list says that there is no image, whatever the ids.
        images: the tiles of each image in order, float32 [T, 3, S, S] (they are copied) or encoded.
        sampling: how to pick tokens.
        constraint: makes the grammar that the output must follow (`adotx.chat.grammar`); None: no grammar.
        timeout: seconds from submission after which the request ends with reason "timeout" and what it has.
        queue_timeout: seconds from submission after which a request that was in no step yet fails with
            ``engine.queue_timeout``.
        priority: the smaller number starts first and gives its blocks back last; equal ones come in order.
        cache_salt: what was computed under a salt is found again under the same salt alone.
        require_room: refuse the request (``request.no_room``) where `max_new_tokens` do not fit behind the
            prompt; otherwise the output is cut there.
    """

    ids: Sequence[int]
    slots: Sequence[tuple[int, int]] | None = None
    images: Sequence[np.ndarray | EncodedImage] = ()
    sampling: SamplingParams = field(default_factory=SamplingParams)
    constraint: Callable[[], Constraint] | None = None
    timeout: float | None = None
    queue_timeout: float | None = None
    priority: int = 0
    cache_salt: str | None = None
    require_room: bool = False


@dataclass(frozen=True)
class Output:
    """What came of a request.

    Args:
        ids: the new token ids, without the id that stopped them.
        finish_reason: "stop" (a stop id, or the grammar is complete), "length" (max_new_tokens, or no room
            for more), "loop" (loop guard), "timeout", "cancelled" (the stream was closed) or "error".
        prompt_tokens: positions in the prompt.
        cached_tokens: how many of them an earlier request had left in the cache before this one came.
        logprobs: one for each of `ids` where `SamplingParams.logprobs` asked for them.
        loop_start: index in `ids` where a loop began, for reason "loop".
        stop_logprob: the stop id's, where logprobs were asked for and one came.
        drafted, accepted: ids proposed by speculation, and how many of them were right.
        context_full: it ended with "length" because context or cache had no room for all of max_new_tokens.
        queue_seconds: from its submission to its first step; of one that had none, to its end.
        prompt_seconds: from there to its first new id, or to its end.
    """

    ids: list[int]
    finish_reason: str
    prompt_tokens: int
    cached_tokens: int = 0
    logprobs: list[TokenLogprobs] = field(default_factory=list)
    loop_start: int | None = None
    stop_logprob: float | None = None
    drafted: int = 0
    accepted: int = 0
    context_full: bool = False
    queue_seconds: float = field(default=0.0, compare=False)
    prompt_seconds: float = field(default=0.0, compare=False)
