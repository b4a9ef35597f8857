"""Training boxed by minutes: the learning rate follows the clock, and the clock survives a resume.

In: minutes. Out: a clock and a scheduler. Knows nothing of data or models.
"""

from __future__ import annotations

import math
import time

import torch


class Timebox:
    """`minutes` of training in all; `spent` of them in earlier runs.

    Args:
        until: `time.monotonic` at which the box ends in any case.
    """

    def __init__(self, minutes: float, spent: float = 0.0, until: float = math.inf) -> None:
        self._since = time.monotonic()
        self.until = until
        self.spent = spent
        self.minutes = min(minutes, spent + max(0.0, until - self._since) / 60)

    @property
    def elapsed(self) -> float:
        """Minutes of training so far, earlier runs included."""
        return self.spent + (time.monotonic() - self._since) / 60

    @property
    def over(self) -> bool:
        return self.elapsed >= self.minutes

    @property
    def share(self) -> float:
        """How much of the box is gone, 0 to 1."""
        return min(1.0, self.elapsed / self.minutes) if self.minutes > 0 else 1.0


def schedule(
    optimizer: torch.optim.Optimizer,
    box: Timebox,
    warmup_steps: int = 150,
    decay_from: float = 0.6,
    floor: float = 0.03,
    first_step: int = 0,
) -> torch.optim.lr_scheduler.LambdaLR:
    """Linear warm-up by steps, then flat, then linear to `floor` over the rest of the time box.

    Args:
        first_step: steps of earlier runs: a resumed run does not warm up again.
    """

    def factor(step: int) -> float:
        done = box.share
        tail = (
            1.0
            if done < decay_from or decay_from >= 1.0
            else 1.0 - (1.0 - floor) * (done - decay_from) / (1.0 - decay_from)
        )
        return min(1.0, (first_step + step + 1) / warmup_steps) * tail

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
