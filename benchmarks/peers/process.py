"""Engines as processes of their own, asked in JSON lines (`protocol.py`), stopped while nobody asks. Linux.

In: a command line. Out: answers, and what memory the process and its descendants took. Knows no engine.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class EngineFailed(Exception):
    """An engine is not built, died, took too long or reported an error."""


def family(pid: int) -> list[int]:
    """A process and its descendants, parents first."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended
    found = [pid]
    for member in found:
        found += [child for child, parent in parents.items() if parent == member]
    return found


@dataclass
class Worker:
    """One engine in a process of its own, stopped while it has nothing to do."""

    label: str
    command: list[str]
    log: Path
    environment: dict[str, str]
    process: subprocess.Popen | None = field(default=None, init=False)
    failed: str = field(default="", init=False)

    def ask(self, do: str, timeout: float = 1200, **arguments: Any) -> dict:
        """Its answer to a command; EngineFailed where there is none."""
        if self.failed:
            raise EngineFailed(self.failed)
        if self.process is None:
            with open(self.log, "w") as log:
                self.process = subprocess.Popen(
                    self.command,
                    stdin=-1,
                    stdout=-1,
                    stderr=log,
                    env=self.environment,
                    start_new_session=True,
                )
        stdin, stdout = self.process.stdin, self.process.stdout
        assert stdin is not None and stdout is not None
        self._signal(signal.SIGCONT)
        try:
            stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            stdin.flush()
            ready, _, _ = select.select([stdout], [], [], timeout)
            line = stdout.readline() if ready else b""
        except BrokenPipeError:
            ready, line = [stdout], b""
        if not line:
            reason = "ended" if ready else f"no answer in {timeout:.0f} s"
            self.failed = f"{do}: {reason}, see {self.log}"
            self.close()
            raise EngineFailed(self.failed)
        self._signal(signal.SIGSTOP)
        answer = json.loads(line)
        if "error" in answer:
            raise EngineFailed(answer["error"])
        return answer["ok"]

    def _tree(self) -> list[int]:
        """The process and its descendants, parents first."""
        assert self.process is not None
        return family(self.process.pid)

    def _signal(self, number: int) -> None:
        for pid in self._tree():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def peak(self) -> float:
        """Largest resident memory so far in MB, added up over its processes."""
        total = 0
        for pid in self._tree():
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            total += sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        return total * 1024 / 1e6

    def close(self) -> None:
        """End it and all its descendants."""
        if self.process is None:
            return
        family = self._tree()
        self._signal(signal.SIGCONT)
        try:
            self.process.communicate(b'{"do": "bye"}\n', timeout=30)
        except (subprocess.TimeoutExpired, BrokenPipeError, ValueError):
            self.process.kill()
            self.process.wait()
        for pid in family[1:]:
            # Its children end with it; one that did not has the same session and nobody else's.
            try:
                if os.getsid(pid) == self.process.pid:
                    os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process = None
