"""The suites by name, in the order in which they run."""

from __future__ import annotations

from collections.abc import Sequence

from astraea.congestion.evaluation.suite import Suite
from astraea.congestion.evaluation.suites.arrivals import MANY, STAGGERED
from astraea.congestion.evaluation.suites.changing import CHANGING
from astraea.congestion.evaluation.suites.company import FRIENDLINESS, INCAST, SHORT
from astraea.congestion.evaluation.suites.crowds import CLOCKS, CROWD, NOISE, TINY
from astraea.congestion.evaluation.suites.fast import FAST
from astraea.congestion.evaluation.suites.grids import EXTENDED, GRID
from astraea.congestion.evaluation.suites.groups import GROUPS, TRANSFER
from astraea.congestion.evaluation.suites.noisy import LOSS, SATELLITE, TRACES
from astraea.congestion.evaluation.suites.paths import BOTTLENECKS, BUFFERS, RTT
from astraea.congestion.evaluation.suites.reverse import REVERSE
from astraea.errors import InputError, unknown_name

__all__ = ["SUITES", "suites_named"]

SUITES: dict[str, Suite] = {
    suite.name: suite
    for suite in (
        STAGGERED,
        GRID,
        EXTENDED,
        RTT,
        BUFFERS,
        LOSS,
        SATELLITE,
        TRACES,
        BOTTLENECKS,
        INCAST,
        FRIENDLINESS,
        SHORT,
        MANY,
        CLOCKS,
        CROWD,
        TINY,
        NOISE,
        CHANGING,
        GROUPS,
        TRANSFER,
        FAST,
        REVERSE,
    )
}


def suites_named(names: Sequence[str]) -> tuple[Suite, ...]:
    """Return the suites of these names, all of them without any.

    Raises :class:`InputError` for an unknown name, naming the nearest, and for one given twice.
    """
    for name in names:
        if name not in SUITES:
            raise unknown_name("suite", name, SUITES)
        if names.count(name) > 1:
            raise InputError(f"the suite '{name}' is named twice: leave one out")
    return tuple(SUITES[name] for name in names) or tuple(SUITES.values())
