"""SIGINT and SIGTERM as wishes: the step in hand is finished and saved before the run ends.

A second signal ends the run at once, unless a launcher stands in between. Knows nothing of training.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Inside `with`, `wanted` says whether a signal came. Does nothing off the main thread.

    Args:
        patient: further signals change nothing. A launcher passes on to its processes what the terminal has
            sent them already, and kills those that take too long by a signal that cannot be caught.
    """

    def __init__(self, patient: bool = False) -> None:
        self.wanted, self.patient = False, patient
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.wanted = True
        if not self.patient:
            self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}


def leave_to_parent(worker: int) -> None:
    """For data workers: the terminal sends its signals to them too, but the parent decides when they end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
