"""The engine without a server: the load of `load.py` in the process itself; tokens per second on stdout.

usage: python benchmarks/serving/in_process.py CHECKPOINT WEIGHTS CLIENTS REQUESTS PROMPT NEW TOKEN
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from prompts import prompts_for

from adotx.engine import AsyncEngine, Request, SamplingParams
from adotx.model import Model


async def run(model: Model, prompts: list[list[int]], clients: int, new: int, token: int) -> float:
    """Tokens per second."""
    engine = AsyncEngine(model.engine)
    sampling = SamplingParams(new, ignore_eos=True, logit_bias={token: 100.0})
    left, count = list(prompts), 0

    async def client() -> None:
        nonlocal count
        while left:
            async for _ in await engine.stream(Request(left.pop(), slots=[], sampling=sampling)):
                count += 1

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return count / (time.perf_counter() - start)


def main() -> None:
    checkpoint, weights, *numbers = sys.argv[1:]
    clients, requests, length, new, token = map(int, numbers)
    model = Model.open(checkpoint, weights)
    warm = prompts_for(Path(model.checkpoint.path), clients, length, "warm")
    asyncio.run(run(model, warm, clients, new, token))
    prompts = prompts_for(Path(model.checkpoint.path), requests, length, "engine")
    print(json.dumps(asyncio.run(run(model, prompts, clients, new, token))))


if __name__ == "__main__":
    main()
