"""Rebuild it: the stages that make nano from text and fonts alone.

The same stages make a model of any size of that architecture. In: a stage's name and settings. Out: files.
`stages/` has one file for each stage; what they share lies beside it; `run_ladder` runs all of them in their
order. Needs the extra `train`; knows nothing of serving.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adotx.train.recipe import STAGES, Recipe, read_recipe

__all__ = ["STAGES", "Recipe", "read_recipe", "run", "run_ladder"]


def run(stage: str, config: dict[str, Any] | None = None) -> Path:
    """Run one stage with the shipped recipe and `config` over it; returns the folder of what it made.

    A finished stage is not run again; one that was interrupted goes on.

    Raises:
        AdotxError: an unknown stage or setting, an earlier stage's result is not there, or the stage's folder
            holds the work of other settings.
        ModuleNotFoundError: the extra `train` is not installed.
    """
    recipe = read_recipe(stage, config)
    from adotx.train.ladder import run_stage

    return run_stage(recipe)


def run_ladder(config: dict[str, Any] | None = None) -> Path:
    """Run every stage in its order, skipping what is finished; returns the folder of the exported checkpoint.

    Raises:
        AdotxError, ModuleNotFoundError: see `run`.
    """
    recipes = [read_recipe(stage, config) for stage in STAGES]
    from adotx.train.ladder import run_all

    return run_all(recipes)
