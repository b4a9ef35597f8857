"""What an engine has done since it was loaded, and what it holds now.

In: sequences that have ended, and the numbers of one moment. Out: `Stats`. Knows no scheduler.
"""

from __future__ import annotations

from dataclasses import dataclass

from adotx.engine.serving.sequence import Sequence


@dataclass
class Stats:
    """Counters; those of tokens are of ended requests.

    Attributes:
        running, waiting: requests at this moment.
        blocks: of the cache.
        free_blocks: of these, held by nobody; `cached_blocks` included.
        cached_blocks: of these, found again by their content.
        steps: of the decoder.
        prompt_tokens, output_tokens: positions of prompts, new ids.
        cached_tokens: positions of prompts that were taken from the cache instead of computed, those that a
            request beside had just filled included.
        prefix_queries: positions of prompts that were looked up; `cached_tokens` of them were hits.
        tiles: encoded by the tower.
        tower_seconds: that it took for them.
        preemptions: requests that had to give their blocks back and begin again.
        failures: steps that failed for everybody.
        drafted, accepted: ids guessed, and those that were right.
    """

    running: int = 0
    waiting: int = 0
    blocks: int = 0
    free_blocks: int = 0
    cached_blocks: int = 0
    steps: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    prefix_queries: int = 0
    tiles: int = 0
    tower_seconds: float = 0.0
    preemptions: int = 0
    failures: int = 0
    drafted: int = 0
    accepted: int = 0

    @property
    def cache_use(self) -> float:
        """The share of the cache that requests hold, 0 to 1."""
        return 1 - self.free_blocks / self.blocks if self.blocks else 0.0

    def count(self, sequence: Sequence) -> None:
        """Add an ended request."""
        self.prompt_tokens += sequence.prompt_tokens
        self.output_tokens += len(sequence.output)
        self.prefix_queries += sequence.prompt_tokens if sequence.looked_up else 0
        self.cached_tokens += sequence.found
        if sequence.drafter:
            self.drafted += sequence.drafter.drafted
            self.accepted += sequence.drafter.accepted
