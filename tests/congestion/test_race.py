"""A race in a few words, and watching it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from astraea.congestion import simulate
from astraea.congestion.race import race_world, watch
from astraea.errors import InputError


def test_words_become_a_world() -> None:
    world = race_world(
        ["cubic", "bbr,start_s=1,rtt_ms=80", "newreno,size_bytes=3000"],
        stagger_s=2.5, link=["loss=0.01"], capacity_mbps=8, rtt_ms=30, buffer_bdp=2, seed=7,
    )  # fmt: skip
    assert [flow.controller.name for flow in world.flows] == ["cubic", "bbr", "newreno"]
    assert [flow.start_s for flow in world.flows] == [0, 1, 5]
    assert [flow.rtt_ms for flow in world.flows] == [30, 80, 30]
    assert world.flows[2].size_bytes == 3000
    assert world.links[0].loss == 0.01
    assert world.links[0].buffer_bytes == 60_000  # 8 Mbit/s for 30 ms are 30 kB


def test_a_buffer_is_measured_by_the_mean_of_a_trace(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("0,4\n10,16\n20,4\n")  # each for 10 s: 8 Mbit/s on average
    world = race_world(["cubic"], link=[f"trace={trace}"], capacity_mbps=100, rtt_ms=30, buffer_bdp=1)
    assert world.links[0].buffer_bytes == 30_000


def test_no_round_trip_time_is_told() -> None:
    with pytest.raises(InputError, match="a round-trip time of 0 ms is none"):
        race_world(["cubic"], rtt_ms=0.0)


def test_watching_changes_nothing() -> None:
    world = race_world(["newreno", "newreno"], capacity_mbps=2, rtt_ms=40, duration_s=1.0, stagger_s=0.2)
    *parts, whole = watch(world, 0.3)
    assert [part.times_s[-1] for part in parts] == pytest.approx([0.3, 0.6, 0.9])
    alone = simulate(world)
    assert np.array_equal(whole.goodput_mbps, alone.goodput_mbps)
    assert np.array_equal(parts[-1].cwnd, alone.cwnd[:, :9])


def test_the_shipped_policy_takes_part() -> None:
    world = race_world(["policy,start_s=0.5", "cubic"], capacity_mbps=2, rtt_ms=40, duration_s=2.0)
    *_, whole = watch(world, 1.0)
    assert whole.names == ("policy-0", "cubic-1")
    assert whole.goodput.min() > 0
    assert np.array_equal(whole.cwnd, simulate(world).cwnd)


@pytest.mark.parametrize(
    ("flows", "fields", "sentence"),
    [
        ([], {}, "nobody takes part"),
        (["cubik"], {}, "did you mean 'cubic'"),
        (["cubic,rtt=3"], {}, "did you mean 'rtt_ms'"),
        (["cubic,rtt_ms"], {}, "write it as NAME=VALUE"),
        (["aurora"], {}, "waits for actions from outside"),
        (["cubic", "cubic"], {"stagger_s": 40}, "starts at 40 s, but the race ends at 30 s"),
        (["cubic,name=a", "bbr,name=a"], {}, "two flows are called 'a'"),
        (["cubic"], {"capacity_mbps": -1}, "the capacity is -1: it must be a number from 0"),
        (["cubic"], {"link": ["los=1"]}, "did you mean 'loss'"),
        (["cubic"], {"link": ["buffer_bytes=100"]}, "less than a packet"),
    ],
)
def test_races_that_cannot_be_are_refused(flows: list[str], fields: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        simulate(race_world(flows, **fields))  # type: ignore[arg-type]
