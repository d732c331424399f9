"""One world to its end: closed forms, determinism, sharing."""

from __future__ import annotations

import numpy as np
import pytest

from astraea.congestion import simulate


def test_a_fixed_window_below_the_pipe_gives_window_over_rtt() -> None:
    # 40 packets of 1500 B per (30 ms + one transmission of 0.12 ms) on 100 Mbit/s
    result = simulate(flows=[{"controller": "fixed", "parameter": 40}], duration_s=3.0)
    assert result.goodput_mbps.mean() == pytest.approx(40 * 12e3 / 30.12e-3 / 1e6, rel=0.02)
    assert np.allclose(result.rtt_ms[0, 1:], 30.12, rtol=0.01)


@pytest.mark.compiled
def test_a_fixed_window_above_the_pipe_queues_the_rest() -> None:
    # 300 packets at 0.12 ms each: round trip 36 ms, link always busy
    result = simulate(
        flows=[{"controller": "fixed", "parameter": 300}], links=[{"buffer_bytes": 450_000}], duration_s=3.0
    )
    assert np.allclose(result.rtt_ms[0, 2:], 36.0)
    assert result.link_utilisation[0] == pytest.approx(1.0, abs=1e-3)
    assert result.lost[0] == 0


@pytest.mark.compiled
def test_same_seed_same_bytes() -> None:
    flows = [{"controller": "newreno"}, {"controller": "newreno", "jitter_ms": 1.0, "ack_every": 2}]
    links = [{"loss": 0.001}]
    one, two = (simulate(flows=flows, links=links, duration_s=2.0, seed=7) for _ in range(2))
    other = simulate(flows=flows, links=links, duration_s=2.0, seed=8)
    assert one.rtt_ms.tobytes() == two.rtt_ms.tobytes()
    assert one.rtt_ms.tobytes() != other.rtt_ms.tobytes()
