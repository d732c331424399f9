"""The reward: terms worked by hand, and no gain in sending nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion.connection.record import rows
from astraea.congestion.observation.frames import FRAME, FRAMES, HISTORY
from astraea.congestion.reward import PUBLISHED, TERMS, RewardSettings, coefficients, judge, reward_of
from astraea.congestion.simulator.state import ACTIVE, FLOW
from astraea.errors import InputError

BASE = 30_000  # microseconds
SHARE = 1000.0  # packets per second


def judged(
    rates: list[list[float]], rtts: list[float], losses: list[float], only: int = -1, **fields: Any
) -> tuple[dict[str, float], float]:
    """Return terms and reward of flows with these ``rates`` (packets/s, newest last), RTTs (us) and losses."""
    n = len(rates)
    flows, frames, histories = rows(n, FLOW), rows((n, FRAMES), FRAME), rows(n, HISTORY)
    flows.external, flows.phase = 1, ACTIVE
    for i in range(n):
        histories.count[i] = len(rates[i])
        for k, rate in enumerate(rates[i]):
            frame = frames[i, k]
            frame.duration, frame.delivered = 1_000_000, rate
            frame.rtt_sum = rate * rtts[i]
            frame.sent, frame.lost = 1000, round(1000 * losses[i])
    c = coefficients(RewardSettings(**fields))
    terms = np.zeros(len(TERMS))
    judge(flows, n, frames, histories, np.full(n, SHARE), np.full(n, float(BASE)), c[0], only, terms)
    return dict(zip(TERMS, terms.tolist(), strict=True)), reward_of(terms, c[0])


def test_a_fair_full_link_without_queue_earns_all() -> None:
    terms, reward = judged([[1000] * 5] * 2, [BASE, BASE], [0, 0])
    assert terms == {
        "throughput": 1, "latency": 0, "loss": 0, "fairness": 0, "stability": 0, "distance": 0
    }  # fmt: skip
    assert reward == 1


def test_one_flow_that_has_all() -> None:
    terms, reward = judged([[2000] * 5, [0] * 5], [BASE, BASE], [0, 0])
    assert terms["throughput"] == 1
    assert terms["fairness"] == pytest.approx(1)  # deviation 1, mean 1, divided by sqrt(2 - 1)
    assert terms["distance"] == pytest.approx(0.75)  # (1000 / 2000 + 1000 / 1000) / 2
    assert reward == pytest.approx(0)


def test_fairness_is_jain_in_other_words() -> None:
    rates = np.array([300.0, 900.0, 1800.0])
    terms, _ = judged([[rate] * 5 for rate in rates], [BASE] * 3, [0] * 3)
    jain = rates.sum() ** 2 / (3 * (rates**2).sum())
    assert 1 / (1 + 2 * terms["fairness"] ** 2) == pytest.approx(jain)


def test_latency_begins_beyond_the_tolerance_and_ends_at_one() -> None:
    # tolerance: the larger of 0.1 * 30 ms and 2 packets at 1000 packets/s = 3 ms; scale 33 ms
    assert judged([[1000] * 5], [BASE + 3000], [0])[0]["latency"] == 0
    assert judged([[1000] * 5], [BASE + 3000 + 16_500], [0])[0]["latency"] == pytest.approx(0.5)
    assert judged([[1000] * 5], [40 * BASE], [0])[0]["latency"] == 1
    assert judged([[1000] * 5], [BASE + 5000], [0], tolerance_packets=5)[0]["latency"] == 0


def test_loss_and_stability() -> None:
    assert judged([[1000] * 5] * 2, [BASE] * 2, [0.0, 0.1])[0]["loss"] == pytest.approx(0.05)
    # 900 and 1100 by turns: deviation 100 of a mean of 1000
    assert judged([[900, 1100, 900, 1100]], [BASE], [0], window=4)[0]["stability"] == pytest.approx(0.1)


def test_coefficients_count_as_they_are_set() -> None:
    rates, rtts, losses = [[2000.0] * 5, [0.0] * 5], [BASE + 19_500.0, float(BASE)], [0.1, 0.1]
    kinds = {
        "cooperative": 1 - 0.3 * 0.2045454 - 2 * 0.1 - 0.4 * 1,
        "max-min": 1 - 0.75 - 0.3 * 0.2045454 - 2 * 0.1,
    }
    for kind, expected in kinds.items():
        terms, reward = judged(rates, rtts, losses, kind=kind, fairness=0.4)
        assert terms["latency"] == pytest.approx((9_750 - 3_000) / 33_000)
        assert reward == pytest.approx(expected, abs=1e-6)


def test_alone_a_flow_gains_by_taking_all() -> None:
    greedy, gain = judged([[2000] * 5, [0] * 5], [BASE, BASE], [0, 0], only=0, kind="own")
    modest, less = judged([[1000] * 5, [1000] * 5], [BASE, BASE], [0, 0], only=0, kind="own")
    assert (greedy["throughput"], modest["throughput"]) == (1, 0.5)
    assert gain > less


def windows(n: int, window: float) -> tuple[list[list[float]], list[float]]:
    """Return the rates and RTTs of ``n`` flows that hold ``window`` packets each on a link without end of buffer."""
    pipe = SHARE * BASE * 1e-6  # 30 packets
    rate = min(window / pipe, 1) * SHARE
    return [[rate] * 5] * n, [max(window / SHARE * 1e6, BASE)] * n


@pytest.mark.parametrize("fields", [{}, {"kind": "max-min"}, PUBLISHED.model_dump()])
def test_sending_nothing_is_never_best(fields: dict[str, Any]) -> None:
    """The reward rises with the window until the pipe is full, and falls no lower than that of starving after it."""
    sizes = [4, 8, 15, 22, 30, 32, 45, 60, 120, 1000]  # pipe: 30; 1000: a queue of more than 30 RTTs
    rewards = [judged(*windows(3, size), [0] * 3, **fields)[1] for size in sizes]
    filled = sizes.index(30)
    assert rewards[: filled + 1] == sorted(rewards[: filled + 1])
    assert rewards[filled] == max(rewards)
    assert min(rewards[filled:]) > rewards[0]


def test_the_latency_term_in_seconds_times_rate_would_reward_starving() -> None:
    """What the normalisation avoids: 5 packets in the queue outweigh a full link (and 4 in flight are best)."""

    def published_units(window: float) -> float:
        rates, rtts = windows(3, window)
        latency = max(float(np.mean(rtts)) - BASE, 0.0) * 1e-6 * rates[0][0]  # seconds * packets/s
        return 0.1 * rates[0][0] / SHARE - 0.02 * latency

    assert published_units(36) < published_units(4)
    assert judged(*windows(3, 36), [0] * 3)[1] > judged(*windows(3, 4), [0] * 3)[1]


@pytest.mark.parametrize("fields", [{"throughput": -1}, {"limit": 0}, {"window": 1}, {"kind": "selfish"}, {"los": 1}])
def test_settings_out_of_range_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        RewardSettings(**fields)
