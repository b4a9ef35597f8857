"""The Qwen2 decoder as one OpenVINO graph with paged attention, and the runner that feeds it.

In: rows of input embeddings of several sequences laid end to end, with their positions and cache blocks. Out:
logits of the rows asked for. Knows no requests and no images: what an embedding row stands for is the
caller's business.

The graph comes in two makes: of our own kernels (`adotx.engine.native`) for int8 and int4 weights where they
run, and of OpenVINO's operations otherwise. There paged attention is `_PagedAttentionExtension` (a private
name, hence the pinned version range): 28 inputs, of which the plugin's optional ones are empty constants.
Either way the cache's block layout is read from the compiled model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adotx.engine import native
from adotx.engine.ops import Value, Weights, ints, opset, parameter
from adotx.engine.runtime import CacheFormat, compile_model, openvino

if TYPE_CHECKING:
    import openvino as ov

    from adotx.checkpoint import TextConfig


# Which rows and which cache blocks belong to which sequence; in the order that the attention takes them.
SEQUENCE_INPUTS = ("past_lens", "subsequence_begins", "block_indices", "block_indices_begins")


@dataclass(frozen=True)
class Run:
    """Consecutive positions of one sequence within a step.

    Args:
        start: positions already in the cache; the first of these rows is at position `start`.
        length: rows.
        blocks: the sequence's cache blocks, in order, covering at least start + length positions.
    """

    start: int
    length: int
    blocks: Sequence[int]


def _attention(
    config: TextConfig, query: Value, key: Value, value: Value, cache: Sequence[Any], steps: dict
) -> Value:
    """Causal attention of all rows over their own sequence's cache, which it also writes."""
    ov, o = openvino(), opset()

    def empty(dtype: type, *shape: int) -> Any:
        return o.constant(np.zeros(shape or (0,), dtype))

    def zero() -> Any:
        return o.constant(np.int32(0))

    i32, f32 = np.int32, np.float32
    inputs = [
        query, key, value, *cache,
        *(steps[name] for name in SEQUENCE_INPUTS),
        o.constant(f32(config.head_dim**-0.5)),  # scale
        zero(),  # sliding window: none
        empty(f32),  # alibi slopes: none
        steps["max_context_len"],
        # The rest are optional features of the node, switched off: score reports, sparsity, eviction.
        empty(i32), empty(i32), empty(i32), empty(f32), empty(f32), zero(), zero(), empty(f32, 0, 0, 0, 0),
        zero(), empty(i32), empty(i32), empty(i32), empty(i32), empty(np.uint8), empty(i32),
    ]  # fmt: skip
    node = ov.op._PagedAttentionExtension([x if isinstance(x, ov.Output) else x.output(0) for x in inputs])
    info = node.get_rt_info()
    info["k_head_size"] = info["v_head_size"] = config.head_dim
    info["num_k_heads"] = info["num_v_heads"] = config.num_key_value_heads
    return node.output(0)  # the others report scores


