"""The window that a policy drives: actions, start-up, recovery, renewal of the base."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion import simulate
from astraea.congestion.connection import drains
from astraea.congestion.connection import window as driven
from astraea.congestion.connection.motion import UNIT
from astraea.congestion.connection.record import INF, OPEN, RECOVERY
from astraea.congestion.controllers.policy import Policy
from astraea.congestion.simulator.build import build
from astraea.congestion.simulator.loop import REACHED, advance
from astraea.congestion.simulator.steering import act
from astraea.congestion.simulator.topology import dumbbell

MS = 1_000_000


def settled(alone: Any, window: float, rtt_ms: float = 50.0) -> Any:
    """Return a flow past its start-up."""
    flow = alone(Policy)
    flow.ack(rtt_ms)
    flow.c.starting = 0
    flow.c.window, flow.f.cwnd = round(window * UNIT), window
    return flow


@pytest.mark.parametrize(
    ("action", "window"), [(1.0, 102.5), (0.4, 101.0), (0.0, 100.0), (-0.4, 100 / 1.01), (-1.0, 100 / 1.025)]
)
def test_actions_multiply_without_rounding(alone: Any, action: float, window: float) -> None:
    flow = settled(alone, 100.0)
    driven.act(flow.f, flow.c, action)
    assert flow.f.cwnd == pytest.approx(window, abs=3e-4)  # the change has 26214 steps
    assert flow.f.pacing_rate == pytest.approx(1.2 * window / 0.05, abs=0.01)


def test_opposite_actions_cancel(alone: Any) -> None:
    flow = settled(alone, 37.0)
    for action in (0.7, -0.7, 1.0, 1.0, -1.0, -1.0):
        driven.act(flow.f, flow.c, action)
    assert flow.f.cwnd == pytest.approx(37.0, abs=1e-5)


def test_below_two_packets_the_pace_falls_instead_of_the_window(alone: Any) -> None:
    flow = settled(alone, 2.02)
    driven.act(flow.f, flow.c, -1.0)
    assert flow.f.cwnd == 2
    assert flow.f.pacing_rate == pytest.approx(1.2 * 2.02 / 1.025 / 0.05, abs=0.01)
    for _ in range(200):
        driven.act(flow.f, flow.c, -1.0)
    assert (flow.f.cwnd, flow.c.window) == (2, UNIT // 16)
    assert flow.f.pacing_rate == pytest.approx(1.2 / 16 / 0.05, abs=0.001)


def test_the_window_has_a_ceiling(alone: Any) -> None:
    flow = settled(alone, 2.0)
    flow.f.window_max = 2
    driven.act(flow.f, flow.c, 1.0)
    assert flow.f.cwnd == 2


def test_start_up_doubles_and_ignores_actions_until_the_delay_shows(alone: Any) -> None:
    flow = alone(Policy)
    for rtt, window in ((50, 20), (50, 40), (56, 80)):  # the threshold is 50 / 8 = 6.25 ms
        flow.round(rtt)
        driven.act(flow.f, flow.c, -1.0)
        assert flow.f.cwnd == window
    assert flow.f.pacing_rate == pytest.approx(2 * 80 / (flow.f.srtt * 1e-9), abs=0.01)
    flow.f.sample_delivered, flow.f.sample_interval = 60, 60 * MS
    for k in range(8):
        assert flow.c.starting
        flow.ack(57, round_start=k == 0)
    # eight samples are enough: on with what 1000 packets/s put into 50 ms, after a drain to half of that
    assert not flow.c.starting
    assert flow.c.window == pytest.approx(50 * UNIT, abs=50)
    assert flow.f.cwnd == pytest.approx(25, abs=1e-4)
    driven.act(flow.f, flow.c, -1.0)
    assert flow.c.window == pytest.approx(50 / 1.025 * UNIT, rel=1e-6)


def test_start_up_holds_with_64_packets_in_flight_until_a_round_trip_under_that_window_is_over(alone: Any) -> None:
    for inflight, held in ((63, False), (64, True)):
        flow = alone(Policy)
        for rtt in (50, 50, 56):
            flow.round(rtt)
        flow.f.inflight = inflight
        flow.f.sample_delivered, flow.f.sample_interval = 60, 60 * MS
        for k in range(8):
            flow.ack(57, round_start=k == 0)
        assert (flow.c.starting, flow.c.draining) == (held, not held)
        assert flow.c.window == pytest.approx((87 if held else 50) * UNIT, abs=50)
    flow.ack(57, round_start=True)  # the round trip that counts begins
    flow.ack(57)
    assert (flow.c.starting, flow.c.draining) == (1, 0)
    assert flow.c.window == pytest.approx(87 * UNIT, abs=50)
    flow.ack(57, round_start=True)
    assert (flow.c.starting, flow.c.draining) == (0, 1)
    assert flow.c.window == pytest.approx(50 * UNIT, abs=50)


def test_start_up_that_holds_ends_at_losses_as_before(alone: Any) -> None:
    flow = alone(Policy)
    flow.round(50)
    flow.f.inflight = 64
    for k in range(8):
        flow.ack(57, round_start=k == 0)
    assert (flow.c.starting, flow.c.holding) == (1, 1)
    flow.lose()
    flow.f.lost = 2
    flow.ack(57)
    assert flow.c.starting
    flow.f.lost = 3
    flow.ack(57)
    assert not flow.c.starting


def test_the_first_drain_lasts_a_round_trip_and_later_ones_200_ms(alone: Any) -> None:
    flow = settled(alone, 100.0)
    drained = []
    for first in (True, False):
        flow.c.drains = 0 if first else 1
        drains.drain(flow.f, flow.c, flow.now, 50 * UNIT)
        flow.f.inflight = 60
        flow.ack(50)
        assert flow.c.drain_until == INF
        flow.f.inflight = 50
        flow.ack(50)
        drained.append(flow.c.drain_until - flow.now)
        flow.now += 20 * MS
        flow.ack(50)
        assert flow.c.drain_until - flow.now == drained[-1] - 20 * MS
    assert drained == [50 * MS, 200 * MS]


def test_start_up_begins_anew_where_nothing_has_arrived(alone: Any) -> None:
    flow = alone(Policy)
    driven.on_timeout(flow.f, flow.c, 0)
    assert (flow.f.cwnd, flow.c.window, flow.c.starting, flow.c.climbing) == (2, 2 * UNIT, 1, 0)
    flow.f.recovering, flow.f.lost = 2, 10
    flow.round(50)
    assert (flow.f.cwnd, flow.c.starting) == (4, 1)  # it doubles as before
    driven.on_timeout(flow.f, flow.c, 0)
    assert (flow.f.cwnd, flow.c.starting, flow.c.climbing) == (2, 0, 1)


def test_start_up_ends_with_a_full_pipe_and_no_queue() -> None:
    world = build(dumbbell([{"controller": "policy"}], buffer_bdp=4.0, duration_s=1.0))
    advance(world, 700 * MS, False)
    assert not world.controls.policy[0].starting
    assert not world.controls.policy[0].draining
    assert world.flows[0].min_rtt == pytest.approx(30.12 * MS)
    assert world.flows[0].cwnd == pytest.approx(251)  # 30.12 ms of packets of 0.12 ms
    assert world.flows[0].lost == 0


def test_start_up_ends_at_three_losses_of_twenty_packets_not_at_one(alone: Any) -> None:
    flow = alone(Policy)
    flow.round(50)
    flow.ack(50, round_start=True)
    flow.lose()
    flow.f.lost = 2
    flow.ack(50, packets=9)
    assert flow.c.starting
    flow.f.sample_delivered, flow.f.sample_interval = 10, 40 * MS
    flow.f.lost = 3
    flow.ack(50, packets=52)
    assert flow.c.starting  # 3 and 61 arrived
    flow.f.lost = 4
    flow.ack(50, packets=1)
    assert not flow.c.starting
    assert flow.c.window == 10 * UNIT  # an interval below the base says nothing of the rate: ten packets per 50 ms


def test_start_up_on_a_path_that_the_policy_does_not_know_falls_back_at_once(alone: Any) -> None:
    flow = alone(Policy)
    for _ in range(2):
        flow.round(2)
    assert flow.c.window == 40 * UNIT
    for k in range(8):
        flow.ack(7, round_start=k == 0)
    assert flow.c.fallen
    assert not flow.c.draining
    assert flow.c.window == 7 * 47 * UNIT // 10  # what it had grown to, and then a loss


def test_packets_are_conserved_in_the_first_round_of_recovery_only(alone: Any) -> None:
    flow = settled(alone, 100.0)
    flow.f.inflight, flow.f.recovering = 60, RECOVERY
    flow.lose()
    flow.ack(50, packets=2)
    assert flow.f.cwnd == 62
    driven.act(flow.f, flow.c, 1.0)
    assert flow.f.cwnd == 62
    flow.ack(50, round_start=True)
    assert flow.f.cwnd == pytest.approx(102.5, abs=3e-4)


def test_a_timeout_halves_once_climbs_and_can_be_undone(alone: Any) -> None:
    flow = settled(alone, 100.0)
    flow.ack(50)
    driven.on_timeout(flow.f, flow.c, 0)
    assert (flow.f.cwnd, flow.c.window) == (2, 50 * UNIT)
    flow.f.recovering = 2
    driven.on_timeout(flow.f, flow.c, 0)
    assert flow.c.window == 50 * UNIT
    flow.ack(50, packets=10)
    assert flow.f.cwnd == 12
    flow.ack(50, packets=40)
    assert flow.f.cwnd == 50
    flow.f.recovering = OPEN
    driven.on_undo(flow.f, flow.c, 0)
    flow.ack(50)
    assert flow.f.cwnd == 100


@pytest.mark.compiled
def test_a_late_comer_learns_its_base_as_it_takes_over() -> None:
    late = {"controller": "policy", "start_s": 3.0, "name": "late"}
    settings = dumbbell(
        [{"controller": "policy"}, late], capacity_mbps=8.0, rtt_ms=60.0, buffer_bdp=4.0, duration_s=30.0
    )
    world = build(settings)
    while (who := advance(world, 3_500 * MS, True)) != REACHED:
        act(world, who, 1.0 if world.controls.policy[0].window < 60 * UNIT else 0.0)
    flows, controls = world.flows, world.controls.policy
    assert flows[0].min_rtt == pytest.approx(61.5 * MS, abs=MS)
    assert flows[1].min_rtt > 85 * MS  # the first keeps 19 packets of 1.5 ms queued
    while (who := advance(world, 10_000 * MS, True)) != REACHED:
        act(world, who, -1.0 if who == 0 and controls[0].window > 20 * UNIT else 0.0)
    assert flows[1].min_rtt == pytest.approx(61.5 * MS, abs=2 * MS)


@pytest.mark.compiled
def test_flows_that_start_at_any_time_fall_into_step() -> None:
    flows: list[Any] = [{"controller": "policy", "start_s": start} for start in (0.0, 1.0, 3.5)]
    world = build(dumbbell(flows, capacity_mbps=8.0, rtt_ms=60.0, buffer_bdp=4.0, duration_s=90.0))
    controls = world.controls.policy
    while (who := advance(world, 40_000 * MS, True)) != REACHED:
        act(world, who, 1.0 if controls[who].window < 25 * UNIT else 0.0)
    together, alone = 0, 0
    while world.clock[0].now < 80_000 * MS:
        until = int(world.clock[0].now) + 20 * MS
        while (who := advance(world, until, True)) != REACHED:
            act(world, who, 1.0 if controls[who].window < 25 * UNIT else 0.0)
        draining = sum(int(controls[k].draining) for k in range(3))
        together += draining == 3
        alone += draining == 1
    assert together > 25  # of 20 ms each
    assert together > alone
    assert all(world.flows[k].min_rtt == pytest.approx(61.5 * MS, abs=2 * MS) for k in range(3))


@pytest.mark.compiled
def test_what_a_flows_clock_shows_changes_nothing() -> None:
    def goodput(*clocks: float) -> list[int]:
        flows = [{"controller": "policy", "start_s": 1.0 * k, "clock_s": clock} for k, clock in enumerate(clocks)]
        world = dumbbell(flows, capacity_mbps=20.0, rtt_ms=30.0, duration_s=30.0)
        return [int(count) for count in simulate(world).goodput]

    assert goodput(0.0, 0.0, 0.0) == goodput(123.4, 5.0, 9.9)


def test_a_base_rises_only_when_six_drains_say_so(alone: Any) -> None:
    flow = settled(alone, 100.0)
    flow.f.refresh_after = 1_000 * MS
    bases = []
    for number, rtt in enumerate([50, 70, 70, 70, 70, 70, 70], start=1):
        flow.now = number * 1_000 * MS
        flow.f.inflight = 0
        for _ in range(3):
            flow.ack(rtt)
            flow.now += 400 * MS
        bases.append(int(flow.f.min_rtt) // MS)
    assert bases == [50, 50, 50, 50, 50, 70, 70]


@pytest.mark.parametrize(("left", "among", "soon"), [(0, 0, False), (257, 0, True), (257, 1, False), (256, 0, False)])
def test_a_period_that_left_more_than_a_quarter_brings_the_next_drain_sooner(
    alone: Any, left: int, among: int, soon: bool
) -> None:
    flow = settled(alone, 100.0)
    flow.f.refresh_after = 900 * MS
    flow.c.drains, flow.c.left, flow.c.among = 10, left, among
    flow.c.drained_at = flow.c.lowest_at = 0
    assert bool(drains.due(flow.f, flow.c, 299 * MS)) is False
    assert bool(drains.due(flow.f, flow.c, 300 * MS)) is soon
    assert bool(drains.due(flow.f, flow.c, 900 * MS)) is True


@pytest.mark.parametrize(
    ("among", "lowest", "drained", "left"),
    [
        (0, 50, 80, 0),  # others emptied the queue meanwhile
        (1, 50, 80, 768),  # as rivals' cuts do: the flow's own drain left three quarters
        (1, 80, 50, 0),
        (0, 80, 90, 768),
        (0, 53, 60, 0),  # less than a sixteenth of the base
    ],
)
def test_what_a_period_left_is_told_by_all_drains_and_among_rivals_by_the_flows_own(
    alone: Any, among: int, lowest: int, drained: int, left: int
) -> None:
    flow = settled(alone, 100.0)
    flow.f.min_rtt, flow.f.last_rtt = 50 * MS, 50 * MS
    flow.c.drains, flow.c.among, flow.c.left = 10, among, 1024
    flow.c.peak, flow.c.drain_from = 90 * MS, 70 * MS
    flow.c.lowest_before, flow.c.drain_rtt = lowest * MS, drained * MS
    assert bool(drains.judge(flow.f, flow.c, 0, 0)) is (left == 0)
    assert flow.c.left == left
    assert flow.c.among == (left > 0)


def test_a_window_that_is_not_wary_believes_in_no_rivals(alone: Any) -> None:
    def told(wary: int) -> Any:
        flow = settled(alone, 100.0)
        flow.f.wary = wary
        flow.f.min_rtt, flow.f.last_rtt = 50 * MS, 50 * MS
        flow.c.drains = 10
        for _ in range(2):
            flow.c.peak, flow.c.drain_from = 90 * MS, 70 * MS
            flow.c.lowest_before = flow.c.drain_rtt = 80 * MS
            drains.judge(flow.f, flow.c, 0, 0)
        return flow

    assert (told(1).c.among, told(1).f.drain_left) == (1, 768)
    assert (told(0).c.among, told(0).f.drain_left) == (0, 0)


@pytest.mark.parametrize(
    ("window", "widest", "seconds", "among"),
    [
        (20, 30, 12.4, 0),  # neither yielded nor long enough: a crowd out of step
        (20, 30, 12.5, 1),
        (15, 30, 3.0, 1),  # half of what it had
    ],
)
def test_what_drains_leave_tells_of_rivals_where_a_flow_has_yielded_or_for_long(
    alone: Any, window: int, widest: int, seconds: float, among: int
) -> None:
    flow = settled(alone, 100.0)
    flow.f.refresh_after = 10_000 * MS
    flow.f.min_rtt, flow.f.last_rtt = 50 * MS, 50 * MS
    flow.c.drains, flow.c.left, flow.c.widest, flow.c.emptied_at = 10, 1024, widest, 0
    flow.c.peak, flow.c.drain_from = 90 * MS, 70 * MS
    flow.c.lowest_before = flow.c.drain_rtt = 80 * MS
    drains.judge(flow.f, flow.c, window, round(seconds * 1e9))
    assert flow.c.among == among
    assert flow.c.widest == widest


def test_an_emptied_period_begins_the_evidence_anew(alone: Any) -> None:
    flow = settled(alone, 100.0)
    flow.f.min_rtt, flow.f.last_rtt = 50 * MS, 50 * MS
    flow.c.drains, flow.c.widest, flow.c.emptied_at = 10, 30, 0
    flow.c.peak, flow.c.drain_from = 90 * MS, 70 * MS
    flow.c.lowest_before = flow.c.drain_rtt = 50 * MS
    drains.judge(flow.f, flow.c, 20, 7 * MS)
    assert (flow.c.widest, flow.c.emptied_at) == (15, 7 * MS)


@pytest.mark.compiled
def test_a_policy_that_targets_a_queue_shares_equally() -> None:
    """Driven by the rule 'keep ten packets queued', two flows of unequal round trips come to equal queues."""
    world = build(
        dumbbell(
            [{"controller": "policy", "rtt_ms": 20.0}, {"controller": "policy", "rtt_ms": 60.0, "start_s": 2.0}],
            capacity_mbps=20.0,
            rtt_ms=40.0,
            buffer_bdp=4.0,
            duration_s=60.0,
        )
    )
    queued: list[list[float]] = [[], []]
    while (who := advance(world, 60_000 * MS, True)) != REACHED:
        row = world.intervals[who]
        if row.delivered:
            own = row.window / 1024 * (1 - row.min_rtt / (row.rtt_sum / row.delivered))
            if world.clock[0].now > 40_000 * MS:
                queued[who].append(own)
            act(world, who, float(np.clip((10 - own) / 10, -1, 1)))
    assert np.median(queued[0]) == pytest.approx(10, abs=2.5)
    assert np.median(queued[1]) == pytest.approx(10, abs=2.5)
    assert world.links[0].busy >= 59_900 * MS
