"""A server under load and at its end: clients that leave, too many, failures in mid-stream, SIGTERM."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import openai
import pytest

from adotx.cli import REFUSED, run
from adotx.errors import AdotxError
from adotx.model import Model
from adotx.server.service import Service
from adotx.server.settings import Settings
from scripted_answers import idle
from serving import openai_client, scripted, serving

ENDLESS: dict[str, Any] = {
    "messages": [{"role": "user", "content": "?"}],
    "ignore_eos": True,
    "max_tokens": 1900,
}


class Slow:
    """A constraint that allows anything and takes its time, so that a test can act meanwhile.

    Args:
        seconds: for each id.
        fails_after: ids after which it raises.
    """

    def __init__(self, seconds: float, fails_after: int = 1 << 30) -> None:
        self._seconds, self._left = seconds, fails_after

    def mask(self, scores: Any) -> None:
        time.sleep(self._seconds)

    def accept(self, token: int) -> None:
        self._left -= 1
        if self._left < 0:
            raise RuntimeError("비밀 of the grammar")

    @property
    def finished(self) -> bool:
        return False


class SlowModel(Model):
    """Answers slowly; those to "fail" break off."""

    def _ask(self, messages: Any, **options: Any) -> Any:
        fails = isinstance(messages, list) and messages[-1]["content"] == "fail"
        options["constraint"] = lambda: Slow(0.002, 20 if fails else 1 << 30)
        return super()._ask(messages, **options)


@pytest.fixture
def slow(tmp_path: Path) -> SlowModel:
    model = scripted(tmp_path, {})
    return SlowModel(model.checkpoint, model.engine, local_files=False)


def settled(service: Service) -> bool:
    """Whether nobody holds a place and the engine holds nothing, soon."""
    until = time.monotonic() + 10
    while service._held and time.monotonic() < until:
        time.sleep(0.01)
    return not service._held and idle(service.model.model)


def asked(service: Service, **more: Any) -> dict[str, Any]:
    return {"model": service.name, **ENDLESS, **more}


class TestClientsThatLeave:
    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize("route", ["chat/completions", "completions"])
    def test_their_work_ends(self, slow: SlowModel, stream: bool, route: str) -> None:
        with serving(slow) as (url, service):
            body = asked(service, stream=stream)
            if route == "completions":
                del body["messages"]
                body["prompt"] = "?"
            before = service.model.model.engine.stats().output_tokens
            with pytest.raises(httpx.TimeoutException):
                if stream:
                    with httpx.stream("POST", f"{url}/v1/{route}", json=body, timeout=5) as answer:
                        for _ in answer.iter_lines():
                            raise httpx.ReadTimeout("seen enough")
                httpx.post(f"{url}/v1/{route}", json=body, timeout=0.3)
            assert settled(service)
            assert service.model.model.engine.stats().output_tokens - before < 1900

    def test_before_their_request_was_whole(self, slow: SlowModel) -> None:
        with serving(slow) as (url, service):
            with pytest.raises(httpx.HTTPError):
                httpx.post(f"{url}/v1/completions", content=endless(), timeout=0.3)
            assert settled(service)


def endless() -> Iterator[bytes]:
    yield b"{"
    time.sleep(0.5)
    raise httpx.WriteError("gone")


class TestOverload:
    def test_one_more_than_there_are_places(self, slow: SlowModel) -> None:
        settings = Settings(access_log=False, max_requests=2, retry_after=7)
        with serving(slow, settings) as (url, service):

            async def many() -> list[httpx.Response]:
                async with httpx.AsyncClient(timeout=20) as client:
                    body = asked(service, max_tokens=200)
                    return await asyncio.gather(
                        *(
                            client.post(f"{url}/v1/chat/completions", json={**body, "stream": i % 2 == 0})
                            for i in range(8)
                        )
                    )

            answers = asyncio.run(many())
            taken = [answer for answer in answers if answer.status_code == 200]
            refused = [answer for answer in answers if answer.status_code == 429]
            assert len(taken) == 2 and len(refused) == 6
            assert all(answer.headers["retry-after"] == "7" for answer in refused)
            assert refused[0].json()["error"]["type"] == "rate_limit_error"
            assert settled(service)
            text = httpx.get(f"{url}/metrics").text
            assert 'adotx:request_rejections_total{code="server.busy"} 6.0' in text

    def test_health_answers_meanwhile(self, slow: SlowModel) -> None:
        with serving(slow, Settings(access_log=False, max_requests=1)) as (url, service):
            with httpx.stream(
                "POST", f"{url}/v1/chat/completions", json=asked(service, stream=True)
            ) as answer:
                next(answer.iter_lines())
                for path in ("/health", "/ready", "/metrics", "/v1/models"):
                    assert httpx.get(url + path).status_code == 200
            assert settled(service)

    def test_wall_time(self, slow: SlowModel) -> None:
        with serving(slow, Settings(access_log=False, run_timeout=0.4)) as (url, service):
            whole = httpx.post(f"{url}/v1/chat/completions", json=asked(service))
            assert whole.status_code == 504 and whole.headers["x-should-retry"] == "false"
            client = openai_client(url)
            body = asked(service, stream=True)
            del body["ignore_eos"]
            with pytest.raises(openai.APIError) as failure:
                for _ in client.chat.completions.create(**body, extra_body={"ignore_eos": True}):
                    pass
            assert failure.value.code == "server.timeout"
            assert settled(service)


class TestFailuresInTheMiddle:
    def test_the_stream_ends_with_an_error(self, slow: SlowModel) -> None:
        with serving(slow) as (url, service):
            body = asked(service, messages=[{"role": "user", "content": "fail"}])
            events = httpx.post(f"{url}/v1/chat/completions", json={**body, "stream": True}).text.split(
                "\n\n"
            )
            error = json.loads(events[-2].removeprefix("data: "))["error"]
            assert error["code"] == "server.internal" and error["type"] == "server_error" and events[-1] == ""
            assert "[DONE]" not in events[-2] and len(events) > 10 and "비밀" not in str(events)
            whole = httpx.post(f"{url}/v1/chat/completions", json=body)
            assert whole.status_code == 500 and whole.json()["error"]["code"] == "server.internal"
            assert "비밀" not in whole.text and settled(service)
            assert (
                httpx.post(f"{url}/v1/chat/completions", json=asked(service, max_tokens=2)).status_code == 200
            )

    def test_of_several_answers(self, slow: SlowModel) -> None:
        with serving(slow) as (url, service):
            body = asked(service, messages=[{"role": "user", "content": "fail"}], n=3)
            text = httpx.post(f"{url}/v1/chat/completions", json={**body, "stream": True}).text
            assert '"error"' in text.split("\n\n")[-2] and settled(service)


class TestPings:
    def test_silence_is_filled(self, tmp_path: Path) -> None:
        class Silent(SlowModel):
            def _ask(self, messages: Any, **options: Any) -> Any:
                options["constraint"] = lambda: Slow(0.5)
                return Model._ask(self, messages, **options)

        model = scripted(tmp_path, {})
        silent = Silent(model.checkpoint, model.engine)
        with serving(silent, Settings(access_log=False, ping_interval=0.1)) as (url, service):
            body = asked(service, max_tokens=2, stream=True)
            text = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=20).text
            assert text.count(": ping\n\n") >= 3 and text.endswith("data: [DONE]\n\n")
            client = openai_client(url)
            body = {**body, "extra_body": {"ignore_eos": True}}
            del body["ignore_eos"]
            assert len(list(client.chat.completions.create(**body))) >= 2


def start(folder: Path, *words: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
    """`adotx serve` as a process, and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "adotx", "serve", "--port", "0", "--weights", "f32", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, **environment},
    )
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if found := re.search(r"http://[\w.:\[\]]+:\d+", line):
            return process, found[0]
    raise AssertionError(said)


