"""The one train/validation split: a pure function of a document's key, the same for ever on every machine.

In: a document key (`Document.key`). Out: ``"train"`` or ``"validation"``.
Knows nothing of what a document holds.
"""

from __future__ import annotations

import hashlib
from typing import Literal

Split = Literal["train", "validation"]

# Changing either constant moves documents between the sides and voids every number measured so far.
_SALT = b"adotx split 1\0"
_VALIDATION_PER_10_000 = 200


def split(key: str) -> Split:
    """Which side a document is on.

    Args:
        key: the document's stable key, e.g. ``"docs_ko/fastapi/fastapi/docs/ko/docs/index.md"``.

    Returns:
        ``"validation"`` for 2 % of the keys, by hash; ``"train"`` for the others.
    """
    digest = hashlib.blake2b(_SALT + key.encode("utf-8"), digest_size=8).digest()
    return "validation" if int.from_bytes(digest, "big") % 10_000 < _VALIDATION_PER_10_000 else "train"
