"""Which pages of a document: what `--pages` takes, and what it refuses."""

from __future__ import annotations

import pytest

from adotx.documents.selection import Selection
from adotx.errors import AdotxError


@pytest.mark.parametrize("text", ("0", "1-0", "3-2", "5-3", "-1", "a", "x-3", "1.5", "1–3", "一"))
def test_what_names_no_pages_is_refused(text: str) -> None:
    with pytest.raises(AdotxError, match="names no pages"):
        Selection.of(text)


@pytest.mark.parametrize(
    ("text", "pages"),
    (("1-3,7", {1, 2, 3, 7}), (" 2 ", {2}), ("8-", {8, 9}), ("4-4, 4", {4}), ("", set(range(1, 10)))),
)
def test_what_is_named(text: str, pages: set[int]) -> None:
    assert {number for number in range(1, 10) if number in Selection.of(text)} == pages
    assert Selection.of(str(Selection.of(text))) == Selection.of(text)
