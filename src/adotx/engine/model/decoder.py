"""The Qwen2 decoder as one OpenVINO graph with paged attention, and the runner that feeds it.

In: rows of input embeddings of several sequences laid end to end, with their positions and cache blocks. Out:
logits of the rows asked for. Knows no requests and no images: what an embedding row stands for is the
caller's business.

The graph comes in two makes: of our own kernels (`adotx.engine.native`) for int8 and int4 weights where they
run, and of OpenVINO's operations otherwise. There paged attention is `_PagedAttentionExtension` (a private
name, hence the pinned version range): 28 inputs, of which the plugin's optional ones are empty constants.
Its cache's block layout is read from the compiled model; ours is `native.Cache`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adotx.engine import native
from adotx.engine.model.ops import Value, Weights, ints, opset, parameter
from adotx.engine.model.runtime import CacheFormat, compile_model, openvino

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
    config: TextConfig, weights: Weights, prefix: str, *, own: bool, kept: native.Cache | None
) -> ov.Model:
    """The graph.

    Args:
        config: sizes.
        weights: the tensors in their format.
        prefix: "" for Qwen2 checkpoints, "language_model." for A.X 4.0 VL.
        own: linear layers by our kernels.
        kept: keys and values, for attention by our kernels; None: OpenVINO's, with caches as inputs.
    """
    ov, o = openvino(), opset()
    heads, kv_heads, dim = config.num_attention_heads, config.num_key_value_heads, config.head_dim
    eps = config.rms_norm_eps
    rows = parameter("embeddings", ov.Type.f32, [-1, config.hidden_size])
    picked = parameter("rows", ov.Type.i64, [-1])
    parameters = [rows, picked]
    if kept is None:
        angles = [parameter(name, ov.Type.f32, [-1, dim]) for name in ("cos", "sin")]
        steps = {name: parameter(name, ov.Type.i32, [-1]) for name in SEQUENCE_INPUTS}
        steps["max_context_len"] = parameter("max_context_len", ov.Type.i32, [])
        parameters += [*angles, *steps.values()]
        # Not given in three dimensions at once: OpenVINO's rotary fusion fails on a bare input.
        cos, sin = (o.unsqueeze(x, ints(1)) for x in angles)

    def rotate(x: Value, count: int) -> Value:
        x = o.reshape(x, ints(-1, count, dim), False)
        first, second = o.split(x, np.int64(2), 2).outputs()
        turned = o.concat([o.multiply(second, np.float32(-1)), first], -1)
        return o.reshape(o.add(o.multiply(x, cos), o.multiply(turned, sin)), ints(-1, count * dim), False)

    def attend(q: Value, k: Value, v: Value, index: int) -> Value:
        cache = [parameter(f"{kind}_cache.{index}", ov.Type.dynamic, [-1] * 4) for kind in ("key", "value")]
        parameters.extend(cache)
        return _attention(config, rotate(q, heads), rotate(k, kv_heads), v, cache, steps)

    def own_parts(layer: str) -> list[native.Linear]:
        """The layer's matrices, with what is done to their inputs: query+key+value, output, gate+up, down."""
        qkv, pair = (
            [f"{layer}.{name}_proj" for name in names.split()]
            for names in ("self_attn.q self_attn.k self_attn.v", "mlp.gate mlp.up")
        )
        return [
            weights.fused(qkv, bias=True, norm=(f"{layer}.input_layernorm", eps)),
            weights.fused([f"{layer}.self_attn.o_proj"]),
            weights.fused(pair, norm=(f"{layer}.post_attention_layernorm", eps)),
            weights.fused([f"{layer}.mlp.down_proj"], gated=True),
        ]

    def own_layer(x: Value, layer: str, index: int) -> Value:
        qkv, output, pair, down = own_parts(layer)
        widths = ints(heads * dim, kv_heads * dim, kv_heads * dim)
        q, k, v = o.variadic_split(qkv(x), np.int64(-1), widths).outputs()
        x = output(attend(q, k, v, index), x)
        return down(pair(x), x)

    def plugin_layer(x: Value, layer: str, index: int) -> Value:
        normal = weights.rms_norm(x, f"{layer}.input_layernorm", eps)
        q, k, v = weights.linears(normal, [f"{layer}.self_attn.{name}_proj" for name in "qkv"], bias=True)
        x = o.add(x, weights.linear(attend(q, k, v, index), f"{layer}.self_attn.o_proj"))
        normal = weights.rms_norm(x, f"{layer}.post_attention_layernorm", eps)
        gate, up = weights.linears(normal, [f"{layer}.mlp.{name}_proj" for name in ("gate", "up")])
        return o.add(x, weights.linear(o.multiply(o.swish(gate), up), f"{layer}.mlp.down_proj"))

    x, layers = rows, [f"{prefix}model.layers.{index}" for index in range(config.num_hidden_layers)]
    if kept is not None:
        x = kept.decoder(x, [own_parts(layer) for layer in layers])
    else:
        for index, layer in enumerate(layers):
            x = (own_layer if own else plugin_layer)(x, layer, index)
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
        half = np.arange(0, config.head_dim, 2, dtype=np.float32) / np.float32(config.head_dim)
        angles = np.outer(
            np.arange(config.max_position_embeddings, dtype=np.float32),
            1 / np.float32(config.rope_theta) ** half,
        )
        # Positions are turned into angles here, in float32: in a bf16 graph position 4,097 would equal 4,096.
        self._cos, self._sin = (np.tile(f(angles), 2) for f in (np.cos, np.sin))
        own = weights.quantized and native.takes(config)
        self._kept = native.Cache(config, self._cos, self._sin) if own and kv_cache != "u8" else None
        model = build_decoder(config, weights, prefix, own=own, kept=self._kept)
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
        if self._kept is not None:
            self.block_size, self.block_bytes = native.BLOCK, self._kept.block_bytes
            return
        key, value = (port.get_partial_shape() for port in self._caches[:2])
        assert value.rank.get_length() == 4 and value[0].is_dynamic, f"unknown cache layout {value}"
        # [blocks, heads, positions, head size]; u8 keys have rows of scales after a block's positions, u8
        # values have theirs beside each position, so only the values' axis counts positions.
        self.block_size = value[2].get_length()
        assert key[2].get_length() >= self.block_size, f"unknown cache layout {key}, {value}"
        self.block_bytes = sum(
            int(np.prod([port.get_partial_shape()[axis].get_length() for axis in (1, 2, 3)]))
            * port.get_element_type().bitwidth
            // 8
            for port in self._caches
        )

    def allocate(self, blocks: int) -> None:
        """Make the cache, for `blocks` blocks; its memory is taken by the system as it is written.

        Also runs one step: the plugin packs the weights when it first meets them, which takes seconds for a
        large model and belongs to loading.
        """
        ov = openvino()
        if self._kept is not None:
            self._kept.reserve(blocks)
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
        assert count and lengths.sum() == len(embeddings) and ends.max() <= len(self._cos)
        needed = -(-ends // self.block_size)
        begins = np.zeros(count + 1, np.int32)
        np.cumsum(needed, out=begins[1:])
        blocks = np.fromiter(
            (block for run, n in zip(runs, needed.tolist(), strict=True) for block in run.blocks[:n]),
            np.int32,
            int(begins[-1]),
        )
        if self._kept is not None:
            self._kept.step(starts, lengths, blocks, begins)
        else:
            self._describe(starts, lengths, blocks, begins)
        self._input("embeddings", embeddings.shape)[...] = embeddings
        self._input("rows", (len(rows),))[...] = rows
        # In this thread, for waking another takes half a millisecond; shared, for else the logits are copied.
        self._request.infer(share_outputs=True)
        return self._request.get_output_tensor(0).data

    def _describe(
        self, starts: np.ndarray, lengths: np.ndarray, blocks: np.ndarray, block_begins: np.ndarray
    ) -> None:
        """The inputs of OpenVINO's attention."""
        begins = np.zeros(len(starts) + 1, np.int32)
        np.cumsum(lengths, out=begins[1:])
        # Row r of run i is at position start + (r - begin) of its sequence.
        positions = np.arange(begins[-1]) + np.repeat(starts - begins[:-1], lengths)
        shape = (len(positions), self._cos.shape[1])
        np.take(self._cos, positions, axis=0, out=self._input("cos", shape), mode="clip")
        np.take(self._sin, positions, axis=0, out=self._input("sin", shape), mode="clip")
        for name, values in (
            ("past_lens", starts),
            ("subsequence_begins", begins),
            ("block_indices", blocks),
            ("block_indices_begins", block_begins),
        ):
            self._input(name, values.shape)[...] = values
        self._input("max_context_len", ())[...] = (starts + lengths).max()

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
