"""The training loop of every stage: time box, mixed precision on any device, saves, resume, validation.

In: a module whose forward takes a batch as keywords and returns {"loss": ...}, endless samples, a recipe.
Out: `weights.safetensors` (or shards) in the stage's folder. Every `save_minutes` the whole state goes to a
folder `checkpoint-STEP`, complete or not there at all, so that a run that is killed goes on from the last.
Everything lies on the device of the recipe; nothing is read back from it but at steps that log.
Knows nothing of what the stage is about.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn

from adotx.errors import AdotxError
from adotx.train.average import Average
from adotx.train.batches import Pace, batches
from adotx.train.interrupts import Interrupts
from adotx.train.optim import MuonAdamW
from adotx.train.recipe import Recipe
from adotx.train.timebox import Timebox, schedule
from adotx.train.weights import load_state, load_tensors, save_tensors, state

WEIGHTS, AVERAGE = "weights", "average"
CHECKPOINT = "checkpoint-"
#: largest norm of a step's gradients
_CLIP = 1.0
#: steps between two lines of the log
_LOG_STEPS = 20
#: seconds of training after which the pace is told
_PACE_SECONDS = 30.0


def choose_device(name: str) -> torch.device:
    """The device called `name`; "auto" is the machine's accelerator, or the CPU where it has none.

    Raises:
        AdotxError: this machine, or its torch, has no such device.
    """
    if name == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        raise AdotxError(
            "train.device",
            "{reason}",
            f"device = {name!r}",
            "auto, cpu, or one this machine has",
            reason=str(error).partition("\n")[0],
        ) from None


def precision(device: torch.device, dtype: str = "bfloat16") -> AbstractContextManager:
    """Mixed precision on `device`: matrix products in `dtype`, weights in float32."""
    if dtype == "float32":
        return nullcontext()
    return torch.autocast(device_type=device.type, dtype=getattr(torch, dtype))


def device_of(model: nn.Module) -> torch.device:
    """Where the model lies."""
    return next(model.parameters()).device


def train_step(
    model: nn.Module, batch: Mapping[str, torch.Tensor], optimizer: torch.optim.Optimizer, dtype: str
) -> torch.Tensor:
    """One step; returns the loss on the model's device."""
    with precision(device_of(model), dtype):
        loss = model(**batch)["loss"]
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), _CLIP)
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()


def fit(
    model: nn.Module,
    samples: Any,
    recipe: Recipe,
    measure: Callable[[], str] | None = None,
    collate: Callable[[list], dict[str, torch.Tensor]] | None = None,
) -> Path:
    """Train within the box, resuming where an interrupted run left off; returns the stage's folder.

    Args:
        samples: an `IterableDataset`; its `.seed` is moved on at every resume, so that a resumed run sees new
            samples.
        measure: validation, called every `validate_minutes` and at the end; its answer goes to stderr.
        collate: samples to a batch.

    Raises:
        KeyboardInterrupt: SIGINT or SIGTERM came; the state has been saved.
    """
    torch.set_num_threads(recipe.threads)
    folder = recipe.folder()
    device = choose_device(recipe.device)
    model.to(device).train()
    optimizer = MuonAdamW(model.named_parameters(), recipe.learning_rate)
    average = Average(model, recipe.average)
    step, spent = 0, 0.0
    last = last_checkpoint(folder)
    if last:
        step, spent = _resume(last, model, optimizer, average, device)
        samples.seed = f"{samples.seed}/{last.name}"
        _tell(recipe, step, spent, f"goes on from {last.name}")
    random.seed(f"{recipe.seed}/{step}")
    torch.manual_seed(recipe.seed + step)
    box = Timebox(recipe.minutes, spent, recipe.until)
    rate = schedule(optimizer, box, recipe.warmup_steps, recipe.decay_from, first_step=step)
    saved = validated = box.elapsed
    validation_seconds = 0.0
    pace = Pace(recipe.batch_size, recipe.workers)
    total, summed = torch.zeros((), device=device), 0
    with Interrupts() as interrupts:
        for batch in _until(box, batches(samples, recipe, collate, device, pace), recipe.max_steps - step):
            total += train_step(model, batch, optimizer, recipe.dtype)
            rate.step()
            step += 1
            average.update(step)
            summed += 1
            if step % _LOG_STEPS == 0:
                parts = {"loss": total / summed, **getattr(model, "losses", {})}
                told = ", ".join(f"{name} {float(value):.4f}" for name, value in parts.items())
                _tell(recipe, step, box.elapsed, f"{told}, rate {rate.get_last_lr()[0]:.2e}")
                total.zero_()
                summed = 0
            if pace.due(_PACE_SECONDS):
                _tell(recipe, step, box.elapsed, pace.report())
            if interrupts.wanted or box.elapsed - saved >= recipe.save_minutes:
                save_checkpoint(folder, model, optimizer, average, step, box.elapsed, recipe.shard_megabytes)
                saved = box.elapsed
            if interrupts.wanted:
                raise KeyboardInterrupt
            due = box.elapsed - validated >= recipe.validate_minutes
            if measure and due and time.monotonic() + validation_seconds < box.until:
                since = time.monotonic()
                with average:
                    _tell(recipe, step, box.elapsed, measure())
                validated, validation_seconds = box.elapsed, time.monotonic() - since
        if not pace.told:
            _tell(recipe, step, box.elapsed, pace.report() if pace.trained else "no time left to train")
        save_checkpoint(folder, model, optimizer, average, step, box.elapsed, recipe.shard_megabytes)
    with average:
        if measure and time.monotonic() + validation_seconds < box.until:
            _tell(recipe, step, box.elapsed, measure())
        save_tensors(folder, WEIGHTS, state(model), recipe.shard_megabytes)
    return folder


