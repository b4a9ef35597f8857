"""The contract between the engine and a model: cache blocks, image features, and one step of the decoder.

In: chunks of token ids with image features and cache blocks. Out: logits. `OpenVinoBackend` fulfils it with a
checkpoint's weights, a test may without any. Knows no requests, no sampling and no text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True)
class ImageSpec:
    """How images enter a prompt.

    Args:
        token_id: the id that stands at every image position.
        tokens_per_tile: positions of one tile.
        tile_shape: shape of one tile's pixels, (channels, height, width).
    """

    token_id: int
    tokens_per_tile: int
    tile_shape: tuple[int, int, int]


@dataclass(eq=False)
class Chunk:
    """Consecutive positions of one sequence, computed in one step: one row of the step for each of its ids.

    The scheduler says what is computed, image features are added before the step; nobody else writes.

    Args:
        start: positions of the sequence before it, already in the cache.
        ids: token ids, those guessed by speculation at the end.
        blocks: the sequence's cache blocks, in order, covering at least start + len(ids) positions.
        logit_rows: how many of its rows, counted from the end, need logits: none inside a prompt, one at a
            prompt's end, one more for each guessed id.
        image_rows: which of its rows are image positions, int64 [M].
        features: what stands at them, float32 [M, H]; None where M is 0.
    """

    start: int
    ids: Sequence[int]
    blocks: Sequence[int]
    logit_rows: int = 0
    image_rows: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    features: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def end(self) -> int:
        """Positions of the sequence up to and with this chunk."""
        return self.start + len(self.ids)

    @property
    def is_decoding(self) -> bool:
        """Whether it is an output's newest token and guesses, not a part of a prompt."""
        return self.logit_rows == len(self.ids)


class Backend(Protocol):
    """A model with a cache of blocks."""

    vocabulary: int
    context: int  # most positions of a sequence
    block_size: int  # positions in a cache block
    block_bytes: int
    image: ImageSpec | None  # None: text only
    eos_ids: frozenset[int]

    def allocate(self, blocks: int) -> None:
        """Make the cache; called once."""

    def copy_block(self, source: int, target: int) -> None:
        """Write a block's keys and values to another one."""

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        """Tiles float32 [T, *tile_shape] -> features float32 [T, tokens_per_tile, H]."""
        ...

    def forward(self, chunks: Sequence[Chunk]) -> np.ndarray:
        """Write all chunks' keys and values to the cache.

        Returns:
            logits float32 [sum of `logit_rows`, V], chunk after chunk; may be overwritten by the next call.
        """
        ...


@runtime_checkable
class Warmable(Protocol):
    """A backend whose first image takes much longer than the others."""

    def warm(self) -> None:
        """Do what the first image would wait for; beside `forward`, but not beside `encode_images`."""


@runtime_checkable
class Perishable(Protocol):
    """A backend that can become useless for good while its process lives."""

    @property
    def usable(self) -> bool:
        """Whether what it computes from can still be read; from any thread, in microseconds."""
        ...
