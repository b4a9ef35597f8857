"""Does a page hold a script that nobody here reads? Kana and Cyrillic come out as letters that look alike.

In: what was read of its rows. Out: which script it seems to be. Knows no models and no pixels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from adotx.documents.assembly.code import code_score
from adotx.markdown.line_breaks import is_hangul

_KANA = re.compile("[\u3040-\u309f\u30a1-\u30fa]")
_LETTER = re.compile(r"[^\W\d_]")
# Words in which a capital follows a small letter, or digits stand between small ones: Cyrillic looks so.
_WORD = re.compile("[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*")
_ODD = re.compile("[a-z][A-Z0-9]+[a-z]|[a-z][A-Z]")
# So many signs of a script are no accident, and so large a part of its letters or words.
_ENOUGH, _KANA_PART, _ODD_PART, _LONG = 4, 0.05, 0.4, 4


def unread_script(rows: Sequence[str]) -> str:
    """The name of a script that a page seems to hold and that is not read; "" for none.

    Args:
        rows: their texts. Program text, whose names have capitals inside, does not count.
    """
    text = "\n".join(row for row in rows if code_score(row) < 0.5)
    kana, letters = len(_KANA.findall(text)), len(_LETTER.findall(text))
    if kana >= _ENOUGH and kana >= _KANA_PART * letters:
        return "kana"
    words = [word for word in _WORD.findall(text) if len(word) >= _LONG]
    odd = sum(_ODD.search(word) is not None for word in words)
    if odd >= _ENOUGH and odd >= _ODD_PART * len(words) and sum(map(is_hangul, text)) < letters / 2:
        return "cyrillic"
    return ""
