"""The reading stage: the whole model learns to read tiles aloud.

Second half of vision alignment. Data: `adotx.data.rows` tiles with a prompt and the rows as the answer; some
of the answer's input characters are replaced. Model: the weights of the stages `glyphs` and `language` put
together. Three losses share one pass: next token of the answer; the glyph at every timestep, as in the glyph
stage; and where a few heads look - the tile maker knows which image token holds each character, so the
decoder does not have to find the alignment between text and picture by itself. Only the first is needed for
inference. Validation: character error rate of greedy answers on held-out fonts and texts.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import IterableDataset, get_worker_info

from adotx.chat import render
from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.data.rows import GRID, RowFonts, RowText, RowTile, make_tile
from adotx.documents.readers.prompts import read_rows, transcribe_page
from adotx.evaluate.cer import cer
from adotx.hf.modeling import AX4VLForConditionalGeneration
from adotx.train.architecture import new_model, pixel_values
from adotx.train.attention import NO_MASK, set_row_window
from adotx.train.corpus import reading_fonts, reading_text
from adotx.train.loss import token_loss
from adotx.train.recipe import Recipe
from adotx.train.results import need
from adotx.train.spelling import reading_ids
from adotx.train.stages.glyphs import BAND, TimestepHeads, timestep_loss
from adotx.train.trainer import device_of, fit, load_weights, precision
from adotx.train.weights import load_state

NEEDS = ("tokenizer", "language", "glyphs")
IGNORED = -100
#: prompts of the training samples and how often they come
PROMPTS = ((read_rows(), 0.9), (transcribe_page(), 0.1))
#: samples that are measured, and the share of random text in them
_CHECKED, _CHECKED_RANDOM = 16, 0.05
#: lengths of a batch are multiples of this, so that the allocator meets few sizes (docs/log.md)
_LENGTH_STEP = 64


def run(recipe: Recipe) -> Path:
    """Train the whole model; the published weights stand under `model.*`."""
    glyphs, language = (load_weights(need(recipe, stage)) for stage in ("glyphs", "language"))
    weights = {name if name.startswith("heads.") else f"model.{name}": t for name, t in glyphs.items()}
    weights |= {f"model.language_model.{k.removeprefix('decoder.')}": t for k, t in language.items()}
    return train_reader(recipe, weights, reading_tiles(recipe))


def train_reader(recipe: Recipe, weights: dict[str, torch.Tensor], samples: Any) -> Path:
    """Train a `ReadingModel` that starts from `weights` on `samples`."""
    words = AxTokenizer.open(need(recipe, "tokenizer"))
    model = ReadingModel(new_model(recipe), whole_share=recipe.whole_share)
    load_state(model, weights)
    rng = random.Random(recipe.seed)
    text = reading_text(recipe.corpora, "validation", _CHECKED_RANDOM)
    fonts = reading_fonts(recipe.fonts, "validation")
    checks = [reading_sample(make_tile(rng, text, fonts), words, read_rows()) for _ in range(_CHECKED)]
    truths = [words.decode([i for i in s.labels if i != IGNORED]) for s in checks]
    print(colour_labels(next(iter(samples)), words), file=sys.stderr)

    def measure() -> str:
        answers = read_greedy(model.model, checks, words, dtype=recipe.dtype)
        errors = [cer(answer, truth) for answer, truth in zip(answers, truths, strict=True)]
        return f"CER of tiles, unseen fonts and texts {sum(errors) / len(errors):.4f}"

    return fit(model, samples, recipe, measure, collate)


def reading_tiles(recipe: Recipe) -> ReadingTiles:
    """The training samples of the recipe."""
    return ReadingTiles(
        reading_text(recipe.corpora, "train"),
        reading_fonts(recipe.fonts, "train"),
        AxTokenizer.open(need(recipe, "tokenizer")),
        recipe.seed,
    )


@dataclass(frozen=True)
class ReadingSample:
    """One tile as the model sees it; all lists are as long as `ids`.

    pixels uint8 [384, 384]; timesteps int16 [144, 4, 3], as in `RowTile`; labels: the ids of the answer,
    IGNORED before it; current, next: index in `ids` of the image token that holds the glyph of this id, and
    of the next one; IGNORED where there is none.
    """

    pixels: np.ndarray
    timesteps: np.ndarray
    ids: list[int]
    labels: list[int]
    current: list[int]
    next: list[int]


def reading_sample(
    tile: RowTile, tokenizer: AxTokenizer, prompt: Sequence[dict], image_token_id: int = 22
) -> ReadingSample:
    """Prompt, image tokens and the rows of the tile, one line each, with the place of every glyph."""
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
    answer = [i for i, label in enumerate(sample.labels) if label != IGNORED and sample.current[i] != IGNORED]
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
        seed: int | str,
        prompts: Sequence[tuple[list[dict], float]] = PROMPTS,
    ) -> None:
        self.text, self.fonts, self.tokenizer, self.seed, self.prompts = text, fonts, tokenizer, seed, prompts

    def prompt(self, rng: random.Random) -> list[dict]:
        """One of the prompts by weight."""
        return rng.choices(self.prompts, [w for _, w in self.prompts])[0][0]

    def __iter__(self) -> Iterator[ReadingSample]:
        info = get_worker_info()
        rng = random.Random(f"reading/{self.seed}/{info.id if info else 0}")
        while True:
            # Few rows matter: an answer must end where the text does.
            rows = GRID if rng.random() < 0.55 else min(rng.randint(1, GRID), rng.randint(1, GRID))
            tile = make_tile(rng, self.text, self.fonts, rows)
            if tile.rows:
                yield corrupt(reading_sample(tile, self.tokenizer, self.prompt(rng)), rng)


def collate(
    samples: Sequence[ReadingSample], pad_id: int = 1, image_token_id: int = 22
) -> dict[str, torch.Tensor]:
    """A right-padded batch (the guided attention is causal, so padding needs no mask).

    `input_ids` [n, length]; `pixels`, `timesteps` stacked. The rest says where things are, so that no pass
    has to search for them on its device and wait for the answer: `image_at` [n * 144], positions of image
    tokens in the flattened ids; `answer_at`, `answer_ids` [labelled], flat positions whose next id is trained
    on, and that id; `current`, `next` [places, 2], flat position and index in its row of the image token to
    look at.
    """
    length = -(-max(len(s.ids) for s in samples) // _LENGTH_STEP) * _LENGTH_STEP

    def padded(rows: list[list[int]], value: int) -> torch.Tensor:
        return torch.tensor([r + [value] * (length - len(r)) for r in rows])

    ids = padded([s.ids for s in samples], pad_id)
    wanted = padded([[*s.labels[1:], IGNORED] for s in samples], IGNORED).flatten()
    batch = {
        "pixels": torch.from_numpy(np.stack([s.pixels for s in samples])),
        "timesteps": torch.from_numpy(np.stack([s.timesteps for s in samples])),
        "input_ids": ids,
        "image_at": (ids == image_token_id).flatten().nonzero()[:, 0],
        "answer_at": (wanted != IGNORED).nonzero()[:, 0],
        "answer_ids": wanted[wanted != IGNORED],
    }
    for name in ("current", "next"):
        places = padded([getattr(s, name) for s in samples], IGNORED).flatten()
        at = (places != IGNORED).nonzero()[:, 0]
        batch[name] = torch.stack([at, places[at]], 1)
    return batch


class ReadingModel(nn.Module):
    """The model with the losses of this stage.

    Args:
        current_layer, next_layer: decoder layers (from 0) whose first `heads` heads are told to look at the
            glyph of the current id and of the next one.
    """

    def __init__(
        self,
        model: AX4VLForConditionalGeneration,
        current_layer: int = 1,
        next_layer: int = 2,
        heads: int = 2,
        timestep_weight: float = 0.3,
        guide_weight: float = 0.3,
        whole_share: float = 0.25,
    ) -> None:
        super().__init__()
        self.model = model
        self.heads = TimestepHeads(model.config.text_config.hidden_size)
        layers: Any = model.language_model.model.layers
        self.guided = (layers[current_layer].self_attn, layers[next_layer].self_attn)
        for attention in self.guided:
            attention.guided = heads
        self.timestep_weight, self.guide_weight, self.whole_share = timestep_weight, guide_weight, whole_share
        #: the losses of the last pass, still on its device: reading them there would stop it
        self.parts: dict[str, torch.Tensor] = {}

    def forward(
        self,
        pixels: torch.Tensor,
        timesteps: torch.Tensor,
        input_ids: torch.Tensor,
        image_at: torch.Tensor,
        answer_at: torch.Tensor,
        answer_ids: torch.Tensor,
        current: torch.Tensor,
        next: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """A batch of `collate` -> {"loss": the weighted sum}."""
        whole = not self.training or random.random() < self.whole_share
        set_row_window(self.model.vision_tower, 0 if whole else BAND)
        features = self.model.get_image_features(pixel_values(pixels))
        embeds = self.model.get_input_embeddings()(input_ids)
        fused = embeds.flatten(0, 1).index_copy(0, image_at, features.flatten(0, 1).to(embeds.dtype))
        decoder = self.model.language_model
        hidden = decoder.model(
            inputs_embeds=fused.view_as(embeds), attention_mask=NO_MASK, use_cache=False
        ).last_hidden_state
        parts = {
            "text": token_loss(hidden.flatten(0, 1)[answer_at], answer_ids, decoder.lm_head),
            "glyphs": timestep_loss(self.heads(features), timesteps),
        }
        for name, attention, places in zip(("current", "next"), self.guided, (current, next), strict=True):
            parts[name] = look_loss(attention.attention_weights, places)
            attention.attention_weights = None  # frees the graph
        self.parts = {name: part.detach() for name, part in parts.items()}
        guides = parts["current"] + parts["next"]
        return {"loss": parts["text"] + self.timestep_weight * parts["glyphs"] + self.guide_weight * guides}


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
    model: AX4VLForConditionalGeneration,
    samples: Sequence[ReadingSample],
    tokenizer: AxTokenizer,
    limit: int = 330,
    dtype: str = "bfloat16",
) -> list[str]:
    """Greedy answers to the samples' prompts (all of one length), whole-tile attention."""
    set_row_window(model.vision_tower, 0)
    model.eval()
    device = device_of(model)
    prompts = [[i for i, label in zip(s.ids, s.labels, strict=True) if label == IGNORED] for s in samples]
    ids = torch.tensor(prompts, device=device)
    pixels = torch.from_numpy(np.stack([s.pixels for s in samples])).to(device)
    end = tokenizer.special["<|im_end|>"]
    reader: Any = model  # generate's type of self is one no subclass of PreTrainedModel has
    with precision(device, dtype):
        out = reader.generate(
            input_ids=ids,
            pixel_values=pixel_values(pixels),
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


_GREEN, _GREY, _BLUE, _OFF = "\x1b[32m", "\x1b[90m", "\x1b[34m", "\x1b[0m"


def colour_labels(sample: ReadingSample, tokenizer: AxTokenizer, image_token_id: int = 22) -> str:
    """What the loss sees, for a terminal: green is trained on, grey is context, blue counts image tokens."""
    kinds = [
        _BLUE if token == image_token_id else _GREY if label == IGNORED else _GREEN
        for token, label in zip(sample.ids, sample.labels, strict=True)
    ]
    out: list[str] = []
    for colour, run in groupby(zip(kinds, sample.ids, strict=True), key=itemgetter(0)):
        ids = [token for _, token in run]
        text = b"".join(tokenizer.token_bytes(token) for token in ids).decode("utf-8", "replace")
        out.append(colour + (f"[{len(ids)} image tokens]" if colour == _BLUE else text))
    return "".join(out) + _OFF
