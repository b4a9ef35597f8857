"""What ends a request that did not end by itself: errors for its reader; and what is for the whole program.

In: exceptions. Out: what to tell whom. Knows no scheduler.
"""

from __future__ import annotations

import threading

from adotx.errors import AdotxError


def is_interrupt(error: BaseException) -> bool:
    """Whether it is for the whole program: Ctrl-C, or a signal's handler that leaves; only the main thread
    gets these."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and isinstance(error, KeyboardInterrupt | SystemExit)


def told(error: BaseException) -> Exception:
    """What the reader of a request gets for what was raised in it.

    What is no `Exception` (a panic in Rust, `CancelledError`, `SystemExit`) would end the reader's task, its
    event loop or the program: it comes as the cause of an `AdotxError`.
    """
    if isinstance(error, Exception):
        return error
    kind, reason = type(error).__name__, str(error) or "no reason given"
    failed = AdotxError(
        "engine.failed",
        "{kind}: {reason}",
        "engine",
        "ask again; if it happens again, report it",
        kind=kind,
        reason=reason,
    )
    failed.__cause__ = error
    return failed


def draining() -> AdotxError:
    """Why new requests are refused while the engine waits for the last ones."""
    return AdotxError("engine.draining", "it is stopping and takes no more requests", "engine", "ask later")


def closed() -> AdotxError:
    """Why new requests are refused for good."""
    return AdotxError("engine.closed", "it was closed", "engine", "load it again")


def stopped() -> AdotxError:
    """Why a request ended before its answer was whole."""
    return AdotxError("engine.stopped", "it stopped before the answer was whole", "engine", "ask again")


def queued_too_long(seconds: float | None) -> AdotxError:
    """Why a request was given up before its first step."""
    what = "no room came free within {seconds} seconds"
    return AdotxError("engine.queue_timeout", what, "request", "try again later", seconds=seconds)
