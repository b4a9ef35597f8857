"""The key/value cache's blocks, as numbers: which are free, which are taken.

In: how many blocks, how many are wanted. Out: lists of block indices. Knows no tensors and no requests; who
holds a block is the caller's business.
"""

from __future__ import annotations


class BlockPool:
    """A fixed number of cache blocks, each holding `block_size` token positions.

    Args:
        count: number of blocks in the cache.
        block_size: token positions in a block.
    """

    def __init__(self, count: int, block_size: int) -> None:
        assert count > 0 and block_size > 0
        self.count, self.block_size = count, block_size
        # Last in, first out: a small load keeps touching the same, already resident pages.
        self._free = list(range(count - 1, -1, -1))
        self._taken: set[int] = set()

    @property
    def available(self) -> int:
        """Blocks that are free now."""
        return len(self._free)

    def blocks_for(self, tokens: int) -> int:
        """How many blocks `tokens` positions need."""
        return -(-tokens // self.block_size)

    def allocate(self, blocks: int) -> list[int] | None:
        """Take `blocks` blocks, or nothing at all (None) where fewer are free."""
        assert blocks >= 0
        if blocks > len(self._free):
            return None
        taken = [self._free.pop() for _ in range(blocks)]
        self._taken.update(taken)
        return taken

    def free(self, blocks: list[int]) -> None:
        """Give blocks back; each must have been taken."""
        for block in reversed(blocks):
            assert block in self._taken, f"block {block} was not taken"
            self._taken.remove(block)
            self._free.append(block)
