"""Training boxed by minutes: the learning rate follows the clock, and the clock survives a resume.

In: minutes. Out: a `transformers` callback that stops the run and a scheduler.
Knows nothing of data or models.
"""

from __future__ import annotations

import time

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState


class Timebox(TrainerCallback, ExportableState):
    """Stops after `minutes` of training in all; minutes already spent are kept in the trainer's state."""

    def __init__(self, minutes: float = 0.0, spent: float = 0.0) -> None:
        self.minutes, self.spent, self._since = minutes, spent, time.monotonic()

    @property
    def elapsed(self) -> float:
        """Minutes of training so far, earlier runs included."""
        return self.spent + (time.monotonic() - self._since) / 60

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        self._since = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: object
    ) -> None:
        if self.elapsed >= self.minutes:
            control.should_training_stop = True
            control.should_save = args.save_strategy != "no"

    def state(self) -> dict:
        return {"args": {"minutes": self.minutes, "spent": self.elapsed}, "attributes": {}}


def schedule(
    optimizer: torch.optim.Optimizer,
    box: Timebox,
    warmup_steps: int = 150,
    decay_from: float = 0.6,
    floor: float = 0.03,
) -> torch.optim.lr_scheduler.LambdaLR:
    """Linear warm-up by steps, then flat, then linear to `floor` over the rest of the time box."""

    def factor(step: int) -> float:
        done = min(1.0, box.elapsed / box.minutes) if box.minutes else 1.0
        tail = (
            1.0
            if done < decay_from or decay_from >= 1.0
            else 1.0 - (1.0 - floor) * (done - decay_from) / (1.0 - decay_from)
        )
        return min(1.0, (step + 1) / warmup_steps) * tail

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
