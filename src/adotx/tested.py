"""Versions of another package that our tests have run with, and what to tell of one that they have not.

In: a version as its package has it. Out: one sentence, or None. Imports no package.
"""

from __future__ import annotations

import re

#: From the first (major, minor), before the second.
Range = tuple[tuple[int, int], tuple[int, int]]


def wanted(package: str, tested: Range) -> str:
    """What pip takes: ``package>=1.2,<1.4``."""
    first, end = (".".join(map(str, numbers)) for numbers in tested)
    return f"{package}>={first},<{end}"


def numbers(version: str) -> tuple[int, int] | None:
    """(major, minor), or None for a version without."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else None


def untested(package: str, version: str, tested: Range) -> str | None:
    """What to tell of a version that the tests have not run with; None for one that they have.

    Args:
        package: as pip calls it.
        version: of the package that is there.
        tested: the versions that the tests have run with.
    """
    found = numbers(version)
    first, end = tested
    if found and first <= found < end:
        return None
    since, before = (".".join(map(str, each)) for each in tested)
    return (
        f"adotx is tested with {package} from {since} up to, not including, {before}; this is {version}. "
        f"Where A.X 4.0 does not load or answers strangely: pip install '{wanted(package, tested)}'"
    )
