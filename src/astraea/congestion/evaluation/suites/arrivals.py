"""Flows that come and go, few and many: how soon and how steadily they share."""

from __future__ import annotations

from astraea.congestion.evaluation.columns import (
    JAIN,
    LOST,
    QUEUE,
    UTILISATION,
    converged,
    convergence,
    least,
    mean,
    pooled,
)
from astraea.congestion.evaluation.measure import settled_for, sharing
from astraea.congestion.evaluation.suite import Case, Column, Setup, Suite, rng_of, shared_queue

__all__ = ["MANY", "STAGGERED"]

_REPEATS = 4
_GAP_S = 25.0
_FLOWS = 4


def _staggered(setup: Setup) -> list[Case]:
    """Four flows join 25 s apart and leave 25 s apart, so that each stays for 100 s; and a second joins for 250 s."""
    last = (2 * _FLOWS - 1) * _GAP_S
    visits = [(i * _GAP_S, (_FLOWS + i) * _GAP_S if i < _FLOWS - 1 else None) for i in range(_FLOWS)]
    kinds: tuple[tuple[str, float, list[tuple[float, float | None]], float], ...] = (
        ("4 flows, 30 ms", 30.0, visits, last),
        ("4 flows, 200 ms", 200.0, visits, last),
        ("2 flows, 30 ms", 30.0, [(0.0, None), (50.0, None)], 300.0),
    )
    cases = []
    for number, (kind, rtt, stays, duration) in enumerate(kinds):
        for repeat in range(_REPEATS):
            flows = [{"controller": setup.controller, "start_s": start, "end_s": end} for start, end in stays]
            rng = rng_of("staggered", setup.seed, number * _REPEATS + repeat)
            world = shared_queue(flows, rng, capacity_mbps=100.0, rtt_ms=rtt, duration_s=duration)
            cases.append(Case(f"{kind}, {repeat}", world, {"kind": kind}))
    return cases


def _many(setup: Setup) -> list[Case]:
    """Fifty flows arrive within ten seconds."""
    cases = []
    for number, (mbps, rtt) in enumerate(((100.0, 50.0), (500.0, 40.0))):
        rng = rng_of("many", setup.seed, number)
        flows = [{"controller": setup.controller, "start_s": start} for start in rng.uniform(0, 10, 50).tolist()]
        world = shared_queue(flows, rng, capacity_mbps=mbps, rtt_ms=rtt, duration_s=60.0)
        share = mbps * rtt / 50 / 12
        cases.append(Case(f"{mbps:g} Mbit/s", world, {"packets_per_rtt": round(share, 1)}))
    return cases


STAGGERED = Suite(
    name="staggered",
    summary="4 flows join and leave 25 s apart (RTT 30, 200 ms), and a second joins for 250 s; 100 Mbit/s, 1 BDP",
    plan=_staggered,
    measure=settled_for(0.0),
    columns=(
        Column("convergence_s", "convergence, median (s)", convergence, 1),
        Column("converged", "events after which it came (%)", converged, 0, percent=True),
        Column("deviation_mbps", "deviation after it (Mbit/s)", mean("deviation_mbps", known=True), 2),
        Column("deviation_late_mbps", "late in each stretch (Mbit/s)", mean("deviation_late_mbps"), 2),
        JAIN,
        UTILISATION,
        QUEUE,
    ),
    group="kind",
    group_title="worlds",
    shown=("convergence_s", "deviation_late_mbps", "jain", "queue_ms"),
)

MANY = Suite(
    name="many",
    summary="50 flows that arrive within 10 s share 100 Mbit/s x 50 ms, and 500 Mbit/s x 40 ms, for 60 s",
    plan=_many,
    measure=sharing,
    columns=(
        JAIN,
        Column("jain_windows_p5", "5th percentile of windows", pooled("jain_windows", 0.05)),
        Column("min_max", "least over largest", least("min_max")),
        UTILISATION,
        QUEUE,
        LOST,
    ),
    group="packets_per_rtt",
    group_title="fair share (packets per RTT)",
    shown=("jain", "utilisation", "queue_ms"),
)
