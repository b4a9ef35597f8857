"""benchmarks/serve.py: its clients, its servers, its report's structure. Nothing is asserted about speed."""

from __future__ import annotations

import asyncio
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmark_modules import BENCHMARKS, importer
from checkpoint_toys import toy_checkpoint


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    yield from importer(monkeypatch, BENCHMARKS, BENCHMARKS / "peers", BENCHMARKS / "serving")


def test_a_run(bench: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toy_checkpoint(tmp_path / "toy")
    peer = f"{sys.executable} -m adotx serve --weights f32 --model {{checkpoint}} --port {{port}}"
    command = ["--checkpoint", str(tmp_path / "toy"), "--weights", "f32", "--peer", peer, "--rounds", "1"]
    command += ["--clients", "1", "3", "--requests", "3", "--prompt", "8", "--new", "4", "--long", "300"]
    command += ["--scenarios", "load", "overload", "end", "restart", "--json", str(tmp_path / "report.json")]
    bench("serve").main(command)
    report = json.loads((tmp_path / "report.json").read_text())
    for clients, count in (("1", 3), ("3", 6)):
        for label in ("ours", "peer"):
            [entry] = report["load"][clients][label]["rounds"]
            assert entry["done"] == entry["answers"] == count and entry["lost"] == 0
            assert entry["tokens/piece"] == 1 and entry["tok/s"] > 0
            assert entry["first p50 s"] <= entry["first p95 s"]
    overload = report["overload"]
    assert overload["done"] + overload["429"] == 64 and overload["429"] == overload["429 with retry-after"]
    assert "hangs" not in overload and "cut" not in overload and overload["afterwards"] == 0
    end = report["end"]
    assert end.get("done", 0) + end.get("error", 0) == 16 and end["exit code"] == 0
    assert report["restart"]["restart s"] > 0 and report["restart"]["lost afterwards"] == 0
    assert "restart" in capsys.readouterr().out


def test_a_peer_that_does_not_start_is_told(bench: Any, tmp_path: Path) -> None:
    servers = bench("servers")
    server = servers.Server(
        "peer", [sys.executable, "-c", "raise SystemExit(1)"], "/health", tmp_path / "log"
    )
    with pytest.raises(bench("process").EngineFailed, match="not ready"):
        server.start(30)


def test_figures(bench: Any) -> None:
    module = bench("load")
    done = module.Answer(200, 1.0, 3.0, [1.5, 2.0, 3.0], 3, "done")
    cut = module.Answer(200, 1.0, 5.0, [1.5], 0, "cut")
    told = module.summary([done, cut])
    assert (told["lost"], told["cut"], told["tok/s"]) == (1, 1, 3 / 4)
    assert told["first p50 s"] == 0.5 and told["gap p50 ms"] == 750 and told["tokens/piece"] == 1
    assert module.summary([cut])["lost"] == 1
    assert module.percentile([1.0, 2.0, 3.0], 50) == 2 and math.isnan(module.percentile([], 50))


PEER = """
import json, os, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"data": [{"id": "toy"}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        if sys.argv[2] == "dies" and os.fork():
            os._exit(3)
        time.sleep(1000)  # the child has the port, and answers nobody

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.mark.parametrize(("what", "told"), [("dies", "ended with 3"), ("is silent", "hangs")])
def test_a_peer_is_not_waited_for_once_it_is_dead(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, told: str
) -> None:
    (tmp_path / "peer.py").write_text(PEER)
    servers, load = bench("servers"), bench("load")
    monkeypatch.setattr(load, "PATIENCE", 1000.0 if what == "dies" else 2.0)
    run = bench("serve").Bench.__new__(bench("serve").Bench)
    toy_checkpoint(tmp_path / "toy")
    run.options, run.checkpoint = bench("serve").parse(["--prompt", "8"]), tmp_path / "toy"
    run.token, run.work, run.report = 5, tmp_path, {}
    words = [sys.executable, str(tmp_path / "peer.py"), "{port}", what]
    server = servers.Server("peer", words, "/health", tmp_path / "log")
    server.start()
    try:
        with pytest.raises(bench("process").EngineFailed, match=told):
            asyncio.run(run.watched(server, 2, "seed"))
    finally:
        server.kill()
    assert asyncio.run(load.get(server.port, "/health")) == (0, None), "its child is gone too"
