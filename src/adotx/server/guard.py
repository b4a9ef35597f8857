"""What every request passes before any route sees it: Host, Origin, key, the body's size, an id, a log line.

Judges by the raw scope: a path is never put together from headers. Everything needs the key but what
`OPEN_PATHS` lists. Knows no routes' insides.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import logging
import re
import time
import traceback
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adotx.errors import AdotxError
from adotx.server.errors import respond
from adotx.server.page import PATHS as PAGE_PATHS
from adotx.server.service import Service

log = logging.getLogger("adotx.server.access")

#: what needs no key: that the server lives, and the files of its page, which hold no secret
OPEN_PATHS = frozenset({"/health", *PAGE_PATHS})
#: what may be as large as `max_upload`; all other bodies as `max_body`
UPLOAD_PATHS = frozenset({"/v1/documents/transcriptions"})
LOOPBACK = ("localhost", "127.0.0.1", "::1")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::\d{1,5})?")


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app, self._service = app, service
        self._hosts = {host.lower() for host in (*LOOPBACK, *service.settings.hosts)}
        self._keys = [key.encode() for key in service.settings.api_keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no sockets here
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = _headers(scope)
        if scope["method"] == "HEAD":  # answered as GET is; the body is left out by whoever sends it
            scope = {**scope, "method": "GET"}
        state = scope.setdefault("state", {})
        given = headers.get("x-request-id", "")
        state["request_id"] = given if _REQUEST_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"
        state["log"] = {}
        began, status = time.monotonic(), 0

        async def reply(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *self._added(state["request_id"])]
            await send(message)

        body = _Body(receive, self._service, scope["path"])
        try:
            self._check(scope, headers)
            body.announce(headers.get("content-length"))
            await self._app(scope, body.receive, reply)
        except Exception as error:
            if status:  # too late for another answer; the connection ends, which a client notices
                raise
            await respond(Request(scope), error)(scope, receive, reply)
        finally:
            facts = self._facts(scope, status, time.monotonic() - began)
            self._service.metrics.requests.labels(facts["route"] or "other", str(status)).inc()
            if self._service.settings.access_log:
                log.info("request", extra={"facts": facts})

    def _check(self, scope: Scope, headers: Mapping[str, str]) -> None:
        """
        Raises:
            AdotxError: ``server.host``, ``server.origin``, ``server.key``, ``server.media_type``.
        """
        host = _HOST.fullmatch(headers.get("host", ""))
        name = (host[1] or host[2]).lower() if host else ""
        # The address that a connection came to is no name that could lead elsewhere.
        address, _ = scope.get("server") or ("", 0)
        if not name or (name != address and not {name, "*"} & self._hosts):
            what = "this server does not go by that name"
            remedy = "call it by its address, or add it to hosts"
            raise AdotxError("server.host", what, "host", remedy)
        origin = headers.get("origin")
        # A page of another site could have its readers' browsers ask; ours stands under this server's name.
        own = f"{scope['scheme']}://{headers['host']}"
        if origin not in (None, own, *self._service.settings.origins):
            what, remedy = "pages of other origins may not ask", "add it to origins"
            raise AdotxError("server.origin", what, "origin", remedy)
        if self._keys and scope["path"] not in OPEN_PATHS and not self._knows_key(headers):
            what, remedy = "the key is missing or wrong", "send it as a bearer token"
            raise AdotxError("server.key", what, "authorization", remedy)
        coding = headers.get("content-encoding", "identity").lower()
        if coding != "identity":  # a few bytes may become any number of them
            what, remedy = "the coding {coding} is not taken", "send it uncompressed"
            raise AdotxError("server.media_type", what, "content-encoding", remedy, coding=coding[:40])

    def _knows_key(self, headers: Mapping[str, str]) -> bool:
        given = _key(headers.get("authorization", ""))
        # All are compared, whole, so that time tells nothing.
        return any([hmac.compare_digest(given, key) for key in self._keys])

    def _facts(self, scope: Scope, status: int, seconds: float) -> dict[str, Any]:
        route = scope.get("route")
        facts = {
            "request_id": scope["state"]["request_id"],
            "method": scope["method"],
            # The route's pattern, not the path: that is the client's text.
            "route": getattr(route, "path", None),
            "status": status,
            "seconds": round(seconds, 4),
        }
        return facts | scope["state"]["log"]

    @staticmethod
    def _added(request_id: str) -> list[tuple[bytes, bytes]]:
        return [(b"x-request-id", request_id.encode()), (b"x-content-type-options", b"nosniff")]


class _Body:
    """A request's body as it comes, up to its limits of size and time.

    Raises (from its methods):
        AdotxError: ``server.body_too_large``, ``server.body_slow``.
    """

    def __init__(self, receive: Receive, service: Service, path: str) -> None:
        settings = service.settings
        self._receive = receive
        self._most = settings.max_upload if path in UPLOAD_PATHS else settings.max_body
        self._timeout, self._until = settings.body_timeout, time.monotonic() + settings.body_timeout
        self._size, self._whole = 0, False

    def announce(self, length: str | None) -> None:
        """Refuse what says beforehand that it is too large."""
        if length is not None and length.isdecimal() and int(length) > self._most:
            raise self._too_large()

    async def receive(self) -> Message:
        """The next message; after the body's end it waits as long as the client stays."""
        if self._whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), max(self._until - time.monotonic(), 0.001))
        except TimeoutError:
            what = "the request's body did not come within {seconds:g} seconds"
            raise AdotxError("server.body_slow", what, "body", seconds=self._timeout) from None
        self._size += len(message.get("body", b""))
        if self._size > self._most:
            raise self._too_large()
        self._whole = not message.get("more_body", False)
        return message

    def _too_large(self) -> AdotxError:
        what, remedy = "it is over the limit of {limit:,} bytes", "send less, or smaller pictures"
        return AdotxError("server.body_too_large", what, "body", remedy, limit=self._most)


class JsonLines(logging.Formatter):
    """A log record as one line of JSON: time, level, event, and the record's facts."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            # Where it happened, not what it says: an exception's text may quote a prompt.
            line["error_type"] = record.exc_info[0].__name__
            line["trace"] = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(record.exc_info[2])]
        return json.dumps(line, ensure_ascii=False, default=str)


def _headers(scope: Scope) -> dict[str, str]:
    """Headers by name; one that comes twice with different values counts as none of them."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = text if found.get(key, text) == text else "\n"
    return found


def _key(authorization: str) -> bytes:
    """The key in an Authorization header: a bearer token, or the password that a browser asked for."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(rest.strip(), validate=True).partition(b":")[2]
        except ValueError:
            return b""
    return rest.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else b""