def build_decoder(
    config: TextConfig, weights: Weights, prefix: str, *, own: bool, kv_cache: CacheFormat | None = None
) -> ov.Model:
    """The graph.

    Args:
        config: sizes.
        weights: the tensors in their format.
        prefix: "" for Qwen2 checkpoints, "language_model." for A.X 4.0 VL.
        own: linear layers, and attention unless the cache is u8, by our kernels.
        kv_cache: as for `compile_model`.
    """
    ov, o = openvino(), opset()
    heads, kv_heads, dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    eps = config.rms_norm_eps
    rows = parameter("embeddings", ov.Type.f32, [-1, config.hidden_size])
    angles = [parameter(name, ov.Type.f32, [-1, dim]) for name in ("cos", "sin")]
    picked = parameter("rows", ov.Type.i64, [-1])
    steps = {name: parameter(name, ov.Type.i32, [-1]) for name in SEQUENCE_INPUTS}
    own_attention = own and kv_cache != "u8"
    if own_attention:
        cache_type, cache_shape = (
            ov.Type.u8,
            native.cache_shape(config),
        )  # bytes: the plugin converts no bytes
    else:
        cache_type, cache_shape = ov.Type.dynamic, [-1] * 4
        steps["max_context_len"] = parameter("max_context_len", ov.Type.i32, [])
    parameters = [rows, *angles, picked, *steps.values()]
    # Not given in three dimensions at once: OpenVINO's rotary fusion fails on a bare input.
    cos, sin = (o.unsqueeze(x, ints(1)) for x in angles)

    def rotate(x: Value, count: int) -> Value:
        x = o.reshape(x, ints(-1, count, dim), False)
        first, second = o.split(x, np.int64(2), 2).outputs()
        turned = o.concat([o.multiply(second, np.float32(-1)), first], -1)
        return o.reshape(o.add(o.multiply(x, cos), o.multiply(turned, sin)), ints(-1, count * dim), False)

    def attend(q: Value, k: Value, v: Value, cache: Sequence[Any]) -> Value:
        return _attention(config, rotate(q, heads), rotate(k, kv_heads), v, cache, steps)

    def own_layer(x: Value, layer: str, cache: Sequence[Any]) -> Value:
        qkv = weights.fused(
            [f"{layer}.self_attn.{name}_proj" for name in "qkv"],
            bias=True,
            norm=(f"{layer}.input_layernorm", eps),
        )(x)
        if own_attention:
            inputs = [qkv, *angles, *cache, *(steps[name] for name in SEQUENCE_INPUTS)]
            seen = native.attention(config, inputs)
        else:
            widths = ints(heads * dim, kv_heads * dim, kv_heads * dim)
            seen = attend(*o.variadic_split(qkv, np.int64(-1), widths).outputs(), cache)
        x = weights.fused([f"{layer}.self_attn.o_proj"])(seen, x)
        pair = [f"{layer}.mlp.{name}_proj" for name in ("gate", "up")]
        both = weights.fused(pair, norm=(f"{layer}.post_attention_layernorm", eps))(x)
        return weights.fused([f"{layer}.mlp.down_proj"], gated=True)(both, x)

    def plugin_layer(x: Value, layer: str, cache: Sequence[Any]) -> Value:
        normal = weights.rms_norm(x, f"{layer}.input_layernorm", eps)
        qkv = weights.linears(normal, [f"{layer}.self_attn.{name}_proj" for name in "qkv"], bias=True)
        x = o.add(x, weights.linear(attend(*qkv, cache), f"{layer}.self_attn.o_proj"))
        normal = weights.rms_norm(x, f"{layer}.post_attention_layernorm", eps)
        gate, up = weights.linears(normal, [f"{layer}.mlp.{name}_proj" for name in ("gate", "up")])
        return o.add(x, weights.linear(o.multiply(o.swish(gate), up), f"{layer}.mlp.down_proj"))

    x = rows
    for index in range(config.num_hidden_layers):
        cache = [parameter(f"{kind}_cache.{index}", cache_type, cache_shape) for kind in ("key", "value")]
        parameters += cache
        x = (own_layer if own else plugin_layer)(x, f"{prefix}model.layers.{index}", cache)
    # Only the rows asked for meet the output matrix, the largest one.
    x = o.gather(x, picked, np.int64(0))
    head = f"{prefix}model.embed_tokens" if config.tie_word_embeddings else f"{prefix}lm_head"
    if own:
        logits = weights.fused([head], norm=(f"{prefix}model.norm", eps))(x)
    else:
        logits = weights.linear(weights.rms_norm(x, f"{prefix}model.norm", eps), head)
    return ov.Model([logits], parameters, "decoder")


