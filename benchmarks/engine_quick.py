"""A quick look at the engine's speed on random weights of nano's shape.

    python benchmarks/engine_quick.py [f32|bf16|int8 ...] [--threads N]

Prints for each weight format: seconds to load and to compile the tower, tiles/s, prompt tokens/s, and
tokens/s decoded by 1, 8 and 16 streams after 512 prompt tokens each. A sanity check of a few seconds on
whatever else the machine does, not a comparison of engines.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from adotx.checkpoint import open_checkpoint
from adotx.engine import Engine, Request, SamplingParams
from engine_checkpoints import NANO_TEXT, NANO_VISION, vl_config, write_checkpoint


def timed(work, *args, **settings):
    start = time.perf_counter()
    result = work(*args, **settings)
    return result, time.perf_counter() - start


def measure(path: Path, weights: str, threads: int | None, new: int) -> dict[str, float]:
    """All figures for one weight format; seconds, or units per second."""
    random = np.random.default_rng(0)
    engine, load = timed(Engine.load, open_checkpoint(path), weights, threads=threads, step_tokens=16 * 512)
    tiles = random.standard_normal((8, 3, 384, 384), dtype=np.float32)
    _, tower = timed(engine.image_features, tiles[:1])
    _, seeing = timed(engine.image_features, tiles)
    figures = {"load s": load, "tower s": tower, "tiles/s": len(tiles) / seeing}
    prompt = random.integers(30, 16384, 512).tolist()
    for streams in (1, 8, 16):
        requests = [Request(prompt, sampling=SamplingParams(new, ignore_eos=True))] * streams
        for _ in ("warm", "timed"):
            running = [engine.stream(request) for request in requests]
            _, reading = timed(lambda running=running: [next(stream) for stream in running])
            counts, decoding = timed(lambda running=running: [sum(1 for _ in stream) for stream in running])
        if streams == 1:
            figures["prompt tok/s"] = len(prompt) / reading
        figures[f"{streams} streams tok/s"] = sum(counts) / decoding
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", nargs="*", default=["f32", "bf16", "int8"])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--new", type=int, default=64, help="tokens each stream decodes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = vl_config(NANO_TEXT, NANO_VISION, 12)
        path = write_checkpoint(Path(folder) / "random", config, dtype="bfloat16")
        size = (path / "model.safetensors").stat().st_size
        print(f"random weights, {size / 1e6:.0f} MB in bf16, {options.threads or 'all'} threads")
        for weights in options.weights:
            figures = measure(path, weights, options.threads, options.new)
            print(weights, *(f"{name} {value:.4g}" for name, value in figures.items()), sep="  ")


if __name__ == "__main__":
    main()
