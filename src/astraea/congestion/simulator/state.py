"""The state of a world: plain rows of integers and floats that compiled and interpreted code both understand.

Times are int64 nanoseconds of virtual time, windows are packets, rates are packets per second, sizes bytes.
A flow's packets are rows of a ring, one row per transmission, numbered by ``pn`` in the order of sending.
A path never reorders, so where a packet is follows from which cursors have passed its number: no queue of
events is kept.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple, TypeAlias

from astraea.congestion.connection.record import Connection, Interval, Ints, Rows, Sample, Sent, dtype_of

__all__ = [
    "ACTIVE",
    "ARRIVED",
    "CLOCK",
    "CLOSED",
    "DELAY",
    "DROPPED",
    "FLOW",
    "INTERVAL",
    "LINK",
    "MARKED",
    "MISSING",
    "PACKET",
    "QUEUED",
    "SAMPLE",
    "SEGMENT",
    "SPOKEN_FOR",
    "STAGE",
    "WAITING",
    "Clock",
    "Delay",
    "Flow",
    "Link",
    "Packet",
    "Segment",
    "Stage",
    "World",
    "Worlds",
]

WAITING, ACTIVE, CLOSED = 0, 1, 2  # a flow's phase
DROPPED, MARKED, SPOKEN_FOR = 1, 2, 32  # bits of a packet's status: what the network did to it; others: the sender's
ARRIVED, MISSING, QUEUED = 1, 2, 4  # data: acknowledged, declared lost, waiting to be sent again


class Flow(Connection):
    """A connection, its application, its receiver, and where the simulation of it is."""

    # what the flow is
    controller: int
    external: int  # whether its controller waits for actions from outside
    hops: int  # links of its path
    clock_ahead: int  # of the world's when that began
    clock_ppm: int  # how much faster it runs, in millionths
    reverse_delay: int  # from the receiver back to the sender, without queues
    start_at: int
    end_at: int
    finish_seq: int  # packets of data in all; INF: no end
    # application
    app: int
    wake_at: int  # the next of: start, data from the application, end
    follower: int  # the first flow that starts after this one has ended; -1: none
    sibling: int  # the next flow that starts after the same one
    gap: int  # how long after it, if it starts after another
    gate: int  # the link at which it waits for its turn; -1: it need not
    turn: int
    next_turn: int  # the flow of next lower priority at the same link; -1: none
    asks: float  # Mbit/s that it could send alone
    dealt: int  # packets of data that it may have on the way in its turn
    app_at: int  # when it next hands over data
    app_gap: float  # mean time between hand-overs
    app_chunk: int  # packets a time
    app_debt: float  # part of a nanosecond left over
    limit_seq: int  # data handed over so far
    transfer: int  # packets of a transfer whose completion is noted
    milestone_seq: int  # end of the transfer under way
    transfers: int  # transfers completed
    # acknowledgement path
    plain_acks: int  # one acknowledgement a packet, neither jitter nor aggregation nor links on the way back
    ack_every: int
    ack_timeout: int
    ack_slot: int
    jitter: float
    last_arrival: int
    last_ack: int
    hold_pn: int  # first packet whose acknowledgement the receiver holds back
    hold_until: int
    holding: int
    seen_seq: int  # data the receiver has seen the end of
    missing: int  # pieces of data it misses below that
    # sender
    phase: int
    next_pn: int
    next_seq: int
    una_seq: int  # all data before it is acknowledged
    ack_pn: int  # next packet whose acknowledgement may come
    ack_at: int  # when
    known_pn: int  # all before it are acknowledged or declared lost
    newest_pn: int  # newest acknowledged
    holes: int  # packets missing below the newest acknowledged, not yet declared lost
    beyond_hole: int  # acknowledged since the first of them went missing
    mask: int
    seq_mask: int
    resend_head: int
    resend_tail: int
    last_sent_at: int
    pace_at: int
    release_at: int  # when a held-back sender tries again
    started_at: int
    finished_at: int
    # loss recovery
    recover_seq: int
    recover_flight: int
    prr_delivered: int
    prr_out: int
    undo_ssthresh: float
    timer_at: int
    timer: int
    ce_seq: int  # one answer to congestion marks per window: none before this is acknowledged
    # way back
    legs: int  # links of the path and of the way back
    ack_delay: int  # from the receiver to the first link of the way back, or to the sender
    ack_bytes: int


class Packet(Sent):
    """A transmission on its way."""

    at: int  # when it, or its acknowledgement, reaches its next stage: a link, or the sender


class Stage:
    """Next packet to arrive at one of a flow's later links, or acknowledgement at one of its way back, and when."""

    pn: int
    at: int


