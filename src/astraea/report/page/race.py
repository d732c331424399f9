"""The page of a race of flows: what each got over time, how long packets took, and how fair it was."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from astraea.report.page.charts import Chart, lines
from astraea.report.page.html import Page, Section
from astraea.report.page.records import RaceRecord
from astraea.report.page.run import repeat
from astraea.report.page.series import rounded, thinned
from astraea.tables import Table, number

__all__ = ["race_page"]

_PANELS = (("goodput_mbps", "goodput, Mbit/s"), ("rtt_ms", "round-trip time, ms"), ("cwnd", "window, packets"))
_TOGETHER = (
    ("jain", "Jain's index of goodputs", 1.0, 3),
    ("min_max", "smallest over largest goodput", 1.0, 3),
    ("convergence_s", "seconds to converge", 1.0, 1),
    ("utilisation", "utilisation, %", 100.0, 1),
    ("queue_ms", "queueing delay, ms", 1.0, 1),
    ("queue_p95_ms", "its 95th percentile, ms", 1.0, 1),
    ("loss", "packets lost, %", 100.0, 3),
)


def race_page(race: RaceRecord) -> Page:
    """Return the page of a race."""
    facts = race.facts
    flows = facts["flows"]
    link = facts["settings"]["links"][0]
    names = [str(flow["name"]) for flow in flows]
    loss = f", {link['loss']:.2%} random loss" if link["loss"] else ""
    lead = (
        f"{len(flows)} flows on one link: {link['capacity_mbps']:g} Mbit/s, {link['buffer_bytes'] / 1e3:,.0f} kB of "
        f"buffer{loss}, {facts['settings']['duration_s']:g} s."
    )
    times = np.array(race.times)
    present = np.array([(times >= flow["start_s"]) & (times <= flow["end_s"]) for flow in flows])
    charts = []
    for key, words in _PANELS:
        values = np.where(present, np.array([race.series[name][key] for name in names], float), np.nan)
        charts.append(_over_time(words, times, values, names))
        if key == "goodput_mbps" and len(flows) > 1:
            charts.append(
                _over_time("Jain's index of the last second", times, _jain(_smooth(times, values))[None], ["fairness"])
            )
    sections = [
        Section("How they shared", html=_flows(race) + _together(race)),
        Section("Over time", charts),
        repeat([facts["again"]]),
    ]
    return Page(" against ".join(dict.fromkeys(str(flow["controller"]) for flow in flows)), lead, [], sections)


def _jain(goodput: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Jain's index at each time of ``goodput`` ``(flows, times)``, NaN for flows that are absent.

    It is NaN while fewer than two flows are there. Jain, Chiu, Hawe, DEC-TR-301, 1984.
    """
    count = np.isfinite(goodput).sum(axis=0)
    known = np.nan_to_num(goodput)
    with np.errstate(invalid="ignore", divide="ignore"):
        index = known.sum(axis=0) ** 2 / (count * (known**2).sum(axis=0))
    return np.where(count >= 2, index, np.nan)


def _smooth(times: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return means over the latest second, of what is known of it."""
    if len(times) < 2:
        return values
    width = max(1, round(1.0 / float(times[1] - times[0])))
    known = np.isfinite(values)
    sums = np.cumsum(np.where(known, values, 0.0), axis=1)
    counts = np.cumsum(known, axis=1).astype(float)
    sums[:, width:] -= sums[:, :-width].copy()
    counts[:, width:] -= counts[:, :-width].copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, sums / counts, np.nan)


def _over_time(words: str, times: NDArray[np.float64], values: NDArray[np.float64], names: Sequence[str]) -> Chart:
    rows = []
    for name, line in zip(names, values, strict=True):
        kept = np.flatnonzero(np.isfinite(line))
        if len(kept):
            rows += [
                {"name": name, "x": rounded(times[i]), "y": rounded(line[i])} for i in kept[thinned(line[None, kept])]
            ]
    return lines(words[:1].upper() + words[1:], rows, list(names), "time, s", words)


def _flows(race: RaceRecord) -> str:
    rows = [
        [
            str(flow["name"]),
            f"{flow['start_s']:g}–{flow['end_s']:.4g}",
            number(_known(flow["goodput_mbps"]), 2),
            number(_known(flow["rtt_ms"]), 1),
            number(100 * _known(flow["loss"]), 2),
        ]
        for flow in race.facts["flows"]
    ]
    return Table(["flow", "present, s", "goodput, Mbit/s", "mean RTT, ms", "lost, %"], rows).html()


def _together(race: RaceRecord) -> str:
    rows = [(words, number(scale * _known(race.facts[key]), digits)) for key, words, scale, digits in _TOGETHER]
    return Table(["together", "value"], rows).html()


def _known(value: float | None) -> float:
    return float("nan") if value is None else float(value)
