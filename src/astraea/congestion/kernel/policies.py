"""A policy as the kernel's program reads it: the bytes of ``struct policy`` in ``source/flow.h``."""

from __future__ import annotations

import struct

import numpy as np

from astraea.congestion.connection.record import INF
from astraea.congestion.policy.law import LAW
from astraea.congestion.policy.policy import Policy
from astraea.errors import InputError

__all__ = ["packed"]

UNIT = 1 << 20
_FORM = f"<Iiq{len(LAW)}i"


def packed(policy: Policy) -> bytes:
    """Return ``policy`` as the program reads it. Raises :class:`InputError` unless it is a law that drives a window."""
    head = policy.header
    if head.kind != "law" or head.controller != "policy":
        raise InputError(
            "the kernel runs laws that drive a window, and this policy is none: train one with --recipe law"
        )
    refresh = INF if head.control.refresh_s is None else round(head.control.refresh_s * 1e9)
    gain = int(np.floor(head.control.gain * UNIT + 0.5))
    return struct.pack(_FORM, 1, gain, refresh, *policy.weights.tolist())
