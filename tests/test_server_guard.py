"""What stands before every route: key, Host, Origin, sizes, ids, logs; and where the server may listen."""

from __future__ import annotations

import base64
import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from adotx.errors import AdotxError
from adotx.model import AsyncModel
from adotx.server.app import create_app
from adotx.server.guard import OPEN_PATHS, JsonLines
from adotx.server.running import check_exposure, listen
from adotx.server.service import Service
from adotx.server.settings import Settings
from serving import scripted, serving

KEY = "열쇠-abc-123"
BEARER = {"authorization": f"Bearer {KEY}".encode()}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    model = scripted(tmp_path_factory.mktemp("toy"), {"안녕": "네"})
    settings = Settings(
        api_keys=("other", KEY), hosts=("ocr.example",), origins=("https://page.example",), max_body=2000
    )
    return create_app(Service(AsyncModel(model), settings))


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url="http://localhost")


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    for path, operations in app.openapi()["paths"].items():
        yield from ((method.upper(), path) for method in operations)
    yield "GET", "/openapi.json"


class TestKey:
    def test_every_route_but_health_needs_it(self, app: FastAPI, client: TestClient) -> None:
        asked = set()
        for method, path in routes(app):
            answer = client.request(method, path.replace("{name}", "x"))
            asked.add(path)
            assert (answer.status_code == 401) == (path not in OPEN_PATHS), path
        assert asked > {"/v1/chat/completions", "/metrics", "/tokenize", "/openapi.json", "/health"}

    @pytest.mark.parametrize(
        "path", ["/nope", "/v1", "/x//health", "/health/", "/health/../metrics", "/HEALTH"]
    )
    def test_so_does_what_is_no_route(self, client: TestClient, path: str) -> None:
        assert client.get(path).status_code == 401

    def test_a_path_in_another_header_counts_for_nothing(self, client: TestClient) -> None:
        """CVE-2026-48746: the path was put together again from the Host header."""
        for host in ("localhost/health?", "localhost/health#", "localhost:80/health"):
            assert client.get("/metrics", headers={"host": host}).status_code in (401, 403)
        assert client.get("/metrics", headers={"x-original-url": "/health"}).status_code == 401

    @pytest.mark.parametrize(
        "given", ["", "Bearer", "Bearer  ", "Bearer x", f"Basic {KEY}", f"Token {KEY}", "x" * 9000]
    )
    def test_wrong_ones(self, client: TestClient, given: str) -> None:
        answer = client.get("/ready", headers={"authorization": given.encode()})
        assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Bearer")
        assert answer.json()["error"]["code"] == "invalid_api_key"
        assert KEY not in answer.text

    def test_right_ones(self, client: TestClient) -> None:
        basic = base64.b64encode(f"anybody:{KEY}".encode()).decode()
        for given in (f"Bearer {KEY}", f"bearer {KEY}", "Bearer other", f"Basic {basic}"):
            assert client.get("/ready", headers={"authorization": given.encode()}).status_code == 200

    def test_none_is_needed_where_none_is_set(self, tmp_path: Path) -> None:
        app = create_app(Service(AsyncModel(scripted(tmp_path, {}))))
        assert TestClient(app, base_url="http://localhost").get("/ready").status_code == 200


class TestHostAndOrigin:
    @pytest.mark.parametrize(
        "host",
        [
            "evil.example",
            "",
            "localhost.evil.example",
            "localhost@evil",
            "127.0.0.1.nip.io",
            "[::2]",
            "10.0.0.1",
        ],
    )
    def test_other_names_are_refused(self, client: TestClient, host: str) -> None:
        """CVE-2024-28224: a page whose name was rebound to the loopback address."""
        answer = client.get("/health", headers={"host": host})
        assert answer.status_code == 403 and answer.json()["error"]["code"] == "server.host"

    @pytest.mark.parametrize(
        "host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", "ocr.example"]
    )
    def test_own_names(self, client: TestClient, host: str) -> None:
        assert client.get("/health", headers={"host": host}).status_code == 200

    def test_the_address_that_it_was_reached_at(self, app: FastAPI) -> None:
        for name, status in (("10.0.0.1", 200), ("10.0.0.2", 403)):
            client = TestClient(app, base_url="http://10.0.0.1")
            assert client.get("/health", headers={"host": name}).status_code == status

    def test_pages_of_others_may_not_ask(self, client: TestClient) -> None:
        for origin in ("https://evil.example", "null", "http://localhost.evil"):
            answer = client.post("/tokenize", headers={**BEARER, "origin": origin}, json={"prompt": "가"})
            assert answer.status_code == 403 and answer.json()["error"]["code"] == "server.origin"
            assert "access-control-allow-origin" not in answer.headers

    def test_own_pages_and_listed_ones_may(self, client: TestClient) -> None:
        for origin in ("http://localhost", "https://page.example"):
            answer = client.post("/tokenize", headers={**BEARER, "origin": origin}, json={"prompt": "가"})
            assert answer.status_code == 200, answer.text
        assert answer.headers["access-control-allow-origin"] == "https://page.example"
        asked = {"origin": "https://page.example", "access-control-request-method": "POST"}
        assert client.options("/tokenize", headers=asked).status_code == 200

    def test_a_preflight_of_others_is_refused(self, client: TestClient) -> None:
        asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
        answer = client.options("/tokenize", headers=asked)
        assert answer.status_code >= 400 and "access-control-allow-origin" not in answer.headers


