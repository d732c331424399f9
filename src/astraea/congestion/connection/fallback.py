"""Where a policy is not to be trusted its window grows as CUBIC's (RFC 9438), in integers, and then it comes back.

A policy knows what it was trained for: a base round-trip time, a window and a jitter within ranges, and an application
that keeps the window filled most of the time. These ranges belong to it
(:class:`astraea.congestion.connection.settings.PolicySettings`). Each control interval in which something was heard is
judged; eight more outside than inside, counted within 0 and 8, are a reason to fall back, none is one to come back.
Where the base lies outside at the end of start-up, that is reason enough: under a policy that knows no such path the
window would first collapse. The connection counts its time in fallback.

Loss and congestion marks then reduce the window to 0.7 of it, and packets are conserved in the first round trip of
recovery, as under the policy. There is no slow start: the window is what the policy had reached. Windows are in 1/2**20
packets, the curve's time in milliseconds; a cube of 2**17 ms, two minutes, times its factor stays below 2**63.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.fixed_point import ONE
from astraea.congestion.connection.motion import BITS, MOST
from astraea.congestion.connection.record import FLOOR, RECOVERY, Connection

__all__ = [
    "FALLS",
    "RETURNS",
    "STAYS",
    "Fallback",
    "cube_root",
    "curve",
    "fall",
    "grow",
    "judge",
    "reduce",
    "strange_path",
]

STAYS, FALLS, RETURNS = 0, 1, 2

_PATIENCE = 8  # intervals
_MS = 1_000_000
_LONGEST = 1 << 17  # ms from the plateau: beyond, the curve is as there
_CUBE = 440  # 0.4 packets per cubic second, in 1/2**20 packets per cubic ms and 1/2**20
_FLOOR = int(FLOOR) << BITS


class Fallback:
    """The part of a window's state that this needs."""

    fallen: int  # whether the window grows as CUBIC's
    strange: int  # intervals outside less intervals inside, held within 0 and the patience
    judged: int  # intervals of the connection when it was last judged, and its counters then
    judged_at: int
    judged_acks: int
    judged_steps: int
    filled_at: int  # when the application last kept the window filled
    epoch: int  # when this stretch of the curve began; 0: not yet
    w_max: int  # window at the last reduction
    prior: int  # window before it
    w_est: int  # window that NewReno would have
    origin: int  # window at the plateau
    k: int  # ms from the epoch to the plateau


@inlined
def judge(f: Connection, c: Fallback, now: int) -> int:
    """Judge the interval that has closed, if one has; return FALLS or RETURNS where the window is to change hands."""
    if not f.sample_limited:
        c.filled_at = now
    if f.intervals == c.judged or f.acks == c.judged_acks:
        return STAYS
    jitter = (f.rtt_step_sum - c.judged_steps) // (f.acks - c.judged_acks)
    outside = (
        strange_path(f.min_rtt, f.rtt_least, f.rtt_most)
        or f.window > f.window_most << BITS
        or jitter * ONE > f.jitter_most * f.srtt_ns
        or now - c.filled_at > f.limited_most
    )
    c.strange = min(c.strange + 1, _PATIENCE) if outside else max(c.strange - 1, 0)
    if c.fallen:
        f.fallback += now - c.judged_at
    c.judged = f.intervals
    c.judged_at = now
    c.judged_acks = f.acks
    c.judged_steps = f.rtt_step_sum
    if c.fallen:
        return RETURNS if c.strange == 0 else STAYS
    return FALLS if c.strange == _PATIENCE else STAYS


@inlined
def strange_path(base: int, least: int, most: int) -> bool:
    """Return whether a base round-trip time is none that a policy for ``least`` to ``most`` knows."""
    return base < least or base > most


@inlined
def fall(c: Fallback, window: int) -> int:
    """Begin to fall back from ``window``; return where the curve begins."""
    c.fallen = 1
    c.strange = _PATIENCE
    c.epoch = 0
    c.w_max = 0
    c.prior = max(window, _FLOOR)
    return c.prior


@inlined
def curve(c: Fallback, window: int) -> int:
    """Begin the curve anew at ``window``, or at two packets."""
    c.epoch = 0
    c.w_max = 0
    c.prior = max(window, _FLOOR)
    return c.prior


@inlined
def reduce(c: Fallback, window: int) -> int:
    """Return what a loss or a mark leaves of ``window`` (RFC 9438, 4.6 and 4.7)."""
    c.w_max = 17 * window // 20 if window < c.w_max else window
    c.prior = window
    c.epoch = 0
    return max(7 * window // 10, _FLOOR)


@inlined
def grow(f: Connection, c: Fallback, window: int, now: int) -> int:
    """Return to what ``window`` grows with this acknowledgement (RFC 9438, 4.2 to 4.5 and 5.8)."""
    if f.recovering == RECOVERY or f.acked == 0:
        return window
    if not f.window_limited:
        c.epoch = 0
        return window
    if c.epoch == 0:
        c.epoch = max(now, 1)
        c.w_est = window
        c.origin = max(c.w_max, window)
        c.k = cube_root(((c.origin - window) << BITS) // _CUBE)
    elapsed = (now - c.epoch) // _MS - c.k
    share = (f.acked << 2 * BITS) // window
    c.w_est = min(c.w_est + (share if c.w_est >= c.prior else 9 * share // 17), MOST)
    if c.origin + _cube(elapsed) < c.w_est:
        window = max(window, c.w_est)
    else:
        target = min(max(c.origin + _cube(elapsed + f.srtt_ns // _MS), window), 3 * window // 2)
        window += ((target - window) << BITS) // window * f.acked
    return min(window, min(f.window_max << BITS, MOST))


@inlined
def _cube(ms: int) -> int:
    """Return by how much the curve lies above its plateau ``ms`` after it; below it, if negative."""
    size = min(abs(ms), _LONGEST)
    height = (size * size * size * _CUBE) >> BITS
    return height if ms >= 0 else -height


@inlined
def cube_root(x: int) -> int:
    """Return the cube root of ``x``, from 0 to 2**62, rounded down: bit by bit from the highest."""
    root = 0
    for bit in range(20, -1, -1):
        tried = root + (1 << bit)
        if tried * tried * tried <= x:
            root = tried
    return root
