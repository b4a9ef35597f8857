"""The one fetch module: what it refuses before it connects, and that it connects to what it has looked at."""

from __future__ import annotations

import ast
import contextlib
import http.client
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import adotx
from adotx.errors import AdotxError
from adotx.server import fetch as module
from adotx.server.fetch import Rules, fetch, is_public

RULES = Rules(("pictures.example.org",), 1000, 5.0)
PUBLIC, PRIVATE = "93.184.216.34", "10.0.0.7"


class FakeAnswer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.status, self._headers, self._body = status, headers, body

    def getheader(self, name: str, default: str | None = None) -> str | None:
        return self._headers.get(name, default)

    def read1(self, size: int) -> bytes:
        out, self._body = self._body[:100], self._body[100:]
        return out


class FakeNetwork:
    """Hosts by their names; remembers who was connected to, and what was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: FakeAnswer) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.resolved: list[str] = []
        self.addresses: dict[str, list[list[str]]] = {}
        network, left = self, list(answers)

        class Connection:
            def __init__(self, host: str, address: str, timeout: float) -> None:
                self._to = host, address
                self.sock = self

            def request(self, method: str, target: str, headers: dict[str, str]) -> None:
                network.asked.append((*self._to, target))

            def getresponse(self) -> FakeAnswer:
                return left.pop(0)

            def settimeout(self, seconds: float) -> None: ...

            def close(self) -> None: ...

        monkeypatch.setattr(module, "_Pinned", Connection)

    def resolve(self, host: str) -> list[str]:
        self.resolved.append(host)
        answers = self.addresses.get(host, [[PUBLIC]])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def image(body: bytes = b"x" * 500) -> FakeAnswer:
    return FakeAnswer(200, {"content-type": "image/png"}, body)


def moved(to: str) -> FakeAnswer:
    return FakeAnswer(302, {"location": to})


def refused(url: str, network: FakeNetwork, rules: Rules = RULES) -> str:
    with pytest.raises(AdotxError) as refusal:
        fetch(url, rules, "messages[0]", network.resolve)
    assert refusal.value.code == "server.fetch"
    return str(refusal.value)


class TestUrls:
    def test_a_picture(self, monkeypatch: pytest.MonkeyPatch) -> None:
        network = FakeNetwork(monkeypatch, image())
        assert fetch("https://pictures.example.org/a%20b.png?x=1", RULES, "", network.resolve) == b"x" * 500
        assert network.asked == [("pictures.example.org", PUBLIC, "/a%20b.png?x=1")]
        assert network.resolved == ["pictures.example.org"]

    @pytest.mark.parametrize(
        "url",
        [
            "http://pictures.example.org/a.png",
            "https://pictures.example.org:8443/a.png",
            "https://user@pictures.example.org/a.png",
            "https://pictures.example.org@evil.example/a.png",
            "https://evil.example\\@pictures.example.org/a.png",  # CVE-2026-24779
            "https://pictures.example.org\\.evil.example/",
            "https://pictures.example.org/\\evil",
            "https://pictures.example.org /a.png",
            "https://pictures.example.org/a\r\nhost: evil",
            "https://pictures.example.org/a#b",
            "https://evil.pictures.example.org/",
            "https://pictures.example.org.evil.example/",
            "https://pictures.example.org%00.evil/",
            "https://ＰＩＣＴＵＲＥＳ.example.org/",
            "https://127.0.0.1/a.png",
            "https://2130706433/a.png",
            "https://0x7f.1/",
            "https://[::1]/a.png",
            "https:///a.png",
            "https:pictures.example.org/a.png",
            "file:///etc/passwd",
            "gopher://pictures.example.org/",
            "",
        ],
    )
    def test_others_are_refused_unresolved(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        network = FakeNetwork(monkeypatch, image())
        refused(url, network)
        assert not network.resolved and not network.asked

    @example("?ó")
    @example("?\x12")
    @given(st.text(max_size=60))
    def test_whatever_is_connected_to_is_on_the_list(self, text: str) -> None:
        for url in (text, f"https://{text}", f"https://pictures.example.org{text}"):
            with pytest.MonkeyPatch.context() as patch:
                network = FakeNetwork(patch, image())
                with contextlib.suppress(AdotxError):
                    fetch(url, RULES, "", network.resolve)
                assert {host for host, _, _ in network.asked} <= {"pictures.example.org"}
                assert all(re.fullmatch(r"/[!-~]*", target) for _, _, target in network.asked)


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.1.1",
            "172.16.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1%eth0",
            "fc00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:db8::1",
        ],
    )
    def test_private_ones(self, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
        assert not is_public(address)
        network = FakeNetwork(monkeypatch, image())
        network.addresses["pictures.example.org"] = [[PUBLIC, address]]  # one of several is enough
        refused("https://pictures.example.org/", network)
        assert not network.asked

    def test_public_ones(self) -> None:
        assert all(map(is_public, ("93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8")))

    def test_a_name_is_resolved_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        network = FakeNetwork(monkeypatch, image())
        network.addresses["pictures.example.org"] = [[PUBLIC], [PRIVATE]]  # rebinding
        fetch("https://pictures.example.org/", RULES, "", network.resolve)
        assert network.asked[0][1] == PUBLIC and len(network.resolved) == 1


class TestRedirects:
    def test_each_is_looked_at_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        network = FakeNetwork(monkeypatch, moved("/b.png"), image())
        assert fetch("https://pictures.example.org/a", RULES, "", network.resolve)
        assert [target for _, _, target in network.asked] == ["/a", "/b.png"] and len(network.resolved) == 2
        network.addresses["pictures.example.org"] = [[PUBLIC], [PRIVATE]]
        network = FakeNetwork(monkeypatch, moved("/b.png"), image())
        network.addresses["pictures.example.org"] = [[PUBLIC], [PRIVATE]]
        refused("https://pictures.example.org/a", network)
        assert len(network.asked) == 1

    @pytest.mark.parametrize(
        "to",
        [
            "http://pictures.example.org/",
            "https://evil.example/",
            "//evil.example/",
            "file:///etc/passwd",
            "https://pictures.example.org:22/",
            "\\\\evil.example\\",
            "https://169.254.169.254/latest",
        ],
    )
    def test_elsewhere(self, monkeypatch: pytest.MonkeyPatch, to: str) -> None:
        network = FakeNetwork(monkeypatch, moved(to), image())
        refused("https://pictures.example.org/a", network)
        assert len(network.asked) == 1

    def test_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        network = FakeNetwork(monkeypatch, *[moved("/a")] * 20)
        refused("https://pictures.example.org/a", network)
        assert len(network.asked) == module.MOST_REDIRECTS + 1


class TestAnswers:
    @pytest.mark.parametrize(
        "answer",
        [
            image(b"x" * 1001),
            FakeAnswer(200, {"content-type": "text/html"}, b"x"),
            FakeAnswer(200, {}, b"x"),
            FakeAnswer(404, {"content-type": "image/png"}),
            FakeAnswer(206, {"content-type": "image/png"}),
        ],
    )
    def test_what_is_not_taken(self, monkeypatch: pytest.MonkeyPatch, answer: FakeAnswer) -> None:
        refused("https://pictures.example.org/", FakeNetwork(monkeypatch, answer))

    def test_the_networks_words_are_not_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        class Refusing:
            def __init__(self, *given: Any) -> None:
                raise ConnectionRefusedError("[Errno 111] secret internal host")

        network = FakeNetwork(monkeypatch)
        monkeypatch.setattr(module, "_Pinned", Refusing)
        assert "secret" not in refused("https://pictures.example.org/", network)

    def test_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        network = FakeNetwork(monkeypatch, image())
        refused("https://pictures.example.org/", network, Rules(RULES.hosts, 1000, -1.0))


def test_certificates_are_checked_against_the_name() -> None:
    connection = module._Pinned("pictures.example.org", PUBLIC, 1)
    assert connection._tls.check_hostname and connection._tls.verify_mode.name == "CERT_REQUIRED"
    assert issubclass(module._Pinned, http.client.HTTPSConnection)


def test_nothing_else_in_the_server_opens_connections() -> None:
    """Import-linted: one module speaks to other hosts."""
    clients = {
        "http.client",
        "urllib.request",
        "requests",
        "httpx",
        "httpx2",
        "aiohttp",
        "ftplib",
        "socket",
        "ssl",
    }
    folder = Path(adotx.__file__).parent / "server"
    users = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            users |= {path.name for name in names if name in clients}
    assert users == {"fetch.py", "running.py"}  # the second listens
