"""The return by hand, on results made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from astraea.congestion.play import simulate
from astraea.congestion.simulator.results import Result
from astraea.congestion.simulator.topology import dumbbell
from astraea.congestion.trainer.fitness import FitnessSettings, fitness

PLAIN = FitnessSettings(worst=0.5, latency=1.0, loss=2.0, tolerance=0.1, tolerance_packets=0.0)


def made_up(goodput: list[list[float]], backlog: float = 0.0, *, rival: bool = False, lost: int = 0) -> Result:
    """Return two flows on 10 Mbit/s x 20 ms with goodput by second and a constant backlog in bytes."""
    seconds = len(goodput[0])
    flows = [{"controller": "newreno"}, {"controller": "cubic" if rival else "newreno"}]
    world = dumbbell(flows, capacity_mbps=10.0, rtt_ms=20.0, duration_s=float(seconds), sample_ms=1000.0)
    result = simulate(world)
    changes: dict[str, Any] = {
        "goodput_mbps": np.array(goodput),
        "backlog_bytes": np.full((1, seconds), backlog),
        "sent": np.array([500, 500]),
        "lost": np.array([lost, 0]),
    }
    return replace(result, **changes)


def test_equal_shares_of_a_full_link_are_worth_one() -> None:
    assert fitness(made_up([[5, 5, 5, 5], [5, 5, 5, 5]]), PLAIN) == pytest.approx(1.0)


def test_what_one_lacks_and_another_takes_both_count_and_the_worst_window_twice() -> None:
    # last second: 2.5 of 5 is half, 7.5 of 5 is a third too much: 1 - (0.5 + 1/3) / 2
    last = 1 - (0.5 + 1 / 3) / 2
    found = fitness(made_up([[5, 5, 5, 2.5], [5, 5, 5, 7.5]]), PLAIN)
    assert found == pytest.approx(0.5 * (3 + last) / 4 + 0.5 * last)


def test_beside_rivals_a_sway_counts_over_longer_windows() -> None:
    swaying = [[7.5, 2.5], [2.5, 7.5]]
    assert fitness(made_up(swaying), PLAIN) == pytest.approx(1 - (0.5 + 1 / 3) / 2)
    assert fitness(made_up(swaying, rival=True), PLAIN) == pytest.approx(1.0)


def test_delay_beyond_the_tolerance_costs_but_not_beside_rivals() -> None:
    even = [[5.0, 5.0], [5.0, 5.0]]
    # 10 000 bytes are 8 ms; 2 ms are free: 6 / 22
    assert fitness(made_up(even, 10_000), PLAIN) == pytest.approx(1 - 6 / 22)
    assert fitness(made_up(even, 10_000, rival=True), PLAIN) == pytest.approx(1.0)
    packets = PLAIN.model_copy(update={"tolerance_packets": 3.0})  # of 1.2 ms, two flows: 7.2 ms
    assert fitness(made_up(even, 10_000), packets) == pytest.approx(1 - 0.8 / 27.2)


def test_losses_cost() -> None:
    assert fitness(made_up([[5.0, 5.0], [5.0, 5.0]], lost=50), PLAIN) == pytest.approx(1 - 2 * 0.05)