def _until(box: Timebox, batches: Iterable[dict], steps: int) -> Iterator[dict]:
    """The batches until the box is over, at most `steps` of them."""
    if box.over or steps <= 0:
        return
    for number, batch in enumerate(batches, 1):
        yield batch
        if box.over or number >= steps:
            return


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    optimizer: MuonAdamW,
    average: Average,
    step: int,
    minutes: float,
    shard_megabytes: float = 0.0,
) -> None:
    """Write the whole state as `checkpoint-STEP` and drop the older ones."""
    made = folder / f"{CHECKPOINT}{step}"
    partial = folder / f"{made.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    save_tensors(partial, WEIGHTS, state(model), shard_megabytes)
    save_tensors(partial, "optimizer", optimizer.state_tensors(), shard_megabytes)
    save_tensors(partial, AVERAGE, average.tensors, shard_megabytes)
    (partial / "progress.json").write_text(json.dumps({"step": step, "minutes": minutes}) + "\n")
    shutil.rmtree(made, ignore_errors=True)
    partial.rename(made)  # complete or not there: a kill at any moment leaves the one before
    for other in folder.glob(f"{CHECKPOINT}*"):
        if other != made:
            shutil.rmtree(other, ignore_errors=True)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest complete state in a stage's folder."""
    found = [path for path in folder.glob(f"{CHECKPOINT}*") if path.name[len(CHECKPOINT) :].isdigit()]
    return max(found, key=lambda path: int(path.name[len(CHECKPOINT) :]), default=None)


def load_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors a stage left."""
    return load_tensors(folder, WEIGHTS)


def latest_weights(folder: Path) -> dict[str, torch.Tensor] | None:
    """What an unfinished stage would leave if it ended now; None before its first save."""
    last = last_checkpoint(folder)
    return load_tensors(last, WEIGHTS) | load_tensors(last, AVERAGE) if last else None


def _resume(
    checkpoint: Path, model: nn.Module, optimizer: MuonAdamW, average: Average, device: torch.device
) -> tuple[int, float]:
    load_state(model, load_tensors(checkpoint, WEIGHTS, device))
    optimizer.load_state_tensors(load_tensors(checkpoint, "optimizer", device))
    average.load(load_tensors(checkpoint, AVERAGE, device))
    progress = json.loads((checkpoint / "progress.json").read_text())
    return progress["step"], progress["minutes"]


def _tell(recipe: Recipe, step: int, minutes: float, what: str) -> None:
    print(f"{recipe.stage}: {minutes:6.2f} min, step {step}: {what}", file=sys.stderr, flush=True)
