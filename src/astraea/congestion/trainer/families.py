"""Worlds to train in: families of ranges, mixed, so that no one kind of network is all a policy ever sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.environment.worlds import HOST_NOISE, WorldMix, WorldRanges, draw
from astraea.congestion.simulator.settings import WorldSettings

__all__ = ["CHANGING", "FAMILIES", "NOISY", "Family", "families_of", "mix_of", "worlds_of"]

_SAMPLE_MS = 100.0


@dataclass(frozen=True)
class Family:
    """One kind of network: its ranges, how many worlds of it a mix of 17 holds, and its weight."""

    name: str
    summary: str
    ranges: WorldRanges
    share: int
    weight: float = 1.0  # how much its mean counts among those of all families


def _ranges(**fields: object) -> WorldRanges:
    return WorldRanges(**{"duration_s": 30.0, "arrivals": "poisson", **HOST_NOISE, **fields})


FAMILIES: tuple[Family, ...] = (
    Family(
        "few",
        "two to four flows, from slow to fast links, a little random loss",
        _ranges(
            flows=(2, 4),
            bandwidth_mbps=(10, 400),
            rtt_ms=(10, 100),
            buffer_bdp=(0.8, 2),
            loss=(0, 0.003),
            gap_s=(3, 6),
            duration_s=40.0,
        ),
        4,
    ),
    Family(
        "unequal",
        "round-trip times that differ up to tenfold",
        _ranges(
            flows=(2, 4),
            bandwidth_mbps=(20, 200),
            rtt_ms=(10, 25),
            rtt_ratio=(2, 10),
            buffer_bdp=(1, 4),
            gap_s=(1, 4),
            duration_s=60.0,
        ),
        3,
    ),
    Family(
        "rival",
        "one flow against one of CUBIC, either of them first",
        _ranges(
            flows=(1, 1),
            first_s=(0, 10),
            cross_share=1.0,
            cross_s=(0, 10),
            bandwidth_mbps=(15, 200),
            rtt_ms=(15, 80),
            buffer_bdp=(0.8, 2),
            duration_s=60.0,
        ),
        4,
        3.0,
    ),
    Family(
        "many",
        "eight to fifty flows with few packets each",
        _ranges(
            flows=(8, 50),
            packets_per_flow=(4, 30),
            bandwidth_mbps=(10, 400),
            rtt_ms=(10, 100),
            buffer_bdp=(1, 2),
            gap_s=(0.02, 0.2),
        ),
        2,
    ),
    Family(
        "buffers",
        "from almost no buffer to far too much, and random loss up to 2 %",
        _ranges(
            flows=(1, 3), bandwidth_mbps=(15, 200), rtt_ms=(10, 75), buffer_bdp=(0.1, 16), loss=(0, 0.02), gap_s=(2, 5)
        ),
        3,
    ),
    Family(
        "long",
        "round-trip times of satellites",
        _ranges(
            flows=(1, 3),
            bandwidth_mbps=(20, 80),
            rtt_ms=(200, 800),
            buffer_bdp=(1, 2),
            loss=(0, 0.01),
            gap_s=(2, 5),
            duration_s=90.0,
        ),
        1,
    ),
)
"""The families: a mix holds ``share`` worlds of each."""


NOISY = Family(
    "noisy",
    "jitter of up to 10 ms, and acknowledgements that come in slots of up to 20 ms",
    _ranges(
        flows=(1, 3),
        bandwidth_mbps=(15, 200),
        rtt_ms=(10, 75),
        buffer_bdp=(1, 4),
        gap_s=(2, 5),
        jitter_ms=(0.2, 10),
        ack_slot_ms=(0, 20),
    ),
    3,
)
"""Worlds with more noise than hosts add. The shipped law has not met them."""

CHANGING = Family(
    "changing",
    "base round-trip time up to threefold, or capacity, or both, drawn anew every 15 s",
    _ranges(
        flows=(1, 3),
        bandwidth_mbps=(10, 100),
        rtt_ms=(20, 60),
        buffer_bdp=(1, 4),
        gap_s=(2, 5),
        moving_share=0.7,
        longer=(1, 3),
        stepping_share=0.7,
        duration_s=60.0,
    ),
    2,
)
"""Paths that do not stay as they are. The shipped law has not met them either; the shipped network has."""


def families_of(noisy: bool) -> tuple[Family, ...]:
    """Return the families, with :data:`NOISY` and :data:`CHANGING` if ``noisy`` asks for them."""
    return (*FAMILIES, NOISY, CHANGING) if noisy else FAMILIES


def mix_of(control: PolicySettings) -> WorldMix:
    """Return all families, noise and change included, for an environment that applies actions as ``control`` says."""
    families = families_of(noisy=True)
    return WorldMix(
        parts=tuple(family.ranges.model_copy(update={"policy": control}) for family in families),
        shares=tuple(float(family.share) for family in families),
    )


def worlds_of(
    rng: np.random.Generator, rounds: int = 1, *, noisy: bool = False, each: int = 0
) -> list[tuple[str, WorldSettings]]:
    """Return ``rounds`` mixes of 17 worlds each (22 if ``noisy``), with the names of their families.

    With ``each`` a mix holds that many of every family instead.
    """
    return [
        (family.name, draw(family.ranges, rng).model_copy(update={"sample_ms": _SAMPLE_MS}))
        for _ in range(rounds)
        for family in families_of(noisy)
        for _ in range(each or family.share)
    ]
