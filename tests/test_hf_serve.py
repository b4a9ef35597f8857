"""`transformers serve` with a folder of ours: an answer to a picture and to a text, over loopback."""

from __future__ import annotations

import base64
import io
import json
import socket
import sys
import time
import urllib.request

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
cli = pytest.importorskip("transformers.cli.serve")
for needed in ("fastapi", "uvicorn", "openai"):
    pytest.importorskip(needed)

from transformers import AutoProcessor  # noqa: E402

from test_hf_parts import small_model, write_processor  # noqa: E402
from test_hf_processor import WIDE  # noqa: E402


def test_command_line_is_that_of_transformers(monkeypatch, capsys):
    from adotx.hf.__main__ import main

    monkeypatch.setattr(sys, "argv", ["adotx.hf", "version"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0 and transformers.__version__ in capsys.readouterr().out


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    path = write_processor(tmp_path_factory.mktemp("served"))
    small_model().save_pretrained(path)
    AutoProcessor.from_pretrained(path).save_pretrained(path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = cli.Serve(
        force_model=str(path), host="127.0.0.1", port=port, device="cpu", dtype="float32", non_blocking=True
    )
    for _ in range(2000):  # until it listens
        with socket.socket() as tried:
            if not tried.connect_ex(("127.0.0.1", port)):
                break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/v1/chat/completions", str(path)
    served.kill_server()


@pytest.mark.parametrize("picture", [True, False])
def test_answers(url, picture):
    buffer = io.BytesIO()
    WIDE.save(buffer, "PNG")
    image = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    parts = [{"type": "image_url", "image_url": {"url": image}}] if picture else []
    body = {
        "model": url[1],
        "messages": [{"role": "user", "content": [*parts, {"type": "text", "text": "what?"}]}],
        "max_tokens": 4,
        "temperature": 0,
    }
    request = urllib.request.Request(
        url[0], json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        values = json.load(answer)
    assert isinstance(values["choices"][0]["message"]["content"], str)
    assert values["usage"]["prompt_tokens"] > (12 if picture else 0)
