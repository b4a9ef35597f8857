"""Image features for the chunks of a step: computed by the vision tower, or found again by a tile's content.

In: sequences with their chunks. Out: chunks with image rows and features. Knows no keys and values, and not
why a sequence is in the step.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

import numpy as np

from adotx.engine.model.backend import Chunk
from adotx.engine.serving.sequence import Sequence


class FeatureStore:
    """Features of tiles by the digest of their pixels, the ones unused for longest going first.

    Args:
        memory: most bytes to hold.
    """

    def __init__(self, memory: int) -> None:
        self._memory, self._used = memory, 0
        self._cached: OrderedDict[bytes, np.ndarray] = OrderedDict()

    def get(self, digest: bytes) -> np.ndarray | None:
        """Features [tokens per tile, H] of the tile with this digest, or None."""
        features = self._cached.get(digest)
        if features is not None:
            self._cached.move_to_end(digest)
        return features

    def put(self, digest: bytes, features: np.ndarray) -> None:
        """Store features, which must not change afterwards."""
        if digest in self._cached or features.nbytes > self._memory:
            return
        self._cached[digest] = features
        self._used += features.nbytes
        while self._used > self._memory:
            _, oldest = self._cached.popitem(last=False)
            self._used -= oldest.nbytes


class ImageFeatures:
    """The features that stand at image positions.

    Args:
        encode_images: the backend's.
        memory: bytes for features of tiles encoded lately.
        clock: seconds.

    Attributes:
        encoded: tiles that the tower has computed so far.
        seconds: that it took for them.
    """

    def __init__(
        self,
        encode_images: Callable[[np.ndarray], np.ndarray],
        memory: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._encode_images, self._store, self._clock = encode_images, FeatureStore(memory), clock
        self.encoded, self.seconds = 0, 0.0

    def add_to(self, chunks: Mapping[Sequence, Chunk]) -> None:
        """Set image rows and features of all chunks that have image positions."""
        features = self._of_tiles(chunks)
        for sequence, chunk in chunks.items():
            if chunk.start >= sequence.images_end:  # most chunks: a decoding sequence is past its images
                continue
            first, last = np.searchsorted(sequence.positions, (chunk.start, chunk.end))
            if first == last:
                continue
            tiles = sequence.tiles(chunk.start, chunk.end)
            skipped = tiles.start * sequence.tokens_per_tile
            together = np.concatenate([features[sequence.tile_digests[tile]] for tile in tiles])
            chunk.image_rows = sequence.positions[first:last] - chunk.start
            chunk.features = together[first - skipped : last - skipped]

    def _of_tiles(self, chunks: Mapping[Sequence, Chunk]) -> dict[bytes, np.ndarray]:
        """Features of all tiles that the chunks touch."""
        features: dict[bytes, np.ndarray] = {}
        pixels: dict[bytes, np.ndarray] = {}
        for sequence, chunk in chunks.items():
            if chunk.start >= sequence.images_end:
                continue
            for tile in sequence.tiles(chunk.start, chunk.end):
                digest = sequence.tile_digests[tile]
                given = sequence.features.get(digest)
                if given is not None:
                    features[digest] = given
                else:
                    pixels[digest] = sequence.pixels[digest]
        return features | self.of(pixels)

    def of(self, pixels: Mapping[bytes, np.ndarray]) -> dict[bytes, np.ndarray]:
        """Features of tiles by their digests; those not encoded lately are computed together."""
        features: dict[bytes, np.ndarray] = {}
        missing: dict[bytes, np.ndarray] = {}
        for digest, tile in pixels.items():
            known = self._store.get(digest)
            if known is not None:
                features[digest] = known
            else:
                missing[digest] = tile
        if missing:
            start = self._clock()
            computed = self._encode_images(np.stack(list(missing.values())))
            self.seconds += self._clock() - start
            self.encoded += len(missing)
            for digest, each in zip(missing, computed, strict=True):
                features[digest] = each.copy()  # a view would hold all the others in memory
                self._store.put(digest, features[digest])
        return features
