"""The engine's front: load a checkpoint, then generate, stream, score, or look at images.

In: a checkpoint and `Request`s. Out: `Output`s, `Stream`s, logits, features. Knows no text and no HTTP.
Whoever waits for a token drives the engine: each call of `_step` serves all running requests, whichever
caller made it, so several threads, or several streams read in turn, share one batch without a thread of our
own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adotx.engine.blocks import BlockPool
from adotx.engine.runtime import WeightFormat, available_memory, check_format
from adotx.engine.scheduler import Chunk, Output, Request, Scheduler
from adotx.engine.scheduler import Sequence as Running
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.checkpoint import Checkpoint
    from adotx.engine.tower import VisionEncoder

# Logits of every position are fetched this many rows at a time: a row of a 102,400 vocabulary is 0.4 MB.
LOGITS_ROWS = 256


class Stream(Iterator[int]):
    """The new token ids of one request, as they come; closing it cancels the request.

    `output` holds all of them once it has ended.
    """

    def __init__(self, engine: Engine, sequence: Running) -> None:
        self._engine, self._sequence, self._read = engine, sequence, 0

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> int:
        sequence = self._sequence
        while len(sequence.output) <= self._read:
            if sequence.error is not None:
                raise sequence.error
            if sequence.finish_reason is not None:
                raise StopIteration
            self._engine._drive(sequence, self._read)
        self._read += 1
        return sequence.output[self._read - 1]

    @property
    def output(self) -> Output | None:
        """The whole output, or None while the request is still on its way."""
        sequence = self._sequence
        if sequence.finish_reason is None:
            return None
        return Output(list(sequence.output), sequence.finish_reason, sequence.prompt_tokens)

    def close(self) -> None:
        """Cancel the request if it has not ended; its cache blocks are free again."""
        self._engine._cancel(self._sequence)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # A stream that nobody can read any more would hold its blocks for ever.
        self.close()


class Engine:
    """A loaded model. Make one with `Engine.load`."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        weights: WeightFormat,
        *,
        threads: int | None,
        kv_memory: int | None,
        max_running: int,
        step_tokens: int,
        tile_batch: int,
        cache_dir: str | Path | None,
    ) -> None:
        from adotx.engine.convert import open_weights
        from adotx.engine.decoder import Decoder

        config = checkpoint.config
        for name, plain in (("hidden_act", "silu"), ("rope_scaling", None), ("sliding_window", None)):
            value = getattr(config.text, name)
            if value != plain:
                what = f"{name} {value!r} is not supported, only {plain!r}"
                raise AdotxError(
                    "engine.unsupported", what, str(checkpoint.path), "use the published config.json"
                )
        checkpoint.require_tensors()
        self.checkpoint, self.weights = checkpoint, weights
        self._text, self._vision = config.text, config.vision
        self._threads, self._cache_dir, self._tile_batch = threads, cache_dir, tile_batch
        prefix = "language_model." if config.family == "a.x-4-vl" else ""
        self._weights = open_weights(checkpoint, weights)
        self._decoder = Decoder(config.text, self._weights, prefix, threads=threads, cache_dir=cache_dir)
        # Looked up here and not in the graph: the table stays memory-mapped, only rows in use are read.
        self._embeddings = checkpoint.tensors.raw(f"{prefix}model.embed_tokens.weight")
        context = config.text.max_position_embeddings
        budget = available_memory() // 4 if kv_memory is None else kv_memory
        per_context = -(-context // self._decoder.block_size)
        blocks = min(budget // self._decoder.block_bytes, max_running * per_context)
        if blocks < 1:
            raise AdotxError(
                "engine.cache_too_small",
                f"one block needs {self._decoder.block_bytes} bytes, the budget is {budget}",
                "kv_memory",
                "raise kv_memory",
            )
        self.pool = BlockPool(blocks, self._decoder.block_size)
        self._decoder.allocate(blocks)
        self._scheduler = Scheduler(self.pool, max_running, max(step_tokens, max_running))
        # Not re-entrant on purpose: see `_cancel`.
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls,
        checkpoint: Checkpoint,
        weights: str = "int8",
        *,
        threads: int | None = None,
        kv_memory: int | None = None,
        max_running: int = 16,
        step_tokens: int = 2048,
        tile_batch: int = 8,
        cache_dir: str | Path | None = None,
    ) -> Engine:
        """Build and compile the decoder; the vision tower follows when the first pixels come.

        Args:
            checkpoint: an open checkpoint of family "a.x-4-vl" or "qwen2".
            weights: "int8" (weights 8 bits per output channel, computing in bf16 where the CPU has it),
                "int4" (decoder layers in 4 bits), "bf16", or "f32" (everything float32, the reference).
            threads: CPU threads; None: one per core.
            kv_memory: bytes for the key/value cache; None: a quarter of the available memory, at most
                `max_running` whole contexts. The system hands the memory out as it is used.
            max_running: most requests computed side by side.
            step_tokens: most token positions per step; longer prompts take several steps.
            tile_batch: image tiles per call of the vision tower.
            cache_dir: folder for OpenVINO's compiled models; None keeps none.

        Raises:
            AdotxError: unknown weight format, missing tensors, no room for the cache.
        """
        if min(max_running, step_tokens, tile_batch) < 1 or (threads is not None and threads < 1):
            raise AdotxError(
                "engine.setting", "max_running, step_tokens, tile_batch and threads are at least 1", "engine"
            )
        return cls(
            checkpoint,
            check_format(weights),
            threads=threads,
            kv_memory=kv_memory,
            max_running=max_running,
            step_tokens=step_tokens,
            tile_batch=tile_batch,
            cache_dir=cache_dir,
        )

    # What callers ask for

    def stream(self, request: Request) -> Stream:
        """Queue a request and read its ids as they come. Checked here, computed as it is read.

        Raises:
            AdotxError: the request is malformed, too long for the context, or can never fit the cache.
        """
        sequence = self._sequence(request)
        with self._lock:
            self._scheduler.add(sequence)
        return Stream(self, sequence)

    def generate(self, requests: Sequence[Request]) -> list[Output]:
        """Continue all requests, side by side; outputs in the same order.

        Raises:
            AdotxError: as for `stream`, before anything is computed; `where` says which request.
        """
        streams: list[Stream] = []
        try:
            for index, request in enumerate(requests):
                try:
                    streams.append(self.stream(request))
                except AdotxError as error:
                    where = f"request {index + 1} of {len(requests)}" + (
                        f", {error.where}" if error.where else ""
                    )
                    raise AdotxError(error.code, error.what, where, error.remedy) from error
            for stream in streams:
                for _ in stream:
                    pass
            return [stream.output for stream in streams]  # type: ignore[misc]
        finally:
            for stream in streams:
                stream.close()

    def logits(self, request: Request) -> np.ndarray:
        """Scores of the next id after every position of the prompt: float32 [positions, vocabulary].

        Raises:
            AdotxError: as for `stream`, or too few cache blocks are free right now.
        """
        sequence = self._sequence(request)
        count = sequence.prompt_tokens
        with self._lock:
            self._reap()
            blocks = self.pool.allocate(self.pool.blocks_for(count))
            if blocks is None:
                raise AdotxError(
                    "engine.cache_busy",
                    f"{count} positions need more than the {self.pool.available} free cache blocks",
                    "request",
                    "raise kv_memory or wait for running requests",
                )
            sequence.blocks = blocks
            try:
                self._see([sequence])
                out = np.empty((count, self._text.vocab_size), np.float32)
                for start in range(0, count, LOGITS_ROWS):
                    chunk = Chunk(sequence, start, min(LOGITS_ROWS, count - start))
                    out[start : start + chunk.length] = self._forward([chunk], range(chunk.length))
                return out
            finally:
                self.pool.free(blocks)

    def image_features(self, pixels: np.ndarray) -> np.ndarray:
        """Tiles float32 [T, 3, S, S] -> features float32 [T, tokens per tile, H], the decoder's input."""
        pixels = self._check_pixels(pixels)
        with self._lock:
            return self._encoder.forward(pixels)

    # One step for everybody

    def _drive(self, sequence: Running, read: int) -> None:
        """One step, unless another thread brought `sequence` news while this one waited for its turn."""
        with self._lock:
            self._reap()
            if sequence.finish_reason is None and len(sequence.output) <= read:
                self._step()
                self._reap()

    def _step(self) -> None:
        scheduler = self._scheduler
        try:
            self._see(scheduler.admit())
            chunks = scheduler.plan()
            assert chunks, "nothing to compute, yet a request waits"
            ends = np.cumsum([chunk.length for chunk in chunks]) - 1
            rows = [int(end) for chunk, end in zip(chunks, ends, strict=True) if chunk.samples]
            logits = iter(self._forward(chunks, rows))
        except Exception as error:
            # The cache's state is unknown now: nobody may go on from it.
            for sequence in [*scheduler.running, *scheduler.waiting]:
                scheduler.finish(sequence, "error", error)
            raise
        for chunk in chunks:
            scheduler.advance(chunk)
            if chunk.samples:  # it reaches the newest token, so the next one can be picked
                self._pick(chunk.sequence, next(logits))

    def _pick(self, sequence: Running, logits: np.ndarray) -> None:
        try:
            reason = sequence.accept(sequence.sampler.next(logits))
        except AdotxError as error:  # this request's alone
            self._scheduler.finish(sequence, "error", error)
        else:
            if reason:
                self._scheduler.finish(sequence, reason)

    def _see(self, sequences: Sequence[Running]) -> None:
        """Image features for sequences that have pixels, all their tiles batched together."""
        pictured = [(sequence, sequence.pixels) for sequence in sequences if sequence.pixels is not None]
        if not pictured:
            return
        features = self._encoder.forward(np.concatenate([pixels for _, pixels in pictured]))
        start = 0
        for sequence, pixels in pictured:
            sequence.features = features[start : start + len(pixels)].reshape(-1, features.shape[-1])
            sequence.pixels = None
            start += len(pixels)

    def _forward(self, chunks: Sequence[Chunk], rows: Sequence[int]) -> np.ndarray:
        from adotx.engine.decoder import Run

        embeddings = np.concatenate([self._embed(chunk) for chunk in chunks])
        runs = [Run(chunk.start, chunk.length, chunk.sequence.blocks) for chunk in chunks]
        return self._decoder.forward(embeddings, runs, rows)

    def _embed(self, chunk: Chunk) -> np.ndarray:
        """Rows [length, H]: the token table's, overwritten with image features where a slot is."""
        sequence, end = chunk.sequence, chunk.start + chunk.length
        rows = self._embeddings[np.array(sequence.tokens[chunk.start : end])].astype(np.float32)
        first, last = np.searchsorted(sequence.positions, (chunk.start, end))
        if first < last:
            assert sequence.features is not None
            rows[sequence.positions[first:last] - chunk.start] = sequence.features[first:last]
        return rows

    def _cancel(self, sequence: Running) -> None:
        """Cancel now, or, where a step is under way, when it is over; never waits for it.

        The garbage collector may close a stream from inside a step of this very thread.
        """
        if sequence.finish_reason is None:
            sequence.cancelled = True
            if self._lock.acquire(blocking=False):
                try:
                    self._reap()
                finally:
                    self._lock.release()

    def _reap(self) -> None:
        for sequence in [*self._scheduler.running, *self._scheduler.waiting]:
            if sequence.cancelled:
                self._scheduler.finish(sequence, "cancelled")

    # Checks

    def _sequence(self, request: Request) -> Running:
        """A checked request; all that can be wrong with it is said here, before anything is computed."""
        ids, context, vocabulary = request.ids, self._text.max_position_embeddings, self._text.vocab_size
        if not len(ids):
            raise AdotxError("request.empty", "the prompt has no tokens", "request")
        if len(ids) >= context:
            raise AdotxError(
                "request.too_long",
                f"the prompt has {len(ids)} tokens, the model's context of {context} must hold an answer too",
                "request",
                "shorten the text or use fewer or smaller images",
            )
        outside = next((token for token in ids if not 0 <= token < vocabulary), None)
        if outside is not None:
            raise AdotxError(
                "request.id", f"id {outside} is outside the vocabulary of {vocabulary}", "request"
            )
        positions = self._positions(request)
        sampling = request.sampling
        stop_ids = frozenset(sampling.stop_ids)
        if not sampling.ignore_eos:
            stop_ids |= frozenset(self.checkpoint.eos_ids)
        return Running(request, min(sampling.max_new_tokens, context - len(ids)), stop_ids, positions)

    def _positions(self, request: Request) -> np.ndarray:
        """Where image features go: the slots' positions, checked against tiles and image token ids."""
        pixels = None if request.pixels is None else self._check_pixels(request.pixels)
        config = self.checkpoint.config
        # A text model has no image token: its id 22 is an ordinary one. So it is where "no slots" is said.
        no_slots = pixels is None and request.slots is not None and len(request.slots) == 0
        plain = config.vision is None or no_slots
        image_id = None if plain else config.image_token_id
        positions = np.array([i for i, token in enumerate(request.ids) if token == image_id], np.int64)
        if request.slots is not None:
            slots = [position for start, length in request.slots for position in range(start, start + length)]
            if slots != positions.tolist():
                raise AdotxError(
                    "request.slots",
                    f"slots of {len(slots)} positions do not match {len(positions)} image token ids",
                    "request",
                    "render text and image slots with adotx.chat",
                )
        per_tile = 0 if config.projector is None else config.projector.grid_size**2
        tiles = 0 if pixels is None else len(pixels)
        if len(positions) != tiles * per_tile:
            raise AdotxError(
                "request.images",
                f"{len(positions)} image positions in the prompt, {tiles * per_tile} in its {tiles} tiles",
                "request",
                "give the pixels of exactly the images in the prompt",
            )
        return positions

    def _check_pixels(self, pixels: np.ndarray) -> np.ndarray:
        vision = self._vision
        if vision is None:
            raise AdotxError(
                "request.no_vision", "this checkpoint reads text only", "pixels", "use a VL checkpoint"
            )
        shape = (vision.num_channels, vision.image_size, vision.image_size)
        if pixels.ndim != 4 or pixels.shape[1:] != shape or pixels.dtype != np.float32:
            want = ", ".join(map(str, shape))
            raise AdotxError(
                "request.pixels",
                f"{pixels.dtype} {list(pixels.shape)} instead of float32 [tiles, {want}]",
                "pixels",
                "make them with adotx.vision.pixels",
            )
        return pixels

    @cached_property
    def _encoder(self) -> VisionEncoder:
        """Tower and projector, compiled when the first pixels come."""
        from adotx.engine.tower import VisionEncoder

        config = self.checkpoint.config
        assert config.vision is not None and config.projector is not None
        return VisionEncoder(
            config.vision,
            config.projector,
            self._weights,
            batch=self._tile_batch,
            threads=self._threads,
            cache_dir=self._cache_dir,
        )
