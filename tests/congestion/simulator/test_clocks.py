"""A host's clock: what it shows, and that no controller's answers depend on it."""

from __future__ import annotations

from typing import Any

import pytest

from astraea.congestion import dumbbell, simulate
from astraea.congestion.connection.record import rows
from astraea.congestion.controllers.catalogue import self_driven
from astraea.congestion.controllers.dispatch import own_time
from astraea.congestion.simulator.state import FLOW

BY_THE_CLOCK = {"policy"}
"""Controllers that act by the time of day."""


@pytest.mark.parametrize(
    ("ahead", "ppm", "now", "shown"),
    [(0, 0, 7, 7), (5, 0, 7, 12), (-9, 0, 7, -2), (5, 100, 10**9, 10**9 + 100_005), (0, -50, 2 * 10**9, 1_999_900_000)],
)
def test_a_clock_is_ahead_and_runs_fast(ahead: int, ppm: int, now: int, shown: int) -> None:
    flow = rows(1, FLOW)[0]
    flow.clock_ahead, flow.clock_ppm = ahead, ppm
    assert own_time(flow, now) == shown


@pytest.mark.parametrize("controller", [name for name in self_driven() if name not in BY_THE_CLOCK])
def test_a_constant_on_a_flows_clock_changes_nothing(controller: str) -> None:
    def played(clock_s: float) -> bytes:
        flow: dict[str, Any] = {"controller": controller, "parameter": 12.0 if controller == "fixed" else 1.0}
        late = {**flow, "start_s": 0.5, "rtt_ms": 70, "size_bytes": 300_000, "clock_s": clock_s}
        result = simulate(dumbbell([flow, late], capacity_mbps=3, rtt_ms=40, duration_s=4, link={"loss": 0.01}))
        return bytes(result.cwnd.tobytes() + result.pacing_mbps.tobytes() + result.sent.tobytes())

    assert played(0.0) == played(1234.567891) == played(-3.0)
