"""Near and fast: links inside a data centre, and between two of them."""

from __future__ import annotations

from astraea.congestion.evaluation.columns import JAIN, LOST, QUEUE, UTILISATION, UTILISATION_LEAST
from astraea.congestion.evaluation.measure import sharing
from astraea.congestion.evaluation.suite import Case, Setup, Suite, rng_of, shared_queue

__all__ = ["FAST"]


def _fast(setup: Setup) -> list[Case]:
    """Three flows 5 s apart for 30 s at 1 Gbit/s, one and three for 20 s at 10 Gbit/s, one for 60 s at either."""
    worlds = (
        (1000.0, 1.0, 3, 30.0),
        (1000.0, 5.0, 3, 30.0),
        (10_000.0, 10.0, 1, 20.0),
        (10_000.0, 10.0, 3, 20.0),
        (1000.0, 30.0, 1, 60.0),
        (10_000.0, 10.0, 1, 60.0),
    )
    cases = []
    for number, (mbps, rtt, count, seconds) in enumerate(worlds):
        rng = rng_of("fast", setup.seed, number)
        gap = 5.0 if mbps < 10_000 else 2.0
        flows = [{"controller": setup.controller, "start_s": gap * i} for i in range(count)]
        world = shared_queue(flows, rng, capacity_mbps=mbps, rtt_ms=rtt, duration_s=seconds)
        label = f"{count} on {mbps / 1000:g} Gbit/s x {rtt:g} ms" + (", 60 s" if seconds == 60 else "")
        cases.append(Case(label, world, {"link": label}))
    return cases


FAST = Suite(
    name="fast",
    summary="3 flows on 1 Gbit/s x 1 and 5 ms, 1 and 3 on 10 Gbit/s x 10 ms, and 1 for 60 s on 1 and 10 Gbit/s; 1 BDP",
    plan=_fast,
    measure=sharing,
    columns=(UTILISATION, UTILISATION_LEAST, JAIN, QUEUE, LOST),
    group="link",
    group_title="flows",
    shown=("utilisation", "jain", "queue_ms"),
)
