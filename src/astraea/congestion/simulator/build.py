"""From settings to a world ready to run."""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.congestion.connection.record import INF
from astraea.congestion.controllers import dispatch
from astraea.congestion.simulator.application import BULK, POISSON, REGULAR
from astraea.congestion.simulator.arrays import RING_MIN, Shape, allocate, shape_of, world_at
from astraea.congestion.simulator.schedules import delays_of, schedule_of
from astraea.congestion.simulator.settings import FlowSettings, LinkSettings, WorldSettings, link_number
from astraea.congestion.simulator.state import World, Worlds
from astraea.errors import InputError, unknown_name
from astraea.seeding import Purpose, stream

__all__ = ["build", "fill", "flow_name"]

_INTERVAL_MIN = 30_000_000
_FIRST_RTO = 1_000_000_000


def build(settings: WorldSettings) -> World:
    """Return one world, ready to run.

    Raises :class:`astraea.errors.InputError` if the settings contradict each other.
    """
    worlds = allocate(shape_of(settings), 1)
    fill(worlds, 0, settings)
    return world_at(worlds, 0)


def fill(worlds: Worlds, k: int, settings: WorldSettings) -> None:
    """Make world ``k`` of ``worlds`` anew from ``settings``.

    A flow's ring may be smaller than :func:`shape_of` asks for: it then bounds the window. Raises
    :class:`astraea.errors.InputError` if the settings contradict each other or exceed the arrays.
    """
    if type(worlds.controls) is not dispatch.Controls:
        raise InputError("a controller has been registered since this environment was made: make it anew")
    held = _held(worlds)
    if held.packets < RING_MIN or held.packets & (held.packets - 1):
        raise InputError(f"a ring of {held.packets} packets cannot be used: choose a power of two from {RING_MIN} on")
    for name, need, have in zip(Shape._fields, shape_of(settings), held, strict=True):
        if need > have and name not in ("packets", "transfers"):
            raise InputError(f"{need} {name} do not fit into a world made for {have}: allocate a larger one")
    links = _names("link", [link.name for link in settings.links])
    ways = settings.ways()
    numbers = _names("flow", [flow_name(flow, i) for i, flow in enumerate(settings.flows)])
    kept = (worlds.packets, worlds.resend)  # written before they are read
    for array in (*worlds[:-1], *worlds.controls):
        if not any(array is ring for ring in kept):
            array[k] = np.zeros((), array.dtype)
    clock = worlds.clock[k, 0]
    clock.flows = len(settings.flows)
    clock.links = len(settings.links)
    clock.leaves = worlds.keys.shape[1] // 2
    clock.few, clock.preempt, clock.heaviest = settings.turns.few, settings.turns.preempt, settings.turns.heaviest
    clock.sample_every = round(settings.sample_ms * 1e6)
    clock.sample_at = clock.sample_every if held.samples and settings.sample_ms else INF
    first = first_delay = 0
    seeds = stream(settings.seed, Purpose.WORLD, 0).integers(1, 1 << 63, len(settings.links))
    worlds.links["rng"][k, : len(seeds)] = seeds
    for j, link in enumerate(settings.links):
        first = _fill_link(worlds, k, j, link, settings, first)
        first_delay = _fill_delays(worlds, k, j, link, first_delay)
    seeds = stream(settings.seed, Purpose.WORLD, 1).integers(1, 1 << 63, len(settings.flows))
    worlds.flows["rng"][k, : len(seeds)] = seeds
    for i, flow in enumerate(settings.flows):
        path, back = ways[i]
        worlds.routes[k, i, : len(path) + len(back)] = path + back
        worlds.stages["at"][k, i] = INF
        _fill_flow(worlds.flows[k, i], flow, i, settings, path, back)
        state = worlds.controls[dispatch.number_of(flow.controller.name)][k, i]
        _assign(state, **{name: float(getattr(flow.controller, name)) for name in type(flow.controller).model_fields})
        worlds.flows.window_max[k, i] = min(settings.window_max_packets, held.packets)  # unacknowledged data's ring
    _line_up(worlds.flows[k], settings, numbers)
    _take_turns(worlds.flows[k], worlds.links[k], settings, links)


