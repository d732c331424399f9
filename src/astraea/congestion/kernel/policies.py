"""A policy as the kernel's program reads it: the bytes of ``struct policy`` in ``source/flow.h``."""

from __future__ import annotations

import struct
import time

from astraea.congestion.connection.motion import units
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.policy import Policy
from astraea.errors import InputError

__all__ = ["BYTES", "packed", "with_clock"]

_FIELDS = ("refresh_after", "rtt_least", "rtt_most", "window_most", "jitter_most", "limited_most")
_FORM = f"<Iiq{len(_FIELDS)}q{len(LAW)}i"
_CLOCK = 8  # where the clock stands in it
BYTES = struct.calcsize(_FORM)
"""The length of a policy as the program reads it."""


def packed(policy: Policy, clock_s: float = 0.0) -> bytes:
    """Return ``policy`` as the program reads it, in which flows drain by a wall clock that is ``clock_s`` ahead.

    Raises :class:`InputError` unless the policy is a law that drives a window.
    """
    head = policy.header
    if head.kind != "law" or head.controller != "policy":
        raise InputError(
            "the kernel runs laws that drive a window, and this policy is none: train one with --recipe law"
        )
    fields = head.control.fields()
    ranges = [fields[name] for name in _FIELDS]
    return with_clock(struct.pack(_FORM, 1, units(fields["gain"]), 0, *ranges, *policy.weights.tolist()), clock_s)


def with_clock(value: bytes, clock_s: float = 0.0) -> bytes:
    """Return the packed ``value`` with what the wall clock is ahead of TAI, the time of day that the kernel tells.

    TAI is ahead of the wall clock by the leap seconds where something has told the machine of them, and else the same.
    """
    leap_seconds = round(time.clock_gettime(time.CLOCK_TAI) - time.clock_gettime(time.CLOCK_REALTIME))
    clock = round(clock_s * 1e9) - leap_seconds * 1_000_000_000
    return value[:_CLOCK] + struct.pack("<q", clock) + value[_CLOCK + 8 :]
