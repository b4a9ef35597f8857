"""Weights files that change under a loaded engine, checkpoints that change under their conversion: an error,
or the answers as before; never others, never a signal."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from adotx.checkpoint import Checkpoint, open_checkpoint
from adotx.engine import Engine, Request, SamplingParams, native
from adotx.engine.model import embeddings
from adotx.engine.weights import convert, watch
from adotx.errors import AdotxError
from engine_checkpoints import TINY_TEXT, TINY_VISION, vl_config, write_checkpoint

SMALL = {"threads": 1, "kv_memory": 4 << 20}
TEXT = Request([40, 50, 60], slots=[], sampling=SamplingParams(6, ignore_eos=True))


def pictured() -> Request:
    pixels = np.random.default_rng(0).standard_normal((2, 3, 64, 64), dtype=np.float32)
    return Request([40, *[22] * 8, 50], images=[pixels], sampling=SamplingParams(6, ignore_eos=True))


def cut(path: Path) -> None:
    os.truncate(path, 4096)


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(bytes(path.stat().st_size - 4096))


def overwrite_behind_its_time(path: Path) -> None:
    before = path.stat()
    overwrite(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace_by_another(path: Path) -> None:
    other = path.with_name("downloading")
    other.write_bytes(bytes(path.stat().st_size))
    other.replace(path)


def touch_its_rights(path: Path) -> None:
    path.chmod(0o640)
    os.link(path, path.with_name("linked.safetensors"))


CHANGES = [cut, overwrite, overwrite_behind_its_time]
HARMLESS = [replace_by_another, touch_its_rights]


@pytest.fixture(params=["f32", "bf16", "int8", "int4"])
def weights(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    config = vl_config(TINY_TEXT, TINY_VISION, 2)
    return open_checkpoint(write_checkpoint(tmp_path / "model", config, dtype="bfloat16", spread=3))


@pytest.fixture
def from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As if the checkpoint were large: the table stays in its file, matrices in a conversion."""
    monkeypatch.setattr(embeddings, "IN_MEMORY", 0)
    monkeypatch.setattr(convert, "IN_MEMORY", 0)
    monkeypatch.setenv("ADOTX_CACHE", str(tmp_path / "cache"))


def test_a_table_in_its_file_says_the_same_as_one_in_memory(checkpoint, monkeypatch) -> None:
    store = checkpoint.tensors
    [name] = [name for name in store.names() if name.endswith("embed_tokens.weight")]
    files = watch.WeightFiles([store.place(name)[0]])
    memory = embeddings.Embeddings(store, name, files)
    monkeypatch.setattr(embeddings, "IN_MEMORY", 0)
    table = embeddings.Embeddings(store, name, files)
    assert memory.in_memory and not table.in_memory
    ids = np.random.default_rng(0).integers(0, 320, 1000)
    np.testing.assert_array_equal(table.rows(ids), memory.rows(ids))
    np.testing.assert_array_equal(table.rows(ids), store.array(name)[ids])
    cut(store.place(name)[0])
    with pytest.raises(AdotxError) as changed:
        table.rows(np.array([319]))
    assert changed.value.code == "weights.changed"


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_file_changed_in_place_is_an_error_and_no_other_answer(
    checkpoint, from_files, weights: str, change: Callable[[Path], None]
) -> None:
    engine = Engine.load(checkpoint, weights, **SMALL)
    expected = engine.generate([TEXT])[0].ids
    change(checkpoint.path / "model.safetensors")
    for asked in (TEXT, pictured(), TEXT):
        with pytest.raises(AdotxError) as changed:
            engine.generate([asked])
        assert changed.value.code == "weights.changed" and "model.safetensors" in str(changed.value)
    assert engine.stats().running == engine.stats().waiting == 0 and expected
    assert not engine.alive  # whoever watches over it starts it anew


@pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.__name__)
@pytest.mark.parametrize("weights", ["bf16", "int8"])
def test_a_file_replaced_or_only_touched_goes_on_being_read(
    checkpoint, from_files, weights: str, change: Callable[[Path], None]
) -> None:
    whole = Engine.load(checkpoint, weights, **SMALL)
    expected = [output.ids for output in whole.generate([TEXT, pictured()])]
    engine = Engine.load(open_checkpoint(checkpoint.path), weights, **SMALL)
    assert engine.generate([TEXT])[0].ids == expected[0]
    change(checkpoint.path / "model.safetensors")
    assert [output.ids for output in engine.generate([TEXT, pictured()])] == expected and engine.alive


