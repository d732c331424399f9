"""A race of flows as a table, a picture and a file of numbers."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from astraea.congestion.metrics.score import Score, plain
from astraea.congestion.simulator.results import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["race_figure", "race_live", "race_summary", "race_text", "write_race_csv"]

_SERIES = ("throughput_mbps", "goodput_mbps", "rtt_ms", "rtt_min_ms", "srtt_ms", "jitter_ms", "loss", "inflight")
_COLUMNS = (*_SERIES, "cwnd", "pacing_mbps")
_FLOWS_IN_LEGEND = 12


def race_summary(result: Result, score: Score) -> dict[str, Any]:
    """Return settings and metrics as plain values, ready for JSON; what does not apply is None."""
    return {"settings": result.settings.model_dump(mode="json"), **plain(score)}


def race_live(result: Result) -> RenderableType:
    """Return what the flows do at the end of ``result``, for a terminal."""
    table = _table()
    for heading in ("flow", "goodput", "RTT", "window"):
        table.add_column(heading, justify="left" if heading == "flow" else "right")
    last = result.times_s.size - 1
    for i, name in enumerate(result.names):
        if last < 0:
            continue
        rtt = result.rtt_ms[i, last]
        table.add_row(
            name,
            f"{result.goodput_mbps[i, last]:.1f} Mbit/s",
            "–" if math.isnan(rtt) else f"{rtt:.1f} ms",
            f"{result.cwnd[i, last]:.0f}",
        )
    seconds = result.times_s[last] if last >= 0 else 0.0
    return Group(Text(f"{seconds:.1f} of {result.settings.duration_s:g} s", style="bold"), table)


def race_text(score: Score) -> RenderableType:
    """Return the metrics for a terminal: a row a flow, then what they did together."""
    table = _table()
    for heading in ("flow", "present", "goodput", "mean RTT", "lost", "done after"):
        table.add_column(heading, justify="left" if heading == "flow" else "right")
    for flow in score.flows:
        done = flow.completion
        table.add_row(
            flow.name,
            f"{flow.start_s:g}–{flow.end_s:.4g} s",
            f"{flow.goodput_mbps:.2f} Mbit/s",
            _number(flow.rtt_ms, ".1f", " ms"),
            f"{flow.loss:.2%}",
            "" if done is None else f"{'> ' if done.censored else ''}{done.seconds:.2f} s",
        )
    together = Table(show_header=False, box=None, pad_edge=False)
    convergence = [c.time for c in score.convergences if c.event.flows >= 2]
    reached = sum(not time.censored for time in convergence)
    for name, value in (
        ("Jain's index", f"{_number(score.jain, '.3f')}   (5th percentile {_number(score.jain_p5, '.3f')})"),
        ("smallest over largest goodput", _number(score.min_max, ".3f")),
        ("convergence", f"{_number(score.convergence_s, '.1f', ' s')}   ({reached} of {len(convergence)} times)"),
        ("deviation after it", f"{_number(score.deviation_mbps, '.2f', ' Mbit/s')}"),
        ("utilisation", f"{score.utilisation:.1%}"),
        ("queueing delay", f"{score.queue_ms:.1f} ms   (95th percentile {score.queue_p95_ms:.1f} ms)"),
        ("lost", f"{score.loss:.3%}"),
    ):
        together.add_row(name, value)
    return Group(table, together)


def race_figure(result: Result, title: str = "") -> Figure:
    """Return goodput, round-trip time and window over time as a picture, 9 × 8 inches."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 8), layout="constrained")
    axes = figure.subplots(3, 1, sharex=True)
    colors = colormaps["tab10"].colors  # type: ignore[attr-defined]
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
                result.times_s, np.where(here, series[i], np.nan), label=name, color=colors[i % 10], linewidth=1.2
            )
        axis.set_ylabel(label)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    axes[-1].set_xlabel("time, s")
    axes[-1].set_xlim(0, result.settings.duration_s)
    if len(result.names) <= _FLOWS_IN_LEGEND:
        axes[0].legend(loc="upper right", ncols=4, fontsize="small", frameon=False)
    figure.suptitle(title or _described(result), fontsize=11)
    return figure


def write_race_csv(result: Result, file: TextIO) -> None:
    """Write a row for each flow and sample: its time in s, the flow, and all that is known of it."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["time_s", "flow", *_COLUMNS])
    series = [getattr(result, name) for name in _COLUMNS]
    for k, time in enumerate(result.times_s):
        for i, name in enumerate(result.names):
            values = (float(values[i, k]) for values in series)
            writer.writerow([f"{time:.6g}", name, *("" if math.isnan(value) else f"{value:.6g}" for value in values)])


def _described(result: Result) -> str:
    link = result.settings.links[0]
    loss = f", {link.loss:.2%} random loss" if link.loss else ""
    rtts = sorted({flow.rtt_ms for flow in result.settings.flows if flow.rtt_ms is not None})
    times = f", {rtts[0]:g}" + (f" to {rtts[-1]:g}" if len(rtts) > 1 else "") + " ms" if rtts else ""
    return f"{link.capacity_mbps:g} Mbit/s{times}, {link.buffer_bytes / 1e3:,.0f} kB of buffer{loss}"


def _table() -> Table:
    return Table(box=SIMPLE_HEAD, padding=(0, 1), show_edge=False)


def _number(value: float, pattern: str, unit: str = "") -> str:
    return "–" if math.isnan(value) else "never" if math.isinf(value) else f"{value:{pattern}}{unit}"
