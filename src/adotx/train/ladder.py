"""The ladder: one stage, or all of them in their order within one deadline.

In: recipes. Out: the folder of the last result. One process runs all stages, so that corpora and fonts are
read once. Knows what each stage needs from `stages/`, and nothing of what it does.
"""

from __future__ import annotations

import gc
import math
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

from adotx.train.recipe import Recipe
from adotx.train.results import begin, finish, is_finished

#: what a deadline keeps for the export: seconds, or this share of it where that is more
_EXPORT_SECONDS, _EXPORT_SHARE = 20.0, 0.06

#: the stage whose result an export can do without
_OPTIONAL = "pages"
#: the stages that a run spares which starts from a checkpoint
_MAKE_A_START = ("language", "glyphs")


def run_stage(recipe: Recipe) -> Path:
    """Run one stage unless its result is finished; returns its folder."""
    stage = _module(recipe.stage)
    if recipe.stage == "export":  # quick, and what it exports may be newer: always made anew
        return stage.run(recipe)
    folder = recipe.folder()
    if begin(recipe, needs(recipe)):
        stage.run(recipe)
        finish(recipe)
    else:
        print(f"{recipe.stage}: finished already, {folder}", file=sys.stderr, flush=True)
    for left in folder.glob("checkpoint-*"):  # needed until the result was known to be whole
        shutil.rmtree(left, ignore_errors=True)
    return folder


def needs(recipe: Recipe) -> tuple[str, ...]:
    """The stages whose results a stage uses; what starts from a checkpoint needs none that would make one."""
    return tuple(s for s in _module(recipe.stage).NEEDS if not (recipe.start and s in _MAKE_A_START))


def run_all(recipes: Sequence[Recipe]) -> Path:
    """Run the stages of `recipes` in this order; a deadline's time is shared out as their minutes are.

    Where a deadline leaves no time for the last trained stage, or its minutes are 0, the model is exported
    without it.
    """
    recipes = [
        r
        for r in recipes
        if not (r.start and r.stage in _MAKE_A_START) and (r.minutes or r.stage != _OPTIONAL)
    ]
    deadline = recipes[-1].deadline
    end = (
        time.monotonic() + deadline - max(_EXPORT_SECONDS, _EXPORT_SHARE * deadline) if deadline else math.inf
    )
    folder = recipes[-1].folder()
    if deadline:
        for recipe in recipes:
            _module(recipe.stage)  # importing takes long on a fresh machine: no stage pays for it
        pages = any(r.stage == _OPTIONAL for r in recipes)
        import_module("adotx.train.corpus").load_all(recipes[0].corpora, recipes[0].fonts, pages)
        gc.freeze()  # what the workers inherit stays shared: no collection touches its pages
    for number, recipe in enumerate(recipes):
        if deadline:
            if recipe.stage == _OPTIONAL and time.monotonic() >= end:
                print(f"{recipe.stage}: no time left before the deadline", file=sys.stderr, flush=True)
                continue
            recipe = replace(recipe, until=_until(recipes[number:], end))
        folder = run_stage(recipe)
    return folder


def _until(left: Sequence[Recipe], end: float) -> float:
    """When the first of the stages that are left has to end, so that the others get their share."""
    now = time.monotonic()
    minutes = [r.minutes * (_is_boxed(r) and not is_finished(r.folder())) for r in left]
    return now + max(0.0, end - now) * (minutes[0] / sum(minutes) if minutes[0] else 1.0)


def _is_boxed(recipe: Recipe) -> bool:
    return recipe.stage not in ("tokenizer", "export")


def _module(stage: str) -> ModuleType:
    return import_module(f"adotx.train.stages.{stage}")
