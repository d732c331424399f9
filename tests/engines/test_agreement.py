"""Engines whose bytes differ must still learn alike: over rounds, accuracy lies within the spread of seeds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from astraea.experiment.run import run
from astraea.experiment.settings import parse_settings

SEEDS = 6
SHARED: dict[str, Any] = {
    "rounds": 12,
    "scenario": {"clients": 20},
    "algorithm": {"name": "fedavg", "clients_per_round": 10, "local_epochs": 1},
    "train": {"batch_size": 10, "lr": 0.05, "momentum": 0.9},
    "evaluation": {"every": 3},
}


def with_dropout() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 10))


def accuracies(engine: str, seed: int) -> list[float]:
    """Return the accuracy after every third round, dropout included, which the two draw differently."""
    settings = parse_settings(SHARED | {"seed": seed, "engine": {"name": engine}})
    torch.manual_seed(seed)  # both engines start from the same weights
    result = run(settings, model=with_dropout())
    return [line["accuracy"] for line in result.history if "accuracy" in line]


def test_stacked_learns_as_serial_does_within_the_spread_of_seeds() -> None:
    serial, stacked = (
        np.array([accuracies(engine, seed) for seed in range(SEEDS)]) for engine in ("serial", "stacked")
    )
    assert serial.shape == (SEEDS, 4)
    assert not np.array_equal(serial, stacked)  # two engines, not one measured twice
    difference = stacked - serial
    # Five standard errors of the mean of paired differences: what machines round differently must not decide.
    error = np.sqrt(difference.var(axis=0, ddof=1).mean() / SEEDS)
    assert np.abs(difference.mean(axis=0)).max() <= 5 * error < 0.1
    assert serial[:, -1].mean() > 0.5
