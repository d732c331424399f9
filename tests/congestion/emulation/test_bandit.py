from __future__ import annotations

import numpy as np
import pytest

from astraea.congestion.emulation import EmulationSettings, emulate, kernel_world
from astraea.congestion.emulation.bandit import Bandit
from astraea.congestion.emulation.machine import controllers
from astraea.congestion.emulation.tcp_info import TcpInfo
from astraea.errors import RunError

NOTHING = TcpInfo(*[0] * len(TcpInfo._fields))


def told(acked: int, rtt_us: int = 20_000, least_us: int = 20_000) -> TcpInfo:
    return NOTHING._replace(bytes_acked=acked, rtt_us=rtt_us, min_rtt_us=least_us)


def test_each_arm_plays_once_and_then_the_one_that_costs_least() -> None:
    one = Bandit(np.random.default_rng(0))
    assert one.judge(0.0, told(0)) == "cubic"  # nothing has arrived: no turn has begun
    assert one.judge(0.1, told(1000)) == "cubic"
    assert one.judge(0.9, told(9000)) == "cubic"  # 0.8 s: less than a second
    assert one.judge(1.1, told(11_000, 40_000)) == "bbr"  # 10 kB/s, half of the RTT is delay: 0.5
    assert one.judge(2.1, told(21_000, 25_000)) == "reno"  # the same rate, a fifth: 0.2
    assert one.judge(3.1, told(26_000)) == "bbr"  # half the best rate, no delay: 0.5
    assert one._costs == {"cubic": [0.5], "bbr": [pytest.approx(0.2)], "reno": [0.5]}


def test_a_turn_lasts_twenty_round_trips() -> None:
    one = Bandit(np.random.default_rng(0))
    one.judge(0.0, told(1, 200_000))
    assert one.judge(3.9, told(2, 200_000)) == "cubic"
    assert one.judge(4.0, told(2, 200_000)) == "bbr"


def test_one_time_in_twenty_any_arm_plays() -> None:
    one = Bandit(np.random.default_rng(1))
    played = []
    for second in range(3000):
        delay = 0 if one.playing == "reno" else 20_000
        played.append(one.judge(float(second), told(1 + 1000 * second, 20_000 + delay)))
    others = sum(name != "reno" for name in played[3:])
    assert 70 <= others <= 130  # 2 in 3 of 1 in 20 of 2,997 is 100, its standard deviation 10


@pytest.mark.compiled
@pytest.mark.usefixtures("privileged")
def test_it_sends_over_an_emulated_link() -> None:
    if missing := {"cubic", "bbr", "reno"} - set(controllers()):
        world, names = kernel_world(["bandit"], capacity_mbps=5, rtt_ms=20, duration_s=1)
        with pytest.raises(RunError, match="modprobe tcp_"):
            emulate(world, names)
        pytest.skip(f"this kernel lacks {', '.join(missing)}")
    world, names = kernel_world(["bandit", "cubic"], capacity_mbps=5, rtt_ms=20, duration_s=3)
    done = emulate(world, names, EmulationSettings(late_ms=1e6))
    assert done.controllers == ("bandit", "cubic")
    assert done.result.goodput_mbps[0].mean() > 0
