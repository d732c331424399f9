"""From what sockets and relay have counted to the simulator's :class:`Result`, so that one set of metrics serves both.

Goodput is in bytes on the wire, as in the simulator: data acknowledged times packet size over the data in a packet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.emulation.senders import Sending
from astraea.congestion.emulation.tcp_info import TcpInfo
from astraea.congestion.emulation.wire import Report
from astraea.congestion.simulator.build import flow_name
from astraea.congestion.simulator.results import Result
from astraea.congestion.simulator.settings import WorldSettings

__all__ = ["outcome"]

Series: TypeAlias = NDArray[np.floating[Any]]

_UNPACED = (1 << 64) - 1


def outcome(world: WorldSettings, plays: Sequence[Sending], report: Report) -> Result:
    """Return the series and totals of a played ``world``.

    Round-trip times are the kernel's smoothed ones, ``lost`` counts what it sent again, and a series takes the
    straight line between two samples of a connection.
    """
    period = world.sample_ms * 1e-3
    times = np.arange(1, len(report.backlog_bytes) + 1) * period
    flows = [_Series(one, times) for one in plays]

    def over(name: str) -> Series:
        return np.array([flow.at(name) for flow in flows])

    def gained(name: str) -> Series:
        return np.diff(np.array([flow.total(name) for flow in flows]), axis=1, prepend=0.0)

    mss = np.array([[one.infos[-1].mss or 1] for one in plays], np.float64)
    to_mbps = 8e-6 / period
    goodput, delivered, sent, resent = (gained(n) for n in ("bytes_acked", "delivered", "segments_out", "resent"))
    pacing = over("pacing_rate")
    heard = ~np.isnan(over("rtt_us"))
    last = [one.infos[-1] for one in plays]
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = np.nan_to_num(resent / sent)
    return Result(
        settings=world,
        names=tuple(flow_name(flow, i) for i, flow in enumerate(world.flows)),
        times_s=times,
        throughput_mbps=delivered * world.packet_bytes * to_mbps,
        goodput_mbps=goodput * world.packet_bytes / mss * to_mbps,
        rtt_ms=over("rtt_us") * 1e-3,
        rtt_min_ms=over("min_rtt_us") * 1e-3,
        srtt_ms=over("rtt_us") * 1e-3,
        jitter_ms=np.where(heard, np.abs(np.diff(over("rtt_us"), axis=1, prepend=np.nan)) * 1e-3, np.nan),
        loss=loss,
        inflight=np.nan_to_num(over("unacked")),
        cwnd=np.nan_to_num(over("cwnd")),
        pacing_mbps=np.nan_to_num(np.where(pacing >= _UNPACED, 0.0, pacing * 8e-6)),
        backlog_bytes=report.backlog_bytes[None, :],
        sent=np.array([one.segments_out for one in last], np.int64),
        delivered=np.array([one.delivered for one in last], np.int64),
        goodput=np.array([round(one.bytes_acked / (one.mss or 1)) for one in last], np.int64),
        lost=np.array([one.resent for one in last], np.int64),
        resent=np.array([one.resent for one in last], np.int64),
        start_s=np.array([flow.start_s for flow in world.flows]),
        completion_s=np.array([np.nan if p.done_s is None else p.done_s - p.flow.start_s for p in plays]),
        transfer_s=np.zeros((len(plays), 0)),
        link_utilisation=np.array([report.utilisation]),
        link_dropped=np.array([int((report.dropped + report.corrupted).sum())], np.int64),
    )


class _Series:
    """The samples of one connection, read off at equal times."""

    def __init__(self, play: Sending, times_s: Series) -> None:
        self._table = dict(zip(TcpInfo._fields, np.array(play.infos, np.float64).T, strict=True))
        self._at, self._times = np.array(play.times_s), times_s

    def total(self, name: str) -> Series:
        """Return a counter: 0 before the first sample, what it came to after the last."""
        return np.asarray(np.interp(self._times, self._at, self._table[name], left=0.0))

    def at(self, name: str) -> Series:
        """Return a gauge, NaN where the connection was not there or has heard nothing yet."""
        known = self._table["bytes_acked"] > 0
        if not known.any():
            return np.full(len(self._times), np.nan)
        there = self._at[known]
        return np.asarray(np.interp(self._times, there, self._table[name][known], left=np.nan, right=np.nan))
