"""The state of one request on its way through the engine.

In: a checked `Request`. Out: its `Output`. This is the record that scheduler and step both write to. Knows no
tensors of the model and no clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

import numpy as np

from adotx.engine.sampling.loops import LoopGuard
from adotx.engine.sampling.sampler import Sampler
from adotx.engine.sampling.speculate import Drafter
from adotx.engine.serving.blocks import ROOT, content_key
from adotx.engine.serving.request import EncodedImage, Output, Request


def tile_digests(pixels: np.ndarray) -> list[bytes]:
    """What names each tile of an image: a cryptographic digest of its pixels."""
    return [hashlib.sha256(tile.data).digest() for tile in pixels]


class Sequence:
    """One request on its way through the engine.

    Args:
        request: as given; already checked.
        limit: most new tokens (max_new_tokens and the context's end, the smaller).
        stop_ids: all ids that end it.
        positions: where image features go in `ids`, in order; empty for text.
        tokens_per_tile: image positions that one tile fills.
        draft: most ids that speculation may propose at a time; 0: none.
        deadline: when it times out, on the engine's clock.
        streamed: somebody reads its ids as they come, so they should come evenly.
        notify: called, from whichever thread ran the step, when there are new ids or it has ended.
    """

    def __init__(
        self,
        request: Request,
        limit: int,
        stop_ids: frozenset[int],
        positions: np.ndarray | None = None,
        tokens_per_tile: int = 1,
        draft: int = 0,
        deadline: float | None = None,
        streamed: bool = True,
        notify: Callable[[], None] | None = None,
    ) -> None:
        self.tokens = list(request.ids)
        self.prompt_tokens = len(self.tokens)
        self.positions = np.zeros(0, np.int64) if positions is None else positions
        self.tokens_per_tile = tokens_per_tile
        self.tile_digests: list[bytes] = []
        self.pixels: dict[bytes, np.ndarray] = {}  # of tiles that the tower is to encode
        self.features: dict[bytes, np.ndarray] = {}  # of tiles that were encoded beforehand
        for image in request.images:
            if isinstance(image, EncodedImage):
                digests: Iterable[bytes] = image.digests
                self.features.update(zip(digests, image.features, strict=True))
            else:
                # A copy: what is hashed is what is read, whatever becomes of the caller's arrays.
                own = image.copy()
                digests = tile_digests(own)
                self.pixels.update(zip(digests, own, strict=True))
            self.tile_digests += digests
        self.limit, self.stop_ids = limit, stop_ids
        self.constraint = request.constraint() if request.constraint else None
        self.sampler = Sampler(request.sampling, request.ids, self.constraint)
        self.loop_guard = LoopGuard(request.sampling.loop_guard, request.sampling.loop_exempt)
        self.drafter = Drafter(self.tokens, self.positions.tolist(), draft) if draft else None
        self.deadline, self.streamed, self.notify = deadline, streamed, notify
        self.images_end = int(self.positions[-1]) + 1 if len(self.positions) else 0
        # Where others that ask about the same encoded image may part from it, within a block; 0: nowhere.
        self.fork = self.images_end if self.features else 0
        self.blocks: list[int] = []
        self.keys: list[bytes] = []  # of the blocks whose tokens are all known
        self.published = 0  # leading blocks whose content has a key in the pool
        self.computed = 0  # positions whose keys and values are in the cache
        self.cached: int | None = None  # prompt positions found in the cache when it first ran
        self.output: list[int] = []
        self.finish_reason: str | None = None
        self.cancelled = False  # asked for; carried out between steps
        self.error: Exception | None = None

    @property
    def longest(self) -> int:
        """Most cache positions it can ever need; the last new token is never fed back."""
        return self.prompt_tokens + self.limit - 1

    @property
    def pending(self) -> int:
        """Known positions that are not in the cache; 1 when it is decoding."""
        return len(self.tokens) - self.computed

    def tiles(self, start: int, end: int) -> range:
        """The tiles whose features stand in positions [start, end)."""
        first, last = (int(i) for i in np.searchsorted(self.positions, (start, end)))
        return (
            range(first // self.tokens_per_tile, -(-last // self.tokens_per_tile))
            if first < last
            else range(0)
        )

    def key(self, block: int, block_size: int) -> bytes:
        """The content key of its block number `block`, all of whose tokens must be known."""
        while len(self.keys) <= block:
            start = len(self.keys) * block_size
            assert start + block_size <= len(self.tokens)
            ids = self.tokens[start : start + block_size]
            images = [self.tile_digests[tile] for tile in self.tiles(start, start + block_size)]
            self.keys.append(content_key(self.keys[-1] if self.keys else ROOT, ids, images))
        return self.keys[block]

    def fork_key(self, block_size: int) -> bytes | None:
        """The content key of the block that `fork` lies in, up to there; None where no such part is."""
        whole, rest = divmod(self.fork, block_size)
        if not rest:
            return None
        start = self.fork - rest
        images = [self.tile_digests[tile] for tile in self.tiles(start, self.fork)]
        parent = self.key(whole - 1, block_size) if whole else ROOT
        return content_key(parent, self.tokens[start : self.fork], images)

    def accept(self, token: int) -> str | None:
        """Take the next token; the reason to finish, if that ends it."""
        if token in self.stop_ids:
            return "stop"
        self.tokens.append(token)
        self.output.append(token)
        if self.drafter:
            self.drafter.push(token)
        if self.loop_guard.push(token):
            return "loop"
        if self.constraint is not None and self.constraint.finished:
            return "stop"
        return "length" if len(self.output) >= self.limit else None

    def result(self) -> Output:
        """The output of an ended sequence."""
        assert self.finish_reason is not None
        last = self.sampler.logprobs[len(self.output) :]  # picked, and no part of the output
        return Output(
            list(self.output),
            self.finish_reason,
            self.prompt_tokens,
            self.cached or 0,
            self.sampler.logprobs[: len(self.output)],
            self.loop_guard.start if self.finish_reason == "loop" else None,
            last[0].logprob if last and self.finish_reason == "stop" else None,
            self.drafter.drafted if self.drafter else 0,
            self.drafter.accepted if self.drafter else 0,
        )
