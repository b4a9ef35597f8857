"""Conversions on disk: equal to quantising in memory, whole or absent, remade when they should be."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adotx.checkpoint import Checkpoint, open_checkpoint
from adotx.engine import Engine, Request, SamplingParams
from adotx.engine.weights import convert
from adotx.engine.weights.formats import plan, tensor_names
from adotx.engine.weights.sources import MatricesInMemory
from adotx.errors import AdotxError
from engine_checkpoints import NANO_TEXT, TINY_TEXT, TINY_VISION, vl_config, write_checkpoint

TESTS = str(Path(__file__).parent)


@pytest.fixture(autouse=True)
def every_size_is_converted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Small checkpoints go to disk too, in slabs of a few rows; never into the user's cache."""
    monkeypatch.setattr(convert, "IN_MEMORY", 0)
    monkeypatch.setattr(convert, "SLAB", 1000)
    monkeypatch.setenv("ADOTX_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    config = vl_config(TINY_TEXT, TINY_VISION, 2)
    return open_checkpoint(write_checkpoint(tmp_path / "model", config, dtype="bfloat16"))


def made(checkpoint: Checkpoint, weights: str = "int4", folder: Path | None = None) -> bool:
    """Open the weights; whether they were converted just now."""
    calls: list[tuple[int, int]] = []
    convert.open_matrices(checkpoint, weights, folder, lambda *step: calls.append(step))
    assert not calls or (calls[-1][0] == calls[-1][1] and sorted(calls) == calls)
    return bool(calls)


def only(parent: Path) -> Path:
    """The one thing that lies in `parent`, hidden or not."""
    [path] = parent.iterdir()
    return path


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_disk_and_memory_give_the_same(tmp_path: Path, weights: str, dtype: str) -> None:
    config = vl_config(TINY_TEXT, TINY_VISION, 2)
    checkpoint = open_checkpoint(write_checkpoint(tmp_path / "model", config, dtype=dtype))
    stored = convert.open_matrices(checkpoint, weights)
    memory = MatricesInMemory(plan(checkpoint.config, weights), checkpoint.tensors)
    for matrix in plan(checkpoint.config, weights):
        for ours, theirs in zip(
            stored.matrix(matrix.parts)[1:], memory.matrix(matrix.parts)[1:], strict=True
        ):
            assert ours.dtype == theirs.dtype and not ours.flags.writeable
            np.testing.assert_array_equal(ours, theirs)


def test_the_engine_answers_alike_from_disk_and_memory(checkpoint, monkeypatch) -> None:
    request = Request([40, 50, 60], slots=[], sampling=SamplingParams(12, ignore_eos=True))

    def answer() -> list[int]:
        engine = Engine.load(checkpoint, "int4", threads=1, kv_memory=4 << 20)
        return engine.generate([request])[0].ids

    converted = answer()
    assert only(checkpoint.path / "adotx").name.startswith("int4-")
    monkeypatch.setattr(convert, "IN_MEMORY", 1 << 30)
    assert answer() == converted


def test_it_is_a_standard_safetensors_file(checkpoint) -> None:
    from safetensors import safe_open

    folder = convert.convert(checkpoint, "int4")
    with safe_open(folder / "model.safetensors", "numpy") as file:
        names = set(file.keys())
        assert "language_model.model.layers.0.self_attn.q_proj+k_proj+v_proj.weight" in names
        for matrix in plan(checkpoint.config, "int4"):
            for name, shape, dtype in zip(tensor_names(matrix), matrix.shapes, matrix.dtypes, strict=True):
                tensor = file.get_tensor(name)
                assert (tensor.shape, tensor.dtype) == (shape, dtype)
                names.remove(name)
    assert not names


def test_once_is_enough(checkpoint) -> None:
    assert made(checkpoint) and not made(checkpoint)
    assert made(checkpoint, "int8") and not made(checkpoint, "int8") and not made(checkpoint)
    assert sorted(path.name[:5] for path in (checkpoint.path / "adotx").iterdir()) == ["int4-", "int8-"]


def test_what_needs_no_conversion_writes_nothing(checkpoint, monkeypatch, tmp_path) -> None:
    for weights in ("f32", "bf16"):
        assert not made(checkpoint, weights)
    monkeypatch.setattr(convert, "IN_MEMORY", 1 << 30)
    for weights in ("int8", "int4"):
        assert not made(checkpoint, weights)
    assert not (checkpoint.path / "adotx").exists() and not (tmp_path / "cache").exists()


# Where it goes


def test_the_cache_folder_where_the_checkpoint_cannot_be_written(checkpoint, tmp_path) -> None:
    (checkpoint.path / "adotx").touch()  # a file in its way refuses root too, unlike missing rights
    assert made(checkpoint) and not made(checkpoint)
    conversion = only(only(tmp_path / "cache" / "weights"))
    assert conversion.parent.name.startswith("model-") and conversion.name.startswith("int4-")


def test_a_named_folder_is_the_only_one(checkpoint, tmp_path) -> None:
    assert made(checkpoint)
    assert made(checkpoint, folder=tmp_path / "named" / "deep")
    assert not made(checkpoint, folder=tmp_path / "named" / "deep")
    (tmp_path / "file").touch()
    with pytest.raises(AdotxError, match=r"no folder can be written: .*file"):
        made(checkpoint, folder=tmp_path / "file")


# Damage and change


def first_byte(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x55]))


