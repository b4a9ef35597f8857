"""A whole run: data checked, model adapted, states kept, results saved.

In: a `Recipe`. Out: the folder of the result. The same on one CPU and, started by `accelerate launch`, on
many accelerators: one process checks the data and tells the others, steps are shared out, the first one
writes.
"""

from __future__ import annotations

import random
import shutil
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from transformers.trainer_callback import PrinterCallback
from transformers.utils import logging

from adotx.chat import protocol as p
from adotx.checkpoint import Checkpoint, open_checkpoint
from adotx.errors import AdotxError, Sentence
from adotx.finetune.callbacks import Keeper, Reporter
from adotx.finetune.checking import Count, check
from adotx.finetune.grpo import Grpo, Reward, grpo_config, grpo_rows
from adotx.finetune.loading import check_targets, load_model, load_processor, lora
from adotx.finetune.packing import Loaded, blank_sample, filled, packs
from adotx.finetune.recipe import Recipe
from adotx.finetune.rows import Line, find_lines
from adotx.finetune.samples import Reader
from adotx.finetune.saving import merge, publish, weaken
from adotx.finetune.states import begin, finish, kept, last_state
from adotx.finetune.together import Together, launched, wants_fsdp
from adotx.finetune.trainers import (
    Dpo,
    PackCollator,
    PairCollator,
    Sft,
    accumulation,
    dpo_config,
    sft_config,
    units_dataset,
)
from adotx.train.interrupts import Interrupts

ADAPTER, MERGED = "adapter", "merged"
#: what fills the shorter rows of a batch; any id would do, since nothing sees it
PAD = "<|pad|>"

Say = Callable[[Sentence | AdotxError], None]


def run_recipe(recipe: Recipe, say: Say) -> Path:
    """Train; see `adotx.finetune.run`."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    _hush()
    checkpoint = open_checkpoint(recipe.model, online=recipe.online)
    checkpoint.require_tensors()
    together = Together(recipe)
    reader = Reader(recipe, checkpoint, find_lines(recipe.data))
    count = together.agreed(lambda: check(reader, say))
    if together.agreed(lambda: begin(recipe)):
        with Interrupts(patient=launched()) as interrupts, together.unbroken(), kept(recipe.out):
            trainer = make_trainer(recipe, checkpoint, reader, count, say, interrupts, together)
            before = together.agreed(lambda: last_state(recipe.out))
            if before is not None and together.is_first:
                step = int(before.name.rpartition("-")[2])
                say(Sentence("goes on from step {step}", step=step))
            trainer.train(resume_from_checkpoint=str(before) if before else None)
        if trainer.state.global_step < trainer.state.max_steps:
            step, total = trainer.state.global_step, trainer.state.max_steps
            where = str(recipe.out)
            what, remedy = "was stopped after step {step} of {total}", "the same command goes on from there"
            together.fail(AdotxError("finetune.stopped", what, where, remedy, step=step, total=total))
        with kept(recipe.out):
            _save(recipe, checkpoint, trainer, together)
    return recipe.out / (MERGED if recipe.merge or not recipe.lora else ADAPTER)


def _hush() -> None:
    """What libraries say to their own developers is not for who trains."""
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers|trl|peft")
    logging.disable_progress_bar()
    logging.set_verbosity_error()


def make_trainer(
    recipe: Recipe,
    checkpoint: Checkpoint,
    reader: Reader,
    count: Count,
    say: Say,
    interrupts: Interrupts,
    together: Together,
) -> Any:
    """A trainer over the usable rows."""
    passes = accumulation(recipe, together.count)
    model, processor = load_model(recipe, checkpoint, wants_fsdp()), load_processor(checkpoint)
    adapter = lora(recipe, checkpoint)
    check_targets(model, adapter)
    alone = together.count == 1
    blank = None if alone else _blank(checkpoint)
    pad_id = checkpoint.tokenizer.special.get(PAD, 0)
    common: dict[str, Any] = {
        "model": model,
        "processing_class": processor,
        "peft_config": adapter,
        "callbacks": [Reporter(say), Keeper(interrupts)],
    }
    trainer: Any
    if recipe.method == "sft":
        units = _units(recipe, count)
        # One collator serves both, so the held-out lines stand behind those that are trained on.
        held_out = _held_out(recipe, checkpoint, say, together)
        both = Reader(recipe, checkpoint, [*reader.lines, *held_out])
        trainer = Sft(
            args=sft_config(recipe, passes),
            data_collator=PackCollator(both, pad_id, blank),
            train_dataset=units_dataset(filled(units, recipe.batch)),
            eval_dataset=units_dataset([[n] for n in range(len(reader), len(both))]) if held_out else None,
            **common,
        )
    elif recipe.method == "dpo":
        trainer = Dpo(
            args=dpo_config(recipe, passes),
            data_collator=PairCollator(reader, pad_id, blank),
            train_dataset=units_dataset([[index] for index in count.usable]),
            **common,
        )
    else:
        from datasets import Dataset

        seeing = sum(tiles > 0 for _, tiles in count.sizes)
        if not alone and 0 < seeing < len(count.sizes):
            what = "{seeing:,} of {total:,} prompts have pictures, and several processes need all or none to"
            remedy = "split the data, or train in one process"
            raise AdotxError("finetune.mixed", what, "data", remedy, seeing=seeing, total=len(count.sizes))
        trainer = Grpo(
            args=grpo_config(recipe, passes),
            reward_funcs=Reward(reader),
            train_dataset=Dataset.from_dict(grpo_rows(count.usable)),
            reader=reader,
            **common,
        )
    if recipe.quantize and not wants_fsdp():  # TRL makes them bfloat16, in which small steps are lost
        for weight in trainer.model.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()
    trainer.remove_callback(PrinterCallback)
    return trainer


def _units(recipe: Recipe, count: Count) -> list[list[int]]:
    """Packs of lines, or single lines."""
    if not recipe.pack:
        return [[index] for index in count.usable]
    shared = count.shared if recipe.shares else None
    chosen = packs(count.sizes, recipe.budget, random.Random(recipe.seed), shared)
    return [[count.usable[n] for n in held] for held in chosen]


def _held_out(recipe: Recipe, checkpoint: Checkpoint, say: Say, together: Together) -> list[Line]:
    if not recipe.eval_data:
        return []
    reader = Reader(recipe, checkpoint, find_lines(recipe.eval_data))
    return [reader.lines[n] for n in together.agreed(lambda: check(reader, say)).usable]


def _blank(checkpoint: Checkpoint) -> Loaded | None:
    config = checkpoint.config
    if config.family != p.VL or config.tiles is None or config.image_token_id is None:
        return None
    return blank_sample(config.image_token_id, config.tiles.tokens_per_tile, config.tiles.tile_size)


def _save(recipe: Recipe, checkpoint: Checkpoint, trainer: Any, together: Together) -> None:
    """The adapter and the merged checkpoint, or the whole weights."""
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped) if together.count > 1 else None

    def write() -> None:
        model = trainer.accelerator.unwrap_model(trainer.model_wrapped)
        if recipe.lora:
            adapter = recipe.out / ADAPTER
            shutil.rmtree(adapter, ignore_errors=True)
            model.save_pretrained(adapter, state_dict=weights)
            with suppress(OSError):  # PEFT's model card: a form to be filled in
                (adapter / "README.md").unlink()
            if recipe.strength < 1:
                weaken(adapter, recipe.strength)
            if recipe.merge:
                merge(checkpoint, adapter, recipe.out / MERGED)
        else:
            publish(checkpoint, model, recipe.out / MERGED, weights)
        finish(recipe.out)

    together.agreed(write)
