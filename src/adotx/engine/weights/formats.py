"""Formats of weights and cache: their names, which matrix is stored how, and the arithmetic of int8 and int4.

In: a configuration and a weight format, or float32 matrices. Out: a plan, or integers with scales. Pure
NumPy; knows no files, no graphs and no OpenVINO.

int8: one float32 scale a row. int4: one float16 scale for each group of neighbours in a row, two values a
byte. Rows are quantised independently, so a fused matrix is its parts' rows end to end, quantised or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Literal

import numpy as np

from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.checkpoint import ModelConfig

WeightFormat = Literal["f32", "bf16", "int8", "int4"]
WEIGHT_FORMATS: tuple[WeightFormat, ...] = ("f32", "bf16", "int8", "int4")
CacheFormat = Literal["bf16", "u8"]
CACHE_FORMATS: tuple[CacheFormat, ...] = ("bf16", "u8")
Kind = Literal["int8", "int4"]  # of stored matrices

# Smaller groups than these were measured slower. 256 is a fifth quicker than 128, but only where all of a
# model's rows divide by it: the plugin's groups of inputs are the same for all matrices and should match.
GROUP, LARGE_GROUP = 128, 256
SMALLEST_GROUP = 16
# What -8 stands for, in shares of a group's largest value: below 1 that value is clipped, at 8/7 nothing is.
ENDS = (1.0, 0.9, 0.95, 1.05, 8 / 7)
# Values quantised at a time: what is in work stays in the processor's cache.
_BLOCK = 1 << 16


def check_format(weights: str) -> WeightFormat:
    """`weights` if it is a known format; AdotxError otherwise."""
    if weights not in WEIGHT_FORMATS:
        what, known = "unknown weight format {value!r}", ", ".join(WEIGHT_FORMATS)
        raise AdotxError("engine.weights", what, "weights", "use one of {known}", value=weights, known=known)
    return weights  # type: ignore[return-value]


def check_cache_format(kv_cache: str | None, weights: WeightFormat) -> CacheFormat | None:
    """`kv_cache` if it goes with `weights`; AdotxError otherwise."""
    if kv_cache is not None and kv_cache not in CACHE_FORMATS:
        what, known = "unknown cache format {value!r}", ", ".join(CACHE_FORMATS)
        raise AdotxError(
            "engine.kv_cache", what, "kv_cache", "use one of {known}", value=kv_cache, known=known
        )
    if kv_cache == "bf16" and weights == "f32":
        what = "f32 weights have a cache of f32 or u8"
        raise AdotxError("engine.kv_cache", what, "kv_cache", "leave kv_cache out")
    return kv_cache  # type: ignore[return-value]


@dataclass(frozen=True)
class Matrix:
    """A linear layer as it is stored.

    Attributes:
        name: its parts' common beginning and, joined by +, what differs; see `stored_name`.
        parts: the checkpoint's tensors that it is made of, rows end to end.
        heights: rows of each part.
        columns: inputs.
        kind: "int8" or "int4".
        group: columns that share a scale; for int8 all of them.
    """

    name: str
    parts: tuple[str, ...]
    heights: tuple[int, ...]
    columns: int
    kind: Kind
    group: int

    @property
    def rows(self) -> int:
        """Outputs."""
        return sum(self.heights)

    @property
    def shapes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Shapes of the stored integers (int4: bytes of two) and of the scales."""
        width = self.columns // 2 if self.kind == "int4" else self.columns
        return (self.rows, width), (self.rows, self.columns // self.group)

    @property
    def dtypes(self) -> tuple[np.dtype, np.dtype]:
        """dtypes of the stored integers and of the scales."""
        if self.kind == "int4":
            return np.dtype(np.uint8), np.dtype(np.float16)
        return np.dtype(np.int8), np.dtype(np.float32)

    def quantize(self, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Some rows, float32 [n, columns], as this matrix stores them: (integers, scales).

        Raises:
            AdotxError: a value is not a number, or infinite.
        """
        if not np.isfinite(weight.min()) or not np.isfinite(weight.max()):
            raise AdotxError(
                "weights.not_finite",
                "holds values that are not numbers",
                self.name,
                "download the weights again",
            )
        return quantize_groups(weight, self.group) if self.kind == "int4" else quantize_rows(weight)


def tensor_names(matrix: Matrix) -> tuple[str, str]:
    """Names of a stored matrix's integers and scales."""
    return f"{matrix.name}.weight", f"{matrix.name}.scale"


def stored_name(parts: Sequence[str]) -> str:
    """One name for tensors that are stored as one: a.q_proj.weight, a.k_proj.weight -> a.q_proj+k_proj."""
    modules = [part.removesuffix(".weight").rpartition(".") for part in parts]
    assert len({prefix for prefix, _, _ in modules}) == 1, f"{parts} do not belong together"
    prefix, dot, _ = modules[0]
    return prefix + dot + "+".join(last for _, _, last in modules)


def group_size(columns: int, most: int = GROUP) -> int | None:
    """Columns that share a scale in int4: the largest power of two that divides, to `most`; None below 16."""
    group = min(columns & -columns, most)
    return group if group >= SMALLEST_GROUP else None


def plan(config: ModelConfig, weights: Kind) -> list[Matrix]:
    """Every matrix of the model's graphs, in the order of their use.

    int4 holds for the decoder's layers; the output matrix, tower and projector stay at int8, and so does a
    matrix whose rows 16 does not divide. Groups are of 256 where that divides all rows of the layers, else of
    128 or the largest power of two that divides.
    """
    from adotx.checkpoint.names import expected_tensors, text_prefix

    shapes, prefix = expected_tensors(config), text_prefix(config)
    matrices: list[Matrix] = []
    text = config.text
    inputs = (text.hidden_size, text.num_attention_heads * text.head_dim, text.intermediate_size)
    most = GROUP if any(columns % LARGE_GROUP for columns in inputs) else LARGE_GROUP

    def add(kind: Kind, module: str, *names: str) -> None:
        parts = tuple(f"{module}{name}.weight" for name in names)
        heights, columns = tuple(shapes[part][0] for part in parts), prod(shapes[parts[0]][1:])
        group = group_size(columns, most) if kind == "int4" else None
        stored: Kind = "int4" if group else "int8"
        matrices.append(Matrix(stored_name(parts), parts, heights, columns, stored, group or columns))

    for index in range(text.num_hidden_layers):
        layer = f"{prefix}model.layers.{index}."
        add(weights, f"{layer}self_attn.", "q_proj", "k_proj", "v_proj")
        add(weights, f"{layer}self_attn.", "o_proj")
        add(weights, f"{layer}mlp.", "gate_proj", "up_proj")
        add(weights, f"{layer}mlp.", "down_proj")
    add("int8", prefix, "model.embed_tokens" if text.tie_word_embeddings else "lm_head")
    if config.vision and config.projector:
        for index in range(config.vision.num_hidden_layers):
            layer = f"vision_tower.vision_model.encoder.layers.{index}."
            add("int8", f"{layer}self_attn.", "q_proj", "k_proj", "v_proj")
            add("int8", f"{layer}self_attn.", "out_proj")
            add("int8", f"{layer}mlp.", "fc1")
            add("int8", f"{layer}mlp.", "fc2")
        add("int8", "multi_modal_projector.mlp.mlp.", "0")
        add("int8", "multi_modal_projector.mlp.mlp.", "2")
    return matrices


def quantize_rows(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8, one scale a row.

    Args:
        weight: float32 [out, in], finite.

    Returns:
        q int8 [out, in] in -127..127 and scale float32 [out, 1]; |q * scale - weight| <= scale / 2.
    """
    scale = np.maximum(np.abs(weight).max(axis=1, keepdims=True), np.finfo(np.float32).tiny) / np.float32(127)
    return np.rint(weight / scale).astype(np.int8), scale.astype(np.float32)


def dequantize_rows(q: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """What `quantize_rows` stands for, float32 [out, in]."""
    return q.astype(np.float32) * scale


def quantize_groups(weight: np.ndarray, group: int) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int4, one scale for each `group` neighbours of a row.

    The value of largest magnitude lies near -8, the end that reaches further, so scales may be negative. Of
    several scales each group takes the one with the least sum of |error|**3: squares were measured worse on
    nano's logits, because they clip large weights for the sake of many small ones.

    Args:
        weight: float32 [out, in], finite; `group` divides in and is even.

    Returns:
        (uint8 [out, in / 2], float16 [out, in / group]): pairs as `pack` lays them, and scales. A group's sum
        of |error|**3 is at most group * (max / 8)**3, that of the first scale tried.
    """
    rows, columns = weight.shape
    assert columns % group == 0 and group % 2 == 0, (columns, group)
    packed = np.empty((rows, columns // 2), np.uint8)
    scales = np.empty((rows, columns // group), np.float16)
    step = max(_BLOCK // columns, 1)
    for start in range(0, rows, step):
        block = weight[start : start + step].reshape(-1, group)
        q, scale = _quantize_block(block)
        packed[start : start + step] = pack(q).reshape(-1, columns // 2)
        scales[start : start + step] = scale.reshape(-1, columns // group)
    return packed, scales


def _quantize_block(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32 [n, group] -> (int8 [n, group], float16 [n])."""
    high, low = block.max(axis=1), block.min(axis=1)
    end = np.where(high > -low, high, low) / np.float32(-8)
    # A scale that float16 can not hold is held within it; no trained weight comes near.
    largest = np.float32(np.finfo(np.float16).max)
    q, error, square = (np.empty_like(block) for _ in range(3))
    best_q = np.zeros(block.shape, np.int8)
    best_scale = np.zeros(len(block), np.float16)
    best_loss = np.full(len(block), np.inf, np.float32)
    for share in ENDS:
        scale = np.clip(end * np.float32(share), -largest, largest).astype(np.float16)
        wide = scale.astype(np.float32)[:, None]
        inverse = np.divide(1, wide, out=np.zeros_like(wide), where=wide != 0)
        np.multiply(block, inverse, out=q)
        np.rint(q, out=q)
        np.clip(q, -8, 7, out=q)
        np.multiply(q, wide, out=error)
        np.subtract(error, block, out=error)
        np.abs(error, out=error)
        np.multiply(error, error, out=square)
        loss = np.einsum("ij,ij->i", square, error)
        better = loss < best_loss
        best_q[better] = q[better]
        best_scale[better], best_loss[better] = scale[better], loss[better]
    return best_q, best_scale


def dequantize_groups(packed: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """What `quantize_groups` stands for, float32 [out, in]."""
    rows, groups = scale.shape
    q = unpack(packed).reshape(rows, groups, -1)
    return (q * scale.astype(np.float32)[:, :, None]).reshape(rows, -1)


def pack(q: np.ndarray) -> np.ndarray:
    """Integers -8..7, int8 [..., n], n even -> uint8 [..., n / 2]; the first of a pair in the low half."""
    bits = q.view(np.uint8) & 15
    return bits[..., 0::2] | (bits[..., 1::2] << 4)


def unpack(packed: np.ndarray) -> np.ndarray:
    """The reverse of `pack`: uint8 [..., n] -> int8 [..., 2 n]."""
    pairs = np.stack([packed & 15, packed >> 4], -1).reshape(*packed.shape[:-1], -1).astype(np.int8)
    return (pairs ^ 8) - np.int8(8)
