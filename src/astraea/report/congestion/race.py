"""A race of flows as a table, a picture and a file of numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from astraea.congestion.metrics.score import Score
from astraea.congestion.simulator.results import Result
from astraea.figures import arm_style, new_figure, plain_axes, write_figure
from astraea.files import plain, write_json, write_text
from astraea.tables import Table, csv_text, number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["race_figure", "race_live", "race_summary", "race_text", "write_race", "write_race_csv"]

_SERIES = ("throughput_mbps", "goodput_mbps", "rtt_ms", "rtt_min_ms", "srtt_ms", "jitter_ms", "loss", "inflight")
_COLUMNS = (*_SERIES, "cwnd", "pacing_mbps")
_FLOWS_IN_LEGEND = 12


def race_summary(result: Result, score: Score) -> dict[str, Any]:
    """Return settings and metrics as plain values, ready for JSON; what does not apply is None."""
    return {"settings": result.settings.model_dump(mode="json"), **plain(score)}


def race_live(result: Result) -> RenderableType:
    """Return what the flows do at the end of ``result``, for a terminal."""
    last = result.times_s.size - 1
    rows = [
        [
            name,
            number(result.goodput_mbps[i, last], 1, " Mbit/s"),
            number(result.rtt_ms[i, last], 1, " ms"),
            number(result.cwnd[i, last], 0),
        ]
        for i, name in enumerate(result.names if last >= 0 else ())
    ]
    table = Table(["flow", "goodput", "RTT", "window"], rows).rich()
    seconds = result.times_s[last] if last >= 0 else 0.0
    return Group(Text(f"{seconds:.1f} of {result.settings.duration_s:g} s", style="bold"), table)


def race_text(score: Score) -> RenderableType:
    """Return the metrics for a terminal: a row a flow, then what they did together."""
    rows = []
    for flow in score.flows:
        done = flow.completion
        rows.append(
            [
                flow.name,
                f"{flow.start_s:g}–{flow.end_s:.4g} s",
                number(flow.goodput_mbps, 2, " Mbit/s"),
                number(flow.rtt_ms, 1, " ms"),
                f"{flow.loss:.2%}",
                "" if done is None else f"{'> ' if done.censored else ''}{done.seconds:.2f} s",
            ]
        )
    table = Table(["flow", "present", "goodput", "mean RTT", "lost", "done after"], rows).rich()
    convergence = [c.time for c in score.convergences if c.event.flows >= 2]
    reached = sum(not time.censored for time in convergence)
    together = [
        ("Jain's index", f"{number(score.jain, 3)}   (5th percentile {number(score.jain_p5, 3)})"),
        ("smallest over largest goodput", number(score.min_max, 3)),
        ("convergence", f"{number(score.convergence_s, 1, ' s')}   ({reached} of {len(convergence)} times)"),
        ("deviation after it", f"{number(score.deviation_mbps, 2, ' Mbit/s')}"),
        ("utilisation", f"{score.utilisation:.1%}"),
        ("queueing delay", f"{score.queue_ms:.1f} ms   (95th percentile {score.queue_p95_ms:.1f} ms)"),
        ("lost", f"{score.loss:.3%}"),
    ]
    return Group(table, Text("\n".join(f"{name:<30}{value}" for name, value in together)))


def race_figure(result: Result, title: str = "") -> Figure:
    """Return goodput, round-trip time and window over time as a picture, 9 × 8 inches."""
    figure = new_figure(9, 8)
    axes = figure.subplots(3, 1, sharex=True)
    panels = (
        ("goodput, Mbit/s", result.goodput_mbps),
        ("round-trip time, ms", result.rtt_ms),
        ("window, packets", result.cwnd),
    )
    for axis, (label, series) in zip(axes, panels, strict=True):
        for i, name in enumerate(result.names):
            flow = result.settings.flows[i]
            here = (result.times_s >= flow.start_s) & (result.times_s <= (flow.end_s or np.inf))
            axis.plot(
                result.times_s, np.where(here, series[i], np.nan), label=name, **arm_style(i).of_line, linewidth=1.2
            )
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
        plain_axes(axis)
    axes[-1].set_xlabel("time, s")
    axes[-1].set_xlim(0, result.settings.duration_s)
    if len(result.names) <= _FLOWS_IN_LEGEND:
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    figure.suptitle(title or _described(result), fontsize=11)
    return figure


def write_race_csv(result: Result, path: Path) -> None:
    """Write a row for each flow and sample: its time in s, the flow, and all that is known of it.

    Raises :class:`astraea.errors.RunError` if ``path`` cannot be written.
    """
    rows: list[list[str]] = [["time_s", "flow", *_COLUMNS]]
    series = [getattr(result, name) for name in _COLUMNS]
    for k, time in enumerate(result.times_s):
        for i, name in enumerate(result.names):
            values = (float(values[i, k]) for values in series)
            rows.append([f"{time:.6g}", name, *("" if math.isnan(value) else f"{value:.6g}" for value in values)])
    write_text(path, csv_text(rows, "\n"))


def write_race(result: Result, score: Score, out: Path, again: str) -> None:
    """Write race.json (what came of it and the command ``again``), race.csv and race.png, .svg and .pdf into ``out``.

    Raises :class:`astraea.errors.RunError` if one cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_race_csv(result, out / "race.csv")
    figure = race_figure(result)
    for suffix in ("png", "svg", "pdf"):
        write_figure(out / f"race.{suffix}", figure)
    write_json(out / "race.json", {**race_summary(result, score), "again": again}, indent=1)


def _described(result: Result) -> str:
    link = result.settings.links[0]
    loss = f", {link.loss:.2%} random loss" if link.loss else ""
    rtts = sorted({flow.rtt_ms for flow in result.settings.flows if flow.rtt_ms is not None})
    times = f", {rtts[0]:g}" + (f" to {rtts[-1]:g}" if len(rtts) > 1 else "") + " ms" if rtts else ""
    return f"{link.capacity_mbps:g} Mbit/s{times}, {link.buffer_bytes / 1e3:,.0f} kB of buffer{loss}"
