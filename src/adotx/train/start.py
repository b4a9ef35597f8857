"""Weights to start from: an exported checkpoint in, the tensors of a reading stage out.

Ids that another tokenizer has are found again by their bytes: a row of the embedding is taken over where the
old vocabulary has the same token; a token it has not gets the mean of its old pieces, or a small random row
where those are bare bytes, which say nothing. Knows nothing of training.
"""

from __future__ import annotations

from pathlib import Path

import torch

from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.train.stages.tokenizer import CONTROL_TOKENS
from adotx.train.timesteps import FILE, as_heads
from adotx.train.weights import load_tensors

_EMBEDDING = "language_model.model.embed_tokens.weight"
#: ids of control tokens and bytes: the same in every vocabulary of ours
_FIXED = len(CONTROL_TOKENS) + 256


def start_weights(checkpoint: Path, tokenizer: AxTokenizer, seed: int = 1) -> dict[str, torch.Tensor]:
    """The tensors of a `ReadingModel` with the vocabulary of `tokenizer`; `heads.*` if kept."""
    found = {f"model.{k}": v.float() for k, v in load_tensors(checkpoint, "model").items()}
    old = AxTokenizer.open(checkpoint)
    found[f"model.{_EMBEDDING}"] = transplant(found[f"model.{_EMBEDDING}"], old, tokenizer, seed)
    if (checkpoint / f"{FILE}.safetensors").is_file():
        found |= {f"heads.{name}": t for name, t in as_heads(load_tensors(checkpoint, FILE)).items()}
    return found


def transplant(table: torch.Tensor, old: AxTokenizer, new: AxTokenizer, seed: int) -> torch.Tensor:
    """Rows of `table` [old ids, width] -> [new ids, width]."""
    if old.vocab_size == new.vocab_size and all(
        old.token_bytes(i) == new.token_bytes(i) for i in range(new.vocab_size)
    ):
        return table
    ids = {old.token_bytes(i): i for i in range(_FIXED, old.vocab_size)}
    generator = torch.Generator().manual_seed(seed)
    out = torch.randn(new.vocab_size, table.shape[1], generator=generator) * table.std()
    out[:_FIXED] = table[:_FIXED]
    for token in range(_FIXED, new.vocab_size):
        spelt = new.token_bytes(token)
        if spelt in ids:
            out[token] = table[ids[spelt]]
            continue
        try:
            pieces = old.encode(spelt.decode("utf-8"))
        except UnicodeDecodeError:
            continue
        if min(pieces) >= _FIXED:
            out[token] = table[pieces].mean(0)
    return out
