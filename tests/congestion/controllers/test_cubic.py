"""CUBIC against RFC 9438: its curve, its time to regain W_max, its floor at NewReno's window."""

from __future__ import annotations

from typing import Any

import pytest

from astraea.congestion.connection.record import OPEN, TIMEOUT
from astraea.congestion.controllers import cubic
from astraea.congestion.controllers.cubic import Cubic


def reduced(alone: Any, window: float) -> Any:
    """Return a flow that has just fallen from ``window``."""
    flow = alone(Cubic)
    flow.f.cwnd = window
    flow.lose()
    flow.f.cwnd = flow.f.ssthresh
    flow.now = 1_000_000_000
    return flow


@pytest.mark.parametrize(("window", "rtt_ms"), [(100.0, 100.0), (1000.0, 200.0)])
def test_it_regains_the_old_window_after_k(alone: Any, window: float, rtt_ms: float) -> None:
    flow = reduced(alone, window)
    assert flow.f.cwnd == pytest.approx(0.7 * window)
    began = flow.now
    while flow.f.cwnd < 0.999 * window:
        flow.round(rtt_ms, most=25)
    # K = cbrt(W_max (1 - 0.7) / 0.4), equation 2; the plateau is flat, so its end is what can be timed
    k = (window * 0.3 / 0.4) ** (1 / 3)
    assert flow.c.k == pytest.approx(k)
    assert (flow.now - began) * 1e-9 == pytest.approx(k - (0.001 * window / 0.4) ** (1 / 3), abs=3 * rtt_ms * 1e-3)


def test_it_grows_along_the_cubic_on_both_sides(alone: Any) -> None:
    flow = reduced(alone, 1000.0)
    epoch = flow.now
    while flow.now - epoch < 13e9:
        flow.round(100.0, most=25)
        elapsed = (flow.now - flow.c.epoch) * 1e-9
        curve = 0.4 * (elapsed - flow.c.k) ** 3 + 1000
        # the window aims a round trip ahead and so lies between the curve now and then
        assert curve - 2 <= flow.f.cwnd <= 0.4 * (elapsed + 0.1 - flow.c.k) ** 3 + 1002
    assert flow.f.cwnd > 1020


def test_small_windows_follow_newreno(alone: Any) -> None:
    flow = reduced(alone, 20.0)
    for _ in range(20):
        flow.round(10.0)
    # alpha = 3 * 0.3 / 1.7 packets per round from 14 on, one after 20 is regained
    to_prior = (20 - 14) / (0.9 / 1.7)
    assert flow.f.cwnd == pytest.approx(20 + (20 - to_prior), abs=1)


def test_fast_convergence_gives_way(alone: Any) -> None:
    flow = reduced(alone, 100.0)
    flow.f.cwnd = 80.0
    flow.lose()
    assert flow.c.w_max == pytest.approx(80 * 1.7 / 2)
    assert flow.f.ssthresh == pytest.approx(56)


def test_a_timeout_starts_over_and_can_be_undone(alone: Any) -> None:
    flow = reduced(alone, 100.0)
    flow.round(50.0)
    w_max, epoch = flow.c.w_max, flow.c.epoch
    window = flow.f.cwnd
    cubic.on_timeout(flow.f, flow.c, flow.now)
    flow.f.recovering = TIMEOUT
    assert flow.f.cwnd == 1
    assert flow.f.ssthresh == pytest.approx(0.7 * window)
    assert (flow.c.w_max, flow.c.epoch) == (0, 0)
    cubic.on_undo(flow.f, flow.c, flow.now)
    assert (flow.c.w_max, flow.c.epoch) == (w_max, epoch)


def test_the_curve_waits_while_the_application_has_nothing(alone: Any) -> None:
    flow = reduced(alone, 100.0)
    flow.round(50.0)
    flow.f.window_limited = 0
    flow.round(50.0)
    window = flow.f.cwnd
    flow.now += 60_000_000_000
    flow.f.window_limited = 1
    flow.ack(50.0)
    assert flow.f.cwnd < window + 1
    assert flow.f.recovering == OPEN


def test_later_slow_starts_double(alone: Any) -> None:
    flow = alone(Cubic)
    flow.f.cwnd, flow.f.ssthresh = 10.0, 1000.0
    flow.round(50.0)
    assert flow.f.cwnd == 20
