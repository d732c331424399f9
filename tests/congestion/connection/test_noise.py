"""What noise adds to a low: worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from astraea.congestion.connection.motion import UNIT
from astraea.congestion.connection.noise import learn_noise
from astraea.congestion.connection.record import Connection, dtype_of, rows
from astraea.congestion.play import simulate
from astraea.congestion.simulator.settings import FlowSettings
from astraea.congestion.simulator.topology import dumbbell

MS = 1_000_000


def flow(window: int = 100, **fields: int) -> Any:
    f = rows(1, dtype_of(Connection))[0]
    f.window, f.srtt_ns, f.block_length = window * UNIT, 30 * MS, 30 * MS
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
    ("window", "deviations"),
    [(4, 2), (30, 2.25), (90, 2.5), (930, 3.25)],  # 0.13, 1, 3 and 31 packets in a millisecond
)
def test_noise_grows_with_the_packets_in_a_deviation(window: int, deviations: float) -> None:
    f = flow(window, deviation=1 * MS, scatter=500 * MS)
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
