"""Answers in pieces: events in, a response of server-sent events out.

The first event is computed before anything is sent, so that what fails by then has its own HTTP status. Later
failures are an event of their own; no stream ends silently. Comments keep silent streams open. Where the
client leaves, the events are closed, which ends their request in the engine. Knows no API's events.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from adotx.errors import AdotxError
from adotx.server.clients import Deadline, while_wanted
from adotx.server.errors import body_of, language_of, note
from adotx.server.service import service_of


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes:
        data: JSON values, written on one line with Hangul literal; or the text itself.
        name: what stands in its "event:" line; "": no such line.
    """

    data: Any
    name: str = ""

    def encode(self) -> bytes:
        """As it goes over the wire."""
        data = self.data
        if not isinstance(data, str):
            data = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        assert "\n" not in data, "an event's data is one line"
        head = f"event: {self.name}\n" if self.name else ""
        return f"{head}data: {data}\n\n".encode()


DONE = Event("[DONE]")


def error_event(body: dict[str, Any]) -> list[Event]:
    """How the chat API ends a stream that failed: the client raises on it, no `[DONE]` follows."""
    return [Event(body)]


class EventStream(Response):
    """The response of a route that answers in events.

    Args:
        request: the client's.
        events: not yet begun; closed in any case.
        failed: error body -> the events that end a stream in which something failed.
        deadline: which `events` may renew; without one `run_timeout` is all there is.
    """

    def __init__(
        self,
        request: Request,
        events: AsyncGenerator[Event, None],
        failed: Callable[[dict[str, Any]], list[Event]] = error_event,
        deadline: Deadline | None = None,
    ) -> None:
        super().__init__(headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self.headers["content-type"] = "text/event-stream; charset=utf-8"
        self._request, self._events, self._failed = request, events, failed
        self._deadline = deadline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, service = self._request, service_of(self._request)
        wire = _Wire(send, self.raw_headers)
        try:
            with service.place():
                feed = self._feed(wire, service.settings.ping_interval)
                await while_wanted(feed, receive, service, self._deadline)
        except Exception as error:
            if not wire.started:
                raise
            if not (isinstance(error, AdotxError) and error.code == "server.left"):
                note(request, error)
                for event in self._failed(body_of(error, language_of(request), service.say)):
                    await wire.write(event.encode())
        finally:
            await self._events.aclose()
        await wire.end()

    async def _feed(self, wire: _Wire, interval: float) -> None:
        first = await anext(self._events, None)
        await wire.start()
        pings = asyncio.ensure_future(wire.keep_open(interval))
        try:
            if first is not None:
                await wire.write(first.encode())
            async for event in self._events:
                await wire.write(event.encode())
        finally:
            pings.cancel()
            with suppress(asyncio.CancelledError):
                await pings


class _Wire:
    """What is sent to one client.

    Attributes:
        started: status and headers are sent.
    """

    def __init__(self, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
        self._send, self._headers = send, headers
        self._writes = 0
        self.started = False

    async def start(self) -> None:
        self.started = True
        await self._send({"type": "http.response.start", "status": 200, "headers": self._headers})

    async def write(self, data: bytes) -> None:
        self._writes += 1
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def keep_open(self, interval: float) -> None:
        """Write a comment whenever nothing was written for an interval."""
        while True:
            before = self._writes
            await asyncio.sleep(interval)
            if self._writes == before:
                await self.write(b": ping\n\n")
