"""TRL's trainers on our rows: their losses, our ids, masks and pictures.

In: a model, a `Reader`, the units of a step (packs, rows or pairs, as indices). Out: trainers ready to run.
TRL's own preparation of data is passed over: it reads chat templates as text, from which a user's words could
become control tokens. Knows no files.
"""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from adotx.errors import AdotxError
from adotx.finetune.loading import is_bfloat16, on_accelerator
from adotx.finetune.packing import Loaded, packed, padded, pairs
from adotx.finetune.recipe import Recipe
from adotx.finetune.samples import Reader


class PackCollator:
    """Units of rows as one batch; each example holds the indices of its rows."""

    def __init__(self, reader: Reader, pad_id: int, blank: Loaded | None) -> None:
        self.reader, self.pad_id, self.blank = reader, pad_id, blank

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        recipe = self.reader.recipe
        loaded = [each for example in examples for row in example["rows"] for each in self.reader.loaded(row)]
        if not recipe.pack:
            return padded(loaded, self.pad_id, self.blank)
        return packed(loaded, self.blank, share=recipe.shares, dense=recipe.attention == "sdpa")


class PairCollator:
    """Pairs as TRL's DPO takes them."""

    def __init__(self, reader: Reader, pad_id: int, blank: Loaded | None) -> None:
        self.reader, self.pad_id, self.blank = reader, pad_id, blank

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        both = [self.reader.loaded(row) for example in examples for row in example["rows"]]
        return pairs([(chosen, rejected) for chosen, rejected in both], self.pad_id, self.blank)


class Sft(SFTTrainer):
    """TRL's, with rows that are ids already."""

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None: what was trained on is nobody else's business."""


class Dpo(DPOTrainer):
    """TRL's, with pairs that are ids already."""

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None: what was trained on is nobody else's business."""


def units_dataset(units: list[list[int]]) -> Dataset:
    """Units as TRL takes data sets."""
    return Dataset.from_dict({"rows": units})


def accumulation(recipe: Recipe, processes: int) -> int:
    """Passes of one process in a step.

    Raises:
        AdotxError: ``finetune.batch``: the step cannot be shared out evenly.
    """
    at_once = recipe.micro_batch * processes
    if recipe.batch % at_once:
        what = "batch = {batch} is no multiple of micro_batch x processes = {each} x {processes}"
        raise AdotxError(
            "finetune.batch",
            what,
            "batch",
            "make it one",
            batch=recipe.batch,
            each=recipe.micro_batch,
            processes=processes,
        )
    return recipe.batch // at_once


def options(recipe: Recipe, passes: int) -> dict[str, Any]:
    """The arguments that all of TRL's configurations share."""
    accelerator = on_accelerator(recipe)
    again = recipe.checkpointing == "on" or (recipe.checkpointing == "auto" and accelerator)
    return {
        "output_dir": str(recipe.out),
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "num_train_epochs": recipe.epochs,
        "max_steps": recipe.max_steps or -1,
        "per_device_train_batch_size": recipe.micro_batch,
        "per_device_eval_batch_size": recipe.micro_batch,
        "gradient_accumulation_steps": passes,
        "learning_rate": recipe.rate,
        "lr_scheduler_type": recipe.schedule,
        "warmup_steps": recipe.warmup,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "optim": "adamw_torch",
        "bf16": is_bfloat16(recipe),
        "use_cpu": not accelerator,
        "gradient_checkpointing": again,
        "gradient_checkpointing_kwargs": {"use_reentrant": False} if again else None,
        "dataloader_num_workers": recipe.workers,
        "dataloader_pin_memory": accelerator,
        "remove_unused_columns": False,
        "logging_steps": recipe.log_steps,
        "logging_first_step": True,
        "save_strategy": "steps",
        "save_steps": recipe.save_steps,
        "save_total_limit": recipe.keep,
        "eval_strategy": "steps" if recipe.eval_data else "no",
        "eval_steps": recipe.save_steps,
        "report_to": [],
        "disable_tqdm": True,
        # The one of `adotx.finetune.together`.
        "accelerator_config": {"use_configured_state": True},
    }


def sft_config(recipe: Recipe, passes: int) -> SFTConfig:
    return SFTConfig(
        **options(recipe, passes),
        max_length=None,
        packing=False,
        dataset_kwargs={"skip_prepare_dataset": True},
    )


def dpo_config(recipe: Recipe, passes: int) -> DPOConfig:
    return DPOConfig(**options(recipe, passes), max_length=None, beta=recipe.kl)