class Decoder:
    """The compiled decoder with its cache.

    Args:
        config: sizes of the text model.
        weights: the checkpoint's weights in one format.
        prefix: what stands before `model.` in tensor names.
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
        own = weights.quantized and native.takes(config)
        model = build_decoder(config, weights, prefix, own=own, kv_cache=kv_cache)
        self._compiled = compile_model(
            model,
            # What our kernels leave to OpenVINO is little, and needs no rounding in between.
            "f32" if own else weights.format,
            kv_cache=kv_cache,
            group=weights.group,
            threads=threads,
            cache_dir=None if own else cache_dir,  # its layers lie in this process's memory
        )
        del model
        self._request = self._compiled.create_infer_request()
        self._views: dict[str, np.ndarray] = {}
        self._caches = [port for port in self._compiled.inputs if "_cache." in port.get_any_name()]
        self._has_longest = any(port.get_any_name() == "max_context_len" for port in self._compiled.inputs)
        key, value = (port.get_partial_shape() for port in self._caches[:2])
        assert value.rank.get_length() == 4 and value[0].is_dynamic, f"unknown cache layout {value}"
        # [blocks, heads, positions, head size]; u8 keys have rows of scales after a block's positions, u8
        # values have theirs beside each position, so only the values' axis counts positions.
        self.block_size: int = value[2].get_length()
        assert key[2].get_length() >= self.block_size, f"unknown cache layout {key}, {value}"
        self.block_bytes = sum(
            int(np.prod([port.get_partial_shape()[axis].get_length() for axis in (1, 2, 3)]))
            * port.get_element_type().bitwidth
            // 8
            for port in self._caches
        )
        half = np.arange(0, config.head_dim, 2, dtype=np.float32) / np.float32(config.head_dim)
        angles = np.outer(
            np.arange(config.max_position_embeddings, dtype=np.float32),
            1 / np.float32(config.rope_theta) ** half,
        )
        # Positions are turned into angles here, in float32: in a bf16 graph position 4,097 would equal 4,096.
        self._cos, self._sin = (np.tile(f(angles), 2) for f in (np.cos, np.sin))

    def allocate(self, blocks: int) -> None:
        """Make the cache, for `blocks` blocks; its memory is taken by the system as it is written.

        Also runs one step: the plugin packs the weights when it first meets them, which takes seconds for a
        large model and belongs to loading.
        """
        ov = openvino()
        for port in self._caches:
            sizes = [blocks, *(port.get_partial_shape()[axis].get_length() for axis in (1, 2, 3))]
            self._request.set_tensor(port, ov.Tensor(port.get_element_type(), ov.Shape(sizes)))
        self.forward(np.zeros((1, self._hidden), np.float32), [Run(0, 1, [0])], [0])
        self._weights.drop_pages()

    def forward(self, embeddings: np.ndarray, runs: Sequence[Run], rows: Sequence[int]) -> np.ndarray:
        """One step.

        Args:
            embeddings: float32 [N, H], the runs' rows end to end.
            runs: whose rows they are; lengths sum to N.
            rows: indices into the N rows whose logits are wanted.

        Returns:
            float32 [len(rows), V]; overwritten by the next call.
        """
        count = len(runs)
        starts = np.fromiter((run.start for run in runs), np.int32, count)
        lengths = np.fromiter((run.length for run in runs), np.int32, count)
        ends = starts + lengths
        begins = np.zeros(count + 1, np.int32)
        np.cumsum(lengths, out=begins[1:])
        assert count and begins[-1] == len(embeddings) and ends.max() <= len(self._cos)
        # Row r of run i is at position start + (r - begin) of its sequence.
        positions = np.arange(len(embeddings)) + np.repeat(starts - begins[:-1], lengths)
        needed = -(-ends // self.block_size)
        block_begins = np.zeros(count + 1, np.int32)
        np.cumsum(needed, out=block_begins[1:])
        blocks = self._input("block_indices", (int(block_begins[-1]),))
        begin = 0
        for run, end in zip(runs, block_begins[1:].tolist(), strict=True):
            blocks[begin:end] = run.blocks[: end - begin]
            begin = end
        shape = (len(embeddings), self._cos.shape[1])
        np.take(self._cos, positions, axis=0, out=self._input("cos", shape), mode="clip")
        np.take(self._sin, positions, axis=0, out=self._input("sin", shape), mode="clip")
        self._input("embeddings", embeddings.shape)[...] = embeddings
        self._input("rows", (len(rows),))[...] = rows
        self._input("past_lens", (count,))[...] = starts
        self._input("subsequence_begins", (count + 1,))[...] = begins
        self._input("block_indices_begins", (count + 1,))[...] = block_begins
        if self._has_longest:
            self._input("max_context_len", ())[...] = ends.max()
        # In this thread, for waking another takes half a millisecond; shared, for else the logits are copied.
        self._request.infer(share_outputs=True)
        return self._request.get_output_tensor(0).data

    def _input(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """The memory of an input of this shape, to be written whole: the graph may have worked in it.

        It is the request's own, never a caller's array: with shared inputs OpenVINO was seen writing one
        request's data into another's.
        """
        view = self._views.get(name)
        if view is None or view.shape != shape:
            tensor = self._request.get_tensor(name)
            tensor.shape = list(shape)
            view = self._views[name] = tensor.data
        return view
