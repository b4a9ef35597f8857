"""The embedding table: ids in, rows out. It is no part of the graph: only rows in use are read.

A small table is copied to memory of our own. A large one stays in its file and is read from there, not
mapped: where the file was cut, a mapping would end the process. Knows no graphs.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from adotx.engine.weights.sources import drop_pages
from adotx.engine.weights.watch import WeightFiles, changed

if TYPE_CHECKING:
    from adotx.checkpoint import TensorStore

# Tables up to this size are copied.
IN_MEMORY = 64 << 20


class Embeddings:
    """
    Args:
        store: the checkpoint's tensors.
        name: of the table [vocabulary, hidden].
        files: where the store's files are held open.

    Attributes:
        in_memory: whether nothing is read from the file any more.
    """

    def __init__(self, store: TensorStore, name: str, files: WeightFiles) -> None:
        table = store.raw(name)
        self._dtype, self._shape = table.dtype, table.shape
        self._path, self._start = store.place(name)
        self._files = files
        self.in_memory = table.nbytes <= IN_MEMORY or not hasattr(os, "preadv")
        self._table = np.array(table) if self.in_memory else None
        if self.in_memory:
            drop_pages(table)

    def rows(self, ids: np.ndarray) -> np.ndarray:
        """Ids int64 [N] -> float32 [N, hidden].

        Raises:
            AdotxError: ``weights.changed``.
        """
        if self._table is not None:
            return self._table[ids].astype(np.float32)
        rows = np.empty((len(ids), self._shape[1]), self._dtype)
        data, width = rows.view(np.uint8).reshape(-1).data, rows.strides[0]
        handle = self._files.handle(self._path)
        for number, token in enumerate(ids.tolist()):
            part = data[number * width : (number + 1) * width]
            if os.preadv(handle, [part], self._start + token * width) != width:
                raise changed(self._path)
        return rows.astype(np.float32)
