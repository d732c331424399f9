"""Loss recovery on hand-worked losses: RACK, proportional rate reduction, probes, timeouts and their undoing."""

from __future__ import annotations

from typing import Any

import pytest

from astraea.congestion.connection.record import OPEN, RECOVERY, TIMEOUT
from astraea.congestion.simulator.build import build
from astraea.congestion.simulator.loop import advance
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.simulator.state import DROPPED
from astraea.congestion.simulator.timers import PROBE, REORDER, RTO

MS = 1_000_000


def a_world(controller: str = "newreno", link: dict[str, Any] | None = None, **flow: Any) -> Any:
    """Return a world of one flow over 12 Mbit/s (1 ms a packet) with 10 ms of round trip."""
    return build(
        WorldSettings(
            links=[{"capacity_mbps": 12, "delay_ms": 5, "buffer_bytes": 10**6, **(link or {})}],
            flows=[{"controller": controller, **flow}],
            duration_s=100.0,
        )
    )


def drop(world: Any, *numbers: int) -> None:
    """Let packets that are already on their way vanish."""
    for pn in numbers:
        world.packets["status"][0, pn & int(world.flows[0].mask)] |= DROPPED


def test_three_packets_beyond_a_hole_declare_it_lost() -> None:
    world = a_world()  # ten packets at 0, acknowledgements at 11 ms, 12 ms, ...
    advance(world, 0, False)
    drop(world, 2)
    flow = world.flows[0]
    advance(world, 15 * MS, False)  # packets 0, 1, 3, 4 have arrived
    assert (flow.lost, flow.recovering, flow.holes) == (0, OPEN, 1)
    assert flow.timer == REORDER
    advance(world, 16 * MS, False)
    assert (flow.lost, flow.recovering, flow.holes) == (1, RECOVERY, 0)
    assert (flow.resent, flow.una_seq) == (1, 2)


def test_few_packets_beyond_a_hole_wait_a_quarter_of_the_round_trip() -> None:
    world = a_world(size_bytes=1500 * 5)
    advance(world, 0, False)
    drop(world, 2)
    flow = world.flows[0]
    # packet 4 arrives at 15 ms; 2, sent at 0, is due at its round trip of 15 ms and a quarter of the base 11 ms
    advance(world, 17 * MS + 749_999, False)
    assert flow.lost == 0
    advance(world, 17 * MS + 750_000, False)
    assert flow.lost == 1
    advance(world, 100 * MS, False)
    assert flow.goodput == 5
    assert flow.finished_at == 17 * MS + 750_000 + 11 * MS


def test_the_window_falls_to_half_by_the_end_of_recovery() -> None:
    world = a_world()
    flow = world.flows[0]
    advance(world, 200 * MS, False)
    before = flow.cwnd
    drop(world, flow.next_pn - 1)
    while flow.recovering == OPEN:
        advance(world, world.clock[0].now + MS, False)
        before = max(before, flow.cwnd) if flow.recovering == OPEN else before
    assert flow.ssthresh == pytest.approx(before / 2, abs=1)
    sent, inflight = flow.sent, flow.inflight
    while flow.recovering == RECOVERY:
        advance(world, world.clock[0].now + MS // 10, False)
        assert flow.inflight <= inflight
    # while the pipe drains to half, about one packet leaves for two that arrive
    assert flow.sent - sent == pytest.approx(before / 2, abs=3)
    assert flow.cwnd == pytest.approx(flow.ssthresh, abs=1)
    assert flow.lost == 1


def test_one_episode_of_losses_halves_once() -> None:
    world = a_world()
    flow = world.flows[0]
    advance(world, 200 * MS, False)
    newest = int(flow.next_pn)
    window = flow.cwnd
    drop(world, newest - 1, newest - 3, newest - 6)
    while flow.recovering == OPEN:
        advance(world, world.clock[0].now + MS, False)
        window = max(window, flow.cwnd) if flow.recovering == OPEN else window
    while flow.recovering == RECOVERY:
        advance(world, world.clock[0].now + MS, False)
    assert flow.lost == 3
    assert flow.ssthresh == pytest.approx(window / 2, abs=1)


def test_a_lost_retransmission_is_sent_again() -> None:
    world = a_world()
    flow = world.flows[0]
    advance(world, 0, False)
    drop(world, 0)
    while flow.resent == 0:
        advance(world, world.clock[0].now + MS, False)
    drop(world, flow.next_pn - 1 if world.packets["seq"][0, (flow.next_pn - 1) % 64] == 0 else flow.next_pn - 2)
    advance(world, 2000 * MS, False)
    assert (flow.lost, flow.resent) == (2, 2)
    assert flow.una_seq > 100


def test_a_lost_tail_is_probed_after_two_round_trips() -> None:
    world = a_world(size_bytes=1500 * 10)
    advance(world, 0, False)
    drop(world, 8, 9)
    flow = world.flows[0]
    advance(world, 18 * MS, False)  # packet 7 has arrived
    assert flow.timer == PROBE
    # two smoothed round-trip times and 2 ms later the last packet goes out again
    assert flow.timer_at == 18 * MS + int(2 * flow.srtt) + 2 * MS
    probe_at = int(flow.timer_at)
    advance(world, probe_at, False)
    assert (flow.sent, flow.resent, flow.lost) == (11, 1, 0)
    advance(world, 1000 * MS, False)
    # its acknowledgement shows that 8 and the first 9 are gone; no timeout was needed
    assert flow.goodput == 10
    assert flow.finished_at < probe_at + 30 * MS


def test_timeouts_back_off_and_start_over_from_one_packet() -> None:
    world = a_world(link={"steps": ((0, 12), (0.5, 0), (5, 12))})
    flow = world.flows[0]
    advance(world, 499 * MS, False)
    assert flow.recovering == OPEN
    waits = []
    last = 0
    while world.clock[0].now < 5000 * MS:
        backoff = int(flow.backoff)
        advance(world, world.clock[0].now + MS, False)
        if flow.backoff > backoff:
            waits.append((world.clock[0].now - last) / MS)
            last = world.clock[0].now
    rto = flow.rto / MS
    assert waits[1:] == pytest.approx([2 * rto, 4 * rto], abs=2)
    assert flow.recovering == TIMEOUT


def test_an_outage_without_loss_is_a_spurious_timeout_and_is_undone() -> None:
    world = a_world(link={"steps": ((0, 12), (0.5, 0), (1.5, 12)), "buffer_bytes": 10**7})
    flow = world.flows[0]
    advance(world, 499 * MS, False)
    before = flow.cwnd
    advance(world, 1400 * MS, False)
    assert flow.recovering == TIMEOUT
    assert flow.cwnd < before
    advance(world, 1520 * MS, False)
    assert flow.recovering == OPEN
    assert flow.cwnd >= before
    given_up = flow.lost
    advance(world, 2500 * MS, False)
    assert flow.lost == given_up > 0  # counted as in Linux, but nothing more was
    assert world.links[0].overflowed == 0
    assert flow.delivered - flow.goodput == flow.resent  # the repeats arrived as duplicates


def test_everything_is_delivered_once_whatever_is_lost() -> None:
    world = a_world("cubic", link={"loss": 0.2}, size_bytes=1500 * 400)
    flow = world.flows[0]
    advance(world, 100_000 * MS, False)
    assert flow.goodput == flow.una_seq == 400
    assert flow.finished_at > 0
    assert flow.timer_at > 100_000 * MS  # nothing is waited for any more
    assert flow.timer in (RTO, PROBE, REORDER)
