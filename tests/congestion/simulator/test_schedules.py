"""Capacity over time: traces, steps and random walks."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from astraea.congestion import LinkSettings, simulate
from astraea.congestion.connection.record import INF
from astraea.congestion.simulator.schedules import delays_of, schedule_of, segments_of
from astraea.congestion.simulator.settings import RandomWalk
from astraea.congestion.traces import read_opportunities
from astraea.errors import InputError

RNG = np.random.default_rng(0)


def a_trace(folder: Path, text: str) -> Path:
    path = folder / "trace"
    path.write_text(text)
    return path


def test_a_trace_becomes_bytes_per_millisecond(tmp_path: Path) -> None:
    link = LinkSettings(trace=a_trace(tmp_path, "0\n1\n3\n3\n3\n4\n"))
    segments, period, work = schedule_of(link, 10.0, RNG)
    # opportunities that close milliseconds 1, 3 and 4; time 0 counts to the first
    assert period == 4_000_000
    assert work == 6 * 1500
    assert segments["at"].tolist() == [0, 1_000_000, 2_000_000, 3_000_000]
    assert segments["work"].tolist() == [0, 3000, 3000, 7500]
    assert segments["ns_per_byte"].tolist() == [1e6 / 3000, np.inf, 1e6 / 4500, 1e6 / 1500]


def test_rates_in_a_file_become_segments(tmp_path: Path) -> None:
    # 12 Mbit/s are an opportunity a millisecond; then 24 for as long as the stretch before it, 3 ms
    link = LinkSettings(trace=a_trace(tmp_path, "100.000 12\n100.002 0\n# pause\n100.005 24\n"))
    segments, period, work = schedule_of(link, 10.0, RNG)
    assert period == 8_000_000
    assert work == 8 * 1500
    assert segments["at"].tolist() == [0, 2_000_000, 5_000_000]


def test_a_trace_may_begin_later(tmp_path: Path) -> None:
    link = LinkSettings(trace=a_trace(tmp_path, "1\n1\n2\n3\n"), trace_offset_s=0.001)
    segments, _, work = schedule_of(link, 10.0, RNG)
    assert segments["work"].tolist() == [0, 3000]
    assert work == 6000
    assert segments_of(link, 10.0) >= len(segments)


def test_a_folder_is_no_trace(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        simulate(links=[{"trace": tmp_path}], duration_s=1.0)


def test_a_missing_trace_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere cannot be read: No such file"):
        simulate(links=[{"trace": tmp_path / "nowhere"}], duration_s=1.0)


def test_steps_hold_their_last_capacity() -> None:
    segments, period, _ = schedule_of(LinkSettings(steps=((0, 80), (1, 0), (2.5, 8))), 10.0, RNG)
    assert segments["at"].tolist() == [0, 1_000_000_000, 2_500_000_000]
    assert segments["work"].tolist() == [0, 10_000_000, 10_000_000]
    assert segments["ns_per_byte"].tolist() == [100, np.inf, 1000]
    assert period == INF


@pytest.mark.parametrize("steps", [((1, 10),), ((0, 10), (0, 5)), ((0, 10), (2, 0)), ((0, -1), (1, 5))])
def test_steps_that_make_no_sense_are_refused(steps: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(InputError, match="the steps of link 'bottleneck' must"):
        schedule_of(LinkSettings(steps=steps), 10.0, RNG)


def test_delays_are_added_in_steps() -> None:
    assert delays_of(LinkSettings()).tolist() == []
    steps = delays_of(LinkSettings(delay_steps=((0, 0), (1.5, 20.25))))
    assert steps.tolist() == [(0, 0), (1_500_000_000, 20_250_000)]


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        (((1, 10),), "must begin at 0 s and go forward"),
        (((0, 10), (0, 5)), "must begin at 0 s and go forward"),
        (((0, 10), (2, -1)), "must add 0 to 100000 ms"),
    ],
)
def test_delays_that_make_no_sense_are_refused(steps: tuple[tuple[float, float], ...], complaint: str) -> None:
    with pytest.raises(InputError, match=f"the delay_steps of link 'bottleneck' {complaint}"):
        delays_of(LinkSettings(delay_steps=steps))


@pytest.mark.parametrize("step", [(float("nan"), 5), (0, float("nan")), (0, float("inf"))])
def test_delays_are_finite_numbers(step: tuple[float, float]) -> None:
    with pytest.raises(InputError, match=r"delay_steps\.0\.[01]: Input should be a finite number"):
        LinkSettings(delay_steps=(step,))


def test_round_trips_follow_the_delay_of_their_link() -> None:
    # one packet at a time on 12 Mbit/s, 1 ms each: 10 ms + 1 ms, then 20 ms more, then 5 ms more
    result = simulate(
        links=[{"capacity_mbps": 12, "delay_ms": 5, "delay_steps": ((0, 0), (1, 20), (2, 5))}],
        flows=[{"controller": "fixed", "parameter": 1}],
        duration_s=3.0,
    )
    assert [result.rtt_ms[0, k] for k in (5, 15, 25)] == [11, 31, 16]


def test_a_walk_stays_in_its_bounds_and_moves() -> None:
    link = LinkSettings(capacity_mbps=50, walk=RandomWalk(low_mbps=20, high_mbps=60, every_s=0.1, change=0.5))
    segments, _, _ = schedule_of(link, 20.0, np.random.default_rng(1))
    mbps = 8e3 / segments["ns_per_byte"]
    assert len(mbps) == 200
    assert mbps.min() >= 20 - 1e-9
    assert mbps.max() <= 60 + 1e-9
    assert np.std(np.log(mbps)) > 0.2


@pytest.mark.compiled
def test_a_link_follows_its_steps() -> None:
    result = simulate(
        links=[{"steps": ((0, 40), (1, 10)), "buffer_bytes": 10**6}],
        flows=[{"controller": "fixed", "parameter": 200}],
        duration_s=2.0,
    )
    assert result.goodput_mbps[0, 5] == pytest.approx(40, rel=0.01)
    assert result.goodput_mbps[0, -2:] == pytest.approx([10, 10], rel=0.05)
    assert result.link_utilisation[0] == pytest.approx(1.0, rel=0.01)


@pytest.mark.compiled
def test_a_full_window_takes_all_of_a_real_trace(data_dir: Path, tmp_path: Path) -> None:
    with tarfile.open(data_dir / "network-traces" / "mahimahi.tar.xz") as archive:
        content = archive.extractfile("mahimahi/ATT-LTE-driving.down")
        assert content is not None
        trace = tmp_path / "ATT-LTE-driving.down"
        trace.write_bytes(content.read())
    result = simulate(
        links=[{"trace": trace, "buffer_bytes": 10**8}],
        flows=[{"controller": "fixed", "parameter": 5000}],
        duration_s=20.0,
    )
    offered = (read_opportunities(trace) <= 20_000).sum()
    assert result.delivered[0] == pytest.approx(offered, rel=0.02)
    assert result.link_utilisation[0] == pytest.approx(1.0, abs=1e-6)
