"""Mapped files that may be cut while they are read: an error afterwards, not a signal that ends the process.

In: arrays that lie in mapped files. Out: an error where something of them was missing when it was read. Needs
the compiled library, on any processor; where there is none (no Linux on x86-64, not compiled) nothing is
guarded: a file that is cut between two steps is an error all the same (`adotx.engine.weights.watch`), one
that is cut in the middle of a step ends the process. Knows no tensors.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np

from adotx.engine.native import library
from adotx.engine.weights.sources import mapped_file
from adotx.engine.weights.watch import changed


class MappingGuard:
    """Guards mappings for as long as it lives; it keeps them open."""

    def __init__(self) -> None:
        self._library = _prepared()
        self._guarded: dict[int, tuple[Path, np.ndarray]] = {}

    def add(self, path: Path, array: np.ndarray) -> None:
        """Guard the whole mapping that an array lies in; nothing where it lies in memory."""
        base = mapped_file(array)
        if self._library is None or base is None:
            return
        whole = np.frombuffer(base, np.uint8)
        number = self._library.adotx_guard(whole.ctypes.data, whole.nbytes)
        if number >= 0:
            self._guarded[number] = (path, whole)

    def check(self) -> None:
        """
        Raises:
            AdotxError: ``weights.changed``: what was computed since it was opened may be wrong.
        """
        for number, (path, _) in self._guarded.items():
            if self._library is not None and self._library.adotx_guard_hit(number):
                raise changed(path)

    def __del__(self) -> None:
        for number in getattr(self, "_guarded", {}):
            if self._library is not None:
                self._library.adotx_guard_free(number)


def _prepared() -> ctypes.CDLL | None:
    found, _ = library()
    if found is not None:
        found.adotx_guard.argtypes = [ctypes.c_size_t, ctypes.c_int64]
        found.adotx_guard_hit.argtypes = found.adotx_guard_free.argtypes = [ctypes.c_int]
        found.adotx_guard_free.restype = None
    return found
