"""From what workers measured to figures. In: moments in seconds. Out: rates, percentiles, ratios."""

from __future__ import annotations

import statistics
from itertools import pairwise
from pathlib import Path

import numpy as np


def gaps(times: list[list[float]], after: float = -1.0) -> np.ndarray:
    """Seconds between neighbouring tokens, of those whose first came at `after` or later."""
    return np.array([b - a for stream in times for a, b in pairwise(stream) if a >= after])


def figures(times: list[list[float]], prompt: int) -> dict[str, float]:
    """One run's figures, as the head of this file explains them."""
    new = len(times[0])
    assert all(len(stream) == new for stream in times), "a stream ended early"
    begun, ended = max(stream[0] for stream in times), max(stream[-1] for stream in times)
    until = min(stream[(new - 1) * 9 // 10] for stream in times)
    together = until > begun
    since = begun if together else min(stream[0] for stream in times)
    until = until if together else ended
    decoded = sum(since < moment <= until for stream in times for moment in stream)
    between = gaps(times) * 1000
    return {
        "decode tok/s": decoded / (until - since),
        "whole tok/s": len(times) * new / ended,
        "prompt tok/s": len(times) * prompt / begun,
        "first s": statistics.median(stream[0] for stream in times),
        "p50 ms": float(np.percentile(between, 50)),
        "p95 ms": float(np.percentile(between, 95)),
        "together": int(together),
        "tokens": len(times) * new,
    }


def arrival_figures(result: dict) -> dict[str, float]:
    """How the running streams fared while the last stream's long prompt was computed."""
    *running, [first] = result["times"]
    arrived, begun = result["arrivals"][-1], max(stream[0] for stream in running)
    calm = np.median(gaps(running, begun)) * 1000
    during = [(b - a) * 1000 for stream in running for a, b in pairwise(stream) if b > arrived and a < first]
    whole = float(np.percentile(gaps(running, begun) * 1000, 95))
    figure = {
        "p50 ms": float(calm),
        "p95 ms": whole,
        "p95 / p50": whole / calm,
        "long first s": first - arrived,
    }
    if during:
        worst = float(np.percentile(during, 95))
        figure |= {"p95 ms during": worst, "p95 during / p50": worst / calm}
    return figure


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}


def ratios(report: dict) -> dict[str, dict[str, dict[str, float]]]:
    """{figure: {streams: {ours: {other engine: ours / other}}}}, for the two rates that matter most."""
    result: dict = {"decode tok/s": {}, "whole tok/s": {}}
    for name, of_figure in result.items():
        for count, by_label in report["streams"].items():
            speed = {label: entry["median"][name] for label, entry in by_label.items()}
            of_figure[count] = {
                label: {other: speed[label] / speed[other] for other in speed if other != label}
                for label in speed
                if label.startswith("ours")
            }
    return result


def weight_bytes(checkpoint: Path, weights: str) -> int:
    """Bytes of weights that one token reads: the matrices of the decoder's layers and of its output."""
    from adotx.checkpoint import open_checkpoint
    from adotx.engine.weights.formats import plan

    matrices = plan(open_checkpoint(checkpoint).config, "int4" if weights == "int4" else "int8")
    if weights in ("f32", "bf16"):
        return sum(matrix.rows * matrix.columns for matrix in matrices) * {"f32": 4, "bf16": 2}[weights]
    return sum(
        rows * columns * dtype.itemsize
        for matrix in matrices
        for (rows, columns), dtype in zip(matrix.shapes, matrix.dtypes, strict=True)
    )
