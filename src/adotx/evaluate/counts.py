"""What was matched, said and true, and the F1 that follows: shared by all scores of precision and recall."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """How many elements the hypothesis has, the reference has, and both have."""

    matched: int = 0
    said: int = 0
    true: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.matched + other.matched, self.said + other.said, self.true + other.true)

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall, 2 matched / (said + true); None where both have
        nothing."""
        both = self.said + self.true
        return 2 * self.matched / both if both else None
