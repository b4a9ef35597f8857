"""One function over many items in threads: at most so many at once, results in the items' order.

In: a function, items, a window. Out: an iterator of results. Whoever stops reading it early cancels what runs
and leaves no thread behind. Knows nothing of pages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: asked now and then by what runs: whether nobody wants its result any more
IsCancelled = Callable[[], bool]

#: seconds between two calls of `meanwhile`
_TICK = 0.05


class Cancelled(Exception):
    """Raised by what runs once it was told to stop; never reaches whoever reads the results."""


def not_cancelled() -> bool:
    """The `IsCancelled` of work that nobody cancels."""
    return False


def in_order(
    function: Callable[[Item, IsCancelled], Result],
    items: Iterable[Item],
    window: int,
    is_cancelled: IsCancelled = not_cancelled,
    meanwhile: Callable[[], None] | None = None,
) -> Generator[Result, None, None]:
    """`function` of each item, up to `window` of them at the same time.

    Items are taken in this thread, at most ``2 * window`` ahead of the result that is read, so a slow item
    does not idle the others. An exception of the function, or of `items`, is raised in its place in the
    order.

    Args:
        function: called with an item and a check for whether to stop; raises `Cancelled` when it does.
        items: taken one by one.
        window: threads, 1 or more.
        is_cancelled: of the work that this is a part of.
        meanwhile: called now and then in this thread while a result is waited for; may raise.
    """
    assert window >= 1
    stop = Event()
    running: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(window, thread_name_prefix="adotx")
    source, failure, open_ = iter(items), None, True
    try:
        while open_ or running:
            while open_ and len(running) < 2 * window:
                try:
                    item = next(source)
                except StopIteration:
                    open_ = False
                except Exception as error:  # told after the results of the items before it
                    open_, failure = False, error
                else:
                    running.append(pool.submit(function, item, lambda: stop.is_set() or is_cancelled()))
            if running:
                while meanwhile is not None and not wait((running[0],), _TICK).done:
                    meanwhile()
                yield running.popleft().result()
        if failure is not None:
            raise failure
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
