"""Whether a grammar compiles in time: its text in, nothing or a refusal out.

What compiles cannot be interrupted, so a stranger's grammar is compiled first in a process of its own
(`trial_worker`), which is killed when its time is over. Knows no tokenizer and no engine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from adotx.errors import AdotxError

_WORKER = Path(__file__).with_name("trial_worker.py")


class Trial:
    """Compiles grammars on trial, one at a time; any thread may ask.

    Args:
        seconds: how long one may take.
        named: the ids that grammars may name.
        limits: of llguidance.
    """

    def __init__(self, seconds: float, named: Collection[int], limits: Mapping[str, Any]) -> None:
        self._seconds = seconds
        self._start = json.dumps({"named": sorted(named), "limits": dict(limits)}) + "\n"
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def __call__(self, grammar: str, where: str) -> None:
        """Return once the grammar was compiled, well or not.

        Raises:
            AdotxError: ``grammar.too_slow``: it takes longer, or more memory, than is allowed.
        """
        with self._lock:
            process = self._running()
            timer = threading.Timer(self._seconds, process.kill)
            timer.start()
            try:
                done = _said(process, json.dumps(grammar) + "\n")
            finally:
                timer.cancel()
            if done:
                return
            self._end()
        what, remedy = "takes longer than {seconds} s to compile", "use smaller bounds and fewer parts"
        raise AdotxError("grammar.too_slow", what, where, remedy, seconds=self._seconds)

    def close(self) -> None:
        """End the process; another one is started when it is needed."""
        with self._lock:
            self._end()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                [sys.executable, str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            # Starting takes time that is not the grammar's.
            started = _said(self._process, self._start + json.dumps('start: ""') + "\n")
            assert started, "the worker that compiles grammars on trial does not start"
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _said(process: subprocess.Popen[str], line: str) -> bool:
    """Whether the process answers a line; not if it has ended or is killed meanwhile."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(line)
        process.stdin.flush()
        return process.stdout.readline() == "done\n"
    except (BrokenPipeError, ValueError):
        return False
