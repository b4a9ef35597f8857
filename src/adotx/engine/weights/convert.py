"""A checkpoint's matrices in one format: quantised once, stored on disk, memory-mapped ever after.

In: an open checkpoint and a weight format. Out: a `MatrixSource`. Knows no graphs and no OpenVINO.

A conversion is a folder `int4-FINGERPRINT` with `model.safetensors` (integers and scales, matrices of one
input already put together) and `manifest.json`. It appears whole or not at all: it is written under a
temporary name beside its place, synced, then renamed. Small checkpoints are quantised in memory and leave no
folder.

Names, sizes and times of the weights files tell whether it is of this checkpoint. Where these agree but a
file was touched since (copied, or written with its time set back), checksums of what was converted decide,
once; the manifest then remembers the files as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from adotx.engine.weights.folders import default_folders, locked, sweep, sync, temporary_path, writable
from adotx.engine.weights.formats import Kind, Matrix, WeightFormat, plan, tensor_names
from adotx.engine.weights.sources import MappedMatrices, MatricesInMemory, MatrixSource, drop_pages
from adotx.engine.weights.watch import changed
from adotx.errors import AdotxError, Sentence
from adotx.machine import cpus, expanded

if TYPE_CHECKING:
    from adotx.checkpoint import Checkpoint, TensorStore

# Raised whenever the same checkpoint would be stored as other bytes.
VERSION = 1
# Weights files smaller than this together are quantised in memory: it takes less than a second.
IN_MEMORY = 256 << 20
# Elements quantised at a time by each thread; in float32 with what is in work about 40 MB.
SLAB = 1 << 21
MANIFEST = "manifest.json"

Progress = Callable[[int, int], None]  # bytes of the checkpoint's matrices done, and all of them


def open_matrices(
    checkpoint: Checkpoint,
    weights: WeightFormat,
    folder: str | Path | None = None,
    progress: Progress | None = None,
) -> MatrixSource | None:
    """The checkpoint's matrices in a format, converted first where that has not been done yet.

    Args:
        checkpoint: the model; its tensors must be whole (`Checkpoint.require_tensors`).
        weights: "int8" or "int4"; "f32" and "bf16" need no conversion.
        folder: where conversions are stored; None: `adotx` in the checkpoint's directory, or, where nothing
            can be written there, a cache folder ($ADOTX_CACHE, else `adotx` in $XDG_CACHE_HOME or ~/.cache).
        progress: called while converting, from several threads but one at a time.

    Returns:
        None for "f32" and "bf16", which are taken from the checkpoint's files as they are.

    Raises:
        AdotxError: values that are not numbers, integer tensors, no room, no folder that can be written.
    """
    if weights == "f32" or weights == "bf16":
        return None
    matrices, store = plan(checkpoint.config, weights), checkpoint.tensors
    if sum((store.path / file).stat().st_size for file in store.files) < IN_MEMORY:
        return MatricesInMemory(matrices, store)
    converted = _Conversion(checkpoint, weights, matrices).open(folder, progress)
    return MappedMatrices(matrices, converted)


def convert(
    checkpoint: Checkpoint, weights: Kind, folder: str | Path | None = None, progress: Progress | None = None
) -> Path:
    """Convert a checkpoint of any size, unless that has been done; one that is found is checked whole.

    Args:
        checkpoint, weights, folder, progress: as for `open_matrices`.

    Returns:
        The conversion's folder.

    Raises:
        AdotxError: as `open_matrices`, and where the checkpoint's tensors are not whole.
    """
    checkpoint.require_tensors()
    conversion = _Conversion(checkpoint, weights, plan(checkpoint.config, weights))
    return conversion.open(folder, progress, thorough=True).path


@cache
def _spelled() -> dict[np.dtype, str]:
    names = {"int8": "I8", "uint8": "U8", "float16": "F16", "float32": "F32"}
    return {np.dtype(numpy): safetensors for numpy, safetensors in names.items()}


@dataclass(frozen=True)
class _Place:
    """Where a tensor lies in the file's data."""

    dtype: np.dtype
    shape: tuple[int, int]
    start: int

    @property
    def row_bytes(self) -> int:
        return self.shape[1] * self.dtype.itemsize

    @property
    def end(self) -> int:
        return self.start + self.shape[0] * self.row_bytes


@dataclass(frozen=True)
class _Slab:
    """Rows of a matrix that are quantised at a time; all of one part."""

    matrix: Matrix
    index: int
    part: str
    first: int  # row of the part
    begin: int  # and rows of the matrix
    end: int


