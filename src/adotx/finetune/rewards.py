"""Rewards that are checked, not judged: an answer and what should have come out in, 0 to 1 out.

Knows no models; texts and calls come from whoever decodes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adotx.evaluate.cer import cer

#: what the right name of a call is worth; the rest goes to its arguments
_NAME = 0.4

Call = tuple[str, Mapping[str, Any]]


def transcription(said: str, truth: str) -> float:
    """1 for the very text, less for each wrong character, 0 from as many errors as the truth is long."""
    return max(0.0, 1.0 - cer(said, truth))


def tool_calls(made: Sequence[Call], wanted: Sequence[Call], content: str = "") -> float:
    """1 for exactly the calls that are wanted, in any order.

    Each wanted call counts its name and the share of its arguments that are equal; calls too many count as
    wrong ones. Where none is wanted, 1 for an answer without a call. `content` beside calls is allowed.
    """
    if not wanted:
        return 0.0 if made or not content.strip() else 1.0
    left = list(made)
    total = 0.0
    for call in wanted:
        if not left:
            break
        best = max(left, key=lambda given: _likeness(given, call))
        worth = _likeness(best, call)
        if worth:
            left.remove(best)
        total += worth
    return total / max(len(wanted), len(made))


def _likeness(made: Call, wanted: Call) -> float:
    if made[0] != wanted[0]:
        return 0.0
    keys = {*made[1], *wanted[1]}
    if not keys:
        return 1.0
    equal = sum(key in made[1] and key in wanted[1] and _equal(made[1][key], wanted[1][key]) for key in keys)
    return _NAME + (1 - _NAME) * equal / len(keys)


def _equal(a: Any, b: Any) -> bool:
    """As JSON: True is not 1; text without regard to the white space around it."""
    if isinstance(a, str) and isinstance(b, str):
        return a.strip() == b.strip()
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    return bool(a == b)
