"""A model without weights that notices every mistake in the cache.

What it writes to a cache position is a digest of the id (or the image feature) there and of everything it
reads from the positions before it, through the blocks it is given; the scores of the next id follow from
that digest. So a block that was shared wrongly, overwritten, freed too early or computed with a wrong past
changes outputs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from adotx.engine import Chunk, ImageSpec

IMAGE = ImageSpec(token_id=1, tokens_per_tile=3, tile_shape=(1, 2, 2))


class MockBackend:
    """`memory`: how many of the newest positions the scores depend on; None: all of them."""

    def __init__(
        self, *, vocabulary: int = 40, context: int = 400, block_size: int = 4, memory: int | None = None
    ) -> None:
        self.vocabulary, self.context, self.block_size, self.block_bytes = vocabulary, context, block_size, 1
        self.image, self.eos_ids, self.memory = IMAGE, frozenset({0}), memory
        self.tiles = self.positions = self.steps = 0
        self.sizes: list[list[int]] = []  # lengths of the chunks of each step
        self.cache = np.zeros((0, 0, 16), np.uint8)

    def allocate(self, blocks: int) -> None:
        self.cache = np.random.default_rng(0).integers(0, 256, (blocks, self.block_size, 16), np.uint8)

    def copy_block(self, source: int, target: int) -> None:
        self.cache[target] = self.cache[source]

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        self.tiles += len(pixels)
        sums = pixels.reshape(len(pixels), -1).sum(1, dtype=np.float32)
        return sums[:, None, None] + np.arange(IMAGE.tokens_per_tile, dtype=np.float32)[:, None]

    def forward(self, chunks: Sequence[Chunk]) -> np.ndarray:
        self.steps += 1
        self.sizes.append([len(chunk) for chunk in chunks])
        self.positions += sum(self.sizes[-1])
        scores = [seed for chunk in chunks for seed in self._write(chunk)[len(chunk) - chunk.logit_rows :]]
        return np.stack([self._scores(seed) for seed in scores]) if scores else np.zeros((0, self.vocabulary))

    def _write(self, chunk: Chunk) -> list[bytes]:
        """Fill the cache; for each row what its scores follow from."""
        given = chunk.features
        features = {} if given is None else dict(zip(chunk.image_rows.tolist(), given, strict=True))
        flat, seeds = self.cache[list(chunk.blocks)].reshape(-1, 16), []
        assert len(flat) >= chunk.end, "a position without a block"
        for row, token in enumerate(chunk.ids):
            position = chunk.start + row
            assert row not in features or token == IMAGE.token_id
            stands = features[row].tobytes() if row in features else int(token).to_bytes(4, "little")
            flat[position] = np.frombuffer(
                hashlib.blake2b(flat[:position].tobytes() + stands, digest_size=16).digest(), np.uint8
            )
            block, slot = divmod(position, self.block_size)
            self.cache[chunk.blocks[block], slot] = flat[position]
            if self.memory is None:
                seeds.append(flat[position].tobytes())
            else:
                newest = chunk.ids[max(row + 1 - self.memory, 0) : row + 1]
                seeds.append(np.array(newest, np.int64).tobytes())
        return seeds

    def _scores(self, seed: bytes) -> np.ndarray:
        state = np.frombuffer(hashlib.blake2b(seed, digest_size=8).digest(), np.uint64)
        return np.random.default_rng(state).standard_normal(self.vocabulary, dtype=np.float32)
