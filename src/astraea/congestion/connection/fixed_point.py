"""Fixed-point arithmetic in integers alone, so that a simulator and a kernel get the same bits.

A number is an integer count of 1/1024. Everything here needs 64-bit integers, shifts, unsigned division and
two tables of 65 entries: what a kernel program has.
"""

from __future__ import annotations

import numpy as np

from astraea.congestion.compiled import inlined

__all__ = ["EXP_TABLE", "LOG_TABLE", "ONE", "SHIFT", "clip", "exp2", "log2", "ratio"]

SHIFT = 10
ONE = 1 << SHIFT

_SEGMENTS = 6  # bits of the mantissa that choose a segment of the table
_MANTISSA = 24  # bits of the normalised mantissa
_FRACTION = 16  # bits after the point in the table

LOG_TABLE = np.rint(np.log2(1 + np.arange(65) / 64) * (1 << _FRACTION)).astype(np.int64)
"""``log2(1 + k / 64)`` in units of 2**-16, for k from 0 to 64."""


EXP_TABLE = np.rint(np.exp2(np.arange(65) / 64) * (1 << _FRACTION)).astype(np.int64)
"""``2**(k / 64)`` in units of 2**-16, for k from 0 to 64."""


@inlined
def log2(x: int) -> int:
    """Return ``1024 * log2(x)`` for an integer ``x >= 1``, within one unit; exact for powers of two.

    The mantissa is interpolated between 64 points of :data:`LOG_TABLE` (error below 5e-5 doublings).
    """
    exponent = 0
    rest = x
    for step in (32, 16, 8, 4, 2, 1):
        if rest >> step:
            rest >>= step
            exponent += step
    mantissa = x << (_MANTISSA - exponent) if exponent <= _MANTISSA else x >> (exponent - _MANTISSA)
    fraction = mantissa - (1 << _MANTISSA)
    k = fraction >> (_MANTISSA - _SEGMENTS)
    within = fraction & ((1 << (_MANTISSA - _SEGMENTS)) - 1)
    low = LOG_TABLE[k]
    value = low + (((LOG_TABLE[k + 1] - low) * within) >> (_MANTISSA - _SEGMENTS))
    return int((exponent << SHIFT) + (value >> (_FRACTION - SHIFT)))


@inlined
def exp2(x: int) -> int:
    """Return ``1024 * 2**(x / 1024)`` rounded down, within one unit and 3e-5 of the value, for up to 30 doublings.

    Below -10 doublings it is 0. In the units of :func:`log2`, whose inverse it is.
    """
    whole = min(x >> SHIFT, 30)
    part = x & (ONE - 1)
    k = part >> (SHIFT - _SEGMENTS)
    within = part & ((1 << (SHIFT - _SEGMENTS)) - 1)
    low = EXP_TABLE[k]
    value = low + (((EXP_TABLE[k + 1] - low) * within) >> (SHIFT - _SEGMENTS))
    shift = _FRACTION - SHIFT - whole
    return int(value >> min(shift, 63) if shift >= 0 else value << -shift)


@inlined
def ratio(a: int, b: int) -> int:
    """Return ``1024 * a / b`` rounded down, for ``a >= 0`` and ``b >= 1``."""
    return (a << SHIFT) // b


@inlined
def clip(x: int, low: int, high: int) -> int:
    """Return ``x`` held within ``[low, high]``."""
    return min(max(x, low), high)
