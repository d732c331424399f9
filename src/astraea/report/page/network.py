"""A run's rounds on its network: where the time went, and who downloads, trains and uploads when in the latest."""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.report.page.charts import Chart, lines, spans
from astraea.report.page.html import Section
from astraea.report.page.records import RunRecord
from astraea.report.page.series import rounded, thinned
from astraea.tables import Table, number

__all__ = ["on_network"]

_CHAINS = 30  # so many are drawn, those that end last
_SPLIT = (("compute", "training"), ("transfer", "transfers"), ("waiting", "waiting"))


def on_network(run: RunRecord) -> list[Section]:
    """Return how long rounds took on the run's network, and the latest of them; empty without a network."""
    timed = [line for line in run.history if line.get("round_seconds") is not None]
    if not timed:
        return []
    charts = [*([_timeline(run.timeline, _names(run))] if run.timeline else []), _seconds(timed)]
    settings = run.config.get("network", {})
    lead = (
        f"Rounds on {settings.get('name', 'its network')} under {settings.get('congestion', 'cubic')}. Transfers are "
        "what they would take with the network to themselves. Waiting is what sharing the links, slower "
        "times of a link and absences add."
    )
    return [Section("On the network", charts, _links(timed), lead)]


def _timeline(told: dict[str, Any], names: list[str]) -> Chart:
    chains = list(dict.fromkeys(bar["chain"] for bar in told["bars"]))[-_CHAINS:][::-1]
    labels = {chain: f"chain {chain + 1}" for chain in chains}
    rows = [
        {
            "row": labels[bar["chain"]],
            "client": names[bar["client"]] if 0 <= bar["client"] < len(names) else "mediator or server",
            "part": bar["part"],
            "start": rounded(bar["start"]),
            "end": rounded(bar["end"]),
            "critical": bar["critical"],
        }
        for bar in told["bars"]
        if bar["chain"] in labels
    ]
    split = ", ".join(f"{number(told[key])} {words}" for key, words in _SPLIT)
    few = f"Of {told['chains']:,} chains, the {len(chains)} that end last. " if told["chains"] > len(chains) else ""
    note = (
        f"{few}The chain that ends last is first. {number(told['seconds'])} s along the critical path, which is "
        f"underlined: {split}. Dotted: "
        f"{number(told['bound'])} s, the bound that no way of sharing beats."
    )
    title = f"Who does what when in round {told['round']:,}"
    return spans(title, rows, list(labels.values()), "chain", told["bound"], note)


def _seconds(timed: list[dict[str, Any]]) -> Chart:
    names = {"round_seconds": "whole round", **{f"round_{key}_seconds": words for key, words in _SPLIT}}
    values = np.array([[line.get(key, np.nan) for line in timed] for key in names], float)
    rows = [
        {"name": name, "x": timed[i]["round"], "y": rounded(values[k][i])}
        for i in thinned(values)
        for k, name in enumerate(names.values())
    ]
    return lines("Seconds of each round", rows, list(names.values()), "rounds", "simulated seconds")


def _links(timed: list[dict[str, Any]]) -> str:
    used: dict[str, list[float]] = {}
    for line in timed:
        for name, share in line.get("link_utilisation", {}).items():
            used.setdefault(str(name), []).append(float(share))
    rows = [
        (name, f"{np.mean(shares):.1%}", f"{np.max(shares):.1%}")
        for name, shares in sorted(used.items(), key=lambda item: -float(np.mean(item[1])))
    ]
    return Table(["shared link", "used, mean of rounds", "at most"], rows).html() if rows else ""


def _names(run: RunRecord) -> list[str]:
    return [str(name) for name in run.scenario.get("client_names", [])]
