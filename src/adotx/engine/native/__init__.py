"""Native CPU kernels as OpenVINO operations: linear layers in int8 and int4, and paged attention.

In: quantised matrices and graph values. Out: graph nodes. Knows no model and no weight files.
They take x86 processors with VNNI (AVX-512, or AVX-VNNI in 256 bits) to the speed of their memory. The
library beside this file is compiled when the package is installed (`hatch_build.py`); where that was not
possible, or the processor is another, graphs are made of OpenVINO's own operations: the same answers but for
rounding, more slowly. `ADOTX_KERNELS` in the environment picks one of the instruction sets that a processor
has, or "none".
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from adotx.engine.native.sources import LIBRARY, digest
from adotx.engine.runtime import core, openvino
from adotx.engine.weights.formats import Matrix

if TYPE_CHECKING:
    from adotx.checkpoint import TextConfig

# As in kernels.h.
BLOCK, STEP, LARGEST_HEAD = 32, 32, 256
# Inputs that meet int8 weights are quantised in groups of this size.
INPUT_GROUP = 128


@cache
def library() -> tuple[ctypes.CDLL | None, str]:
    """(the compiled library, "") or (None, why there is none); its kernels may be for other processors."""
    if not LIBRARY.exists():
        return None, "not built; install adotx where g++ is"
    core()  # OpenVINO's libraries, which ours needs, are loaded with it
    try:
        found = ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        return None, f"cannot be loaded: {error}"
    found.adotx_sources.restype = found.adotx_kernels.restype = ctypes.c_char_p
    if found.adotx_sources().decode() != digest():
        return None, "built from other sources; install adotx again"
    return found, ""


@cache
def _load() -> tuple[ctypes.CDLL | None, str]:
    """(the library, its instruction set) or (None, why there are no kernels)."""
    if os.environ.get("ADOTX_KERNELS") == "none":
        return None, "switched off by ADOTX_KERNELS"
    found, why = library()
    if found is None:
        return None, why
    name = found.adotx_kernels()
    if not name:
        return None, "this processor has no VNNI, or not the instruction set that ADOTX_KERNELS names"
    core().add_extension(str(LIBRARY))
    pointer, size = ctypes.c_void_p, ctypes.c_int64
    found.adotx_layer.argtypes = [
        ctypes.c_int, ctypes.c_int, ctypes.c_float, size, size, size, pointer, pointer, pointer, pointer
    ]  # fmt: skip
    found.adotx_layer.restype = pointer
    found.adotx_layer_free.argtypes = found.adotx_cache_free.argtypes = [pointer]
    number = ctypes.c_int
    found.adotx_cache.argtypes = [number, number, number, size, size, pointer, pointer]
    found.adotx_cache.restype = pointer
    found.adotx_cache_reserve.argtypes = [pointer, size]
    found.adotx_cache_attend.argtypes = [pointer, size, pointer, pointer]
    found.adotx_cache_copy.argtypes = [pointer, size, size]
    found.adotx_cache_step.argtypes = [pointer, size, pointer, pointer, pointer, pointer]
    return found, name.decode()


def kernels() -> str | None:
    """The instruction set in use, such as "avx512_bf16"; None: no kernels here."""
    library, name = _load()
    return name if library else None


def why_not() -> str | None:
    """Why there are no kernels here; None: there are."""
    library, why = _load()
    return None if library else why


def takes(config: TextConfig) -> bool:
    """Whether the kernels are here and take the sizes of this decoder."""
    columns = (config.hidden_size, config.num_attention_heads * config.head_dim, config.intermediate_size)
    fits = not any(n % STEP for n in (*columns, config.head_dim)) and config.head_dim <= LARGEST_HEAD
    return fits and kernels() is not None


@cache
def _nodes() -> Any:
    from openvino.utils.node_factory import NodeFactory

    factory = NodeFactory("opset15")
    factory.add_extension(str(LIBRARY))
    return factory


def _create(kind: str, inputs: Sequence[Any], attributes: dict[str, Any]) -> Any:
    outputs = [x if isinstance(x, openvino().Output) else x.output(0) for x in inputs]
    return _nodes().create(kind, outputs, attributes)


class Linear:
    """A quantised linear layer in the kernels' layout; its memory is freed with this object.

    Args:
        matrix: what it is; `columns` (and int4 groups) multiples of STEP.
        q, scale: as `matrix` stores them.
        bias: float32 [rows].
        norm: weights [columns] and epsilon of the root-mean-square norm that inputs go through first.
        gated: inputs hold a and b end to end, and silu(a) * b meets the matrix.
    """

    def __init__(
        self,
        matrix: Matrix,
        q: np.ndarray,
        scale: np.ndarray,
        *,
        bias: np.ndarray | None = None,
        norm: tuple[np.ndarray, float] | None = None,
        gated: bool = False,
    ) -> None:
        library, why = _load()
        assert library is not None, why
        four = matrix.kind == "int4"
        group = matrix.group if four else INPUT_GROUP
        assert matrix.columns % STEP == 0 and group % STEP == 0
        weights, epsilon = norm or (None, 0.0)
        arrays = [q, scale, *(None if x is None else np.asarray(x, np.float32) for x in (bias, weights))]
        arrays = [None if x is None else np.ascontiguousarray(x) for x in arrays]
        shapes = (*matrix.shapes, (matrix.rows,), (matrix.columns,))
        assert all(x is None or x.shape == shape for x, shape in zip(arrays, shapes, strict=True))
        assert (q.dtype, scale.dtype) == matrix.dtypes
        self._free = library.adotx_layer_free
        self.address = library.adotx_layer(
            four, gated, epsilon, matrix.rows, matrix.columns, group,
            *(None if x is None else x.ctypes.data for x in arrays),
        )  # fmt: skip
        if not self.address:
            raise MemoryError(f"no memory for {matrix.name}")

    def __del__(self) -> None:
        if getattr(self, "address", None):
            self._free(self.address)

    def __call__(self, x: Any, residual: Any = None) -> Any:
        """float32 [..., rows], plus `residual` of the same shape; this object must outlive the graph."""
        inputs = [value for value in (x, residual) if value is not None]
        return _create("Linear", inputs, {"layer": self.address})


class Cache:
    """Keys and values of a decoder in bf16, in blocks of `BLOCK` positions; must outlive the graph.

    Args:
        config: heads and layers.
        cos, sin: float32 [positions, head_dim], the rotary embedding's angles.
    """

    def __init__(self, config: TextConfig, cos: np.ndarray, sin: np.ndarray) -> None:
        library, why = _load()
        assert library is not None, why
        self._library = library
        layers, heads, keys = (
            config.num_hidden_layers, config.num_attention_heads, config.num_key_value_heads
        )  # fmt: skip
        self._rows, self._widths = 0, ((heads + 2 * keys) * config.head_dim, heads * config.head_dim)
        self.block_bytes = layers * keys * config.head_dim * BLOCK * 2 * 2
        cos, sin = (np.ascontiguousarray(x, np.float32) for x in (cos, sin))
        assert cos.shape == sin.shape == (len(cos), config.head_dim)
        self._address = library.adotx_cache(
            heads, keys, config.head_dim, layers, len(cos), cos.ctypes.data, sin.ctypes.data
        )

    def __del__(self) -> None:
        if getattr(self, "_address", None):
            self._library.adotx_cache_free(self._address)

    def reserve(self, blocks: int) -> None:
        """Make room, which holds nothing yet; its memory is taken by the system as it is written."""
        if not self._library.adotx_cache_reserve(self._address, blocks):
            raise MemoryError(f"no memory for {blocks} blocks of {self.block_bytes} bytes")

    def copy(self, source: int, target: int) -> None:
        """Write a block's keys and values of all layers to another one."""
        self._library.adotx_cache_copy(self._address, source, target)

    def step(self, starts: np.ndarray, lengths: np.ndarray, blocks: np.ndarray, begins: np.ndarray) -> None:
        """Say whose the rows of the next step are.

        Args:
            starts: int32 [chunks], positions already there.
            lengths: int32 [chunks], rows, one position each.
            blocks: int32, all chunks' blocks, end to end.
            begins: int32 [chunks + 1], where each chunk's blocks begin in them.
        """
        pointers = []
        for array in (starts, lengths, blocks, begins):
            assert array.dtype == np.int32 and array.flags.c_contiguous
            pointers.append(array.ctypes.data)
        self._library.adotx_cache_step(self._address, len(starts), *pointers)
        self._rows = int(lengths.sum())

    def attend(self, layer: int, qkv: np.ndarray) -> np.ndarray:
        """Rotary embedding, cache writing and causal attention of one layer, outside of any graph.

        Args:
            layer: whose keys and values.
            qkv: float32 [rows of the step, (queries + 2 keys) * head_dim], end to end.

        Returns:
            float32 [rows, queries * head_dim].
        """
        qkv = np.ascontiguousarray(qkv, np.float32)
        assert qkv.shape == (self._rows, self._widths[0])
        out = np.empty((self._rows, self._widths[1]), np.float32)
        self._library.adotx_cache_attend(self._address, layer, qkv.ctypes.data, out.ctypes.data)
        return out

    def decoder(self, x: Any, layers: Sequence[Sequence[Linear]]) -> Any:
        """All layers of a decoder over this cache.

        Args:
            x: [rows of the step, hidden size].
            layers: of each query+key+value and gate+up, with the norms before them, after these output and
                down (gated); they must outlive the graph too.

        Returns:
            float32, of the same shape.
        """
        parts = [part.address for layer in layers for part in layer]
        return _create("Decoder", [x], {"cache": self._address, "parts": parts})
