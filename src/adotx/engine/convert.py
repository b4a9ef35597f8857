"""A checkpoint's weights in one format, ready for the graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from adotx.engine.formats import Matrix, plan, stored_name
from adotx.engine.ops import TensorSource, Weights
from adotx.engine.runtime import WeightFormat

if TYPE_CHECKING:
    from adotx.checkpoint import Checkpoint


class _InMemory:
    """Matrices quantised when the graph asks for them; for models so small that no file pays."""

    def __init__(self, matrices: Sequence[Matrix], source: TensorSource) -> None:
        self._matrices = {matrix.name: matrix for matrix in matrices}
        self._source = source

    def matrix(self, parts: Sequence[str]) -> tuple[Matrix, np.ndarray, np.ndarray]:
        matrix = self._matrices[stored_name(parts)]
        pieces = [matrix.quantize(self._source.array(part)) for part in matrix.parts]
        q, scale = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
        return matrix, q, scale


def open_weights(
    checkpoint: Checkpoint,
    weights: WeightFormat,
    folder: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Weights:
    """TODO."""
    if weights in ("f32", "bf16"):
        return Weights(checkpoint.tensors, weights)
    matrices = plan(checkpoint.config, weights)
    return Weights(checkpoint.tensors, weights, _InMemory(matrices, checkpoint.tensors))
