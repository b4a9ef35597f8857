"""How far a score over pages may be from that over all such pages: percentile bootstrap (Efron, 1979).

In: a score's parts, page by page. Out: an interval. Knows no metrics.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DRAWS = 2000


def interval(
    numerators: Sequence[float],
    denominators: Sequence[float] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float] | None:
    """The interval of the sum of numerators over the sum of denominators, pages drawn with replacement.

    Args:
        numerators: of each page.
        denominators: of each page; ones if None, so that the score is a mean.
        level: share of draws inside.
        seed: of the draws; the same seed and pages give the same interval.

    Returns:
        (low, high); None without pages or where all denominators are 0.
    """
    over = np.array(numerators, np.float64)
    under = np.ones_like(over) if denominators is None else np.array(denominators, np.float64)
    if not len(over) or not under.sum():
        return None
    times = np.random.default_rng(seed).multinomial(len(over), np.full(len(over), 1 / len(over)), DRAWS)
    sums = times @ under
    values = (times @ over)[sums > 0] / sums[sums > 0]
    low, high = np.quantile(values, ((1 - level) / 2, (1 + level) / 2))
    return float(low), float(high)
