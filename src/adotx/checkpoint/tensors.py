"""The weights of a checkpoint directory: safetensors files in, memory-mapped numpy arrays out.

Opening reads headers only (of each shard when it is first needed). Knows no model: names and shapes are
what the files say. dtypes are spelled as in safetensors ("BF16", "F16", "F32", ...).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from adotx.checkpoint.files import read_json
from adotx.errors import AdotxError, Sentence

SINGLE = "model.safetensors"
INDEX = "model.safetensors.index.json"

# The limit of the safetensors library itself.
_MAX_HEADER = 100_000_000
_DOWNLOAD_AGAIN = "download the file again"


@cache
def _dtypes() -> dict[str, np.dtype]:
    import ml_dtypes

    return {
        "BF16": np.dtype(ml_dtypes.bfloat16),
        "F16": np.dtype("<f2"),
        "F32": np.dtype("<f4"),
        "F64": np.dtype("<f8"),
        "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
        "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
        "I8": np.dtype("i1"),
        "I16": np.dtype("<i2"),
        "I32": np.dtype("<i4"),
        "I64": np.dtype("<i8"),
        "U8": np.dtype("u1"),
        "U16": np.dtype("<u2"),
        "U32": np.dtype("<u4"),
        "U64": np.dtype("<u8"),
        "BOOL": np.dtype("?"),
    }


@dataclass(frozen=True)
class _Entry:
    dtype: str
    shape: tuple[int, ...]
    start: int  # bytes from the beginning of the file
    end: int


def _corrupt(path: Path, what: str, /, **values: Any) -> AdotxError:
    detail = Sentence(what, **values)
    return AdotxError("weights.corrupt", "{detail}", str(path), _DOWNLOAD_AGAIN, detail=detail)


def _entry(path: Path, name: str, value: Any, base: int) -> _Entry:
    try:
        dtype, shape = value["dtype"], tuple(value["shape"])
        begin, end = value["data_offsets"]
        valid = all(type(n) is int and n >= 0 for n in (*shape, begin, end))
    except (TypeError, KeyError, ValueError):
        valid = False
    if not valid:
        raise _corrupt(path, "the header's entry for {tensor} is broken", tensor=name)
    if dtype not in _dtypes():
        raise AdotxError(
            "weights.dtype",
            "{tensor} has the unknown dtype {dtype!r}",
            str(path),
            "convert it to BF16",
            tensor=name,
            dtype=str(dtype)[:40],
        )
    if end - begin != prod(shape) * _dtypes()[dtype].itemsize:
        what, shown = "{tensor}: {size} bytes do not hold {dtype} {shape}", list(shape)
        raise _corrupt(path, what, tensor=name, size=end - begin, dtype=dtype, shape=shown)
    return _Entry(dtype, shape, base + begin, base + end)


def read_header(path: Path) -> dict[str, _Entry]:
    """Name -> dtype, shape and byte range of every tensor in one safetensors file.

    Raises:
        AdotxError: ``weights.missing``, ``weights.unreadable``, ``weights.truncated``, ``weights.corrupt`` or
            ``weights.dtype``.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else -1
            if not 2 <= length <= _MAX_HEADER or (length > size - 8 and start[:1] == b"v"):
                # A clone without git-lfs has "version https://git-lfs..." in place of the weights.
                if start.startswith(b"version"):
                    what = "is a git-lfs pointer, not the weights"
                    raise AdotxError("weights.corrupt", what, str(path), "git lfs pull")
                raise _corrupt(path, "is not a safetensors file")
            if length > size - 8:
                raise AdotxError(
                    "weights.truncated",
                    "ends within its header ({size:,} bytes of {expected:,})",
                    str(path),
                    _DOWNLOAD_AGAIN,
                    size=size,
                    expected=length + 8,
                )
            text = file.read(length)
    except FileNotFoundError:
        raise AdotxError("weights.missing", "the weights file is missing", str(path), "download it") from None
    except OSError as error:
        what, remedy = "cannot be read: {reason}", "check the file and its permissions"
        raise AdotxError("weights.unreadable", what, str(path), remedy, reason=str(error)) from error
    try:
        header = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise _corrupt(path, "its header is not a JSON object")
    header.pop("__metadata__", None)
    base = 8 + length
    entries = {name: _entry(path, name, value, base) for name, value in header.items()}
    end = base
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].end)):
        if entry.start != end:
            raise _corrupt(path, "{tensor} does not begin where the tensor before it ends", tensor=name)
        end = entry.end
    if size < end:
        what = "{size:,} bytes of {expected:,} are there"
        raise AdotxError("weights.truncated", what, str(path), _DOWNLOAD_AGAIN, size=size, expected=end)
    if size > end:
        raise _corrupt(path, "{count:,} bytes too many at its end", count=size - end)
    return entries


