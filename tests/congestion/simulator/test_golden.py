"""Worlds whose outcome is held bit for bit, compiled and interpreted: what moves code must not move results.

CUBIC is not among them, as its cube root is the machine's, nor is jitter, which takes logarithms.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import numpy as np
import pytest

from astraea.congestion import dumbbell, simulate
from astraea.congestion.simulator.results import Result

GOLDEN = {
    "fixed": "a3879396f8840b84",
    "newreno": "d8ccf407339512cc",
    "vegas": "674b0cc764933c12",
    "copa": "08f22d437be70dde",
    "bbr": "05e632d55011e2fb",
    "bbr3": "318caa673dfd9346",
    "aurora": "14025b0f67d1e856",
    "policy": "d7225032e259473e",
}


SERIES = (
    "times_s", "throughput_mbps", "goodput_mbps", "rtt_ms", "rtt_min_ms", "srtt_ms", "jitter_ms", "loss", "inflight",
    "cwnd", "pacing_mbps", "backlog_bytes", "sent", "delivered", "goodput", "lost", "resent", "completion_s",
    "transfer_s", "link_utilisation", "link_dropped",
)  # fmt: skip


def digest(result: Result) -> str:
    """Return a digest of the series of ``result``, with their names."""
    found = sha256()
    for name in SERIES:
        found.update(name.encode() + np.ascontiguousarray(getattr(result, name)).tobytes())
    return found.hexdigest()[:16]


@pytest.mark.parametrize("controller", GOLDEN)
def test_the_same_world_gives_the_same_bytes_as_ever(controller: str) -> None:
    flow: dict[str, Any] = {"controller": controller, "parameter": 12.0 if controller == "fixed" else 1.0}
    late = {**flow, "start_s": 0.5, "rtt_ms": 70, "transfer_bytes": 30_000, "transfer_every_s": 0.8}
    link = {"loss": 0.01, "mark_above_bytes": 9000}
    world = dumbbell([flow, late], capacity_mbps=3, rtt_ms=40, duration_s=3, link=link)
    assert digest(simulate(world)) == GOLDEN[controller]
