"""A world's arrays: how large they must be, making them, and picking one world out of many."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from astraea.congestion.compiled import inlined
from astraea.congestion.connection.record import rows
from astraea.congestion.controllers import dispatch
from astraea.congestion.controllers.fixed import Fixed
from astraea.congestion.simulator import state
from astraea.congestion.simulator.schedules import segments_of
from astraea.congestion.simulator.settings import FlowSettings, WorldSettings
from astraea.congestion.simulator.state import World, Worlds

__all__ = ["RING_MIN", "Shape", "allocate", "pick", "shape_of", "world_at"]

RING_MIN = 64  # packets a flow's ring holds at first; it doubles on demand
_RING_MAX = 1 << 20


class Shape(NamedTuple):
    """How large a world's arrays are; a flow's ring takes memory only as far as it is used."""

    flows: int
    links: int
    hops: int
    packets: int  # of a flow's ring, a power of two from 64 on; a sender that fills it waits
    samples: int
    segments: int
    transfers: int
    delays: int


def shape_of(settings: WorldSettings) -> Shape:
    """Return the smallest shape that holds a world of these ``settings``.

    A flow's ring holds four times what its path can hold, besides what its acknowledgements are delayed by, and what
    those that wait on the way back stand for.
    """
    ways = settings.ways()
    size = settings.packet_bytes
    queues = sum(link.buffer_bytes for link in settings.links) / size
    paths = 2 * sum(link.delay_ms for link in settings.links)
    extra = sum(max((ms for _, ms in link.delay_steps), default=0.0) for link in settings.links)
    slowest = extra + max(
        (paths if flow.rtt_ms is None else flow.rtt_ms) + 20 * flow.jitter_ms + flow.ack_slot_ms + 50
        for flow in settings.flows
    )
    fastest = max(
        max([link.capacity_mbps, *(mbps for _, mbps in link.steps), link.walk.high_mbps if link.walk else 0.0])
        for link in settings.links
    )
    windows = max(flow.parameter if isinstance(flow.controller, Fixed) else 0.0 for flow in settings.flows)
    ring = 4 * (fastest * 1e3 * slowest / 8 / size + queues + windows) + 1024
    ring += max(
        sum(settings.links[j].buffer_bytes for j in back) / flow.ack_bytes * flow.ack_every
        for flow, (_, back) in zip(settings.flows, ways, strict=True)
    )
    ring = max(min(ring, 2 * settings.window_max_packets, _RING_MAX), RING_MIN)
    return Shape(
        flows=len(settings.flows),
        links=len(settings.links),
        hops=max(len(path) + len(back) for path, back in ways),
        packets=1 << int(np.ceil(np.log2(ring))),
        samples=int(settings.duration_s * 1e3 / settings.sample_ms) if settings.sample_ms else 0,
        segments=sum(segments_of(link, settings.duration_s) for link in settings.links),
        transfers=max(_transfers(flow, settings.duration_s) for flow in settings.flows),
        delays=sum(len(link.delay_steps) for link in settings.links),
    )


def _transfers(flow: FlowSettings, duration_s: float) -> int:
    if flow.transfer_bytes is None:
        return 0 if flow.size_bytes is None else 1
    by_time = math.ceil(((flow.end_s or duration_s) - flow.start_s) / flow.transfer_every_s)
    return by_time if flow.size_bytes is None else min(by_time, -(-flow.size_bytes // flow.transfer_bytes))


def allocate(shape: Shape, worlds: int) -> Worlds:
    """Return the arrays of ``worlds`` worlds of one ``shape``, each with a leading axis of that length."""
    n = worlds
    states = dispatch.states()
    leaves = 1 << int(shape.flows).bit_length()
    per_flow = (n, shape.flows)
    ring = (*per_flow, shape.packets)
    return World(
        clock=rows((n, 1), state.CLOCK),
        flows=rows(per_flow, state.FLOW),
        links=rows((n, shape.links), state.LINK),
        segments=rows((n, shape.segments), state.SEGMENT),
        delays=rows((n, shape.delays), state.DELAY),
        routes=np.zeros((*per_flow, shape.hops), np.int64),
        stages=rows((*per_flow, shape.hops), state.STAGE),
        packets=rows(ring, state.PACKET),
        data=np.zeros(ring, np.uint8),
        resend=np.zeros(ring, np.int64),
        completions=np.zeros((*per_flow, shape.transfers), np.int64),
        intervals=rows(per_flow, state.INTERVAL),
        marks=rows(per_flow, state.SAMPLE),
        samples=rows((n, shape.samples, shape.flows), state.SAMPLE),
        backlogs=np.zeros((n, shape.samples, shape.links), np.int64),
        keys=np.zeros((n, 2 * leaves), np.int64),
        owners=np.zeros((n, 2 * leaves), np.int64),
        controls=dispatch.Controls(*(rows(per_flow, dtype) for dtype in states.values())),
    )


def world_at(worlds: Worlds, k: int) -> World:
    """Return world ``k`` of many that :func:`allocate` made, as views of their arrays."""
    controls = worlds.controls._make([array[k] for array in worlds.controls])
    return World._make([*(array[k] for array in worlds[:-1]), controls])


@inlined
def pick(worlds: Worlds, k: int) -> World:
    """Do in compiled code what :func:`world_at` does."""
    return World(
        worlds.clock[k],
        worlds.flows[k],
        worlds.links[k],
        worlds.segments[k],
        worlds.delays[k],
        worlds.routes[k],
        worlds.stages[k],
        worlds.packets[k],
        worlds.data[k],
        worlds.resend[k],
        worlds.completions[k],
        worlds.intervals[k],
        worlds.marks[k],
        worlds.samples[k],
        worlds.backlogs[k],
        worlds.keys[k],
        worlds.owners[k],
        dispatch.pick_controls(worlds.controls, k),
    )
