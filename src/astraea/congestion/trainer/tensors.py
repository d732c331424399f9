"""What a learner's networks and their optimisers depend on, as named tensors, and back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["Modules", "Optimisers", "restore", "tensors_of"]

Modules = Sequence[tuple[str, nn.Module]]
Optimisers = Sequence[tuple[str, torch.optim.Optimizer]]


def tensors_of(modules: Modules, optimisers: Optimisers) -> dict[str, Tensor]:
    """Return copies of all weights and buffers, as ``name/key``, and of optimisers' states, as ``name/number/key``."""
    found = {f"{name}/{key}": value for name, module in modules for key, value in module.state_dict().items()}
    for name, optimiser in optimisers:
        for i, state in optimiser.state_dict()["state"].items():
            found |= {f"{name}/{i}/{key}": value for key, value in state.items()}
    return {name: value.detach().clone() for name, value in found.items()}


def restore(modules: Modules, optimisers: Optimisers, tensors: dict[str, Tensor]) -> None:
    """Bring modules and optimisers to where :func:`tensors_of` found those of the same names.

    Raises ``RuntimeError`` if a module's tensors are missing or of another shape, as PyTorch does.
    """
    for name, module in modules:
        module.load_state_dict(_below(tensors, f"{name}/"))
    for name, optimiser in optimisers:
        states: dict[int, dict[str, Tensor]] = {}
        for key, value in _below(tensors, f"{name}/").items():
            number, _, part = key.partition("/")
            states.setdefault(int(number), {})[part] = value
        optimiser.load_state_dict({**optimiser.state_dict(), "state": states})


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
