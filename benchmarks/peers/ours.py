"""Worker for adotx's embedded engine; see `protocol.py`. Runs where adotx is installed.

Settings: the defaults of `Engine.load` (or what `--ours` says), and as much cache memory as the peers have.
Besides the commands of every worker it has `page`. The engine is driven step by step, as `Stream` and
`AsyncEngine` drive it: of streams read in turn each one's tokens would be noted only when its turn comes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from protocol import drive, serve

from adotx.checkpoint import Checkpoint, open_checkpoint
from adotx.engine import Engine, Request, SamplingParams

engine: Engine
opened: Checkpoint


def load(
    checkpoint: str, weights: str, threads: int, context: int, streams: int, settings: dict | None = None
) -> dict[str, str]:
    """`settings` go to `Engine.load`."""
    global engine, opened
    import openvino

    import adotx
    from adotx.engine import native

    chosen = {"kv_memory": 2 << 30, "max_running": streams, **(settings or {})}
    opened = open_checkpoint(checkpoint)
    engine = Engine.load(opened, weights, threads=threads, **chosen)
    kernels = native.kernels() or f"OpenVINO's, own ones {native.why_not()}"
    return {
        "adotx": adotx.__version__,
        "openvino": openvino.__version__.partition("-")[0],
        "kernels": kernels,
    }


def run(streams: list[dict]) -> dict:
    running: dict[int, Any] = {}
    got = [0] * len(streams)

    def submit(index: int, ids: list[int], new: int) -> None:
        request = Request(ids, slots=[], sampling=SamplingParams(new, ignore_eos=True))
        running[index] = engine.submit(request, streamed=streams[index].get("streamed", False))

    def step() -> Iterator[tuple[int, int]]:
        engine.drive(lambda: False)
        for index, sequence in list(running.items()):
            if sequence.error is not None:
                raise sequence.error
            if count := len(sequence.output) - got[index]:
                got[index] += count
                yield index, count
            if sequence.finish_reason is not None:
                del running[index]

    return drive(streams, submit, step)


def page(image: str, shift: int, questions: list[str]) -> dict:
    """Ask the loaded model each question about one page image, rolled by `shift` pixels to be a new one.

    Returns:
        first: seconds from handing a question in to its answer's first token, one for each question;
        prepare: seconds to cut the page into tiles; tiles, prompt_tokens: how many.
    """
    import numpy as np
    from PIL import Image

    from adotx.chat import render_for
    from adotx.vision import open_image, pixels

    config = opened.config
    picture = Image.fromarray(np.roll(np.asarray(open_image(image)), shift, axis=1))
    start = time.perf_counter()
    tiles = pixels(picture, config.tiles)
    result: dict[str, Any] = {"prepare": time.perf_counter() - start, "tiles": len(tiles), "first": []}
    for question in questions:
        content = [{"type": "image"}, {"type": "text", "text": question}]
        rendered = render_for(opened, [{"role": "user", "content": content}], tiles=[len(tiles)])
        sampling = SamplingParams(8, ignore_eos=True)
        start = time.perf_counter()
        with engine.stream(
            Request(rendered.ids, slots=rendered.places, images=[tiles], sampling=sampling)
        ) as stream:
            next(stream)
            result["first"].append(time.perf_counter() - start)
            for _ in stream:
                pass
        result["prompt_tokens"] = len(rendered.ids)
    return result


if __name__ == "__main__":
    serve(load=load, run=run, page=page)
