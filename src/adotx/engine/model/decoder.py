"""The Qwen2 decoder: one compiled graph with paged attention, and the runner that feeds it.

In: rows of input embeddings of several sequences laid end to end, with their chunks. Out: logits of the rows
that need them. The graph comes in variants, built of the parts that `stack` describes: native where the
weights are int8 or int4 and our kernels run, OpenVINO's operations otherwise. Knows no requests and no
images: what an embedding row stands for is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adotx.engine import native
from adotx.engine.model.backend import Chunk
from adotx.engine.model.native_decoder import NativeLayers, NativeStack
from adotx.engine.model.openvino_decoder import OpenVinoLayers, PagedStack
from adotx.engine.model.ops import Weights, opset, parameter
from adotx.engine.model.stack import DecoderLayers, DecoderStack, StepLayout
from adotx.engine.runtime import GraphInputs, compile_model, openvino
from adotx.engine.weights.formats import CacheFormat

if TYPE_CHECKING:
    import openvino as ov

    from adotx.checkpoint import TextConfig


def rotary_angles(config: TextConfig) -> tuple[np.ndarray, np.ndarray]:
    """Cosines and sines of the rotary embedding, float32 [positions, head_dim] each.

    Looked up by position outside of the graph: in a bf16 graph position 4,097 would equal 4,096.
    """
    half = np.arange(0, config.head_dim, 2, dtype=np.float32) / np.float32(config.head_dim)
    positions = np.arange(config.max_position_embeddings, dtype=np.float32)
    angles = np.outer(positions, 1 / np.float32(config.rope_theta) ** half)
    return np.tile(np.cos(angles), 2), np.tile(np.sin(angles), 2)


def choose_variant(
    config: TextConfig, weights: Weights, prefix: str, kv_cache: CacheFormat | None
) -> tuple[DecoderLayers, DecoderStack]:
    """The layers and their stack for these weights and this cache, on this machine."""
    angles = rotary_angles(config)
    if not (weights.quantized and native.takes(config)):
        plain = OpenVinoLayers(config, weights, prefix)
        return plain, PagedStack(config, angles, plain)
    layers = NativeLayers(config, weights, prefix)
    if kv_cache == "u8":  # which our attention does not know
        return layers, PagedStack(config, angles, layers)
    return layers, NativeStack(config, angles, layers)


def build_decoder(layers: DecoderLayers, stack: DecoderStack, hidden_size: int) -> ov.Model:
    """The graph: embeddings [N, hidden] and the indices of the R rows wanted -> logits [R, V]."""
    ov, o = openvino(), opset()
    embeddings = parameter("embeddings", ov.Type.f32, [-1, hidden_size])
    rows = parameter("rows", ov.Type.i64, [-1])
    # Only the rows asked for meet the output matrix, the largest one.
    logits = layers.head(o.gather(stack(embeddings), rows, np.int64(0)))
    return ov.Model([logits], [embeddings, rows, *stack.parameters], "decoder")


class Decoder:
    """The compiled decoder with its cache.

    Args:
        config: sizes of the text model.
        weights: the checkpoint's weights in one format.
        prefix: what stands before `model.` in tensor names: "" for Qwen2 checkpoints, "language_model." for
            A.X 4.0 VL.
        kv_cache, threads, cache_dir: as for `compile_model`.

    Attributes:
        block_size: positions in a block of the cache.
        block_bytes: bytes of a block, keys and values of all layers together.
    """

    def __init__(
        self,
        config: TextConfig,
        weights: Weights,
        prefix: str,
        *,
        kv_cache: CacheFormat | None = None,
        threads: int | None = None,
        cache_dir: str | Path | None = None,
    ) -> None:
        self._weights, self._hidden = weights, config.hidden_size
        self._context = config.max_position_embeddings
        layers, self._stack = choose_variant(config, weights, prefix, kv_cache)
        model = build_decoder(layers, self._stack, self._hidden)
        self._compiled = compile_model(
            model,
            layers.precision,
            kv_cache=kv_cache,
            group=weights.group,
            threads=threads,
            cache_dir=cache_dir if layers.cacheable else None,
        )
        del model  # its constants are large
        self._request = self._compiled.create_infer_request()
        self._inputs = GraphInputs(self._request)
        self._stack.attach(self._compiled, self._inputs)
        self.block_size, self.block_bytes = self._stack.block_size, self._stack.block_bytes

    def allocate(self, blocks: int) -> None:
        """Make the cache, for `blocks` blocks; its memory is taken by the system as it is written.

        Also runs one step: the plugin packs the weights when it first meets them, which takes seconds for a
        large model and belongs to loading.
        """
        self._stack.reserve(blocks)
        self.forward(np.zeros((1, self._hidden), np.float32), [Chunk(0, [0], [0], 1)])
        self._weights.drop_pages()

    def copy_block(self, source: int, target: int) -> None:
        """Write a block's keys and values of all layers to another one."""
        self._stack.copy_block(source, target)

    def forward(self, embeddings: np.ndarray, chunks: Sequence[Chunk]) -> np.ndarray:
        """One step.

        Args:
            embeddings: float32 [N, H], the chunks' rows end to end.
            chunks: whose rows they are; lengths sum to N.

        Returns:
            float32 [sum of the chunks' `logit_rows`, V]; overwritten by the next call.
        """
        layout = StepLayout.of(chunks, self.block_size)
        ends = np.cumsum(layout.lengths)
        assert ends[-1] == len(embeddings) and (layout.past + layout.lengths).max() <= self._context
        rows = [
            row
            for chunk, end in zip(chunks, ends.tolist(), strict=True)
            for row in range(end - chunk.logit_rows, end)
        ]
        self._stack.begin_step(layout)
        self._inputs.view("embeddings", embeddings.shape)[...] = embeddings
        self._inputs.view("rows", (len(rows),))[...] = rows
        # In this thread, for waking another takes half a millisecond; shared, for else the logits are copied.
        self._request.infer(share_outputs=True)
        return self._request.get_output_tensor(0).data
