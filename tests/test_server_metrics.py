"""/metrics as Prometheus reads it, and logs at every level: numbers and names of ours, nobody's text."""

from __future__ import annotations

import logging
from pathlib import Path

import httpx2 as httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from adotx.server.guard import JsonLines
from adotx.server.settings import Settings
from serving import scripted, serving

SECRET = "비밀입니다"
#: vLLM's nouns, which people graph already
WANTED = {
    "num_requests_running", "num_requests_waiting", "kv_cache_usage_perc", "prompt_tokens",
    "generation_tokens", "request_success", "time_to_first_token_seconds", "inter_token_latency_seconds",
    "e2e_request_latency_seconds", "request_queue_time_seconds", "request_prefill_time_seconds",
    "request_decode_time_seconds", "prefix_cache_queries", "prefix_cache_hits", "images", "tiles",
    "tower_seconds", "image_failures", "blocked_fetches", "request_rejections", "http_requests",
}  # fmt: skip


def test_as_prometheus_reads_it(tmp_path: Path) -> None:
    with serving(scripted(tmp_path, {"가": "나다라"}), Settings(model_name="toy", access_log=False)) as (
        url,
        _,
    ):
        for stream in (False, True):
            body = {"model": "toy", "messages": [{"role": "user", "content": "가"}], "stream": stream}
            assert httpx.post(f"{url}/v1/chat/completions", json=body).status_code == 200
        for path in ("/nope", f"/{SECRET}", "/v1/models/other"):
            httpx.get(url + path)
        httpx.post(f"{url}/v1/chat/completions", json={"model": SECRET, "messages": []})
        answer = httpx.get(f"{url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {
        family.name.removeprefix("adotx:"): family for family in text_string_to_metric_families(answer.text)
    }
    assert families.keys() >= WANTED
    assert all(family.documentation and family.type != "unknown" for family in families.values())
    assert SECRET not in answer.text and str(tmp_path) not in answer.text

    def told(name: str) -> dict[tuple[str, ...], float]:
        samples = families[name].samples
        return {
            tuple(v for _, v in sorted(s.labels.items())): s.value
            for s in samples
            if s.name.endswith("_total")
        }

    requests = told("http_requests")
    assert requests["200", "/v1/chat/completions"] == 2 and requests["400", "/v1/chat/completions"] == 1
    # A path that is no route is the client's text, of which there is no end.
    assert requests["404", "other"] == 2 and requests["404", "/v1/models/{name:path}"] == 1
    assert told("request_success")["stop",] == 2
    assert told("request_rejections")["server.model",] == 1


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_no_text_at_any_level(tmp_path: Path, caplog: pytest.LogCaptureFixture, level: int) -> None:
    limits = Settings(model_name="toy", max_prompt_tokens=3000)
    message = [{"role": "user", "content": SECRET}]
    bodies: list[dict[str, object]] = [
        {"messages": message, "max_tokens": 3},
        {"messages": message, "max_tokens": 3, "stream": True},
        {"messages": [{"role": "user", "content": SECRET * 2000}]},
        {"messages": [{"role": SECRET, "content": "?"}]},
        {"messages": message, SECRET: 1},
        {"messages": message, "stop": [SECRET] * 9},
        {"messages": message, "response_format": {"type": SECRET}},
        {"messages": message, "tools": [{"type": "function", "function": {"name": SECRET}}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": SECRET}}]}]},
    ]
    with caplog.at_level(level), serving(scripted(tmp_path, {SECRET: SECRET}), limits) as (url, _):
        for body in bodies:
            httpx.post(f"{url}/v1/chat/completions", json={"model": "toy", **body})
        httpx.post(f"{url}/v1/documents/transcriptions", files={"file": (SECRET, SECRET.encode())})
    ours = [record for record in caplog.records if record.name.startswith(("adotx", "uvicorn"))]
    assert ours
    said = "\n".join(JsonLines().format(record) + record.getMessage() for record in ours)
    assert SECRET not in said and SECRET.encode("unicode_escape").decode() not in said
