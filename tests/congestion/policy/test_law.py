"""The law by hand, and what must hold of any of its kind."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.connection.motion import UNIT
from astraea.congestion.observation.features import ObservationSettings
from astraea.congestion.policy import law
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.policy import shipped_policy

FIELDS = ObservationSettings().fields
NAMES = [field.name for field in FIELDS]


def decide(p: NDArray[Any], x: NDArray[Any]) -> float:
    """Return the action, which the law gives in 1/2**20."""
    return law.decide(p, x) / UNIT


def numbers(**changes: float) -> NDArray[Any]:
    plain = {
        "target": 2.0,
        "target_rate": 0.5,
        "loss_cut": 1.0,
        "loss_free": 4.0,
        "gain": 3.0,
        "gain_interval": 0.0,
        "gain_most": 2.0,
        "haste": 0.0,
        "haste_most": 2.0,
        "momentum": 0.0,
        "rival_queue": 4.0,
        "rival_excess": 4.0,
        "rival_left": 0.25,
        "rival_slope": 1.0,
        "rival_growth": 0.0,
        "rival_scale": 0.5,
        "rival_cut": 0.25,
        "rival_free": 2.0,
    }
    return np.rint([{**plain, **changes}[n.name] * ONE for n in LAW]).astype(np.int64)


def observed(own: list[float], *, loss: float = 0.0, loss_before: float = 0.0, **present: float) -> NDArray[Any]:
    x = np.zeros(len(FIELDS), np.int32)
    x[[0, 4, 8, 12]] = np.rint(np.array(own) * ONE)
    x[1], x[5] = round(loss * ONE), round(loss_before * ONE)
    for name, value in present.items():
        x[NAMES.index(name)] = round(value * ONE)
    return x


def test_the_features_lie_where_the_law_reads_them() -> None:
    places = {
        "own_queue": [law._OWN, law._OWN_1, law._OWN_2, law._OWN_3],
        "loss": [law._LOSS, law._LOSS_1],
        "sent_change": [law._SENT, law._SENT_1, law._SENT_2, law._SENT_3],
        "pipe": [law._PIPE],
        "rate": [law._RATE],
        "interval": [law._INTERVAL],
        "left": [law._LEFT],
    }
    for name, read in places.items():
        assert all(NAMES[k] == name for k in read)


def test_the_step_is_gain_times_distance_to_the_target() -> None:
    # target 2 + 0.5 * 6 = 5; gain 3 + 5 - 10 = -2, a quarter; a queue of 4 doublings: a quarter of 1
    x = observed([4, 4, 4, 4], rate=6, pipe=10)
    assert decide(numbers(), x) == 0.25
    assert decide(numbers(), observed([6, 4, 4, 4], rate=6, pipe=10)) == -0.25
    assert decide(numbers(), observed([5, 5, 5, 5], rate=6, pipe=10)) == 0


@pytest.mark.parametrize(
    ("rate", "target"),
    [
        (6 * 1024, 5 * 1024),
        (law.FAST, 2048 + 6528),  # half of 13056
        (law.FAST + 4, 2048 + 6530 + 1),  # 4 * 307 / 1024 is 1.2
        (law.FAST + 2 * 1024, 2048 + 7552 + 614),  # two doublings beyond it: 2 * 307
        (24 * 1024, 2048 + 12288 + 3453),  # 11.25 doublings: 3453.75
    ],
)
def test_the_target_grows_sooner_on_fast_links(rate: int, target: int) -> None:
    p, goal = numbers(), target / ONE
    for own in (goal - 1, goal - 0.25, goal, goal + 0.5):
        x = observed([own] * 4, rate=rate / ONE, pipe=goal + 5)  # gain 3 - 5, a quarter
        assert decide(p, x) == (goal - own) / 4
        slow = observed([own] * 4, pipe=goal + 5)
        assert decide(p, x) == decide(numbers(target=goal, target_rate=0.0), slow)  # all that the rate is for


def test_steps_are_held_within_one_and_the_gain_within_its_most() -> None:
    x = observed([4, 4, 4, 4], rate=6, pipe=2)  # the gain would be 2**6
    assert decide(numbers(), x) == 1
    assert decide(numbers(gain_most=-3.0), x) == 0.125


def test_losses_beyond_the_free_ones_cost() -> None:
    # the larger of two losses, 5.5, is 1.5 above what is free
    assert decide(numbers(), observed([4, 4, 4, 4], loss=4.5, loss_before=5.5, rate=6, pipe=10)) == -0.125
    assert decide(numbers(), observed([4, 4, 4, 4], loss=4.0, rate=6, pipe=10)) == 0.25


def test_haste_counts_the_least_error_of_the_history_up_to_its_most() -> None:
    # below the target by 1 at least, for four round trips: 2**-1 in place of 2**-2
    x = observed([3, 4, 3.5, 2], rate=6, pipe=10)
    assert decide(numbers(haste=1.0), x) == 1.0  # 2 * 2**-1
    assert decide(numbers(haste=1.0, haste_most=0.0), x) == 0.5
    assert decide(numbers(haste=1.0), observed([3, 5.5, 3, 3], rate=6, pipe=10)) == 0.5  # it was above once
    assert decide(numbers(haste=1.0), observed([5.5, 6, 7, 5.5], rate=6, pipe=10)) == pytest.approx(
        -0.5 * 2**-1.5, abs=2e-3
    )


def test_momentum_carries_on_the_least_change_of_four_round_trips() -> None:
    x = observed([4, 4, 4, 4], rate=6, pipe=10, interval=-1)
    x[[2, 6, 10, 14]] = [128, 100, 64, 200]  # a sixteenth of a doubling a round trip at least
    # three times half of it an interval of half a round trip, beside the quarter of the law
    assert decide(numbers(momentum=1.0), x) == 0.25 + 3 / 32
    x[6] = -10  # it had gone down meanwhile
    assert decide(numbers(momentum=1.0), x) == 0.25
    x[[2, 6, 10, 14]] = [-128, -100, -64, -200]
    assert decide(numbers(momentum=1.0), x) == 0.25  # it went down, but is to go up
    x[0] = 6 * ONE
    assert decide(numbers(momentum=1.0), x) == -0.25 - 3 / 32


def test_the_interval_may_scale_the_gain() -> None:
    assert decide(numbers(gain_interval=1.0), observed([4, 4, 4, 4], rate=6, pipe=10, interval=-1)) == 0.125


def test_among_rivals_the_window_grows_slowly_and_is_cut_at_losses() -> None:
    rivals = {"rival_queue": -2.0, "rival_excess": 0.5, "rival_slope": 1.0}
    # the queue stands at 9 = pipe - 1 and at 4 above the target: rivals beyond doubt; growth 2**(0 - 0.5 * 10)
    x = observed([9, 9, 9, 9], rate=6, pipe=10, left=0.5)
    assert decide(numbers(**rivals), x) == 2**-5
    assert decide(numbers(**rivals), observed([9, 9, 9, 9], rate=6, pipe=10, left=0.5, loss=4)) == 2**-5 - 0.5
    # half a doubling beyond the queue that tells of them: half and half with the law alone, which would fall by 1
    assert decide(numbers(**rivals), observed([8.5] * 4, rate=6, pipe=10, left=0.5)) == 0.5 * -0.875 + 0.5 * 2**-5
    # the last drain left little of the queue: the law alone
    assert decide(numbers(**rivals), observed([9, 9, 9, 9], rate=6, pipe=10, left=0.25)) == -1
    # no excess over the target, no rivals
    assert decide(numbers(**rivals, target=6.0), observed([9, 9, 9, 9], rate=6, pipe=10, left=0.5)) == 0


@given(
    features=st.lists(st.integers(0, 1 << 20), min_size=len(FIELDS), max_size=len(FIELDS)),
    parts=st.lists(st.floats(0, 1), min_size=len(LAW), max_size=len(LAW)),
    more=st.integers(1, 24 * ONE),
)
def test_the_action_never_rises_with_the_own_queue_and_stays_within_one(
    features: list[int], parts: list[float], more: int
) -> None:
    held = np.array([round(n.low * ONE + part * (n.high - n.low) * ONE) for n, part in zip(LAW, parts, strict=True)])
    low, high = (np.array([getattr(f, end) * ONE for f in FIELDS], np.int64) for end in ("low", "high"))
    x = (low + np.array(features) * (high - low) // (1 << 20)).astype(np.int32)
    first = decide(held, x)
    x[0] = min(x[0] + more, 24 * ONE)
    assert -1 <= decide(held, x) <= first <= 1


def target_of(p: NDArray[Any], rate: int) -> int:
    """Return the own queue that the law aims at: a unit more, and it yields."""
    x = np.zeros(len(FIELDS), np.int32)
    x[law._RATE] = rate
    low, high = -1, 24 * ONE
    while high - low > 1:
        x[0] = middle = (low + high) // 2
        if decide(p, x) < 0:
            high = middle
        else:
            low = middle
    return low


@given(rate=st.integers(1, 24 * ONE - 8), more=st.integers(8, 24 * ONE))
def test_the_delay_that_the_shipped_law_aims_at_falls_with_the_rate(rate: int, more: int) -> None:
    p = shipped_policy().weights.astype(np.int64)
    faster = min(rate + more, 24 * ONE)
    target, further = target_of(p, rate), target_of(p, faster)
    assert 0 <= further - target < faster - rate
    delays = [
        math.expm1(t / ONE * math.log(2)) / math.expm1(r / ONE * math.log(2))
        for t, r in ((target, rate), (further, faster))
    ]
    assert delays[1] < delays[0]


def test_no_law_of_the_kind_lets_the_target_grow_in_proportion() -> None:
    rates = next(number for number in LAW if number.name == "target_rate")
    assert rates.high + law.FASTER / ONE < 1
