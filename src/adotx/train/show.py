"""What the loss sees, in colour: one sample in, terminal text out.

Green is trained on, grey is context, blue image slots.
"""

from __future__ import annotations

from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.train.reading_stage import IGNORED, ReadingSample

_GREEN, _GREY, _BLUE, _OFF = "\x1b[32m", "\x1b[90m", "\x1b[34m", "\x1b[0m"


def show_mask(sample: ReadingSample, tokenizer: AxTokenizer, image_token_id: int = 22) -> str:
    """The sample's ids as text, runs of image slots as a count."""
    out: list[str] = []
    slots = 0
    for token, label in zip(sample.ids, sample.labels, strict=True):
        if token == image_token_id:
            slots += 1
            continue
        if slots:
            out.append(f"{_BLUE}[{slots} image slots]")
            slots = 0
        out.append(
            (_GREY if label == IGNORED else _GREEN) + tokenizer.token_bytes(token).decode("utf-8", "replace")
        )
    return "".join(out) + _OFF
