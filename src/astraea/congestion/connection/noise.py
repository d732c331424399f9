"""What noise adds to a flow's round-trip times, told from how they scatter within a block and between blocks.

Jitter holds packets up, in their order, so even the smallest round-trip time of a block (its *low*, of 30 to 60 ms) is
longer than the path, and what it is longer by looks like a queue of the flow's own. But noise begins anew in each
block, while a queue goes on as it was. With lows :math:`l, l_1, l_2` of a block and the two before it:

- The *deviation* of lows by noise is half the mean of :math:`|l - 2 l_1 + l_2|`, as of independent normal ones, whose
  second differences are 2.45 times as wide, and 0.8 of that in the mean.
- The *scatter* is the mean by which the round-trip times of a block exceed its low. Hosts make up to 1.2 ms of it in
  30 ms, a burst of the flow's own packets a part of the time that it takes to send a few, and a queue that moves
  within the block half of what it moves by.

The base is the smallest of many lows, some of them of times at which the flow sent less. So with *n* packets sent in a
deviation, what noise adds to a low beyond the base is taken for

    noise = deviation * (2 + log2(1 + n) / 4),     at most 8 * (scatter - what hosts and packets of its own make)

since jitter of a given mean holds up the more packets the closer they follow each other. Both means are tracked, by a
sixteenth for the first 64 blocks and then a 64th, and no block counts for more than four times what is known. In a
window of less than four packets a low tells of one or two of them, and nothing is learned.

On fast links that bound lets through what hosts make, and a flow's few packets in the queue take less time than it. So
what is *calm* counts as well, if it is more: the smallest mean of three lows in a row, of the last 30 to 60 s, as the
base is the smallest round-trip time of it. A drain empties the queue for three blocks and more. What calm lies above
the base by is noise, but for the time of two packets of the flow's own, and at most 1 ms: the queue of a crowd is never
empty for so long.
"""

from __future__ import annotations

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.fixed_point import ONE, SHIFT, log2
from astraea.congestion.connection.motion import BITS
from astraea.congestion.connection.record import INF, Connection

__all__ = ["age_calm", "forget_calm", "learn_noise"]

_ENOUGH = 4 << BITS  # window
_LEARNING = 64  # blocks
_FAST, _SLOW = 4, 6  # what part of a change is taken over, in bits
_TIMES, _START = 4, 8000  # most that a block counts for: so many times what is known, and ns more
_MOST = 1 << 30  # ns
_FEW, _MORE = 2 * ONE, ONE // 4  # deviations with no packet in one, and more for each doubling
_BLOCK, _HOSTS = 30_000_000, 25  # of a block of that length or more, a 25th is what hosts may scatter
_OWN, _OWN_BITS = 3, 2  # and three quarters of the time of a packet, what bursts may
_BEYOND = 8
_CALM = 3  # blocks in a row
_CALM_OWN, _CALM_MOST = 2, 1_000_000  # packets of its own, and ns
_FINER = 10  # bits by which a window is finer than 1/1024


@inlined
def learn_noise(f: Connection, low: int, mean: int) -> None:
    """Learn from a block's smallest and mean round-trip times ``low`` and ``mean``, in ns, and renew ``f.noise``."""
    if f.window < _ENOUGH:
        f.low_1 = f.low_2 = f.noise = 0
        return
    if f.low_2 > 0:
        f.lows += 1
        f.deviation = _tracked(f.deviation, abs(low - 2 * f.low_1 + f.low_2) >> 1, f.lows < _LEARNING)
        f.scatter = _tracked(f.scatter, mean - low, f.lows < _LEARNING)
        f.calm = min(f.calm, (low + f.low_1 + f.low_2) // _CALM)
    f.low_2 = f.low_1
    f.low_1 = low
    packets = (f.window >> _FINER) * f.deviation // max(f.srtt_ns, 1)
    noise = f.deviation * (_FEW + ((_MORE * (log2(ONE + packets) - SHIFT * ONE)) >> SHIFT)) >> SHIFT
    own = f.srtt_ns // (f.window >> BITS)
    usual = max(max(f.block_length, _BLOCK) // _HOSTS, own * _OWN >> _OWN_BITS)
    calm = min(f.calm, f.calm_before)
    above = min(calm - f.min_rtt - _CALM_OWN * own, _CALM_MOST) if calm < INF else 0
    f.noise = max(min(noise, _BEYOND * (f.scatter - usual)), above, 0)


@inlined
def forget_calm(f: Connection) -> None:
    """Begin anew: the path has changed, or what was seen of it was of a start."""
    f.calm = f.calm_before = INF
    f.low_1 = f.low_2 = 0


@inlined
def age_calm(f: Connection) -> None:
    """Begin another generation."""
    f.calm_before = f.calm
    f.calm = INF


@inlined
def _tracked(known: int, seen: int, learning: bool) -> int:
    """Return the mean ``known`` in ns after one more block that showed ``seen``."""
    counted = min(min(seen, _TIMES * known + _START), _MOST)
    shift = _FAST if learning else _SLOW
    return known + ((counted - known) >> shift) if counted > known else known - ((known - counted) >> shift)
