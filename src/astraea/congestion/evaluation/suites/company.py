"""Beside flows of another kind, and transfers that end."""

from __future__ import annotations

import math
from typing import Any

from astraea.congestion.evaluation.columns import LOST, QUEUE, UTILISATION, finished, quantile, slowdown
from astraea.congestion.evaluation.measure import completions, rivalry
from astraea.congestion.evaluation.suite import Case, Column, Setup, Suite, rng_of, shared_queue

__all__ = ["FRIENDLINESS", "INCAST", "SHORT"]

_WORLDS = 20
_REPEATS = 3


def _friendliness(setup: Setup) -> list[Case]:
    """Every world against CUBIC and against BBR; the other one comes first in the second half of them."""
    cases = []
    for rival in ("cubic", "bbr"):
        for number in range(_WORLDS):
            rng = rng_of("friendliness", setup.seed, number)
            mbps, rtt = (low * math.exp(rng.random() * math.log(high / low)) for low, high in ((20, 200), (10, 75)))
            later = int(number >= _WORLDS // 2)
            flows: list[dict[str, Any]] = [
                {"name": "own", "controller": setup.controller, "start_s": 5.0 * later},
                {"name": "other", "controller": rival, "start_s": 5.0 * (1 - later)},
            ]
            world = shared_queue(flows, rng, capacity_mbps=mbps, rtt_ms=rtt, duration_s=60.0)
            cases.append(Case(f"{rival}, {number}", world, {"rival": rival, "capacity_mbps": mbps, "rtt_ms": rtt}))
    return cases


def _incast(setup: Setup) -> list[Case]:
    """Senders that all begin at once: 8 and 32 of them, 0.25 and 4 MB each."""
    cases = []
    for number, (senders, megabytes) in enumerate(((8, 0.25), (32, 0.25), (8, 4.0), (32, 4.0))):
        for repeat in range(_REPEATS):
            rng = rng_of("incast", setup.seed, number * _REPEATS + repeat)
            flow = {"controller": setup.controller, "size_bytes": round(megabytes * 1e6)}
            world = shared_queue([flow] * senders, rng, capacity_mbps=100.0, rtt_ms=20.0, duration_s=60.0)
            kind = f"{senders} x {megabytes:g} MB"
            cases.append(Case(f"{kind}, {repeat}", world, {"transfers": kind}))
    return cases


def _short(setup: Setup) -> list[Case]:
    """Three transfers a second of 15 kB to 1.5 MB, between 10 and 50 s, beside two flows without end."""
    cases = []
    for repeat in range(_REPEATS):
        rng = rng_of("short", setup.seed, repeat)
        starts = sorted(rng.uniform(10, 50, 120).tolist())
        sizes = (15_000 * 100 ** rng.random(len(starts))).round().astype(int).tolist()
        flows: list[dict[str, Any]] = [{"controller": setup.controller, "start_s": 5.0 * i} for i in range(2)]
        flows += [
            {"controller": setup.controller, "start_s": start, "size_bytes": size}
            for start, size in zip(starts, sizes, strict=True)
        ]
        world = shared_queue(flows, rng, capacity_mbps=100.0, rtt_ms=30.0, duration_s=60.0)
        cases.append(Case(f"{repeat}", world, {}))
    return cases


FRIENDLINESS = Suite(
    name="friendliness",
    summary="one flow beside one CUBIC, and beside one BBR: 20-200 Mbit/s, 10-75 ms, no random loss, 1 BDP, 60 s",
    plan=_friendliness,
    measure=rivalry,
    columns=(
        Column("own_share", "own goodput over fair share, median", quantile("own_share", 0.5)),
        Column("own_share_p5", "5th percentile", quantile("own_share", 0.05)),
        Column("other_share", "the other's, median", quantile("other_share", 0.5)),
        Column("other_share_p5", "5th percentile of it", quantile("other_share", 0.05)),
        UTILISATION,
        QUEUE,
    ),
    group="rival",
    group_title="beside",
    shown=("own_share", "own_share_p5", "other_share", "other_share_p5"),
)

INCAST = Suite(
    name="incast",
    summary="8 and 32 transfers of 0.25 and 4 MB begin at once on 100 Mbit/s x 20 ms, 1 BDP",
    plan=_incast,
    measure=completions,
    columns=(
        Column("last", "last one done, over the ideal", slowdown("last"), 2),
        Column("median", "median transfer, over the same", slowdown("completions"), 2),
        Column("finished", "done within 60 s (%)", finished, 1, percent=True),
        LOST,
    ),
    group="transfers",
    group_title="transfers",
    shown=("last", "median", "loss"),
)

SHORT = Suite(
    name="short",
    summary="120 transfers of 15 kB to 1.5 MB come at random beside 2 long flows on 100 Mbit/s x 30 ms, 1 BDP",
    plan=_short,
    measure=completions,
    columns=(
        Column("median", "completion over the ideal, median", slowdown("completions"), 2),
        Column("p95", "95th percentile", slowdown("completions", 0.95), 2),
        Column("finished", "done (%)", finished, 1, percent=True),
        UTILISATION,
        QUEUE,
    ),
    shown=("median", "p95", "utilisation", "queue_ms"),
)
