"""Optimizer of all stages: Muon for the hidden matrices, AdamW for the rest.

In: named parameters. Out: one `torch.optim.Optimizer`, state dict and groups as torch expects them; the state
is on the parameters' device, and a step reads nothing back from it.
Knows nothing of models beyond parameter names and shapes.
Sources: Muon (Jordan et al. 2024; update scaled to AdamW's RMS as in Moonlight, arXiv 2502.16982), AdamW
(arXiv 1711.05101).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.optim.adamw import adamw

#: device types that have the kernel which updates all parameters at once
_FUSED = {"cpu", "cuda", "mps", "xpu"}


def orthogonalise(stack: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Newton-Schulz iteration: matrices [n, r, c] -> nearest semi-orthogonal ones, computed in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315  # the quintic of the Muon paper
    x = stack.bfloat16()
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if tall else x).to(stack.dtype)


class MuonAdamW(torch.optim.Optimizer):
    """Both optimizers behind one interface; `lr` is on AdamW's scale for all groups.

    Args:
        named: (name, parameter) pairs; matrices whose name holds none of `embedding_names` go to Muon.
    """

    def __init__(
        self,
        named: Iterable[tuple[str, torch.nn.Parameter]],
        lr: float,
        weight_decay: float = 0.05,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.98),
        embedding_names: tuple[str, ...] = ("embed", "head", "lm_head"),
    ) -> None:
        groups: dict[str, list[torch.nn.Parameter]] = defaultdict(list)
        for name, p in named:
            if p.requires_grad:
                matrix = p.ndim == 2 and not any(part in name for part in embedding_names)
                groups["muon" if matrix else "decay" if p.ndim >= 2 else "plain"].append(p)
        super().__init__(
            [
                {
                    "params": params,
                    "muon": kind == "muon",
                    "weight_decay": 0.0 if kind == "plain" else weight_decay,
                }
                for kind, params in groups.items()
            ],
            {"lr": lr, "momentum": momentum, "betas": betas, "eps": 1e-8},
        )

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            self._muon(group, params) if group["muon"] else self._adamw(group, params)

    def _muon(self, group: dict[str, Any], params: list[torch.nn.Parameter]) -> None:
        by_shape: dict[torch.Size, list[torch.nn.Parameter]] = defaultdict(list)
        for p in params:
            by_shape[p.shape].append(p)
        for shape, same in by_shape.items():
            for p in same:
                if not self.state[p]:
                    self.state[p]["momentum"] = torch.zeros_like(p)
            grads = [p.grad for p in same if p.grad is not None]
            momenta = [self.state[p]["momentum"] for p in same]
            torch._foreach_lerp_(momenta, grads, 1 - group["momentum"])
            updates = orthogonalise(torch.stack(torch._foreach_lerp(grads, momenta, group["momentum"])))
            scale = 0.2 * max(shape) ** 0.5
            weights: list[torch.Tensor] = [*same]
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(weights, list(updates), alpha=-group["lr"] * scale)

    def _adamw(self, group: dict[str, Any], params: list[torch.nn.Parameter]) -> None:
        if not params:
            return
        states = [self.state[p] for p in params]
        for p, state in zip(params, states, strict=True):
            if not state:
                state["step"] = torch.zeros((), device=p.device)
                state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
        fused = params[0].device.type in _FUSED
        adamw(
            list(params),
            [p.grad for p in params if p.grad is not None],
            [s["exp_avg"] for s in states],
            [s["exp_avg_sq"] for s in states],
            [],
            [s["step"] for s in states],
            foreach=not fused,
            capturable=False,
            differentiable=False,
            fused=fused,
            grad_scale=None,
            found_inf=None,
            has_complex=False,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )

    def state_tensors(self) -> dict[str, torch.Tensor]:
        """The state as named tensors, "parameter number.what"."""
        return {f"{i}.{k}": v for i, held in self.state_dict()["state"].items() for k, v in held.items()}

    def load_state_tensors(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """What `state_tensors` gave, on the device of the parameters."""
        held: dict[int, dict[str, torch.Tensor]] = defaultdict(dict)
        for name, tensor in tensors.items():
            number, _, key = name.partition(".")
            held[int(number)][key] = tensor
        self.load_state_dict({"state": dict(held), "param_groups": self.state_dict()["param_groups"]})
