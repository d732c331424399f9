"""Worlds drawn at random over wide ranges: does sharing generalise?"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from astraea.congestion.evaluation.columns import (
    JAIN,
    LOST,
    QUEUE,
    UTILISATION,
    UTILISATION_LEAST,
    pooled,
    quantile,
    ratio,
    relative,
    within,
)
from astraea.congestion.evaluation.measure import sharing
from astraea.congestion.evaluation.suite import Case, Column, Setup, Suite, rng_of, shared_queue

__all__ = ["EXTENDED", "GRID"]

_PACKET_BITS = 12_000
_LEAST_PACKETS = 4.0  # of a flow's fair share in a round trip, in the extended grid
_LOSSY, _CLEAN = "random loss", "loss-free"


def _grid(setup: Setup) -> list[Case]:
    """100 worlds with random loss, and 50 without."""
    return [_case(f"{k}", setup, "grid", k, lossy=k < 100, extended=False) for k in range(150)]


def _extended(setup: Setup) -> list[Case]:
    return [_case(f"{k}", setup, "extended", k, lossy=k < 40, extended=True) for k in range(60)]


def _case(label: str, setup: Setup, suite: str, number: int, *, lossy: bool, extended: bool) -> Case:
    rng = rng_of(suite, setup.seed, number)
    mbps, rtt, count = _drawn_extended(rng) if extended else (_log(rng, 20, 400), _log(rng, 10, 75), 3)
    loss = float(rng.uniform(0, 0.003)) if lossy else 0.0
    starts = np.linspace(0, 10, count).tolist()
    flows = [{"controller": setup.controller, "start_s": start} for start in starts]
    world = shared_queue(flows, rng, capacity_mbps=mbps, rtt_ms=rtt, duration_s=60.0, link={"loss": loss})
    conditions: dict[str, float | str] = {
        "kind": _LOSSY if lossy else _CLEAN,
        "capacity_mbps": mbps,
        "rtt_ms": rtt,
        "flows": count,
        "loss": loss,
        "delay_limit_ms": max(0.15 * rtt, 3 * count * _PACKET_BITS / (mbps * 1e3)),
    }
    return Case(label, world, conditions)


def _drawn_extended(rng: np.random.Generator) -> tuple[float, float, int]:
    """Draw capacity, RTT and number of flows anew until each flow's fair share is four packets per RTT."""
    while True:
        mbps, rtt, count = _log(rng, 20, 1000), _log(rng, 10, 200), round(_log(rng, 2, 50))
        if mbps * 1e3 * rtt / _PACKET_BITS >= _LEAST_PACKETS * count:
            return mbps, rtt, count


def _log(rng: np.random.Generator, low: float, high: float) -> float:
    return float(low * math.exp(rng.random() * math.log(high / low)))


_COLUMNS = (
    JAIN,
    Column("jain_p5", "5th percentile of worlds", quantile("jain", 0.05)),
    Column("jain_windows_p5", "of windows", pooled("jain_windows", 0.05)),
    UTILISATION,
    UTILISATION_LEAST,
    QUEUE,
    Column("delay_ratio", "over its limit", ratio("queue_ms", "delay_limit_ms"), 2),
    Column("delay_within", "worlds within it (%)", within("queue_ms", "delay_limit_ms"), 0, percent=True),
    Column("delay_cubic", "loss-free: over CUBIC's", relative("queue_ms", "kind", _CLEAN), 2),
    LOST,
)
_SPREAD = (("jain", "Jain's index of a world"), ("utilisation", "utilisation"), ("queue_ms", "queueing delay, ms"))


def _suite(name: str, summary: str, plan: Callable[[Setup], list[Case]]) -> Suite:
    return Suite(
        name=name,
        summary=summary,
        plan=plan,
        measure=sharing,
        columns=_COLUMNS,
        group="kind",
        group_title="worlds",
        total=True,
        spread=_SPREAD,
    )


GRID = _suite(
    name="grid",
    summary="3 flows 5 s apart, 60 s, random worlds: 20-400 Mbit/s, 10-75 ms, loss to 0.3 % (none in a third), 1 BDP",
    plan=_grid,
)

EXTENDED = _suite(
    name="extended",
    summary="the same with 2-50 flows within 10 s, 20-1000 Mbit/s, 10-200 ms, fair shares from 4 packets per RTT",
    plan=_extended,
)
