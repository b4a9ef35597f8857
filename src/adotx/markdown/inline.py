"""The marks inside a line of Markdown: bold, code, links, emphasis. In: one paragraph's text. Out: `Span`s.

Every step takes time in proportion to the text, whatever it holds. Knows no blocks.
"""

from __future__ import annotations

import re

from adotx.markdown.blocks import Span
from adotx.markdown.escapes import unescaped

# What stands in the parentheses of a link may itself hold one pair; each part ends at the first parenthesis.
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\((?:[^()\s]*+\([^()]*\))?[^()]*+\)|\[[^\[\]]*\])")
# Korean particles follow a mark directly: _메모이제이션_이라고.
_EMPHASIS = re.compile(r"(?<![\w*\\])([*_])(?=[^\s*_])([^*_]+?)(?<=[^\s\\])\1(?![A-Za-z0-9_*])")
# Four and more are no mark but digits that are kept back: 5621-****-3925.
_OPEN = re.compile(r"`++|(?<!\*)\*\*(?!\*\*)(?=\S)")


def parse_inline(text: str) -> tuple[Span, ...]:
    """Bold and code spans of one paragraph; links become their text, single ``*emphasis*`` plain text."""
    text = " ".join(_LINK.sub(r"\1", text).split())
    spans: list[Span] = []
    at = start = 0
    # A mark that nothing closes from here on is not closed from further on either.
    bold_closes, longest = True, len(text) + 1
    while match := _OPEN.search(text, at):
        mark = match[0]
        at = match.end()
        if _is_escaped(text, match.start()):
            at = match.start() + 1
            continue
        if mark == "**":
            close = _bold_end(text, at) if bold_closes else -1
            bold_closes = close >= 0
        else:
            close = text.find(mark, at + 1) if len(mark) < longest else -1
            longest = longest if close >= 0 else min(longest, len(mark))
        if close < 0:
            continue
        if match.start() > start:
            spans.append(Span(_without_emphasis(text[start : match.start()])))
        if mark == "**":
            spans.append(Span(_without_emphasis(text[at:close]).replace("`", ""), bold=True))
        else:
            spans.append(Span(text[at:close].strip(), code=True))
        at = start = close + len(mark)
    if start < len(text):
        spans.append(Span(_without_emphasis(text[start:])))
    return tuple(span for span in spans if span.text)


def _is_escaped(text: str, at: int) -> bool:
    """Whether an odd number of backslashes stands before a place."""
    before = at
    while before and text[before - 1] == "\\":
        before -= 1
    return (at - before) % 2 == 1


def _bold_end(text: str, at: int) -> int:
    """Where the next ``**`` stands that closes: behind a letter, and not at once; -1 if none does."""
    close = text.find("**", at + 1)
    while close >= 0 and text[close - 1].isspace():
        close = text.find("**", close + 1)
    return close


def _without_emphasis(text: str) -> str:
    return unescaped(_EMPHASIS.sub(r"\2", text))
