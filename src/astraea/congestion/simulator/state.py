"""The state of a world: plain rows of integers and floats that compiled and interpreted code both understand.

Times are int64 nanoseconds of virtual time, windows are packets, rates are packets per second, sizes bytes.
A flow's packets are rows of a ring, one row per transmission, numbered by ``pn`` in the order of sending.
A path never reorders, so where a packet is follows from which cursors have passed its number: no queue of
events is kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "ACTIVE",
    "ARRIVED",
    "CLOCK",
    "CLOSED",
    "DROPPED",
    "FLOW",
    "INF",
    "INTERVAL",
    "LIMITED",
    "LINK",
    "LOST",
    "MARKED",
    "MISSING",
    "OPEN",
    "PACKET",
    "QUEUED",
    "RECOVERY",
    "RESENT",
    "SAMPLE",
    "SEGMENT",
    "STAGE",
    "TIMEOUT",
    "WAITING",
    "World",
    "rows",
]

INF = 1 << 62  # a time that never comes, and an amount that never runs out

WAITING, ACTIVE, CLOSED = 0, 1, 2  # a flow's phase
DROPPED, MARKED = 1, 2  # a packet's status: what the network did to it,
LOST, RESENT, LIMITED = 4, 8, 16  # and what the sender believes: lost, a repeat, limited by the application
ARRIVED, MISSING, QUEUED = 1, 2, 4  # data: acknowledged, declared lost, waiting to be sent again
OPEN, RECOVERY, TIMEOUT = 0, 1, 2  # a flow's state of loss recovery

_COUNTERS = [
    ("sent", "i8"),  # transmissions
    ("delivered", "i8"),  # transmissions acknowledged
    ("goodput", "i8"),  # packets of data acknowledged, each once
    ("lost", "i8"),  # transmissions the sender declared lost, rightly or not, as Linux counts them
    ("resent", "i8"),  # transmissions that repeat data
    ("marked", "i8"),  # acknowledged transmissions with a congestion mark
    ("rtt_sum", "i8"),  # sum of round-trip times, one per acknowledged transmission
    ("rtt_step_sum", "i8"),  # sum of absolute differences of successive round-trip times
    ("acks", "i8"),  # acknowledgements that came
    ("inflight_sum", "i8"),  # sum of the packets in flight seen by acknowledgements
]
_GAUGES = [
    ("cwnd", "f8"),
    ("pacing_rate", "f8"),
    ("srtt", "f8"),
    ("min_rtt", "i8"),  # smallest round-trip time the connection holds as its base
    ("drain_left", "i8"),  # 1/1024 of the queueing delay that drains leave, if its controller drains
    ("inflight", "i8"),
]

FLOW = np.dtype(
    [
        # the connection as a controller sees it
        *_COUNTERS,
        *_GAUGES,  # a controller writes cwnd and pacing_rate (0: unpaced)
        ("ssthresh", "f8"),
        ("rttvar", "f8"),
        ("last_rtt", "i8"),  # round-trip time of the newest acknowledged transmission
        ("min_rtt_at", "i8"),
        ("acked", "i8"),  # transmissions this acknowledgement covers
        ("prior_inflight", "i8"),  # in flight before this acknowledgement
        ("recovering", "i8"),  # OPEN, RECOVERY or TIMEOUT
        ("rounds", "i8"),  # round trips so far
        ("round_start", "i8"),  # whether this acknowledgement begins a round trip
        ("window_limited", "i8"),  # whether the window has bounded sending in the last round trip
        ("sample_delivered", "i8"),  # delivery-rate sample: packets delivered ...
        ("sample_interval", "i8"),  # ... in this time ...
        ("sample_limited", "i8"),  # ... and whether the application limited it
        ("sample_prior", "i8"),  # deliveries when the newest acknowledged packet was sent,
        ("sample_inflight", "i8"),  # what was in flight then, it included,
        ("sample_lost", "i8"),  # and how many were declared lost since
        ("newly_lost", "i8"),  # declared lost with this acknowledgement
        # what the flow is
        ("controller", "i8"),
        ("external", "i8"),  # whether its controller waits for actions from outside
        ("conserves", "i8"),  # whether proportional rate reduction governs recovery
        ("paces", "i8"),  # whether the sender paces a window whose controller sets no rate
        ("parameter", "f8"),  # the controller's one free number: weight, fixed window
        ("gain", "f8"),  # change of the window or rate at an action of 1
        ("refresh_after", "i8"),  # age at which a policy renews its base round-trip time; INF: never
        ("hops", "i8"),
        ("wire_bytes", "i8"),  # of a packet
        ("reverse_delay", "i8"),  # from the receiver back to the sender
        ("start_at", "i8"),
        ("end_at", "i8"),
        ("finish_seq", "i8"),  # packets of data in all; INF: no end
        ("burst", "i8"),  # packets sent back to back (segmentation offload)
        ("window_max", "i8"),  # receive window in packets
        ("rto_min", "i8"),
        ("rto", "i8"),
        ("interval_min", "i8"),
        ("interval_fixed", "i8"),  # control interval; 0: max(interval_min, srtt / 2)
        ("rng", "u8"),
        # application
        ("app", "i8"),
        ("wake_at", "i8"),  # the next of: start, data from the application, end
        ("app_at", "i8"),  # when it next hands over data
        ("app_gap", "f8"),  # mean time between hand-overs
        ("app_chunk", "i8"),  # packets a time
        ("app_debt", "f8"),  # part of a nanosecond left over
        ("limit_seq", "i8"),  # data handed over so far
        ("transfer", "i8"),  # packets of a transfer whose completion is noted
        ("milestone_seq", "i8"),  # end of the transfer under way
        ("transfers", "i8"),  # transfers completed
        # acknowledgement path
        ("plain_acks", "i8"),  # one acknowledgement a packet, neither jitter nor aggregation
        ("ack_every", "i8"),
        ("ack_timeout", "i8"),
        ("ack_slot", "i8"),
        ("jitter", "f8"),
        ("last_arrival", "i8"),
        ("last_ack", "i8"),
        ("hold_pn", "i8"),  # first packet whose acknowledgement the receiver holds back
        ("hold_until", "i8"),
        ("holding", "i8"),
        ("seen_seq", "i8"),  # data the receiver has seen the end of
        ("missing", "i8"),  # pieces of data it misses below that
        # sender
        ("phase", "i8"),
        ("next_pn", "i8"),
        ("next_seq", "i8"),
        ("una_seq", "i8"),  # all data before it is acknowledged
        ("ack_pn", "i8"),  # next packet whose acknowledgement may come
        ("ack_at", "i8"),  # when
        ("known_pn", "i8"),  # all before it are acknowledged or declared lost
        ("newest_pn", "i8"),  # newest acknowledged
        ("holes", "i8"),  # packets missing below the newest acknowledged, not yet declared lost
        ("beyond_hole", "i8"),  # acknowledged since the first of them went missing
        ("mask", "i8"),
        ("seq_mask", "i8"),
        ("resend_head", "i8"),
        ("resend_tail", "i8"),
        ("delivered_at", "i8"),
        ("first_sent_at", "i8"),
        ("last_sent_at", "i8"),
        ("limited_until", "i8"),  # delivery count up to which samples are application-limited
        ("round_end", "i8"),
        ("pace_at", "i8"),
        ("window_filled", "i8"),  # whether it has in this one
        ("release_at", "i8"),  # when a held-back sender tries again
        ("started_at", "i8"),
        ("finished_at", "i8"),
        # loss recovery
        ("recover_seq", "i8"),
        ("recover_flight", "i8"),
        ("prr_delivered", "i8"),
        ("prr_out", "i8"),
        ("undo_cwnd", "f8"),
        ("undo_ssthresh", "f8"),
        ("timer_at", "i8"),
        ("timer", "i8"),
        ("backoff", "i8"),
        ("ce_seq", "i8"),  # one answer to congestion marks per window: none before this is acknowledged
        # statistics
        ("interval_at", "i8"),
        ("block_at", "i8"),  # when the present block of the control interval ends
        ("block_length", "i8"),
        ("block_rtt", "i8"),  # smallest round-trip time in it; INF: none yet
        ("low_sum", "i8"),  # sum of those of the interval's blocks so far
        ("low_count", "i8"),
        ("sample_rtt_min", "i8"),
        ("intervals", "i8"),  # control intervals closed
    ],
    align=True,
)

INTERVAL = np.dtype([("start", "i8"), ("end", "i8"), *_COUNTERS, ("rtt_low", "i8"), *_GAUGES], align=True)
"""A flow's last control interval: counters as differences over it, gauges as they were at its end.

