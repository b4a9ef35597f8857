"""Character error rate: two texts in, edits per character of the truth out.

Both texts are brought to NFC and every run of white space (line breaks included) becomes one space, so that a
different line break is no error. Knows nothing of models, pages or Markdown.
"""

from __future__ import annotations

import unicodedata

import numpy as np


def normalise_text(text: str, spaces: bool = True) -> str:
    """NFC, every run of white space one space, none at the ends; without `spaces` none at all."""
    return (" " if spaces else "").join(unicodedata.normalize("NFC", text).split())


def edit_distance(a: str, b: str) -> int:
    """Levenshtein distance: least number of insertions, deletions and substitutions of code points."""
    if len(a) < len(b):
        a, b = b, a
    if not b:
        return len(a)
    short = np.frombuffer(b.encode("utf-32-le"), np.uint32)
    steps = np.arange(len(b) + 1, dtype=np.int32)
    row = steps.copy()
    for number, code in enumerate(np.frombuffer(a.encode("utf-32-le"), np.uint32), 1):
        new = np.empty_like(row)
        new[0] = number
        np.minimum(row[1:] + 1, row[:-1] + (short != code), out=new[1:])
        # Runs of insertions in one go: min over k <= j of new[k] + (j - k).
        row = np.minimum.accumulate(new - steps) + steps
    return int(row[-1])


def cer(hypothesis: str, reference: str, spaces: bool = True) -> float:
    """Character error rate of `hypothesis` against `reference`, both normalised.

    Args:
        spaces: whether white space counts; Korean word spacing is partly a matter of taste.

    Returns:
        Edits per character of the reference: 0 is equal, above 1 is possible. An empty reference gives 0
        for an empty hypothesis, else 1.
    """
    hypothesis, reference = normalise_text(hypothesis, spaces), normalise_text(reference, spaces)
    if not reference:
        return 1.0 if hypothesis else 0.0
    return edit_distance(hypothesis, reference) / len(reference)


def corpus_cer(pairs: list[tuple[str, str]]) -> float:
    """CER over many (hypothesis, reference) pairs: all edits over all characters, so long pages weigh
    more."""
    edits = length = 0
    for hypothesis, reference in pairs:
        hypothesis, reference = normalise_text(hypothesis), normalise_text(reference)
        edits += edit_distance(hypothesis, reference)
        length += len(reference)
    return edits / length if length else float(edits > 0)
