"""Room for worlds: shapes that fit, worlds that do not."""

from __future__ import annotations

import pytest

from astraea.congestion.simulator.arrays import allocate, shape_of, world_at
from astraea.congestion.simulator.build import fill
from astraea.congestion.simulator.loop import advance
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.simulator.topology import dumbbell
from astraea.errors import InputError


def test_a_shape_counts_what_a_world_needs() -> None:
    settings = WorldSettings(
        links=[{"name": "a", "steps": [(0, 10), (1, 5)]}, {"name": "b", "delay_steps": [(0, 0)]}],
        flows=[{"path": ["a"]}, {"transfer_bytes": 10**5, "transfer_every_s": 4.0}, {"size_bytes": 10**5, "name": "c"}],
        duration_s=10.0,
        sample_ms=50.0,
    )
    shape = shape_of(settings)
    assert (shape.flows, shape.links, shape.hops) == (3, 2, 2)
    assert (shape.samples, shape.segments, shape.transfers, shape.delays) == (200, 2, 3, 1)
    # four times 100 Mbit/s for 60 ms of path and 50 ms besides, two buffers of 250 packets, and some
    assert shape.packets == 8192
    worlds = allocate(shape, 2)
    assert worlds.packets.shape == (2, 3, 8192)
    assert worlds.samples.shape == (2, 200, 3)


def test_a_smaller_world_fits_and_a_larger_one_does_not() -> None:
    flows = [{"controller": "newreno", "name": str(k)} for k in range(3)]
    worlds = allocate(shape_of(dumbbell(flows[:2], duration_s=1.0)), 1)
    fill(worlds, 0, dumbbell(flows[:1], duration_s=1.0))
    with pytest.raises(InputError, match="3 flows do not fit into a world made for 2: allocate a larger one"):
        fill(worlds, 0, dumbbell(flows, duration_s=1.0))


def test_a_ring_is_a_power_of_two() -> None:
    settings = dumbbell([{"controller": "newreno"}], duration_s=1.0)
    worlds = allocate(shape_of(settings)._replace(packets=100), 1)
    with pytest.raises(InputError, match="a ring of 100 packets cannot be used: choose a power of two from 64 on"):
        fill(worlds, 0, settings)


def test_a_small_ring_bounds_the_window() -> None:
    settings = dumbbell([{"controller": "fixed", "parameter": 5000}], duration_s=0.3, buffer_bdp=30.0)
    worlds = allocate(shape_of(settings)._replace(packets=256), 1)
    fill(worlds, 0, settings)
    world = world_at(worlds, 0)
    advance(world, 3 * 10**8, False)
    assert world.flows[0].inflight == 256
    assert world.flows[0].lost == 0
    assert world.flows[0].goodput > 2200
