"""The decoder of OpenVINO's operations: Qwen2's layers, and paged attention over the plugin's cache.

In: graph values. Out: graph values. Attention is `_PagedAttentionExtension` (a private name, hence the pinned
version range): 28 inputs, of which the optional ones are empty constants. Its caches are inputs of the graph,
whose block layout is read from the compiled model. Knows no requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from adotx.engine.model.ops import Value, Weights, ints, opset, parameter
from adotx.engine.model.stack import Attend, DecoderLayers, StepLayout
from adotx.engine.runtime import GraphInputs, openvino

if TYPE_CHECKING:
    import openvino as ov

    from adotx.checkpoint import TextConfig

# Which rows and which cache blocks belong to which sequence; in the order that the attention takes them.
SEQUENCE_INPUTS = ("past_lens", "subsequence_begins", "block_indices", "block_indices_begins")


class OpenVinoLayers:
    """Qwen2's layers, for weights of any format; the contract is `DecoderLayers`.

    Args:
        config: sizes.
        weights: the tensors in their format.
        prefix: what stands before `model.` in tensor names.
    """

    cacheable = True

    def __init__(self, config: TextConfig, weights: Weights, prefix: str) -> None:
        self._config, self._weights, self._prefix = config, weights, prefix
        self.count, self.precision = config.num_hidden_layers, weights.format

    def layer(self, x: Value, index: int, attend: Attend) -> Value:
        o, weights, eps = opset(), self._weights, self._config.rms_norm_eps
        layer = f"{self._prefix}model.layers.{index}"
        normal = weights.rms_norm(x, f"{layer}.input_layernorm", eps)
        q, k, v = weights.linears(normal, [f"{layer}.self_attn.{name}_proj" for name in "qkv"], bias=True)
        x = o.add(x, weights.linear(attend(q, k, v, index), f"{layer}.self_attn.o_proj"))
        normal = weights.rms_norm(x, f"{layer}.post_attention_layernorm", eps)
        gate, up = weights.linears(normal, [f"{layer}.mlp.{name}_proj" for name in ("gate", "up")])
        return o.add(x, weights.linear(o.multiply(o.swish(gate), up), f"{layer}.mlp.down_proj"))

    def head(self, x: Value) -> Value:
        config, prefix = self._config, self._prefix
        name = f"{prefix}model.embed_tokens" if config.tie_word_embeddings else f"{prefix}lm_head"
        normal = self._weights.rms_norm(x, f"{prefix}model.norm", config.rms_norm_eps)
        return self._weights.linear(normal, name)


class PagedStack:
    """Layers one after another, with OpenVINO's paged attention; the contract is `DecoderStack`.

    Args:
        config: sizes.
        angles: cosines and sines of the rotary embedding, float32 [positions, head_dim] each.
        layers: what is stacked, of either kind.
    """

    def __init__(
        self, config: TextConfig, angles: tuple[np.ndarray, np.ndarray], layers: DecoderLayers
    ) -> None:
        ov, o = openvino(), opset()
        self._config, self._layers, self._angles = config, layers, angles
        cos_sin = [parameter(name, ov.Type.f32, [-1, config.head_dim]) for name in ("cos", "sin")]
        self._step = {name: parameter(name, ov.Type.i32, [-1]) for name in SEQUENCE_INPUTS}
        self._step["max_context_len"] = parameter("max_context_len", ov.Type.i32, [])
        # Not given in three dimensions at once: OpenVINO's rotary fusion fails on a bare input.
        self._cos, self._sin = (o.unsqueeze(x, ints(1)) for x in cos_sin)
        self.parameters = [*cos_sin, *self._step.values()]
        self.block_size = self.block_bytes = 0
        self._caches: list[Any] = []
        self._tensors: list[Any] = []
        self._inputs: GraphInputs

    def __call__(self, x: Value) -> Value:
        for index in range(self._layers.count):
            x = self._layers.layer(x, index, self._attend)
        return x

    def _rotate(self, x: Value, heads: int) -> Value:
        """The rotary embedding of [N, heads * head_dim]."""
        o, dim = opset(), self._config.head_dim
        x = o.reshape(x, ints(-1, heads, dim), False)
        first, second = o.split(x, np.int64(2), 2).outputs()
        half_turned = o.concat([o.multiply(second, np.float32(-1)), first], -1)
        rotated = o.add(o.multiply(x, self._cos), o.multiply(half_turned, self._sin))
        return o.reshape(rotated, ints(-1, heads * dim), False)

    def _attend(self, query: Value, key: Value, value: Value, index: int) -> Value:
        """Causal attention of all rows over their own sequence's cache, which it also writes."""
        ov, o, config, step = openvino(), opset(), self._config, self._step
        cache = [parameter(f"{name}_cache.{index}", ov.Type.dynamic, [-1] * 4) for name in ("key", "value")]
        self.parameters += cache

        def empty(dtype: type, *shape: int) -> Any:
            return o.constant(np.zeros(shape or (0,), dtype))

        def zero() -> Any:
            return o.constant(np.int32(0))

        i32, f32 = np.int32, np.float32
        inputs = [
            self._rotate(query, config.num_attention_heads),
            self._rotate(key, config.num_key_value_heads),
            value,
            *cache,
            *(step[name] for name in SEQUENCE_INPUTS),
            o.constant(f32(config.head_dim**-0.5)),  # scale
            zero(),  # sliding window: none
            empty(f32),  # alibi slopes: none
            step["max_context_len"],
            # Optional features of the node, switched off: score reports, sparsity, eviction.
            empty(i32), empty(i32), empty(i32), empty(f32), empty(f32), zero(), zero(),
            empty(f32, 0, 0, 0, 0), zero(), empty(i32), empty(i32), empty(i32), empty(i32), empty(np.uint8),
            empty(i32),
        ]  # fmt: skip
        outputs = [x if isinstance(x, ov.Output) else x.output(0) for x in inputs]
        node = ov.op._PagedAttentionExtension(outputs)
        info = node.get_rt_info()
        info["k_head_size"] = info["v_head_size"] = config.head_dim
        info["num_k_heads"] = info["num_v_heads"] = config.num_key_value_heads
        return node.output(0)  # the others report scores

    def attach(self, compiled: ov.CompiledModel, inputs: GraphInputs) -> None:
        self._inputs = inputs
        self._caches = [port for port in compiled.inputs if "_cache." in port.get_any_name()]
        key, value = (port.get_partial_shape() for port in self._caches[:2])
        assert value.rank.get_length() == 4 and value[0].is_dynamic, f"unknown cache layout {value}"
        # [blocks, heads, positions, head size]; u8 keys have rows of scales after a block's positions, u8
        # values have theirs beside each position, so only the values' axis counts positions.
        self.block_size = value[2].get_length()
        assert key[2].get_length() >= self.block_size, f"unknown cache layout {key}, {value}"
        self.block_bytes = sum(
            int(np.prod(self._block_shape(port))) * port.get_element_type().bitwidth // 8
            for port in self._caches
        )

    @staticmethod
    def _block_shape(cache: ov.Output) -> list[int]:
        return [cache.get_partial_shape()[axis].get_length() for axis in (1, 2, 3)]

    def reserve(self, blocks: int) -> None:
        ov = openvino()
        for port in self._caches:
            shape = ov.Shape([blocks, *self._block_shape(port)])
            self._tensors.append(ov.Tensor(port.get_element_type(), shape))
            self._inputs.give(port, self._tensors[-1])

    def copy_block(self, source: int, target: int) -> None:
        for cache in self._tensors:
            cache.data[target] = cache.data[source]

    def begin_step(self, layout: StepLayout) -> None:
        begins = np.zeros(len(layout.past) + 1, np.int32)
        np.cumsum(layout.lengths, out=begins[1:])
        # Row r of chunk i is at position past + (r - begin) of its sequence.
        positions = np.arange(begins[-1]) + np.repeat(layout.past - begins[:-1], layout.lengths)
        shape = (len(positions), self._config.head_dim)
        for name, table in zip(("cos", "sin"), self._angles, strict=True):
            np.take(table, positions, axis=0, out=self._inputs.view(name, shape), mode="clip")
        values = (layout.past, begins, layout.blocks, layout.block_begins)
        for name, array in zip(SEQUENCE_INPUTS, values, strict=True):
            self._inputs.view(name, array.shape)[...] = array
        self._inputs.view("max_context_len", ())[...] = (layout.past + layout.lengths).max()