``rtt_low`` is the mean of the smallest round-trip times of equal blocks of 30 to 60 ms, 0 if none was measured: noise
is filtered out over the same time whatever the interval, since the smallest of a longer time is smaller.
"""

SAMPLE = np.dtype([("at", "i8"), *_COUNTERS, ("rtt_min", "i8"), *_GAUGES], align=True)
"""A flow at one instant: counters since its start, gauges, and the smallest RTT since the last sample."""

PACKET = np.dtype(
    [
        ("at", "i8"),  # when it reaches its next stage: a link, or the sender as an acknowledgement
        ("sent", "i8"),
        ("seq", "i8"),  # which data it carries
        ("status", "i8"),  # bits: DROPPED, MARKED, LOST, RESENT, LIMITED
        ("delivered", "i8"),  # connection's counts when it was sent, for the delivery-rate sample
        ("delivered_at", "i8"),
        ("first_sent_at", "i8"),
        ("inflight", "i4"),  # packets in flight, this one included
        ("lost", "i4"),  # packets declared lost so far
    ],
    align=True,
)

STAGE = np.dtype([("pn", "i8"), ("at", "i8")], align=True)
"""Next packet to arrive at one of a flow's later links, and when."""

LINK = np.dtype(
    [
        ("ns_per_byte", "f8"),
        ("delay", "i8"),
        ("buffer", "i8"),  # bytes
        ("loss", "f8"),
        ("mark_above", "i8"),  # backlog in bytes above which packets are marked; INF: never
        ("rng", "u8"),
        ("busy", "i8"),  # when the last accepted byte leaves
        ("part", "f8"),  # the part of a nanosecond that rounding has left over
        # capacity that varies: rows of the segment table, work in bytes
        ("first", "i8"),
        ("last", "i8"),  # one past; first == last: constant
        ("period", "i8"),  # after which the schedule repeats; INF: it holds its last rate
        ("period_work", "f8"),
        ("work", "f8"),  # bytes the link will have been able to carry when the last accepted one leaves
        ("now_segment", "i8"),
        ("now_lap", "i8"),
        ("busy_segment", "i8"),
        ("busy_lap", "i8"),
        # CoDel
        ("codel_target", "i8"),  # 0: off
        ("codel_interval", "i8"),
        ("codel_marks", "i8"),
        ("codel_above", "i8"),
        ("codel_next", "i8"),
        ("codel_count", "i8"),
        ("codel_last", "i8"),
        ("codel_dropping", "i8"),
        # counters
        ("arrived", "i8"),
        ("overflowed", "i8"),
        ("dropped", "i8"),  # by CoDel
        ("corrupted", "i8"),  # random loss
        ("marked", "i8"),
        ("carried", "i8"),  # packets that left
        ("bytes", "i8"),
    ],
    align=True,
)

