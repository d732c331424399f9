"""What the tests of this room share, such as a connection that a test plays by hand, without a network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from astraea.congestion.connection.record import INF, rows
from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.controllers.controller import state_of
from astraea.congestion.simulator.state import FLOW

MS = 1_000_000


@dataclass
class Alone:
    """One controller with a connection whose acknowledgements a test makes up."""

    controller: Any
    f: Any = field(default_factory=lambda: rows(1, FLOW)[0])
    now: int = 0

    def __post_init__(self) -> None:
        self.c = rows(1, state_of(self.controller))[0]
        for name, value in {
            "min_rtt": INF,
            "window_limited": 1,
            "burst": 1,
            "rng": 1,
            "window_max": 1 << 20,
            **PolicySettings(gain=0.025, refresh_s=None).fields(),
            "parameter": 1.0,
        }.items():
            setattr(self.f, name, value)
        self.controller.events.start(self.f, self.c, 0)

    def ack(self, rtt_ms: float, packets: int = 1, *, round_start: bool = False, lost: int = 0) -> None:
        """Let an acknowledgement of ``packets`` arrive now."""
        f, rtt = self.f, round(rtt_ms * MS)
        f.acked, f.newly_lost, f.round_start = packets, lost, round_start
        f.rounds += round_start
        f.last_rtt = rtt
        if rtt <= f.min_rtt:
            f.min_rtt, f.min_rtt_at = rtt, self.now
        f.srtt = float(rtt) if f.srtt == 0 else f.srtt + (rtt - f.srtt) / 8
        f.srtt_ns = rtt if f.srtt_ns == 0 else f.srtt_ns + ((rtt - f.srtt_ns) >> 3)
        f.delivered += packets
        self.controller.events.on_ack(f, self.c, self.now)

    def round(self, rtt_ms: float, most: int = 1000) -> None:
        """Let a window of packets arrive, in at most ``most`` acknowledgements spread over a round trip."""
        packets = max(int(self.f.cwnd), 1)
        acks = min(packets, most)
        for k in range(acks):
            self.now += round(rtt_ms * MS / acks)
            self.ack(rtt_ms, packets * (k + 1) // acks - packets * k // acks, round_start=k == 0)

    def lose(self) -> None:
        """Begin an episode of losses and let it be over at once."""
        self.f.newly_lost = 1
        self.controller.events.on_loss(self.f, self.c, self.now)


@pytest.fixture(autouse=True)
def silent_arithmetic() -> Iterator[None]:
    """Let interpreted code wrap around in silence, as machine code does."""
    with np.errstate(all="ignore"):
        yield


@pytest.fixture
def alone() -> type[Alone]:
    """The class that plays a connection."""
    return Alone