@pytest.mark.parametrize("weights", ["int8", "int4"])
def test_a_small_model_has_all_it_needs_for_text_in_memory(checkpoint, weights: str, monkeypatch) -> None:
    engine = Engine.load(checkpoint, weights, **SMALL)
    expected = engine.generate([TEXT])[0].ids
    cut(checkpoint.path / "model.safetensors")
    with pytest.raises(AdotxError) as changed:  # the tower is still to be made
        engine.generate([pictured()])
    assert changed.value.code == "weights.changed"
    assert engine.generate([TEXT])[0].ids == expected and engine.alive


def test_a_warm_model_has_its_tower_too(checkpoint) -> None:
    engine = Engine.load(checkpoint, "int8", **SMALL)
    engine.warm()
    expected = [engine.generate([asked])[0].ids for asked in (TEXT, pictured())]
    cut(checkpoint.path / "model.safetensors")
    assert [engine.generate([asked])[0].ids for asked in (TEXT, pictured())] == expected


def test_a_conversion_cut_under_its_engine_is_an_error(checkpoint, from_files) -> None:
    engine = Engine.load(checkpoint, "int8", **SMALL)
    [conversion] = (checkpoint.path / "adotx").iterdir()
    cut(conversion / "model.safetensors")
    with pytest.raises(AdotxError) as changed:
        engine.generate([pictured()])
    assert changed.value.code == "weights.changed" and str(conversion) in str(changed.value)


@pytest.mark.parametrize("change", ["cut", "overwritten"])
def test_nano_as_a_server_would_have_it(tmp_path: Path, change: str) -> None:
    """In a process of its own, where a signal would show."""
    import adotx

    folder = tmp_path / "nano"
    shutil.copytree(Path(adotx.__file__).parent / "nano", folder)
    program = """
        import os, sys
        from adotx.checkpoint import open_checkpoint
        from adotx.engine import Engine, Request, SamplingParams
        folder, change = sys.argv[1:]
        file = folder + "/model.safetensors"
        engine = Engine.load(open_checkpoint(folder), "int8")
        sampling = SamplingParams(4, ignore_eos=True)
        ask = lambda i: engine.generate([Request([i, i + 1], sampling=sampling)])[0].ids
        before = [ask(i) for i in (50, 6000, 8000)]
        if change == "cut":
            os.truncate(file, 4096)
        else:
            with open(file, "r+b") as opened:
                opened.seek(1 << 20)
                opened.write(bytes(os.path.getsize(file) - (1 << 20)))
        assert [ask(i) for i in (50, 6000, 8000)] == before
    """
    done = run_alone(program, folder, change)
    assert (done.returncode, done.stderr) == (0, "")


guarded = pytest.mark.skipif(native.library()[0] is None, reason=f"no guard: {native.library()[1]}")


