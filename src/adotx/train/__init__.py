"""Rebuild it: the stages that make nano from text and fonts alone.

The same stages make a model of any size of that architecture.
In: a stage's name and settings. Out: files. Needs the extra `train`; knows nothing of serving.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adotx.train.recipe import STAGES, Recipe, read_recipe

__all__ = ["STAGES", "Recipe", "read_recipe", "run"]


def run(stage: str, config: dict[str, Any] | None = None) -> Path:
    """Run one stage with the shipped recipe and `config` over it; returns what it made.

    Raises:
        AdotxError: an unknown stage or setting, or an earlier stage's result is not there.
        ModuleNotFoundError: the extra `train` is not installed.
    """
    recipe = read_recipe(stage, config)
    from adotx.train import stages

    return getattr(stages, stage)(recipe)
