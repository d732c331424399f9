"""What a batch knows of its worlds that no agent sees."""

from __future__ import annotations

import numpy as np
import pytest

from astraea.congestion.environment.arena import Arena
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.reward import RewardSettings
from astraea.congestion.simulator.settings import WorldSettings


def test_base_round_trips_count_both_ways_and_follow_their_delays() -> None:
    # 1500 bytes at 12 Mbit/s take 1 ms, 40 bytes at 0.64 Mbit/s 0.5 ms; 5 ms each way, and 20 ms more on the way back
    settings = WorldSettings(
        links=[
            {"name": "there", "capacity_mbps": 12, "delay_ms": 5},
            {"name": "back", "capacity_mbps": 0.64, "delay_ms": 5, "delay_steps": ((0, 0), (0.5, 20))},
        ],
        flows=[{"controller": "policy", "back": ("back",)}, {"controller": "policy", "path": ("there",)}],
        duration_s=1.0,
    )
    arena = Arena(settings, 1, ObservationSettings(), RewardSettings())
    arena.begin(0, seed=0, episode=0)
    assert arena.batch.base_rtts[0].tolist() == [11_500, 11_000]  # in microseconds
    while not arena.batch.reached[0]:
        arena.run(0, 1, np.zeros((1, 2)))
    assert arena.batch.base_rtts[0].tolist() == pytest.approx([31_500, 11_000])
