"""Samples of all flows at regular times."""

from __future__ import annotations

from astraea.congestion.compiled import compiled
from astraea.congestion.connection.intervals import note
from astraea.congestion.connection.record import INF
from astraea.congestion.simulator.links import backlog
from astraea.congestion.simulator.state import Clock, World

__all__ = ["record_sample"]


@compiled
def record_sample(w: World, clock: Clock, now: int) -> None:
    """Write the next row of ``w.samples`` and ``w.backlogs``."""
    k = clock.samples
    for i in range(clock.flows):
        f = w.flows[i]
        row = w.samples[k, i]
        note(row, f, now)
        row.rtt_min = f.sample_rtt_min if f.sample_rtt_min < INF else 0
        f.sample_rtt_min = INF
    for j in range(clock.links):
        w.backlogs[k, j] = int(backlog(w.links[j], w.segments, now))
    clock.samples = k + 1
    clock.sample_at = now + clock.sample_every if k + 1 < w.samples.shape[0] else INF