SEGMENT = np.dtype([("at", "i8"), ("work", "f8"), ("ns_per_byte", "f8")], align=True)
"""A stretch of constant capacity: its start, the bytes that could be carried before it, its rate."""

CLOCK = np.dtype(
    [
        ("now", "i8"),
        ("flows", "i8"),
        ("links", "i8"),
        ("leaves", "i8"),  # power of two, one leaf per flow and one for sampling
        ("sample_every", "i8"),
        ("sample_at", "i8"),
        ("samples", "i8"),
    ],
    align=True,
)


class World(NamedTuple):
    """Everything a world is, as arrays; F flows, L links, H hops, C packets of ring, S samples, T transfers."""

    clock: Any  # (1,) CLOCK
    flows: Any  # (F,) FLOW
    links: Any  # (L,) LINK
    segments: Any  # (all links' segments,) SEGMENT
    routes: Any  # (F, H) int64: links of a flow's path
    stages: Any  # (F, H) STAGE
    packets: Any  # (F, C) PACKET
    data: Any  # (F, C) uint8: what the sender knows of each piece of data not yet acknowledged in full
    resend: Any  # (F, C) int64: data to send again, in order
    completions: Any  # (F, T) int64: when each transfer of a flow was complete
    intervals: Any  # (F,) INTERVAL: the last one closed
    marks: Any  # (F,) SAMPLE: counters when the current interval began
    samples: Any  # (S, F) SAMPLE
    backlogs: Any  # (S, L) int64: bytes queued at each sample
    keys: Any  # (2 * leaves,) int64: the tournament's times ...
    owners: Any  # ... and whose they are
    controls: Any  # a row of state per flow for each kind of controller


def rows(shape: int | tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return zeroed rows of ``dtype`` whose fields are attributes."""
    return np.zeros(shape, dtype).view(np.recarray)