def shorten(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1)


def foreign(path: Path) -> None:
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "fingerprint": "0" * 16}))


DAMAGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "shorter": ("model.safetensors", shorten),
    "empty": ("model.safetensors", lambda path: path.write_bytes(b"")),
    "gone": ("model.safetensors", Path.unlink),
    "its header": ("model.safetensors", lambda path: first_byte(path, 9)),
    "a scale": ("model.safetensors", lambda path: first_byte(path, 8 + header_length(path) + 2)),
    "no manifest": ("manifest.json", Path.unlink),
    "half a manifest": ("manifest.json", lambda path: path.write_bytes(path.read_bytes()[:50])),
    "not an object": ("manifest.json", lambda path: path.write_text("[]")),
    "another's manifest": ("manifest.json", foreign),
}


def header_length(path: Path) -> int:
    with path.open("rb") as file:
        return int.from_bytes(file.read(8), "little")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_conversion_is_made_again(checkpoint, damage: str) -> None:
    folder = convert.convert(checkpoint, "int4")
    before = (folder / "model.safetensors").read_bytes()
    name, break_it = DAMAGES[damage]
    break_it(folder / name)
    assert made(checkpoint) and not made(checkpoint)
    assert (folder / "model.safetensors").read_bytes() == before
    assert only(folder.parent) == folder


def test_a_broken_integer_is_found_by_the_thorough_check(checkpoint) -> None:
    folder = convert.convert(checkpoint, "int4")
    path = folder / "model.safetensors"
    before = path.read_bytes()
    first_byte(path, len(before) - 1)
    assert not made(checkpoint)  # loading does not read everything twice
    convert.convert(checkpoint, "int4")
    assert path.read_bytes() == before


def test_a_changed_checkpoint_is_converted_again(checkpoint) -> None:
    made(checkpoint, "int8")
    old = convert.convert(checkpoint, "int4")
    weights = checkpoint.path / "model.safetensors"
    os.utime(weights, ns=(0, weights.stat().st_mtime_ns + 1_000_000))
    assert made(checkpoint)
    assert not old.exists(), "nothing can use it any more"
    assert len(list((checkpoint.path / "adotx").glob("int8-*"))) == 1
    newer = convert.convert(checkpoint, "int4")
    raw = {**checkpoint.config.raw, "adotx": {"changed": True}}
    other = dataclasses.replace(checkpoint, config=dataclasses.replace(checkpoint.config, raw=raw))
    assert made(other) and not newer.exists()


def test_another_checkpoints_conversion_in_the_same_folder_stays(checkpoint, tmp_path) -> None:
    shutil.copytree(checkpoint.path, tmp_path / "copy")
    first = convert.convert(checkpoint, "int4", tmp_path / "both")
    second = convert.convert(open_checkpoint(tmp_path / "copy"), "int4", tmp_path / "both")
    assert first.exists() and second.exists()


# What goes wrong on the way


@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_values_that_are_not_numbers_are_named(tmp_path, weights: str) -> None:
    from safetensors.numpy import load_file, save_file

    path = write_checkpoint(tmp_path / "model", TINY_TEXT)
    tensors = load_file(path / "model.safetensors")
    tensors["model.layers.1.mlp.down_proj.weight"][3, 4] = np.nan
    save_file(tensors, path / "model.safetensors")
    with pytest.raises(AdotxError, match=r"layers\.1\.mlp\.down_proj"):
        made(open_checkpoint(path), weights)
    assert not list((path / "adotx").iterdir())


