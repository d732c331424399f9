"""What a flow has measured, interval by interval, in the integers that a kernel has too: the observation's input.

A *frame* is one control interval in which at least one acknowledgement came; silent intervals are counted into
the next, since without an acknowledgement nothing is decided. A flow keeps its last :data:`FRAMES` frames.
"""

from __future__ import annotations

import numpy as np

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.connection.record import Floats, Interval, Rows, dtype_of

__all__ = ["FRAME", "FRAMES", "HISTORY", "Frame", "History", "begin", "frame_at", "merge", "record"]

FRAMES = 16  # a power of two


class Frame:
    """One control interval in which at least one acknowledgement came."""

    duration: int  # microseconds, as all times here
    sent: int  # packets, as all counts here
    delivered: int
    lost: int
    resent: int
    acks: int
    rtt_sum: int  # over delivered packets
    rtt_step_sum: int  # absolute differences of successive round-trip times, over acknowledgements
    rtt_low: int  # mean of the smallest of blocks of 30 to 60 ms
    srtt: int  # at the interval's end, like what follows
    base_rtt: int  # smallest that the connection holds, and what noise adds to it
    window: int  # congestion window in 1/1024 packets
    inflight: int
    drain_left: int  # 1/1024 of the queueing delay that drains leave
    pacing_rate: int  # packets per second
    rate_max: int  # largest delivery rate of any frame so far, in 1/1024 packets per second


class History:
    """What is known of a flow beside its frames."""

    count: int  # frames so far; the newest is number count - 1
    open: int  # whether the next frame already holds silent intervals
    weight: int  # of the flow, in 1/1024
    wire_bytes: int  # of a packet
    rate_max: int


FRAME, HISTORY = dtype_of(Frame), dtype_of(History)


def begin(histories: Rows[History], weights: Floats, wire_bytes: int) -> None:
    """Make zeroed ``histories`` those of flows of these ``weights`` and packets of ``wire_bytes``."""
    histories["weight"] = np.maximum(np.rint(weights * ONE), 1)
    histories["wire_bytes"] = wire_bytes


@inlined
def frame_at(frames: Rows[Frame], history: History, back: int) -> Frame:
    """Return the frame that is ``back`` frames before the newest."""
    return frames[(history.count - 1 - back) & (FRAMES - 1)]


@inlined
def record(frames: Rows[Frame], history: History, interval: Interval) -> bool:
    """Add a closed ``interval`` of the simulator; return whether it completes a frame."""
    frame = frames[history.count & (FRAMES - 1)]
    if not history.open:
        frame.duration = 0
        frame.sent = 0
        frame.delivered = 0
        frame.lost = 0
        frame.resent = 0
    frame.duration += (interval.end - interval.start) // 1000
    frame.sent += interval.sent
    frame.delivered += interval.delivered
    frame.lost += interval.lost
    frame.resent += interval.resent
    if interval.acks == 0 or frame.duration == 0:
        history.open = 1
        return False
    history.open = 0
    frame.acks = interval.acks
    frame.rtt_sum = interval.rtt_sum // 1000
    frame.rtt_step_sum = interval.rtt_step_sum // 1000
    frame.rtt_low = max(interval.rtt_low // 1000, 1)
    frame.srtt = max(interval.srtt // 1000, 1)
    frame.base_rtt = max((interval.min_rtt + interval.noise) // 1000, 1)
    frame.window = interval.window
    frame.inflight = interval.inflight
    frame.drain_left = interval.drain_left
    frame.pacing_rate = interval.pacing_rate
    history.rate_max = max(history.rate_max, frame.delivered * 1_000_000 * ONE // frame.duration)
    frame.rate_max = history.rate_max
    history.count += 1
    return True


@inlined
def merge(frames: Rows[Frame], history: History, back: int, span: int) -> tuple[int, int, int, int, int, int, int, int]:
    """Add up frames from ``back`` before the newest on, backwards, until they cover seven eighths of ``span``.

    Returns the next ``back``, then duration, sent, delivered, lost, sum of round-trip times, the mean of the low
    ones, and the window at the end of the newest; all 0 but the first if no frame is left.
    """
    duration = sent = delivered = lost = rtt_sum = low_sum = window = count = 0
    held = min(history.count, FRAMES)
    while back < held and 8 * duration < 7 * span:
        frame = frame_at(frames, history, back)
        if duration == 0:
            window = frame.window
        duration += frame.duration
        sent += frame.sent
        delivered += frame.delivered
        lost += frame.lost
        rtt_sum += frame.rtt_sum
        low_sum += frame.rtt_low
        count += 1
        back += 1
    return back, duration, sent, delivered, lost, rtt_sum, low_sum // max(count, 1), window
