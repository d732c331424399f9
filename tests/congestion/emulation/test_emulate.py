from typing import Any

import pytest

from astraea.congestion import dumbbell, score
from astraea.congestion.emulation import EmulationSettings, emulate, kernel_world
from astraea.congestion.kernel import obstacle as kernel_obstacle
from astraea.errors import InputError, RunError


@pytest.mark.compiled
@pytest.mark.usefixtures("privileged")
def test_two_flows_share_a_link() -> None:
    world, names = kernel_world(["cubic", "cubic"], capacity_mbps=10, rtt_ms=20, duration_s=2)
    done = emulate(world, names, EmulationSettings(late_ms=1e6))
    found = score(done.result)
    assert done.fallback is None
    assert done.result.goodput_mbps.shape == (2, 20)
    assert done.result.goodput_mbps.sum(axis=0).mean() <= 10.0
    assert 0 < found.utilisation <= 1
    assert 0.5 <= found.jain <= 1
    assert 0 <= found.queue_ms <= 20.5  # the buffer's 25 kB and the packet on the wire
    assert (done.result.rtt_min_ms[:, -1] >= 20).all()
    assert done.relay.carried > 100
    assert done.relay.late_p50_ms <= done.relay.late_p99_ms
    assert done.relay.came[-1] == 0


@pytest.mark.compiled
@pytest.mark.usefixtures("privileged")
def test_the_policy_and_a_transfer() -> None:
    if (lack := kernel_obstacle()) is not None:
        pytest.skip(lack)
    world, names = kernel_world(
        ["astraea", "reno,size_bytes=100000,start_s=0.2", "cubic,end_s=0.5"], capacity_mbps=10, rtt_ms=20, duration_s=2
    )
    done = emulate(world, names, EmulationSettings(late_ms=1e6, offload=False))
    assert done.controllers == ("astraea", "reno", "cubic")
    assert done.fallback is not None
    assert 0 <= done.fallback <= 1
    assert 0 < done.result.completion_s[1] <= 1.8
    assert done.result.goodput[1] * 1448 == pytest.approx(100_000, abs=1448)
    assert done.result.goodput_mbps[2, 8:].sum() == 0


@pytest.mark.compiled
@pytest.mark.usefixtures("privileged")
def test_a_relay_that_is_late_is_not_believed() -> None:
    world, names = kernel_world(["reno"], capacity_mbps=5, rtt_ms=20, duration_s=0.5)
    with pytest.raises(RunError, match="the machine is too busy: 1 in 100"):
        emulate(world, names, EmulationSettings(late_ms=1e-6))


@pytest.mark.parametrize(
    ("senders", "fields", "complaint"),
    [
        ([], {}, "nobody sends"),
        (["cubic,jitter_ms=1"], {}, "'jitter_ms' is the simulator's alone"),
        (["cubic,start=1"], {}, "unknown sender field 'start'"),
        (["cubic,start_s=9"], {"duration_s": 5}, "flow 'cubic-0' starts at 9 s, but ends at 5 s"),
        (["cubic"], {"link": ["mark_above_bytes=9000"]}, "marks none: leave out mark_above_bytes"),
    ],
)
def test_what_cannot_be_emulated_is_refused(senders: list[str], fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        kernel_world(senders, **fields)


def test_a_link_too_fast_and_a_controller_unknown_are_refused() -> None:
    world, names = kernel_world(["cubic"], capacity_mbps=5000, duration_s=1)
    with pytest.raises(InputError, match="reaches 5000 Mbit/s, and the relay keeps to its times up to"):
        emulate(world, names)
    world, _ = kernel_world(["cubic"], capacity_mbps=10, duration_s=1)
    with pytest.raises(InputError, match="unknown congestion controller of this kernel 'cubik'; did you mean 'cubic'"):
        emulate(world, ["cubik"])
    with pytest.raises(InputError, match="2 controllers were named for 1 flows"):
        emulate(world, ["cubic", "cubic"])


def test_a_world_of_the_simulator_alone_is_refused() -> None:
    world = dumbbell([{"app_mbps": 2.0, "ack_every": 2}], duration_s=1)
    with pytest.raises(InputError, match="app_mbps of flow '' is the simulator's alone"):
        emulate(world, ["cubic"])
    with pytest.raises(InputError, match="set ack_every to 2"):
        emulate(dumbbell([{}], duration_s=1), ["cubic"])


def test_the_simulator_plays_the_same_world() -> None:
    world, names = kernel_world(["reno", "astraea,rtt_ms=80", "htcp"], capacity_mbps=10, rtt_ms=40, stagger_s=2)
    assert names == ("reno", "astraea", "htcp")
    assert [flow.controller.name for flow in world.flows] == ["newreno", "policy", "fixed"]
    assert [flow.name for flow in world.flows] == ["reno-0", "astraea-1", "htcp-2"]
    assert [flow.start_s for flow in world.flows] == [0, 2, 4]
    assert {flow.ack_every for flow in world.flows} == {2}
