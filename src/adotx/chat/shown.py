"""What the loss sees, for a terminal: ids and a training mask in, one text out.

Green is trained on, grey is context, blue counts image tokens; without colours what is trained on stands
between angle brackets. Knows nothing of rows and models.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from adotx.checkpoint.tokenizer import AxTokenizer

_GREEN, _GREY, _BLUE, _OFF = "\x1b[32m", "\x1b[90m", "\x1b[34m", "\x1b[0m"


def shown(
    ids: Sequence[int],
    trained: Sequence[bool],
    tokenizer: AxTokenizer,
    image_token_id: int | None = 22,
    colours: bool = True,
) -> str:
    """The ids as text, in colours by what they are to the loss."""
    kinds = [
        _BLUE if token == image_token_id else _GREEN if counts else _GREY
        for token, counts in zip(ids, trained, strict=True)
    ]
    out: list[str] = []
    for kind, run in groupby(zip(kinds, ids, strict=True), key=itemgetter(0)):
        held = [token for _, token in run]
        if kind == _BLUE:
            text = f"[{len(held)} image tokens]"
        else:
            text = b"".join(tokenizer.token_bytes(token) for token in held).decode("utf-8", "replace")
        # What a file wrote must not move the cursor.
        text = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
        out.append(kind + text if colours else f"‹{text}›" if kind == _GREEN else text)
    return "".join(out) + (_OFF if colours else "")
