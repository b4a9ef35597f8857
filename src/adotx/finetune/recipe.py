"""Settings of a fine-tuning run: flat keys in, a checked `Recipe` out. Knows nothing of torch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adotx.errors import AdotxError, Sentence
from adotx.train.values import plain, typed

METHODS = ("sft", "dpo", "grpo")

#: The language model's linear layers; tower and projector stay as they are.
TEXT_LAYERS = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"
#: Those of a text checkpoint, which has no `language_model`.
TEXT_ONLY_LAYERS = r".*\.(q|k|v|o|gate|up|down)_proj"
#: The tower's as well.
ALL_LAYERS = (
    r".*(language_model.*\.(q|k|v|o|gate|up|down)_proj"
    r"|vision_tower.*\.(q_proj|k_proj|v_proj|out_proj|fc1|fc2))"
)
#: Names for them.
TARGETS = {"text": TEXT_LAYERS, "all": ALL_LAYERS}

_CHOICES: dict[str, tuple[str, ...]] = {
    "too_long": ("error", "drop", "truncate"),
    "dtype": ("auto", "bfloat16", "float32"),
    "quantize": ("", "nf4"),
    "checkpointing": ("auto", "on", "off"),
    "attention": ("sdpa", "eager", "flash_attention_2"),
    "schedule": ("cosine", "linear", "constant"),
    "device": ("auto", "cpu"),
}


@dataclass(frozen=True)
class Recipe:
    """Settings of one run.

    Attributes:
        data: JSONL files, see `adotx.finetune.rows`.
        images: the folder that paths of pictures are relative to; None: that of each file.
        model: "nano", a checkpoint's folder or, with `online`, a hub id.
        out: where the run writes: `checkpoint-N/`, `adapter/`, `merged/`.
        lora: train an adapter; False: all weights.
        targets: the adapted modules: "text" (the tower stays as it is), "all", or a pattern for PEFT.
        epochs: passes over the data; max_steps: optimiser steps, 0 for as many as the epochs have.
        batch: packs (with `pack`), rows, pairs or answers (grpo) of a step, all processes together.
        micro_batch: of them, what one process computes at once.
        max_length: ids of a row at most. too_long: what becomes of longer ones.
        pack: lay several rows into one sequence (sft). pack_tokens: its ids at most, 0 for `max_length`;
            pack_tiles: its tiles at most, 0 for no limit. share: rows of a pack that ask about the same
            pictures have them once (not with flash attention, which knows no such mask).
        strength: the share of an adapter's effect that is kept: less forgets less of what the model could do.
        dtype: of weights and products; "auto" is bfloat16 on an accelerator, float32 on a CPU.
        quantize: "nf4" loads the frozen weights in four bits (QLoRA).
        checkpointing: compute activations again in the backward pass; "auto" on an accelerator.
        workers: processes that prepare batches; 0 for none.
        save_steps: how often the state is saved. keep: how many states are kept.
        merge: write the merged checkpoint too.
        beta: of DPO, and of GRPO's KL term (there 0 by default: no reference model).
        generations, max_completion, temperature: of GRPO's answers.
    """

    method: str = "sft"
    data: tuple[Path, ...] = ()
    eval_data: tuple[Path, ...] = ()
    images: Path | None = None
    model: str = "nano"
    online: bool = False
    out: Path = Path("runs/finetune")
    seed: int = 1
    lora: bool = True
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.0
    strength: float = 1.0
    targets: str = "text"
    epochs: float = 1.0
    max_steps: int = 0
    batch: int = 8
    micro_batch: int = 1
    learning_rate: float = 0.0
    warmup: float = 0.03
    schedule: str = "cosine"
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    max_length: int = 4096
    too_long: str = "error"
    pack: bool = True
    pack_tokens: int = 0
    pack_tiles: int = 0
    share: bool = True
    dtype: str = "auto"
    quantize: str = ""
    checkpointing: str = "auto"
    attention: str = "sdpa"
    device: str = "auto"
    threads: int = 0
    workers: int = 0
    save_steps: int = 200
    log_steps: int = 5
    keep: int = 2
    merge: bool = True
    beta: float = -1.0
    generations: int = 4
    max_completion: int = 256
    temperature: float = 1.0

    @property
    def rate(self) -> float:
        """The learning rate: the one given, else what is usual."""
        usual = {"sft": 2e-4, "dpo": 2e-5, "grpo": 2e-5}[self.method]
        return self.learning_rate or (usual if self.lora else usual / 10)

    @property
    def kl(self) -> float:
        """`beta`: the one given, else what is usual."""
        return self.beta if self.beta >= 0 else (0.1 if self.method == "dpo" else 0.0)

    @property
    def pattern(self) -> str:
        """`targets` as PEFT takes it, for a model that sees."""
        return TARGETS.get(self.targets, self.targets)

    @property
    def shares(self) -> bool:
        """Whether rows share pictures."""
        return self.share and self.pack and self.attention in ("sdpa", "eager")

    @property
    def budget(self) -> tuple[int, int]:
        """(ids, tiles) of a pack at most; 0 tiles for no limit."""
        return self.pack_tokens or self.max_length, self.pack_tiles

    def made_with(self) -> dict[str, Any]:
        """The settings that the weights depend on, as JSON has them."""
        free = {"out", "device", "threads", "workers", "save_steps", "log_steps", "keep", "merge", "online"}
        free |= {"micro_batch", "checkpointing", "eval_data"}
        return {k: plain(v) for k, v in vars(self).items() if k not in free}


def read_recipe(method: str, settings: dict[str, Any]) -> Recipe:
    """`settings` as a recipe.

    Raises:
        AdotxError: ``train.stage``, ``train.setting``: an unknown key, or a value that cannot be.
    """
    where = f"train {method}"
    if method not in METHODS:
        known = ", ".join(METHODS)
        raise AdotxError(
            "train.stage", "no stage {name!r}", "train", "one of {known}", name=method, known=known
        )
    types = {field.name: str(field.type) for field in dataclasses.fields(Recipe) if field.name != "method"}
    values: dict[str, Any] = {}
    for key, value in settings.items():
        if key not in types:
            known = ", ".join(types)
            raise AdotxError(
                "train.setting", "unknown setting {key!r}", where, "known: {known}", key=key, known=known
            )
        values[key] = typed(where, key, value, types[key])
    recipe = Recipe(method=method, **values)
    _check(recipe, where)
    return recipe


def _check(recipe: Recipe, where: str) -> None:
    if not recipe.data:
        raise AdotxError("finetune.no_data", "no data is named", where, "give --data FILE.jsonl")
    for key, known in _CHOICES.items():
        value = getattr(recipe, key)
        if value not in known:
            raise _cannot(
                where, key, value, Sentence("one of {known}", known=", ".join(k for k in known if k))
            )
    for key in (
        "batch",
        "micro_batch",
        "rank",
        "alpha",
        "max_length",
        "generations",
        "max_completion",
        "keep",
    ):
        if getattr(recipe, key) < 1:
            raise _cannot(where, key, getattr(recipe, key), Sentence("1 or more"))
    if not 0 < recipe.strength <= 1:
        raise _cannot(where, "strength", recipe.strength, Sentence("more than 0 and at most 1"))
    for key in ("epochs", "temperature"):
        if not getattr(recipe, key) > 0:
            raise _cannot(where, key, getattr(recipe, key), Sentence("more than 0"))
    if recipe.method == "grpo" and recipe.generations < 2:
        raise _cannot(where, "generations", recipe.generations, Sentence("2 or more"))
    if recipe.quantize and not recipe.lora:
        # Four-bit weights are not trained themselves.
        raise _cannot(where, "quantize", recipe.quantize, Sentence("empty where no LoRA is trained"))


def _cannot(where: str, key: str, value: Any, rule: Sentence) -> AdotxError:
    what, remedy = "{key} = {value!r} cannot be", "it must be {rule}"
    return AdotxError("finetune.value", what, where, remedy, key=key, value=value, rule=rule)