def test_integer_tensors_are_refused(tmp_path) -> None:
    from safetensors.numpy import load_file, save_file

    path = write_checkpoint(tmp_path / "model", TINY_TEXT)
    tensors = load_file(path / "model.safetensors")
    name = "model.layers.1.mlp.down_proj.weight"
    save_file({**tensors, name: tensors[name].astype(np.int8)}, path / "model.safetensors")
    with pytest.raises(AdotxError, match=r"down_proj\.weight is I8"):
        made(open_checkpoint(path))


def test_no_room_is_told_before_anything_is_written(checkpoint, monkeypatch) -> None:
    usage = shutil.disk_usage(checkpoint.path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    with pytest.raises(AdotxError, match=r"could not be written: .* GB needed") as caught:
        made(checkpoint)
    assert caught.value.code == "weights.write"
    assert not list((checkpoint.path / "adotx").iterdir())


def program(body: str, *args: object) -> list[str]:
    """A Python process that knows the small settings of this file; `path` and `convert` are there."""
    head = f"""
        import os, signal, sys, time
        sys.path.insert(0, {TESTS!r})
        from adotx.checkpoint import open_checkpoint
        from adotx.engine.weights import convert
        convert.IN_MEMORY, convert.SLAB = 0, 1000
        path = sys.argv[1]
    """
    return [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(body), *map(str, args)]


def test_a_write_that_fails_leaves_nothing(checkpoint) -> None:
    body = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            convert.open_matrices(open_checkpoint(path), "int4")
        except Exception as error:
            print(type(error).__name__, error)
    """
    run = subprocess.run(program(body, checkpoint.path), capture_output=True, text=True, check=True)
    assert run.stdout.startswith("AdotxError") and "could not be written: File too large" in run.stdout
    assert not list((checkpoint.path / "adotx").iterdir())


def test_interrupting_leaves_nothing(checkpoint) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert.open_matrices(checkpoint, "int4", None, stop)
    assert not list((checkpoint.path / "adotx").iterdir())


def test_a_killed_conversion_is_swept_away(checkpoint) -> None:
    body = """
        convert.open_matrices(open_checkpoint(path), "int4", None, lambda *_: time.sleep(0.2))
    """
    folder = checkpoint.path / "adotx"
    with subprocess.Popen(program(body, checkpoint.path)) as process:
        deadline = time.monotonic() + 60
        while not list(folder.glob(".int4-*.tmp/model.safetensors")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    [left] = folder.iterdir()
    assert left.name.endswith(".tmp"), "no conversion by its real name"
    assert made(checkpoint, "int8")
    assert only(folder).name.startswith("int8-")
    assert made(checkpoint)


def test_two_processes_at_once(checkpoint) -> None:
    body = """
        calls = []
        while not os.path.exists(sys.argv[2]):
            time.sleep(0.001)
        convert.open_matrices(open_checkpoint(path), "int4", None, lambda *_: calls.append(1))
        print(len(calls) > 0)
    """
    start = checkpoint.path.parent / "start"
    command = program(body, checkpoint.path, start)
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    time.sleep(0.5)
    start.touch()
    outputs = [process.communicate(timeout=60)[0].strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(outputs) == ["False", "False", "True"], "the others waited for the one that worked"
    assert only(checkpoint.path / "adotx").name.startswith("int4-") and not made(checkpoint)


def test_two_threads_without_a_lock(checkpoint, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            convert.open_matrices(open_checkpoint(checkpoint.path), "int4")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert only(checkpoint.path / "adotx").name.startswith("int4-") and not made(checkpoint)


def test_memory_does_not_grow_with_the_checkpoint(tmp_path) -> None:
    # About 300 MB of bf16; a single matrix (the tied output) is 134 MB of them, 268 MB as float32.
    config = {**NANO_TEXT, "hidden_size": 1024, "num_attention_heads": 8, "vocab_size": 65536,
              "num_hidden_layers": 4, "intermediate_size": 8192}  # fmt: skip
    path = write_checkpoint(tmp_path / "model", config, dtype="bfloat16")
    assert (path / "model.safetensors").stat().st_size > 280e6
    body = """
        convert.SLAB = int(sys.argv[2])
        convert.open_matrices(open_checkpoint(path), "int4")
        lines = open("/proc/self/status").read().splitlines()
        print(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")))
    """
    if not Path("/proc/self/status").exists():
        pytest.skip("memory is read from /proc")
    run = subprocess.run(program(body, path, convert_slab()), capture_output=True, text=True, check=True)
    assert int(run.stdout) * 1024 < 32e6 + 64e6 * min(os.cpu_count() or 1, 8) + 64e6


def convert_slab() -> int:
    """The slab that ships, which this file's fixture has replaced."""
    code = "from adotx.engine.weights import convert; print(convert.SLAB)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(run.stdout)
