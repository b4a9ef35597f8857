"""Doubtful figures inside text: written with other digits, which behave as digits wherever the text goes.

In: text, or blocks. Out: the same with a figure doubted, or with doubts as marks, or without them. Readers
write doubts, assembly carries them unseen (the digits are digits to it), whoever shows the text writes them
out. Knows no reader.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

#: the digits of a doubtful figure: Unicode's mathematical monospace ones, which no page has
DIGITS = "".join(chr(0x1D7F6 + n) for n in range(10))
#: what stands before and after a doubtful figure in Markdown
MARKS = ("<mark>", "</mark>")
_DOUBT, _PLAIN = str.maketrans("0123456789", DIGITS), str.maketrans(DIGITS, "0123456789")
# A figure with its doubtful digits, their signs and separators.
_FIGURE = re.compile(f"[{DIGITS}](?:[{DIGITS}.,:/~%-]*[{DIGITS}])?")
# The number of a list's item is no figure, and its digits are looked at to tell that it is one.
_ITEM = re.compile(r"\s*\(?\d{1,2}[.)]?(?=\s|$)")
_Whole = TypeVar("_Whole")


def doubted(text: str) -> str:
    """A figure, or a text all of whose figures are doubtful."""
    return text.translate(_DOUBT)


def plain(text: str) -> str:
    """The text without doubts."""
    return text.translate(_PLAIN)


def marked(markdown: str) -> str:
    """Markdown with each doubtful figure between `MARKS`."""
    return _FIGURE.sub(lambda found: f"{MARKS[0]}{plain(found[0])}{MARKS[1]}", markdown)


def figures(text: str) -> list[str]:
    """The doubtful figures of a text."""
    return [plain(found[0]) for found in _FIGURE.finditer(text)]


def spans_of(text: str) -> list[tuple[int, int]]:
    """(start, end) of each doubtful figure of a text; the same places as in `plain(text)`."""
    return [found.span() for found in _FIGURE.finditer(text)]


def is_item_number(text: str, start: int, end: int) -> bool:
    """Whether what stands there numbers an item rather than counts something."""
    found = _ITEM.match(text)
    return found is not None and start <= found.end() and end <= found.end() + 1


def with_texts(value: _Whole, change: Callable[[str], str]) -> _Whole:
    """A block, or anything made of dataclasses and tuples, with all its texts changed."""
    changed: Any = value
    if isinstance(value, str):
        changed = change(value)
    elif isinstance(value, tuple):
        changed = tuple(with_texts(each, change) for each in value)
    elif is_dataclass(value) and not isinstance(value, type):
        new = {
            each.name: with_texts(getattr(value, each.name), change)
            for each in fields(value)
            if each.name != "align" and each.init
        }
        changed = replace(value, **new)
    return changed
