"""Fits what `adotx.documents.readers.confidence` holds: how likely a character, and a figure, is right.

    usage: python benchmarks/confidence.py EXAM [--model nano] [--pages 4] [--evidence FILE]

Reads the first pages of every kind of an exam (`benchmarks/exam`), row by row. A row's characters are right
where the place of the page's truth that is most like the row has them too. Two logistic curves with weights
of at least 0 are fitted on the pages of even number; on those of odd number it prints how often what was
expected came true. Nothing is fitted to a kind or a file: eight numbers in all. `--evidence` keeps what was
read, to fit again.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from adotx.documents.layout import lay_out, pack
from adotx.documents.readers.confidence import Evidence, clipped_logit
from adotx.documents.readers.joining import JoinedRow
from adotx.documents.readers.rows import RowReader
from adotx.markdown import parse_markdown, to_markdown
from adotx.model import Model

# Rows shorter than this are found somewhere in any truth.
_SHORTEST = 4
# Weight of the penalty on large weights; there are thousands of samples.
_RIDGE = 1.0


def right_characters(said: str, true: str) -> list[bool]:
    """Whether each character of `said` is right, at the place of `true` that it is most like."""
    a, b = (np.frombuffer(text.encode("utf-32-le"), np.uint32) for text in (said, true))
    best = np.zeros((len(a) + 1, len(b) + 1), np.int32)  # it may begin anywhere in the truth
    steps = np.arange(len(b) + 1, dtype=np.int32)
    for i, code in enumerate(a, 1):
        row = np.concatenate(([i], np.minimum(best[i - 1, 1:] + 1, best[i - 1, :-1] + (b != code))))
        best[i] = np.minimum.accumulate(row - steps) + steps
    right = [False] * len(a)
    i, j = len(a), int(best[-1].argmin())
    while i:
        if j and best[i, j] == best[i - 1, j - 1] + (a[i - 1] != b[j - 1]):
            i, j = i - 1, j - 1
            right[i] = bool(a[i] == b[j])
        elif best[i, j] == best[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return right


def samples(rows: list[JoinedRow], truth: str) -> tuple[list[list[float]], list[list[float]]]:
    """(of characters, of figures): sure, heads, second, right."""
    characters, figures = [], []
    true = "".join(to_markdown(parse_markdown(truth)).split())
    for row in rows:
        letters = [n for n, char in enumerate(row.text) if char != " "]
        if len(letters) < _SHORTEST:
            continue
        right = dict(zip(letters, right_characters("".join(row.text[n] for n in letters), true), strict=True))
        characters += [[*_numbers(row.evidence[n]), right[n]] for n in letters]
        for token in row.tokens:
            if token.is_figure:
                held = [_numbers(row.evidence[n]) for n in range(token.start, token.end)]
                whole = all(right[n] for n in range(token.start, token.end))
                figures.append([*(min(column) for column in zip(*held, strict=True)), whole])
    return characters, figures


def _numbers(evidence: Evidence) -> tuple[float, float, float]:
    return evidence.sure, evidence.heads, evidence.second


def fitted(table: np.ndarray) -> np.ndarray:
    """(base, sure, heads, second) of a logistic curve, the latter three at least 0."""
    x = np.concatenate([np.ones((len(table), 1)), table[:, :3]], 1)
    x[:, 1] = [clipped_logit(p) for p in table[:, 0]]
    y, weights = table[:, 3], np.zeros(4)
    for _ in range(3000):
        expected = 1 / (1 + np.exp(-(x @ weights)))
        slope = x.T @ (expected - y) + _RIDGE * weights
        curve = (x * (expected * (1 - expected))[:, None]).T @ x + _RIDGE * np.eye(4)
        step = np.linalg.solve(curve, slope)
        weights = weights - 0.5 * step
        weights[1:] = np.maximum(weights[1:], 0)
        if np.abs(step).max() < 1e-6:
            break
    return weights


def show(name: str, table: np.ndarray, weights: np.ndarray) -> None:
    """How often what is expected comes true."""
    x = np.concatenate([np.ones((len(table), 1)), table[:, :3]], 1)
    x[:, 1] = [clipped_logit(p) for p in table[:, 0]]
    expected = 1 / (1 + np.exp(-(x @ weights)))
    print(f"\n{name}: {len(table)}, {100 * table[:, 3].mean():.1f} % right")
    print("\n| expected | n | right |\n|---|---:|---:|")
    edges = [0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99, 0.995, 1.001]
    for low, high in pairwise(edges):
        held = (expected >= low) & (expected < high)
        if held.any():
            print(f"| {low:.3f}-{min(high, 1):.3f} | {held.sum()} | {table[held, 3].mean():.4f} |")
    print("\n| doubtful below | doubted | of the wrong ones |\n|---|---:|---:|")
    wrong = table[:, 3] < 0.5
    for limit in (0.8, 0.9, 0.95, 0.97, 0.98, 0.99):
        doubt = expected < limit
        print(f"| {limit} | {doubt.mean():.3f} | {doubt[wrong].mean() if wrong.any() else math.nan:.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("exam", type=Path)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--pages", type=int, default=4)
    parser.add_argument("--evidence", type=Path)
    args = parser.parse_args()
    read: list[tuple[int, list[list[float]], list[list[float]]]] = []
    if args.evidence and args.evidence.exists():
        read = json.loads(args.evidence.read_text(encoding="utf-8"))
    else:
        reader = RowReader(Model.open(args.model))
        for path in sorted(args.exam.glob("*/*.png")):
            if int(path.stem) < args.pages:
                layout = lay_out(Image.open(path).convert("RGB"))
                truth = path.with_suffix(".md").read_text(encoding="utf-8")
                rows = [] if layout.blank else reader.rows(pack(layout))[0]
                read.append((int(path.stem) % 2, *samples(rows, truth)))
                print(path, len(read[-1][1]), len(read[-1][2]), file=sys.stderr, flush=True)
        if args.evidence:
            args.evidence.write_text(json.dumps(read), encoding="utf-8")
    for name, at in (("characters", 1), ("figures", 2)):
        even, odd = (
            np.array([each for page in read if page[0] == half for each in page[at]], np.float64)
            for half in (0, 1)
        )
        weights = fitted(even)
        print(f"\n_Logistic({', '.join(f'{w:.2f}' for w in weights)})  # {name}")
        show(name, odd, weights)


if __name__ == "__main__":
    main()
