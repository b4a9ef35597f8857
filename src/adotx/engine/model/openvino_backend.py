"""A checkpoint as a backend: embeddings and image features put together for the decoder on OpenVINO.

In: a checkpoint and formats of weights and cache, then chunks. Out: logits. Knows no requests, no sampling
and no text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adotx.engine.model.backend import Chunk, ImageSpec
from adotx.engine.weights.formats import check_cache_format, check_format
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.checkpoint import Checkpoint
    from adotx.engine.model.tower import VisionEncoder


class OpenVinoBackend:
    """A checkpoint on OpenVINO's CPU plugin; the vision tower follows when the first pixels come.

    Args:
        checkpoint: family "a.x-4-vl" or "qwen2".
        weights: weight format, one of `WEIGHT_FORMATS`.
        kv_cache: format of keys and values, one of `CACHE_FORMATS`; None: bf16 (f32 for f32 weights).
        threads: CPU threads; None: one per core.
        tile_batch: tiles per call of the tower.
        cache_dir: OpenVINO's folder for compiled models; None: nothing is stored.
        weights_dir: where converted weights are stored; None: see `adotx.engine.weights.convert`.
        progress: called with bytes done and all bytes while weights are converted.

    Raises:
        AdotxError: unknown formats, missing tensors, or an architecture that the graphs do not know.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        weights: str,
        *,
        kv_cache: str | None,
        threads: int | None,
        tile_batch: int,
        cache_dir: str | Path | None,
        weights_dir: str | Path | None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        from adotx.checkpoint.names import text_prefix
        from adotx.engine.model.decoder import Decoder
        from adotx.engine.model.embeddings import Embeddings
        from adotx.engine.model.ops import Weights
        from adotx.engine.native.guard import MappingGuard
        from adotx.engine.weights.convert import open_matrices
        from adotx.engine.weights.watch import WeightFiles

        if min(tile_batch, 1 if threads is None else threads) < 1:
            raise AdotxError("engine.setting", "tile_batch and threads are at least 1", "engine")
        weight_format = check_format(weights)
        cache_format = check_cache_format(kv_cache, weight_format)
        config = checkpoint.config
        for name, known in (("hidden_act", "silu"), ("rope_scaling", None), ("sliding_window", None)):
            value = getattr(config.text, name)
            if value != known:
                raise AdotxError(
                    "engine.unsupported",
                    "{key} {value!r} is not supported, only {known!r}",
                    str(checkpoint.path),
                    "use the published config.json",
                    key=name,
                    value=value,
                    known=known,
                )
        checkpoint.require_tensors()
        # All are mapped now: whatever becomes of their names, they are read as they are.
        files = {checkpoint.tensors.place(name)[0]: name for name in checkpoint.tensors.names()}
        self._files = WeightFiles(files)
        self._guard = MappingGuard()
        for path, name in files.items():
            self._guard.add(path, checkpoint.tensors.raw(name))
        self._config, self._tile_batch = config, tile_batch
        self._threads, self._cache_dir = threads, cache_dir
        matrices = open_matrices(checkpoint, weight_format, weights_dir, progress)
        for path, array in matrices.files.items() if matrices else ():
            self._files.add(path)
            self._guard.add(path, array)
        self._weights = Weights(checkpoint.tensors, weight_format, matrices)
        prefix = text_prefix(config)
        self._decoder = Decoder(
            config.text, self._weights, prefix, kv_cache=cache_format, threads=threads, cache_dir=cache_dir
        )
        table = f"{prefix}model.embed_tokens.weight"
        self._embeddings = Embeddings(checkpoint.tensors, table, self._files)
        self._reads_files = not self._embeddings.in_memory or self._weights.mapped
        self.vocabulary, self.context = config.text.vocab_size, config.text.max_position_embeddings
        self.block_size, self.block_bytes = self._decoder.block_size, self._decoder.block_bytes
        self.eos_ids = frozenset(checkpoint.eos_ids)
        self.image = None
        if config.vision is not None and config.projector is not None:
            assert config.image_token_id is not None
            side = config.vision.image_size
            shape = (config.vision.num_channels, side, side)
            self.image = ImageSpec(config.image_token_id, config.projector.grid_size**2, shape)
        self._check_files(all_of_them=True)

    def allocate(self, blocks: int) -> None:
        self._decoder.allocate(blocks)

    def copy_block(self, source: int, target: int) -> None:
        self._decoder.copy_block(source, target)

    def warm(self) -> None:
        if self.image is not None:
            self.encode_images(np.zeros((1, *self.image.tile_shape), np.float32))

    def encode_images(self, pixels: np.ndarray) -> np.ndarray:
        self._check_files()
        features = self._encoder.forward(pixels)
        self._check_files()
        return features

    def forward(self, chunks: Sequence[Chunk]) -> np.ndarray:
        self._check_files()
        rows = sum(map(len, chunks))
        ids = np.fromiter(chain.from_iterable(chunk.ids for chunk in chunks), np.int64, rows)
        embeddings = self._embeddings.rows(ids)
        begin = 0
        for chunk in chunks:
            if chunk.features is not None:
                embeddings[begin + chunk.image_rows] = chunk.features
            begin += len(chunk)
        logits = self._decoder.forward(embeddings, chunks)
        self._check_files()  # what was cut meanwhile was read as zeros
        return logits

    @property
    def usable(self) -> bool:
        """Whether the weights files are what they were, or none is read any more."""
        try:
            self._check_files()
        except AdotxError:
            return False
        return True

    def _check_files(self, all_of_them: bool = False) -> None:
        if self._reads_files or all_of_them:
            self._files.check()
            self._guard.check()

    @cached_property
    def _encoder(self) -> VisionEncoder:
        from adotx.engine.model.tower import VisionEncoder

        self._check_files(all_of_them=True)
        vision, projector = self._config.vision, self._config.projector
        assert vision is not None and projector is not None
        encoder = VisionEncoder(
            vision,
            projector,
            self._weights,
            batch=self._tile_batch,
            threads=self._threads,
            cache_dir=self._cache_dir,
        )
        self._check_files(all_of_them=True)
        self._reads_files = self._reads_files or self._weights.mapped
        return encoder