def _slabs(matrix: Matrix) -> Iterator[_Slab]:
    height, begin, index = max(SLAB // matrix.columns, 1), 0, 0
    for part, rows in zip(matrix.parts, matrix.heights, strict=True):
        for first in range(0, rows, height):
            end = begin + min(height, rows - first)
            yield _Slab(matrix, index, part, first, begin, end)
            begin, index = end, index + 1


def _float32(raw: np.ndarray) -> np.ndarray:
    """Rows of the checkpoint, bf16, f16 or f32, as float32."""
    if raw.dtype.itemsize == 2 and raw.dtype.name == "bfloat16":
        wide = raw.view(np.uint16).astype(np.uint32)
        wide <<= 16  # a bf16 is the upper half of a float32
        return wide.view(np.float32)
    return raw.astype(np.float32)


def _checksum(raw: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(raw).view(np.uint8).data.cast("B"))


@dataclass(frozen=True)
class _Conversion:
    """One checkpoint in one quantised format."""

    checkpoint: Checkpoint
    weights: Kind
    matrices: list[Matrix]

    def fingerprint(self) -> str:
        """Changes with the configuration, and with name, size or time of a weights file."""
        store = self.checkpoint.tensors
        told: list[Any] = [VERSION, self.weights, self.checkpoint.config.raw]
        for file in store.files:
            status = (store.path / file).stat()
            told.append([file, status.st_size, status.st_mtime_ns])
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def _touched(self) -> dict[str, list[int]]:
        """Of each weights file what no program can set back."""
        store = self.checkpoint.tensors
        statuses = {file: (store.path / file).stat() for file in store.files}
        return {file: [status.st_ino, status.st_ctime_ns] for file, status in statuses.items()}

    def _rows(self, slab: _Slab) -> np.ndarray:
        """The checkpoint's rows of a slab, as they are stored."""
        return self.checkpoint.tensors.raw(slab.part)[slab.first : slab.first + slab.end - slab.begin]

    def _is_of_this_source(self, sums: dict[str, list[int]]) -> bool:
        """Whether the checkpoint's matrices have these checksums."""

        def agrees(slab: _Slab, told: int) -> bool:
            raw = self._rows(slab)
            same = _checksum(raw) == told
            drop_pages(raw)
            return same

        with ThreadPoolExecutor(min(cpus(), 8)) as pool:
            slabs = [slab for matrix in self.matrices for slab in _slabs(matrix)]
            told = [sum_ for matrix in self.matrices for sum_ in sums[matrix.name]]
            return len(slabs) == len(told) and all(pool.map(agrees, slabs, told))

    def open(
        self, folder: str | Path | None, progress: Progress | None, thorough: bool = False
    ) -> TensorStore:
        """The conversion's tensors: found, or made now."""
        name = f"{self.weights}-{self.fingerprint()}"
        place = self.checkpoint.path.resolve()
        parents = default_folders(place) if folder is None else [expanded(folder)]
        for parent in parents:
            if (store := self._found(parent / name, thorough)) is not None:
                return store
        parent = writable(parents)
        with locked(parent) as alone:
            sweep(parent, alone)
            # Another process may have been at it while this one waited.
            if (store := self._found(parent / name, thorough)) is None:
                self._make(parent / name, progress, thorough)
                store = self._found(parent / name)
                assert store is not None, "a conversion just made does not open"
                self._forget_old(parent, name)
        return store

    def _found(self, path: Path, thorough: bool = False) -> TensorStore | None:
        """The conversion at `path`; None where there is none or one that is damaged, foreign or stale."""
        from adotx.checkpoint import TensorStore

        try:
            manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
            store = TensorStore(path)
            expected = {n: (_spelled()[place.dtype], place.shape) for n, place in self._layout().items()}
            if manifest["fingerprint"] != path.name.partition("-")[2] or set(expected) != set(store.names()):
                return None
            if any(store.spec(name) != spec for name, spec in expected.items()):
                return None
            touched = self._touched()
            if manifest["touched"] != touched or thorough:
                if not self._is_of_this_source(manifest["source_sums"]):
                    return None
                if manifest["touched"] != touched:
                    _write_manifest(path, {**manifest, "touched": touched})
            for matrix in self.matrices:
                names = tensor_names(matrix)
                # Scales always: they are few, and a broken one breaks a whole group of weights.
                for kind in (0, 1) if thorough else (1,):
                    array, sums = store.raw(names[kind]), manifest["sums"][names[kind]]
                    for slab, told in zip(_slabs(matrix), sums, strict=True):
                        rows = array[slab.begin : slab.end]
                        if zlib.crc32(rows.data.cast("B")) != told:
                            return None
                        drop_pages(rows)
        except (OSError, AdotxError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return store

    def _layout(self) -> dict[str, _Place]:
        """Every tensor's place; those with wider elements first, so that all are aligned."""
        wanted = {
            name: (dtype, shape)
            for matrix in self.matrices
            for name, dtype, shape in zip(tensor_names(matrix), matrix.dtypes, matrix.shapes, strict=True)
        }
        layout, start = {}, 0
        for name, (dtype, shape) in sorted(wanted.items(), key=lambda item: -item[1][0].itemsize):
            layout[name] = _Place(dtype, shape, start)
            start = layout[name].end
        return layout

    def _make(self, path: Path, progress: Progress | None, thorough: bool) -> None:
        """Write the conversion under a temporary name, then give it its own."""
        layout, store, touched = self._layout(), self.checkpoint.tensors, self._touched()
        for part in (part for matrix in self.matrices for part in matrix.parts):
            if not (dtype := store.spec(part)[0]).startswith(("F", "BF")):
                what, remedy = (
                    "{tensor} is {dtype}, expected floating point",
                    "convert the bf16 checkpoint instead",
                )
                raise AdotxError("tensor.dtype", what, str(store.path), remedy, tensor=part, dtype=dtype)
        size = max(place.end for place in layout.values())
        free = shutil.disk_usage(path.parent).free
        if free < size:
            short = Sentence("{needed:.1f} GB needed, {free:.1f} GB free", needed=size / 1e9, free=free / 1e9)
            raise _no_room(path.parent, short)
        temporary = temporary_path(path)
        try:
            temporary.mkdir()
            with (temporary / "model.safetensors").open("wb") as file:
                sums, source_sums = self._write(file, layout, progress)
                file.flush()
                os.fsync(file.fileno())
            source = str(self.checkpoint.path.resolve())
            manifest = {
                "version": VERSION, "weights": self.weights, "fingerprint": path.name.partition("-")[2],
                "source": source, "sums": sums, "source_sums": source_sums, "touched": touched,
            }  # fmt: skip
            with (temporary / MANIFEST).open("w", encoding="utf-8") as text:
                json.dump(manifest, text)
                text.flush()
                os.fsync(text.fileno())
            if self._touched() != touched:
                raise changed(store.path)
            if self._found(path, thorough) is not None:
                return  # where folders cannot be locked, another process may have been quicker
            if path.exists():  # damaged
                shutil.rmtree(path)
            temporary.rename(path)
            sync(path.parent)
        except OSError as error:
            if self._found(path) is not None:
                return
            raise _no_room(path.parent, error.strerror or str(error)) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _write(
        self, file: BinaryIO, layout: dict[str, _Place], progress: Progress | None
    ) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """Header and data; returns checksums of slabs of rows: of every tensor's, and of what each matrix was
        made from."""
        header: dict[str, Any] = {
            name: {
                "dtype": _spelled()[place.dtype],
                "shape": place.shape,
                "data_offsets": [place.start, place.end],
            }
            for name, place in layout.items()
        }
        encoded = json.dumps(header).encode()
        # The data begins on a page of its own; safetensors allows blanks after the header.
        encoded += b" " * (-(8 + len(encoded)) % 4096)
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        base, lock = file.tell(), threading.Lock()
        file.truncate(base + max(place.end for place in layout.values()))
        store, done = self.checkpoint.tensors, 0
        total = sum(store.raw(part).nbytes for matrix in self.matrices for part in matrix.parts)
        sums: dict[str, list[int]] = {
            name: [0] * sum(1 for _ in _slabs(matrix))
            for matrix in self.matrices
            for name in tensor_names(matrix)
        }
        source_sums = {matrix.name: [0] * sum(1 for _ in _slabs(matrix)) for matrix in self.matrices}

        def work(slab: _Slab) -> None:
            nonlocal done
            raw = self._rows(slab)
            arrays = slab.matrix.quantize(_float32(raw))
            source_sums[slab.matrix.name][slab.index] = _checksum(raw)
            drop_pages(raw)
            for name, array in zip(tensor_names(slab.matrix), arrays, strict=True):
                place, data = layout[name], array.data.cast("B")
                assert array.dtype == place.dtype and array.shape == (len(raw), place.shape[1])
                sums[name][slab.index] = zlib.crc32(data)
                with lock:
                    file.seek(base + place.start + slab.begin * place.row_bytes)
                    file.write(data)
            with lock:
                done += raw.nbytes
                if progress is not None:
                    progress(done, total)

        with ThreadPoolExecutor(min(cpus(), 8)) as pool:
            futures = [pool.submit(work, slab) for matrix in self.matrices for slab in _slabs(matrix)]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return sums, source_sums

    def _forget_old(self, parent: Path, name: str) -> None:
        """Remove conversions of this checkpoint to this format that no state of its files fits any more."""
        for path in parent.glob(f"{self.weights}-*"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
                ours = manifest["source"] == str(self.checkpoint.path.resolve())
                if ours and manifest["version"] == VERSION and path.name != name:
                    shutil.rmtree(path)


def _write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """In the place of the old one, where the folder can be written; else it is as good as it was."""
    temporary = temporary_path(path / MANIFEST)
    with suppress(OSError):
        temporary.write_text(json.dumps(manifest), encoding="utf-8")
        temporary.replace(path / MANIFEST)


def _no_room(folder: Path, reason: str) -> AdotxError:
    return AdotxError(
        "weights.write", "the conversion could not be written: {reason}", str(folder),
        "make room, or name another folder", reason=reason,
    )  # fmt: skip
