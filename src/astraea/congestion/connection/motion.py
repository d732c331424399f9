"""How a window moves and is paced, in integers that fit 64 bits with a sign.

Units: a window counts ``1 / UNIT`` packets (:data:`UNIT` is 2**20), a relative change 1/UNIT, an action 1/UNIT of the
largest, a pace 1/1024 packets per second; times are nanoseconds. Widths: a window is below 2**42 (4 million packets,
:data:`MOST`), a relative change and an action at most 2**20 in size, a time below 2**42 (an hour). Every product then
stays below 2**63. Every division is of numbers that are not negative, by one that is at least 1, and rounds down; so
does every shift. What is negative is handled by its size.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined

__all__ = ["BITS", "LEAST", "MOST", "TENTHS", "UNIT", "moved", "paced", "part_of", "units"]

BITS = 20
UNIT = 1 << BITS
MOST = 1 << 42  # largest window
LEAST = UNIT >> 4  # least: a packet in sixteen round trips
TENTHS = 10  # pacing gains are in tenths
_SHORTEST = 10_000  # ns: a round-trip time below it is taken for it
_SHIFT = 10  # of a pace


@inlined
def units(x: float) -> int:
    """Return ``x``, which may come from outside as a float, in units of 1/UNIT, to the nearest."""
    return int(x * UNIT + (0.5 if x >= 0.0 else -0.5))


@inlined
def moved(window: int, gain: int, action: int) -> int:
    """Return ``window * (1 + gain * action)``, or ``window / (1 - gain * action)`` for an action below 0.

    First ``size = gain * |action| / UNIT``, then the window, each rounded down.
    """
    if action >= 0:
        return window + ((window * ((gain * action) >> BITS)) >> BITS)
    return (window << BITS) // (UNIT + ((gain * -action) >> BITS))


@inlined
def part_of(window: int, part: int, whole: int) -> int:
    """Return ``window * part / whole``, for ``0 <= part`` and ``1 <= whole``; a part above the whole counts as it.

    First ``part / whole`` in 1/UNIT, then the window, each rounded down.
    """
    return (window * ((min(part, whole) << BITS) // whole)) >> BITS


@inlined
def paced(window: int, tenths: int, srtt: int) -> int:
    """Return the pace in 1/1024 packets per second at which ``tenths / 10`` windows leave in ``srtt``, at most 2.

    First 1/UNIT packets per millisecond, then the pace, each rounded down, and at least 1.
    """
    per_ms = (window * (tenths * 100_000)) // max(srtt, _SHORTEST)
    return max((per_ms * 1000) >> (BITS - _SHIFT), 1)
