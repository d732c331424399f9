"""One property of the path at a time: unequal round trips, buffers, several bottlenecks."""

from __future__ import annotations

from astraea.congestion.evaluation.columns import JAIN, LOST, QUEUE, UTILISATION, least, mean
from astraea.congestion.evaluation.measure import against_max_min, settled_for, sharing
from astraea.congestion.evaluation.suite import Case, Column, Setup, Suite, noisy, rng_of, seed_of, shared_queue
from astraea.congestion.simulator.topology import parking_lot

__all__ = ["BOTTLENECKS", "BUFFERS", "RTT"]

_SHORT_MS = 20.0
_REPEATS = 3


def _rtt(setup: Setup) -> list[Case]:
    """The flow with the longer path joins at 50 s; what they get from 100 to 200 s counts."""
    cases = []
    for number, factor in enumerate((1, 2, 4, 6, 8, 10)):
        long = factor * _SHORT_MS
        flows = [
            {"controller": setup.controller, "rtt_ms": _SHORT_MS},
            {"controller": setup.controller, "rtt_ms": long, "start_s": 50.0},
        ]
        rng = rng_of("rtt", setup.seed, number)
        mean_rtt = (_SHORT_MS + long) / 2
        world = shared_queue(flows, rng, capacity_mbps=100.0, rtt_ms=mean_rtt, duration_s=200.0)
        cases.append(Case(f"{_SHORT_MS:g} against {long:g} ms", world, {"ratio": factor}))
    return cases


def _buffers(setup: Setup) -> list[Case]:
    cases = []
    for number, bdp in enumerate((0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)):
        flows = [{"controller": setup.controller, "start_s": 5.0 * i} for i in range(3)]
        rng = rng_of("buffers", setup.seed, number)
        world = shared_queue(flows, rng, capacity_mbps=100.0, rtt_ms=30.0, buffer_bdp=bdp, duration_s=60.0)
        cases.append(Case(f"{bdp:g} BDP", world, {"bdp": bdp}))
    return cases


def _bottlenecks(setup: Setup) -> list[Case]:
    """A long flow over three links, and one more flow on each of them."""
    cases = []
    for number, mbps in enumerate(((100.0, 100.0, 100.0), (100.0, 40.0, 70.0))):
        for repeat in range(_REPEATS):
            rng = rng_of("bottlenecks", setup.seed, number * _REPEATS + repeat)
            flow = {"controller": setup.controller}
            world = parking_lot(3, long_flow=flow, cross_flow=flow, duration_s=60.0, seed=seed_of(rng))
            links = tuple(
                link.model_copy(update={"capacity_mbps": c}) for link, c in zip(world.links, mbps, strict=True)
            )
            starts = rng.uniform(0, 5, 4).tolist()
            flows = tuple(
                f.model_copy(update=noisy({"start_s": s}, rng)) for f, s in zip(world.flows, starts, strict=True)
            )
            kind = "equal" if len(set(mbps)) == 1 else "unequal"
            world = world.model_copy(update={"links": links, "flows": flows})
            cases.append(Case(f"{kind}, {repeat}", world, {"links": kind}))
    return cases


RTT = Suite(
    name="rtt",
    summary="a flow of 20 ms against one of 20 to 200 ms that joins at 50 s; 100 Mbit/s, 1 BDP of their mean RTT",
    plan=_rtt,
    measure=settled_for(50.0),
    columns=(
        Column("min_max", "least over largest goodput", mean("min_max")),
        Column("min_max_least", "worst seed", least("min_max")),
        UTILISATION,
        QUEUE,
    ),
    group="ratio",
    group_title="ratio of RTTs",
    shown=("min_max", "utilisation", "queue_ms"),
)

BUFFERS = Suite(
    name="buffers",
    summary="3 flows 5 s apart for 60 s on 100 Mbit/s x 30 ms, with buffers of 0.1 to 16 BDP",
    plan=_buffers,
    measure=sharing,
    columns=(
        UTILISATION,
        JAIN,
        QUEUE,
        LOST,
    ),
    group="bdp",
    group_title="buffer (BDP)",
    shown=("utilisation", "jain", "queue_ms", "loss"),
)

BOTTLENECKS = Suite(
    name="bottlenecks",
    summary="a parking lot: one flow over 3 links, one more on each; 100 Mbit/s all, and 100, 40, 70; 10 ms a link",
    plan=_bottlenecks,
    measure=against_max_min,
    columns=(
        Column("long_share", "long flow's goodput over its max-min share", mean("long_share")),
        Column("of_share_least", "least of all flows", mean("of_share_least")),
        Column("utilisation", "utilisation, busiest link (%)", mean("utilisation"), 1, percent=True),
        Column("queue_ms", "queueing delay of a path (ms)", mean("queue_ms"), 1),
    ),
    group="links",
    group_title="links",
    shown=("long_share", "of_share_least", "queue_ms"),
)