class TestProcess:
    def test_sigterm_in_the_middle_of_streams(self, tmp_path: Path) -> None:
        """Readiness fails, new work is refused, short answers end, long ones end with an error; code 0."""
        settings = tmp_path / "serve.toml"
        settings.write_text("drain_timeout = 2\n", encoding="utf-8")
        process, url = start(tmp_path, "--settings", str(settings))
        try:
            asyncio.run(self._drain(process, url))
            assert process.wait(20) == 0
            assert process.stderr is not None
            lines = process.stderr.read().splitlines()[2:]  # who may ask, and how much
            assert all(json.loads(line)["event"] == "request" for line in lines) and len(lines) >= 6
        finally:
            process.kill()

    async def _drain(self, process: subprocess.Popen[str], url: str) -> None:
        body: dict[str, Any] = {"model": "nano", **ENDLESS, "stream": True}
        async with httpx.AsyncClient(timeout=30, base_url=url) as client:
            begun = asyncio.Event()

            async def read(max_tokens: int) -> str:
                text = ""
                asked = {**body, "max_tokens": max_tokens}
                async with client.stream("POST", "/v1/chat/completions", json=asked) as answer:
                    async for piece in answer.aiter_text():
                        text += piece
                        begun.set()
                return text

            readers = [asyncio.create_task(read(tokens)) for tokens in (1, 8, 8000, 8000)]
            await begun.wait()
            await asyncio.sleep(0.3)
            process.send_signal(signal.SIGTERM)
            await asyncio.sleep(0.3)
            ready = await client.get("/ready")
            refused = await client.post("/v1/chat/completions", json={**body, "stream": False})
            assert (ready.status_code, refused.status_code) == (503, 503)
            assert refused.headers["retry-after"] and (await client.get("/health")).status_code == 200
            texts = await asyncio.gather(*readers)
        assert all(text.endswith("data: [DONE]\n\n") or '"error"' in text.split("\n\n")[-2] for text in texts)
        assert texts[0].endswith("data: [DONE]\n\n") and '"error"' in texts[2].split("\n\n")[-2]

    @pytest.mark.parametrize(
        "words, what",
        [(["--host", "0.0.0.0"], "0.0.0.0: others"), (["--settings", "no.toml"], "no.toml: No such file")],
    )
    def test_what_is_refused(
        self, words: list[str], what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("ADOTX_LANG", "en")
        assert run(["serve", *words]) == REFUSED
        said = capsys.readouterr()
        assert said.err.startswith(f"error: {what}") and len(said.err.splitlines()) == 1 and not said.out

    def test_keys_from_file_and_environment(self, tmp_path: Path) -> None:
        (tmp_path / "keys").write_text("first\n\nsecond\n", encoding="utf-8")
        process, url = start(tmp_path, "--api-keys", "keys", ADOTX_API_KEY="third")
        try:
            for key, status in (("first", 200), ("second", 200), ("third", 200), ("fourth", 401)):
                given = {"authorization": f"Bearer {key}"}
                assert httpx.get(f"{url}/ready", headers=given).status_code == status
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    from adotx.cli.serve import serve

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(AdotxError) as refusal:
        serve("nano", "f32", False, "127.0.0.1", 0, None, None)
    assert refusal.value.code == "extra.missing" and "adotx[serve]" in str(refusal.value)