class TestBodies:
    def test_too_large_by_its_header(self, client: TestClient) -> None:
        answer = client.post("/tokenize", headers=BEARER, json={"prompt": "a" * 2000})
        assert answer.status_code == 413 and answer.json()["error"]["code"] == "server.body_too_large"

    def test_too_large_as_it_comes(self, client: TestClient) -> None:
        headers = {**BEARER, "content-type": "application/json"}
        answer = client.post(
            "/tokenize", headers=headers, content=iter([b'{"prompt": "', b"a" * 3000, b'"}'])
        )
        assert answer.status_code == 413

    @pytest.mark.parametrize(
        "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"prompt": NaN}', b"[" * 1900]
    )
    def test_what_is_no_request(self, client: TestClient, body: bytes) -> None:
        answer = client.post(
            "/tokenize", headers={**BEARER, "content-type": "application/json"}, content=body
        )
        assert answer.status_code == 400 and answer.json()["error"]["code"] == "server.parameter"

    def test_a_slow_one(self, tmp_path: Path) -> None:
        with serving(scripted(tmp_path, {}), Settings(body_timeout=0.2, access_log=False)) as (url, _):
            address = httpx.URL(url)
            with socket.create_connection((address.host, address.port or 0), 10) as wire:
                wire.sendall(
                    b"POST /tokenize HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                    b"content-length: 100\r\n\r\n{"
                )
                assert wire.recv(4096).startswith(b"HTTP/1.1 408")

    def test_large_headers(self, tmp_path: Path) -> None:
        """CVE-2025-48956."""
        with serving(scripted(tmp_path, {})) as (url, _):
            try:
                status = httpx.get(url + "/health", headers={"x": "a" * 1_000_000}).status_code
            except httpx.TransportError:
                status = 400  # the connection was closed
            assert 400 <= status < 500
            assert httpx.get(url + "/health").status_code == 200


class TestErrors:
    def test_shape(self, client: TestClient) -> None:
        for answer in (
            client.get("/nope", headers=BEARER),
            client.post("/health"),
            client.get("/ready"),
            client.post("/tokenize", headers=BEARER, json={"prompt": 1}),
        ):
            assert answer.status_code >= 400
            assert answer.json().keys() == {"error"}
            assert answer.json()["error"].keys() == {"message", "type", "param", "code"}

    def test_korean_for_whoever_prefers_it(self, app: FastAPI) -> None:
        from adotx.cli.errors import in_language

        app.state.service.say = in_language
        client = TestClient(
            app, base_url="http://localhost", headers={"accept-language": "ko-KR,ko;q=0.9,en;q=0.8"}
        )
        assert client.get("/ready").json()["error"]["message"].endswith("(bearer 토큰으로 보내세요)")

    def test_unknown_fields_are_named(self, client: TestClient) -> None:
        answer = client.post("/tokenize", headers=BEARER, json={"prompt": "가", "prompts": 1})
        assert answer.status_code == 400 and answer.json()["error"]["param"] == "prompts"


class TestIdsAndLogs:
    def test_ids(self, client: TestClient) -> None:
        given = client.get("/health", headers={"x-request-id": "mine-1"}).headers["x-request-id"]
        others = [
            client.get("/health", headers=h).headers["x-request-id"] for h in ({}, {"x-request-id": "a b\t"})
        ]
        assert (
            given == "mine-1" and all(other.startswith("req_") for other in others) and len(set(others)) == 2
        )
        assert client.get("/nope").headers["x-request-id"]

    def test_a_line_holds_numbers_and_no_text(
        self, client: TestClient, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO, "adotx.server.access"):
            secret = "비밀입니다"
            client.post(f"/tokenize?x={secret}", headers=BEARER, json={"prompt": secret})
            client.get(f"/{secret}", headers=BEARER)
            client.post("/tokenize", headers=BEARER, json={secret: 1})
        lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
        assert [line["status"] for line in lines] == [200, 404, 400]
        assert (
            lines[0]["route"] == "/tokenize"
            and lines[0]["request_id"]
            and lines[2]["error"] == "server.parameter"
        )
        assert secret not in json.dumps(lines, ensure_ascii=False) and KEY not in str(lines)

    def test_a_fault_of_ours_tells_its_place_and_not_its_text(self) -> None:
        try:
            raise RuntimeError("비밀")
        except RuntimeError as error:
            record = logging.LogRecord(
                "adotx.server",
                logging.ERROR,
                "",
                0,
                "request failed",
                (),
                (type(error), error, error.__traceback__),
            )
        line = JsonLines().format(record)
        assert "비밀" not in line and json.loads(line)["error_type"] == "RuntimeError"
        assert "test_server_guard.py" in json.loads(line)["trace"][0]


class TestListening:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.org", "127.0.0.1.nip.io", ""])
    def test_beyond_this_machine_only_with_a_key(self, host: str) -> None:
        with pytest.raises(AdotxError) as refusal:
            check_exposure(host, Settings())
        assert refusal.value.code == "server.open"
        check_exposure(host, Settings(api_keys=("k",)))

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.5.5.5"])
    def test_on_this_machine_without(self, host: str) -> None:
        check_exposure(host, Settings())

    def test_a_taken_port(self) -> None:
        with listen("127.0.0.1", 0) as taken, pytest.raises(AdotxError) as refusal:
            listen("127.0.0.1", taken.getsockname()[1])
        assert refusal.value.code == "server.address"


class TestSettings:
    def test_a_file(self, tmp_path: Path) -> None:
        file = tmp_path / "serve.toml"
        file.write_text('api_keys = ["k"]\nmax_n = 2\nqueue_timeout = 3\n', encoding="utf-8")
        assert Settings.read(file) == Settings(api_keys=("k",), max_n=2, queue_timeout=3.0)
        Settings(
            hosts=("*", "ocr.example", "10.0.0.1", "::1"), origins=("http://localhost:3000", "https://a.b")
        )

    @pytest.mark.parametrize(
        "text, code",
        [
            ("max_m = 2", "server.setting"),
            ("max_n = 0", "server.setting"),
            ("max_n = true", "server.setting"),
            ('max_n = "2"', "server.setting"),
            ("run_timeout = inf", "server.setting"),
            ("hosts = [1]", "server.setting"),
            ('hosts = ["ocr.example:8000"]', "server.setting"),
            ('hosts = ["http://ocr.example"]', "server.setting"),
            ('fetch_hosts = ["https://cdn.example"]', "server.setting"),
            ('origins = ["*"]', "server.setting"),
            ('origins = ["https://page.example/"]', "server.setting"),
            ('api_keys = [""]', "server.setting"),
            ("max_n =", "config.toml"),
        ],
    )
    def test_what_does_not_fit(self, tmp_path: Path, text: str, code: str) -> None:
        file = tmp_path / "serve.toml"
        file.write_text(text, encoding="utf-8")
        with pytest.raises(AdotxError) as refusal:
            Settings.read(file)
        assert refusal.value.code == code

    def test_a_key_is_not_told(self) -> None:
        with pytest.raises(AdotxError) as refusal:
            Settings(api_keys=("geheim", 1))  # type: ignore[arg-type]
        assert "geheim" not in str(refusal.value)


OPTIMIZED = """
import sys
from pathlib import Path
from starlette.testclient import TestClient
from adotx.model import AsyncModel
from adotx.server.app import create_app
from adotx.server.service import Service
from adotx.server.settings import Settings
from serving import scripted

model = scripted(Path(sys.argv[1]), {})
app = create_app(Service(AsyncModel(model), Settings(api_keys=("k",), max_body=5000)))
with TestClient(app, base_url="http://localhost", headers={"authorization": "Bearer k"}) as client:
    name = app.state.service.name
    asked = {"model": name, "messages": [{"role": "user", "content": "?"}], "max_tokens": 1}
    part = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "/etc/passwd"}}]}]
    for want, body, headers in [
        (200, asked, {}), (401, asked, {"authorization": ""}), (403, asked, {"host": "evil"}),
        (413, {**asked, "user": "a" * 5000}, {}), (400, {**asked, "n": 0}, {}),
        (400, {**asked, "seed": 1 << 70}, {}),
        (400, {**asked, "messages": [{"role": "x"}]}, {}), (400, {**asked, "messages": part}, {}),
        (400, {**asked, "tools": [{}]}, {}), (400, {**asked, "logit_bias": {"999999": 1}}, {}),
        (404, {**asked, "model": "x"}, {}),
    ]:
        got = client.post("/v1/chat/completions", json=body, headers=headers)
        if got.status_code != want:
            sys.exit(f"{want}: {got.status_code} {got.text}")
    if client.post("/v1/completions", json={"model": name, "prompt": [0, 1]}).status_code != 400:
        sys.exit("control ids")
"""


def test_refusals_do_not_hang_on_assertions(tmp_path: Path) -> None:
    """CVE-2026-41523: checks that were asserts were gone under `python -O`."""
    folder = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([folder, os.environ.get("PYTHONPATH", "")])}
    words = [sys.executable, "-O", "-c", OPTIMIZED, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
