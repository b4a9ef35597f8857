"""Which token ids make up the empty parts of a table, for a loop guard that knows no text.

In: a tokenizer. Out: ids, the `loop_exempt` of `adotx.engine.SamplingParams`. Knows no engine.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adotx.checkpoint.tokenizer import AxTokenizer

# Separators, blanks and rules of Markdown tables, frames of plain-text ones, and the tags of HTML tables.
_MARK = r"[|:+=_\s\u2500-\u257f\uff5c\u2010-\u2015-]"
_NAME = r"(?:table|thead|tbody|tfoot|caption|colgroup|col|tr|td|th|br)"
_TAG = rf"</?{_NAME}\s*/?>"
# A token may begin or end within a tag, as "></" does; its bracket must be there: "able" is no piece.
_END_OF_TAG, _START_OF_TAG = rf"(?:(?:</?)?{_NAME})?\s*/?>", rf"</?{_NAME}?"
_PIECES = re.compile(rf"(?:{_END_OF_TAG})?(?:{_MARK}|{_TAG})*(?:{_START_OF_TAG})?")
# Empty cells and rows as models write them; encoding them shows which tokens their tags are made of.
_EMPTY = [
    opening + middle + closing + after
    for opening, closing in (("<td>", "</td>"), ("<th>", "</th>"), ("<tr>", "</tr>"))
    for middle in ("", " ", "\n", "<br>", "<br/>", "<td></td>", "<th></th>")
    for after in ("", " ", "\n", opening, "\n" + opening, "\n    " + opening, "</tr>", "\n</tr>\n<tr>")
]


@lru_cache(maxsize=8)
def table_ids(tokenizer: AxTokenizer) -> frozenset[int]:
    """Ids whose text consists only of table tags, their pieces, pipes, dashes, colons and white space.

    A tag is seldom one token: "<td></td>" may be "<", "td", "></", "td", ">". So the ids that the tokenizer
    makes of empty cells and rows belong to them too. Never a control id.
    """
    by_text = {
        i
        for i in range(tokenizer.vocab_size)
        if i not in tokenizer.control_ids and _PIECES.fullmatch(_text(tokenizer, i))
    }
    by_use = {i for ids in tokenizer.encode_batch(_EMPTY) for i in ids}
    return frozenset(by_text | by_use)


def _text(tokenizer: AxTokenizer, token_id: int) -> str:
    return tokenizer.token_bytes(token_id).decode("utf-8", "replace")
