"""A federation that trains in a second."""

from __future__ import annotations

from typing import Any

import pytest

from astraea.experiment.settings import RunSettings, parse_settings

TINY: dict[str, Any] = {
    "rounds": 4,
    "scenario": {"labels": "half-normal", "clients": 6, "samples": 200},
    "model": {"name": "mlp", "options": {"hidden": [16]}},
    "train": {"batch_size": 5, "lr": 0.1},
    "algorithm": {"name": "astraea", "clients_per_round": 4, "capacity": 2, "local_epochs": 1, "mediator_epochs": 2},
    "output": {"checkpoint_every": 2},
}


@pytest.fixture
def tables() -> dict[str, Any]:
    """The settings as TOML would give them."""
    return {key: dict(value) if isinstance(value, dict) else value for key, value in TINY.items()}


@pytest.fixture(scope="session")
def tiny() -> RunSettings:
    """Four rounds of Astraea on 200 digits."""
    return parse_settings(TINY)
