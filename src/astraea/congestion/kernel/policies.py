"""A policy as the kernel's program reads it: the bytes of ``struct policy`` in ``source/flow.h``."""

from __future__ import annotations

import struct

from astraea.congestion.connection.motion import units
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.policy import Policy
from astraea.errors import InputError

__all__ = ["packed"]

_FIELDS = ("refresh_after", "rtt_least", "rtt_most", "window_most", "jitter_most", "limited_most")
_FORM = f"<Ii{len(_FIELDS)}q{len(LAW)}i"


def packed(policy: Policy) -> bytes:
    """Return ``policy`` as the program reads it. Raises :class:`InputError` unless it is a law that drives a window."""
    head = policy.header
    if head.kind != "law" or head.controller != "policy":
        raise InputError(
            "the kernel runs laws that drive a window, and this policy is none: train one with --recipe law"
        )
    fields = head.control.fields()
    return struct.pack(_FORM, 1, units(fields["gain"]), *(fields[name] for name in _FIELDS), *policy.weights.tolist())
