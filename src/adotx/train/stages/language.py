"""The language stage: the decoder alone learns Korean and English text, in words and character by character.

Data: lines of the corpora in blocks; half of the blocks are spelt with `reading_ids`, because that is how the
reading stage writes. Model: the decoder of the recipe. Loss: cross entropy of the next id. Validation: the
same on Korean lines of held-out documents, for words and for spelling. Knows nothing of pictures.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import IterableDataset, get_worker_info
from transformers import Qwen2ForCausalLM

from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.train.architecture import model_config
from adotx.train.attention import GUIDED, NO_MASK
from adotx.train.corpus import lines
from adotx.train.loss import token_loss
from adotx.train.recipe import Recipe
from adotx.train.results import need
from adotx.train.spelling import reading_ids
from adotx.train.trainer import device_of, fit, precision

NEEDS = ("tokenizer",)
#: blocks of each kind that are measured
_CHECKED = 32
_CHECKED_AT_ONCE = 16
#: one in so many lines of code is kept: pages show little of it
_CODE_STEP = 4


def run(recipe: Recipe) -> Path:
    """Train the decoder; its weights stand under `decoder.*`."""
    words, pools = AxTokenizer.open(need(recipe, "tokenizer")), lines(recipe.corpora)
    texts = pools["train"]["ko"] + pools["train"]["en"] + pools["train"]["code"][::_CODE_STEP]
    torch.manual_seed(recipe.seed)
    decoder = Qwen2ForCausalLM(model_config(recipe).text_config)
    decoder.set_attn_implementation(GUIDED)
    model = LanguageModel(decoder)
    checks = {}
    for name, spelt_share in (("words", 0.0), ("spelt", 1.0)):
        blocks = iter(TextBlocks(pools["validation"]["ko"], words, recipe.block, spelt_share))
        checks[name] = torch.stack([next(blocks)["input_ids"] for _ in range(_CHECKED)])

    def measure() -> str:
        losses = {name: mean_loss(model, blocks, recipe.dtype) for name, blocks in checks.items()}
        return ", ".join(f"validation loss {name} {loss:.3f}" for name, loss in losses.items())

    return fit(model, TextBlocks(texts, words, recipe.block, seed=recipe.seed), recipe, measure)


class TextBlocks(IterableDataset):
    """Endless blocks of `length` ids: random texts one after another, each ended by <|endoftext|>."""

    def __init__(
        self,
        texts: Sequence[str],
        tokenizer: AxTokenizer,
        length: int = 256,
        spelt_share: float = 0.5,
        seed: int | str = 0,
    ) -> None:
        self.texts, self.tokenizer, self.length = texts, tokenizer, length
        self.spelt_share, self.seed = spelt_share, seed

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        info = get_worker_info()
        rng = random.Random(f"language/{self.seed}/{info.id if info else 0}")
        end = self.tokenizer.special["<|endoftext|>"]
        while True:
            spelt = rng.random() < self.spelt_share
            block: list[int] = []
            while len(block) < self.length:
                text = rng.choice(self.texts)
                block += (reading_ids(self.tokenizer, text) if spelt else self.tokenizer.encode(text)) + [end]
            yield {"input_ids": torch.tensor(block[: self.length])}


class LanguageModel(nn.Module):
    """The decoder with its loss over whole blocks."""

    def __init__(self, decoder: Qwen2ForCausalLM) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, input_ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """int64 [n, length] -> {"loss": mean cross entropy of the next id}."""
        model = self.decoder.model
        hidden = model(input_ids=input_ids, attention_mask=NO_MASK, use_cache=False).last_hidden_state
        targets = input_ids[:, 1:].flatten()
        return {"loss": token_loss(hidden[:, :-1].flatten(0, 1), targets, self.decoder.lm_head)}


@torch.no_grad()
def mean_loss(model: LanguageModel, blocks: torch.Tensor, dtype: str = "bfloat16") -> float:
    """Mean loss over blocks [n, length]."""
    model.eval()
    with precision(device_of(model), dtype):
        parts = [model(ids.to(device_of(model)))["loss"] for ids in blocks.split(_CHECKED_AT_ONCE)]
    model.train()
    return float(sum(parts)) / len(parts)
