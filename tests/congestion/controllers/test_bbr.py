"""BBR: start-up, the gain cycle, the renewal of its base round-trip time, its queue."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from astraea.congestion import simulate
from astraea.congestion.controllers import bbr
from astraea.congestion.controllers.bbr import Bbr
from astraea.congestion.simulator.build import build
from astraea.congestion.simulator.loop import advance
from astraea.congestion.simulator.topology import dumbbell

MS = 1_000_000


def watch(duration_s: float, flows: int = 1) -> list[dict[str, float]]:
    """Return the state of the first of ``flows`` BBR flows every 5 ms, on 4 Mbit/s and 200 ms."""
    named = [{"controller": "bbr", "name": str(k)} for k in range(flows)]
    world = build(dumbbell(named, capacity_mbps=4.0, rtt_ms=200.0, buffer_bdp=4.0, duration_s=duration_s))
    seen = []
    now = 0
    while now < duration_s * 1e9:
        now += 5 * MS
        advance(world, now, False)
        c, f = world.controls.bbr[0], world.flows[0]
        seen.append(
            {
                "at": now / 1e9,
                "mode": int(c.mode),
                "phase": int(c.phase),
                "gain": float(c.pacing_gain),
                "bandwidth": float(c.bandwidth),
                "cwnd": float(f.cwnd),
                "inflight": int(f.inflight),
                "base_ms": c.base_rtt / MS,
            }
        )
    return seen


def changes(seen: list[dict[str, float]], key: str) -> list[tuple[float, float]]:
    """Return the values of ``key`` one after another, each with the time it came."""
    found = [(seen[0]["at"], seen[0][key])]
    for row in seen[1:]:
        if row[key] != found[-1][1]:
            found.append((row["at"], row[key]))
    return found


def test_it_starts_drains_and_probes() -> None:
    seen = watch(9.0)
    assert [mode for _, mode in changes(seen, "mode")] == [bbr.STARTUP, bbr.DRAIN, bbr.PROBE_BW]
    settled = [row for row in seen if row["at"] > 6]
    # 4 Mbit/s are 333 packets a second; 200 ms and a transmission of 3 ms
    assert np.mean([row["bandwidth"] for row in settled]) == pytest.approx(333.3, rel=0.02)
    assert {row["base_ms"] for row in settled} == {203.0}
    # two bandwidth-delay products (67.7 packets), three more and two while probing
    assert {row["cwnd"] for row in settled} <= {138.0, 139.0, 140.0, 141.0}


@pytest.mark.compiled
def test_the_cycle_has_eight_phases_of_a_round_trip() -> None:
    seen = [row for row in watch(12.0) if row["at"] > 5]
    phases = changes(seen, "phase")
    order = [phase for _, phase in phases]
    assert len(order) > 24
    assert order == [(order[0] + k) % 8 for k in range(len(order))]
    gains = {row["phase"]: row["gain"] for row in seen}
    assert gains == {0: 1.25, 1: 0.75, **dict.fromkeys(range(2, 8), 1.0)}
    lengths = {phase: b - a for (a, phase), (b, _) in pairwise(phases[1:])}
    assert all(0.195 <= lengths[phase] <= 0.23 for phase in range(2, 8))
    assert lengths[0] >= 0.195


@pytest.mark.compiled
def test_every_ten_seconds_it_renews_its_base() -> None:
    seen = watch(24.0, flows=2)  # alone it sees its base in every cycle
    probes = [at for at, mode in changes(seen, "mode") if mode == bbr.PROBE_RTT]
    assert len(probes) == 2
    assert 9.5 < probes[0] < 12
    assert probes[1] - probes[0] == pytest.approx(10.5, abs=1.0)
    during = [row["inflight"] for row in seen if row["mode"] == bbr.PROBE_RTT]
    assert during.count(4) >= 2 * 39  # 200 ms with four packets in flight


def test_start_up_more_than_doubles_per_round(alone: Any) -> None:
    flow = alone(Bbr)
    assert flow.f.pacing_rate == pytest.approx(2.885 * 10 / 1e-3, rel=1e-3)
    for rate in (250.0, 500.0, 1000.0):
        flow.f.sample_delivered, flow.f.sample_interval = round(rate * 0.04), 40 * MS
        flow.ack(40, round_start=True)
        assert flow.c.bandwidth == pytest.approx(rate)
        assert flow.c.mode == bbr.STARTUP
    for _ in range(3):  # no growth by a quarter any more
        flow.f.inflight = 200
        flow.ack(40, round_start=True)
    assert flow.c.mode == bbr.DRAIN
    assert flow.f.pacing_rate == pytest.approx(1000 * 0.99 / 2.885, rel=1e-3)


def test_rates_limited_by_the_application_do_not_lower_it(alone: Any) -> None:
    flow = alone(Bbr)
    for rate, limited, expected in ((1000.0, 0, 1000), (200.0, 1, 1000), (2000.0, 1, 2000)):
        flow.f.sample_delivered, flow.f.sample_interval = round(rate * 0.04), 40 * MS
        flow.f.sample_limited = limited
        flow.ack(40, round_start=True)
        assert flow.c.bandwidth == expected


def test_the_first_round_of_recovery_conserves_packets(alone: Any) -> None:
    flow = alone(Bbr)
    flow.f.cwnd, flow.f.inflight, flow.f.acked = 100.0, 60, 2
    flow.lose()
    assert flow.f.cwnd == 62
    bbr.on_recovered(flow.f, flow.c, 0)
    assert flow.f.cwnd == 100


@pytest.mark.compiled
def test_random_loss_does_not_stop_it_and_shallow_buffers_lose() -> None:
    lossy = simulate(dumbbell([{"controller": "bbr"}], capacity_mbps=50.0, duration_s=30.0, link={"loss": 0.02}))
    assert lossy.goodput_mbps[0, 50:].mean() > 42
    two = [{"controller": "bbr", "name": name} for name in "ab"]
    shallow = simulate(dumbbell(two, capacity_mbps=50.0, buffer_bdp=0.1, duration_s=30.0))
    assert shallow.lost.sum() / shallow.sent.sum() > 0.02


@pytest.mark.compiled
def test_two_fill_the_queue_to_a_bandwidth_delay_product() -> None:
    two = [{"controller": "bbr", "name": name} for name in "ab"]
    result = simulate(dumbbell(two, capacity_mbps=50.0, rtt_ms=30.0, buffer_bdp=4.0, duration_s=60.0))
    # windows of two products each, of overestimated shares: the queue holds about one
    assert 0.6 < np.median(result.backlog_bytes[0, 100:]) / (50e6 / 8 * 0.03) < 1.6
