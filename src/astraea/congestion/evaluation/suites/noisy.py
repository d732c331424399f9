"""Losses that are not congestion, and capacity that does not stand still."""

from __future__ import annotations

from pathlib import Path

from astraea.congestion.evaluation.columns import JAIN, LOST, QUEUE, UTILISATION, UTILISATION_LEAST, least, mean
from astraea.congestion.evaluation.measure import sharing
from astraea.congestion.evaluation.suite import Case, Column, Setup, Suite, rng_of, shared_queue
from astraea.congestion.simulator.settings import RandomWalk
from astraea.congestion.traces import read_opportunities

__all__ = ["LOSS", "SATELLITE", "TRACES"]

_REPEATS = 3
_RTT_MS = 40.0


def _loss(setup: Setup) -> list[Case]:
    cases = []
    for number, percent in enumerate((0.0, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0)):
        rng = rng_of("loss", setup.seed, number)
        link = {"loss": percent / 100}
        flows = [{"controller": setup.controller}]
        world = shared_queue(flows, rng, capacity_mbps=100.0, rtt_ms=30.0, duration_s=60.0, link=link)
        cases.append(Case(f"{percent:g} %", world, {"loss": percent}))
    return cases


def _satellite(setup: Setup) -> list[Case]:
    cases = []
    for number, count in enumerate((1, 3)):
        for repeat in range(_REPEATS):
            rng = rng_of("satellite", setup.seed, number * _REPEATS + repeat)
            flows = [{"controller": setup.controller, "start_s": 10.0 * i} for i in range(count)]
            link = {"loss": 0.0074}
            world = shared_queue(flows, rng, capacity_mbps=42.0, rtt_ms=800.0, duration_s=120.0, link=link)
            cases.append(Case(f"{count} flows, {repeat}", world, {"flows": count}))
    return cases


def _traces(setup: Setup) -> list[Case]:
    """Random walks with three flows; one flow on each trace, with 200 ms of buffer at its mean capacity."""
    cases = []
    for repeat in range(_REPEATS):
        rng = rng_of("traces", setup.seed, repeat)
        flows = [{"controller": setup.controller, "start_s": 5.0 * i} for i in range(3)]
        walk = {"walk": RandomWalk(low_mbps=10.0, high_mbps=200.0, every_s=1.0, change=0.2)}
        world = shared_queue(flows, rng, capacity_mbps=60.0, rtt_ms=_RTT_MS, duration_s=60.0, link=walk)
        cases.append(Case(f"random walk, {repeat}", world, {"kind": "random walk, 3 flows"}))
    for number, path in enumerate(setup.traces):
        rng = rng_of("traces", setup.seed, 1000 + number)
        times = read_opportunities(path)
        length_s = float(times[-1]) * 1e-3
        link = {"trace": path, "trace_offset_s": float(rng.uniform(0, length_s))}
        flows = [{"controller": setup.controller}]
        mbps = len(times) * 0.012 / length_s
        world = shared_queue(flows, rng, capacity_mbps=mbps, rtt_ms=_RTT_MS, buffer_bdp=5.0, duration_s=60.0, link=link)
        cases.append(Case(path.name, world, {"kind": _kind(path)}))
    return cases


def _kind(path: Path) -> str:
    return "LTE" if "LTE" in path.name else "3G" if "EVDO" in path.name or "UMTS" in path.name else "other traces"


_CARRIED = Column("utilisation", "utilisation (%)", mean("utilisation", known=True), 1, percent=True)
_CARRIED_LEAST = Column("utilisation_least", "least (%)", least("utilisation", known=True), 1, percent=True)
"""Of links that could carry something: a trace may be dead for the whole of a world, from where it begins."""

_QUEUE_P95 = Column("queue_p95_ms", "its 95th percentile (ms)", mean("queue_p95_ms"), 1)

LOSS = Suite(
    name="loss",
    summary="one flow for 60 s on 100 Mbit/s x 30 ms, 1 BDP, that loses 0 to 2 % of packets at random",
    plan=_loss,
    measure=sharing,
    columns=(UTILISATION, UTILISATION_LEAST, QUEUE, LOST),
    group="loss",
    group_title="random loss (%)",
    shown=("utilisation", "queue_ms"),
)

SATELLITE = Suite(
    name="satellite",
    summary="1 and 3 flows for 120 s on 42 Mbit/s x 800 ms, 1 BDP, 0.74 % random loss",
    plan=_satellite,
    measure=sharing,
    columns=(UTILISATION, UTILISATION_LEAST, JAIN, QUEUE, _QUEUE_P95),
    group="flows",
    group_title="flows",
    shown=("utilisation", "queue_ms"),
)

TRACES = Suite(
    name="traces",
    summary="capacity that varies: one flow on cellular traces, three on a random walk from 10 to 200 Mbit/s; 40 ms; "
    "a link that is dead for the whole minute has no utilisation and is left out of it",
    plan=_traces,
    measure=sharing,
    columns=(_CARRIED, _CARRIED_LEAST, JAIN, QUEUE, _QUEUE_P95),
    group="kind",
    group_title="link",
    shown=("utilisation", "queue_ms", "queue_p95_ms"),
    needs_traces=True,
)
