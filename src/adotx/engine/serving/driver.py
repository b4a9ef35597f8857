"""Who runs the steps: whichever thread waits for something, one at a time, for all of them.

In: two actions, `step` and `tidy`, that no two threads may run at once. Out: the promise that they do not,
and waiting for their end. So several threads, or several streams read by turns, share one batch without a
thread of our own. Knows no requests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# Longest wait without a look at how things are: an interrupt may have swallowed the call that wakes.
LOOK_S = 1.0


class Driver:
    """
    Args:
        step: computes one step for everybody.
        tidy: what is done between steps: ends cancelled requests, queues new ones.
    """

    def __init__(self, step: Callable[[], None], tidy: Callable[[], None]) -> None:
        self._step, self._tidy = step, tidy
        # Guards the fields, never held during a step. Re-entrant: the garbage collector may close a stream
        # from inside.
        self._changed = threading.Condition(threading.RLock())
        self._inside: int | None = None  # the thread inside `step` or `tidy`, or that has asked to be alone
        self._untidy = False  # somebody wanted to tidy while it was
        self._closed = False

    def drive(self, ready: Callable[[], bool], timeout: float | None = None) -> None:
        """One step by this thread, or the end of one that another runs; nothing where `ready()`.

        Args:
            ready: whether there is nothing to wait for any more.
            timeout: most seconds to wait for another thread.
        """
        mine = False
        try:
            with self._changed:
                if ready() or self._closed:
                    return
                self._need_another()
                if self._inside is not None:
                    self._changed.wait(LOOK_S if timeout is None else min(timeout, LOOK_S))
                    return
                self._inside, mine = threading.get_ident(), True
            self._step()
        finally:
            if mine:
                self._release()

    def tidy(self) -> None:
        """Tidy now or, where a step is under way, have its thread do it at the end; never waits."""
        mine = False
        try:
            with self._changed:
                if self._inside is not None:
                    self._untidy = True
                    return
                self._inside, mine = threading.get_ident(), True
            self._tidy()
        finally:
            if mine:
                self._release()

    def wait(self, ready: Callable[[], bool]) -> None:
        """Until `ready()` or nobody is at work, whichever comes first; never for this very thread."""
        with self._changed:
            while self._inside not in (None, threading.get_ident()) and not ready():
                self._changed.wait(LOOK_S)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody runs a step in the meantime."""
        mine = False
        try:
            with self._changed:
                self._need_another()
                while self._inside is not None:
                    self._changed.wait(LOOK_S)
                self._inside, mine = threading.get_ident(), True
            self._tidy()
            yield
        finally:
            if mine:
                self._release()

    def close(self) -> None:
        """No step begins any more."""
        with self._changed:
            self._closed = True

    def _need_another(self) -> None:
        if self._inside == threading.get_ident():
            raise RuntimeError("a constraint or a callback asks the engine whose step it is part of")

    def _release(self) -> None:
        with self._changed:
            untidy, self._untidy = self._untidy, False
            if not untidy:
                self._inside = None
                self._changed.notify_all()
                return
        try:
            self._tidy()
        finally:
            self._release()