def _take_turns(flows: Any, rows: Any, settings: WorldSettings, links: dict[str, int]) -> None:
    """Let flows wait for their turn, in a row by priority at each link."""
    rows.first_turn = -1
    turns = [(i, flow.turn) for i, flow in enumerate(settings.flows) if flow.turn is not None]
    for i, turn in sorted(turns, key=lambda one: (one[1].priority, -one[0])):
        gate = link_number(turn.link, links)
        flows[i].gate, flows[i].asks = gate, turn.asks_mbps
        flows[i].next_turn, rows[gate].first_turn = rows[gate].first_turn, i


def _line_up(flows: Any, settings: WorldSettings, numbers: dict[str, int]) -> None:
    """Let flows wait for those that they start after."""
    waiting = {i: numbers.get(flow.after, -1) for i, flow in enumerate(settings.flows) if flow.after is not None}
    for i, before in waiting.items():
        name = settings.flows[i].after
        if before < 0:
            raise unknown_name("flow", str(name), numbers)
        if settings.flows[before].size_bytes is None:
            raise InputError(f"flow '{name}' never ends, so nothing can start after it: give it size_bytes")
        way = [i]
        while (following := waiting.get(way[-1], -1)) >= 0 and following not in way:
            way.append(following)
        if following >= 0:
            raise InputError(f"flow '{flow_name(settings.flows[i], i)}' waits for itself: let one of its circle start")
        flows[i].gap, flows[i].wake_at = flows[i].start_at, INF
        flows[i].sibling, flows[before].follower = flows[before].follower, i


def flow_name(flow: FlowSettings, number: int) -> str:
    """Return the name of flow ``number`` in results."""
    return flow.name or f"{flow.controller.name.rpartition(':')[2]}-{number}"


def _held(worlds: Worlds) -> Shape:
    return Shape(
        flows=worlds.flows.shape[1],
        links=worlds.links.shape[1],
        hops=worlds.routes.shape[2],
        packets=worlds.packets.shape[2],
        samples=worlds.samples.shape[1],
        segments=worlds.segments.shape[1],
        transfers=worlds.completions.shape[2],
        delays=worlds.delays.shape[1],
    )


def _names(kind: str, names: list[str]) -> dict[str, int]:
    known: dict[str, int] = {}
    for number, name in enumerate(names):
        if name in known:
            raise InputError(f"two {kind}s are called '{name}': give each its own name")
        known[name] = number
    return known


def _fill_link(worlds: Worlds, k: int, j: int, link: LinkSettings, settings: WorldSettings, first: int) -> int:
    """Fill the row of link ``j``, its segments from row ``first`` on; return the row after the last."""
    if link.buffer_bytes < settings.packet_bytes:
        raise InputError(
            f"the buffer of link '{link.name}' holds {link.buffer_bytes} bytes, less than a packet of "
            f"{settings.packet_bytes}: nothing could pass"
        )
    schedule = schedule_of(link, settings.duration_s, stream(settings.seed, Purpose.WORLD, 2, j))
    last = first + len(schedule.segments)
    worlds.segments[k, first:last] = schedule.segments
    _assign(
        worlds.links[k, j],
        ns_per_byte=8e3 / link.capacity_mbps,
        delay=round(link.delay_ms * 1e6),
        buffer=link.buffer_bytes,
        loss=link.loss,
        mark_above=INF if link.mark_above_bytes is None else link.mark_above_bytes,
        first=first,
        last=last,
        now_segment=first,
        busy_segment=first,
        period=schedule.period,
        period_work=schedule.work,
        codel_target=0 if link.codel_target_ms is None else round(link.codel_target_ms * 1e6),
        codel_interval=round(link.codel_interval_ms * 1e6),
        codel_marks=link.codel_marks,
    )
    return last


