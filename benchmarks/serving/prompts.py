"""Random prompts for a checkpoint: a seed in, ids out; the same for every server."""

from __future__ import annotations

import random
from pathlib import Path

from adotx.checkpoint import open_checkpoint


def prompts_for(checkpoint: Path, count: int, length: int, *seed: object) -> list[list[int]]:
    """Ordinary ids, other ones for every seed."""
    opened = open_checkpoint(checkpoint)
    control = opened.tokenizer.control_ids
    ids = [i for i in range(opened.tokenizer.vocab_size) if i not in control]
    draw = random.Random(repr(seed))
    return [draw.choices(ids, k=length) for _ in range(count)]


def plain_token(checkpoint: Path) -> int:
    """A token that says one letter, so that a server can tell it at once."""
    [token] = open_checkpoint(checkpoint).tokenizer.encode("a")
    return token
