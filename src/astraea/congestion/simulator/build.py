"""From settings to a world's arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from astraea.congestion.compiled import inlined
from astraea.congestion.controllers.catalogue import CONTROLLERS
from astraea.congestion.controllers.dispatch import STATES, Controls
from astraea.congestion.simulator import state
from astraea.congestion.simulator.application import BULK, POISSON, REGULAR
from astraea.congestion.simulator.settings import FlowSettings, LinkSettings, WorldSettings
from astraea.congestion.simulator.state import INF, World, rows
from astraea.errors import InputError, unknown_name
from astraea.seeding import Purpose, stream

__all__ = ["Shape", "allocate", "build", "fill", "pick", "shape_of", "world_at"]

_RING = 64  # packets a flow's ring holds at first; it doubles on demand


class Shape(NamedTuple):
    """How large a world's arrays are."""

    flows: int
    links: int
    hops: int
    packets: int
    samples: int
    segments: int


def shape_of(settings: WorldSettings) -> Shape:
    """Return the smallest shape that holds a world of these ``settings``."""
    size = settings.packet_bytes
    slowest = max(
        (flow.rtt_ms or 2 * sum(link.delay_ms for link in settings.links)) + flow.jitter_ms + flow.ack_slot_ms
        for flow in settings.flows
    )
    fastest = max(link.capacity_mbps for link in settings.links)
    pipe = fastest * 1e3 * slowest / 8 / size + sum(link.buffer_bytes for link in settings.links) / size
    packets = min(4 * pipe + 1024, settings.window_max_packets)
    return Shape(
        flows=len(settings.flows),
        links=len(settings.links),
        hops=max(len(flow.path or settings.links) for flow in settings.flows),
        packets=1 << int(np.ceil(np.log2(packets))),
        samples=int(settings.duration_s * 1e3 / settings.sample_ms) + 1 if settings.sample_ms else 0,
        segments=1,
    )


def allocate(shape: Shape, worlds: int) -> World:
    """Return the arrays of ``worlds`` worlds of one ``shape``, each with a leading axis of that length."""
    n = worlds
    leaves = 1 << int(shape.flows).bit_length()
    per_flow = (n, shape.flows)
    return World(
        clock=rows((n, 1), state.CLOCK),
        flows=rows(per_flow, state.FLOW),
        links=rows((n, shape.links), state.LINK),
        segments=rows((n, shape.segments), state.SEGMENT),
        routes=np.zeros((*per_flow, shape.hops), np.int64),
        stages=rows((*per_flow, shape.hops), state.STAGE),
        packets=rows((*per_flow, shape.packets), state.PACKET),
        acknowledged=np.zeros((*per_flow, shape.packets), np.uint8),
        resend=np.zeros((*per_flow, shape.packets), np.int64),
        intervals=rows(per_flow, state.INTERVAL),
        marks=rows(per_flow, state.SAMPLE),
        samples=rows((n, shape.samples, shape.flows), state.SAMPLE),
        backlogs=np.zeros((n, shape.samples, shape.links), np.int64),
        keys=np.zeros((n, 2 * leaves), np.int64),
        owners=np.zeros((n, 2 * leaves), np.int64),
        controls=Controls(**{name: rows(per_flow, dtype) for name, dtype in STATES.items()}),
    )


@inlined
def pick(worlds: World, k: int) -> World:
    """Do in compiled code what :func:`world_at` does."""
    c = worlds.controls
    return World(
        worlds.clock[k],
        worlds.flows[k],
        worlds.links[k],
        worlds.segments[k],
        worlds.routes[k],
        worlds.stages[k],
        worlds.packets[k],
        worlds.acknowledged[k],
        worlds.resend[k],
        worlds.intervals[k],
        worlds.marks[k],
        worlds.samples[k],
        worlds.backlogs[k],
        worlds.keys[k],
        worlds.owners[k],
        Controls(c.fixed[k], c.newreno[k], c.policy[k]),
    )


def build(settings: WorldSettings) -> World:
    """Return one world, ready to run."""
    worlds = allocate(shape_of(settings), 1)
    fill(worlds, 0, settings)
    return world_at(worlds, 0)


def world_at(worlds: World, k: int) -> World:
    """Return world ``k`` of many that :func:`allocate` made, as views of their arrays."""
    controls = Controls(*(array[k] for array in worlds.controls))
    return World._make([*(array[k] for array in worlds[:-1]), controls])


