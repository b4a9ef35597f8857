"""The language stage: the decoder alone learns Korean and English text, in words and character by character.

In: texts. Out: a trained decoder. Half of the blocks are spelt with `reading_ids`, because that is how the
reading stage writes. Knows nothing of pictures.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import IterableDataset, get_worker_info
from transformers import Qwen2ForCausalLM

from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.train.tokenizer import reading_ids


class TextBlocks(IterableDataset):
    """Endless blocks of `length` ids: random texts one after another, each ended by <|endoftext|>."""

    def __init__(
        self,
        texts: Sequence[str],
        tokenizer: AxTokenizer,
        length: int = 256,
        spelt_share: float = 0.5,
        seed: int = 0,
    ) -> None:
        self.texts, self.tokenizer, self.length, self.spelt_share, self.seed = (
            texts,
            tokenizer,
            length,
            spelt_share,
            seed,
        )

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
            ids = torch.tensor(block[: self.length])
            yield {"input_ids": ids, "labels": ids}


class LanguageModel(nn.Module):
    """Mean cross entropy of the next id over whole blocks."""

    def __init__(self, decoder: Qwen2ForCausalLM) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor, **_: object) -> dict[str, torch.Tensor]:
        hidden = self.decoder.model(input_ids=input_ids, use_cache=False).last_hidden_state[:, :-1]
        logits = self.decoder.lm_head(hidden).flatten(0, 1).float()
        return {"loss": F.cross_entropy(logits, labels[:, 1:].flatten())}

    @torch.no_grad()
    def mean_loss(self, blocks: Sequence[torch.Tensor]) -> float:
        """Over blocks of one length."""
        with torch.autocast("cpu", torch.bfloat16):
            parts = [self(ids, ids)["loss"].item() for ids in torch.stack(list(blocks)).split(16)]
        return sum(parts) / len(parts)
