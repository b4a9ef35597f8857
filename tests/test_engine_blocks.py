"""The pool of cache blocks beside the simplest account of who holds what, and the keys that name content."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from adotx.engine import BlockPool
from adotx.engine.serving.blocks import ROOT, content_key


class Blocks(RuleBasedStateMachine):
    """The pool beside the simplest account of who holds what."""

    def __init__(self) -> None:
        super().__init__()
        self.pool, self.held, self.keys, self.filled = BlockPool(6, 4), [], {}, 0

    @rule(count=st.integers(0, 7))
    def allocate(self, count: int) -> None:
        before = self.pool.available
        taken = self.pool.allocate(count)
        assert (taken is None) == (count > before)
        if taken is not None:
            assert len(set(taken)) == count and not set(taken) & {b for b in self.held}
            self.held += taken
            self.keys = {key: block for key, block in self.keys.items() if block not in taken}

    @rule(pick=st.integers(0, 100))
    def free(self, pick: int) -> None:
        if self.held:
            self.pool.free([self.held.pop(pick % len(self.held))])

    @rule(pick=st.integers(0, 100))
    def publish(self, pick: int) -> None:
        unnamed = [block for block in self.held if block not in self.keys.values()]
        if unnamed:
            block, self.filled = unnamed[pick % len(unnamed)], self.filled + 1
            key = content_key(ROOT, [self.filled], [])
            self.pool.publish(block, key)
            self.keys[key] = block

    @rule(pick=st.integers(0, 100))
    def take(self, pick: int) -> None:
        assert self.pool.take(b"never published") is None
        if self.keys:
            key = list(self.keys)[pick % len(self.keys)]
            block = self.pool.take(key)
            assert block == self.keys[key], "content that was published and not overwritten is found"
            self.held.append(block)

    @invariant()
    def counts(self) -> None:
        assert self.pool.available == 6 - len(set(self.held))
        assert self.pool.cached == len(set(self.keys.values()) - set(self.held))


TestBlocks = Blocks.TestCase


def test_the_content_used_least_lately_goes_first_and_ends_before_beginnings() -> None:
    pool = BlockPool(3, 4)
    blocks = pool.allocate(3)
    keys = [content_key(ROOT, [i], []) for i in range(3)]
    for block, key in zip(blocks, keys, strict=True):
        pool.publish(block, key)
    pool.free(blocks)
    assert pool.available == pool.cached == 3
    assert pool.allocate(1) == [blocks[2]] and pool.take(keys[2]) is None
    assert pool.take(keys[0]) == blocks[0] and pool.take(keys[1]) == blocks[1]
    assert pool.allocate(1) is None and BlockPool(4, 32).blocks_for(33) == 2


def test_content_keys_tell_everything_apart() -> None:
    a, b = content_key(ROOT, [1, 2], []), content_key(ROOT, [1, 3], [])
    tile, other = bytes(32), bytes([1] * 32)
    keys = [a, b, content_key(a, [1, 2], []), content_key(b, [1, 2], []), content_key(ROOT, [1, 2], [tile])]
    keys += [content_key(ROOT, [1, 2], [other]), content_key(ROOT, [1, 2], [tile, other])]
    assert len(set(keys)) == len(keys) and content_key(ROOT, [1, 2], []) == a
