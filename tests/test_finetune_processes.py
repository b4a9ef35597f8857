"""Several processes train as one: they learn the same, one that dies or a signal ends all, runs go on.

Two processes over gloo that share the weights out (FSDP), started as docs/scale.md says. Needs the extra
`finetune`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("peft")

from adotx.finetune.states import last_state
from finetune_toys import losses, toy_base, toy_conversations, toy_pictures

CONFIG = Path(__file__).parent.parent / "docs" / "scale" / "fsdp-cpu.yaml"
STEPS = 50
SETTINGS = (
    f"batch=2 max_steps={STEPS} pack_tokens=300 learning_rate=3e-3 log_steps=1 save_steps=10 merge=false"
)
ADAPTER = "adapter/adapter_model.safetensors"


class Run:
    """A run of `adotx train sft` in a process group of its own, by one process or by two."""

    def __init__(self, data: Path, base: Path, out: Path, processes: int = 2) -> None:
        words = ["adotx", "train", "sft", "--data", data, "-m", base, "-o", out, *SETTINGS.split()]
        words += ["device=cpu", "threads=1"]
        starter: list[Any] = []
        if processes > 1:
            starter = ["accelerate.commands.accelerate_cli", "launch", "--config_file", CONFIG]
            starter += ["--main_process_port", free_port(), "-m"]
        env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-m", *map(str, [*starter, *words])]
        self.started = subprocess.Popen(
            command, env=env, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, process_group=0
        )
        self.lines: list[str] = []

    def until(self, words: str) -> None:
        """Read on till a line has the words."""
        assert self.started.stderr is not None
        for line in self.started.stderr:
            self.lines.append(line)
            if words in line:
                return
        raise AssertionError("".join(self.lines[-40:]))

    def ended(self) -> int:
        """Wait for the end; its exit code."""
        assert self.started.stderr is not None
        self.lines += self.started.stderr.readlines()
        return self.started.wait()

    def worker(self, rank: int) -> int:
        """The process of a rank."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                environ = (folder / "environ").read_bytes().split(b"\0")
            except OSError:  # ended meanwhile
                continue
            if parent == self.started.pid and f"RANK={rank}".encode() in environ:
                return int(folder.name)
        raise AssertionError(f"no process of rank {rank}")


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_two_learn_what_one_learns_whatever_happens_to_them(tmp_path: Path) -> None:
    base, data = toy_base(tmp_path / "base"), toy_conversations(toy_pictures(tmp_path))
    for name, processes in (("one", 1), ("two", 2)):
        run = Run(data, base, tmp_path / name, processes)
        assert run.ended() == 0, "".join(run.lines[-40:])
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(one) == STEPS and one[-1] < one[0]
    assert max(abs(a - b) for a, b in zip(one, two, strict=True)) < 1e-4

    cut = tmp_path / "cut"
    # Ctrl-C: the terminal tells all of them, and the launcher tells its workers once more.
    run = Run(data, base, cut)
    run.until("step 4/")
    os.killpg(run.started.pid, signal.SIGINT)
    assert run.ended() != 0
    told = [line for line in run.lines if "was stopped after step" in line]
    assert len(told) == 1, "".join(run.lines)
    stopped = last_state(cut)
    assert stopped is not None and f"after step {stopped.name.rpartition('-')[2]} of" in told[0]
    assert len(list(cut.glob("checkpoint-*"))) == 1

    # One of them is killed: the other says so and ends.
    run = Run(data, base, cut)
    run.until("step 25/")
    os.kill(run.worker(1), signal.SIGKILL)
    assert run.ended() != 0
    assert any("goes on from step" in line for line in run.lines)
    assert sum("another process of the run ended" in line for line in run.lines) == 1, "".join(run.lines)

    run = Run(data, base, cut)
    assert run.ended() == 0, "".join(run.lines[-40:])
    assert losses(cut) == two
    assert (cut / ADAPTER).read_bytes() == (tmp_path / "two" / ADAPTER).read_bytes()
