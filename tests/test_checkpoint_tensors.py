"""checkpoint.TensorStore: equal to the safetensors library on whole files, one line on broken ones."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from adotx.checkpoint import TensorStore
from adotx.errors import AdotxError
from checkpoint_toys import one_line, write


def test_store_equals_the_library(shared: Path) -> None:
    from safetensors import safe_open

    file = shared / "ax4" / "golden" / "tiny" / "model.safetensors"
    store = TensorStore(file.parent)
    with safe_open(file, "np") as reference:
        assert store.names() == sorted(reference.keys()) and len(store) == 98
        for name in store.names():
            value = store.array(name)
            assert value.dtype == np.float32 and value.flags.c_contiguous
            np.testing.assert_array_equal(value, reference.get_tensor(name))


def test_dtypes_are_widened_exactly(tmp_path: Path) -> None:
    import ml_dtypes

    bits = np.arange(65536, dtype=np.uint16)
    bf16, f16 = bits.view(ml_dtypes.bfloat16), bits.view(np.float16).reshape(256, 256)
    tensors = {
        "a": bf16,
        "b": f16,
        "c": np.arange(3),
        "d": np.array(2, np.float32),
        "e": np.zeros((0, 4), "f4"),
    }
    save_file(tensors, tmp_path / "model.safetensors")
    store = TensorStore(tmp_path)
    assert store.spec("a") == ("BF16", (65536,)) and store.raw("a").dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(store.array("a"), bf16.astype(np.float32))
    np.testing.assert_array_equal(store.array("b"), f16.astype(np.float32))
    assert store.array("d").shape == () and store.array("e").shape == (0, 4)
    assert not store.raw("a").flags.writeable
    with pytest.raises(AdotxError, match="I64"):
        store.array("c")
    with pytest.raises(AdotxError, match="no tensor z"):
        store.spec("z")


def _shards(path: Path) -> None:
    for i in (1, 2):
        save_file({f"t{i}": np.full((2, 3), i, np.float32)}, path / f"model-{i}.safetensors")
    write(
        path,
        "model.safetensors.index.json",
        {"weight_map": {"t1": "model-1.safetensors", "t2": "model-2.safetensors"}},
    )


def test_shards(tmp_path: Path) -> None:
    _shards(tmp_path)
    store = TensorStore(tmp_path)
    assert store.names() == ["t1", "t2"] and "t1" in store and store.array("t2")[0, 0] == 2
    store.require({"t1": (2, 3)})
    with pytest.raises(AdotxError) as caught:
        store.require({"t1": (2, 3), "t3": (1,), "t4": (1,)})
    assert caught.value.code == "tensor.missing" and "2 of 3 tensors missing, the first is t3" in one_line(
        caught.value
    )
    with pytest.raises(AdotxError) as caught:
        store.require({"t1": (3, 2)})
    assert (
        caught.value.code == "tensor.shape"
        and "[2, 3]" in str(caught.value)
        and "[3, 2]" in one_line(caught.value)
    )


def test_missing_shard(tmp_path: Path) -> None:
    _shards(tmp_path)
    (tmp_path / "model-2.safetensors").unlink()
    store = TensorStore(tmp_path)
    assert store.missing_files == ["model-2.safetensors"] and not store.absent
    assert store.array("t1").shape == (2, 3)
    for read in (lambda: store.array("t2"), lambda: store.require({"t1": (2, 3)})):
        with pytest.raises(AdotxError, match=r"model-2\.safetensors") as caught:
            read()
        assert caught.value.code == "weights.missing"
        one_line(caught.value)


@pytest.mark.parametrize(
    "index",
    [
        {},
        {"weight_map": {}},
        {"weight_map": {"t1": "../model-1.safetensors"}},
        {"weight_map": {"t1": "/etc/passwd"}},
        {"weight_map": {"t1": "model.bin"}},
        {"weight_map": {"t1": 5}},
    ],
)
def test_broken_index(tmp_path: Path, index: dict) -> None:
    _shards(tmp_path)
    write(tmp_path, "model.safetensors.index.json", index)
    with pytest.raises(AdotxError) as caught:
        TensorStore(tmp_path)
    assert caught.value.code == "weights.index"
    one_line(caught.value)


def test_index_and_shard_disagree(tmp_path: Path) -> None:
    _shards(tmp_path)
    write(tmp_path, "model.safetensors.index.json", {"weight_map": {"t1": "model-2.safetensors"}})
    with pytest.raises(AdotxError, match="does not have it"):
        TensorStore(tmp_path).array("t1")


def test_other_weight_formats_are_named(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(AdotxError, match=r"pytorch_model\.bin"):
        TensorStore(tmp_path)


def _file(header: object, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def _t(begin: int, end: int, shape: list, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "weights.corrupt"),
        (b"\x08\0\0", "weights.corrupt"),
        (b"\xff" * 64, "weights.corrupt"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "weights.corrupt"),
        (struct.pack("<Q", 1000) + b"{", "weights.truncated"),
        (_file(b"{]", b""), "weights.corrupt"),
        (_file([], b""), "weights.corrupt"),
        (_file({"a": 1}, b""), "weights.corrupt"),
        (_file({"a": _t(0, 8, [2])}, b"\0" * 7), "weights.truncated"),
        (_file({"a": _t(0, 8, [2])}, b"\0" * 9), "weights.corrupt"),
        (_file({"a": _t(0, 8, [3])}, b"\0" * 8), "weights.corrupt"),
        (_file({"a": _t(0, 8, [-2])}, b"\0" * 8), "weights.corrupt"),
        (_file({"a": _t(4, 12, [2])}, b"\0" * 12), "weights.corrupt"),
        (_file({"a": _t(0, 8, [2]), "b": _t(4, 12, [2])}, b"\0" * 12), "weights.corrupt"),
        (_file({"a": _t(0, 8, [2], "Q4_K")}, b"\0" * 8), "weights.dtype"),
    ],
)
def test_broken_files(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(AdotxError) as caught:
        TensorStore(tmp_path)
    assert caught.value.code == code and "model.safetensors" in one_line(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_files_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged")
    whole = bytearray(_file({"a": _t(0, 8, [2]), "b": _t(8, 12, [2], "BF16")}, bytes(range(12))))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (path / "model.safetensors").write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    try:
        store = TensorStore(path)
        for name in store.names():
            store.raw(name).tobytes()
    except AdotxError as error:
        one_line(error)
