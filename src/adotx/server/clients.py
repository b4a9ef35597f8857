"""Clients that may leave: work in, its result out, or its end where nobody waits for it any more.

Work ends when its client disconnects, when the server stops, and after `run_timeout`; that of a document
begins anew with each page. Knows no formats.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from fastapi import Request
from starlette.types import Receive

from adotx.errors import AdotxError
from adotx.server.service import Service, service_of

T = TypeVar("T")


class Deadline:
    """The time until which work has to be done.

    Args:
        seconds: from now, above 0.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.renew()

    def renew(self) -> None:
        """Let all of it begin again: some of the work is done."""
        self._end = time.monotonic() + self.seconds

    @property
    def left(self) -> float:
        """Seconds, 0 where it is over."""
        return max(0.0, self._end - time.monotonic())


async def answer(request: Request, work: Coroutine[Any, Any, T], deadline: Deadline | None = None) -> T:
    """The result of work for one client, in one of the server's places.

    Args:
        deadline: which the work itself may renew; without one `run_timeout` is all there is.

    Raises:
        AdotxError: ``server.busy``, ``server.draining``, ``server.timeout``, ``server.left``; whatever ended
            the work.
    """
    service = service_of(request)
    try:
        with service.place():
            return await while_wanted(work, request.receive, service, deadline)
    finally:
        work.close()  # where it never began


async def while_wanted(
    work: Coroutine[Any, Any, T], receive: Receive, service: Service, deadline: Deadline | None = None
) -> T:
    """The result of `work`, which is cancelled where one of the other ends comes first.

    Raises:
        AdotxError: ``server.left``, ``server.draining``, ``server.timeout``; whatever ended the work.
    """
    deadline = deadline or Deadline(service.settings.run_timeout)
    task = asyncio.ensure_future(work)
    ends: dict[asyncio.Future[Any], Callable[[], AdotxError]] = {
        asyncio.ensure_future(_left(receive)): _client_left,
        asyncio.ensure_future(service.stopping.wait()): _server_stopped,
    }
    try:
        done: set[asyncio.Future[Any]] = set()
        while not done and (left := deadline.left):
            done, _ = await asyncio.wait({task, *ends}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if task in done:
            return task.result()
        for end, failure in ends.items():
            if end in done:
                end.result()
                raise failure()
        what = "the answer was not ready within {seconds:g} seconds"
        raise AdotxError("server.timeout", what, remedy="ask for less", seconds=deadline.seconds)
    finally:
        for future in (task, *ends):
            future.cancel()
        # The engine has let go of the work when this returns, so a place is free only when it really is.
        await asyncio.wait({task, *ends})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _client_left() -> AdotxError:
    return AdotxError("server.left", "the client disconnected")


def _server_stopped() -> AdotxError:
    what, remedy = "the server is shutting down", "ask again, it may be back"
    return AdotxError("server.draining", what, remedy=remedy)
