"""Image features that were computed lately, by the content of their tile.

In: digests of tiles and their features. Out: features. Knows no tower and no requests.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np


class FeatureStore:
    """Features of tiles, the ones unused for longest going first.

    Args:
        memory: most bytes to keep.
    """

    def __init__(self, memory: int) -> None:
        self._memory, self._used = memory, 0
        self._kept: OrderedDict[bytes, np.ndarray] = OrderedDict()

    def get(self, digest: bytes) -> np.ndarray | None:
        """Features [tokens per tile, H] of the tile with this digest, or None."""
        features = self._kept.get(digest)
        if features is not None:
            self._kept.move_to_end(digest)
        return features

    def put(self, digest: bytes, features: np.ndarray) -> None:
        """Keep features, which must not change afterwards."""
        if digest in self._kept or features.nbytes > self._memory:
            return
        self._kept[digest] = features
        self._used += features.nbytes
        while self._used > self._memory:
            _, oldest = self._kept.popitem(last=False)
            self._used -= oldest.nbytes
