"""How much of a prompt may be computed beside requests that stream, learned from how long steps take.

In: per step how many positions of prompts it had and its seconds. Out: numbers of positions. Knows no
requests, no model and no clock: what a position costs beside a decoding step differs a hundredfold between
models and machines, and grows with the context.
"""

from __future__ import annotations

# Positions while nothing has been learned, and at least.
FIRST, LEAST = 16, 4
# Weight of the newest step, and of one without prompts where these are rare.
NEWEST, RARE = 0.3, 0.6
# Seconds that a step beside streams may take where many prompts wait: who reads along still sees words come.
LONGEST = 0.5
# After so many steps with prompts one is made without: how long that takes changes with who decodes.
FRESH = 8
# Seconds; no position costs less.
TINY = 1e-9


class Pace:
    """
    Args:
        slowdown: how many times longer than a step without prompts a step with them may take.

    Attributes:
        positions: as many positions of prompts a step may have.
        most: as many where many prompts wait.
        is_due: whether the next step should have none, to learn from.
    """

    def __init__(self, slowdown: float) -> None:
        self.slowdown, self.positions, self.most, self.is_due = slowdown, FIRST, FIRST, True
        self._alone = 0.0  # seconds of a step without prompts
        self._prompts = self._seconds = 0.0  # of steps with prompts: their positions and how long they take
        self._since = 0  # steps with prompts since the last one without

    def note(self, prompts: int, seconds: float) -> None:
        """A step in which requests decoded, with `prompts` other positions, took `seconds`."""
        if prompts:
            self._since += 1
            self._prompts = _mean(self._prompts, prompts, NEWEST)
            self._seconds = _mean(self._seconds, seconds, NEWEST)
        else:
            self._alone = _mean(self._alone, seconds, RARE if self._since >= FRESH else NEWEST)
            self._since = 0
        self.is_due = not self._alone or self._since >= FRESH
        # Of means, so that what a step without prompts newly takes counts for all of them.
        added = self._seconds - self._alone
        if self._alone and self._prompts and added > 0:
            each = max(added / self._prompts, TINY)
            self.positions = max(int((self.slowdown - 1) * self._alone / each), LEAST)
            self.most = max(int((LONGEST - self._alone) / each), self.positions)


def _mean(old: float, new: float, weight: float) -> float:
    return old + weight * (new - old) if old else new
