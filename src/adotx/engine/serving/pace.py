"""How much of a prompt may be computed beside requests that stream, learned from how long steps take.

In: per step how many positions of prompts it had and its seconds. Out: a number of positions. Knows no
requests, no model and no clock: what a position costs beside a decoding step differs a hundredfold between
models and machines, and grows with the context.
"""

from __future__ import annotations

# Positions while nothing has been learned, and at least.
FIRST, LEAST = 16, 4
# Weight of the newest step.
NEWEST = 0.3


class Pace:
    """
    Args:
        slowdown: how many times longer than a step without prompts a step with them may take.

    Attributes:
        positions: as many positions of prompts a step may have.
    """

    def __init__(self, slowdown: float) -> None:
        self.slowdown, self.positions = slowdown, FIRST
        self._alone: float | None = None  # seconds of a step without prompts
        self._each: float | None = None  # seconds that each position of a prompt adds

    def note(self, prompts: int, seconds: float) -> None:
        """A step in which requests decoded, with `prompts` other positions, took `seconds`."""
        if not prompts:
            self._alone = _mean(self._alone, seconds)
        elif self._alone is not None:
            self._each = _mean(self._each, max(seconds - self._alone, 0.0) / prompts)
        if self._alone and self._each:
            self.positions = max(int((self.slowdown - 1) * self._alone / self._each), LEAST)


def _mean(old: float | None, new: float) -> float:
    return new if old is None else old + NEWEST * (new - old)
