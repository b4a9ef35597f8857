"""What an engine has done since it was loaded, and what it holds now.

In: outputs of ended requests, and the numbers of one moment. Out: `Stats`. Knows no scheduler.
"""

from __future__ import annotations

from dataclasses import dataclass

from adotx.engine.serving.request import Output


@dataclass
class Stats:
    """Counters; those of tokens are of ended requests."""

    running: int = 0
    waiting: int = 0
    blocks: int = 0
    free_blocks: int = 0  # held by nobody, `cached_blocks` included
    cached_blocks: int = 0  # held by nobody, but found again by their content
    steps: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    tiles: int = 0  # encoded by the tower
    preemptions: int = 0
    drafted: int = 0
    accepted: int = 0

    def count(self, output: Output) -> None:
        """Add an ended request."""
        self.prompt_tokens += output.prompt_tokens
        self.cached_tokens += output.cached_tokens
        self.output_tokens += len(output.ids)
        self.drafted += output.drafted
        self.accepted += output.accepted
