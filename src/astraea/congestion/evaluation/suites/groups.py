"""Beside rivals in number, and one transfer at a time beside a flow without end."""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.congestion.evaluation.columns import LOST, QUEUE, UTILISATION, finished, mean, quantile, slowdown
from astraea.congestion.evaluation.measure import Values, completions, sharing
from astraea.congestion.evaluation.suite import Case, Column, Setup, Suite, rng_of, shared_queue
from astraea.congestion.metrics.definitions import jain
from astraea.congestion.metrics.shares import windows_of
from astraea.congestion.simulator.results import Result

__all__ = ["GROUPS", "TRANSFER"]

_SETTLE_S = 20.0
_RIVALS = ("cubic", "newreno", "bbr")
_TRANSFERS = 12
_REPEATS = 3


def _groups(setup: Setup) -> list[Case]:
    """One beside one, ten beside ten and one beside ten of each rival; all start at random within 10 s, for 60 s."""
    cases = []
    for number, rival in enumerate(_RIVALS):
        for place, bdp in enumerate((1.0, 4.0, 16.0)):
            for pair, (own, others) in enumerate(((1, 1), (10, 10), (1, 10))):
                rng = rng_of("groups", setup.seed, 100 * number + 10 * place + pair)
                starts = rng.uniform(0, 10, own + others).tolist()
                flows: list[dict[str, Any]] = [
                    {
                        "name": f"own-{i}" if i < own else f"other-{i - own}",
                        "controller": setup.controller if i < own else rival,
                        "start_s": start,
                    }
                    for i, start in enumerate(starts)
                ]
                world = shared_queue(flows, rng, capacity_mbps=100.0, rtt_ms=30.0, buffer_bdp=bdp, duration_s=60.0)
                label = f"{own} beside {others} {rival}, {bdp:g} BDP"
                cases.append(Case(label, world, {"company": label}))
    return cases


def _company(result: Result) -> Values:
    """Return :func:`sharing`, what a flow of each group gets of a fair share, and Jain's index within one's own.

    Over windows of 1 s from 20 s after the last start on.
    """
    values = sharing(result, _SETTLE_S)
    link = result.settings.links[0]
    fair = link.capacity_mbps * (1 - link.loss) / len(result.names)
    own = np.array([name.startswith("own") for name in result.names])
    windows = windows_of(result, 1.0, _SETTLE_S)
    fairness = jain(windows.goodput[own], windows.counted[own])
    got = np.array(values["goodput_mbps"]) / fair
    return {
        **values,
        "own_share": float(got[own].mean()),
        "other_share": float(got[~own].mean()),
        "own_jain": float(np.nanmean(fairness)) if own.sum() > 1 else None,
    }


def _transfer(setup: Setup) -> list[Case]:
    """Twelve transfers of 1 MB, 4 s apart from 10 s on, each at a random time within 2 s, beside a long flow."""
    cases = []
    for repeat in range(_REPEATS):
        rng = rng_of("transfer", setup.seed, repeat)
        starts = (10 + 4.0 * np.arange(_TRANSFERS) + rng.uniform(0, 2, _TRANSFERS)).tolist()
        flow: dict[str, Any] = {"controller": setup.controller}
        flows = [flow, *({**flow, "start_s": start, "size_bytes": 1_000_000} for start in starts)]
        world = shared_queue(flows, rng, capacity_mbps=100.0, rtt_ms=30.0, duration_s=60.0)
        cases.append(Case(f"{repeat}", world, {}))
    return cases


GROUPS = Suite(
    name="groups",
    summary="1 beside 1, 10 beside 10 and 1 beside 10 of CUBIC, NewReno and BBR; 100 Mbit/s x 30 ms, 1, 4 and 16 BDP",
    plan=_groups,
    measure=_company,
    columns=(
        Column("own_share", "own goodput over fair share, median", quantile("own_share", 0.5)),
        Column("other_share", "a rival's, median", quantile("other_share", 0.5)),
        Column("own_jain", "Jain's index among its own", mean("own_jain", known=True)),
        UTILISATION,
        QUEUE,
        LOST,
    ),
    group="company",
    group_title="company",
    shown=("own_share", "other_share", "own_jain"),
)

TRANSFER = Suite(
    name="transfer",
    summary="12 transfers of 1 MB, one at a time, beside a long flow; 100 Mbit/s x 30 ms, 1 BDP",
    plan=_transfer,
    measure=completions,
    columns=(
        Column("median", "completion over the ideal, median", slowdown("completions"), 2),
        Column("p95", "95th percentile", slowdown("completions", 0.95), 2),
        Column("finished", "done (%)", finished, 1, percent=True),
        UTILISATION,
        QUEUE,
    ),
    shown=("median", "p95"),
)
