"""The average of the weights over the last steps: what is measured and kept, beside what is trained.

In: a model after each step. Out: an exponential moving average of its parameters (Polyak averaging): at any
moment nearly as good as weights whose learning rate has fallen, so that a run may end whenever
there is reason to. Knows nothing of what is trained.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn


class Average:
    """The average of `model`'s parameters; as a context the model has them in place of its own.

    Args:
        steps: about how many of the last steps it spans; 0: there is none, and the model stays as it is.
    """

    def __init__(self, model: nn.Module, steps: int) -> None:
        self.steps = steps
        self._named = dict(model.named_parameters()) if steps else {}
        self.tensors = {name: p.detach().clone() for name, p in self._named.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the parameters after step number `step` (from 1); early on the span is shorter."""
        if self.steps:
            weight = max(1 / self.steps, 1 / (1 + step / 4))
            torch._foreach_lerp_(list(self.tensors.values()), list(self._named.values()), weight)

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Go on from a saved average; where none was saved, from the parameters."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors.get(name, self._named[name].detach()))

    def __enter__(self) -> None:
        self._exchange()

    def __exit__(self, *_: object) -> None:
        self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, parameter in self._named.items():
            held = parameter.detach().clone()
            parameter.copy_(self.tensors[name])
            self.tensors[name].copy_(held)
