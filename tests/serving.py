"""A server of its own on a free loopback port, and models behind it that say what a test wants."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from adotx.checkpoint import open_checkpoint
from adotx.engine import Engine
from adotx.model import AsyncModel, Model
from adotx.server.running import Server, listen
from adotx.server.service import Service
from adotx.server.settings import Settings
from checkpoint_toys import toy_checkpoint
from mock_backend import MockBackend
from scripted_answers import says

if TYPE_CHECKING:
    from openai import OpenAI


class ScriptedModel(Model):
    """Says to certain last messages what it was told to, tags of tools included; all else as the model would.

    Attributes:
        answers: text of the last message -> answer, as text or as ids.
        seen: the prompts of the last questions, as text.
    """

    answers: Mapping[str, str | list[int]] = {}

    def _ask(self, messages: Any, **options: Any) -> Any:
        last = messages[-1].get("content") if isinstance(messages, Sequence) else None
        if isinstance(last, str) and last in self.answers:
            answer = self.answers[last]
            tokenizer = self.checkpoint.tokenizer
            ids = tokenizer.encode_with_specials(answer) if isinstance(answer, str) else answer
            options["constraint"] = says(ids)
        return super()._ask(messages, **options)


def scripted(folder: Path, answers: Mapping[str, str | list[int]]) -> ScriptedModel:
    """The toy checkpoint's tokenizer around a backend without weights, and its answers."""
    engine = Engine(MockBackend(vocabulary=320, context=8000, block_size=16), kv_memory=8000)
    chosen = ScriptedModel(open_checkpoint(toy_checkpoint(folder)), engine, local_files=False)
    chosen.answers = answers
    return chosen


@contextmanager
def serving(model: Model, settings: Settings | None = None) -> Iterator[tuple[str, Service]]:
    """(address, service) of a server in a thread of its own."""
    service = Service(AsyncModel(model), settings or Settings(access_log=False), weights="f32")
    server = Server(service)
    with listen("127.0.0.1", 0) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", service
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def openai_client(url: str) -> OpenAI:
    """The official client of a server, which asks once."""
    from openai import OpenAI

    return OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)


@contextmanager
def asked(model: Model) -> Iterator[OpenAI]:
    """The official client of a server of its own."""
    with serving(model) as (url, _):
        yield openai_client(url)


def picture(width: int = 32, height: int = 32, kind: str = "PNG", seed: int = 0, **saving: Any) -> bytes:
    """The file of a picture of noise; a square one is a single tile."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(values).save(file, kind, **saving)
    return file.getvalue()


def data_uri(file: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(file).decode()}"


def image_part(file: bytes, **more: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": data_uri(file), **more}}
