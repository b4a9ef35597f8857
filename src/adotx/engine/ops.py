"""Graph pieces that decoder and vision tower share: inputs, norms, and linear layers in a weight format.

In: a tensor store and tensor names. Out: OpenVINO graph nodes. Knows no layer order and no checkpoint layout.
Every matrix goes through `Weights.linear`, so a new weight format is one more branch there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from adotx.engine.runtime import WeightFormat, openvino

if TYPE_CHECKING:
    import openvino as ov

Value = Any  # an OpenVINO node or one of its outputs


class TensorSource(Protocol):
    """What the engine needs of `adotx.checkpoint.TensorStore`."""

    def array(self, name: str) -> np.ndarray: ...

    def raw(self, name: str) -> np.ndarray: ...


def opset() -> Any:
    """The operation set all graphs are built from."""
    openvino()
    from openvino import opset15

    return opset15


def parameter(name: str, dtype: ov.Type, shape: Sequence[int]) -> Any:
    """A named graph input; -1 is a dimension known only at run time."""
    ov = openvino()
    node = opset().parameter(ov.PartialShape(list(shape)), dtype, name)
    node.output(0).get_tensor().set_names({name})
    return node


def ints(*values: int) -> Any:
    """An int64 vector constant."""
    return opset().constant(np.array(values, np.int64))


def quantize_rows(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 per output channel: weight [out, in] ~ q int8 [out, in] * scale float32 [out, 1]."""
    scale = np.maximum(np.abs(weight).max(axis=1, keepdims=True), np.finfo(np.float32).tiny) / np.float32(127)
    return np.rint(weight / scale).astype(np.int8), scale.astype(np.float32)


class Weights:
    """Constants of a graph, made from a checkpoint's tensors in one weight format.

    The graph shares memory with the arrays (memory-mapped ones are never copied), so this object must live as
    long as the compiled model: OpenVINO does not hold on to them.
    """

    def __init__(self, source: TensorSource, weights: WeightFormat) -> None:
        self.source, self.format = source, weights
        self._alive: list[np.ndarray] = []

    def _share(self, array: np.ndarray, dtype: ov.Type | None = None) -> Any:
        ov = openvino()
        array = np.ascontiguousarray(array)
        self._alive.append(array)
        # With shape and type spelled out OpenVINO takes read-only memory too, such as a mapped file.
        tensor = ov.Tensor(array, ov.Shape(array.shape), dtype or ov.Type(array.dtype))
        return ov.op.Constant(tensor, shared_memory=True)

    def exact(self, name: str, shape: Sequence[int] | None = None) -> Any:
        """A float32 constant: norms, biases, convolutions, positions."""
        array = self.source.array(name)
        return self._share(array if shape is None else array.reshape(shape))

    def matrix(self, name: str) -> Any:
        """A linear layer's weight [out, in] as a float32-valued node in this object's format."""
        ov, o = openvino(), opset()
        if self.format == "f32":
            return self._share(self.source.array(name))
        if self.format == "bf16":
            import ml_dtypes

            raw = self.source.raw(name).astype(ml_dtypes.bfloat16, copy=False)
            return o.convert(self._share(raw.view(np.uint16), ov.Type.bf16), ov.Type.f32)
        # The plugin recognises convert -> multiply -> matmul and keeps the matrix in 8 bits.
        q, scale = quantize_rows(self.source.array(name))
        return o.multiply(o.convert(self._share(q), ov.Type.f32), self._share(scale))

    def linear(self, x: Value, name: str, *, bias: bool = False) -> Any:
        """x [..., in] -> [..., out] with tensors `name`.weight and, if asked, `name`.bias."""
        o = opset()
        y = o.matmul(x, self.matrix(f"{name}.weight"), False, True)
        return o.add(y, self.exact(f"{name}.bias")) if bias else y

    def rms_norm(self, x: Value, name: str, eps: float) -> Any:
        """Root-mean-square norm over the last axis (Qwen2RMSNorm)."""
        o = opset()
        mean = o.reduce_mean(o.power(x, np.float32(2)), ints(-1), True)
        scaled = o.multiply(x, o.divide(np.float32(1), o.sqrt(o.add(mean, np.float32(eps)))))
        return o.multiply(scaled, self.exact(f"{name}.weight"))

    def layer_norm(self, x: Value, name: str, eps: float) -> Any:
        """Layer norm over the last axis."""
        o = opset()
        normal = o.mvn(x, ints(-1), True, eps, "INSIDE_SQRT")
        return o.add(o.multiply(normal, self.exact(f"{name}.weight")), self.exact(f"{name}.bias"))
