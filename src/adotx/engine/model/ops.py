"""Graph pieces that decoder and vision tower share: inputs, norms, and linear layers in a weight format.

In: a tensor store and tensor names. Out: OpenVINO graph nodes. Knows no layer order and no checkpoint layout.
Every matrix goes through `Weights`, which also decides whether neighbours become one multiplication:
`linears` for OpenVINO's own operations, `fused` for our kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from adotx.engine import native
from adotx.engine.runtime import openvino
from adotx.engine.weights.formats import GROUP, WeightFormat
from adotx.engine.weights.sources import MatrixSource, TensorSource, drop_pages, mapped_file

if TYPE_CHECKING:
    import openvino as ov

Value = Any  # an OpenVINO node or one of its outputs


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


class Weights:
    """Constants of a graph, made from a checkpoint's tensors in one weight format.

    The graph shares memory with the arrays (memory-mapped ones are never copied) and points at our kernels'
    layers, so this object must live as long as the compiled model: OpenVINO does not hold on to them.

    Args:
        source: the checkpoint's tensors.
        weights: the format.
        matrices: where the quantised matrices are; for "int8" and "int4" only.
    """

    def __init__(
        self, source: TensorSource, weights: WeightFormat, matrices: MatrixSource | None = None
    ) -> None:
        assert (matrices is not None) == (weights in ("int8", "int4"))
        self.source, self.format, self._matrices = source, weights, matrices
        # The largest group of the int4 matrices met so far.
        self.group = GROUP
        self._alive: list[Any] = []

    @property
    def quantized(self) -> bool:
        """Whether matrices are stored as integers."""
        return self._matrices is not None

    @property
    def mapped(self) -> bool:
        """Whether a graph made so far may still read from mapped files."""
        return any(isinstance(x, np.ndarray) and mapped_file(x) is not None for x in self._alive)

    def fused(
        self,
        names: Sequence[str],
        *,
        bias: bool = False,
        norm: tuple[str, float] | None = None,
        gated: bool = False,
    ) -> native.Linear:
        """Quantised linear layers of one input for our kernels, outputs end to end.

        Args:
            names: the layers' modules.
            bias: they have tensors `name`.bias.
            norm: module and epsilon of the root-mean-square norm before them.
            gated: see `native.Linear`.
        """
        assert self._matrices is not None
        matrix, q, scale = self._matrices.matrix([f"{name}.weight" for name in names])
        layer = native.Linear(
            matrix,
            q,
            scale,
            bias=self._biases(names) if bias else None,
            norm=norm and (self.source.array(f"{norm[0]}.weight"), norm[1]),
            gated=gated,
        )
        drop_pages(q, scale)  # the kernels have their own packed copy
        self._alive.append(layer)
        return layer

    def _biases(self, names: Sequence[str]) -> np.ndarray:
        return np.concatenate([self.source.array(f"{name}.bias") for name in names])

    def _share(self, array: np.ndarray, dtype: ov.Type | None = None, shape: Sequence[int] = ()) -> Any:
        ov = openvino()
        array = np.ascontiguousarray(array)
        self._alive.append(array)
        # With shape and type spelled out OpenVINO takes read-only memory too, such as a mapped file.
        tensor = ov.Tensor(array, ov.Shape(list(shape) or array.shape), dtype or ov.Type(array.dtype))
        return ov.op.Constant(tensor, shared_memory=True)

    def exact(self, name: str, shape: Sequence[int] | None = None) -> Any:
        """A float32 constant: norms, biases, convolutions, positions; small, so never left in a mapping."""
        array = np.array(self.source.array(name))
        return self._share(array if shape is None else array.reshape(shape))

    def _plain(self, name: str) -> Any:
        """A matrix [out, in] of the checkpoint as it is, memory-mapped where its file has the right dtype."""
        if self.format == "f32":
            return self._share(self.source.array(name))
        import ml_dtypes

        raw = self.source.raw(name).astype(ml_dtypes.bfloat16, copy=False)
        return opset().convert(self._share(raw.view(np.uint16), openvino().Type.bf16), openvino().Type.f32)

    def _quantized(self, parts: Sequence[str]) -> tuple[Any, tuple[int, ...]]:
        """(float32-valued node [out, in], rows of each part), in the pattern for which the plugin
        leaves the integers as they are."""
        assert self._matrices is not None
        ov, o = openvino(), opset()
        matrix, q, scale = self._matrices.matrix(parts)
        if matrix.kind == "int8":
            return o.multiply(o.convert(self._share(q), ov.Type.f32), self._share(scale)), matrix.heights
        self.group = max(self.group, matrix.group)
        groups = (matrix.rows, matrix.columns // matrix.group)
        values = o.convert(self._share(q, ov.Type.i4, (*groups, matrix.group)), ov.Type.f16)
        scaled = o.multiply(values, self._share(scale, ov.Type.f16, (*groups, 1)))
        whole = o.reshape(scaled, ints(matrix.rows, matrix.columns), False)
        return o.convert(whole, ov.Type.f32), matrix.heights

    def linears(self, x: Value, names: Sequence[str], *, bias: bool = False) -> list[Any]:
        """Linear layers of one input: x [..., in] -> [..., out] for each of `names`.

        Quantised ones are stored as one matrix and multiplied at once; the others stay as they lie in the
        checkpoint's files, for putting them together would copy them.
        """
        o = opset()
        if self._matrices is None:
            outputs = [o.matmul(x, self._plain(f"{name}.weight"), False, True) for name in names]
            if bias:
                outputs = [
                    o.add(y, self.exact(f"{name}.bias")) for y, name in zip(outputs, names, strict=True)
                ]
            return outputs
        weight, heights = self._quantized([f"{name}.weight" for name in names])
        y = o.matmul(x, weight, False, True)
        if bias:
            y = o.add(y, self._share(self._biases(names)))
        return [y] if len(names) == 1 else o.variadic_split(y, np.int64(-1), ints(*heights)).outputs()

    def linear(self, x: Value, name: str, *, bias: bool = False) -> Any:
        """x [..., in] -> [..., out] with tensors `name`.weight and, if asked, `name`.bias."""
        return self.linears(x, [name], bias=bias)[0]

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

    def drop_pages(self) -> None:
        """Let go of the mapped files' pages, of which the compiled model has its own packed copy by now."""
        drop_pages(*(x for x in self._alive if isinstance(x, np.ndarray)))
