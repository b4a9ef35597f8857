"""Where a line of Korean text may break inside a word (kinsoku), for breaking lines and for joining them.

The page maker breaks lines by these sets and assembly joins them by the same, so that what the one never does
the other never expects. Knows neither.
"""

from __future__ import annotations

#: no word begins with these: one at the start of a line belongs to the word before it
NEVER_FIRST = frozenset(",.!?)]}:;%…’”」』》〉】·~")
#: no word ends with these: one at the end of a line belongs to the word behind it
NEVER_LAST = frozenset("([{‘“「『《〈【")
#: no word is broken before (behind) these, though words begin (end) with them
NO_BREAK_BEFORE = NEVER_FIRST | frozenset("-ㅋㅎㅠㅜ\"'")
NO_BREAK_AFTER = NEVER_LAST | frozenset("₩$#\"'")


def may_break(before: str, after: str) -> bool:
    """Whether a line may break between two characters of one word: beside Hangul, but for the sets above."""
    if after in NO_BREAK_BEFORE or before in NO_BREAK_AFTER:
        return False
    return is_hangul(before) or is_hangul(after)


def is_hangul(char: str) -> bool:
    """Whether a character is a Hangul syllable."""
    return "가" <= char <= "힣"