def _fill_delays(worlds: Worlds, k: int, j: int, link: LinkSettings, first: int) -> int:
    """Fill what is added to the delay of link ``j`` from row ``first`` on; return the row after the last."""
    steps = delays_of(link)
    last = first + len(steps)
    worlds.delays[k, first:last] = steps
    _assign(worlds.links[k, j], first_delay=first, last_delay=last, now_delay=first)
    return last


def _fill_flow(row: Any, flow: FlowSettings, i: int, settings: WorldSettings, path: list[int], back: list[int]) -> None:
    kind = flow.controller
    name = flow_name(flow, i)
    forward, backward = settings.delay_ms(path), settings.delay_ms(back)
    rtt = forward + settings.delay_ms(back or path) if flow.rtt_ms is None else flow.rtt_ms
    if rtt < forward + backward:
        takes = f"takes {forward} ms and its way back {backward} ms" if back else f"takes {forward} ms one way"
        raise InputError(f"flow '{name}' has an rtt of {rtt} ms, but its path {takes}")
    end = settings.duration_s if flow.end_s is None else flow.end_s
    if flow.after is None and flow.start_s >= end:
        raise InputError(f"flow '{name}' starts at {flow.start_s} s, but ends at {end} s: it would never send")
    size = settings.packet_bytes
    finish = INF if flow.size_bytes is None else -(-flow.size_bytes // size)
    app, gap, chunk, transfer = BULK, 0.0, INF, INF
    if flow.transfer_bytes is not None:
        app, gap = REGULAR, flow.transfer_every_s * 1e9
        chunk = transfer = -(-flow.transfer_bytes // size)
    elif flow.app_mbps is not None:
        app = REGULAR if flow.app_arrivals == "regular" else POISSON
        chunk = flow.app_chunk_packets
        gap = chunk * size * 8e3 / flow.app_mbps
    never = ("ack_at", "timer_at", "release_at", "app_at", "interval_at")
    _assign(row, **dict.fromkeys((*never, "min_rtt", "block_at", "block_rtt", "sample_rtt_min"), INF))
    _assign(
        row,
        controller=dispatch.number_of(kind.name),
        external=kind.external,
        conserves=kind.conserves,
        paces=flow.paced,
        parameter=float(finish) if kind.sized else flow.parameter,
        **settings.policy.fields(),
        hops=len(path),
        legs=len(path) + len(back),
        clock_ahead=round(flow.clock_s * 1e9),
        clock_ppm=flow.clock_ppm,
        wire_bytes=size,
        reverse_delay=round((rtt - forward) * 1e6),
        start_at=round(flow.start_s * 1e9),
        wake_at=round(flow.start_s * 1e9),
        end_at=INF if flow.end_s is None else round(flow.end_s * 1e9),
        finish_seq=finish,
        burst=flow.burst_packets,
        rto_min=round(settings.rto_min_ms * 1e6),
        rto=_FIRST_RTO,
        interval_min=_INTERVAL_MIN,
        interval_fixed=round(settings.interval_ms * 1e6),
        app=app,
        app_gap=gap,
        app_chunk=chunk,
        transfer=transfer,
        milestone_seq=min(transfer, finish),
        plain_acks=flow.ack_every == 1 and flow.jitter_ms == 0 and flow.ack_slot_ms == 0 and not back,
        ack_delay=round((rtt - forward - backward) * 1e6),
        ack_bytes=flow.ack_bytes,
        ack_every=flow.ack_every,
        ack_timeout=round(flow.ack_timeout_ms * 1e6),
        ack_slot=round(flow.ack_slot_ms * 1e6),
        jitter=flow.jitter_ms * 1e6,
        follower=-1,
        sibling=-1,
        gate=-1,
        dealt=INF,
        next_turn=-1,
        hold_pn=-1,
        mask=RING_MIN - 1,
        seq_mask=RING_MIN - 1,
        newest_pn=-1,
        limited_until=-1,
        finished_at=-1,
    )


def _assign(row: Any, **values: Any) -> None:
    for field, value in values.items():
        row[field] = value
