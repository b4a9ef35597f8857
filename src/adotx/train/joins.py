"""Fits the table of `adotx.documents.assembly.joins`: what the characters at a line's end say of the word's.

In: the corpora (training side of the split only). Out: joins.json, a logistic regression over the characters
at the seam, weights rounded to a tenth. Run `python -m adotx.train.joins CORPORA [OUT]`; it prints
the accuracy on validation texts. Knows nothing of pages.
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from adotx.documents.assembly.joins import STOPS, features
from adotx.markdown.line_breaks import may_break

# Fewer occurrences than this say little, by feature.
_LEAST = {"end1": 5, "end2": 60, "end3": 80, "start1": 5, "start2": 80, "start3": 120, "seam": 60}
_EPOCHS, _RATE = 3, 0.3

Sample = tuple[list[tuple[str, str]], int]


def seams(texts: Sequence[str], count: int, rng: random.Random) -> Iterator[Sample]:
    """(features, 1 for a word's end) at up to `count` places of each text where a line may break anywhere."""
    for text in texts:
        for _ in range(count if len(text) >= 8 else 0):
            at = rng.randrange(2, len(text) - 1)
            left, right = text[:at].rstrip(), text[at:]
            if text[at] == " " or not left:
                continue
            before, after = left[-1], right[0]
            if before in STOPS or not may_break(before, after):
                continue  # decided without the table
            yield features(left, right), int(text[at - 1] == " ")


def fit(samples: Sequence[Sample]) -> dict:
    """The table: a weight for each feature's values, and the bias. AdaGrad, so rare values move far at
    first."""
    counts = Counter(feature for found, _ in samples for feature in found)
    known = {f: i for i, f in enumerate(f for f, n in counts.items() if n >= _LEAST[f[0]])}
    rows = [np.array([known[f] for f in found if f in known] + [len(known)]) for found, _ in samples]
    weights, squares = np.zeros(len(known) + 1), np.full(len(known) + 1, 1e-6)
    for epoch in range(_EPOCHS):
        for number in np.random.default_rng(epoch).permutation(len(rows)):
            row = rows[number]
            guess = 1 / (1 + math.exp(-max(-30.0, min(30.0, float(weights[row].sum())))))
            slope = guess - samples[number][1] + 1e-5 * weights[row]
            squares[row] += slope * slope
            weights[row] -= _RATE * slope / np.sqrt(squares[row])
    table: dict = {"bias": round(float(weights[-1]), 2), **{name: {} for name in _LEAST}}
    for (name, value), number in known.items():
        weight = round(float(weights[number]), 1)
        if abs(weight) >= 0.2:
            table[name][value] = weight
    return table


def accuracy(table: dict, samples: Sequence[Sample]) -> float:
    """Share of seams that the table decides rightly."""
    right = [
        (table["bias"] + sum(table[name].get(value, 0.0) for name, value in found) > 0) == bool(space)
        for found, space in samples
    ]
    return sum(right) / max(len(right), 1)


def main(corpora: str, out: str) -> None:
    """Fit on the training side, measure on the other, write the table."""
    from adotx.data.source import TextSource

    sides: dict[str, list[Sample]] = {}
    for side, most, count in (("train", 75_000, 6), ("validation", 3_500, 4)):
        rng = random.Random(0)
        source = TextSource.from_corpora(corpora, side)  # type: ignore[arg-type]
        texts = rng.sample(source.korean, min(len(source.korean), most * 4 // 5))
        texts += rng.sample(source.casual, min(len(source.casual), most // 5))
        sides[side] = list(seams(texts, count, rng))
    table = fit(sides["train"])
    print(f"{len(sides['train'])} seams, accuracy on validation {accuracy(table, sides['validation']):.4f}")
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    Path(out).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    shipped = Path(__file__).parents[1] / "documents/assembly/joins.json"
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else str(shipped))
