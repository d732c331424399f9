"""Which device computes, and which keeps what the server averages: Apple's GPUs have no float64."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from astraea.errors import InputError
from astraea.federation.clients import Population
from astraea.federation.loop import Engine
from astraea.federation.plan import ChainResult, RoundPlan
from astraea.federation.rule import LocalRule

__all__ = ["ElsewhereEngine", "check_precision", "chosen", "chosen_here", "moved", "server_device"]


def chosen(wanted: str, *, cuda: bool, mps: bool) -> str:
    """Return the device to compute on: as ``wanted``, or for ``auto`` the fastest kind that is there."""
    if wanted != "auto":
        return wanted
    return "cuda" if cuda else "mps" if mps else "cpu"


def chosen_here(wanted: str) -> str:
    """Return what :func:`chosen` does on this machine."""
    return chosen(wanted, cuda=torch.cuda.is_available(), mps=torch.backends.mps.is_available())


def server_device(device: str) -> str:
    """Return where models are averaged and measured that are trained on ``device``: there, but for MPS."""
    return "cpu" if device.partition(":")[0] == "mps" else device


def check_precision(module: nn.Module, device: str) -> None:
    """Raise :class:`InputError` for weights of float64 on a device that has none."""
    doubles = (value for value in module.state_dict().values() if value.dtype == torch.float64)
    if server_device(device) != device and next(doubles, None) is not None:
        raise InputError(
            f"engine.device '{device}' has no float64, and the model's weights have: give float32 (model.float()), or "
            "use 'cpu'"
        )


def moved(result: ChainResult, device: str) -> ChainResult:
    """Return the result of a chain with every tensor on ``device``."""

    def of(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: value.to(device) for name, value in values.items()}

    end = result.end
    end = replace(end, params=end.params.to(device), counters=end.counters.to(device), extras=of(end.extras))
    return replace(result, end=end, client_states={client: of(one) for client, one in result.client_states.items()})


class ElsewhereEngine:
    """An engine whose results are brought to the device of the server."""

    def __init__(self, engine: Engine, device: str) -> None:
        self.engine, self.device = engine, device

    def execute(self, plan: RoundPlan, rule: LocalRule, population: Population) -> Iterator[ChainResult]:
        """Yield the result of each chain, in plan order."""
        return (moved(result, self.device) for result in self.engine.execute(plan, rule, population))

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()
