"""A simulated world's metrics, on worlds whose outcome is known in closed form."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from astraea.congestion import FlowSettings, LinkSettings, WorldSettings, simulate
from astraea.congestion.metrics.definitions import Duration
from astraea.congestion.metrics.score import ScoreSettings, score
from astraea.congestion.metrics.shares import queueing_delay
from astraea.errors import InputError
from astraea.files import plain

LINK = LinkSettings(capacity_mbps=1.2, delay_ms=20, buffer_bytes=60_000)  # 100 packets/s, pipe of 4 + 1 packets


def fixed(window: int, **fields: float) -> FlowSettings:
    return FlowSettings(controller="fixed", parameter=window, rtt_ms=40, **fields)


def test_two_equal_windows_share_equally_and_queue_what_does_not_fit() -> None:
    result = simulate(links=[LINK], flows=[fixed(10), fixed(10)], duration_s=6.0)
    found = score(result)
    assert found.jain == pytest.approx(1, abs=1e-3)
    assert found.min_max == pytest.approx(1, abs=0.05)
    assert found.utilisation > 0.95
    assert found.loss == 0
    # 20 packets in flight, 4 of them on the wire: 16 wait, 10 ms each
    assert found.queue_ms == pytest.approx(160, rel=0.05)
    assert found.queue_p95_ms >= found.queue_ms
    assert found.convergences[0].time == Duration(0.0, censored=False)
    assert found.deviation < 0.05
    assert [flow.goodput_mbps for flow in found.flows] == pytest.approx([0.6, 0.6], rel=0.05)
    assert [flow.rtt_ms for flow in found.flows] == pytest.approx([200, 200], rel=0.05)


def test_unequal_windows_share_in_proportion_and_never_converge() -> None:
    settings = ScoreSettings(hold_s=2.0)
    found = score(simulate(links=[LINK], flows=[fixed(15), fixed(5, start_s=2.0)], duration_s=6.0), settings)
    assert found.min_max == pytest.approx(1 / 3, rel=0.1)
    assert found.jain == pytest.approx(16 / 20, rel=0.05)  # (3 + 1)^2 / (2 (9 + 1))
    assert found.convergences[0].time == Duration(0.0, censored=False)
    assert found.convergences[1].time == Duration(4.0, censored=True)
    assert found.convergence_s == math.inf
    assert json.loads(json.dumps(plain(found)))["convergence_s"] is None
    assert found.convergences[1].event.flows == 2


def test_windows_soon_after_an_arrival_may_be_left_out() -> None:
    result = simulate(links=[LINK], flows=[fixed(10), fixed(10, start_s=2.0)], duration_s=6.0)
    late = score(result, ScoreSettings(settle_s=2.0, window_s=0.5))
    assert late.jain_p5 >= score(result, ScoreSettings(window_s=0.5)).jain_p5


def test_completion_is_censored_where_the_world_ends_first() -> None:
    result = simulate(links=[LINK], flows=[fixed(10, size_bytes=60_000), fixed(10, size_bytes=10**7)], duration_s=4.0)
    done, undone = (flow.completion for flow in score(result).flows)
    assert done is not None
    assert undone == Duration(4.0, censored=True)
    assert not done.censored
    # 40 packets; half of 100 packets/s while the other is there
    assert done.seconds == pytest.approx(0.8, rel=0.3)
    assert score(result).completion_s == done.seconds


def test_delay_follows_the_capacity_to_come() -> None:
    """1.2 Mbit/s falls to a tenth at 2 s: what waits then takes ten times as long."""
    link = LINK.model_copy(update={"steps": ((0.0, 1.2), (2.0, 0.12))})
    result = simulate(links=[link], flows=[fixed(14)], duration_s=4.0, sample_ms=10)
    delay = queueing_delay(result)
    before, after = delay[result.times_s < 1.8], delay[result.times_s > 3.5]
    assert before[50:].mean() == pytest.approx(95, rel=0.1)  # 10 of 14 packets, 10 ms each, and the one in service
    assert after.mean() == pytest.approx(1350, rel=0.1)  # 13.5 of 14 packets, 100 ms each


def test_a_repeated_trace_and_two_hops(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text("5\n10\n")  # two packets of 1500 B in 10 ms: 2.4 Mbit/s
    links = [LINK.model_copy(update={"name": "slow"}), LINK.model_copy(update={"name": "varies", "trace": trace})]
    flows = [
        FlowSettings(controller="fixed", parameter=30, rtt_ms=80),
        FlowSettings(controller="fixed", parameter=4, path=("varies",)),
    ]
    result = simulate(WorldSettings(links=tuple(links), flows=tuple(flows), duration_s=4.0))
    found = score(result)
    assert np.isfinite(found.queue_ms)
    assert found.queue_ms > 50
    assert 0 < found.min_max < 1


def test_what_cannot_be_scored_is_refused() -> None:
    bare = simulate(links=[LINK], flows=[fixed(2)], duration_s=1.0, sample_ms=0)
    with pytest.raises(InputError, match="no time series"):
        score(bare)
    with pytest.raises(InputError, match="window"):
        score(simulate(links=[LINK], flows=[fixed(2)], duration_s=1.0), ScoreSettings(window_s=5))


def test_fairness_needs_two_flows_in_a_window() -> None:
    found = score(simulate(links=[LINK], flows=[fixed(2), fixed(2, start_s=1.95)], duration_s=2.0))
    assert math.isnan(found.jain)
    assert math.isnan(found.min_max)
