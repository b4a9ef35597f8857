"""The decoder of our kernels: quantised linear layers that do what surrounds them too, and their own cache.

In: graph values. Out: graph values, through `adotx.engine.native`. A layer is four matrices: query+key+value
with the norm before it and its bias, output with the residual, gate+up with the norm before it, down with the
gate before it and the residual. Over the native cache all layers together are one operation. Knows no
requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adotx.engine import native
from adotx.engine.model.ops import Value, Weights, ints, opset
from adotx.engine.model.stack import Attend, StepLayout
from adotx.engine.runtime import GraphInputs
from adotx.engine.weights.formats import WeightFormat

if TYPE_CHECKING:
    import openvino as ov

    from adotx.checkpoint import TextConfig


class NativeLayers:
    """Layers of native operations, for int8 and int4 weights; the contract is `DecoderLayers`.

    Args:
        config: sizes.
        weights: the tensors in their format.
        prefix: what stands before `model.` in tensor names.
    """

    # What the kernels leave to OpenVINO is little, and needs no rounding in between.
    precision: WeightFormat = "f32"
    # The graph points at layers that lie in this process's memory.
    cacheable = False

    def __init__(self, config: TextConfig, weights: Weights, prefix: str) -> None:
        self._config, self._weights, self._prefix = config, weights, prefix
        self.count = config.num_hidden_layers

    def matrices(self, index: int) -> list[native.Linear]:
        """A layer's query+key+value, output, gate+up and down."""
        layer, eps = f"{self._prefix}model.layers.{index}", self._config.rms_norm_eps
        qkv = [f"{layer}.self_attn.{name}_proj" for name in "qkv"]
        gate_up = [f"{layer}.mlp.{name}_proj" for name in ("gate", "up")]
        fused = self._weights.fused
        return [
            fused(qkv, bias=True, norm=(f"{layer}.input_layernorm", eps)),
            fused([f"{layer}.self_attn.o_proj"]),
            fused(gate_up, norm=(f"{layer}.post_attention_layernorm", eps)),
            fused([f"{layer}.mlp.down_proj"], gated=True),
        ]

    def layer(self, x: Value, index: int, attend: Attend) -> Value:
        config = self._config
        qkv, output, gate_up, down = self.matrices(index)
        width, narrow = (
            n * config.head_dim for n in (config.num_attention_heads, config.num_key_value_heads)
        )
        q, k, v = opset().variadic_split(qkv(x), np.int64(-1), ints(width, narrow, narrow)).outputs()
        x = output(attend(q, k, v, index), x)
        return down(gate_up(x), x)

    def head(self, x: Value) -> Value:
        config, prefix = self._config, self._prefix
        name = f"{prefix}model.embed_tokens" if config.tie_word_embeddings else f"{prefix}lm_head"
        return self._weights.fused([name], norm=(f"{prefix}model.norm", config.rms_norm_eps))(x)


class NativeStack:
    """All layers as one native operation over the native cache (bf16); the contract is `DecoderStack`.

    Args:
        config: sizes.
        angles: cosines and sines of the rotary embedding, float32 [positions, head_dim] each.
        layers: what is stacked.
    """

    block_size = native.BLOCK

    def __init__(
        self, config: TextConfig, angles: tuple[np.ndarray, np.ndarray], layers: NativeLayers
    ) -> None:
        self._layers, self._cache = layers, native.Cache(config, *angles)
        self.parameters: list[Any] = []
        self.block_bytes = self._cache.block_bytes

    def __call__(self, x: Value) -> Value:
        return self._cache.decoder(x, [self._layers.matrices(index) for index in range(self._layers.count)])

    def attach(self, compiled: ov.CompiledModel, inputs: GraphInputs) -> None:
        """Nothing: the operation reaches its cache by itself."""

    def reserve(self, blocks: int) -> None:
        self._cache.reserve(blocks)

    def copy_block(self, source: int, target: int) -> None:
        self._cache.copy(source, target)

    def begin_step(self, layout: StepLayout) -> None:
        self._cache.step(layout.past, layout.lengths, layout.blocks, layout.block_begins)
