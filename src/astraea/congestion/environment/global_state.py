"""What a centralised critic sees of a whole world, of one length whatever the number of flows.

It may know what no flow knows: links, shares, cross traffic. Like the features, it carries no raw rates or times.
"""

from __future__ import annotations

import math

import numpy as np

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import Floats, Rows
from astraea.congestion.observation.frames import Frame, History, frame_at
from astraea.congestion.simulator.links import backlog
from astraea.congestion.simulator.state import ACTIVE, World

__all__ = ["STATE", "survey"]

STATE: tuple[tuple[str, str], ...] = (
    ("agents", "log2(1 + agents present)"),
    ("agent_share", "the agents' part of the sum of all flows' max-min shares"),
    ("throughput", "sum of delivery rates / sum of max-min shares"),
    ("least", "smallest delivery rate / max-min share"),
    ("most", "largest delivery rate / max-min share"),
    ("latency", "mean queueing delay / mean base RTT, at most 4"),
    ("loss", "packets lost / packets sent, in the last intervals"),
    ("window_least", "log2((1 + smallest window) / (1 + share * base RTT)), held within 8"),
    ("window_mean", "the same of the mean window"),
    ("window_most", "the same of the largest window"),
    ("pipe", "log2(1 + mean of share * base RTT in packets) / 8"),
    ("rtt_spread", "log2(largest / smallest base RTT)"),
    ("buffer", "log2(buffer / (capacity * mean base RTT)) of the link where that is least, held within 8"),
    ("occupancy", "largest part of a buffer that is full"),
    ("wire_loss", "1 - the product of (1 - random loss) over the links"),
    ("jitter", "mean delay variation between packets / smoothed RTT, at most 4"),
)
"""Name and formula of each value. The means are over the agents that have closed an interval."""


@inlined
def survey(
    w: World, frames: Rows[Rows[Frame]], histories: Rows[History], shares: Floats, bases: Floats, out: Floats
) -> None:
    """Write the global state of world ``w`` at its present time into ``out``, float32 of shape ``(16,)``."""
    for k in range(len(out)):
        out[k] = 0.0
    n = 0
    all_shares = own_shares = rates = queue = base = sent = lost = pipes = windows = ideal = jitter = 0.0
    least = window_least = base_least = np.inf
    most = window_most = base_most = 0.0
    for i in range(w.clock[0].flows):
        f = w.flows[i]
        if f.phase != ACTIVE:
            continue
        all_shares += shares[i]
        if not f.external or histories[i].count == 0:
            continue
        n += 1
        newest = frame_at(frames[i], histories[i], 0)
        rate = 1e6 * newest.delivered / newest.duration
        share = max(shares[i], 1e-9)
        pipe = share * bases[i] * 1e-6
        own_shares += share
        rates += rate
        least = min(least, rate / share)
        most = max(most, rate / share)
        queue += max(newest.rtt_sum / max(newest.delivered, 1) - bases[i], 0.0)
        base += bases[i]
        base_least = min(base_least, bases[i])
        base_most = max(base_most, bases[i])
        sent += newest.sent
        lost += newest.lost
        pipes += pipe
        window_least = min(window_least, (1.0 + f.cwnd) / (1.0 + pipe))
        window_most = max(window_most, (1.0 + f.cwnd) / (1.0 + pipe))
        windows += 1.0 + f.cwnd
        ideal += 1.0 + pipe
        jitter += newest.rtt_step_sum / newest.acks / newest.srtt
    if n == 0:
        return
    out[0] = math.log2(1.0 + n)
    out[1] = own_shares / all_shares
    out[2] = min(rates / own_shares, 4.0)
    out[3] = min(least, 4.0)
    out[4] = min(most, 64.0)
    out[5] = min(queue / base, 4.0)
    out[6] = min(lost / max(sent, 1.0), 1.0)
    out[7] = _log(window_least)
    out[8] = _log(windows / ideal)
    out[9] = _log(window_most)
    out[10] = math.log2(1.0 + pipes / n) / 8.0
    out[11] = math.log2(base_most / base_least)
    room = np.inf
    full = 0.0
    arrives = 1.0
    for j in range(w.clock[0].links):
        link = w.links[j]
        room = min(room, link.buffer * link.ns_per_byte / (1e3 * base / n))
        full = max(full, backlog(link, w.segments, w.clock[0].now) / link.buffer)
        arrives *= 1.0 - link.loss
    out[12] = _log(room)
    out[13] = full
    out[14] = 1.0 - arrives
    out[15] = min(jitter / n, 4.0)


@inlined
def _log(x: float) -> float:
    return min(max(math.log2(x), -8.0), 8.0)
