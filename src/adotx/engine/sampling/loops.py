"""Sees a stream of token ids fall into a loop, and says where the loop began.

In: ids, one at a time. Out: whether they loop, the loop's period and its start. Knows no text: which ids make
up empty table cells is told by the caller (`adotx.chat.table_ids`).
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

# A loop counts as one when its pattern stands at least this often in the guarded window.
LOOP_REPEATS = 4
# A pattern of exempt ids alone may fill this many windows: an empty table ends before, a smear does not.
EXEMPT_WINDOWS = 8
# Each id costs time in proportion to the window.
LONGEST_WINDOW = 65_536


class LoopGuard:
    """Watches one output.

    With window n, a loop is: the last n ids repeat one pattern of at most n/4 ids; for a pattern that
    consists of exempt ids alone, the last 8n ids. So long runs of empty cells survive, and words that repeat
    in cells do not: their pattern has other ids.

    Args:
        window: n, 0 is off; the n of `SamplingParams.loop_guard`.
        exempt: ids of table tags, cell separators and blanks.

    Attributes:
        start: once a loop was seen, the index, in the output, of its first id; None before.
        period: its pattern's length; ``ids[: start + period]`` keeps the pattern once. None before.
    """

    def __init__(self, window: int, exempt: Collection[int] = frozenset()) -> None:
        self.window = window
        self.start: int | None = None
        self.period: int | None = None
        self._exempt = exempt if isinstance(exempt, frozenset) else frozenset(exempt)
        longest = window // LOOP_REPEATS
        self._periods = np.arange(1, longest + 1)
        # reach[p - 1]: how many of the newest ids are one pattern of p ids, over and over (at least p).
        self._reach = self._periods.copy()
        self._count = 0
        self._exempt_run = 0
        # The newest ids, oldest first, in [at - longest, at); moved to the front when the end is reached.
        self._ids = np.full(max(4 * longest, longest + 64), -1, np.int64)
        self._at = longest

    def push(self, token: int) -> bool:
        """Take one id; True when it completes a loop (and again for each id that prolongs one)."""
        if not self.window:
            return False
        longest, at = len(self._periods), self._at
        same = self._ids[at - longest : at][::-1] == token
        self._reach += 1
        np.copyto(self._reach, self._periods, where=~same)
        self._count += 1
        self._exempt_run = self._exempt_run + 1 if token in self._exempt else 0
        if at == len(self._ids):
            self._ids[:longest] = self._ids[at - longest :]
            at = longest
        self._ids[at] = token
        self._at = at + 1
        return bool(self._reach.max() >= self.window) and self._judge()

    def _judge(self) -> bool:
        """Whether a pattern that fills the window is a loop; the shortest such pattern is noted."""
        # A pattern is exempt when all of its ids, the newest p, are.
        windows = np.where(self._periods <= self._exempt_run, EXEMPT_WINDOWS, 1)
        loops = np.flatnonzero(self._reach >= windows * self.window)
        if not loops.size:
            return False
        # Before the output's first id nothing repeats: ids are >= 0 and the memory starts out as -1.
        self.period = int(self._periods[loops[0]])
        self.start = self._count - int(self._reach[loops[0]])
        return True
