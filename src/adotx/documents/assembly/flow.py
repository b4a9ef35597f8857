"""Lines of one column in, blocks out: headings, paragraphs, items, code, quotations.

In: a `PlacedFlow` and what is usual on the page. Out: `Draft`s, blocks together with what page-wide decisions
need to know of them. Knows nothing of other columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from adotx.documents.assembly.body import Body
from adotx.documents.assembly.code import code_score
from adotx.documents.assembly.groups import BULLET, NUMBER, REMARKS, TICK, groups_of, is_code_group
from adotx.documents.assembly.joins import SOFT_HYPHEN, join_lines
from adotx.documents.assembly.placed import PlacedFlow, PlacedLine, box_of
from adotx.documents.struck import UNSEEN
from adotx.markdown import Block, Code, Heading, Item, Paragraph, Quote

# Marks of Korean outlines, which say more than that a line is of a list.
_OUTLINE = frozenset("○□■◇◆")
_END = re.compile(r"[.!?…][\"'”’)\]]*$|[다요]$")


@dataclass(frozen=True)
class Draft:
    """A block whose level the page will decide.

    Attributes:
        block: the block.
        ratio: how much larger than running text it is set.
        x0: where it begins.
    """

    block: Block
    ratio: float = 1.0
    x0: float = 0.0


def flow_blocks(flow: PlacedFlow, body: Body) -> list[Draft]:
    """The blocks of one column of lines."""
    if not flow.lines:
        return []
    if flow.mark:
        return _framed(flow, body)
    return [_block(group, body) for group in groups_of(flow.lines, flow.right, body)]


def _block(group: Sequence[PlacedLine], body: Body) -> Draft:
    first, box = group[0], box_of(group)
    if is_code_group(group) and first.em < 1.25 * body.em:
        return Draft(code_block(group))
    heading = _heading(group, body)
    if heading:
        return heading
    text = join_lines(group, body.anywhere)
    bullet, number = BULLET.match(text), NUMBER.match(text)
    mark = bullet or number
    if mark and mark[1] not in REMARKS:
        # Offices tell the depths of their lists by these: they stay where Markdown has no such mark.
        said = text if mark[1] in _OUTLINE else text[mark.end() :]
        return Draft(Item.of(said, "-" if bullet else mark[1]).at(box), x0=first.x0)
    return Draft(Paragraph.of(text).at(box), x0=first.x0)


def _heading(group: Sequence[PlacedLine], body: Body) -> Draft | None:
    """A heading stands out: larger, or bolder and alone on its line."""
    weight = float(np.mean([line.weight for line in group]))
    ratio = body.ratio(group)
    text = join_lines(group, False)
    if len(group) > 3 or len(text) > 90 or not re.search(r"\w", text) or TICK.match(text):
        return None
    ends = bool(_END.search(text.translate(UNSEEN)))
    bold = weight > 1.3 * body.weight and len(group) == 1 and ratio >= 0.95 and len(text) <= 40
    # Digits are set in their own size, so a date or a sum must be larger to head something.
    digits = sum(map(str.isdigit, text)) >= 0.5 * len(text.replace(" ", ""))
    if ratio >= 1.25 or (not ends and not digits and (ratio >= 1.08 or bold)):
        return Draft(Heading.of(text).at(box_of(group)), ratio, group[0].x0)
    return None


def code_block(group: Sequence[PlacedLine]) -> Block:
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
        said = line.text.replace(SOFT_HYPHEN, "-")
        lines.append(" " * round((line.x0 - left) / max(step, 1.0)) + said)
    return Code(tuple(lines)).at(box_of(group))


def _framed(flow: PlacedFlow, body: Body) -> list[Draft]:
    """What stands in a box, on a panel or beside a bar."""
    scores = [code_score(line.text) for line in flow.lines]
    if flow.mark != "bar" and sum(scores) / len(scores) >= (0.35 if flow.mark == "panel" else 0.42):
        return [Draft(code_block(flow.lines))]
    drafts = [_block(group, body) for group in groups_of(flow.lines, flow.right, body)]
    several = len(drafts) > 4 or any(isinstance(draft.block, Item | Heading) for draft in drafts)
    if flow.mark == "panel" or several:
        return drafts  # a box around several things is no quotation
    text = join_lines(flow.lines, body.anywhere)
    return [Draft(Quote.of(text).at(box_of(flow.lines)))]
