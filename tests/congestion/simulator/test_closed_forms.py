"""Whole worlds against queueing theory and the laws of TCP."""

from __future__ import annotations

import numpy as np
import pytest

from astraea.congestion import simulate
from astraea.congestion.simulator.topology import dumbbell

pytestmark = pytest.mark.compiled


@pytest.mark.parametrize("window", [1, 40, 250, 251, 400])
def test_a_fixed_window_fills_the_pipe_then_the_queue(window: int) -> None:
    # 100 Mbit/s and 30 ms hold 250 packets; a packet takes 0.12 ms
    result = simulate(dumbbell([{"controller": "fixed", "parameter": window}], buffer_bdp=2.0, duration_s=60.0))
    rtt_ms = max(30.12, window * 0.12)
    assert result.rtt_ms[0, 5:] == pytest.approx(np.full(595, rtt_ms), rel=1e-3)
    assert result.delivered[0] / 60.0 == pytest.approx(window / rtt_ms * 1e3, rel=2e-3)
    assert result.link_utilisation[0] == pytest.approx(min(window * 0.12 / rtt_ms, 1.0), rel=2e-3)
    assert result.lost[0] == 0


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8, 0.9])
def test_poisson_arrivals_wait_as_in_an_m_d_1_queue(load: float) -> None:
    flow = {"controller": "fixed", "parameter": 1e5, "app_mbps": 50 * load, "app_arrivals": "poisson"}
    result = simulate(dumbbell([flow, flow], buffer_bdp=20.0, duration_s=200.0))
    # Pollaczek-Khinchine with constant service: waiting = load / (2 (1 - load)) services of 0.12 ms
    waited_ms = np.average(result.rtt_ms, weights=result.throughput_mbps) - 30.12
    assert waited_ms == pytest.approx(0.12 * load / (2 * (1 - load)), rel=0.05)
    assert result.link_utilisation[0] == pytest.approx(load, rel=0.01)


@pytest.mark.parametrize("loss", [3e-4, 1e-3, 3e-3])
def test_newreno_follows_the_law_of_the_square_root(loss: float) -> None:
    result = simulate(
        dumbbell([{"controller": "newreno"}], capacity_mbps=1000.0, duration_s=600.0, link={"loss": loss}, seed=1)
    )
    # Mathis et al. 1997: sqrt(3 / (2 p)) packets per round trip
    window = result.goodput[0] / 600.0 * 30e-3
    assert window == pytest.approx(np.sqrt(1.5 / loss), rel=0.1)


def test_cubic_follows_its_law() -> None:
    windows = []
    for loss in (1e-5, 1e-4):
        settings = dumbbell(
            [{"controller": "cubic"}], capacity_mbps=1e4, rtt_ms=100.0, duration_s=1000.0, link={"loss": loss}, seed=1
        )
        windows.append(simulate(settings).cwnd[0, 2000:].mean())
    # RFC 9438, equation 6: 1.054 RTT^0.75 / p^0.75 packets per round trip, for losses at regular distances;
    # losses at random distances leave longer climbs between them
    assert windows == pytest.approx([1.054 * 0.1**0.75 / 1e-5**0.75, 1.054 * 0.1**0.75 / 1e-4**0.75], rel=0.3)
    assert windows[0] / windows[1] == pytest.approx(10**0.75, rel=0.1)


def test_newreno_draws_its_sawtooth() -> None:
    # 33.3 packets in the pipe and 33 in the buffer: the window swings between 33 and 67
    result = simulate(
        dumbbell([{"controller": "newreno"}], capacity_mbps=10.0, rtt_ms=40.0, buffer_bdp=1.0, duration_s=600.0)
    )
    half = result.goodput_mbps.shape[1] // 2
    settled = result.cwnd[0, half:]
    peak = settled.max()
    assert peak == pytest.approx(67, abs=2)
    assert settled.min() == pytest.approx(peak / 2, abs=3)
    assert result.goodput_mbps[0, half:].mean() == pytest.approx(10.0, rel=0.01)
    # a sawtooth is 3/8 peak^2 packets long
    teeth = (np.diff(settled) < -peak / 4).sum()
    assert result.goodput[0] / 2 / teeth == pytest.approx(3 / 8 * peak**2, rel=0.1)
    # and loses a packet or two: the window may grow once more before the first loss shows
    assert teeth <= result.lost[0] / 2 <= 2.5 * teeth


@pytest.mark.parametrize("controller", ["newreno", "cubic", "copa", "bbr"])
def test_two_flows_that_are_alike_share_alike(controller: str) -> None:
    flows = [{"controller": controller, "name": name} for name in "ab"]
    result = simulate(dumbbell(flows, capacity_mbps=50.0, rtt_ms=30.0, duration_s=120.0))
    shares = result.goodput_mbps[:, 200:].mean(axis=1)
    assert shares.sum() == pytest.approx(50.0, rel=0.04)
    assert shares.min() / shares.max() > 0.8


def test_flows_of_several_bottlenecks_get_what_is_left() -> None:
    # 'long' crosses both links and its queue is at the second, which leaves 40 of the first's 60 to 'short'
    result = simulate(
        links=[
            {"name": "wide", "capacity_mbps": 60, "delay_ms": 5, "buffer_bytes": 10**6},
            {"name": "narrow", "capacity_mbps": 20, "delay_ms": 5, "buffer_bytes": 10**7},
        ],
        flows=[
            {"name": "long", "controller": "fixed", "parameter": 1000},
            {"name": "short", "controller": "fixed", "parameter": 300, "path": ("wide",)},
        ],
        duration_s=20.0,
    )
    assert result.goodput_mbps[:, 50:].mean(axis=1) == pytest.approx([20.0, 40.0], rel=0.01)
    assert result.backlog_bytes[:, 50:].min() > 0


def test_an_early_mark_keeps_the_queue_short_without_loss() -> None:
    settings = dumbbell(
        [{"controller": "newreno"}], buffer_bdp=3.0, duration_s=60.0, link={"mark_above_bytes": 150_000}
    )
    result = simulate(settings)
    assert result.backlog_bytes[0, 100:].max() <= 160_000
    assert result.lost[0] == 0
    assert result.link_utilisation[0] > 0.9


def test_codel_keeps_the_delay_near_its_target() -> None:
    result = simulate(
        dumbbell([{"controller": "cubic"}], buffer_bdp=5.0, duration_s=60.0, link={"codel_target_ms": 5.0})
    )
    plain = simulate(dumbbell([{"controller": "cubic"}], buffer_bdp=5.0, duration_s=60.0))
    assert np.nanmean(result.rtt_ms[0, 100:]) < 30 + 10
    assert np.nanmean(plain.rtt_ms[0, 100:]) > 30 + 60
    assert result.link_utilisation[0] > 0.9
