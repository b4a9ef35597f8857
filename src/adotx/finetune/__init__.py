"""Fine-tune it: conversations in, a LoRA adapter and a merged checkpoint in the published layout out.

Supervised (`sft`), from preferences (`dpo`) and with rewards that are checked (`grpo`), on TRL and PEFT; one
recipe from one CPU to FSDP over many GPUs. What a model reads in training is what `adotx.chat` renders and
the engine would read. Needs the extra `finetune`. Knows nothing of serving, and nothing of how nano was made
(`adotx.train`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adotx.errors import AdotxError, Sentence
from adotx.finetune.recipe import METHODS, Recipe, read_recipe

__all__ = ["METHODS", "Recipe", "look", "read_recipe", "run"]

Say = Callable[[Sentence | AdotxError], None]


def _to_stderr(said: Sentence | AdotxError) -> None:
    print(said, file=sys.stderr, flush=True)


def run(method: str, settings: dict[str, Any], say: Say = _to_stderr) -> Path:
    """Check the data, train, save; returns the folder of the merged checkpoint, or of the adapter.

    A run that was broken off goes on from its last whole state.

    Args:
        method: "sft", "dpo" or "grpo".
        settings: fields of `Recipe`.
        say: is told what happens.

    Raises:
        AdotxError: an unknown setting, data that cannot be trained on, a folder with other work in it.
        ModuleNotFoundError: the extra `finetune` is not installed.
    """
    recipe = read_recipe(method, settings)
    from adotx.finetune.running import run_recipe

    return run_recipe(recipe, say)


def look(
    method: str, settings: dict[str, Any], rows: int, say: Say = _to_stderr, colours: bool = False
) -> list[str]:
    """Check the data alone; the first `rows` rows as text that shows what is trained on.

    Needs no extra. Arguments and errors as those of `run`.
    """
    recipe = read_recipe(method, settings)
    from adotx.finetune.looking import look_at

    return look_at(recipe, rows, say, colours)
