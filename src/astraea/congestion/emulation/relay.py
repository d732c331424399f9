"""The relay: compiled code that carries packets between two TUN devices through a link and its delay.

The link is the simulator's own (:func:`astraea.congestion.simulator.links.offer`): when a packet leaves is known when
it arrives, so that lateness of this program does not add up. A packet then waits in a *lane*, first in first out: lane
0 leads forward, each flow has one back with the delay its round-trip time asks for, and all else shares the last.
"""

from __future__ import annotations

from astraea.congestion.compiled import compiled, inlined
from astraea.congestion.connection.record import Floats, Ints, Rows, dtype_of
from astraea.congestion.emulation.calls import clock_gettime, ppoll, read, write
from astraea.congestion.simulator.links import backlog, could_carry, extra_delay, offer
from astraea.congestion.simulator.state import Delay, Link, Segment

__all__ = ["BIN_NS", "LANE", "LATE_BINS", "PORT", "RELAY", "SLOT_BYTES", "Lane", "Relay", "carry"]

SLOT_BYTES = 2048  # of a packet's place; at least a packet
PORT = 5001  # the first flow's; the others follow
BIN_NS, LATE_BINS = 20_000, 2_000  # of the histogram of lateness, in which the last bin holds all beyond
_BATCH = 32  # packets read from one side before the other has its turn
_MONOTONIC = 1
_NAP = 20_000_000  # longest sleep, after which it looks whether it is to stop


class Relay:
    """The relay as a whole. Times count from ``origin``, a time of CLOCK_MONOTONIC."""

    origin: int
    stop: int  # set from outside to end it
    flows: int
    until: int
    sample_every: int
    samples: int
    carried: int  # packets delivered
    foreign: int  # packets that are not IPv4, thrown away
    overrun: int  # packets for which a lane had no place: the emulation is void
    failed: int  # packets that a device refused
    late_sum: int
    late_max: int
    ended: int  # when it ended
    backlog: float  # bytes in the forward queue then
    could: float  # bytes the forward link could have carried by then


class Lane:
    """A delay line: a ring of places, of which ``head`` to ``tail`` are taken."""

    delay: int
    head: int
    tail: int
    last: int  # when the newest is due: none may overtake it


RELAY, LANE = dtype_of(Relay), dtype_of(Lane)


@inlined
def _now(relay: Relay, clock: Ints, clock_at: int) -> int:
    clock_gettime(_MONOTONIC, clock_at)
    return int(clock[0] * 1_000_000_000 + clock[1] - relay.origin)


@inlined
def _lane_of(bytes_: Ints, forward: int, flows: int) -> int:
    """Return the flow of an IPv4 packet, by the port at its receiver; ``flows`` if it is of none, -1 if not IPv4."""
    if bytes_[0] >> 4 != 4:
        return -1
    if bytes_[9] != 6:
        return flows
    at = (bytes_[0] & 15) * 4 + (2 if forward else 0)
    flow = int(bytes_[at]) * 256 + int(bytes_[at + 1]) - PORT
    return flow if 0 <= flow < flows else flows


@compiled
def carry(
    relays: Rows[Relay],
    links: Rows[Link],
    segments: Rows[Segment],
    delays: Rows[Delay],
    lanes: Rows[Lane],
    due: Ints,
    sizes: Ints,
    memory: Ints,
    memory_at: int,
    fds: Ints,
    polls: Ints,
    polls_at: int,
    clock: Ints,
    clock_at: int,
    backlogs: Floats,
    counts: Ints,
    late: Ints,
) -> None:
    """Carry packets between the devices ``fds`` until ``until`` or until told to stop.

    ``links`` holds the way forward and the way back, ``segments`` and ``delays`` how they vary; ``memory`` (lanes,
    places, SLOT_BYTES); ``counts`` (flows + 1, 4): packets that came, found no room, were lost at random, and bytes
    delivered, forward. ``*_at`` are addresses.
    """
    r = relays[0]
    flows = int(r.flows)
    places = due.shape[1]
    sample_at = r.sample_every
    now = _now(r, clock, clock_at)
    while now < r.until and r.stop == 0:
        more = False
        for side in range(2):
            for _ in range(_BATCH):
                # a packet is read into the last lane's free place, and moved where it belongs if it stays
                spare = flows + 2
                got = read(fds[side], memory_at + spare * places * SLOT_BYTES, SLOT_BYTES)
                if got <= 0:
                    break
                more = True
                now = _now(r, clock, clock_at)
                packet = memory[spare, 0]
                flow = _lane_of(packet, side == 0, flows)
                if flow < 0:
                    r.foreign += 1
                    continue
                link = links[side]
                full, lost = link.overflowed + link.dropped, link.corrupted
                leaves, _marked = offer(link, segments, got, now)
                if side == 0:
                    counts[flow, 0] += 1
                    counts[flow, 1] += link.overflowed + link.dropped - full
                    counts[flow, 2] += link.corrupted - lost
                if leaves < 0:
                    continue
                i = 0 if side == 0 else flow + 1
                lane = lanes[i]
                if lane.tail - lane.head >= places:
                    r.overrun += 1
                    continue
                extra = 0
                if link.first_delay < link.last_delay:
                    extra = extra_delay(link, delays, leaves)
                lane.last = max(lane.last, leaves + link.delay + lane.delay + extra)
                k = lane.tail % places
                due[i, k] = lane.last
                sizes[i, k] = got
                for b in range(got):
                    memory[i, k, b] = packet[b]
                lane.tail += 1
        now = _now(r, clock, clock_at)
        soonest = min(now + _NAP, sample_at if r.sample_every > 0 else now + _NAP)
        for i in range(flows + 2):
            lane = lanes[i]
            while lane.head < lane.tail:
                k = lane.head % places
                if due[i, k] > now:
                    soonest = min(soonest, due[i, k])
                    break
                here = memory_at + (i * places + k) * SLOT_BYTES
                if write(fds[1 if i == 0 else 0], here, sizes[i, k]) != sizes[i, k]:
                    r.failed += 1
                r.carried += 1
                behind = now - due[i, k]
                r.late_sum += behind
                r.late_max = max(r.late_max, behind)
                late[min(behind // BIN_NS, late.shape[0] - 1)] += 1
                if i == 0:
                    counts[_lane_of(memory[i, k], True, flows), 3] += sizes[i, k]
                lane.head += 1
                now = _now(r, clock, clock_at)
        while r.sample_every > 0 and sample_at <= now:
            if r.samples < backlogs.shape[0]:
                backlogs[r.samples] = backlog(links[0], segments, now)
                r.samples += 1
            sample_at += r.sample_every
        wait = 0 if more else max(min(soonest, r.until) - now, 0)
        clock[2] = wait // 1_000_000_000
        clock[3] = wait % 1_000_000_000
        polls[1] = 1
        polls[3] = 1
        ppoll(polls_at, 2, clock_at + 16, 0)
        now = _now(r, clock, clock_at)
    while r.sample_every > 0 and sample_at <= min(now, r.until) and r.samples < backlogs.shape[0]:
        backlogs[r.samples] = backlog(links[0], segments, now)  # the last one falls on the end
        r.samples += 1
        sample_at += r.sample_every
    r.ended = now
    r.backlog = backlog(links[0], segments, now)
    r.could = could_carry(links[0], segments, now)
