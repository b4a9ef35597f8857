"""Where tensors and quantised matrices come from: the contracts, and matrices in memory or in mapped files.

In: a checkpoint's tensors or a conversion's. Out: arrays. Knows no graphs and no conversions.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from adotx.engine.weights.formats import Matrix, stored_name, tensor_names

if TYPE_CHECKING:
    from adotx.checkpoint import TensorStore


class TensorSource(Protocol):
    """What the engine needs of `adotx.checkpoint.TensorStore`."""

    def array(self, name: str) -> np.ndarray:
        """As float32."""
        ...

    def raw(self, name: str) -> np.ndarray:
        """As it is stored, memory-mapped."""
        ...


class MatrixSource(Protocol):
    """Quantised matrices, by the checkpoint's tensors that each is made of.

    Attributes:
        files: mapped ones that the matrices lie in.
    """

    files: list[Path]

    def matrix(self, parts: Sequence[str]) -> tuple[Matrix, np.ndarray, np.ndarray]:
        """(what it is, integers, scales); see `adotx.engine.weights.formats`."""
        ...


class MatricesInMemory:
    """Matrices quantised when a graph asks for them."""

    def __init__(self, matrices: Sequence[Matrix], source: TensorSource) -> None:
        self._matrices, self._source = {matrix.name: matrix for matrix in matrices}, source
        self.files: list[Path] = []

    def matrix(self, parts: Sequence[str]) -> tuple[Matrix, np.ndarray, np.ndarray]:
        matrix = self._matrices[stored_name(parts)]
        pieces = [matrix.quantize(self._source.array(part)) for part in matrix.parts]
        q, scale = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
        drop_pages(*map(self._source.raw, matrix.parts))  # they are read no more
        return matrix, q, scale


class MappedMatrices:
    """Matrices of a conversion, memory-mapped."""

    def __init__(self, matrices: Sequence[Matrix], store: TensorStore) -> None:
        self._matrices, self._store = {matrix.name: matrix for matrix in matrices}, store
        self.files = [store.path / file for file in store.files]

    def matrix(self, parts: Sequence[str]) -> tuple[Matrix, np.ndarray, np.ndarray]:
        matrix = self._matrices[stored_name(parts)]
        q, scale = (self._store.raw(name) for name in tensor_names(matrix))
        return matrix, q, scale


def mapped_file(array: np.ndarray) -> mmap.mmap | None:
    """The mapping that an array lies in; None: it lies in memory."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None


def drop_pages(*arrays: np.ndarray) -> None:
    """Let go of the pages of arrays that lie in mapped files; what is read again comes from the file."""
    for array in arrays:
        base = mapped_file(array)
        if base is not None and hasattr(mmap, "MADV_DONTNEED") and array.nbytes:
            start = array.ctypes.data - np.frombuffer(base, np.uint8).ctypes.data
            page = start // mmap.PAGESIZE * mmap.PAGESIZE
            base.madvise(mmap.MADV_DONTNEED, page, start + array.nbytes - page)
