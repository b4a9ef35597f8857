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


def tile_digests(pixels: np.ndarray, salt: bytes = b"") -> list[bytes]:
    """What names each tile of an image (C-contiguous): a cryptographic digest of salt and pixels."""
    return [hashlib.sha256(salt + tile.tobytes() if salt else tile.data).digest() for tile in pixels]


class Sequence:
    """One request on its way through the engine.

    Args:
        request: checked, its ids a list and its arrays our own.
        limit: most new tokens: max_new_tokens, or what there is room for.
        stop_ids: all ids that end it.
        positions: where image features go in `ids`, in order; empty for text.
        tokens_per_tile: image positions that one tile fills.
        draft: most ids that speculation may propose at a time; 0: none.
        submitted: when it came, on the engine's clock, of which all its times are.
        streamed: somebody reads its ids as they come, so they should come evenly.
        notify: called, from whichever thread ran the step, when there are new ids or it has ended.

    Attributes:
        rank: who goes first: the smaller one.
        born: how many contents the cache knew when it was submitted.
        started, answered: when it first was in a step, and when its first new id came.
    """

    def __init__(
        self,
        request: Request,
        limit: int,
        stop_ids: frozenset[int],
        positions: np.ndarray | None = None,
        tokens_per_tile: int = 1,
        draft: int = 0,
        submitted: float = 0.0,
        streamed: bool = True,
        notify: Callable[[], None] | None = None,
    ) -> None:
        self.tokens = list(request.ids)
        salt = request.cache_salt
        self.root = ROOT if salt is None else hashlib.sha256(salt.encode("utf-8", "surrogatepass")).digest()
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
                digests = tile_digests(image, b"" if salt is None else self.root)
                self.pixels.update(zip(digests, image, strict=True))
            self.tile_digests += digests
        self.limit, self.stop_ids = limit, stop_ids
        self.cut = limit < request.sampling.max_new_tokens
        self.constraint = request.constraint() if request.constraint else None
        self.sampler = Sampler(request.sampling, request.ids, self.constraint, stop_ids)
        self.loop_guard = LoopGuard(request.sampling.loop_guard, request.sampling.loop_exempt)
        self.drafter = Drafter(self.tokens, self.positions.tolist(), draft) if draft else None
        self.streamed, self.notify = streamed, notify
        self.submitted = submitted
        self.deadline = None if request.timeout is None else submitted + request.timeout
        self.patience = request.queue_timeout
        self.started: float | None = None
        self.answered: float | None = None
        self.ended: float | None = None
        self.priority, self.rank, self.born = request.priority, (request.priority, 0), 0
        self.images_end = int(self.positions[-1]) + 1 if len(self.positions) else 0
        # Where others that ask about the same encoded image may part from it, within a block; 0: nowhere.
        self.fork = self.images_end if self.features else 0
        self.blocks: list[int] = []
        self.keys: list[bytes] = []  # of the blocks whose tokens are all known
        self.published = 0  # leading blocks whose content has a key in the pool
        self.computed = 0  # positions whose keys and values are in the cache
        self.looked_up = False  # whether its beginning was sought in the cache
        self.found = 0  # prompt positions taken from the cache, again after each preemption
        self.cached = 0  # of these, those that were there before it came; each counted once
        self.searched = 0  # positions of which that is known
        self.output: list[int] = []
        self.finish_reason: str | None = None
        self.cancelled = False  # asked for; carried out between steps
        self.error: Exception | None = None

    @property
    def pending(self) -> int:
        """Known positions that are not in the cache; 1 when it is decoding."""
        return len(self.tokens) - self.computed

    def is_late(self, now: float) -> bool:
        """Whether it has waited for its first step for longer than it may."""
        return self.patience is not None and self.started is None and now >= self.submitted + self.patience

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
            self.keys.append(content_key(self.keys[-1] if self.keys else self.root, ids, images))
        return self.keys[block]

    def fork_key(self, block_size: int) -> bytes | None:
        """The content key of the block that `fork` lies in, up to there; None where no such part is."""
        whole, rest = divmod(self.fork, block_size)
        if not rest:
            return None
        start = self.fork - rest
        images = [self.tile_digests[tile] for tile in self.tiles(start, self.fork)]
        parent = self.key(whole - 1, block_size) if whole else self.root
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

    def end(self, reason: str, error: Exception | None, now: float) -> None:
        """It has ended; what it held of the caller's is let go of."""
        self.pixels, self.features, self.blocks = {}, {}, []
        self.ended = now
        # Last, for other threads look at it.
        self.error, self.finish_reason = error, reason

    def result(self) -> Output:
        """The output of an ended sequence."""
        assert self.finish_reason is not None and self.ended is not None
        started = self.ended if self.started is None else self.started
        answered = self.ended if self.answered is None else self.answered
        last = self.sampler.logprobs[len(self.output) :]  # picked, and no part of the output
        return Output(
            list(self.output),
            self.finish_reason,
            self.prompt_tokens,
            self.cached,
            self.sampler.logprobs[: len(self.output)],
            self.loop_guard.start if self.finish_reason == "loop" else None,
            last[0].logprob if last and self.finish_reason == "stop" else None,
            self.drafter.drafted if self.drafter else 0,
            self.drafter.accepted if self.drafter else 0,
            self.cut and self.finish_reason == "length",
            started - self.submitted,
            answered - started,
        )
