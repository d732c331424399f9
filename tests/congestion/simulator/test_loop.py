"""The event loop: whose turn it is, stopping and going on, many worlds at once, interpreted and compiled."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from astraea.congestion.simulator.arrays import allocate, shape_of, world_at
from astraea.congestion.simulator.build import build, fill
from astraea.congestion.simulator.loop import REACHED, advance
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.simulator.state import World
from astraea.congestion.simulator.steering import act

MS = 1_000_000
END = (600 if os.environ.get("NUMBA_DISABLE_JIT") == "1" else 1000) * MS  # interpreted code is slow

MIXED: list[dict[str, Any]] = [
    {"controller": "cubic"},
    {"controller": "newreno", "rtt_ms": 45, "start_s": 0.1, "ack_every": 2},
    {"controller": "vegas", "path": ("first",), "end_s": 0.7},
    {"controller": "copa", "path": ("second",), "jitter_ms": 0.3},
    {"controller": "bbr", "start_s": 0.2, "size_bytes": 400_000},
    {"controller": "policy", "rtt_ms": 60},
    {"controller": "aurora", "path": ("second",), "ack_slot_ms": 2.0},
    {"controller": "fixed", "parameter": 5, "app_mbps": 1.0, "app_arrivals": "poisson"},
]


def mixed_settings(seed: int = 3, flows: list[dict[str, Any]] = MIXED) -> WorldSettings:
    """Return a small world in which everything happens."""
    links = [
        {"name": "first", "capacity_mbps": 20, "delay_ms": 5, "buffer_bytes": 60_000, "loss": 0.002},
        {"name": "second", "steps": ((0, 15), (0.4, 6), (0.8, 12)), "delay_ms": 8, "codel_target_ms": 5.0},
    ]
    return WorldSettings(links=links, flows=flows, duration_s=1.0, seed=seed)


def fingerprint(world: World) -> str:
    """Return a digest of what a world has become."""
    digest = hashlib.sha256()
    for array in (world.flows, world.links, world.samples, world.intervals, world.backlogs):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def whole() -> str:
    """The fingerprint of the mixed world at ``END``."""
    world = build(mixed_settings())
    with np.errstate(all="ignore"):
        assert advance(world, END, False) == REACHED
    return fingerprint(world)


def test_stopping_and_going_on_changes_nothing(whole: str) -> None:
    parts = build(mixed_settings())
    for until in range(7 * MS, END, 7 * MS):
        advance(parts, until, False)
    advance(parts, END, False)
    assert fingerprint(parts) == whole


def test_pausing_for_decisions_that_are_not_answered_changes_nothing(whole: str) -> None:
    paused = build(mixed_settings())
    stops = []
    while (who := advance(paused, END, True)) != REACHED:
        stops.append((who, int(paused.clock[0].now)))
        assert paused.intervals[who].end == paused.clock[0].now
        assert paused.flows[who].external
    assert {who for who, _ in stops} == {5, 6}
    # intervals of 30 ms, until the queue makes half a round trip longer
    assert [at for who, at in stops if who == 6][:10] == [30 * MS * k for k in range(1, 11)]
    assert fingerprint(paused) == whole


@pytest.mark.compiled
def test_worlds_in_threads_are_what_they_are_alone() -> None:
    seeds = range(6)
    worlds = allocate(shape_of(mixed_settings()), len(seeds))
    for seed in seeds:
        fill(worlds, seed, mixed_settings(seed))
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda k: advance(world_at(worlds, k), 1000 * MS, False), seeds))
    alone = []
    for seed in seeds:
        world = build(mixed_settings(seed))
        advance(world, 1000 * MS, False)
        alone.append(fingerprint(world))
    assert [fingerprint(world_at(worlds, k)) for k in seeds] == alone
    assert len(set(alone)) == len(seeds)


@pytest.mark.compiled
def test_a_world_filled_anew_has_forgotten_the_last() -> None:
    worlds = allocate(shape_of(mixed_settings()), 1)
    fill(worlds, 0, mixed_settings(1, flows=MIXED[:3]))
    world = world_at(worlds, 0)
    advance(world, 1000 * MS, False)
    fill(worlds, 0, mixed_settings(2))
    advance(world, 1000 * MS, False)
    fresh = build(mixed_settings(2))
    advance(fresh, 1000 * MS, False)
    assert fingerprint(world) == fingerprint(fresh)


@pytest.mark.compiled
def test_interpreted_and_compiled_code_agree() -> None:
    """The same small world, run by the plain Python interpreter in another process, comes to the same bytes."""
    flows = [flow for flow in MIXED if flow["controller"] not in ("copa", "fixed")]  # no logarithms: libraries differ
    world = build(mixed_settings(flows=flows))
    advance(world, 300 * MS, False)
    code = (
        f"import runpy; t = runpy.run_path({__file__!r})\n"
        f"w = t['build'](t['mixed_settings'](flows={flows!r}))\n"
        f"t['advance'](w, {300 * MS}, False); print(t['fingerprint'](w))"
    )
    mode = "0" if os.environ.get("NUMBA_DISABLE_JIT") == "1" else "1"
    other = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "NUMBA_DISABLE_JIT": mode},
    )
    assert other.stdout.strip() == fingerprint(world)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=9))
def test_turns_come_in_the_order_of_time(starts_ms: list[int]) -> None:
    flows = [
        {"controller": "fixed", "parameter": 1, "start_s": at / 1000, "size_bytes": 1500, "name": str(k)}
        for k, at in enumerate(starts_ms)
    ]
    world = build(WorldSettings(links=[{"capacity_mbps": 12, "delay_ms": 5}], flows=flows, duration_s=1.0))
    advance(world, 1000 * MS, False)
    # a link of 1 ms a packet serves in the order of arrival, equal times in the order of the flows
    order = sorted(range(len(starts_ms)), key=lambda k: (starts_ms[k], k))
    free, done = 0, {}
    for k in order:
        free = max(free, starts_ms[k]) + 1
        done[k] = (free + 10) * MS
    assert world.flows["finished_at"].tolist() == [done[k] for k in range(len(starts_ms))]


@pytest.mark.parametrize("action", [float("nan"), 1.5, -1.01])
def test_actions_out_of_range_are_refused(action: float) -> None:
    world = build(mixed_settings())
    who = advance(world, 1000 * MS, True)
    before = world.flows[who].cwnd
    assert not act(world, who, action)
    assert world.flows[who].cwnd == before


def test_actions_reach_only_active_flows_that_are_driven_from_outside() -> None:
    world = build(mixed_settings())
    assert not act(world, 5, 0.5)  # not begun
    advance(world, 500 * MS, False)
    assert not act(world, 0, 0.5)  # cubic
    assert act(world, 5, 0.5)
