"""Grades of pages and documents, from the share of characters that are expected to be right.

In: statuses and calibrated confidences (`adotx.documents.readers.confidence`). Out: "excellent", "good",
"fair", "poor", or None where nothing says. A page of which something is missing is fair at best, one that
could not be read is poor. Text that the file itself gives is excellent; a blank page has no grade. Knows no
format.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from adotx.documents.transcribe import PageResult

Grade = Literal["excellent", "good", "fair", "poor"]
#: from worst to best
GRADES: tuple[Grade, ...] = ("poor", "fair", "good", "excellent")
#: (share of characters expected to be right, grade) from best to worst: 2 letters in 100 wrong, 5, 20
THRESHOLDS: tuple[tuple[float, Grade], ...] = ((0.98, "excellent"), (0.95, "good"), (0.80, "fair"))
#: of the pages, the worst, whose grade is a document's low one
LOW = 0.05


def grade_of(page: PageResult) -> Grade | None:
    """The grade of a page."""
    if page.status == "failed":
        return "poor"
    if page.status == "blank":
        return None
    if page.confidence is None:
        known: Grade | None = None if page.text_source == "pixels" else "excellent"
    else:
        known = by_confidence(page.confidence)
    return worse(known, "fair") if page.status == "partial" else known


def by_confidence(share: float) -> Grade:
    """The grade of a share of characters that are expected to be right."""
    return next((grade for least, grade in THRESHOLDS if share >= least), "poor")


def worse(one: Grade | None, other: Grade | None) -> Grade | None:
    """The worse of two grades."""
    return min((each for each in (one, other) if each), key=GRADES.index, default=None)


class Tally:
    """Grades of a document, page by page; holds a few numbers a page."""

    def __init__(self) -> None:
        self._grades: list[Grade] = []
        self._shares: list[tuple[float, int]] = []

    def add(self, page: PageResult) -> None:
        """The next page."""
        grade = grade_of(page)
        if grade:
            self._grades.append(grade)
        if page.confidence is not None and page.status != "blank":
            self._shares.append((page.confidence, max(len(page.markdown), 1)))

    @property
    def confidence(self) -> float | None:
        """The share of the document's characters that are expected to be right; None where no page says."""
        total = sum(count for _, count in self._shares)
        return sum(share * count for share, count in self._shares) / total if total else None

    @property
    def grade(self) -> Grade | None:
        """By the mean of its pages' grades; where some could not be read it is fair at best."""
        if not self._grades:
            return None
        mean = sum(map(GRADES.index, self._grades)) / len(self._grades)
        grade = GRADES[math.floor(mean + 0.5)]
        return worse(grade, "fair") if "poor" in self._grades else grade

    @property
    def low_grade(self) -> Grade | None:
        """The grade that all but a twentieth of the pages have at least; of fewer than twenty the worst."""
        ordered: Sequence[Grade] = sorted(self._grades, key=GRADES.index)
        return ordered[int(LOW * len(ordered))] if ordered else None
