"""HTTP to one server: a path and a body in, JSON or events out; what goes wrong is one `AdotxError`.

Only the standard library, so that the base install does not grow. No redirect is followed and no proxy used:
a key goes to the host that the user named. Knows no API but the shape of its errors.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from adotx.errors import AdotxError, Sentence

CONNECT_SECONDS, ANSWER_SECONDS = 10, 600
#: how often a server is asked that says "later", and how long is waited at most before the next time
TRIES, LONGEST_WAIT = 4, 20
_LATER = (429, 503)
#: bytes of a line of events, of a JSON answer; characters of a message that are shown
_LINE, _ANSWER, _SHOWN = 1 << 26, 1 << 26, 400
_Connection = http.client.HTTPConnection


@dataclass(frozen=True)
class Server:
    """A server and how to ask it.

    Args:
        url: "http://HOST:PORT" or "https://...", with or without "/v1" at its end.
        key: sent as bearer token; "": none.
        language: in which the server should say what is wrong, "en" or "ko".

    Raises:
        AdotxError: ``remote.url``.
    """

    url: str
    key: str = field(default="", repr=False)
    language: str = "en"

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.url)
            fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
            fits = fits and not (parts.username or parts.password or parts.query or parts.fragment)
        except ValueError:
            fits = False
        if not fits or not self.url.isascii() or re.search(r"[\s\x00-\x1f\\]", self.url):
            remedy = "give http://HOST:PORT or https://HOST"
            raise AdotxError(
                "remote.url", "{url} is not the URL of a server", "--server", remedy, url=self.url
            )
        if not (self.key.isascii() and self.key.isprintable()):
            remedy = "give the key as the server knows it"
            raise AdotxError("remote.key_form", "a key is printable ASCII", "--server-key", remedy)
        object.__setattr__(self, "url", self.url.rstrip("/").removesuffix("/v1").rstrip("/"))

    def get(self, path: str) -> Any:
        """The JSON at a path.

        Raises:
            AdotxError: ``remote.unreachable``, ``remote.key``, ``remote.busy``, ``remote.refused``,
                ``remote.broken``.
        """
        with self._send("GET", path, b"", "") as exchange:
            return exchange.json()

    def post(self, path: str, body: bytes, kind: str = "application/json") -> Events:
        """Send a body and read the events of the answer; close them, or use `with`.

        Args:
            path: of the route, as "/v1/chat/completions".
            body: of the request.
            kind: its media type.

        Raises:
            AdotxError: see `get`.
        """
        return Events(self._send("POST", path, body, kind))

    def _send(self, method: str, path: str, body: bytes, kind: str) -> _Exchange:
        """A request and its answer's status, asked again a few times while the server says "later"."""
        for tries_left in reversed(range(TRIES)):
            exchange = self._once(method, path, body, kind)
            if exchange.response.status not in _LATER or not tries_left:
                break
            wait = exchange.response.headers.get("retry-after", "")
            exchange.close()
            time.sleep(min(int(wait) if re.fullmatch("[0-9]{1,6}", wait) else 1, LONGEST_WAIT))
        if exchange.response.status != 200:
            with exchange:
                raise exchange.refusal(self.url)
        return exchange

    def _once(self, method: str, path: str, body: bytes, kind: str) -> _Exchange:
        parts = urlsplit(self.url)
        headers = {"accept": "text/event-stream, application/json", "accept-language": self.language}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        if kind:
            headers["content-type"] = kind
        make: Callable[..., _Connection] = http.client.HTTPConnection
        if parts.scheme == "https":
            make = partial(http.client.HTTPSConnection, context=ssl.create_default_context())
        connection = make(parts.hostname or "", parts.port, timeout=CONNECT_SECONDS)
        try:
            connection.connect()
            connection.sock.settimeout(ANSWER_SECONDS)
            with suppress(BrokenPipeError, ConnectionResetError):
                # A server may refuse a body before it has all of it; then its answer is there already.
                connection.request(method, parts.path + path, body or None, headers)
            return _Exchange(self.url, connection, connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise AdotxError(
                "remote.unreachable",
                "no answer: {reason}",
                self.url,
                "check the address, and that the server runs",
                reason=_reason(error),
            ) from None


@dataclass
class _Exchange:
    """One request on its connection, and its answer."""

    url: str
    connection: _Connection
    response: http.client.HTTPResponse

    def __enter__(self) -> _Exchange:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave; a server of ours then ends the work."""
        self.response.close()
        self.connection.close()

    def line(self) -> bytes:
        """The next line of the answer, b"" at its end."""
        return self._read(lambda: self.response.readline(_LINE))

    def json(self) -> Any:
        """The answer as JSON."""
        text = self._read(lambda: self.response.read(_ANSWER))
        try:
            return json.loads(text)
        except ValueError:
            raise broken(self.url, Sentence("it is no JSON")) from None

    def refusal(self, url: str) -> AdotxError:
        """Why the server did not answer with 200."""
        status = self.response.status
        if status in (401, 403):
            remedy = "give the right one with --server-key or ADOTX_API_KEY"
            return AdotxError("remote.key", "the server wants another key, or none of us", url, remedy)
        try:
            body = self.json()
        except AdotxError:
            body = None
        reason = message_of(body) or f"HTTP {status} {http.client.responses.get(status, '')}".strip()
        if status in _LATER:
            return AdotxError("remote.busy", "the server is busy: {reason}", url, "try later", reason=reason)
        return AdotxError("remote.refused", "the server says: {reason}", url, reason=reason)

    def _read(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except (OSError, http.client.HTTPException) as error:
            raise broken(self.url, _reason(error)) from None


class Events(Iterator[tuple[str, str]]):
    """Server-sent events as (name, data); a comment is none. Leaving `with` closes the connection.

    An answer that is JSON and no stream is one event without a name.
    """

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange, self.url = exchange, exchange.url
        self._streamed = exchange.response.headers.get_content_type() == "text/event-stream"
        self._ended = False

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave; a server of ours then ends the work."""
        self._ended = True
        self._exchange.close()

    def __next__(self) -> tuple[str, str]:
        if self._ended:
            raise StopIteration
        if not self._streamed:
            self._ended = True
            return "", json.dumps(self._exchange.json())
        name, data = "", list[str]()
        while line := self._exchange.line():
            # Not splitlines(): U+2028 and its like are no line ends here.
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            key, _, value = text.partition(":")
            value = value.removeprefix(" ")
            if not text and data:
                return name, "\n".join(data)
            if not text:
                name = ""
            elif key == "data":
                data.append(value)
            elif key == "event":
                name = value
        self.close()
        raise StopIteration


def message_of(body: Any) -> str:
    """What a server says is wrong, as one short line fit for a terminal; "" where it says nothing."""
    inner = body.get("error", body.get("detail")) if isinstance(body, dict) else None
    message = inner.get("message") if isinstance(inner, dict) else inner
    text = message if isinstance(message, str) else json.dumps(message) if message else ""
    return "".join(char if char.isprintable() else " " for char in text)[:_SHOWN]


def broken(url: str, reason: str) -> AdotxError:
    """An answer that ended too early or says what it should not."""
    remedy = "ask again; the server's log may say more"
    return AdotxError("remote.broken", "the answer broke off: {reason}", url, remedy, reason=reason)


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return Sentence("no such host")
    if isinstance(error, TimeoutError):
        return Sentence("it took too long")
    return (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
