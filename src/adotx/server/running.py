"""Where the server listens and how it ends: a `Service` and an address in, exit when it was told to stop.

SIGTERM (or Ctrl-C) once: nothing new is taken, what was accepted ends, at the latest after `drain_timeout`
with an error. A second time: at once. Knows no routes.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from adotx.errors import AdotxError
from adotx.server.app import create_app
from adotx.server.guard import JsonLines
from adotx.server.service import Service
from adotx.server.settings import Settings

#: seconds that connections have to take what was written to them, once all work has ended
_FLUSH = 5
#: files and connections that are enough
_FILES = 65_536


def check_exposure(host: str, settings: Settings) -> None:
    """
    Raises:
        AdotxError: ``server.open``: others than this machine could ask, and no key would stop them.
    """
    if not settings.api_keys and not is_loopback(host):
        what = "others than this machine could ask, without a key"
        raise AdotxError("server.open", what, host, "give a key, or listen on 127.0.0.1")


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is this machine's alone."""
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections; port 0 chooses a free one.

    Raises:
        AdotxError: ``server.address``: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        what, remedy = "cannot listen there: {reason}", "choose another --host or --port"
        raise AdotxError("server.address", what, f"{host}:{port}", remedy, reason=reason) from None


def log_to_stderr() -> None:
    """One JSON line for each record of the server, and for warnings of what it runs on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name, level in (("adotx.server", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


class _Connection(H11Protocol):
    """A connection whose client has to go on: where the head of a request does not come for `seconds`, or
    nothing of an answer is taken, it ends. Bodies that do not come are the guard's business."""

    seconds: float
    _patience: asyncio.TimerHandle | None = None
    _left = 0  # bytes that were not taken when it was last looked

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait(self._no_head)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.flow.write_paused:
            if self.conn.their_state is not h11.IDLE:
                self._wait(None)
            elif self._patience is None:  # a piece of the next head
                self._wait(self._no_head)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._left = self.transport.get_write_buffer_size()
        self._wait(self._not_taken)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._wait(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        super().connection_lost(exc)

    def _wait(self, end: Callable[[], None] | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self.loop.call_later(self.seconds, end) if end else None

    def _no_head(self) -> None:
        self.transport.abort()

    def _not_taken(self) -> None:
        before, self._left = self._left, self.transport.get_write_buffer_size()
        if self._left < before:  # slow, but it takes
            self._wait(self._not_taken)
        else:
            self.transport.abort()


def raise_open_files() -> None:
    """Let this process have as many connections as it may: many systems begin with 1,024 files."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _FILES if most == resource.RLIM_INFINITY else min(most, _FILES)
        if wanted > resource.getrlimit(resource.RLIMIT_NOFILE)[0]:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


class Server(uvicorn.Server):
    """uvicorn, which on a signal lets its service drain while it still answers that it takes no more.

    `run` with a list of listening sockets answers what comes until it was told to stop.

    Args:
        service: whose routes are served; closed at the end.
        begun: called once it answers, and signals let it drain.
    """

    def __init__(self, service: Service, begun: Callable[[], None] | None = None) -> None:
        config = uvicorn.Config(
            create_app(service),
            http=type("Connection", (_Connection,), {"seconds": service.settings.body_timeout}),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Addresses are the connection's own; nobody is believed about them.
            proxy_headers=False,
            timeout_graceful_shutdown=_FLUSH,
        )
        super().__init__(config)
        self._service, self._begun = service, begun
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self._begun is not None:
            self._begun()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        await self._service.close()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._draining is None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._begin_drain)
        elif not self.should_exit:
            self.should_exit = True
        else:
            os._exit(1)  # third time: whatever hangs

    def _begin_drain(self) -> None:
        if self._draining is None:
            self._draining = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        await self._service.drain()
        self.should_exit = True