class Link:
    """A link, its queue and what it has carried."""

    ns_per_byte: float
    delay: int
    buffer: int  # bytes
    loss: float
    mark_above: int  # backlog in bytes above which packets are marked; INF: never
    rng: Annotated[int, "u8"]
    first_turn: int  # the flow of highest priority that takes turns here; -1: none
    busy: int  # when the last accepted byte leaves
    part: float  # the part of a nanosecond that rounding has left over
    # capacity that varies: rows of the segment table, work in bytes
    first: int
    last: int  # one past; first == last: constant
    period: int  # after which the schedule repeats; INF: it holds its last rate
    period_work: float
    work: float  # bytes the link will have been able to carry when the last accepted one leaves
    now_segment: int
    now_lap: int
    busy_segment: int
    busy_lap: int
    # delay that varies: rows of the table of delays; first_delay == last_delay: constant
    first_delay: int
    last_delay: int  # one past
    now_delay: int
    latest: int  # when the last packet that left arrives: none overtakes it
    # CoDel
    codel_target: int  # 0: off
    codel_interval: int
    codel_marks: int
    codel_above: int
    codel_next: int
    codel_count: int
    codel_last: int
    codel_dropping: int
    # counters
    arrived: int
    overflowed: int
    dropped: int  # by CoDel
    corrupted: int  # random loss
    marked: int
    carried: int  # packets that left
    bytes: int


class Segment:
    """A stretch of constant capacity: its start, the bytes that could be carried before it, its rate."""

    at: int
    work: float
    ns_per_byte: float


class Delay:
    """A stretch of constant delay: its start, and what it adds."""

    at: int
    extra: int


class Clock:
    """The time of a world."""

    now: int
    flows: int
    links: int
    leaves: int  # power of two, one leaf per flow and one for sampling
    few: int  # flows that take turns at a link and may send at a time
    preempt: int  # whether one of higher priority lets another pause
    heaviest: float  # weight of the first of them; 0: weights stay as they are
    moved: int  # whether what one flow did has changed when others are next
    sample_every: int
    sample_at: int
    samples: int


FLOW, PACKET, STAGE, LINK = dtype_of(Flow), dtype_of(Packet), dtype_of(Stage), dtype_of(Link)
SEGMENT, CLOCK, INTERVAL, SAMPLE = dtype_of(Segment), dtype_of(Clock), dtype_of(Interval), dtype_of(Sample)
DELAY = dtype_of(Delay)


class World(NamedTuple):
    """Everything a world is, as arrays; F flows, L links, H hops, C packets of ring, S samples, T transfers."""

    clock: Rows[Clock]  # (1,)
    flows: Rows[Flow]  # (F,)
    links: Rows[Link]  # (L,)
    segments: Rows[Segment]  # (all links' segments,)
    delays: Rows[Delay]  # (all links' stretches of delay,)
    routes: Ints  # (F, H): links of a flow's path, and of its way back
    stages: Rows[Stage]  # (F, H)
    packets: Rows[Packet]  # (F, C)
    data: Ints  # (F, C) uint8: what the sender knows of each piece of data not yet acknowledged in full
    resend: Ints  # (F, C): data to send again, in order
    completions: Ints  # (F, T): when each transfer of a flow was complete
    intervals: Rows[Interval]  # (F,): the last one closed
    marks: Rows[Sample]  # (F,): counters when the current interval began
    samples: Rows[Sample]  # (S, F)
    backlogs: Ints  # (S, L): bytes queued at each sample
    keys: Ints  # (2 * leaves,): the tournament's times ...
    owners: Ints  # ... and whose they are
    controls: Any  # a row of state per flow for each controller


Worlds: TypeAlias = Any
"""A :class:`World` of many worlds of one shape: each array has a leading axis of their number."""