def run_alone(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """In a process of its own, where a signal would show."""
    command = [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@guarded
def test_what_is_missing_in_a_guarded_mapping_is_zeros_and_told(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"\1" * 100_000)
    program = """
        import os, sys
        from pathlib import Path
        import numpy as np
        from adotx.engine.native.guard import MappingGuard
        from adotx.errors import AdotxError
        path = Path(sys.argv[1])
        array, whole = (np.memmap(path, np.uint8, "r") for _ in range(2))
        guard, other = MappingGuard(), MappingGuard()
        guard.add(path, array[10:20])
        other.add(path, whole)
        guard.check()
        assert array.sum() == 100_000
        os.truncate(path, 50_000)
        held = -(-50_000 // os.sysconf("SC_PAGESIZE")) * os.sysconf("SC_PAGESIZE")
        assert array[:50_000].all() and not array[held:].any()
        other.check()  # nothing of it was read
        for _ in range(2):
            try:
                guard.check()
            except AdotxError as error:
                assert error.code == "weights.changed" and str(path) in str(error)
            else:
                raise AssertionError
    """
    done = run_alone(program, tmp_path / "weights")
    assert (done.returncode, done.stderr) == (0, "")


@guarded
@pytest.mark.parametrize("how", ["another mapping", "a guard that is gone", "kill"])
def test_any_other_bus_error_is_what_it_was(tmp_path: Path, how: str) -> None:
    (tmp_path / "weights").write_bytes(b"\1" * 100_000)
    program = """
        import os, signal, sys
        from pathlib import Path
        import numpy as np
        from adotx.engine.native.guard import MappingGuard
        path, how = Path(sys.argv[1]), sys.argv[2]
        array, other = (np.memmap(path, np.uint8, "r") for _ in range(2))
        guard = MappingGuard()
        guard.add(path, array)
        os.truncate(path, 4096)
        if how == "a guard that is gone":
            del guard
            array.sum()
        elif how == "kill":
            os.kill(os.getpid(), signal.SIGBUS)
        other.sum()
    """
    assert run_alone(program, tmp_path / "weights", how).returncode == -signal.SIGBUS


@guarded
@pytest.mark.parametrize("weights", ["f32", "bf16"])
def test_a_file_cut_in_the_middle_of_a_step_is_an_error(checkpoint, from_files, weights: str) -> None:
    """Here the rest of the step reads all of it, as a large model's does."""
    program = """
        import os, sys
        import numpy as np
        from adotx.checkpoint import open_checkpoint
        from adotx.engine import Engine, Request, SamplingParams
        from adotx.engine.model import embeddings
        from adotx.errors import AdotxError
        embeddings.IN_MEMORY = 0
        folder, weights = sys.argv[1:]
        checkpoint = open_checkpoint(folder)
        engine = Engine.load(checkpoint, weights, threads=1, kv_memory=4 << 20)
        decoder = engine.backend._decoder
        forward = decoder.forward

        def cut_between(*given):
            os.truncate(folder + "/model.safetensors", 4096)
            for name in checkpoint.tensors.names():
                np.asarray(checkpoint.tensors.raw(name)).view(np.uint8).sum()
            return forward(*given)

        decoder.forward = cut_between
        sampling = SamplingParams(6, ignore_eos=True)
        asked = [Request([40, 50, 60 + i], slots=[], sampling=sampling) for i in range(3)]
        for _ in range(2):
            told = engine.generate(asked, return_errors=True)
            assert all(isinstance(e, AdotxError) and e.code == "weights.changed" for e in told), told
        assert not engine.alive
    """
    done = run_alone(program, checkpoint.path, weights)
    assert (done.returncode, done.stderr) == (0, "")


# Conversions


def made(checkpoint: Checkpoint, weights: str = "int8") -> bool:
    """Open the weights; whether they were converted just now."""
    calls: list[tuple[int, int]] = []
    convert.open_matrices(checkpoint, weights, None, lambda *step: calls.append(step))  # type: ignore[arg-type]
    return bool(calls)


def change_a_value_behind_its_time(checkpoint: Checkpoint, at: int) -> None:
    path, start = checkpoint.tensors.place("language_model.model.layers.0.mlp.up_proj.weight")
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(start + at)
        byte = file.read(1)[0]
        file.seek(start + at)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("at", [0, 1234])
def test_a_source_changed_under_the_same_size_and_time_is_converted_again(checkpoint, from_files, at) -> None:
    assert made(checkpoint) and not made(open_checkpoint(checkpoint.path))
    change_a_value_behind_its_time(checkpoint, at)
    assert made(open_checkpoint(checkpoint.path)) and not made(open_checkpoint(checkpoint.path))


def test_a_source_that_was_only_touched_is_read_once_and_not_converted(
    checkpoint, from_files, monkeypatch
) -> None:
    assert made(checkpoint)
    looked, compare = [], convert._Conversion._is_of_this_source
    monkeypatch.setattr(
        convert._Conversion, "_is_of_this_source", lambda self, sums: looked.append(1) or compare(self, sums)
    )
    touch_its_rights(checkpoint.path / "model.safetensors")
    (checkpoint.path / "linked.safetensors").unlink()
    assert not made(open_checkpoint(checkpoint.path)) and looked == [1]
    assert not made(open_checkpoint(checkpoint.path)) and looked == [1], "the manifest remembers"


def test_a_copied_checkpoint_brings_its_conversion(checkpoint, from_files, tmp_path) -> None:
    assert made(checkpoint)
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint.path, copy)
    assert not made(open_checkpoint(copy))
    (manifest,) = copy.glob("adotx/*/manifest.json")
    assert not list(manifest.parent.glob(".*"))


def test_a_source_changed_while_it_is_converted_is_an_error(checkpoint, from_files) -> None:
    def change(done: int, total: int) -> None:
        if done == total:
            change_a_value_behind_its_time(checkpoint, 0)

    with pytest.raises(AdotxError) as changed:
        convert.open_matrices(checkpoint, "int8", None, change)
    assert changed.value.code == "weights.changed" and not list((checkpoint.path / "adotx").iterdir())
    assert made(open_checkpoint(checkpoint.path))


def test_conversions_from_before_are_made_again(checkpoint, from_files) -> None:
    import json

    assert made(checkpoint)
    (manifest,) = checkpoint.path.glob("adotx/*/manifest.json")
    told = json.loads(manifest.read_text())
    del told["source_sums"], told["touched"]
    manifest.write_text(json.dumps(told))
    assert made(open_checkpoint(checkpoint.path)) and not made(open_checkpoint(checkpoint.path))
