"""Vision alignment, second half: the whole model learns to read tiles aloud.

In: `adotx.data.rows` tiles, a tokenizer, a model whose tower knows glyphs. Out: the model, trained to answer
the reading prompt with the rows of the tile. Three losses share one pass: next token of the answer; the glyph
in every slot, as in the glyph stage; and where a few heads look - the page maker knows which image token
holds each character, so the decoder does not have to find the alignment between text and picture by itself.
Only the first is needed for inference.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import IterableDataset, get_worker_info

from adotx.chat import render
from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.data.glyphs import FINALS, FIRST_CLASSES, MEDIALS
from adotx.data.rows import GRID, SLOTS, RowFonts, RowText, RowTile, make_tile
from adotx.hf.modeling import AX4VLForConditionalGeneration
from adotx.train.attention import set_row_window
from adotx.train.glyph_stage import slot_loss
from adotx.train.tokenizer import reading_ids

IGNORED = -100


@dataclass
class ReadingSample:
    """One tile as the model sees it; all lists are as long as `ids`.

    own, following: index in `ids` of the image token that holds the glyph of this id, of the next id; IGNORED
        elsewhere.
    """

    pixels: np.ndarray
    slots: np.ndarray
    ids: list[int]
    labels: list[int] = field(default_factory=list)
    own: list[int] = field(default_factory=list)
    following: list[int] = field(default_factory=list)


def reading_sample(
    tile: RowTile, tokenizer: AxTokenizer, prompt: Sequence[dict], image_token_id: int = 22
) -> ReadingSample:
    """Prompt, image slots and the rows of the tile, one line each, with the place of every glyph."""
    head = render(prompt, tokenizer, tiles=[1], image_token_id=image_token_id, tokens_per_tile=GRID * GRID)
    start = head.slots[0].start
    cells = {(g.row, g.index): g.cell for g in tile.glyphs}
    ids, places = list(head.ids), [IGNORED] * len(head.ids)
    for row, text in enumerate(tile.rows):
        if row:
            ids += reading_ids(tokenizer, "\n")
            places += [IGNORED] * (len(ids) - len(places))
        for index, char in enumerate(text):
            ids += reading_ids(tokenizer, char)
            cell = cells.get((row, index))
            places += [IGNORED if cell is None else start + cell] * (len(ids) - len(places))
    ids.append(tokenizer.special["<|im_end|>"])
    places.append(IGNORED)
    labels = [IGNORED] * len(head.ids) + ids[len(head.ids) :]
    return ReadingSample(tile.pixels, tile.labels, ids, labels, places, [*places[1:], IGNORED])


def corrupt(sample: ReadingSample, rng: random.Random, most: float = 0.25) -> ReadingSample:
    """Replace some of the answer's input characters by others of it; labels and places stay.

    A reader that trusts what it just wrote loses its place after its first mistake; this one must look. Line
    breaks are left alone. 0 to `most` of the ids are replaced.
    """
    answer = [i for i, label in enumerate(sample.labels) if label != IGNORED and sample.own[i] != IGNORED]
    share = max(0.0, rng.uniform(-most / 2, most))
    ids = list(sample.ids)
    for i in answer:
        if rng.random() < share:
            ids[i] = sample.ids[rng.choice(answer)]
    return replace(sample, ids=ids)


class ReadingTiles(IterableDataset):
    """Endless samples; `prompts` are (messages, weight)."""

    def __init__(
        self,
        text: RowText,
        fonts: RowFonts,
        tokenizer: AxTokenizer,
        prompts: Sequence[tuple[list[dict], float]],
        seed: int,
    ) -> None:
        self.text, self.fonts, self.tokenizer, self.prompts, self.seed = text, fonts, tokenizer, prompts, seed

    def __iter__(self) -> Iterator[ReadingSample]:
        info = get_worker_info()
        rng = random.Random(f"reading/{self.seed}/{info.id if info else 0}")
        weights = [w for _, w in self.prompts]
        while True:
            # Few rows matter: an answer must end where the text does.
            rows = GRID if rng.random() < 0.55 else min(rng.randint(1, GRID), rng.randint(1, GRID))
            tile = make_tile(rng, self.text, self.fonts, rows)
            if tile.rows:
                prompt = rng.choices(self.prompts, weights)[0][0]
                yield corrupt(reading_sample(tile, self.tokenizer, prompt), rng)


def collate(samples: Sequence[ReadingSample], pad_id: int = 1) -> dict[str, torch.Tensor]:
    """Right-padded batch (the guided attention is causal, so padding needs no mask).

    Lengths are multiples of 64: the allocator meets few sizes (docs/log.md).
    """
    longest = -(-max(len(s.ids) for s in samples) // 64) * 64

    def padded(rows: list[list[int]], value: int) -> torch.Tensor:
        return torch.tensor([r + [value] * (longest - len(r)) for r in rows])

    return {
        "pixels": torch.from_numpy(np.stack([s.pixels for s in samples])),
        "slots": torch.from_numpy(np.stack([s.slots for s in samples])),
        "input_ids": padded([s.ids for s in samples], pad_id),
        "labels": padded([s.labels for s in samples], IGNORED),
        "own": padded([s.own for s in samples], IGNORED),
        "following": padded([s.following for s in samples], IGNORED),
    }


class ReadingModel(nn.Module):
    """The model with the losses of this stage.

    Args:
        own_layer, next_layer: decoder layers (from 0) whose first `heads` heads are told to look at the glyph
            of their own id and of the id to come.
    """

    def __init__(
        self,
        model: AX4VLForConditionalGeneration,
        own_layer: int = 1,
        next_layer: int = 2,
        heads: int = 2,
        slot_weight: float = 0.3,
        guide_weight: float = 0.3,
        whole_share: float = 0.25,
    ) -> None:
        super().__init__()
        self.model = model
        width = model.config.text_config.hidden_size
        self.slot_norm = nn.LayerNorm(width)
        self.slot_head = nn.Linear(width, SLOTS * (FIRST_CLASSES + MEDIALS + FINALS))
        layers = model.language_model.model.layers
        self.guided = (layers[own_layer].self_attn, layers[next_layer].self_attn)
        for attention in self.guided:
            attention.guided = heads
        self.slot_weight, self.guide_weight, self.whole_share = slot_weight, guide_weight, whole_share
        self.parts: dict[str, float] = {}

    def forward(
        self,
        pixels: torch.Tensor,
        slots: torch.Tensor,
        input_ids: torch.Tensor,
        labels: torch.Tensor,
        own: torch.Tensor,
        following: torch.Tensor,
        **_: object,
    ) -> dict[str, torch.Tensor]:
        whole = not self.training or random.random() < self.whole_share
        set_row_window(self.model.vision_tower, 0 if whole else 2)
        x = (pixels.float() / 127.5 - 1)[:, None].expand(-1, 3, -1, -1)
        out = self.model(input_ids=input_ids, pixel_values=x, labels=labels, loss_only=True, use_cache=False)
        heads = self.slot_head(self.slot_norm(out.image_hidden_states)).float().unflatten(-1, (SLOTS, -1))
        glyphs = slot_loss(heads.split([FIRST_CLASSES, MEDIALS, FINALS], -1), slots)
        guides = [look_loss(a.seen, places) for a, places in zip(self.guided, (own, following), strict=True)]
        for attention in self.guided:
            attention.seen = None  # frees the graph
        loss = out.loss + self.slot_weight * glyphs + self.guide_weight * sum(guides)
        parts = {"text": out.loss, "glyphs": glyphs, "own": guides[0], "next": guides[1]}
        self.parts = {k: round(v.item(), 4) for k, v in parts.items()}
        return {"loss": loss}


def look_loss(weights: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """-log of the attention that each head [n, heads, q, k] gives to the place [n, q] it should look at."""
    known = places != IGNORED
    chosen = weights.transpose(1, 2)[known]  # [places, heads, k]
    index = places[known][:, None, None].expand(-1, chosen.shape[1], 1)
    return -(chosen.gather(-1, index).float() + 1e-5).log().sum() / max(1, index.shape[0] * index.shape[1])


@torch.no_grad()
def read_greedy(
    model: AX4VLForConditionalGeneration,
    samples: Sequence[ReadingSample],
    tokenizer: AxTokenizer,
    limit: int = 330,
) -> list[str]:
    """Greedy answers to the samples' prompts (all of one length), whole-tile attention."""
    set_row_window(model.vision_tower, 0)
    model.eval()
    prompts = [[i for i, label in zip(s.ids, s.labels, strict=True) if label == IGNORED] for s in samples]
    ids = torch.tensor(prompts)
    x = (
        torch.from_numpy(np.stack([s.pixels for s in samples])).float()[:, None].expand(-1, 3, -1, -1) / 127.5
        - 1
    )
    end = tokenizer.special["<|im_end|>"]
    reader: Any = model  # generate's type of self is one no subclass of PreTrainedModel has
    with torch.autocast("cpu", torch.bfloat16):
        out = reader.generate(
            input_ids=ids,
            pixel_values=x,
            max_new_tokens=limit,
            do_sample=False,
            eos_token_id=end,
            pad_token_id=1,
        )
    model.train()
    return [
        tokenizer.decode(row[: row.index(end)] if end in row else row)
        for row in out[:, ids.shape[1] :].tolist()
    ]
