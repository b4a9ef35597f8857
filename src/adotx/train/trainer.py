"""`transformers.Trainer` as every stage uses it.

Time box, resume, the losses' parts in the log, validation, safetensors.
In: a module whose forward returns {"loss": ...}, a dataset, a recipe. Out: `weights.safetensors` in the
stage's folder. Knows nothing of what the stage is about.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, load_model, save_model
from torch import nn
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from adotx.train.optim import MuonAdamW
from adotx.train.recipe import Recipe
from adotx.train.timebox import Timebox, schedule

WEIGHTS = "weights.safetensors"


class StageTrainer(Trainer):
    """Saves the bare module (tied tensors once) and finds it again."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        name = output_dir or self.args.output_dir
        assert name and self.model is not None
        folder = Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        save_model(self.model, str(folder / WEIGHTS))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        target = model or self.model
        assert target is not None
        load_model(target, Path(resume_from_checkpoint) / WEIGHTS)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        super().log({**logs, **getattr(self.model, "parts", {})}, *args, **kwargs)


class Validation(TrainerCallback):
    """Calls `measure` every few minutes of the box and at the end, and prints what it returns."""

    def __init__(self, box: Timebox, every: float, measure: Callable[[], str]) -> None:
        self.box, self.every, self.measure, self.last = box, every, measure, 0.0

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        if self.box.elapsed - self.last >= self.every:
            self.last = self.box.elapsed
            print(
                f"{self.box.elapsed:6.1f} min, step {state.global_step}: {self.measure()}",
                file=sys.stderr,
                flush=True,
            )

    def on_train_end(self, args: TrainingArguments, state: Any, control: Any, **_: Any) -> None:
        print(
            f"{self.box.elapsed:6.1f} min, step {state.global_step}: {self.measure()}",
            file=sys.stderr,
            flush=True,
        )


def fit(
    model: nn.Module,
    dataset: Any,
    recipe: Recipe,
    measure: Callable[[], str] | None = None,
    collate: Callable[[list], dict] | None = None,
) -> Path:
    """Train within the box, resuming where an interrupted run left off; returns the weights' path.

    `dataset` gets `.seed` moved on at every resume, so that a resumed run sees new samples.
    """
    torch.set_num_threads(recipe.threads)
    folder = recipe.folder()
    last = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    box = Timebox(recipe.minutes)
    optimizer = MuonAdamW(model.named_parameters(), recipe.learning_rate)
    if last:
        dataset.seed = f"{dataset.seed}/{Path(last).name}"
    cuda = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=recipe.batch_size,
        max_steps=recipe.max_steps,
        bf16=True,
        use_cpu=not cuda,
        logging_steps=20,
        save_strategy="steps",
        save_steps=200,
        save_total_limit=2,
        report_to=[],
        dataloader_num_workers=recipe.workers,
        dataloader_prefetch_factor=4 if recipe.workers else None,
        remove_unused_columns=False,
        ignore_data_skip=True,
        disable_tqdm=True,
        seed=recipe.seed,
    )
    callbacks: list[TrainerCallback] = [box]
    if measure:
        callbacks.append(Validation(box, recipe.validate_minutes, measure))
    trainer = StageTrainer(
        model=model,
        args=arguments,
        train_dataset=dataset,
        data_collator=collate,
        optimizers=(optimizer, schedule(optimizer, box, recipe.warmup_steps, recipe.decay_from)),
        callbacks=callbacks,
    )
    trainer.train(resume_from_checkpoint=last)
    trainer.save_model(str(folder))
    return folder / WEIGHTS


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors a stage left."""
    return load_file(path)
