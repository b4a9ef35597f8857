"""The key/value cache's blocks, as numbers: free, held by requests, or cached for what stands in them.

In: how many blocks are wanted, and names of contents. Out: block indices. Knows no tensors and no requests.

A block may be held by several requests that begin alike: whoever has filled one publishes it under its
content's key, and later requests take it instead of computing it again. When nobody holds a published block,
it stays findable until its room is needed; the one unused for longest goes first.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

# What stands before a request's first block.
ROOT = bytes(32)


def content_key(parent: bytes, ids: Sequence[int], images: Sequence[bytes]) -> bytes:
    """The name of a block's content: all that its keys and values depend on.

    Args:
        parent: the key of the block before it, ROOT for the first: keys and values depend on everything
            before.
        ids: the block's token ids.
        images: digests of the tiles whose features stand in it, in order. Which row of a tile stands where
            follows from the ids of this block and those before it.

    Returns:
        a cryptographic digest: equal keys mean equal content, also for somebody who tries to make them
        collide.
    """
    digest = hashlib.sha256(parent)
    digest.update(np.array([len(ids), *ids], "<i8").tobytes())
    for image in images:
        digest.update(image)
    return digest.digest()


class BlockPool:
    """A fixed number of cache blocks, each holding `block_size` token positions.

    Args:
        count: number of blocks in the cache.
        block_size: token positions in a block.

    Attributes:
        published: how many contents have been published so far.
    """

    def __init__(self, count: int, block_size: int) -> None:
        assert count > 0 and block_size > 0
        self.count, self.block_size, self.published = count, block_size, 0
        self.reset()

    def reset(self) -> None:
        """All blocks are free and empty, whatever was held or published."""
        # Last in, first out: a small load keeps touching the same, already resident pages.
        self._free = list(range(self.count - 1, -1, -1))
        self._holders: dict[int, int] = {}
        self._by_key: dict[bytes, int] = {}
        self._number_of: dict[bytes, int] = {}
        self._keys_of: dict[int, list[bytes]] = {}
        self._unused: OrderedDict[int, None] = OrderedDict()  # published, held by nobody; oldest first

    @property
    def available(self) -> int:
        """Blocks that nobody holds: free ones and cached ones."""
        return len(self._free) + len(self._unused)

    @property
    def cached(self) -> int:
        """Blocks that nobody holds but whose content can still be found."""
        return len(self._unused)

    def blocks_for(self, tokens: int) -> int:
        """How many blocks `tokens` positions need."""
        return -(-tokens // self.block_size)

    def allocate(self, blocks: int) -> list[int] | None:
        """Take `blocks` blocks with no content, or nothing at all (None) where fewer are available."""
        assert blocks >= 0
        if blocks > self.available:
            return None
        while len(self._free) < blocks:
            oldest, _ = self._unused.popitem(last=False)
            self._forget(oldest)
            self._free.append(oldest)
        taken = [self._free.pop() for _ in range(blocks)]
        self._holders.update(dict.fromkeys(taken, 1))
        return taken

    def free(self, blocks: Sequence[int]) -> None:
        """Let go of blocks, each once; all must be held."""
        # From the end: of one request's blocks the last are the least likely to be wanted again.
        for block in reversed(blocks):
            assert self._holders.get(block, 0) > 0, f"block {block} is not held"
            self._holders[block] -= 1
            if not self._holders[block]:
                del self._holders[block]
                if block in self._keys_of:
                    self._unused[block] = None
                else:
                    self._free.append(block)

    def publish(self, block: int, key: bytes) -> None:
        """`block`, held, has the content named `key`, all of it or its beginning, and keeps it; where another
        block has it already, that one stays the one to be found."""
        assert block in self._holders
        if key not in self._by_key:
            self._by_key[key] = block
            self._number_of[key] = self.published
            self.published += 1
            self._keys_of.setdefault(block, []).append(key)

    def take(self, key: bytes) -> int | None:
        """Hold the block with the content named `key`; None where there is none."""
        block = self._by_key.get(key)
        if block is not None:
            self._holders[block] = self._holders.get(block, 0) + 1
            self._unused.pop(block, None)
        return block

    def published_before(self, key: bytes, published: int) -> bool:
        """Whether the content named `key`, which can be found, was among the first `published` ones."""
        return self._number_of[key] < published

    def _forget(self, block: int) -> None:
        for key in self._keys_of.pop(block):
            del self._by_key[key], self._number_of[key]