class TensorStore:
    """Lazy, memory-mapped access to the weights of one directory: model.safetensors, else sharded files.

    An index without its shards still gives `names()`; reading a tensor then raises ``weights.missing``.

    Attributes:
        metadata: of the index; {} without one.
        sharded: whether there is an index.

    Raises:
        AdotxError: ``weights.missing`` without weights and index, ``weights.index``, and as `read_header`.
    """

    def __init__(self, path: str | Path, single: str = SINGLE) -> None:
        self.path = Path(path)
        self._headers: dict[str, dict[str, _Entry]] = {}
        self._maps: dict[str, np.memmap] = {}
        self.metadata: dict[str, Any] = {}
        self.sharded = False
        # transformers prefers the single file too.
        if (self.path / single).exists():
            self._files = dict.fromkeys(self._header(single), single)
        elif (self.path / INDEX).exists():
            self.sharded = True
            self._files = self._read_index()
        else:
            others = sorted(
                p.name for p in self.path.glob("*") if p.suffix in (".bin", ".pt", ".pth", ".gguf")
            )
            where = str(self.path)
            if others:
                what, remedy = "no safetensors weights, only {other}", "save the model as safetensors"
                raise AdotxError("weights.missing", what, where, remedy, other=others[0])
            what = "no model.safetensors and no model.safetensors.index.json"
            raise AdotxError("weights.missing", what, where, "download the weights")

    def _read_index(self) -> dict[str, str]:
        index = read_json(self.path / INDEX, "weights.index")
        where = str(self.path / INDEX)
        weight_map, metadata = index.get("weight_map"), index.get("metadata")
        if not isinstance(weight_map, dict) or not weight_map:
            raise AdotxError("weights.index", "has no weight_map", where, _DOWNLOAD_AGAIN)
        for file in set(map(str, weight_map.values())):
            # A shard is a file beside its index, never a path elsewhere.
            if Path(file).name != file or not file.endswith(".safetensors"):
                what = "names {file!r} as a shard"
                raise AdotxError("weights.index", what, where, "use the original index", file=file[:120])
        self.metadata = metadata if isinstance(metadata, dict) else {}
        return {name: str(file) for name, file in weight_map.items()}

    def _header(self, file: str) -> dict[str, _Entry]:
        if file not in self._headers:
            self._headers[file] = read_header(self.path / file)
        return self._headers[file]

    @property
    def files(self) -> list[str]:
        """The weights files that hold the tensors, sorted."""
        return sorted(set(self._files.values()))

    @property
    def missing_files(self) -> list[str]:
        """Those of `files` that are not on disk."""
        return [file for file in self.files if not (self.path / file).exists()]

    @property
    def absent(self) -> bool:
        """True where only the index is here and none of its shards."""
        return len(self.missing_files) == len(self.files)

    def names(self) -> list[str]:
        """Every tensor's name, sorted."""
        return sorted(self._files)

    def __contains__(self, name: object) -> bool:
        return name in self._files

    def __len__(self) -> int:
        return len(self._files)

    def _entry(self, name: str) -> tuple[str, _Entry]:
        file = self._files.get(name)
        if file is None:
            what, remedy = "has no tensor {tensor}", "run adotx validate on it"
            raise AdotxError("tensor.missing", what, str(self.path), remedy, tensor=name)
        entry = self._header(file).get(name)
        if entry is None:
            what = "the index says that {tensor} is here, the file does not have it"
            remedy = "download index and shards again"
            raise AdotxError("tensor.missing", what, str(self.path / file), remedy, tensor=name)
        return file, entry

    def spec(self, name: str) -> tuple[str, tuple[int, ...]]:
        """(dtype as spelled by safetensors, shape) of a tensor; reads the header of its file at most.

        Raises:
            AdotxError: ``tensor.missing``, and as `read_header`.
        """
        _, entry = self._entry(name)
        return entry.dtype, entry.shape

    def place(self, name: str) -> tuple[Path, int]:
        """(file, bytes before the tensor in it).

        Raises:
            AdotxError: as `spec`.
        """
        file, entry = self._entry(name)
        return self.path / file, entry.start

    def raw(self, name: str) -> np.ndarray:
        """The tensor in its stored dtype (bf16 as ml_dtypes.bfloat16), a read-only view of the file.

        Raises:
            AdotxError: ``weights.unreadable``, and as `spec`.
        """
        file, entry = self._entry(name)
        if file not in self._maps:
            try:
                self._maps[file] = np.memmap(self.path / file, dtype=np.uint8, mode="r")
            except (OSError, ValueError) as error:
                what, where = "cannot be mapped: {reason}", str(self.path / file)
                raise AdotxError(
                    "weights.unreadable", what, where, _DOWNLOAD_AGAIN, reason=str(error)
                ) from error
        data = np.asarray(self._maps[file])[entry.start : entry.end]
        return data.view(_dtypes()[entry.dtype]).reshape(entry.shape)

    def array(self, name: str) -> np.ndarray:
        """The tensor as float32, C-contiguous; bf16 and f16 are widened exactly.

        Raises:
            AdotxError: ``tensor.dtype`` for an integer tensor, and as `raw`.
        """
        raw = self.raw(name)
        dtype, _ = self.spec(name)
        if not dtype.startswith(("F", "BF")):
            what = "{tensor} is {dtype}, expected floating point"
            remedy = "quantised checkpoints are not read; use the bf16 one"
            raise AdotxError("tensor.dtype", what, str(self.path), remedy, tensor=name, dtype=dtype)
        if dtype == "BF16":
            # A bf16 is the upper half of a float32: a shift is many times faster than a cast.
            return (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        return np.require(raw, np.float32, ["C", "A"])

    def require(self, expected: Mapping[str, tuple[int, ...]]) -> None:
        """Check that every expected tensor is here with its shape.

        Raises:
            AdotxError: ``weights.missing``, ``tensor.missing`` or ``tensor.shape``, with their number and the
                first.
        """
        if self.missing_files:
            raise AdotxError(
                "weights.missing",
                "{count} of {total} weights files missing, the first is {file}",
                str(self.path),
                "download the weights",
                count=len(self.missing_files),
                total=len(self.files),
                file=self.missing_files[0],
            )
        missing = [name for name in expected if name not in self]
        if missing:
            raise AdotxError(
                "tensor.missing",
                "{count} of {total} tensors missing, the first is {tensor}",
                str(self.path),
                "download the checkpoint again or correct config.json",
                count=len(missing),
                total=len(expected),
                tensor=missing[0],
            )
        wrong = [name for name, shape in expected.items() if self.spec(name)[1] != tuple(shape)]
        if wrong:
            name = wrong[0]
            raise AdotxError(
                "tensor.shape",
                "{count} of {total} tensors have another shape than config.json asks for, the first is "
                "{tensor}: {shape} instead of {expected}",
                str(self.path),
                "use the config.json that belongs to these weights",
                count=len(wrong),
                total=len(expected),
                tensor=name,
                shape=list(self.spec(name)[1]),
                expected=list(expected[name]),
            )
