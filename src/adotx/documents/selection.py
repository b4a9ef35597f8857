"""Which pages of a document: "1-3,7" in, whether a page is one of them out. Knows no documents."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from adotx.errors import AdotxError

_PAGES = re.compile(r"(\d{1,6})(?:-(\d{0,6}))?")


@dataclass(frozen=True)
class Selection:
    """Pages of a document, counted from 1.

    Attributes:
        ranges: (first, last) of each; none: all pages. A last of 0 is the document's last.
    """

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, text: str, where: str = "pages") -> Selection:
        """From "1-3,7" or "5-"; "" is all.

        Args:
            where: the field or option that errors name.

        Raises:
            AdotxError: ``input.pages``.
        """
        ranges = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            found = _PAGES.fullmatch(part)
            first = int(found[1]) if found else 0
            last = first if not found or found[2] is None else int(found[2] or 0)
            if first < 1 or (last < first and not (found and found[2] == "")):
                what, remedy = "{given} names no pages", "write them like 1-3,7"
                raise AdotxError("input.pages", what, where, remedy, given=repr(part[:40]))
            ranges.append((first, last))
        return cls(tuple(ranges))

    def minus(self, numbers: Collection[int]) -> Selection | None:
        """The same pages but for some; None where none is left."""
        left = []
        for first, last in self.ranges or ((1, 0),):
            for number in sorted(numbers):
                if number == first:
                    first += 1
                elif first < number and (number <= last or not last):
                    left.append((first, number - 1))
                    first = number + 1
            if first <= last or not last:
                left.append((first, last))
        return Selection(tuple(left)) if left else None

    def __contains__(self, number: int) -> bool:
        return not self.ranges or any(
            first <= number and (number <= last or not last) for first, last in self.ranges
        )

    def __str__(self) -> str:
        """As `of` reads it."""
        return ",".join(
            f"{first}" if first == last else f"{first}-{last or ''}" for first, last in self.ranges
        )

    @property
    def least(self) -> int:
        """The smallest number of pages that a document must have to have some of each range."""
        return max((first for first, _ in self.ranges), default=1)


#: every page
ALL = Selection()
