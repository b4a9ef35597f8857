"""An engine on the mock backend and requests for it, for tests of what a server does to an engine."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from adotx.engine import Engine, Request, SamplingParams
from mock_backend import IMAGE, MockBackend

LONG = SamplingParams(60, ignore_eos=True)
ENDLESS = SamplingParams(90_000, ignore_eos=True)


def engine(backend: MockBackend | None = None, **settings: Any) -> Engine:
    return Engine(backend or MockBackend(), **{"kv_memory": 400, **settings})


def request(seed: int, length: int = 5, sampling: SamplingParams = LONG, **others: Any) -> Request:
    ids = np.random.default_rng(seed).integers(2, 40, length).tolist()
    return Request(ids, sampling=sampling, **others)


def pictured(number: float, tiles: int = 2, **others: Any) -> Request:
    pixels = np.full((tiles, *IMAGE.tile_shape), number, np.float32)
    return Request([5, *[1] * (3 * tiles), 6, 7], images=[pixels], sampling=LONG, **others)


def alone(asked: Request) -> list[int]:
    return engine(prefix_cache=False).generate([asked])[0].ids


def is_idle(engine: Engine, seconds: float = 10) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        stats = engine.stats()
        if stats.running == stats.waiting == 0 and stats.free_blocks == stats.blocks:
            return True
        time.sleep(0.01)
    return False
