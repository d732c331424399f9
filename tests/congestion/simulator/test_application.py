"""What flows have to send: sizes, transfers, rates; when they come and go."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion import simulate
from astraea.congestion.simulator.build import build
from astraea.congestion.simulator.loop import advance
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.simulator.state import ACTIVE, CLOSED, WAITING

MS = 1_000_000
LINK = {"capacity_mbps": 12, "delay_ms": 5, "buffer_bytes": 10**6}


def a_world(**flow: Any) -> Any:
    return build(WorldSettings(links=[LINK], flows=[flow], duration_s=100.0))


def test_a_flow_waits_for_its_start_and_leaves_at_its_end() -> None:
    world = a_world(controller="fixed", parameter=10, start_s=0.1, end_s=0.3)
    flow = world.flows[0]
    advance(world, 99 * MS, False)
    assert (flow.phase, flow.sent) == (WAITING, 0)
    advance(world, 100 * MS, False)
    assert (flow.phase, flow.sent) == (ACTIVE, 10)
    advance(world, 300 * MS, False)
    assert (flow.phase, flow.finished_at) == (CLOSED, 300 * MS)
    sent = int(flow.sent)
    advance(world, 1000 * MS, False)
    assert flow.sent == sent == flow.delivered


def test_a_size_is_sent_to_the_last_packet() -> None:
    # 100 packets of 1 ms each, all at once: the last arrives after 100 ms and is acknowledged 10 ms later
    result = simulate(
        links=[LINK], flows=[{"controller": "fixed", "parameter": 100, "size_bytes": 149_999}], duration_s=1.0
    )
    assert result.goodput[0] == 100
    assert result.completion_s[0] == pytest.approx(0.11)


def test_an_unfinished_size_has_no_completion() -> None:
    result = simulate(links=[LINK], flows=[{"size_bytes": 10**8}], duration_s=1.0)
    assert np.isnan(result.completion_s[0])


def test_an_application_bounds_the_rate() -> None:
    result = simulate(links=[LINK], flows=[{"controller": "cubic", "app_mbps": 3.0}], duration_s=10.0)
    assert result.goodput_mbps.mean() == pytest.approx(3.0, rel=0.02)
    assert result.cwnd[0, -1] < 30  # a window that is not used does not grow


@pytest.mark.compiled
def test_poisson_arrivals_have_poisson_counts() -> None:
    world = a_world(controller="fixed", parameter=10_000, app_mbps=6.0, app_arrivals="poisson")
    counts = []
    for k in range(1, 151):
        before = int(world.flows[0].sent)
        advance(world, k * 100 * MS, False)
        counts.append(int(world.flows[0].sent) - before)
    # 500 packets a second: 50 in 100 ms, with a variance of 50
    assert np.mean(counts) == pytest.approx(50, abs=4 * np.sqrt(50 / 150))
    assert np.var(counts) == pytest.approx(50, rel=0.45)


def test_transfers_complete_one_by_one() -> None:
    world = a_world(controller="fixed", parameter=100, transfer_bytes=15_000, transfer_every_s=0.05, size_bytes=37_000)
    advance(world, 1000 * MS, False)
    flow = world.flows[0]
    # 10 packets each 50 ms; 25 in all: complete after 10, 10 and 5 packets and a round trip
    assert world.completions[0].tolist() == [20 * MS, 70 * MS, 115 * MS]
    assert flow.transfers == 3
    assert flow.phase == CLOSED


def test_a_window_is_halved_for_each_timeout_it_idles() -> None:
    world = a_world(controller="newreno", transfer_bytes=1500 * 120, transfer_every_s=2.0)
    flow = world.flows[0]
    advance(world, 1999 * MS, False)
    window, rto, idle = flow.cwnd, flow.rto, 2000 * MS - flow.last_sent_at
    assert window > 40
    advance(world, 2000 * MS, False)
    assert flow.cwnd == max(window / 2 ** int(idle // rto), 10)
    assert flow.ssthresh >= 0.75 * window


def test_synchronised_transfers_share_the_link() -> None:
    flows = [{"controller": "cubic", "transfer_bytes": 300_000, "transfer_every_s": 5.0} for _ in range(4)]
    link = {"capacity_mbps": 50, "delay_ms": 10, "buffer_bytes": 125_000}
    result = simulate(links=[link], flows=flows, duration_s=20.0)
    done = result.transfer_s
    assert done.shape == (4, 4)
    # 1.2 MB at 50 Mbit/s take 0.19 s; slow start and losses cost a little more
    assert (done > 0.05).all()
    assert done.max(axis=0).min() > 0.19
    assert done.max() < 2.0
