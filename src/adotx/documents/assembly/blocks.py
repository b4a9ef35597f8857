"""Lines with their texts in, blocks out: headings, paragraphs, items, code, quotations, tables, fields.

In: `Seen` lines of one flow (text and place), what is usual on the page (`Body`). Out: `Block`s. What the
page shows decides first (size, gaps, indents, frames), what the text says second. Knows nothing of pixels
or models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from adotx.documents.assembly.code import code_score, is_code
from adotx.documents.assembly.joins import glue

Kind = Literal["heading", "paragraph", "item", "code", "quote", "table", "fields"]
_BULLET = re.compile(r"^([•·◦○●■□◆◇▶►▷▪※☞*‣∙-]|[–—])\s+(?=\S)")
_NUMBER = re.compile(
    r"^(\(?\d{1,3}[.)]|\([가-하]\)|[가나다라마바사아자차카타파하][.)]|[①-⑳]|[a-z][.)])\s+(?=\S)"
)
_FIELD = re.compile(r"^[^\s:：][^:：.!?]{0,14}\s?[:：](?=\s|$)")
_END = re.compile(r"[.!?…][\"'”’)\]]*$|[다요]$")


@dataclass(frozen=True)
class Seen:
    """One line of text where it stands, in pixels of the clean page.

    Attributes:
        text: what it says.
        x0, x1: its ink's ends; `y` the middle of its core.
        em: pixels per em.
        weight: stroke width in em.
        advance: pixels per em by the width of what it says; height and width together tell a heading.
        first: width of its first word.
        gap: the usual width of its word spaces, in em; 0 where it has none.
    """

    text: str
    x0: float
    x1: float
    y: float
    em: float
    weight: float
    advance: float = 1.0
    first: float = 0.0
    gap: float = 0.0


@dataclass(frozen=True)
class Body:
    """What is usual on a page: running text's em and stroke weight, and whether lines break between
    syllables."""

    em: float
    weight: float
    advance: float
    anywhere: bool = False

    def ratio(self, group: Sequence[Seen]) -> float:
        """How much larger than running text a group of lines is set."""
        tall = float(np.mean([line.em for line in group])) / self.em
        wide = float(np.mean([line.advance for line in group])) / self.advance
        return float(np.sqrt(tall * np.clip(wide, 0.75 * tall, 1.3 * tall)))


@dataclass
class Block:
    """One block of Markdown; `rows` for tables and fields, `lines` for code, `text` for the rest."""

    kind: Kind
    text: str = ""
    level: int = 0
    marker: str = ""
    lines: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    ratio: float = 1.0
    x0: float = 0.0


def join_lines(texts: Sequence[str], anywhere: bool) -> str:
    """The lines of one paragraph or cell as running text."""
    out = ""
    for text in texts:
        out = out + glue(out, text, anywhere) + text if out else text
    return out


def flow_blocks(seen: Sequence[Seen], right: float, body: Body) -> list[Block]:
    """The blocks of one column of lines that no frame encloses."""
    groups = _groups(seen, right, body)
    groups = _code_groups(groups, body)
    return [block for group in groups for block in _block(group, body)]


# Cutting into groups ----------------------------------------------------------------------------------------


def _pitch(seen: Sequence[Seen]) -> float:
    """The usual step from line to line, in em; 0 with too few lines."""
    steps = [
        (b.y - a.y) / max(a.em, b.em) for a, b in pairwise(seen) if 0.8 < a.em / b.em < 1.25 and b.y > a.y
    ]
    steps = [step for step in steps if step < 3]
    # Lines of one paragraph are the nearest: the lower part of the steps.
    return float(np.percentile(steps, 30)) if steps else 0.0


def _groups(seen: Sequence[Seen], right: float, body: Body) -> list[list[Seen]]:
    """Lines that belong to one block stand together; each bullet starts a new group."""
    pitch = _pitch(seen)
    left = min((line.x0 for line in seen), default=0.0)
    groups: list[list[Seen]] = []
    for number, line in enumerate(seen):
        if number and _continues(groups[-1], line, left, right, pitch, body):
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def _continues(group: list[Seen], line: Seen, left: float, right: float, pitch: float, body: Body) -> bool:
    """Whether `line` goes on with the block of `group`."""
    last, em = group[-1], max(group[-1].em, line.em)
    if _BULLET.match(line.text) or _NUMBER.match(line.text):
        return False
    if not 0.83 < last.em / line.em < 1.2:
        return False
    step = (line.y - last.y) / em
    if step > max(1.2 * pitch, pitch + 0.22) and step > 1.55:
        return False
    if _FIELD.match(line.text) and _FIELD.match(group[0].text):
        return False
    big = last.em > 1.15 * body.em
    item = _BULLET.match(group[0].text) or _NUMBER.match(group[0].text)
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


def _centred(line: Seen, left: float, right: float) -> bool:
    a, b = line.x0 - left, right - line.x1
    return a > 1.5 * line.em and b > 1.5 * line.em and abs(a - b) < 1.2 * line.em


def _code_groups(groups: list[list[Seen]], body: Body) -> list[list[Seen]]:
    """Groups of code lines put together: code is broken into groups by its blank lines and short lines."""
    out: list[list[Seen]] = []
    run: list[list[Seen]] = []

    def flush() -> None:
        lines = [line for group in run for line in group]
        texts = [line.text for line in lines]
        if len(lines) and is_code(texts) and (len(lines) > 1 or code_score(texts[0]) >= 0.7):
            out.append(lines)
        else:
            out.extend(run)
        run.clear()

    for group in groups:
        texts = [line.text for line in group]
        mean = sum(map(code_score, texts)) / len(texts)
        large = group[0].em > 1.25 * body.em
        marked = bool(_BULLET.match(texts[0])) and texts[0][0] not in "*-"
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


# From group to block ----------------------------------------------------------------------------------------


def _block(group: list[Seen], body: Body) -> list[Block]:
    texts = [line.text for line in group]
    first = group[0]
    if is_code(texts) and (len(group) > 1 or code_score(texts[0]) >= 0.7) and first.em < 1.25 * body.em:
        return [code_block(group)]
    heading = _heading(group, body)
    if heading:
        return [heading]
    text = join_lines(texts, body.anywhere)
    bullet, number = _BULLET.match(text), _NUMBER.match(text)
    if bullet or number:
        match = bullet or number
        assert match is not None
        marker = "-" if bullet else match[1]
        return [Block("item", text[match.end() :], marker=marker, x0=first.x0)]
    return [Block("paragraph", text, x0=first.x0)]


def _heading(group: list[Seen], body: Body) -> Block | None:
    """A heading stands out: larger, or bolder and alone on its line."""
    weight = float(np.mean([line.weight for line in group]))
    ratio = body.ratio(group)
    text = join_lines([line.text for line in group], False)
    if len(group) > 3 or len(text) > 90 or not re.search(r"\w", text):
        return None
    ends = bool(_END.search(text))
    bold = weight > 1.3 * body.weight
    if ratio >= 1.25 or (ratio >= 1.08 and not ends):
        return Block("heading", text, ratio=ratio, x0=group[0].x0)
    if bold and len(group) == 1 and ratio >= 0.95 and not ends and len(text) <= 40:
        return Block("heading", text, ratio=ratio, x0=group[0].x0)
    return None


def code_block(group: Sequence[Seen]) -> Block:
    """Lines as they are; their indents in characters of the usual width."""
    widths = [(line.x1 - line.x0) / len(line.text) for line in group if len(line.text) >= 4]
    step = float(np.median(widths)) if widths else 0.5 * group[0].em
    left = min(line.x0 for line in group)
    pitch = [b.y - a.y for a, b in pairwise(group)]
    usual = float(np.percentile(pitch, 25)) if pitch else 1.0
    lines: list[str] = []
    for number, line in enumerate(group):
        if number and usual > 0:
            lines += [""] * min(3, max(0, round(pitch[number - 1] / usual) - 1))
        lines.append(" " * round((line.x0 - left) / max(step, 1.0)) + line.text)
    return Block("code", lines=lines)


def framed_blocks(seen: Sequence[Seen], right: float, mark: str, body: Body) -> list[Block]:
    """What stands in a box, on a dark panel or beside a bar."""
    texts = [line.text for line in seen]
    scores = [code_score(text) for text in texts]
    if mark != "bar" and sum(scores) / len(scores) >= (0.35 if mark == "panel" else 0.42):
        return [code_block(seen)]
    blocks = flow_blocks(seen, right, body)
    if mark == "panel" or len(blocks) > 4 or any(block.kind in ("item", "heading") for block in blocks):
        return blocks  # a box around several things is no quotation
    text = " ".join(block.text or " ".join(block.lines) for block in blocks)
    return [Block("quote", join_lines(texts, body.anywhere) or text)]


# Whole page -------------------------------------------------------------------------------------------------


def set_levels(blocks: Sequence[Block]) -> None:
    """Heading levels by size, list depths by indent; in place."""
    headings = [block for block in blocks if block.kind == "heading"]
    for number, block in enumerate(headings):
        if block.ratio >= 1.65 or (number == 0 and block is blocks[0] and block.ratio >= 1.35):
            block.level = 1
        else:
            block.level = 2 if block.ratio >= 1.2 else 3
    stack: list[float] = []
    for before, block in zip([None, *blocks], blocks, strict=False):
        if block.kind != "item":
            continue
        if before is None or before.kind != "item":
            stack = []
        slack = 8.0
        while stack and block.x0 < stack[-1] - slack:
            stack.pop()
        if not stack or block.x0 > stack[-1] + slack:
            stack.append(block.x0)
        block.level = len(stack) - 1
