"""The next-token loss of every stage that has a decoder.

In: hidden states of the labelled positions, the ids that should come next, the output matrix. Out: the mean
cross entropy, in float32. Knows nothing of where the positions come from.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

#: labelled positions whose logits are in memory at once
CHUNK = 8192


def token_loss(
    hidden: torch.Tensor,
    targets: torch.Tensor,
    output_matrix: Callable[[torch.Tensor], torch.Tensor],
    chunk: int = CHUNK,
) -> torch.Tensor:
    """Mean cross entropy of `targets` [m] given `hidden` [m, width]; 0 where m is 0.

    A large batch goes through the output matrix in chunks whose logits are computed again in the backward
    pass: 74 thousand positions over a vocabulary of 16 thousand would need 7 GB.
    """
    total = hidden.new_zeros((), dtype=torch.float32)
    for part, wanted in zip(hidden.split(chunk), targets.split(chunk), strict=True):
        if len(targets) > chunk:
            total = total + checkpoint(
                _summed, part, wanted, output_matrix, use_reentrant=False, preserve_rng_state=False
            )
        else:
            total = total + _summed(part, wanted, output_matrix)
    return total / max(1, len(targets))


def _summed(
    hidden: torch.Tensor, targets: torch.Tensor, output_matrix: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    return F.cross_entropy(output_matrix(hidden).float(), targets, reduction="sum")
