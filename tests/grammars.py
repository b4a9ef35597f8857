"""Grammars for nano's tokenizer, and whether they let an answer pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adotx.chat import Grammar
from adotx.checkpoint import open_checkpoint
from adotx.engine import Constraint


def nano_grammar() -> Grammar:
    """What compiles them."""
    checkpoint = open_checkpoint("nano")
    return Grammar(checkpoint.tokenizer, checkpoint.eos_ids)


def may_end(grammar: Grammar, constraint: Constraint, ids: Sequence[int]) -> bool:
    """Whether an answer may be these ids and end there."""
    for token in [*ids, grammar.stop_ids[0]]:
        scores = np.zeros(grammar.tokenizer.vocab_size, np.float32)
        constraint.mask(scores)
        if scores[token] != 0:
            return False
        constraint.accept(token)
    return True
