"""A process that compiles grammars only to see whether it can be done: lines of JSON in, a line for each out.

Run by `adotx.chat.trial` as a script, by its path: it imports nothing of ours and starts quickly. The first
line in has the ids that grammars may name; each further one is a grammar, the line out says "done".
"""

from __future__ import annotations

import json
import sys
from typing import Any

_MEMORY = 2 << 30


class _Bytes:
    """A vocabulary of the 256 bytes behind the ids that are named: compiling takes as long with any other."""

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(self, named: list[int]) -> None:
        first = max(named) + 1
        self.tokens = [b""] * first + [bytes([value]) for value in range(256)]
        for number in named:
            self.tokens[number] = b"<|%d|>" % number
        self.special_token_ids, self.eos_token_id = named, named[0]

    def __call__(self, text: bytes | str) -> list[int]:
        data = text.encode() if isinstance(text, str) else text
        return [len(self.tokens) - 256 + value for value in data]


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    except (ImportError, ValueError, OSError):  # Windows, or a limit that is lower already
        pass


def main() -> None:
    """Serve until stdin ends."""
    from llguidance import LLMatcher, LLParserLimits, LLTokenizer

    start: dict[str, Any] = json.loads(sys.stdin.readline())
    vocabulary: Any = _Bytes(start["named"])
    tokenizer = LLTokenizer(vocabulary, n_vocab=len(vocabulary.tokens), eos_token=start["named"][:1])
    limits = LLParserLimits(**start["limits"])
    _limit_memory()
    for line in sys.stdin:
        LLMatcher(tokenizer, json.loads(line), log_level=0, limits=limits)
        print("done", flush=True)


if __name__ == "__main__":
    main()
