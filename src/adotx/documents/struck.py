"""Struck-out words inside text: between two characters that no page has, which go wherever the text goes.

In: text, or blocks. Out: the same with words struck out, or with `<del>` around them as tracked changes have
it. Readers mark words, assembly carries the marks unseen, a page's blocks have them written out. Knows no
reader.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from adotx.documents.doubt import with_texts
from adotx.markdown import Block

#: what stands before and behind struck-out words: noncharacters of Unicode
OPEN, CLOSE = "\ufdd0", "\ufdd1"
#: for `str.translate`: a text without them
UNSEEN = {ord(OPEN): None, ord(CLOSE): None}
# nano was trained to mark words so where it sees that they are struck out.
_MARK = "~~"
_MARKED = re.compile(r"~~(?=[^\s~])([^~]*[^\s~])~~")
# Words that are struck out from one line to the next.
_GOES_ON = re.compile(f"{CLOSE}(\\s*){OPEN}")
# What is struck out, and blanks at its ends.
_STRUCK = re.compile(f"{OPEN}(\\s*)([^{OPEN}{CLOSE}]*?)(\\s*){CLOSE}")


def struck(text: str, spans: Sequence[tuple[int, int]]) -> str:
    """A text with the words of some (start, end) struck out; without any, those that its reader marks.

    Args:
        spans: from left to right, apart; what reaches beyond the text is cut.
    """
    if not spans:
        return _MARKED.sub(rf"{OPEN}\1{CLOSE}", text)
    out, at = [], 0
    for start, end in spans:
        if text[start:end].strip():
            out += [text[at:start], OPEN, text[start:end], CLOSE]
            at = end
    return "".join((*out, text[at:])).replace(_MARK, "")


def written(text: str) -> str:
    """A text with `<del>` and `</del>` for the marks, each of which has its other even where text was cut."""
    if OPEN not in text and CLOSE not in text:
        return text
    text = _GOES_ON.sub(r"\1", text)
    first = next(char for char in text if char in (OPEN, CLOSE))
    last = next(char for char in reversed(text) if char in (OPEN, CLOSE))
    text = f"{OPEN if first == CLOSE else ''}{text}{CLOSE if last == OPEN else ''}"
    return _STRUCK.sub(_deleted, text).translate(UNSEEN)


def _deleted(found: re.Match[str]) -> str:
    before, said, behind = found.groups()
    return f"{before}<del>{said}</del>{behind}" if said else before + behind


def with_deleted(blocks: Sequence[Block]) -> list[Block]:
    """Blocks with their struck-out words between `<del>` and `</del>`."""
    return [with_texts(block, written) for block in blocks]
