"""The sender by itself: what acknowledgements tell becomes intervals, features, actions and a window."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from astraea.congestion.connection import window
from astraea.congestion.connection.intervals import begin_interval, close_interval
from astraea.congestion.connection.measure import measure_rtt, sample_rate
from astraea.congestion.connection.motion import UNIT
from astraea.congestion.connection.record import (
    INF,
    LIMITED,
    OPEN,
    RECOVERY,
    TIMEOUT,
    Connection,
    Interval,
    Sample,
    Sent,
    dtype_of,
    rows,
)
from astraea.congestion.observation.features import observe
from astraea.congestion.observation.frames import FRAME, FRAMES, HISTORY, begin, record
from astraea.congestion.policy.policy import Policy

__all__ = ["Ack", "Decision", "Sender"]

_CONNECTION, _INTERVAL, _SAMPLE, _SENT = (dtype_of(found) for found in (Connection, Interval, Sample, Sent))


class Ack(NamedTuple):
    """An acknowledgement: what it covers, and what is known of the newest packet that it covers."""

    now: int  # nanoseconds, as all times here
    acked: int  # packets, as all counts here
    sent: int  # transmissions so far
    inflight_before: int
    inflight: int  # what is left when losses are taken off
    newly_lost: int  # declared lost with it
    undone: int  # 1: packets that a timeout gave up have arrived, so it is undone
    recovered: int  # 1: all that was out when losses or a timeout began has arrived
    loses: int  # 1: an episode of losses begins
    marked: int  # 1: congestion marks came, the first of a window
    window_limited: int  # whether the window has bounded sending in the last round trip
    packet_sent: int  # of the newest packet: when it was sent, and the connection's record at that time
    packet_delivered: int
    packet_delivered_at: int
    packet_first_sent_at: int
    packet_inflight: int
    packet_lost: int
    packet_limited: int


class Decision(NamedTuple):
    """What a control interval ends with."""

    interval: list[int]  # the fields of Interval, in their order
    features: list[int]  # in 1/1024; empty where nothing was acknowledged
    action: int | None  # in 1/2**20; None where nothing is decided
    window: int  # what the policy wants, in 1/2**20 packets
    enforced: int  # what is enforced, but for the floor of two packets; in the same unit
    pace: int  # 1/1024 packets per second


class Sender:
    """One connection whose window ``policy`` drives, one in integers. ``f`` and ``c`` are the connection's records."""

    def __init__(self, policy: Policy) -> None:
        self.f, self.c = rows(1, _CONNECTION)[0], rows(1, dtype_of(window.State))[0]
        self._interval, self._mark, self._packet = (rows(1, kind)[0] for kind in (_INTERVAL, _SAMPLE, _SENT))
        self._frames, self._history = rows(FRAMES, FRAME), rows(1, HISTORY)
        self._policy = policy
        self._observation = policy.header.observation
        f, control = self.f, policy.header.control
        for name, value in control.fields().items():
            f[name] = value
        f.parameter, f.wire_bytes, f.burst, f.window_max = 1.0, 1500, 1, 1 << 20
        f.rto_min, f.interval_min, f.rng = 200_000_000, 30_000_000, 1
        f.min_rtt = f.block_at = f.block_rtt = f.sample_rtt_min = INF
        begin(self._history, np.ones(1), 1500)
        window.start(f, self.c, 0)
        begin_interval(self._mark, f, 0)

    def tell(self, event: str, numbers: list[int]) -> Decision | None:
        """Tell of an event: ``ack`` with the fields of :class:`Ack`, or ``timeout`` with its time.

        At the end of a control interval, ``interval`` with its time, the transmissions so far and what is in flight,
        the decision is returned.
        """
        f, now = self.f, numbers[0]
        if event == "ack":
            self._acknowledge(Ack(*numbers))
        elif event == "timeout":
            f.inflight = f.acked = f.newly_lost = 0
            window.on_timeout(f, self.c, now)
            f.recovering = TIMEOUT
        else:
            _, f.sent, f.inflight = numbers
            return self._decide(now)
        return None

    def _acknowledge(self, ack: Ack) -> None:
        f, c, packet = self.f, self.c, self._packet
        f.delivered += ack.acked
        f.goodput += ack.acked
        f.acks += 1
        f.acked = ack.acked
        f.sent = ack.sent
        f.prior_inflight = ack.inflight_before
        f.inflight_sum += ack.inflight_before
        for name in ("sent", "delivered", "delivered_at", "first_sent_at", "inflight", "lost"):
            packet[name] = getattr(ack, f"packet_{name}")
        packet.status = LIMITED if ack.packet_limited else 0
        f.window_filled = f.window_limited = ack.window_limited
        sample_rate(f, packet, ack.now)
        measure_rtt(f, ack.now - ack.packet_sent, ack.acked, ack.now)
        f.newly_lost = ack.newly_lost
        f.lost += ack.newly_lost
        f.sample_lost = f.lost - ack.packet_lost
        f.inflight = ack.inflight
        f.marked += ack.marked
        if ack.undone:
            f.recovering = OPEN
            window.on_undo(f, c, ack.now)
        if ack.recovered:
            f.recovering = OPEN
            window.on_recovered(f, c, ack.now)
        if ack.loses:
            f.recovering = RECOVERY
            window.on_loss(f, c, ack.now)
        if ack.marked:
            window.on_mark(f, c, ack.now)
        window.on_ack(f, c, ack.now)

    def _decide(self, now: int) -> Decision:
        f, c, interval = self.f, self.c, self._interval
        close_interval(interval, self._mark, f, now)
        features: Any = np.zeros(
            self._observation.size if record(self._frames, self._history[0], interval) else 0, "i4"
        )
        action = None
        if len(features):
            observe(self._observation.kind, self._observation.history, self._frames, self._history[0], features)
            if not window.busy(f, c):
                action = round(self._policy.action(features) * UNIT)
                window.act(f, c, action / UNIT)
        values = [interval[name].item() for name in _INTERVAL.names or ()]
        return Decision(values, features.tolist(), action, int(c.window), int(f.window), int(c.pace))
