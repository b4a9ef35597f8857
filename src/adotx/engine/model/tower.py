"""The SigLIP vision tower and the LDPNetV2 projector as one OpenVINO graph.

In: tiles float32 [T, 3, S, S]. Out: features float32 [T, tokens per tile, H] in the decoder's embedding
space. Knows no token ids, no images and no tile plan.

Sources: SigLIP as in transformers' `SiglipVisionModel` without its pooling head; projector as in MobileVLM V2
(MLP, adaptive mean pool to grid x grid, depth-wise 3x3 convolution added to its input).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adotx.engine.model.ops import Value, Weights, ints, opset, parameter
from adotx.engine.runtime import compile_model, openvino
from adotx.errors import AdotxError

if TYPE_CHECKING:
    import openvino as ov

    from adotx.checkpoint import ProjectorConfig, VisionConfig

TOWER = "vision_tower.vision_model"
PROJECTOR = "multi_modal_projector"


def build_tower(config: VisionConfig, weights: Weights, pixels: Value) -> Value:
    """pixels [T, 3, S, S] -> patch features [T, P, hidden], the layer that `feature_layer` names.

    `feature_layer` 0 is the published meaning: the last layer after its norm; any other integer indexes the
    list of embedding output and layer outputs, without that norm.
    """
    o = opset()
    hidden, patch, heads = config.hidden_size, config.patch_size, config.num_attention_heads
    patches, eps = (config.image_size // patch) ** 2, config.layer_norm_eps
    modes = {"gelu_pytorch_tanh": "tanh", "gelu_new": "tanh", "gelu": "erf"}
    if config.hidden_act not in modes:
        raise AdotxError(
            "engine.activation", "unknown vision activation {value!r}", "hidden_act", value=config.hidden_act
        )
    kernel = weights.exact(f"{TOWER}.embeddings.patch_embedding.weight")
    x = o.convolution(pixels, kernel, [patch, patch], [0, 0], [0, 0], [1, 1])
    x = o.transpose(o.reshape(x, ints(0, hidden, patches), True), ints(0, 2, 1))
    x = o.add(x, weights.exact(f"{TOWER}.embeddings.patch_embedding.bias"))
    x = o.add(x, weights.exact(f"{TOWER}.embeddings.position_embedding.weight"))

    def split_heads(y: Value) -> Value:
        return o.transpose(o.reshape(y, ints(0, patches, heads, hidden // heads), True), ints(0, 2, 1, 3))

    depth = config.num_hidden_layers
    published = config.feature_layer == 0
    wanted = depth if published else config.feature_layer + (depth + 1 if config.feature_layer < 0 else 0)
    if not 0 <= wanted <= depth:
        raise AdotxError(
            "engine.feature_layer",
            "layer {layer} of {depth}",
            "vision_feature_layer",
            layer=config.feature_layer,
            depth=depth,
        )
    for index in range(wanted):
        layer = f"{TOWER}.encoder.layers.{index}"
        normal = weights.layer_norm(x, f"{layer}.layer_norm1", eps)
        names = [f"{layer}.self_attn.{name}_proj" for name in "qkv"]
        q, k, v = (split_heads(y) for y in weights.linears(normal, names, bias=True))
        attended = o.scaled_dot_product_attention(q, k, v, causal=False)
        attended = o.reshape(o.transpose(attended, ints(0, 2, 1, 3)), ints(0, patches, hidden), True)
        x = o.add(x, weights.linear(attended, f"{layer}.self_attn.out_proj", bias=True))
        normal = weights.layer_norm(x, f"{layer}.layer_norm2", eps)
        inner = o.gelu(weights.linear(normal, f"{layer}.mlp.fc1", bias=True), modes[config.hidden_act])
        x = o.add(x, weights.linear(inner, f"{layer}.mlp.fc2", bias=True))
    return weights.layer_norm(x, f"{TOWER}.post_layernorm", eps) if published else x


def build_projector(config: ProjectorConfig, weights: Weights, x: Value, side: int) -> Value:
    """Patch features [T, side * side, in] -> token features [T, grid * grid, out]."""
    o = opset()
    out, grid = config.out_hidden_size, config.grid_size
    x = o.gelu(weights.linear(x, f"{PROJECTOR}.mlp.mlp.0", bias=True), "erf")
    # Published order: second linear, then mean pool. Both are linear: pooling first is the same, for less.
    if side % grid == 0:
        cell = side // grid
        x = o.reshape(x, ints(0, grid, cell, grid, cell, out), True)
        # A cell's patches side by side: the plugin has a kernel for means over one axis only.
        x = o.reshape(o.transpose(x, ints(0, 1, 3, 2, 4, 5)), ints(0, grid * grid, cell * cell, out), True)
        x = o.reshape(o.reduce_mean(x, ints(2), False), ints(0, grid, grid, out), True)
    else:
        x = o.reshape(o.transpose(x, ints(0, 2, 1)), ints(0, out, side, side), True)
        x = o.transpose(o.adaptive_avg_pool(x, ints(grid, grid)).output(0), ints(0, 2, 3, 1))
    x = weights.linear(x, f"{PROJECTOR}.mlp.mlp.2", bias=True)
    channels_first = o.transpose(x, ints(0, 3, 1, 2))
    kernel = weights.exact(f"{PROJECTOR}.peg.peg.0.weight", (out, 1, 1, 3, 3))
    y = o.group_convolution(channels_first, kernel, [1, 1], [1, 1], [1, 1], [1, 1])
    y = o.add(o.add(y, weights.exact(f"{PROJECTOR}.peg.peg.0.bias", (1, out, 1, 1))), channels_first)
    return o.transpose(o.reshape(y, ints(0, out, grid * grid), True), ints(0, 2, 1))


def build_vision(vision: VisionConfig, projector: ProjectorConfig, weights: Weights) -> ov.Model:
    """The whole graph, pixels to features."""
    ov = openvino()
    pixels = parameter("pixels", ov.Type.f32, [-1, vision.num_channels, vision.image_size, vision.image_size])
    features = build_tower(vision, weights, pixels)
    side = vision.image_size // vision.patch_size
    return ov.Model([build_projector(projector, weights, features, side)], [pixels], "vision")


class VisionEncoder:
    """The compiled tower and projector.

    Args:
        vision, projector: sizes.
        weights: the checkpoint's weights in one format.
        batch: tiles per call; bounds memory.
        threads, cache_dir: as for `compile_model`.
    """

    def __init__(
        self,
        vision: VisionConfig,
        projector: ProjectorConfig,
        weights: Weights,
        *,
        batch: int = 8,
        threads: int | None = None,
        cache_dir: str | Path | None = None,
    ) -> None:
        self._weights = weights
        model = build_vision(vision, projector, weights)
        compiled = compile_model(model, weights.format, threads=threads, cache_dir=cache_dir)
        del model
        self._request = compiled.create_infer_request()
        self._batch, self._packed = batch, False
        self._shape = (projector.grid_size**2, projector.out_hidden_size)

    def forward(self, pixels: np.ndarray) -> np.ndarray:
        """Tiles float32 [T, 3, S, S] -> features float32 [T, tokens per tile, H]."""
        ov = openvino()
        features = np.empty((len(pixels), *self._shape), np.float32)
        for start in range(0, len(pixels), self._batch):
            self._request.set_tensor("pixels", ov.Tensor(pixels[start : start + self._batch].copy()))
            self._request.infer(share_outputs=True)
            features[start : start + self._batch] = self._request.get_output_tensor(0).data
        if not self._packed:
            # The plugin packs the weights when it first meets them; now their files need no memory.
            self._weights.drop_pages()
            self._packed = True
        return features
