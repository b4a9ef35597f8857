"""Recipes: the shipped TOML and a user's overrides in, plain settings of one stage out.

Knows nothing of torch.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from adotx.errors import AdotxError
from adotx.train.values import plain, typed

#: the ladder, in its order
STAGES = ("tokenizer", "language", "glyphs", "reading", "pages", "export")

#: settings that are no user's: they come from the stage's name, from tables, or from the ladder's deadline
_NOT_SET = ("stage", "model", "until")
_LEARNT = ("corpora", "seed", "vocab_size", "model")
_TRAINED = (
    *_LEARNT,
    "minutes",
    "max_steps",
    "batch_size",
    "learning_rate",
    "warmup_steps",
    "decay_from",
    "dtype",
    "average",
    "deadline",
    "reuse",
)
#: the settings a stage's result depends on
_MADE_WITH = {
    "tokenizer": ("corpora", "seed", "vocab_size", "texts", "start"),
    "language": (*_TRAINED, "block"),
    "glyphs": (*_TRAINED, "fonts", "whole_share"),
    "reading": (*_TRAINED, "fonts", "whole_share", "start"),
    "pages": (*_TRAINED, "fonts", "whole_share", "page_share"),
}


@dataclass(frozen=True)
class Recipe:
    """Settings of one stage.

    Attributes:
        out: folder of the whole run; stage X writes to `out / X`.
        corpora, fonts: folders of training text (`adotx.data.corpora`) and of fonts.
        minutes: the time box of this stage; resuming does not start it anew.
        scale: factor on the minutes of every stage.
        start: a checkpoint folder whose weights the reading stage starts from, and whose vocabulary it keeps,
            in place of the stages `language` and `glyphs`; "" for none.
        deadline: seconds for a whole ladder (`train nano`), the export included; 0 for none.
        decay_from: share of the box after which the learning rate falls.
        device: where to train; "auto" is the machine's accelerator, or the CPU where it has none.
        dtype: of matrix products: "bfloat16" or "float32".
        average: steps over which the kept weights are averaged (exponentially); 0 for the last ones.
        threads: of torch on a CPU. workers: processes that make samples.
        reuse: how often a batch may be trained on where makers are slower than training; 1: once.
        save_minutes: how often the state is saved, so what a kill can lose at most.
        shard_megabytes: weights are written in files of at most so many MiB; 0 for one file.
        texts: lines that the tokenizer learns from. block: ids in a sample of the language stage.
        whole_share: share of the steps whose tiles are attended to as a whole, not in bands.
        page_share: share of the samples that are cut from whole made pages.
        model: tables `vision` and `text` of the architecture.
        until: `time.monotonic` at which the stage has to end; set by the ladder.
    """

    stage: str
    out: Path
    corpora: Path
    fonts: tuple[Path, ...]
    seed: int = 1
    minutes: float = 1.0
    scale: float = 1.0
    start: str = ""
    deadline: float = 0.0
    device: str = "auto"
    dtype: str = "bfloat16"
    average: int = 0
    threads: int = 2
    workers: int = 1
    reuse: int = 1
    batch_size: int = 16
    learning_rate: float = 1e-3
    warmup_steps: int = 60
    decay_from: float = 0.5
    max_steps: int = 10_000_000
    save_minutes: float = 5.0
    validate_minutes: float = 5.0
    shard_megabytes: float = 0.0
    vocab_size: int = 8_192
    texts: int = 300_000
    block: int = 256
    whole_share: float = 0.25
    page_share: float = 0.25
    model: dict[str, Any] = field(default_factory=dict)
    until: float = math.inf

    def folder(self, stage: str | None = None) -> Path:
        """Where a stage leaves its result."""
        return self.out / (stage or self.stage)

    def made_with(self) -> dict[str, Any]:
        """The settings that the stage's result depends on, as JSON has them."""
        settings = {name: getattr(self, name) for name in _MADE_WITH[self.stage]}
        return {name: plain(value) for name, value in settings.items()}


def read_recipe(stage: str, overrides: dict[str, Any] | None = None) -> Recipe:
    """The shipped recipe `nano`, then `overrides`: flat keys, and tables named like those of the file.

    What stands in a stage's table goes before a flat key.

    Raises:
        AdotxError: unknown stage or setting, or a value of the wrong type or size.
    """
    if stage not in STAGES:
        stages = ", ".join(STAGES)
        raise AdotxError(
            "train.stage", "no stage {name!r}", "train", "one of {known}", name=stage, known=stages
        )
    shipped = tomllib.loads(
        resources.files("adotx.train").joinpath("recipes/nano.toml").read_text(encoding="utf-8")
    )
    overrides = dict(overrides or {})
    settings: dict[str, Any] = {}
    model: dict[str, Any] = {part: dict(table) for part, table in shipped["model"].items()}
    for source in (shipped, overrides):
        flat = {k: v for k, v in source.items() if not isinstance(v, dict)}
        settings |= source.get("common", {}) | flat | source.get(stage, {})
        for part, table in source.get("model", {}).items():
            model.setdefault(part, {}).update(table)
    known = [name for name in Recipe.__dataclass_fields__ if name not in _NOT_SET]
    for key, value in settings.items():
        if key not in known:
            raise AdotxError(
                "train.setting",
                "unknown setting {key!r}",
                f"train {stage}",
                "known: {known}",
                key=key,
                known=", ".join(known),
            )
        settings[key] = typed(f"train {stage}", key, value, str(Recipe.__dataclass_fields__[key].type))
    settings["minutes"] = settings.get("minutes", Recipe.minutes) * settings.get("scale", Recipe.scale)
    recipe = Recipe(stage=stage, model=model, **settings)
    _check(recipe)
    return recipe


def _check(recipe: Recipe) -> None:
    where = f"train {recipe.stage}"
    if recipe.dtype not in ("bfloat16", "float32"):
        raise AdotxError(
            "train.setting", "dtype = {dtype!r}", where, "bfloat16 or float32", dtype=recipe.dtype
        )
    # A tensor of an exported checkpoint is never cut; the largest is the embedding, in two bytes a number.
    least = recipe.vocab_size * recipe.model["text"]["hidden_size"] * 2 / 2**20 + 0.1
    if 0 < recipe.shard_megabytes < least:
        raise AdotxError(
            "train.setting",
            "the embedding does not fit into files of {size:g} MiB",
            where,
            "shard_megabytes of {least} or more",
            size=recipe.shard_megabytes,
            least=math.ceil(least * 10) / 10,
        )
