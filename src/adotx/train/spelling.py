"""How nano writes when it reads: one character, one token (bytes for rare ones).

In: text. Out: ids that decode to it. Knows nothing of models.
"""

from __future__ import annotations

from adotx.checkpoint.tokenizer import AxTokenizer


def reading_ids(tokenizer: AxTokenizer, text: str) -> list[int]:
    """`text` as ids, character by character.

    A reader learns from thousands of glyphs a syllable, not from hundreds of words a token, and the ids
    decode to the same text.
    """
    return [i for c in text for i in _char_ids(tokenizer, c)]


def _char_ids(tokenizer: AxTokenizer, char: str) -> tuple[int, ...]:
    known = _CHARS.setdefault(id(tokenizer), {})
    if char not in known:
        known[char] = tuple(tokenizer.encode(char))
    return known[char]


_CHARS: dict[int, dict[str, tuple[int, ...]]] = {}
