"""Every controller of the catalogue is wired to the loop."""

from __future__ import annotations

import numpy as np
import pytest

from astraea.congestion.controllers import dispatch
from astraea.congestion.controllers.catalogue import controllers
from astraea.congestion.simulator import state
from astraea.congestion.simulator.build import build
from astraea.congestion.simulator.loop import advance
from astraea.congestion.simulator.topology import dumbbell


def test_each_controller_has_a_number_and_a_state_of_its_own() -> None:
    assert list(controllers()) == list(dispatch.states()) == list(dispatch.Controls._fields)
    assert [dispatch.number_of(name) for name in controllers()] == list(range(len(controllers())))


@pytest.mark.parametrize("name", sorted(controllers()))
def test_each_controller_starts_and_delivers(name: str) -> None:
    flow = {"controller": name, "parameter": 10.0}
    world = build(dumbbell([flow], capacity_mbps=10.0, rtt_ms=20.0, duration_s=1.0, link={"loss": 0.01}))
    advance(world, 500_000_000, False)
    assert world.flows[0].goodput > 100
    assert 0 < world.flows[0].cwnd < np.inf


@pytest.mark.parametrize(
    "dtype",
    [
        *dispatch.states().values(),
        state.FLOW,
        state.LINK,
        state.PACKET,
        state.SEGMENT,
        state.CLOCK,
        state.STAGE,
        state.INTERVAL,
    ],
)
def test_no_field_hides_behind_an_attribute_of_numpy(dtype: np.dtype) -> None:
    assert not set(dtype.names or ()) & set(dir(np.recarray))
