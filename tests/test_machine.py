"""Memory and processors of a container: made-up control groups of both versions, as containers see them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adotx import machine
from adotx.checkpoint import validate
from adotx.engine import runtime
from adotx.machine import available_memory, cpu_quota, cpus, machine_memory

GIB = 1 << 30


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes files below a made-up /sys/fs/cgroup, and which groups this process is in."""
    (tmp_path / "meminfo").write_text("MemTotal: 99999999 kB\nMemAvailable: 8388608 kB\n")
    monkeypatch.setattr(machine, "_ROOT", tmp_path / "cgroup")
    monkeypatch.setattr(machine, "_MEMBERSHIP", tmp_path / "self")
    monkeypatch.setattr(machine, "_MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(machine, "_physical_memory", lambda: 64 * GIB)
    (tmp_path / "cgroup").mkdir()

    def write(files: dict[str, Any], membership: str = "0::/\n") -> None:
        (tmp_path / "self").write_text(membership)
        for name, content in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n")

    return write


V1 = "4:memory:/docker/abc\n2:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n"
V2 = "0::/kubepods/pod/box\n"
STAT2, STAT1 = "anon 1\ninactive_file 1048576\n", "cache 5\ntotal_inactive_file 1048576\n"


@pytest.mark.parametrize(
    ("files", "membership", "limit", "used"),
    [
        ({"memory.max": GIB, "memory.current": 5 << 20}, "0::/\n", GIB, 5 << 20),
        ({"memory.max": "max", "memory.current": 5}, "0::/\n", None, 0),
        ({"memory.max": GIB, "memory.current": 5 << 20, "memory.stat": STAT2}, V2, GIB, 4 << 20),
        ({"memory.max": GIB, "memory.current": 0, "memory.stat": STAT2}, V2, GIB, 0),
        ({"kubepods/memory.max": GIB, "kubepods/pod/box/memory.max": "max"}, V2, GIB, 0),
        ({"kubepods/memory.max": 3 * GIB, "kubepods/pod/box/memory.max": GIB}, V2, GIB, 0),
        ({"memory/memory.limit_in_bytes": GIB, "memory/memory.usage_in_bytes": 7}, "", GIB, 7),
        (
            {
                "memory/memory.limit_in_bytes": GIB,
                "memory/memory.usage_in_bytes": 5 << 20,
                "memory/memory.stat": STAT1,
            },
            V1,
            GIB,
            4 << 20,
        ),
        ({"memory/memory.limit_in_bytes": 9223372036854771712}, V1, None, 0),
        ({"memory/docker/abc/memory.limit_in_bytes": GIB}, V1, GIB, 0),
        ({"unified/memory.max": GIB}, "0::/\n", GIB, 0),
        ({"memory.max": "nonsense"}, "0::/../..\n", None, 0),
        ({}, "0::/gone\n", None, 0),
    ],
    ids=lambda value: str(value)[:50],
)
def test_memory(system: Any, files: Any, membership: str, limit: int | None, used: int) -> None:
    system(files, membership)
    assert machine_memory() == (limit or 64 * GIB)
    assert available_memory() == (limit - used if limit else 8 * GIB)


def test_a_group_that_is_over_its_limit_leaves_nothing(system: Any) -> None:
    system({"memory.max": GIB, "memory.current": GIB + 1})
    assert available_memory() == 0


@pytest.mark.parametrize(
    ("files", "membership", "quota"),
    [
        ({"cpu.max": "100000 100000"}, "0::/\n", 1),
        ({"cpu.max": "max 100000"}, "0::/\n", None),
        ({"cpu.max": "50000 100000"}, "0::/\n", 1),
        ({"cpu.max": "390000 100000"}, "0::/\n", 3),
        ({"kubepods/cpu.max": "200000 100000", "kubepods/pod/box/cpu.max": "max 100000"}, V2, 2),
        ({"cpu/cpu.cfs_quota_us": 250000, "cpu/cpu.cfs_period_us": 100000}, "2:cpu:/\n", 2),
        ({"cpu,cpuacct/cpu.cfs_quota_us": 250000, "cpu,cpuacct/cpu.cfs_period_us": 100000}, V1, 2),
        ({"cpu/cpu.cfs_quota_us": -1, "cpu/cpu.cfs_period_us": 100000}, V1, None),
        ({"cpu.max": "1 0"}, "0::/\n", None),
        ({}, "", None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_processors(system: Any, files: Any, membership: str, quota: int | None) -> None:
    system(files, membership)
    assert cpu_quota() == quota
    assert 1 <= cpus() <= (quota or 10**6)


def test_a_system_that_tells_nothing(system: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    system({})
    monkeypatch.setattr(machine, "_MEMINFO", tmp_path / "none")
    assert available_memory() == 64 * GIB
    monkeypatch.setattr(machine, "_physical_memory", lambda: None)
    assert machine_memory() is None and available_memory() == 4 * GIB


def test_who_asks(system: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engine, converter and `validate` see the same machine."""
    from adotx.checkpoint import open_checkpoint
    from adotx.engine import Engine
    from adotx.engine.weights import convert

    system({"memory.max": GIB, "cpu.max": "100000 100000"})
    assert convert.cpus() == 1 and runtime.cpu_quota() == 1
    assert "this machine's 1.1 GB" in "\n".join(validate("nano").lines())
    decoder = Engine.load(open_checkpoint("nano"), "int8", kv_memory=64 << 20).backend._decoder  # type: ignore[attr-defined]
    assert int(decoder._compiled.get_property("INFERENCE_NUM_THREADS")) == 1
    told: list[int] = []
    monkeypatch.setattr("adotx.engine.serving.engine.available_memory", lambda: told.append(1) or 4 * GIB)
    Engine.load(open_checkpoint("nano"), "int8")
    assert told
