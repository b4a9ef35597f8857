"""Samples laid out for a step: lengths in, packs out; samples in, tensors out.

A pack is several samples in one sequence. Each has positions of its own, from 0, and no attention mask: from
that (and without a cache) transformers keeps what stands in one sample from seeing another, in every
attention it has. So a pack says the same as its samples one by one. Samples that ask about the same pictures
may share them: a picture's ids are most of a sample, and the vision tower most of the work. Knows no text and
no models.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from adotx.finetune.samples import Sample

IGNORED = -100
#: rows that packs are chosen from at a time: far more than a pack holds, far fewer than sorting would notice
_WINDOW = 2048

Loaded = tuple[Sample, "np.ndarray | None"]


def packs(
    sizes: Sequence[tuple[int, int]],
    budget: tuple[int, int],
    rng: random.Random,
    shared: Sequence[tuple[str, int]] | None = None,
) -> list[list[int]]:
    """Indices in packs: rows in random order, each in the fullest pack that has room, longest first.

    Args:
        sizes: (ids, tiles) of each row.
        budget: (ids, tiles) of a pack at most, 0 tiles for no limit; a row over it is a pack of its own.
        shared: (what its rows have in common, ids of that) of each row; rows with the same stand side by
            side, as far as the budget goes, and what they share counts once.
    """
    most_ids, most_tiles = budget[0], budget[1] or 10**9
    items = _bundles(sizes, most_ids, shared)
    order = rng.sample(range(len(items)), len(items))
    out: list[list[int]] = []
    for start in range(0, len(order), _WINDOW):
        part = sorted((items[n] for n in order[start : start + _WINDOW]), key=lambda item: -item[0])
        open_packs: list[tuple[int, int, list[int]]] = []
        for ids, tiles, rows in part:
            fitting = [
                k for k, (i, t, _) in enumerate(open_packs) if i + ids <= most_ids and t + tiles <= most_tiles
            ]
            if fitting:
                best = max(fitting, key=lambda k: open_packs[k][0])
                i, t, held = open_packs[best]
                open_packs[best] = (i + ids, t + tiles, [*held, *rows])
            else:
                open_packs.append((ids, tiles, list(rows)))
        out += [held for _, _, held in open_packs]
    return out


def _bundles(
    sizes: Sequence[tuple[int, int]], most_ids: int, shared: Sequence[tuple[str, int]] | None
) -> list[tuple[int, int, list[int]]]:
    """(ids, tiles, rows) of what is packed as one: rows that share a beginning, else single rows."""
    out: list[tuple[int, int, list[int]]] = []
    last: dict[tuple[str, int], int] = {}
    for n, (ids, tiles) in enumerate(sizes):
        common = shared[n] if shared is not None and shared[n][1] else None
        at = last.get(common) if common is not None else None
        if common is not None and at is not None and out[at][0] + ids - common[1] <= most_ids:
            out[at] = (out[at][0] + ids - common[1], out[at][1], [*out[at][2], n])
            continue
        if common is not None:
            last[common] = len(out)
        out.append((ids, tiles, [n]))
    return out


def filled(units: list[list[int]], batch: int) -> list[list[int]]:
    """The units with empty ones behind them, so that every step has `batch` of them.

    Else processes would be given some twice, and their number would change what is learnt.
    """
    return units + [[] for _ in range(-len(units) % batch)]


def labels(sample: Sample) -> list[int]:
    """The ids that are trained on, IGNORED elsewhere and at the start, which nothing of its own predicts."""
    pairs = zip(sample.ids, sample.mask, strict=True)
    return [token if trained and n else IGNORED for n, (token, trained) in enumerate(pairs)]


def packed(
    samples: Sequence[Loaded], blank: Loaded | None = None, *, share: bool = False, dense: bool = True
) -> dict[str, torch.Tensor]:
    """One sequence: input_ids, position_ids, labels [1, ids], and pixel_values [tiles, 3, S, S] if any.

    Args:
        blank: stands in where no sample has a picture; see `blank_sample`.
        share: neighbours that ask about the same pictures have their ids once, in front of all of them. Then
            there is an attention_mask [1, 1, ids, ids]: an id sees what stands before it in its own sample.
        dense: the mask is of truth values, as fused attention takes it; else of what is added to scores.
    """
    held = _with_blank(samples, blank)
    groups = _groups(held) if share else [[each] for each in held]
    ids: list[int] = []
    positions: list[int] = []
    wanted: list[int] = []
    branches: list[tuple[int, int]] = []  # group, and sample in it; -1 for what its samples share
    for number, group in enumerate(groups):
        common = group[0][0].shared if len(group) > 1 else 0
        ids += group[0][0].ids[:common]
        positions += range(common)
        wanted += [IGNORED] * common
        branches += [(number, -1)] * common
        for branch, (sample, _) in enumerate(group):
            ids += sample.ids[common:]
            positions += range(common, len(sample.ids))
            # The id before is another sample's: `Sample.shared` sees to it that it has nothing to predict.
            wanted += [IGNORED, *labels(sample)[common + 1 :]]
            branches += [(number, branch)] * (len(sample.ids) - common)
    out = {
        "input_ids": torch.tensor([ids]),
        "position_ids": torch.tensor([positions]),
        "labels": torch.tensor([wanted]),
    }
    if len(groups) < len(held):
        out["attention_mask"] = _mask(branches, dense)
    return out | _pixel_values([group[0] for group in groups])


def _groups(held: Sequence[Loaded]) -> list[list[Loaded]]:
    """Neighbours that begin with the same ids and pictures."""
    out: list[list[Loaded]] = []
    for each in held:
        if out and _alike(out[-1][0], each):
            out[-1].append(each)
        else:
            out.append([each])
    return out


def _alike(a: Loaded, b: Loaded) -> bool:
    n = a[0].shared
    if not n or b[0].shared != n or a[0].ids[:n] != b[0].ids[:n]:
        return False
    return a[1] is not None and b[1] is not None and (a[1] is b[1] or np.array_equal(a[1], b[1]))


def _mask(branches: Sequence[tuple[int, int]], dense: bool) -> torch.Tensor:
    """What each id may see: the ids before it in its group that are shared or of its own sample."""
    groups, samples = (torch.tensor(column) for column in zip(*branches, strict=True))
    past = torch.ones(len(branches), len(branches), dtype=torch.bool).tril()
    mine = (groups[:, None] == groups) & ((samples == -1) | (samples[:, None] == samples))
    allowed = (past & mine)[None, None]
    if dense:
        return allowed
    return torch.zeros(allowed.shape).masked_fill(~allowed, torch.finfo(torch.float32).min)


def padded(samples: Sequence[Loaded], pad_id: int, blank: Loaded | None = None) -> dict[str, torch.Tensor]:
    """One row each, padded on the right: input_ids, attention_mask, labels [n, ids], pixel_values if any."""
    held = _with_blank(samples, blank)
    longest = max(len(sample.ids) for sample, _ in held)

    def rows(lists: list[list[int]], value: int) -> torch.Tensor:
        return torch.tensor([values + [value] * (longest - len(values)) for values in lists])

    out = {
        "input_ids": rows([sample.ids for sample, _ in held], pad_id),
        "attention_mask": rows([[1] * len(sample.ids) for sample, _ in held], 0),
        "labels": rows([labels(sample) for sample, _ in held], IGNORED),
    }
    return out | _pixel_values(held)


def pairs(
    loaded: Sequence[tuple[Loaded, Loaded]], pad_id: int, blank: Loaded | None = None
) -> dict[str, Any]:
    """Chosen rows, then rejected ones, as TRL's DPO takes them: `completion_mask` in place of labels."""
    both = [pair[0] for pair in loaded] + [pair[1] for pair in loaded]
    if blank is not None and not any(pixels is not None for _, pixels in both):
        # A row of its own would be half a pair: the blank picture goes in front of one answer of each kind.
        both[0], both[len(loaded)] = _joined(blank, both[0]), _joined(blank, both[len(loaded)])
    out = padded(both, pad_id)
    wanted = out.pop("labels") != IGNORED
    return {**out, "completion_mask": wanted.long()}


