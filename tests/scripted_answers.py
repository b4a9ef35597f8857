"""Models that say what a test wants: the engine without weights, held to given ids by a constraint."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adotx.checkpoint import AxTokenizer, open_checkpoint
from adotx.engine import Engine
from adotx.model import Model, Reply
from checkpoint_toys import toy_checkpoint
from mock_backend import MockBackend

TOOL = {
    "type": "function",
    "function": {
        "name": "날씨",
        "parameters": {"type": "object", "properties": {"도시": {"type": "string"}}},
    },
}


class Script:
    """Allows one answer only. The model's log-probabilities stay its own."""

    def __init__(self, ids: Sequence[int]) -> None:
        self._left = list(ids)

    def mask(self, scores: np.ndarray) -> None:
        next_one = scores[self._left[0]]
        scores[:] = -np.inf
        scores[self._left[0]] = next_one

    def accept(self, token: int) -> None:
        assert token == self._left.pop(0)

    @property
    def finished(self) -> bool:
        return not self._left


def says(ids: Sequence[int]) -> Callable[[], Script]:
    """A `constraint` under which the answer is `ids`, after which it ends by itself."""
    return lambda: Script(ids)


def mock_model(folder: Path, **settings: object) -> Model:
    """The toy checkpoint's tokenizer and configuration around a backend without weights."""
    checkpoint = open_checkpoint(toy_checkpoint(folder) if not any(folder.iterdir()) else folder)
    backend = MockBackend(vocabulary=320, context=2000, block_size=16)
    return Model(checkpoint, Engine(backend, kv_memory=2000, **settings))  # type: ignore[arg-type]


def cut_anyhow(tokenizer: AxTokenizer, text: str, seed: int = 0) -> list[int]:
    """Ids whose bytes are those of `text`, cut wherever a token allows it: within characters, across them."""
    tokens = {
        tokenizer.token_bytes(i): i for i in range(tokenizer.vocab_size) if i not in tokenizer.control_ids
    }
    draw, data, ids = random.Random(seed), text.encode(), []
    while data:
        known = [data[:n] for n in range(1, max(map(len, tokens)) + 1) if data[:n] in tokens]
        chosen = draw.choice(known)
        ids.append(tokens[chosen])
        data = data[len(chosen) :]
    return ids


def ask(text: str = "?") -> list[dict[str, Any]]:
    return [{"role": "system", "content": "짧게"}, {"role": "user", "content": text}]


def idle(model: Model, seconds: float = 10) -> bool:
    """Whether the engine holds nothing any more: the thread that drives it may be at its last step."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        stats = model.engine.stats()
        if stats.running == stats.waiting == 0 and stats.free_blocks == stats.blocks:
            return True
        time.sleep(0.01)
    return False


def script(model: Model, text: str, seed: int = 0) -> Any:
    return says(cut_anyhow(model.checkpoint.tokenizer, text, seed))


def same(one: Reply, other: Reply) -> bool:
    """Equal but for what was found in the cache, which depends on who asked before."""

    def told(reply: Reply) -> tuple:
        usage = (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.image_tokens)
        return reply.text, reply.tool_calls, reply.finish_reason, usage, reply.logprobs, reply.loop_start

    return told(one) == told(other)
