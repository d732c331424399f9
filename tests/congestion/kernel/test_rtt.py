"""The smallest round-trip time that the program believes is none that the path does not have."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

import pytest

from astraea.congestion.emulation import emulate, kernel_world
from astraea.congestion.emulation.emulate import EmulationSettings
from astraea.congestion.emulation.machine import obstacle
from astraea.congestion.emulation.senders import Sending
from astraea.congestion.kernel.libbpf import look_up, maps
from astraea.congestion.kernel.machine import linux_version
from astraea.congestion.kernel.program import OPERATIONS, Program, opened
from astraea.congestion.policy import shipped_policy

NAME = f"test_{os.getpid()}_r"
MIN_RTT = 8  # its place in 'struct flow', in words


@pytest.mark.compiled
@pytest.mark.usefixtures("kernel")
def test_retransmissions_do_not_make_a_path_shorter_than_it_is() -> None:
    if lacking := obstacle():
        pytest.skip(lacking)
    seen: list[float] = []
    program = opened(NAME)
    try:
        if linux_version() >= (6, 4):  # so that it ends with this process, however that ends
            program.link_operations(OPERATIONS)
        program.load()
        descriptors = [program.map(name) for name in ("policies", "chosen", "counted")]
        Program(NAME, *descriptors).follow(shipped_policy())
        program.register(OPERATIONS, lasting=False)
        size = next(info.value_size for info in maps() if info.id == program.number("flows"))

        def tell(now: float, plays: Sequence[Sending]) -> None:
            source = plays[0].source
            if source is not None and now > 0.5:
                words = look_up(program.map("flows"), source.fileno(), size)
                seen.append(struct.unpack_from("<q", words, 8 * MIN_RTT)[0] * 1e-6)

        world, _ = kernel_world([NAME], capacity_mbps=10, rtt_ms=30, buffer_bdp=1, link=["loss=0.03"], duration_s=2)
        done = emulate(world, [NAME], EmulationSettings(late_ms=1000), tell)
    finally:
        program.close()
    assert done.result.resent[0] > 5
    assert 31.2 <= seen[-1] < 200  # 30 ms, and 1.2 ms for a packet of 1500 bytes at 10 Mbit/s
