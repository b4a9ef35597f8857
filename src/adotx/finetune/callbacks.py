"""What happens around steps: lines for people, whole states, and a signal taken as a wish to stop.

Knows no data and no models.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import TrainerCallback

from adotx.errors import Sentence
from adotx.finetune.states import mark_whole
from adotx.train.interrupts import Interrupts


class Reporter(TrainerCallback):
    """Says every logged loss in one line."""

    def __init__(self, say: Callable[[Sentence], None]) -> None:
        self.say = say

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any
    ) -> None:
        if not state.is_world_process_zero or not logs:
            return
        step, total = state.global_step, state.max_steps
        if "eval_loss" in logs:
            say = Sentence(
                "step {step}/{total}: held-out loss {loss:.4f}",
                step=step,
                total=total,
                loss=logs["eval_loss"],
            )
            self.say(say)
        elif "loss" in logs:
            said = Sentence("step {step}/{total}: loss {loss:.4f}", step=step, total=total, loss=logs["loss"])
            for key, name in (("reward", "reward"), ("rewards/accuracies", "preferred")):
                if key in logs:
                    said = Sentence("{first}, {name} {value:.3f}", first=said, name=name, value=logs[key])
            self.say(said)


class Keeper(TrainerCallback):
    """Marks every saved state as whole; saves and stops after the step in which a signal came."""

    def __init__(self, interrupts: Interrupts) -> None:
        self.interrupts = interrupts

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if _anywhere(self.interrupts.wanted):
            control.should_save = control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        PartialState().wait_for_everyone()  # each writes a part of it
        if state.is_world_process_zero:
            mark_whole(Path(args.output_dir) / f"checkpoint-{state.global_step}")


def _anywhere(wanted: bool) -> bool:
    """Whether any process wants to stop: one that stopped alone would leave the others waiting."""
    if PartialState().num_processes == 1:
        return wanted
    return bool(gather_object([wanted]).count(True))
