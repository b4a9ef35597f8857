"""Recipes: the shipped TOML and a user's overrides in, plain settings of one stage out.

Knows nothing of torch.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from adotx.errors import AdotxError

STAGES = ("tokenizer", "language", "glyphs", "reading", "pages", "export")


@dataclass(frozen=True)
class Recipe:
    """Settings of one stage.

    Attributes:
        out: folder of the whole run; stage X writes to `out / X`.
        corpora, fonts: folders of training text (`adotx.data.corpora`) and of fonts.
        minutes: the time box of this stage; resuming does not start it anew.
        decay_from: share of the box after which the learning rate falls.
        model: tables `vision` and `text` of the architecture.
    """

    stage: str
    out: Path
    corpora: Path
    fonts: tuple[Path, ...]
    seed: int = 1
    threads: int = 2
    minutes: float = 1.0
    batch_size: int = 16
    learning_rate: float = 1e-3
    warmup_steps: int = 60
    decay_from: float = 0.5
    vocab_size: int = 16_384
    texts: int = 300_000
    block: int = 256
    workers: int = 1
    validate_minutes: float = 5.0
    max_steps: int = 10_000_000
    model: dict[str, Any] = field(default_factory=dict)

    def folder(self, stage: str | None = None) -> Path:
        """Where a stage leaves its result."""
        return self.out / (stage or self.stage)

    def need(self, stage: str, name: str) -> Path:
        """The file `name` of an earlier stage; AdotxError says which stage to run where it is missing."""
        path = self.folder(stage) / name
        if not path.exists():
            raise AdotxError(
                "train.missing",
                f"{path} is not there",
                f"train {self.stage}",
                f"run `adotx train {stage}` first",
            )
        return path


def read_recipe(stage: str, overrides: dict[str, Any] | None = None) -> Recipe:
    """The shipped recipe `nano`, then `overrides` (flat keys, or tables named like those of the file).

    Raises:
        AdotxError: unknown stage or setting, or a value of the wrong type.
    """
    if stage not in STAGES:
        raise AdotxError("train.stage", f"no stage {stage!r}", "train", f"one of {', '.join(STAGES)}")
    shipped = tomllib.loads(
        resources.files("adotx.train").joinpath("recipes/nano.toml").read_text(encoding="utf-8")
    )
    overrides = dict(overrides or {})
    settings: dict[str, Any] = {}
    model: dict[str, Any] = {part: dict(table) for part, table in shipped["model"].items()}
    for source in (shipped, overrides):
        settings |= source.get("common", {}) | source.get(stage, {})
        for part, table in source.get("model", {}).items():
            model.setdefault(part, {}).update(table)
    settings |= {k: v for k, v in overrides.items() if not isinstance(v, dict)}
    known = Recipe.__dataclass_fields__
    for key, value in settings.items():
        if key not in known or key in ("stage", "model"):
            raise AdotxError(
                "train.setting", f"unknown setting {key!r}", f"train {stage}", f"known: {', '.join(known)}"
            )
        settings[key] = _typed(stage, key, value)
    return Recipe(stage=stage, model=model, **settings)


def _typed(stage: str, key: str, value: Any) -> Any:
    kind = str(Recipe.__dataclass_fields__[key].type)
    try:
        if kind.startswith("tuple"):
            return tuple(Path(v) for v in ([value] if isinstance(value, str) else value))
        return {"Path": Path, "int": int, "float": float}[kind](value)
    except (TypeError, ValueError):
        raise AdotxError(
            "train.setting", f"{key} = {value!r} is not of type {kind}", f"train {stage}", "correct it"
        ) from None
