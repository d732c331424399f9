"""What noise adds to a low: worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion.connection import drains, window
from astraea.congestion.connection.motion import UNIT
from astraea.congestion.connection.noise import age_calm, forget_calm, learn_noise
from astraea.congestion.connection.record import INF, Connection, dtype_of, rows
from astraea.congestion.play import simulate
from astraea.congestion.simulator.settings import FlowSettings
from astraea.congestion.simulator.topology import dumbbell

MS = 1_000_000


def flow(packets: int = 100, **fields: int) -> Any:
    f = rows(1, dtype_of(Connection))[0]
    f.window, f.srtt_ns, f.block_length = packets * UNIT, 30 * MS, 30 * MS
    for name, value in fields.items():
        f[name] = value
    return f


def test_a_block_on_the_line_of_the_two_before_tells_of_no_noise() -> None:
    f = flow(deviation=64 * 1000, lows=100)
    for low in (30 * MS, 31 * MS, 32 * MS):
        learn_noise(f, low, low)
    assert (f.low_1, f.low_2, f.lows) == (32 * MS, 31 * MS, 101)
    assert f.deviation == 63 * 1000  # a 64th less


def test_half_the_bend_is_followed_by_a_64th_and_by_a_sixteenth_at_first() -> None:
    learnt, learning = (flow(deviation=1 * MS, lows=lows) for lows in (100, 0))
    for f in (learnt, learning):
        for low in (30 * MS, 30 * MS, 34 * MS):  # 4 ms from the line: 2 ms
            learn_noise(f, low, low)
    assert learnt.deviation == MS + MS // 64
    assert learning.deviation == MS + MS // 16


def test_no_block_counts_for_more_than_four_times_what_is_known() -> None:
    f = flow(deviation=1 * MS, lows=100)
    for low in (30 * MS, 30 * MS, 130 * MS):
        learn_noise(f, low, low)
    assert f.deviation == MS + (3 * MS + 8000) // 64


@pytest.mark.parametrize(
    ("packets", "deviations"),
    [(4, 2), (30, 2.25), (90, 2.5), (930, 3.25)],  # 0.13, 1, 3 and 31 packets in a millisecond
)
def test_noise_grows_with_the_packets_in_a_deviation(packets: int, deviations: float) -> None:
    f = flow(packets, deviation=1 * MS, scatter=500 * MS)
    learn_noise(f, 30 * MS, 30 * MS)
    assert f.noise == pytest.approx(deviations * MS, rel=0.03)


def test_scatter_that_hosts_make_or_a_few_packets_of_its_own_bounds_it() -> None:
    f = flow(deviation=1 * MS, scatter=1 * MS)
    learn_noise(f, 30 * MS, 30 * MS)
    assert f.noise == 0
    f = flow(deviation=1 * MS, scatter=1_300_000)  # 0.1 ms above 30 / 25 ms
    learn_noise(f, 30 * MS, 30 * MS)
    assert f.noise == 8 * 100_000
    f = flow(10, deviation=1 * MS, scatter=2 * MS)  # three quarters of the 3 ms of a packet: 2.25 ms
    learn_noise(f, 30 * MS, 30 * MS)
    assert f.noise == 0


def test_longer_blocks_scatter_more() -> None:
    f = flow(deviation=1 * MS, scatter=2 * MS, block_length=60 * MS)
    learn_noise(f, 30 * MS, 30 * MS)
    assert f.noise == 0  # 60 / 25 = 2.4 ms


def test_a_window_of_few_packets_forgets_the_lows() -> None:
    f = flow(3, deviation=1 * MS, scatter=500 * MS, low_1=30 * MS, low_2=30 * MS, noise=MS)
    learn_noise(f, 30 * MS, 30 * MS)
    assert (f.low_1, f.low_2, f.noise, f.deviation) == (0, 0, 0, MS)


def test_jitter_of_ten_milliseconds_leaves_half_of_a_link_in_use_and_more() -> None:
    shares = []
    for jitter_ms in (0.0, 10.0):
        flow = FlowSettings(controller="policy", jitter_ms=jitter_ms)
        played = simulate(dumbbell([flow], capacity_mbps=100, rtt_ms=30, duration_s=30.0))
        shares.append(np.mean(played.goodput_mbps[0, -100:]))
    assert shares[0] > 95
    assert shares[1] > 50


def calm_flow(packets: int = 1000, **fields: int) -> Any:
    """Return one that has seen no calm: 30 us of a packet at 1,000 in a window, and no other noise."""
    return flow(packets, **{"calm": INF, "calm_before": INF, "min_rtt": 30 * MS, **fields})


def learn(f: Any, *lows: int) -> None:
    for low in lows:
        learn_noise(f, low, low)


def test_calm_is_the_smallest_mean_of_three_lows_in_a_row() -> None:
    f = calm_flow()
    learn(f, 30_500_000, 30_600_000)
    assert (f.calm, f.noise) == (INF, 0)  # two are not three
    learn(f, 30_700_000)
    assert f.calm == 30_600_000
    assert f.noise == 600_000 - 2 * 30_000  # but for two packets of its own
    learn(f, 30_200_000)  # 30.6, 30.7 and 30.2 ms
    assert f.calm == 30_500_000
    learn(f, 31_000_000, 31_000_000, 31_000_000)
    assert f.calm == 30_500_000
    assert f.noise == 440_000


@pytest.mark.parametrize(("calm", "before"), [(30_400_000, 30_800_000), (30_800_000, 30_400_000), (30_400_000, INF)])
def test_the_smaller_calm_of_two_generations_counts(calm: int, before: int) -> None:
    f = calm_flow(calm=calm, calm_before=before)
    learn(f, 31 * MS)
    assert f.noise == 400_000 - 60_000


@pytest.mark.parametrize(
    ("packets", "above", "noise"),
    [
        (1000, 60_001, 1),
        (1000, 60_000, 0),
        (1000, 10_000, 0),  # less than two packets is nothing, not less than nothing
        (100, 700_000, 100_000),  # 300 us each
        (1000, 1_060_000, MS),
        (1000, 1_059_999, MS - 1),
        (1000, 5 * MS, MS),  # the queue of a crowd
    ],
)
def test_calm_counts_beyond_two_packets_of_its_own_and_up_to_a_millisecond(
    packets: int, above: int, noise: int
) -> None:
    f = calm_flow(packets, calm=30 * MS + above)
    learn(f, 40 * MS)
    assert f.noise == noise


@pytest.mark.parametrize(("deviation", "noise"), [(100_000, 900_000), (MS, 2_250_000)])
def test_the_larger_of_calm_and_jitter_counts(deviation: int, noise: int) -> None:
    # 1 ms of a packet; jitter alone would tell of 0.2 ms in the first case, of 2.25 ms in the second
    f = calm_flow(30, calm=30 * MS + 2 * MS + 900_000, deviation=deviation, scatter=500 * MS)
    learn(f, 33 * MS)
    assert f.noise == pytest.approx(noise, rel=0.001)


def test_what_is_forgotten_takes_three_blocks_to_come_back() -> None:
    f = calm_flow(calm=30_400_000, calm_before=30_500_000, low_1=30_400_000, low_2=30_400_000)
    forget_calm(f)
    assert (f.calm, f.calm_before, f.low_1, f.low_2) == (INF, INF, 0, 0)
    learn(f, 30_900_000, 30_900_000)
    assert f.noise == 0
    learn(f, 30_900_000)
    assert (f.calm, f.noise) == (30_900_000, 840_000)


def test_calm_ages_by_a_generation_and_then_is_gone() -> None:
    f = calm_flow(calm=30_400_000)
    age_calm(f)
    assert (f.calm, f.calm_before) == (INF, 30_400_000)
    f.calm = 30_700_000
    age_calm(f)
    assert (f.calm, f.calm_before) == (INF, 30_700_000)


def calm_window(**fields: int) -> Any:
    """Return what the window of :func:`known` keeps."""
    c = rows(1, dtype_of(window.State))[0]
    for name, value in fields.items():
        c[name] = value
    return c


def known(**fields: int) -> Any:
    """Return a flow that knows of calm, in both generations."""
    return calm_flow(calm=30_400_000, calm_before=30_500_000, **fields)


@pytest.mark.parametrize(("drained", "forgotten"), [(0, True), (1, False), (7, False)])
def test_the_first_drain_forgets_the_calm_of_the_start(drained: int, forgotten: bool) -> None:
    f, c = known(), calm_window(drains=drained)
    drains.drain(f, c, 1000 * MS, 100 * UNIT)
    assert (f.calm, f.calm_before) == ((INF, INF) if forgotten else (30_400_000, 30_500_000))


def test_a_start_knows_of_no_calm() -> None:
    f, c = known(), calm_window()
    window.start(f, c, 0)
    assert (f.calm, f.calm_before) == (INF, INF)


@pytest.mark.parametrize(("drained_ms", "longer"), [(60, True), (45, False)])
def test_a_longer_path_forgets_the_calm_of_the_shorter_one(drained_ms: int, longer: bool) -> None:
    # the round-trip time has stood at 60 ms, and the drain that tests it shows that or half of what was a queue
    f, c = known(), calm_window(testing=1, drain_rtt=drained_ms * MS, steady_least=60 * MS)
    window._tested(f, c, 1000 * MS)
    assert f.min_rtt == (60 * MS if longer else 30 * MS)
    assert (f.calm, f.calm_before) == ((INF, INF) if longer else (30_400_000, 30_500_000))


@pytest.mark.parametrize(("now_s", "turned"), [(29.9, False), (30.0, True)])
def test_calm_ages_when_the_generation_of_drains_turns(now_s: float, turned: bool) -> None:
    f, c = known(refresh_after=10_000 * MS), calm_window(base_now=31 * MS, base_before=30 * MS, drain_rtt=30 * MS)
    drains.renew(f, c, round(now_s * 1e9))
    assert (f.calm, f.calm_before) == ((INF, 30_400_000) if turned else (30_400_000, 30_500_000))
    assert (c.base_now, c.base_before) == ((INF, 30 * MS) if turned else (30 * MS, 30 * MS))  # as the base does
