"""BBR version 3 against its draft: states, short- and long-term bounds, what losses do."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from astraea.congestion import simulate
from astraea.congestion.connection.record import OPEN, RECOVERY, rows
from astraea.congestion.controllers import bbr3
from astraea.congestion.controllers import bbr3_model as model
from astraea.congestion.controllers.bbr3 import Bbr3
from astraea.congestion.simulator.build import build
from astraea.congestion.simulator.loop import advance
from astraea.congestion.simulator.state import PACKET
from astraea.congestion.simulator.topology import dumbbell

MS = 1_000_000


def watch(duration_s: float, flows: int = 1) -> list[tuple[float, int, float, int]]:
    """Return time, mode, pacing rate per bandwidth and inflight of the first of ``flows``, on 4 Mbit/s and 200 ms."""
    named = [{"controller": "bbr3", "name": str(k)} for k in range(flows)]
    world = build(dumbbell(named, capacity_mbps=4.0, rtt_ms=200.0, buffer_bdp=4.0, duration_s=duration_s))
    seen = []
    for now in range(5 * MS, round(duration_s * 1e9), 5 * MS):
        advance(world, now, False)
        c, f = world.controls.bbr3[0], world.flows[0]
        seen.append((now / 1e9, int(c.mode), f.pacing_rate / max(c.bw, 1.0), int(f.inflight)))
    return seen


def modes(seen: list[tuple[float, int, float, int]]) -> list[tuple[float, int]]:
    """Return when each mode began."""
    return [seen[0][:2]] + [after[:2] for before, after in pairwise(seen) if after[1] != before[1]]


@pytest.mark.compiled
def test_it_goes_down_cruises_refills_and_up() -> None:
    seen = watch(24.0)
    began = modes(seen)
    order = [mode for _, mode in began]
    assert order[:2] == [bbr3.STARTUP, bbr3.DRAIN]
    following = {bbr3.DOWN: bbr3.CRUISE, bbr3.CRUISE: bbr3.REFILL, bbr3.REFILL: bbr3.UP, bbr3.UP: bbr3.DOWN}
    steps = [pair for pair in pairwise(order[2:]) if bbr3.PROBE_RTT not in pair]
    assert len(steps) > 8
    assert all(following[a] == b for a, b in steps)
    assert all(b == bbr3.CRUISE for a, b in pairwise(order) if a == bbr3.PROBE_RTT)
    starts = {mode: at for at, mode in reversed(began)}  # when each first began
    assert 2.0 < starts[bbr3.REFILL] - starts[bbr3.CRUISE] < 3.1  # two to three seconds
    assert starts[bbr3.UP] - starts[bbr3.REFILL] == pytest.approx(0.203, abs=0.02)  # one round trip
    gains = {mode: gain for _, mode, gain, _ in seen if mode in (bbr3.DOWN, bbr3.CRUISE, bbr3.UP)}
    expected = {bbr3.DOWN: 0.9, bbr3.CRUISE: 1.0, bbr3.UP: 1.25}
    assert gains == pytest.approx({mode: 0.99 * gain for mode, gain in expected.items()}, rel=0.01)


@pytest.mark.compiled
def test_every_five_seconds_it_looks_for_its_base_with_half_a_pipe() -> None:
    seen = watch(21.0, flows=2)
    probes = [at for at, mode in modes(seen) if mode == bbr3.PROBE_RTT]
    assert len(probes) >= 3
    assert all(4.9 < b - a < 6.5 for a, b in pairwise(probes))
    least = [min(inflight for *_, mode, _, inflight in seen if mode == bbr3.PROBE_RTT)]
    assert 4 <= least[0] <= 40  # half of about half of 67 packets


def probing(alone: Any) -> Any:
    """Return a flow in UP with a pipe of 100 packets: 1000 packets/s and 100 ms."""
    flow = alone(Bbr3)
    c, f = flow.c, flow.f
    c.mode, c.full_reached, c.probing = bbr3.UP, 1, 1
    c.bw = c.max_bw = c.bw_cycle = 1000.0
    c.min_rtt = c.probe_min_rtt = 100 * MS
    f.min_rtt, f.srtt, f.cwnd, f.wire_bytes = 100 * MS, 1e8, 225.0, 1500
    f.pacing_rate = 1250.0
    return flow


def lose(flow: Any, inflight: int, lost: int) -> None:
    """Declare a packet lost that was sent with ``inflight`` packets out, the ``lost``-th since."""
    packet = rows(1, PACKET)[0]
    packet.inflight = inflight
    flow.f.lost = lost
    bbr3.on_packet_lost(flow.f, flow.c, packet, 0)


def test_losses_above_two_percent_end_a_probe(alone: Any) -> None:
    flow = probing(alone)
    lose(flow, inflight=120, lost=2)  # 2 of 120 are 1.7 %
    assert flow.c.mode == bbr3.UP
    assert flow.c.inflight_longterm == np.inf
    lose(flow, inflight=120, lost=3)  # 2.5 %: crossed where 0.02 * 119 - 2 = 0.38 more packets would be 2 %
    assert flow.c.mode == bbr3.DOWN
    assert flow.c.inflight_longterm == pytest.approx(119 + (0.02 * 119 - 2) / 0.98)
    assert not flow.c.probing
    lose(flow, inflight=50, lost=9)  # it answers once per probe
    assert flow.c.inflight_longterm == pytest.approx(119 + (0.02 * 119 - 2) / 0.98)


def test_one_answer_is_no_harsher_than_seven_tenths(alone: Any) -> None:
    flow = probing(alone)
    lose(flow, inflight=40, lost=20)
    assert flow.c.inflight_longterm == 0.7 * 100


def test_losses_while_cruising_lower_the_short_term_bounds(alone: Any) -> None:
    flow = probing(alone)
    flow.c.mode, flow.c.probing = bbr3.CRUISE, 0
    flow.c.probe_wait, flow.f.cwnd = 10**12, 200.0
    lose(flow, inflight=100, lost=1)
    flow.f.sample_delivered, flow.f.sample_interval, flow.f.sample_prior = 80, 100 * MS, 1
    flow.ack(100)
    # one round with losses: the greater of what arrived (800/s, 80 packets) and 0.7 of what there was
    assert flow.c.bw_shortterm == 800
    assert flow.c.inflight_shortterm == 0.7 * 200
    assert flow.c.bw == 800
    assert flow.f.cwnd == 140
    assert flow.f.pacing_rate == pytest.approx(0.99 * 800)


def test_a_spurious_episode_is_taken_back(alone: Any) -> None:
    flow = probing(alone)
    lose(flow, inflight=120, lost=9)
    assert flow.c.mode == bbr3.DOWN
    bbr3.on_undo(flow.f, flow.c, 0)
    assert flow.c.mode == bbr3.UP
    assert flow.c.inflight_longterm == np.inf


def test_inflight_longterm_grows_by_one_two_four(alone: Any) -> None:
    flow = probing(alone)
    flow.c.mode, flow.c.inflight_longterm = bbr3.UP, 100.0
    flow.c.ack_phase, flow.f.cwnd = 3, 100.0
    flow.c.up_step = 100.0  # one packet in this round trip
    flow.f.sample_inflight, flow.f.sample_limited = 50, 1
    growth = []
    for _ in range(4):
        before = flow.c.inflight_longterm
        for k in range(103):
            flow.f.cwnd = flow.c.inflight_longterm
            flow.ack(100, round_start=k == 102)
        growth.append(int(flow.c.inflight_longterm - before))
    assert growth == [1, 1, 2, 4]  # the slope doubles with each round trip after the first


def test_many_losses_end_startup(alone: Any) -> None:
    flow = alone(Bbr3)
    f, c = flow.f, flow.c
    f.wire_bytes, f.recovering = 1500, RECOVERY
    c.bw = c.max_bw = c.bw_cycle = 1000.0
    c.min_rtt = 100 * MS
    c.loss_round_end = 10**6
    for _ in range(6):
        f.sample_delivered, f.sample_interval = 90, 100 * MS
        f.sample_lost, f.sample_inflight, f.inflight = 10, 150, 500
        flow.ack(100, lost=1)
        assert c.mode == bbr3.STARTUP
    c.loss_round_end = 0
    flow.ack(100)
    assert c.mode == bbr3.DRAIN
    assert c.inflight_longterm == pytest.approx(100)
    assert f.pacing_rate == pytest.approx(0.5 * 0.99 * 1000)


def test_headroom_is_left(alone: Any) -> None:
    flow = alone(Bbr3)
    assert model.with_headroom(flow.c) == np.inf
    flow.c.inflight_longterm = 100.0
    assert model.with_headroom(flow.c) == 85
    flow.c.inflight_longterm = 4.5
    assert model.with_headroom(flow.c) == 4


def test_after_idleness_it_paces_at_its_bandwidth(alone: Any) -> None:
    flow = probing(alone)
    bbr3.on_restart(flow.f, flow.c, 0)
    assert flow.f.pacing_rate == pytest.approx(990)


def test_recovery_returns_to_the_window_of_before(alone: Any) -> None:
    flow = probing(alone)
    flow.f.recovering = RECOVERY
    flow.lose()
    flow.f.cwnd = 50.0
    flow.f.recovering = OPEN
    bbr3.on_recovered(flow.f, flow.c, 0)
    assert flow.f.cwnd == 225
    bbr3.on_timeout(flow.f, flow.c, 0)
    assert flow.f.cwnd == 1
    assert flow.c.prior_cwnd == 225


@pytest.mark.compiled
def test_shallow_buffers_lose_far_less_than_under_version_one() -> None:
    def lost(controller: str) -> float:
        two = [{"controller": controller, "name": name} for name in "ab"]
        result = simulate(dumbbell(two, capacity_mbps=50.0, buffer_bdp=0.1, duration_s=40.0))
        assert result.link_utilisation[0] > 0.9
        return float(result.lost.sum() / result.sent.sum())

    assert lost("bbr3") < 0.3 * lost("bbr")


@pytest.mark.compiled
def test_it_tolerates_one_percent_of_loss_but_not_three() -> None:
    def rate(loss: float) -> float:
        flow = [{"controller": "bbr3"}]
        result = simulate(dumbbell(flow, capacity_mbps=50.0, duration_s=60.0, link={"loss": loss}))
        return float(result.goodput_mbps[0, 100:].mean())

    assert rate(0.01) > 35
    assert rate(0.03) < 15
