"""Paths that do not stay as they are: a longer base round trip, one drawn anew, capacity drawn anew."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from astraea.congestion.evaluation.columns import JAIN, LOST, QUEUE, UTILISATION, UTILISATION_LEAST, waited
from astraea.congestion.evaluation.measure import Values, sharing
from astraea.congestion.evaluation.suite import Case, Column, Setup, Suite, rng_of, shared_queue
from astraea.congestion.simulator.results import Result

__all__ = ["CHANGING"]

_EVERY_S = 15.0
_STEP_S, _LONGER_MS = 30.0, 30.0
_ENOUGH, _FOR_S = 0.8, 5.0
_REPEATS = 2


def _changing(setup: Setup) -> list[Case]:
    """One flow, and three that start 5 s apart, for 75 s, in worlds whose path changes in four ways."""
    kinds = ("30 to 60 ms at 30 s", "base of 30 to 60 ms", "base of 40 to 120 ms", "capacity of 10 to 100 Mbit/s")
    cases = []
    for number, kind in enumerate(kinds):
        for count in (1, 3):
            for repeat in range(_REPEATS):
                rng = rng_of("changing", setup.seed, 100 * number + 10 * count + repeat)
                flows = [{"controller": setup.controller, "start_s": 5.0 * i} for i in range(count)]
                label = f"{kind}, {count} flow{'s' * (count > 1)}"
                world = shared_queue(flows, rng, **_path(number, rng), capacity_mbps=100.0, duration_s=75.0)
                cases.append(Case(f"{label}, {repeat}", world, {"path": label}))
    return cases


def _path(number: int, rng: np.random.Generator) -> dict[str, Any]:
    """Return base round-trip time and link of a kind of world; draws hold for 15 s each."""
    starts = np.arange(5) * _EVERY_S
    if number == 0:
        return {"rtt_ms": 30.0, "link": {"delay_steps": ((0.0, 0.0), (_STEP_S, _LONGER_MS))}}
    if number < 3:
        low, high = ((30.0, 60.0), (40.0, 120.0))[number - 1]
        added = rng.uniform(0.0, high - low, len(starts))
        return {"rtt_ms": low, "link": {"delay_steps": _pairs(starts, added)}}
    mbps = np.exp(rng.uniform(math.log(10.0), math.log(100.0), len(starts)))
    return {"rtt_ms": 30.0, "link": {"steps": _pairs(starts, mbps)}}


def _pairs(starts: Any, values: Any) -> tuple[tuple[float, float], ...]:
    return tuple(zip(starts.tolist(), values.tolist(), strict=True))


def _after_change(result: Result) -> Values:
    """Return :func:`sharing`, and in ``back``, of a path that becomes longer once, ``[seconds, censored]``.

    How long after it each second of the next 5 s has seen 80 % of the capacity as goodput, to a tenth of a second.
    """
    values = sharing(result)
    link = result.settings.links[0]
    if len(link.delay_steps) != 2:
        return values
    changed = link.delay_steps[1][0]
    total = result.goodput_mbps.sum(axis=0)[result.times_s > changed + 1e-9]
    second = round(1e3 / result.settings.sample_ms)
    enough = np.convolve(total, np.full(second, 1 / second), "valid") >= _ENOUGH * link.capacity_mbps
    held = np.convolve(enough, np.ones(round((_FOR_S - 1) * second) + 1), "valid") > (_FOR_S - 1) * second + 0.5
    found = np.flatnonzero(held)
    since = float(found[0]) / second if len(found) else result.settings.duration_s - changed
    return {**values, "back": [since, not len(found)]}


CHANGING = Suite(
    name="changing",
    summary="base RTT that grows from 30 to 60 ms, or is drawn anew every 15 s, or capacity that is; 100 Mbit/s, 75 s",
    plan=_changing,
    measure=_after_change,
    columns=(
        Column("back", "back at 80 % of capacity, median (s)", waited("back"), 1),
        UTILISATION,
        UTILISATION_LEAST,
        JAIN,
        QUEUE,
        LOST,
    ),
    group="path",
    group_title="path",
    shown=("back", "utilisation", "queue_ms"),
)
