"""The reading stage: the whole model learns to read the rows of tiles, each when it is asked for.

Second half of vision alignment. Data: `adotx.data.rows` tiles as `adotx.train.row_samples` lays them out; a
share of the input characters of answers is replaced. Model: the weights of the stages `glyphs` and `language`
put together, or those of the checkpoint `start`. Three losses share one pass: next token of the answers; the
glyph at every timestep, as in the glyph stage; and where a few heads look: the tile maker knows which image
token holds each character, so the decoder does not have to align text and picture by itself.
Validation: character error rate of greedy answers on held-out fonts and texts.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import IterableDataset, get_worker_info

from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.data.rows import GRID, RowFonts, RowText, make_tile
from adotx.evaluate.cer import cer
from adotx.hf.modeling import AX4VLForConditionalGeneration
from adotx.train.architecture import new_model, pixel_values
from adotx.train.attention import set_row_window
from adotx.train.corpus import reading_fonts, reading_text
from adotx.train.loss import token_loss
from adotx.train.recipe import Recipe
from adotx.train.results import need
from adotx.train.row_samples import (
    IGNORED,
    SHARED,
    ReadingSample,
    collate,
    colour_labels,
    corrupt,
    reading_sample,
    row_mask,
)
from adotx.train.stages.glyphs import BAND
from adotx.train.start import start_weights
from adotx.train.syllables import SyllableParts
from adotx.train.timesteps import TimestepHeads
from adotx.train.trainer import device_of, fit, load_weights, precision
from adotx.train.weights import load_state

NEEDS = ("tokenizer", "language", "glyphs")
#: tiles whose rows are measured, and how many of them at once
_CHECKED, _AT_ONCE = 12, 4


def run(recipe: Recipe) -> Path:
    """Train the whole model; the published weights stand under `model.*`."""
    if recipe.start:
        words = AxTokenizer.open(need(recipe, "tokenizer"))
        weights = start_weights(Path(recipe.start), words, recipe.seed)
    else:
        glyphs, language = (load_weights(need(recipe, stage)) for stage in ("glyphs", "language"))
        weights = {name if name.startswith("heads.") else f"model.{name}": t for name, t in glyphs.items()}
        weights |= {f"model.language_model.{k.removeprefix('decoder.')}": t for k, t in language.items()}
    return train_reader(recipe, weights, reading_tiles(recipe))


def train_reader(recipe: Recipe, weights: dict[str, torch.Tensor], samples: Any) -> Path:
    """Train a `ReadingModel` that starts from `weights` on `samples`."""
    words = AxTokenizer.open(need(recipe, "tokenizer"))
    model = ReadingModel(new_model(recipe), words, whole_share=recipe.whole_share)
    load_state(model, weights, may_lack=("heads.", "parts."))
    rng = random.Random(recipe.seed)
    text, fonts = reading_text(recipe.corpora, "validation"), reading_fonts(recipe.fonts, "validation")
    checks = [reading_sample(make_tile(rng, text, fonts), words) for _ in range(_CHECKED)]
    print(colour_labels(next(iter(samples)), words), file=sys.stderr)

    def measure() -> str:
        answers, truths = read_greedy(model, checks, words, dtype=recipe.dtype)
        errors = [cer(answer, truth) for answer, truth in zip(answers, truths, strict=True) if truth]
        wrong = cer("\n".join(answers), "\n".join(truths))
        return (
            f"CER of rows, unseen fonts and texts {wrong:.4f}, mean of a row {sum(errors) / len(errors):.4f}"
        )

    return fit(model, samples, recipe, measure, collate)


def reading_tiles(recipe: Recipe) -> ReadingTiles:
    """The training samples of the recipe."""
    return ReadingTiles(
        reading_text(recipe.corpora, "train"),
        reading_fonts(recipe.fonts, "train"),
        AxTokenizer.open(need(recipe, "tokenizer")),
        recipe.seed,
    )


class ReadingTiles(IterableDataset):
    """Endless samples."""

    def __init__(self, text: RowText, fonts: RowFonts, tokenizer: AxTokenizer, seed: int | str) -> None:
        self.text, self.fonts, self.tokenizer, self.seed = text, fonts, tokenizer, seed

    def __iter__(self) -> Iterator[ReadingSample]:
        info = get_worker_info()
        rng = random.Random(f"reading/{self.seed}/{info.id if info else 0}")
        while True:
            # The last tile of a page is seldom full, and an empty row has an empty answer.
            rows = GRID if rng.random() < 0.85 else rng.randint(1, GRID)
            tile = make_tile(rng, self.text, self.fonts, rows)
            if tile.rows:
                yield corrupt(reading_sample(tile, self.tokenizer, rng=rng), rng)


class ReadingModel(nn.Module):
    """The model with the losses of this stage.

    Args:
        tokenizer: says which ids are syllables, whose embeddings share parts in training.
        current_layer, next_layer: decoder layers (from 0) whose first `heads` heads are told to look at the
            glyph of the current id and of the next one.
    """

    def __init__(
        self,
        model: AX4VLForConditionalGeneration,
        tokenizer: AxTokenizer,
        current_layer: int = 1,
        next_layer: int = 2,
        heads: int = 2,
        timestep_weight: float = 0.3,
        guide_weight: float = 0.3,
        whole_share: float = 0.25,
    ) -> None:
        super().__init__()
        self.model = model
        text = model.config.text_config
        self.heads = TimestepHeads(text.hidden_size)
        self.parts = SyllableParts(tokenizer, text.vocab_size, text.hidden_size)
        layers: Any = model.language_model.model.layers
        self.guided = (layers[current_layer].self_attn, layers[next_layer].self_attn)
        for attention in self.guided:
            attention.guided = heads
        self.timestep_weight, self.guide_weight, self.whole_share = timestep_weight, guide_weight, whole_share
        #: the losses of the last pass, still on its device: reading them there would stop it
        self.losses: dict[str, torch.Tensor] = {}

    def table(self) -> torch.Tensor:
        """The embedding and output matrix [vocab, width]."""
        own: Any = self.model.get_input_embeddings().weight
        return self.parts(own)

    @torch.no_grad()
    def plain(self) -> AX4VLForConditionalGeneration:
        """The model with the parts put into its matrix; they are zero then."""
        own: Any = self.model.get_input_embeddings().weight
        own.copy_(self.table())
        for part in self.parts.part_embeds:
            part.zero_()
        return self.model

    def image_tokens(self, pixels: torch.Tensor) -> torch.Tensor:
        """Grey tiles, uint8 [n, 384, 384] -> image tokens [n, 144, width]."""
        return self.model.get_image_features(pixel_values(pixels), return_dict=True).pooler_output

    def states(
        self,
        features: torch.Tensor,
        input_ids: torch.Tensor,
        image_at: torch.Tensor,
        rows: torch.Tensor,
        positions: torch.Tensor,
        table: torch.Tensor,
    ) -> torch.Tensor:
        """The decoder's states [n, length, width]; arguments as in a batch of `collate`."""
        embeds = F.embedding(input_ids, table)
        fused = embeds.flatten(0, 1).index_copy(0, image_at, features.flatten(0, 1).to(embeds.dtype))
        return self.model.language_model.model(
            inputs_embeds=fused.view_as(embeds),
            attention_mask={"full_attention": row_mask(rows)},
            position_ids=positions,
            use_cache=False,
        ).last_hidden_state

    def forward(
        self,
        pixels: torch.Tensor,
        timesteps: torch.Tensor,
        input_ids: torch.Tensor,
        positions: torch.Tensor,
        rows: torch.Tensor,
        image_at: torch.Tensor,
        answer_at: torch.Tensor,
        answer_ids: torch.Tensor,
        current: torch.Tensor,
        next: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """A batch of `collate` -> {"loss": the weighted sum}."""
        whole = not self.training or random.random() < self.whole_share
        set_row_window(self.model.vision_tower, 0 if whole else BAND)
        table = self.table()
        features = self.image_tokens(pixels)
        states = self.states(features, input_ids, image_at, rows, positions, table)
        losses = {
            "text": token_loss(states.flatten(0, 1)[answer_at], answer_ids, lambda x: F.linear(x, table)),
            "glyphs": self.heads.loss(features, timesteps),
        }
        for name, attention, places in zip(("current", "next"), self.guided, (current, next), strict=True):
            losses[name] = look_loss(attention.attention_weights, places)
            attention.attention_weights = None  # frees the graph
        self.losses = {name: loss.detach() for name, loss in losses.items()}
        guides = losses["current"] + losses["next"]
        return {"loss": losses["text"] + self.timestep_weight * losses["glyphs"] + self.guide_weight * guides}


def look_loss(weights: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """-log of the attention that each head gives to the place it should look at.

    Args:
        weights: [n, heads, q, k]. places: [places, 2]: position in the flattened queries [n * q], key.
    """
    heads = weights.shape[1]
    chosen = weights.transpose(1, 2).flatten(0, 1)[places[:, 0]]  # [places, heads, k]
    index = places[:, 1, None, None].expand(-1, heads, 1)
    return -(chosen.gather(-1, index).float() + 1e-5).log().sum() / max(1, len(places) * heads)


@torch.no_grad()
def read_greedy(
    model: ReadingModel,
    samples: Sequence[ReadingSample],
    tokenizer: AxTokenizer,
    limit: int = 40,
    dtype: str = "bfloat16",
) -> tuple[list[str], list[str]]:
    """(greedy answers, truths) of all rows of the samples, whole-tile attention.

    Every answer grows by one id a pass of the decoder over the whole tile: few tiles are measured, and what
    is computed is what training computes.
    """
    set_row_window(model.model.vision_tower, 0)
    model.eval()
    device, end = device_of(model), tokenizer.special["<|im_end|>"]
    answers: list[str] = []
    truths: list[str] = []
    for start in range(0, len(samples), _AT_ONCE):
        part = samples[start : start + _AT_ONCE]
        heads = [_row_heads(sample) for sample in part]
        said: list[list[list[int]]] = [[[] for _ in rows] for rows in heads]
        pixels = torch.from_numpy(np.stack([sample.pixels for sample in part])).to(device)
        with precision(device, dtype):
            table, features = model.table(), model.image_tokens(pixels)
            for _ in range(limit):
                unended = [
                    (tile, row)
                    for tile, answered in enumerate(said)
                    for row, answer in enumerate(answered)
                    if answer[-1:] != [end]
                ]
                if not unended:
                    break
                grown = [_with_answers(s, h, a) for s, h, a in zip(part, heads, said, strict=True)]
                batch = {key: t.to(device) for key, t in collate([g[0] for g in grown]).items()}
                ids, rows, at = batch["input_ids"], batch["rows"], batch["positions"]
                states = model.states(features, ids, batch["image_at"], rows, at, table)
                for tile, row in unended:
                    last = states[tile, grown[tile][1][row]]
                    said[tile][row].append(int(F.linear(last, table).argmax()))
        for answered, sample in zip(said, part, strict=True):
            answers += [tokenizer.decode([t for t in answer if t != end]) for answer in answered]
            truths += [tokenizer.decode(answer) for answer in _row_answers(sample, end)]
    model.train()
    return answers, truths


def _row_heads(sample: ReadingSample) -> list[tuple[int, list[int]]]:
    """(row, the ids before its answer) of each row of a sample."""
    rows = dict.fromkeys(row for row in sample.rows if row != SHARED)
    known = list(zip(sample.ids, sample.rows, sample.labels, strict=True))
    return [(row, [i for i, r, label in known if r == row and label == IGNORED]) for row in rows]


def _row_answers(sample: ReadingSample, end: int) -> list[list[int]]:
    rows = dict.fromkeys(row for row in sample.rows if row != SHARED)
    known = list(zip(sample.labels, sample.rows, strict=True))
    return [[i for i, r in known if r == row and i not in (IGNORED, end)] for row in rows]


def _with_answers(
    sample: ReadingSample, heads: list[tuple[int, list[int]]], said: list[list[int]]
) -> tuple[ReadingSample, list[int]]:
    """The sample with these answers instead of its own, and where each of its rows ends."""
    shared = sample.rows.count(SHARED)
    ids, rows, ends = sample.ids[:shared], [SHARED] * shared, []
    for (row, head), answer in zip(heads, said, strict=True):
        ids = ids + head + answer
        rows = rows + [row] * (len(head) + len(answer))
        ends.append(len(ids) - 1)
    none = [IGNORED] * len(ids)
    return ReadingSample(sample.pixels, sample.timesteps, ids, rows, none, none, none), ends
