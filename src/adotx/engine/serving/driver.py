"""Who runs the steps: whichever thread waits for something, one at a time, for all of them.

In: two actions, `step` and `tidy`, that no two threads may run at once. Out: the promise that they do not,
and waiting for their end. So several threads, or several streams read by turns, share one batch without a
thread of our own. Knows no requests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Driver:
    """
    Args:
        step: computes one step for everybody.
        tidy: what is done between steps: ends cancelled requests, queues new ones.
    """

    def __init__(self, step: Callable[[], None], tidy: Callable[[], None]) -> None:
        self._step, self._tidy = step, tidy
        # Guards the two flags, never held during a step. Re-entrant: the garbage collector may close a stream
        # from inside.
        self._changed = threading.Condition(threading.RLock())
        self._busy = False  # a thread is inside `step` or `tidy`, or has asked to be alone
        self._untidy = False  # somebody wanted to tidy while it was

    def drive(self, ready: Callable[[], bool]) -> None:
        """One step by this thread, or the end of one that another runs; nothing where `ready()`."""
        with self._changed:
            if ready():
                return
            if self._busy:
                self._changed.wait()
                return
            self._busy = True
        try:
            self._step()
        finally:
            self._release()

    def tidy(self) -> None:
        """Tidy now or, where a step is under way, have its thread do it at the end; never waits."""
        with self._changed:
            if self._busy:
                self._untidy = True
                return
            self._busy = True
        try:
            self._tidy()
        finally:
            self._release()

    def wait(self, ready: Callable[[], bool]) -> None:
        """Until `ready()` or nobody is at work, whichever comes first."""
        with self._changed:
            while self._busy and not ready():
                self._changed.wait()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody runs a step in the meantime."""
        with self._changed:
            while self._busy:
                self._changed.wait()
            self._busy = True
        try:
            self._tidy()
            yield
        finally:
            self._release()

    def _release(self) -> None:
        with self._changed:
            untidy, self._untidy = self._untidy, False
            if not untidy:
                self._busy = False
                self._changed.notify_all()
                return
        try:
            self._tidy()
        finally:
            self._release()
