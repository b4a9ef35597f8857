"""Connections whose clients do nothing, and many of them: they end, and nobody else notices."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack, closing
from pathlib import Path

import httpx2 as httpx
import pytest

from adotx.server.settings import Settings
from serving import scripted, serving
from test_server_running import ENDLESS, SlowModel, settled


def opened(url: str, sent: bytes = b"") -> socket.socket:
    address = httpx.URL(url)
    wire = socket.create_connection((address.host, address.port or 0), 10)
    wire.sendall(sent)
    return wire


def ended(wire: socket.socket, seconds: float) -> bool:
    """Whether the server ends a connection by then, whatever it says before."""
    wire.settimeout(seconds)
    try:
        while wire.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /health HT",
        b"GET /health HTTP/1.1\r\nhost: localhost\r\n",
        b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\nGET /hea",
    ],
)
def test_heads_that_do_not_come(tmp_path: Path, sent: bytes) -> None:
    """Slowloris: a connection that is held by a few bytes."""
    limits = Settings(body_timeout=0.5, access_log=False)
    with serving(scripted(tmp_path, {}), limits) as (url, _), closing(opened(url, sent)) as wire:
        assert ended(wire, 8)


def test_one_byte_after_the_other_is_no_way_around(tmp_path: Path) -> None:
    limits = Settings(body_timeout=0.5, access_log=False)
    head = b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: " + b"a" * 2000
    with (
        serving(scripted(tmp_path, {}), limits) as (url, _),
        closing(opened(url)) as wire,
        pytest.raises(OSError),
    ):
        for byte in head:
            wire.sendall(bytes([byte]))
            time.sleep(0.01)


def test_an_answer_that_is_not_taken(tmp_path: Path) -> None:
    """A client that reads nothing: its connection ends, its place is free, the engine holds nothing."""
    model = scripted(tmp_path, {})
    slow = SlowModel(model.checkpoint, model.engine, local_files=False)
    limits = Settings(body_timeout=0.5, access_log=False)
    with serving(slow, limits) as (url, service), closing(socket.socket()) as wire:
        # More than the system's own buffers take.
        more = {"stream": True, "logprobs": True, "top_logprobs": 20, "n": 8}
        body = json.dumps({"model": service.name, **ENDLESS, **more}).encode()
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        address = httpx.URL(url)
        wire.connect((address.host, address.port or 0))
        wire.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n" % len(body) + body
        )
        until = time.monotonic() + 60
        while not service._held and time.monotonic() < until:
            time.sleep(0.01)
        assert service._held
        while service._held and time.monotonic() < until:
            time.sleep(0.1)
        assert settled(service)
        assert service.model.model.engine.stats().output_tokens < 8 * ENDLESS["max_tokens"]


def test_a_thousand_idle_connections(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 2500:
        if hard != resource.RLIM_INFINITY and hard < 2500:
            pytest.skip("this process may not open so many files")
        resource.setrlimit(resource.RLIMIT_NOFILE, (2500, hard))
    with serving(scripted(tmp_path, {}), Settings(body_timeout=30, access_log=False)) as (url, _):
        with ExitStack() as stack:
            for _ in range(1000):
                stack.enter_context(closing(opened(url, b"GET /")))
            assert httpx.get(f"{url}/health", timeout=20).status_code == 200
        assert httpx.get(f"{url}/health", timeout=20).status_code == 200


def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    with serving(scripted(tmp_path, {}), Settings(access_log=False)) as (url, _):
        asked = [
            b"GET %s HTTP/1.1\r\nhost: localhost\r\n\r\n" % path for path in (b"/health", b"/version") * 3
        ]
        with closing(opened(url, b"".join(asked))) as wire:
            wire.settimeout(10)
            said = b""
            while said.count(b'"version"') < 3:
                said += wire.recv(65_536)
        answers = [part for part in said.split(b"HTTP/1.1 200 OK") if part]
        assert [b'"status":"ok"' in part for part in answers] == [True, False] * 3
