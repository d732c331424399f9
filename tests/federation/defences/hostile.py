"""A small federation of chains with hostile clients, and when two runs of it are the same."""

from __future__ import annotations

from typing import Any

import torch

from astraea.experiment.result import Result

HOSTILE: dict[str, Any] = {
    "scenario": {"clients": 8, "samples": 160},
    "algorithm": {"capacity": 4, "clients_per_round": 8, "mediator_epochs": 1},
    "balance": {"rebalancing": "none"},
}


def attacked(**attack: Any) -> dict[str, Any]:
    """Return the table of an attack by the last two clients of their chains."""
    return {"attack": attack, "share": 0.25, "place": "last"}


def assert_same(one: Result, other: Result) -> None:
    """Assert that two runs have the same history and the same model, to the bit."""
    assert one.history == other.history
    for name, value in one.model.state_dict().items():
        assert torch.equal(value, other.model.state_dict()[name])
