"""Syllables that share parts while they are learnt: E[syllable] = own + initial + medial + final.

In: a table of embeddings (its rows are the own parts) and the tokenizer that says which id is which syllable.
Out: the whole table for a forward pass, and once more for good: the exported checkpoint has a plain matrix.
A syllable that is seen a hundred times gets what its parts have learnt from thousands of others.
Knows nothing of pictures.
"""

from __future__ import annotations

import torch
from torch import nn

from adotx.alphabet import FINALS, INITIALS, MEDIALS, classes, common_syllables
from adotx.checkpoint.tokenizer import AxTokenizer

#: row of a table of parts that stays zero, for ids that are no syllable
_NONE = 0


class SyllableParts(nn.Module):
    """The shared parts, zero at first: what is trained already is not changed by their arrival."""

    places: torch.Tensor

    def __init__(self, tokenizer: AxTokenizer, vocab_size: int, width: int) -> None:
        super().__init__()
        places = torch.zeros(3, vocab_size, dtype=torch.long)
        for syllable in common_syllables():
            ids = tokenizer.encode(syllable)
            found = classes(syllable)
            if len(ids) == 1 and found:
                places[:, ids[0]] = torch.tensor([found[0], found[1] + 1, found[2] + 1])
        self.register_buffer("places", places, persistent=False)
        self.part_embeds = nn.ParameterList(
            nn.Parameter(torch.zeros(count + 1, width)) for count in (INITIALS, MEDIALS, FINALS)
        )

    def forward(self, own: torch.Tensor) -> torch.Tensor:
        """own [vocab, width] -> the whole table."""
        total = own
        for part, places in zip(self.part_embeds, self.places, strict=True):
            total = total + nn.functional.embedding(places, part, padding_idx=_NONE)
        return total
