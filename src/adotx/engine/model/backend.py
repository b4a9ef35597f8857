"""What the engine asks of a model: cache blocks, image features, and one step of the decoder.

In: spans of token ids with image features and cache blocks. Out: logits. `Backend` is the contract; a test
can fulfil it without weights. `OpenVinoBackend` is the real one. Knows no requests, no sampling and no text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.checkpoint import Checkpoint
    from adotx.engine.model.runtime import CacheFormat, WeightFormat
    from adotx.engine.model.tower import VisionEncoder


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


@dataclass(frozen=True)
class Span:
    """Consecutive positions of one sequence in a step.

    Args:
        start: positions before it, already in the cache.
        ids: token ids, int64 [N].
        blocks: the sequence's cache blocks, in order, covering at least start + N positions.
        image_rows: which of the N positions are image positions, int64 [M].
        features: what stands at them, float32 [M, H]; None where M is 0.
    """

    start: int
    ids: np.ndarray
    blocks: Sequence[int]
    image_rows: np.ndarray
    features: np.ndarray | None = None


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

    def see(self, pixels: np.ndarray) -> np.ndarray:
        """Tiles float32 [T, *tile_shape] -> features float32 [T, tokens_per_tile, H]."""

    def forward(self, spans: Sequence[Span], rows: Sequence[int]) -> np.ndarray:
        """Write all spans' keys and values to the cache; logits float32 [len(rows), V] of the positions
        `rows`, counted over the spans laid end to end. The result may be overwritten by the next call."""


class OpenVinoBackend:
    """A checkpoint on OpenVINO's CPU plugin; the vision tower follows when the first pixels come.

    Args:
        checkpoint: family "a.x-4-vl" or "qwen2".
        weights: weight format.
        kv_cache: format of keys and values; None: bf16 (f32 for f32 weights).
        threads: CPU threads; None: one per core.
        tile_batch: tiles per call of the tower.
        cache_dir: OpenVINO's folder for compiled models; None keeps none.
        weights_dir: where converted weights are kept; None: see `adotx.engine.weights.convert`.
        progress: called with bytes done and all bytes while weights are converted.

    Raises:
        AdotxError: missing tensors, or an architecture that the graphs do not know.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        weights: WeightFormat,
        *,
        kv_cache: CacheFormat | None,
        threads: int | None,
        tile_batch: int,
        cache_dir: str | Path | None,
        weights_dir: str | Path | None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        from adotx.checkpoint.names import text_prefix
        from adotx.engine.model.decoder import Decoder
        from adotx.engine.weights.convert import open_weights

        config = checkpoint.config
        for name, plain in (("hidden_act", "silu"), ("rope_scaling", None), ("sliding_window", None)):
            value = getattr(config.text, name)
            if value != plain:
                what = f"{name} {value!r} is not supported, only {plain!r}"
                raise AdotxError(
                    "engine.unsupported", what, str(checkpoint.path), "use the published config.json"
                )
        checkpoint.require_tensors()
        self._config, self._tile_batch = config, tile_batch
        self._threads, self._cache_dir = threads, cache_dir
        self._weights = open_weights(checkpoint, weights, weights_dir, progress)
        prefix = text_prefix(config)
        self._decoder = Decoder(
            config.text, self._weights, prefix, kv_cache=kv_cache, threads=threads, cache_dir=cache_dir
        )
        # Looked up here and not in the graph: the table stays memory-mapped, only rows in use are read.
        self._embeddings = checkpoint.tensors.raw(f"{prefix}model.embed_tokens.weight")
        self.vocabulary, self.context = config.text.vocab_size, config.text.max_position_embeddings
        self.block_size, self.block_bytes = self._decoder.block_size, self._decoder.block_bytes
        self.eos_ids = frozenset(checkpoint.eos_ids)
        self.image = None
        if config.vision is not None and config.projector is not None:
            assert config.image_token_id is not None
            side = config.vision.image_size
            shape = (config.vision.num_channels, side, side)
            self.image = ImageSpec(config.image_token_id, config.projector.grid_size**2, shape)

    def allocate(self, blocks: int) -> None:
        self._decoder.allocate(blocks)

    def see(self, pixels: np.ndarray) -> np.ndarray:
        return self._encoder.forward(pixels)

    def forward(self, spans: Sequence[Span], rows: Sequence[int]) -> np.ndarray:
        from adotx.engine.model.decoder import Run

        ids = np.concatenate([span.ids for span in spans])
        embeddings = self._embeddings[ids].astype(np.float32)
        start = 0
        for span in spans:
            if span.features is not None:
                embeddings[start + span.image_rows] = span.features
            start += len(span.ids)
        runs = [Run(span.start, len(span.ids), span.blocks) for span in spans]
        return self._decoder.forward(embeddings, runs, rows)

    @cached_property
    def _encoder(self) -> VisionEncoder:
        from adotx.engine.model.tower import VisionEncoder

        vision, projector = self._config.vision, self._config.projector
        assert vision is not None and projector is not None
        return VisionEncoder(
            vision,
            projector,
            self._weights,
            batch=self._tile_batch,
            threads=self._threads,
            cache_dir=self._cache_dir,
        )
