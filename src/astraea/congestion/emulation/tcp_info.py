"""What the kernel says of a TCP connection (TCP_INFO, ``struct tcp_info`` of linux/tcp.h)."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

__all__ = ["TcpInfo", "tcp_info"]

_FORM = struct.Struct("=8B24I4Q6I4Q2I2Q4I")  # Linux 5.5 and later say at least so much
_PLACES = {
    "mss": 10,
    "unacked": 12,
    "rtt_us": 23,
    "cwnd": 26,
    "resent": 31,
    "pacing_rate": 32,
    "bytes_acked": 34,
    "min_rtt_us": 39,
    "segments_out": 41,
    "busy_us": 43,
    "window_limited_us": 44,
    "buffer_limited_us": 45,
    "delivered": 46,
}


class TcpInfo(NamedTuple):
    """A connection at one instant, counters since it began."""

    mss: int  # bytes of data in a packet
    unacked: int  # packets sent and not acknowledged
    rtt_us: int  # smoothed
    cwnd: int  # packets
    resent: int  # packets sent again
    pacing_rate: int  # bytes/s; all ones: unpaced
    bytes_acked: int  # of data, each once
    min_rtt_us: int
    segments_out: int  # packets of data sent, repeats included
    busy_us: int  # time with data to send
    window_limited_us: int  # of it, held back by the receiver's window
    buffer_limited_us: int  # of it, held back by the sender's buffer
    delivered: int  # packets acknowledged


def tcp_info(connection: socket.socket) -> TcpInfo:
    """Return what the kernel says of ``connection`` now."""
    raw = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _FORM.size)
    fields = _FORM.unpack(raw.ljust(_FORM.size, b"\0"))
    return TcpInfo(*(fields[place] for place in _PLACES.values()))