def fill(worlds: World, k: int, settings: WorldSettings) -> None:
    """Make world ``k`` anew from ``settings``, which must fit the arrays.

    Raises :class:`InputError` if the settings contradict each other or are larger than the arrays.
    """
    shape = shape_of(settings)
    held = Shape(
        worlds.flows.shape[1],
        worlds.links.shape[1],
        worlds.routes.shape[2],
        worlds.packets.shape[2],
        worlds.samples.shape[1],
        worlds.segments.shape[1],
    )
    for name, need, have in zip(Shape._fields, shape, held, strict=True):
        if need > have and name != "packets":
            raise InputError(f"{need} {name} do not fit into a world that was made for {have}: allocate a larger one")
    names = _names("link", [link.name for link in settings.links])
    _names("flow", [flow_name(flow, i) for i, flow in enumerate(settings.flows)])
    for array in (*worlds[:6], *worlds[7:-1], *worlds.controls):  # packets are written before they are read
        array[k] = np.zeros((), array.dtype)
    clock = worlds.clock[k, 0]
    clock.flows = len(settings.flows)
    clock.links = len(settings.links)
    clock.leaves = worlds.keys.shape[1] // 2
    clock.sample_every = round(settings.sample_ms * 1e6)
    clock.sample_at = clock.sample_every if held.samples and settings.sample_ms else INF
    words = stream(settings.seed, Purpose.CALIBRATION).integers(1, 2**63, len(settings.flows) + len(settings.links))
    seeds = iter(words.tolist())
    for j, link in enumerate(settings.links):
        _fill_link(worlds.links[k, j], link, settings, next(seeds))
    for i, flow in enumerate(settings.flows):
        path = [_link(name, names) for name in flow.path] or list(range(len(settings.links)))
        worlds.routes[k, i, : len(path)] = path
        worlds.stages[k, i].at = INF
        _fill_flow(worlds.flows[k, i], flow, i, settings, path, next(seeds))


def flow_name(flow: FlowSettings, number: int) -> str:
    """Return the name of flow ``number`` in results."""
    return flow.name or f"{flow.controller}-{number}"


def _names(kind: str, names: list[str]) -> dict[str, int]:
    known: dict[str, int] = {}
    for number, name in enumerate(names):
        if name in known:
            raise InputError(f"two {kind}s are called '{name}': give each its own name")
        known[name] = number
    return known


def _link(name: str, known: dict[str, int]) -> int:
    if name not in known:
        raise unknown_name("link", name, known)
    return known[name]


def _fill_link(row: object, link: LinkSettings, settings: WorldSettings, seed: int) -> None:
    if link.buffer_bytes < settings.packet_bytes:
        raise InputError(
            f"the buffer of link '{link.name}' holds {link.buffer_bytes} bytes, less than a packet of "
            f"{settings.packet_bytes}: nothing could pass"
        )
    row.ns_per_byte = 8e3 / link.capacity_mbps  # type: ignore[attr-defined]
    row.delay = round(link.delay_ms * 1e6)  # type: ignore[attr-defined]
    row.buffer = link.buffer_bytes  # type: ignore[attr-defined]
    row.loss = link.loss  # type: ignore[attr-defined]
    row.mark_above = INF if link.mark_above_bytes is None else link.mark_above_bytes  # type: ignore[attr-defined]
    row.rng = seed  # type: ignore[attr-defined]


def _fill_flow(f: object, flow: FlowSettings, i: int, settings: WorldSettings, path: list[int], seed: int) -> None:
    if flow.controller not in CONTROLLERS:
        raise unknown_name("controller", flow.controller, CONTROLLERS)
    kind = CONTROLLERS[flow.controller]
    name = flow_name(flow, i)
    forward = sum(settings.links[j].delay_ms for j in path)
    rtt = 2 * forward if flow.rtt_ms is None else flow.rtt_ms
    if rtt < forward:
        raise InputError(f"flow '{name}' has an rtt of {rtt} ms, but its path alone takes {forward} ms one way")
    end = settings.duration_s if flow.end_s is None else flow.end_s
    if flow.start_s >= end:
        raise InputError(f"flow '{name}' starts at {flow.start_s} s, but ends at {end} s: it would never send")
    size = settings.packet_bytes
    values = {
        "controller": kind.number,
        "external": kind.external,
        "conserves": kind.conserves,
        "parameter": flow.parameter,
        "hops": len(path),
        "size": size,
        "reverse_delay": round((rtt - forward) * 1e6),
        "start_at": round(flow.start_s * 1e9),
        "wake_at": round(flow.start_s * 1e9),
        "end_at": INF if flow.end_s is None else round(flow.end_s * 1e9),
        "finish_seq": INF if flow.size_bytes is None else -(-flow.size_bytes // size),
        "burst": flow.burst_packets,
        "window_max": settings.window_max_packets,
        "rto_min": round(settings.rto_min_ms * 1e6),
        "rto": 1_000_000_000,
        "interval_min": 30_000_000,
        "interval_fixed": round(settings.interval_ms * 1e6),
        "rng": seed,
        "app": BULK,
        "app_chunk": flow.app_chunk_packets,
        "plain_acks": flow.ack_every == 1 and flow.jitter_ms == 0 and flow.ack_slot_ms == 0,
        "ack_every": flow.ack_every,
        "ack_timeout": round(flow.ack_timeout_ms * 1e6),
        "ack_slot": round(flow.ack_slot_ms * 1e6),
        "jitter": flow.jitter_ms * 1e6,
        "hold_pn": -1,
        "mask": _RING - 1,
        "seq_mask": _RING - 1,
        "newest_pn": -1,
    }
    if flow.app_mbps is not None:
        values["app"] = REGULAR if flow.app_arrivals == "regular" else POISSON
        values["app_gap"] = flow.app_chunk_packets * size * 8e3 / flow.app_mbps
    for field in ("ack_at", "timer_at", "release_at", "app_at", "interval_at", "min_rtt", "interval_rtt_min"):
        values[field] = INF
    values["sample_rtt_min"] = INF
    values["finished_at"] = -1
    for field, value in values.items():
        setattr(f, field, value)
