"""Traffic both ways: acknowledgements queue behind the data of flows that send the other way."""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.congestion.evaluation.columns import LOST, QUEUE, UTILISATION, mean
from astraea.congestion.evaluation.measure import SETTLE_S, Values, sharing
from astraea.congestion.evaluation.suite import Case, Column, Setup, Suite, noisy, rng_of, seed_of
from astraea.congestion.metrics.definitions import jain
from astraea.congestion.metrics.shares import windows_of
from astraea.congestion.simulator.results import Result
from astraea.congestion.simulator.topology import two_way

__all__ = ["REVERSE"]

_EACH_WAY = 2
_REPEATS = 2


def _reverse(setup: Setup) -> list[Case]:
    """Two flows one way and two the other, all starting at random within 5 s, for 60 s."""
    cases = []
    for number, (mbps, back_mbps) in enumerate(((100.0, 100.0), (100.0, 10.0), (50.0, 1.0))):
        for place, bdp in enumerate((1.0, 4.0)):
            for repeat in range(_REPEATS):
                rng = rng_of("reverse", setup.seed, 100 * number + 10 * place + repeat)
                starts = rng.uniform(0, 5, 2 * _EACH_WAY).tolist()
                flows = [noisy({"controller": setup.controller, "start_s": start}, rng) for start in starts]
                world = two_way(
                    flows[:_EACH_WAY],
                    flows[_EACH_WAY:],
                    capacity_mbps=mbps,
                    back_mbps=back_mbps,
                    rtt_ms=30.0,
                    buffer_bdp=bdp,
                    duration_s=60.0,
                    seed=seed_of(rng),
                )
                label = f"{mbps:g} and {back_mbps:g} Mbit/s, {bdp:g} BDP"
                cases.append(Case(f"{label}, {repeat}", world, {"links": label}))
    return cases


def _both_ways(result: Result) -> Values:
    """Return :func:`sharing`, with Jain's index, utilisation and queueing delay of each direction apart.

    Of the way back ``data_back`` is the part of its capacity that was goodput: the rest carried acknowledgements and
    repeats, or nothing.
    """
    values: dict[str, Any] = sharing(result)
    windows = windows_of(result, 1.0, SETTLE_S)
    for way, suffix in enumerate(("", "_back")):
        link = result.settings.links[way]
        here = np.array([link.name in flow.path for flow in result.settings.flows])
        waits = result.backlog_bytes[way] * 8e-3 / link.capacity_mbps
        values |= {
            f"jain{suffix}": float(np.nanmean(jain(windows.goodput[here], windows.counted[here]))),
            f"utilisation{suffix}": float(result.link_utilisation[way]),
            f"queue{suffix}_ms": float(waits.mean()),
            f"data{suffix}": float(result.goodput_mbps[here].sum(axis=0).mean() / link.capacity_mbps),
        }
    return values


REVERSE = Suite(
    name="reverse",
    summary="2 flows one way and 2 the other, whose queues both hold data and acknowledgements; 100 and 100, 100 and "
    "10, 50 and 1 Mbit/s, 30 ms, 1 and 4 BDP of each, 60 s",
    plan=_reverse,
    measure=_both_ways,
    columns=(
        Column("jain", "Jain's index, there", mean("jain")),
        Column("jain_back", "back", mean("jain_back")),
        UTILISATION,
        Column("utilisation_back", "back (%)", mean("utilisation_back"), 1, percent=True),
        Column("data_back", "of it data (%)", mean("data_back"), 1, percent=True),
        QUEUE,
        Column("queue_back_ms", "back (ms)", mean("queue_back_ms"), 1),
        LOST,
    ),
    group="links",
    group_title="links, there and back",
    shown=("jain", "jain_back", "utilisation", "data_back"),
)
