"""Where sharing is hard: starts at any time, many flows, hardly a packet each, and noise."""

from __future__ import annotations

from typing import Any

from astraea.congestion.evaluation.columns import JAIN, LOST, QUEUE, UTILISATION, UTILISATION_LEAST, least, mean
from astraea.congestion.evaluation.measure import Values, sharing
from astraea.congestion.evaluation.suite import Case, Column, Setup, Suite, rng_of, shared_queue
from astraea.congestion.simulator.results import Result

__all__ = ["CLOCKS", "CROWD", "NOISE", "TINY"]

_LATE_S = 30.0


def _clocks(setup: Setup) -> list[Case]:
    """Flows that start at random within 10 s, and one that comes 5, 30 or 120 s later."""
    cases = []
    for number, count in enumerate((3, 10, 50)):
        for place, later in enumerate((5.0, 30.0, 120.0)):
            rng = rng_of("clocks", setup.seed, 3 * number + place)
            starts = [*rng.uniform(0, 10, count).tolist(), 10.0 + later]
            flows = [{"controller": setup.controller, "start_s": start} for start in starts]
            rtt = 30.0 if count < 50 else 50.0
            world = shared_queue(flows, rng, capacity_mbps=100.0, rtt_ms=rtt, duration_s=later + 60.0)
            cases.append(Case(f"{count} flows, {later:g} s", world, {"flows": count, "later_s": later}))
    return cases


def _late(result: Result) -> Values:
    """Return :func:`sharing`, and in ``late_share`` what the last flow gets of its share from 30 s on."""
    values = sharing(result)
    here = result.times_s > result.settings.flows[-1].start_s + _LATE_S
    got = result.goodput_mbps[:, here].mean(axis=1)
    return {**values, "late_share": float(got[-1] / got.mean())}


def _arriving(setup: Setup, suite: str, number: int, count: int, mbps: float, rtt: float, **world: Any) -> Case:
    rng = rng_of(suite, setup.seed, number)
    flows = [{"controller": setup.controller, "start_s": start} for start in rng.uniform(0, 10, count).tolist()]
    made = shared_queue(flows, rng, capacity_mbps=mbps, rtt_ms=rtt, **{"duration_s": 60.0, **world})
    share = mbps * rtt / count / 12
    label = f"{count} on {mbps:g} Mbit/s x {rtt:g} ms"
    return Case(label, made, {"world": f"{label}, {share:.1f} packets per RTT each"})


def _crowd(setup: Setup) -> list[Case]:
    worlds = ((75, 100.0, 50.0), (100, 100.0, 50.0), (200, 400.0, 40.0), (500, 1000.0, 40.0))
    return [_arriving(setup, "crowd", number, *world, duration_s=40.0) for number, world in enumerate(worlds)]


def _tiny(setup: Setup) -> list[Case]:
    worlds = ((20, 5.0, 40.0), (40, 5.0, 40.0), (100, 10.0, 30.0))
    return [_arriving(setup, "tiny", number, *world) for number, world in enumerate(worlds)] + [
        Case("a buffer of 2 packets", _shallow(setup), {"world": "2 on 50 Mbit/s x 30 ms, a buffer of 2 packets"})
    ]


def _shallow(setup: Setup) -> Any:
    rng = rng_of("tiny", setup.seed, 100)
    flows = [{"controller": setup.controller, "start_s": 2.0 * i} for i in range(2)]
    return shared_queue(flows, rng, capacity_mbps=50.0, rtt_ms=30.0, buffer_bdp=0.0, duration_s=60.0)


def _noise(setup: Setup) -> list[Case]:
    """One flow whose packets or acknowledgements are held up; and two, one of which is."""
    kinds: tuple[tuple[str, list[dict[str, Any]], float], ...] = (
        ("jitter of 1 ms", [{"jitter_ms": 1.0}], 1.0),
        ("jitter of 3 ms", [{"jitter_ms": 3.0}], 1.0),
        ("jitter of 10 ms", [{"jitter_ms": 10.0}], 1.0),
        ("acknowledgements in slots of 20 ms", [{"ack_slot_ms": 20.0}], 1.0),
        ("jitter of 3 ms for one of two, 4 BDP", [{"jitter_ms": 3.0}, {}], 4.0),
        ("jitter of 3 ms for one of two, 1 BDP", [{"jitter_ms": 3.0}, {}], 1.0),
        ("jitter of 20 ms", [{"jitter_ms": 20.0}], 1.0),
        ("an acknowledgement for 32 packets or 40 ms", [{"ack_every": 32}], 1.0),
    )
    cases = []
    for number, (kind, noise, bdp) in enumerate(kinds):
        rng = rng_of("noise", setup.seed, number)
        flows = [{"controller": setup.controller, **fields} for fields in noise]
        world = shared_queue(flows, rng, capacity_mbps=100.0, rtt_ms=30.0, buffer_bdp=bdp, duration_s=60.0)
        cases.append(Case(kind, world, {"noise": kind}))
    return cases


CLOCKS = Suite(
    name="clocks",
    summary="3, 10 or 50 flows that start at random within 10 s, and one 5, 30 or 120 s later; 100 Mbit/s, 1 BDP",
    plan=_clocks,
    measure=_late,
    columns=(
        JAIN,
        Column("late_share", "the last one's share, from 30 s on", mean("late_share")),
        Column("late_least", "least", least("late_share")),
        UTILISATION,
        QUEUE,
    ),
    group="flows",
    group_title="flows",
    shown=("jain", "late_share", "queue_ms"),
)

CROWD = Suite(
    name="crowd",
    summary="75 to 500 flows that arrive at random within 10 s, of at least 4 packets per RTT each, for 40 s",
    plan=_crowd,
    measure=sharing,
    columns=(JAIN, Column("min_max", "least over largest", least("min_max")), UTILISATION, QUEUE, LOST),
    group="world",
    group_title="flows",
    shown=("jain", "queue_ms"),
)

TINY = Suite(
    name="tiny",
    summary="fair shares below one packet per RTT, and a buffer of two packets, for 60 s",
    plan=_tiny,
    measure=sharing,
    columns=(JAIN, UTILISATION, QUEUE, LOST),
    group="world",
    group_title="flows",
    shown=("jain", "loss", "utilisation"),
)

NOISE = Suite(
    name="noise",
    summary="one flow with jitter to 10 ms or acknowledgements in slots of 20 ms, and one noisy flow of two; 60 s",
    plan=_noise,
    measure=sharing,
    columns=(UTILISATION, UTILISATION_LEAST, Column("min_max", "least over largest", mean("min_max")), QUEUE, LOST),
    group="noise",
    group_title="noise",
    shown=("utilisation", "queue_ms"),
)
