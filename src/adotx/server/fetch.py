"""The one place from which a picture may be fetched: its URL in, the file's bytes out. Off by default.

https to hosts of the allow-list and nowhere else. A name is resolved once, every address of it must be
public, and the connection goes to the address that was looked at. A redirect is a new URL with all of this
anew. One parser reads a URL, and what it read is what is asked for. Bytes, time and type are limited. Proxies
of the environment are not used. Knows no pictures.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from adotx.errors import AdotxError, Sentence

MOST_REDIRECTS = 3
# RFC 3986 and nothing that two parsers could read differently: no backslash, space, control or user name.
_URL = re.compile(
    r"https://[A-Za-z0-9.-]{1,253}(?::443)?(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?"
    r"(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?"
)
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 addresses behind NAT64
_CHUNK = 65_536

Resolve = Callable[[str], list[str]]


@dataclass(frozen=True)
class Rules:
    """What may be fetched.

    Attributes:
        hosts: exact names.
        max_bytes: of the file.
        timeout: seconds, for everything.
    """

    hosts: Collection[str]
    max_bytes: int
    timeout: float


def addresses(host: str) -> list[str]:
    """What a name resolves to."""
    found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: str) -> bool:
    """Whether an address belongs to the public Internet, whichever way it is written or translated."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip.sixtofour is not None or ip.teredo is not None or ip in _TRANSLATED:
            return False
    return ip.is_global and not ip.is_multicast


def fetch(url: str, rules: Rules, where: str, resolve: Resolve = addresses) -> bytes:
    """The file at a URL.

    Args:
        url: as a client gave it.
        rules: what is allowed.
        where: the place in the request, for errors.
        resolve: a host's addresses.

    Raises:
        AdotxError: ``server.fetch``: it is not allowed, or it failed.
    """
    until = time.monotonic() + rules.timeout
    for _ in range(MOST_REDIRECTS + 1):
        host, target, address = _allowed(url, rules, where, resolve)
        try:
            answer, moved = _get(host, target, address, rules, where, until)
        except (OSError, http.client.HTTPException):
            # Nothing of what the network said: it would tell about hosts that a client cannot reach itself.
            raise _refused(Sentence("the host did not give it"), where) from None
        if moved is None:
            return answer
        url = urljoin(f"https://{host}{target}", moved)
    raise _refused(Sentence("it is redirected too often"), where)


def _allowed(url: str, rules: Rules, where: str, resolve: Resolve) -> tuple[str, str, str]:
    """(host, path with query, address to connect to) of a URL that may be fetched."""
    if not _URL.fullmatch(url):
        raise _refused(Sentence("only plain https URLs are fetched"), where)
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if host not in rules.hosts:
        raise _refused(Sentence("its host is not on the list of this server"), where)
    try:
        found = resolve(host)
    except OSError:
        raise _refused(Sentence("the host did not give it"), where) from None
    if not found or not all(is_public(address) for address in found):
        raise _refused(Sentence("its host is not a public one"), where)
    return host, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), found[0]


class _Pinned(http.client.HTTPSConnection):
    """A connection to one address, whose certificate must be the host's."""

    def __init__(self, host: str, address: str, timeout: float) -> None:
        super().__init__(host, 443, timeout=timeout)
        self._address, self._tls = address, ssl.create_default_context()

    def connect(self) -> None:
        plain = socket.create_connection((self._address, 443), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def _get(
    host: str, target: str, address: str, rules: Rules, where: str, until: float
) -> tuple[bytes, str | None]:
    """(body, None), or (nothing, where it has moved)."""
    connection = _Pinned(host, address, _left(until, where))
    try:
        connection.request("GET", target, headers={"accept": "image/*", "user-agent": "adotx"})
        answer = connection.getresponse()
        if answer.status in (301, 302, 303, 307, 308):
            return b"", answer.getheader("location", "")
        kind = (answer.getheader("content-type") or "").lower()
        if answer.status != 200 or not kind.startswith("image/"):
            raise _refused(Sentence("the host did not give a picture"), where)
        body = bytearray()
        while piece := answer.read1(_CHUNK):
            body += piece
            if len(body) > rules.max_bytes:
                raise _refused(Sentence("it is too large"), where)
            connection.sock.settimeout(_left(until, where))
        return bytes(body), None
    finally:
        connection.close()


def _left(until: float, where: str) -> float:
    seconds = until - time.monotonic()
    if seconds <= 0:
        raise _refused(Sentence("it takes too long"), where)
    return seconds


def _refused(why: Sentence, where: str) -> AdotxError:
    what, remedy = "this URL is not fetched: {why}", "send the picture itself, as a data URI"
    return AdotxError("server.fetch", what, where, remedy, why=why)