def blank_sample(image_token_id: int, tokens_per_tile: int, side: int) -> Loaded:
    """An empty picture that nothing is learnt from.

    Where several processes train a vision tower together, each must run it in every step: one that had only
    text would leave the others waiting for ever.
    """
    ids = [image_token_id] * tokens_per_tile
    sample = Sample("", ids, [False] * len(ids), [0], [1], len(ids))
    return sample, np.zeros((1, 3, side, side), np.float32)


def _joined(first: Loaded, second: Loaded) -> Loaded:
    a, b = first[0], second[0]
    joined = Sample(b.where, a.ids + b.ids, a.mask + b.mask, a.pictures, a.tiles, a.length + b.length)
    return joined, first[1]


def _with_blank(samples: Sequence[Loaded], blank: Loaded | None) -> list[Loaded]:
    held = list(samples)
    if blank is not None and not any(pixels is not None for _, pixels in held):
        held.append(blank)
    if not held:  # an empty unit of a text model
        held.append((Sample("", [0], [False], [], [], 1), None))
    return held


def _pixel_values(held: Sequence[Loaded]) -> dict[str, torch.Tensor]:
    tiles = [pixels for _, pixels in held if pixels is not None]
    return {"pixel_values": torch.from_numpy(np.concatenate(tiles))} if tiles else {}
