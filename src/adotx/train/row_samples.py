"""Tiles as the reading stages see them: one picture, one prompt, one answer for each row.

In: `RowTile`s. Out: `ReadingSample`s and batches of them. All rows of a tile share the prompt up to the
picture; behind it stand, one row after another, the row's number with the head of an answer, and the row's
text. An id sees the shared prompt and what stands before it in its own row, and counts its position from the
end of the shared prompt: so a tile is one sequence that says the same as a request for each row.
Knows nothing of models.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import torch

from adotx.chat import render
from adotx.chat.shown import shown
from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.data.rows import GRID, RowTile
from adotx.documents.readers.prompts import read_row
from adotx.train.spelling import reading_ids

IGNORED = -100
#: the row of ids that all rows share
SHARED = -1
#: the row of padding: nobody sees it
PADDING = -2
#: ids of a training sample at most; a full tile of long rows has more
LONGEST = 448
#: ids of a row besides its text: its number, the head of the answer, the end
_AROUND = 7
#: lengths of a batch are multiples of this, so that the allocator meets few sizes (docs/log.md)
_LENGTH_STEP = 64


@dataclass(frozen=True)
class ReadingSample:
    """One tile as the model sees it; all lists are as long as `ids`.

    pixels uint8 [384, 384]; timesteps int16 [144, 4, 3], as in `RowTile`; rows: the row an id belongs to,
    SHARED for the prompt; labels: the ids of the answers, IGNORED elsewhere; current, next: index in `ids` of
    the image token that holds the glyph of this id, and of the one that comes next in its row; IGNORED where
    there is none.
    """

    pixels: np.ndarray
    timesteps: np.ndarray
    ids: list[int]
    rows: list[int]
    labels: list[int]
    current: list[int]
    next: list[int]


def row_prompt(tokenizer: AxTokenizer, row: int, image_token_id: int = 22) -> tuple[list[int], list[int]]:
    """(shared ids up to the last image token, ids behind it) of the prompt of row 0..11."""
    prompt = render(
        read_row(row + 1), tokenizer, tiles=[1], image_token_id=image_token_id, tokens_per_tile=GRID * GRID
    )
    end = prompt.slots[0].start + GRID * GRID
    return list(prompt.ids[:end]), list(prompt.ids[end:])


def reading_sample(
    tile: RowTile, tokenizer: AxTokenizer, image_token_id: int = 22, rng: random.Random | None = None
) -> ReadingSample:
    """The shared prompt and an answer for each row of the tile, and for the first row that is empty.

    Args:
        rng: leaves out rows, so that a sample is not longer than `LONGEST`.
    """
    ids, _ = row_prompt(tokenizer, 0, image_token_id)
    start = len(ids) - GRID * GRID
    rows, labels, current, following = ([value] * len(ids) for value in (SHARED, IGNORED, IGNORED, IGNORED))
    cells: dict[int, dict[int, int]] = {}
    for glyph in tile.glyphs:
        cells.setdefault(glyph.row, {})[glyph.index] = start + glyph.cell
    texts = {_place(tile, row): (text, cells.get(row, {})) for row, text in enumerate(tile.rows)}
    empty = next((row for row in range(GRID) if row not in texts), None)
    if empty is not None:
        texts[empty] = ("", {})
    left_out = _left_out(texts, LONGEST - len(ids), rng) if rng else set()
    for row, (text, places) in sorted(texts.items()):
        if row in left_out:
            continue
        head = row_prompt(tokenizer, row, image_token_id)[1]
        answer, looks = [], []
        for index, char in enumerate(text):
            spelt = reading_ids(tokenizer, char)
            answer += spelt
            looks += [places.get(index, IGNORED)] * len(spelt)
        answer.append(tokenizer.special["<|im_end|>"])
        looks.append(IGNORED)
        seen = [IGNORED] * len(head) + looks
        ids += head + answer
        rows += [row] * len(seen)
        labels += [IGNORED] * len(head) + answer
        current += seen
        following += [*seen[1:], IGNORED]
    return ReadingSample(tile.pixels, tile.labels, ids, rows, labels, current, following)


def _left_out(texts: dict[int, tuple[str, Any]], room: int, rng: random.Random) -> set[int]:
    """Rows to leave out, chosen at random, until the others fit into `room` ids."""
    need = {row: len(text) + _AROUND for row, (text, _) in texts.items()}
    order = rng.sample(sorted(need), len(need))
    out: set[int] = set()
    while sum(need.values()) > room:
        row = order.pop()
        del need[row]
        out.add(row)
    return out


def _place(tile: RowTile, row: int) -> int:
    """The row of the token grid in which a row of text lies."""
    found = [glyph.cell // GRID for glyph in tile.glyphs if glyph.row == row]
    return found[0] if found else row


def corrupt(sample: ReadingSample, rng: random.Random, most: float = 0.5) -> ReadingSample:
    """Replace some of the answers' input characters by others of the tile; labels and places stay.

    A reader that trusts what it just wrote loses its place after its first mistake; this one must look.
    0 to `most` of the ids are replaced; none in a third of the samples.
    """
    answer = [i for i, place in enumerate(sample.current) if place != IGNORED]
    share = max(0.0, rng.uniform(-most / 2, most))
    ids = list(sample.ids)
    for i in answer:
        if rng.random() < share:
            ids[i] = sample.ids[rng.choice(answer)]
    return replace(sample, ids=ids)


def positions(sample: ReadingSample) -> list[int]:
    """The position of each id: in the shared prompt, or behind it in its row."""
    out: list[int] = []
    shared = sample.rows.count(SHARED)
    for row, ids in groupby(sample.rows):
        first = 0 if row == SHARED else shared
        out += range(first, first + len(list(ids)))
    return out


def collate(
    samples: Sequence[ReadingSample], pad_id: int = 1, image_token_id: int = 22
) -> dict[str, torch.Tensor]:
    """A right-padded batch.

    `input_ids`, `positions`, `rows` [n, length]; `pixels`, `timesteps` stacked. The rest says where things
    are, so that no pass has to search for them on its device and wait for the answer: `image_at` [n * 144],
    positions of image tokens in the flattened ids; `answer_at`, `answer_ids` [labelled], flat positions whose
    next id is trained on, and that id; `current`, `next` [places, 2], flat position and index in its sample
    of the image token to look at.
    """
    length = -(-max(len(s.ids) for s in samples) // _LENGTH_STEP) * _LENGTH_STEP

    def padded(lists: list[list[int]], value: int) -> torch.Tensor:
        return torch.tensor([values + [value] * (length - len(values)) for values in lists])

    ids = padded([s.ids for s in samples], pad_id)
    wanted = padded([[*s.labels[1:], IGNORED] for s in samples], IGNORED).flatten()
    batch = {
        "pixels": torch.from_numpy(np.stack([s.pixels for s in samples])),
        "timesteps": torch.from_numpy(np.stack([s.timesteps for s in samples])),
        "input_ids": ids,
        "positions": padded([positions(s) for s in samples], 0),
        "rows": padded([s.rows for s in samples], PADDING),
        "image_at": (ids == image_token_id).flatten().nonzero()[:, 0],
        "answer_at": (wanted != IGNORED).nonzero()[:, 0],
        "answer_ids": wanted[wanted != IGNORED],
    }
    for name in ("current", "next"):
        places = padded([getattr(s, name) for s in samples], IGNORED).flatten()
        at = (places != IGNORED).nonzero()[:, 0]
        batch[name] = torch.stack([at, places[at]], 1)
    return batch


def row_mask(rows: torch.Tensor) -> torch.Tensor:
    """What each id may see: `rows` [n, length] -> bool [n, length, length] (query, key)."""
    length = rows.shape[1]
    past = torch.ones(length, length, dtype=torch.bool, device=rows.device).tril()
    return past & ((rows[:, None, :] == SHARED) | (rows[:, None, :] == rows[:, :, None]))


def colour_labels(sample: ReadingSample, tokenizer: AxTokenizer, image_token_id: int = 22) -> str:
    """What the loss sees, for a terminal: see `adotx.chat.shown`."""
    return shown(sample.ids, [label != IGNORED for label in sample.labels], tokenizer, image_token_id)
