"""Lines of one column in, groups of lines out: each group is one block.

Size, gaps, indents and the right edge decide first, marks of lists second. Knows no Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby, pairwise

import numpy as np

from adotx.documents.assembly.body import Body
from adotx.documents.assembly.code import code_score, is_code
from adotx.documents.assembly.joins import SOFT_HYPHEN, space_odds
from adotx.documents.assembly.placed import PlacedLine
from adotx.markdown.line_breaks import is_hangul

# A box with another behind it, or with a ticked one, is to be ticked and no bullet.
_BOXES = r"(?![□■].*(?:[□■☐☑☒✓✔]|\[\s?[Vvx✓]?\s?\]))"
BULLET = re.compile(rf"^{_BOXES}([•·◦○●■□◆◇▶►▷▪※☞*‣∙-]|[–—])\s+(?=\S)")
#: what opens a remark, which is of no list
REMARKS = frozenset("※☞")
NUMBER = re.compile(
    r"^(\(?\d{1,3}[.)]|\([가-하]\)|[가나다라마바사아자차카타파하][.)]|[①-⑳㉠-㉻ⓐ-ⓩ⑴-⒇]|[a-z][.)])\s+(?=\S)"
)
_SYLLABLES = "가나다라마바사아자차카타파하"
# What begins a line of its own and is no item: a part's number, and a row of a table of contents ends one.
_PART = re.compile(r"^(?:[Ⅰ-Ⅻ]|[IVX]{1,5})[.)]?\s+\S")
_LEADER = re.compile(r"(?:[.·․‥…]\s?){4,}\s*(?:\d{1,4}|[ivxlc]{1,6})$")
_TICKS = {"□": "☐", "■": "☑"}
# A date that goes on, and what goes on with it.
_DATE_BEGUN = re.compile(r"(?:^|\D)(?:19|20)\d\d\.(?:\s?\d{1,2}\.)?$")
_DATE_GOES_ON = re.compile(r"\d{1,2}\.")
# Lines that end so near the edge, in em, are full; log odds of a space below which none is between syllables.
_FULL, _NO_WORD = 2.0, -2.0
# Marks at one place begin so many em apart at most.
_ONE_PLACE = 0.3
# What is to be ticked, or is: a line of its own.
TICK = re.compile(r"^[☐☑☒]\s*(?=\S)")
_FIELD = re.compile(r"^[^\s:：][^:：.!?]{0,14}\s?[:：](?=\s|$)")


def groups_of(lines: Sequence[PlacedLine], right: float, body: Body) -> list[list[PlacedLine]]:
    """Lines that belong to one block stand together; each bullet starts a new group."""
    return _code_joined(_grouped(_with_ticks(lines), right, body), body)


def _with_ticks(lines: Sequence[PlacedLine]) -> list[PlacedLine]:
    """Lines that follow each other and begin at one place, some with □ and some with ■: no bullets, which
    would all be alike there, but what is to be ticked and what is ticked."""
    out: list[PlacedLine] = []
    for is_marked, run in groupby(lines, key=lambda line: line.text[:1] in _TICKS):
        marked = list(run)
        for line in marked:
            beside = is_marked and {
                each.text[:1] for each in marked if abs(each.x0 - line.x0) < _ONE_PLACE * line.em
            }
            if beside and len(beside) > 1:
                line = replace(line, text=_TICKS[line.text[0]] + line.text[1:])
            out.append(line)
    return out


def is_code_group(group: Sequence[PlacedLine]) -> bool:
    """Whether lines that stand together are program text; a single line has to look very much like it."""
    texts = [line.text for line in group]
    if all(line.fixed is False for line in group):
        return False  # known to be set in letters of all widths
    return is_code(texts) and (len(group) > 1 or code_score(texts[0]) >= 0.7)


def _pitch(lines: Sequence[PlacedLine]) -> float:
    """The usual step from line to line, in em; 0 with too few lines."""
    steps = [
        (b.y - a.y) / max(a.em, b.em) for a, b in pairwise(lines) if 0.8 < a.em / b.em < 1.25 and b.y > a.y
    ]
    steps = [step for step in steps if step < 3]
    # Lines of one paragraph are the nearest: the lower part of the steps.
    return float(np.percentile(steps, 30)) if steps else 0.0


def _grouped(lines: Sequence[PlacedLine], right: float, body: Body) -> list[list[PlacedLine]]:
    pitch = _pitch(lines)
    left = min((line.x0 for line in lines), default=0.0)
    groups: list[list[PlacedLine]] = []
    for number, line in enumerate(lines):
        if number and _continues(groups[-1], line, left, right, pitch, body):
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def _continues(
    group: list[PlacedLine], line: PlacedLine, left: float, right: float, pitch: float, body: Body
) -> bool:
    """Whether `line` goes on with the block of `group`."""
    last, em = group[-1], max(group[-1].em, line.em)
    if last.text.endswith(SOFT_HYPHEN):
        return True
    if BULLET.match(line.text) or TICK.match(line.text):
        return False
    if NUMBER.match(line.text) and not (
        right - last.x1 < _FULL * em and not _is_next(group[0], line) and _ends_here(last, line)
    ):
        return False
    if _PART.match(line.text) or _LEADER.search(last.text):
        return False
    if not 0.83 < last.em / line.em < 1.2:
        return False
    step = (line.y - last.y) / em
    if step > max(1.2 * pitch, pitch + 0.22) and step > 1.55:
        return False
    if _FIELD.match(line.text) and _FIELD.match(group[0].text):
        return False
    big = last.em > 1.15 * body.em
    item = BULLET.match(group[0].text) or NUMBER.match(group[0].text)
    if item:
        inner = group[1].x0 if len(group) > 1 else None
        if inner is None:
            # The text of an item starts behind its marker.
            if not 0.5 * em < line.x0 - group[0].x0 < 4 * em:
                return False
        elif abs(line.x0 - inner) > 0.6 * em:
            return False
    elif len(group) > 1 and line.x0 - group[1].x0 > 0.6 * em and not big:
        return False  # the first line of the next paragraph is indented
    elif len(group) == 1 and line.x0 - last.x0 > 0.6 * em and not big and not _centred(last, left, right):
        return False
    # A break where the next word would still have fitted was meant.
    need = (1.2 * em if body.anywhere and line.text[:1] >= "가" else line.first + 0.35 * em) + 0.5 * em
    room = right - last.x1
    if _centred(last, left, right) and _centred(line, left, right):
        room = 2 * room
    return room <= need


def _is_next(first: PlacedLine, line: PlacedLine) -> bool:
    """Whether a line is the next item after the one that begins with `first`, as 다. is after 나."""
    at = _SYLLABLES.find(line.text[0])
    return at > 0 and first.text.startswith(_SYLLABLES[at - 1] + line.text[1])


def _ends_here(last: PlacedLine, line: PlacedLine) -> bool:
    """Whether what looks like an item's number is the end of a word, or of a date, that `last` begins: lines
    break before the last syllable of "하였다." and inside of "2025. 9. 30." too."""
    if _DATE_BEGUN.search(last.text):
        return bool(_DATE_GOES_ON.match(line.text))
    parted = is_hangul(last.text[-1]) and is_hangul(line.text[0])
    return parted and not last.ends_word and space_odds(last.text, line.text) < _NO_WORD


def _centred(line: PlacedLine, left: float, right: float) -> bool:
    a, b = line.x0 - left, right - line.x1
    return a > 1.5 * line.em and b > 1.5 * line.em and abs(a - b) < 1.2 * line.em


def _code_joined(groups: list[list[PlacedLine]], body: Body) -> list[list[PlacedLine]]:
    """Groups of code lines put together: code is broken into groups by its blank lines and short lines."""
    out: list[list[PlacedLine]] = []
    run: list[list[PlacedLine]] = []

    def flush() -> None:
        lines = [line for group in run for line in group]
        if lines and is_code_group(lines):
            out.append(lines)
        else:
            out.extend(run)
        run.clear()

    for group in groups:
        texts = [line.text for line in group]
        mean = sum(map(code_score, texts)) / len(texts)
        large = group[0].em > 1.25 * body.em
        marked = bool(BULLET.match(texts[0])) and texts[0][0] not in "*-"
        likely = (
            not large and not marked and (mean >= 0.5 or (bool(run) and len(group) == 1 and mean >= 0.33))
        )
        if likely and run:
            before = run[-1][-1]
            near = (group[0].y - before.y) / before.em < 4.6
            if not near or group[0].x0 < min(line.x0 for g in run for line in g) - 0.4 * before.em:
                flush()
        if likely:
            run.append(group)
        else:
            flush()
            out.append(group)
    flush()
    return out
