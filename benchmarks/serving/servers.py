"""Servers as processes of their own: a command in, a port that answers out. Linux.

A server that is not measured is stopped (SIGSTOP), so that its idle threads disturb nobody. Knows no API but
the paths at which servers say that they are ready.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from load import get
from process import EngineFailed, family


class Server:
    """A server in a session of its own.

    Args:
        label: its name in tables.
        command: its words; "{port}" in them becomes the port.
        ready: the path that answers 200 once it takes requests.
        log: where what it says goes.
        environment: of the process.

    Attributes:
        port: a free one of this machine.
        seconds: until it was ready.
    """

    def __init__(
        self, label: str, command: list[str], ready: str, log: Path, environment: dict[str, str] | None = None
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.label, self._ready, self._log, self._environment = label, ready, log, environment
        self._command = [word.replace("{port}", str(self.port)) for word in command]
        self._process: subprocess.Popen[bytes] | None = None
        self.seconds = 0.0

    def start(self, timeout: float = 900) -> None:
        """Start it and wait until it is ready; EngineFailed where it is not."""
        began = time.perf_counter()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=self._environment,
            )  # fmt: skip
        while asyncio.run(get(self.port, self._ready))[0] != 200:
            if self._process.poll() is not None or time.perf_counter() - began > timeout:
                self.kill()
                raise EngineFailed(f"not ready, see {self._log}")
            time.sleep(0.02)
        self.seconds = time.perf_counter() - began

    def pause(self) -> None:
        """Stop all its processes where they are."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask the server, not its children, to end."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def wait(self, timeout: float) -> int | None:
        """Its exit code; None where it has not ended by then."""
        assert self._process is not None
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End all its processes at once, also those that have outlived the first."""
        if self._process is not None:
            self._signal(signal.SIGKILL)
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def memory(self) -> float:
        """What its processes hold together now, in MB; shared pages count once."""
        total = 0
        for pid in family(self._process.pid if self._process else 0):
            with suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total * 1024 / 1e6

    def _signal(self, number: int) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        for pid in family(self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, number)
