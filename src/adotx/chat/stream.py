"""Token ids in as they come, text out in whole characters: half a Hangul syllable is held back.

The pieces joined are ``tokenizer.decode(all ids)``. Knows no tool calls.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adotx.checkpoint.tokenizer import AxTokenizer


class TextStream:
    """Incremental detokenizer.

    Args:
        tokenizer: gives the bytes of each token.
        skip_special: leave special tokens out (tool tags stay), as ``tokenizer.decode`` does.
    """

    def __init__(self, tokenizer: AxTokenizer, skip_special: bool = True) -> None:
        self._tokenizer = tokenizer
        skipped = (i for i in tokenizer.control_ids if not tokenizer.decode([i], skip_special=True))
        self._skipped = frozenset(skipped) if skip_special else frozenset()
        # A byte that can never become part of a character turns into U+FFFD at once, like in a full decode.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, ids: Iterable[int]) -> str:
        """The characters that these ids complete; may be empty."""
        data = b"".join(self._tokenizer.token_bytes(i) for i in ids if i not in self._skipped)
        return self._decoder.decode(data)

    def close(self) -> str:
        """What is left: U+FFFD for a character that never became whole. The stream may then be used anew."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest
