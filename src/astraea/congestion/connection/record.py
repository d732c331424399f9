"""What a sender knows of its connection: plain rows of integers and floats, alike for compiled and interpreted code.

A record is written down once, as a class whose annotations are its fields: what a type checker sees and, by
:func:`dtype_of`, the row of an array. Times are int64 nanoseconds, windows packets, rates packets per second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Protocol, TypeVar, get_args, get_type_hints, overload

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FLOOR",
    "INF",
    "INITIAL_WINDOW",
    "LIMITED",
    "LOST",
    "NO_THRESHOLD",
    "OPEN",
    "RECOVERY",
    "RESENT",
    "TIMEOUT",
    "Connection",
    "Floats",
    "Interval",
    "Ints",
    "Rows",
    "Sample",
    "Sent",
    "dtype_of",
    "rows",
]

INF = 1 << 62  # a time that never comes, and an amount that never runs out
OPEN, RECOVERY, TIMEOUT = 0, 1, 2  # a connection's state of loss recovery
LOST, RESENT, LIMITED = 4, 8, 16  # bits of a transmission's status: lost, a repeat, limited by the application

INITIAL_WINDOW = 10.0  # RFC 6928
FLOOR = 2.0  # least window
NO_THRESHOLD = 1e18  # of slow start

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]
Row = TypeVar("Row", covariant=True)


class Rows(Protocol[Row]):
    """An array of records: ``rows[i]`` is one of them, whose fields are attributes."""

    shape: tuple[int, ...]

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: Any) -> Any: ...
    def __getattr__(self, name: str) -> Any: ...
    def __setitem__(self, key: Any, value: Any) -> None: ...
    def __iter__(self) -> Iterator[Row]: ...
    def __len__(self) -> int: ...


def dtype_of(record: type) -> np.dtype[Any]:
    """Return the dtype of a ``record``: int64 and float64 unless ``Annotated`` says another code, and a shape."""
    fields = []
    for name, hint in get_type_hints(record, include_extras=True).items():
        _, *given = get_args(hint) if get_args(hint) else (hint, {int: "i8", float: "f8"}[hint])
        fields.append((name, *given))
    return np.dtype(fields, align=True)


def rows(shape: int | tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """Return zeroed rows of ``dtype`` whose fields are attributes."""
    return np.zeros(shape, dtype).view(np.recarray)


class Counters:
    """What is counted since a flow began, or over an interval."""

    sent: int  # transmissions
    delivered: int  # transmissions acknowledged
    goodput: int  # packets of data acknowledged, each once
    lost: int  # transmissions the sender declared lost, rightly or not, as Linux counts them
    resent: int  # transmissions that repeat data
    marked: int  # acknowledged transmissions with a congestion mark
    rtt_sum: int  # sum of round-trip times, one per acknowledged transmission
    rtt_step_sum: int  # sum of absolute differences of successive round-trip times
    acks: int  # acknowledgements that came
    inflight_sum: int  # sum of the packets in flight seen by acknowledgements
    fallback: int  # time in which the window was not its policy's, though it has one


class Gauges:
    """How a connection stands."""

    min_rtt: int  # smallest round-trip time the connection holds as its base
    noise: int  # what noise adds to the low of a block beyond min_rtt
    drain_left: int  # 1/1024 of the queueing delay that drains leave, if its controller drains
    inflight: int


class Sending(Gauges):
    """How it sends, as the transport takes it."""

    cwnd: float
    pacing_rate: float
    srtt: float


class Connection(Counters, Sending):
    """The connection as a controller sees it, which writes ``cwnd``, ``ssthresh`` and ``pacing_rate`` (0: unpaced)."""

    window: int  # of a controller in integers: its window before the floor, in 1/2**20 packets; else 0
    srtt_ns: int  # the smoothed round-trip time in integers: what policies see
    ssthresh: float
    rttvar: float
    last_rtt: int  # round-trip time of the newest acknowledged transmission
    min_rtt_at: int
    acked: int  # transmissions this acknowledgement covers
    prior_inflight: int  # in flight before this acknowledgement
    recovering: int  # OPEN, RECOVERY or TIMEOUT
    rounds: int  # round trips so far
    round_start: int  # whether this acknowledgement begins a round trip
    round_end: int  # deliveries at which the next one begins
    window_limited: int  # whether the window has bounded sending in the last round trip
    window_filled: int  # whether it has in this one
    sample_delivered: int  # delivery-rate sample: packets delivered ...
    sample_interval: int  # ... in this time ...
    sample_limited: int  # ... and whether the application limited it
    sample_prior: int  # deliveries when the newest acknowledged packet was sent,
    sample_inflight: int  # what was in flight then, it included,
    sample_lost: int  # and how many were declared lost since
    newly_lost: int  # declared lost with this acknowledgement
    limited_until: int  # delivery count up to which samples are application-limited
    undo_cwnd: float  # window before a timeout, for when it proves spurious
    # what the flow is
    conserves: int  # whether proportional rate reduction governs recovery
    paces: int  # whether the sender paces a window whose controller sets no rate
    parameter: float  # the controller's one free number: weight, fixed window
    gain: float  # change of the window or rate at an action of 1
    refresh_after: int  # age at which a policy renews its base round-trip time; INF: never
    rtt_least: int  # what a policy is for: base round-trip times,
    rtt_most: int
    window_most: int  # packets,
    jitter_most: int  # mean difference of successive round-trip times, in 1/1024 of the smoothed one,
    limited_most: int  # and how long the application may leave the window unfilled
    wary: int  # whether its policy's window believes in rivals at all
    wire_bytes: int  # of a packet
    burst: int  # packets sent back to back (segmentation offload)
    window_max: int  # receive window in packets
    rto_min: int
    rto: int
    backoff: int  # timeouts in a row
    rng: Annotated[int, "u8"]
    # what is measured
    delivered_at: int
    first_sent_at: int
    sample_rtt_min: int  # smallest round-trip time since the last sample of a series
    interval_min: int
    interval_fixed: int  # control interval; 0: max(interval_min, srtt / 2)
    interval_at: int  # when the control interval ends
    intervals: int  # control intervals closed
    block_at: int  # when the present block of the control interval ends
    block_length: int
    block_rtt: int  # smallest round-trip time in it; INF: none yet
    block_sum: int  # its round-trip times, and how many
    block_acks: int
    low_sum: int  # sum of those of the interval's blocks so far
    low_count: int
    low_1: int  # of the last block, and of the one before it; 0: none yet
    low_2: int
    lows: int  # blocks that noise was learned from
    deviation: int  # of their lows by noise alone
    scatter: int  # by how much round-trip times exceed the low of their block
    calm: int  # smallest mean of three lows in a row of this generation of drains; INF: none yet
    calm_before: int  # and of the generation before


class Interval(Counters, Gauges):
    """A flow's last control interval, in integers: counters as differences over it, gauges as they were at its end.

    ``rtt_low`` is the mean of the smallest round-trip times of equal blocks of 30 to 60 ms, 0 if none was measured:
    noise is filtered out over the same time whatever the interval, since the smallest of a longer time is smaller.
    """

    start: int
    end: int
    window: int  # in 1/1024 packets, below the floor of cwnd where a controller in integers wants less
    pacing_rate: int  # packets per second
    srtt: int
    rtt_low: int


class Sample(Counters, Sending):
    """A flow at one instant: counters since its start, gauges, and the smallest RTT since the last sample."""

    at: int
    rtt_min: int


class Sent:
    """What a sender remembers of a transmission."""

    sent: int
    seq: int  # which data it carries
    status: int  # bits
    delivered: int  # connection's counts when it was sent, for the delivery-rate sample
    delivered_at: int
    first_sent_at: int
    inflight: Annotated[int, "i4"]  # packets in flight, this one included
    lost: Annotated[int, "i4"]  # packets declared lost so far
