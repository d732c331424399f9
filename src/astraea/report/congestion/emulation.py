"""An emulation as a table and as plain values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from astraea.congestion.emulation.emulate import Emulation
from astraea.congestion.metrics.score import Score
from astraea.congestion.simulator.results import FALLBACK_MOST
from astraea.files import plain
from astraea.report.congestion.race import race_summary, race_text

__all__ = ["emulation_summary", "emulation_text"]


def emulation_summary(done: Emulation, found: Score, predicted: Score | None) -> dict[str, Any]:
    """Return settings and metrics as plain values, ready for JSON; what does not apply is None."""
    relay = done.relay
    return {
        **race_summary(done.result, _named(done, found)),
        "controllers": list(done.controllers),
        "fallback": done.fallback,
        "load": done.load,
        "relay": {
            "packets": relay.carried,
            "late_p50_ms": relay.late_p50_ms,
            "late_p99_ms": relay.late_p99_ms,
            "late_max_ms": relay.late_max_ms,
            "real_time": relay.real_time,
        },
        "predicted": None if predicted is None else plain(predicted),
    }


def emulation_text(done: Emulation, found: Score, predicted: Score | None) -> RenderableType:
    """Return the metrics for a terminal: as of a race, then how well the link was emulated."""
    relay = done.relay
    lines = []
    if done.fallback is not None:
        aside = " (counts as CUBIC's)" if done.fallback > FALLBACK_MOST else ""
        lines.append(("in fallback, astraea's flows", f"{done.fallback:.1%}{aside}"))
    if predicted is not None:
        lines.append(("the simulator: Jain's index", f"{predicted.jain:.3f}"))
        lines.append(("the simulator: utilisation", f"{predicted.utilisation:.1%}"))
        lines.append(("the simulator: queueing delay", f"{predicted.queue_ms:.1f} ms"))
    times = (
        f"{relay.late_p50_ms:.2f} ms   (99th percentile {relay.late_p99_ms:.2f} ms, most {relay.late_max_ms:.1f} ms)"
    )
    lines.append(("packets later than due", times))
    lines.append(("load of the machine", f"{done.load:.1f}" + ("" if relay.real_time else ", relay without priority")))
    return Group(race_text(_named(done, found)), Text("\n".join(f"{name:<30}{value}" for name, value in lines)))


def _named(done: Emulation, found: Score) -> Score:
    """Call controllers as the kernel does."""
    named = zip(found.flows, done.controllers, strict=True)
    return replace(found, flows=tuple(replace(flow, controller=name) for flow, name in named))
