"""Usual shapes of networks, as settings: one bottleneck, several in a row, or one for each direction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from astraea.congestion.simulator.settings import FlowSettings, LinkSettings, WorldSettings
from astraea.errors import InputError

__all__ = ["buffer_for", "dumbbell", "parking_lot", "two_way"]


def buffer_for(capacity_mbps: float, rtt_ms: float, bdp: float, packet_bytes: int = 1500) -> int:
    """Return a buffer of ``bdp`` bandwidth-delay products in bytes, at least two packets.

    Raises :class:`astraea.errors.InputError` if that is no number of bytes.
    """
    for name, value, most in (("capacity", capacity_mbps, 1e6), ("RTT", rtt_ms, 1e5), ("buffer", bdp, 1e6)):
        if not 0 <= value <= most:
            raise InputError(f"the {name} is {value:g}: it must be a number from 0 to {most:,.0f}")
    return max(round(capacity_mbps * 1e3 / 8 * rtt_ms * bdp), 2 * packet_bytes)


def dumbbell(
    flows: Sequence[FlowSettings | dict[str, Any]],
    *,
    capacity_mbps: float = 100.0,
    rtt_ms: float = 30.0,
    buffer_bdp: float = 1.0,
    link: dict[str, Any] | None = None,
    **world: Any,
) -> WorldSettings:
    """Return the settings of a world in which all ``flows`` share one bottleneck.

    A flow is :class:`FlowSettings` or a dict of its fields, such as ``{"controller": "cubic", "start_s": 5}``.
    ``rtt_ms`` is the round-trip time of flows that name none of their own, without queues; ``buffer_bdp`` the queue
    in bandwidth-delay products; ``link`` gives further fields of :class:`LinkSettings`, ``world`` those of
    :class:`WorldSettings`, such as ``duration_s`` and ``seed``. Raises :class:`astraea.errors.InputError` for a
    field that is unknown or out of range.
    """
    if rtt_ms == 0:
        raise InputError(
            "the RTT is 0 ms, of which a buffer in bandwidth-delay products holds nothing: give a time above 0, such "
            "as 0.1"
        )
    packet = world.get("packet_bytes", 1500)
    shortest = min([rtt_ms, *(r for flow in flows if (r := _field(flow, "rtt_ms")) is not None)])
    bottleneck = {
        "name": "bottleneck",
        "capacity_mbps": capacity_mbps,
        "delay_ms": min(rtt_ms, shortest) / 2,
        "buffer_bytes": buffer_for(capacity_mbps, rtt_ms, buffer_bdp, packet),
        **(link or {}),
    }
    named = [_with_rtt(flow, rtt_ms) for flow in flows]
    return WorldSettings(links=(LinkSettings(**bottleneck),), flows=tuple(named), **world)


def parking_lot(
    hops: int,
    *,
    long_flow: dict[str, Any],
    cross_flow: dict[str, Any],
    capacity_mbps: float = 100.0,
    delay_ms: float = 5.0,
    buffer_bdp: float = 1.0,
    **world: Any,
) -> WorldSettings:
    """Return ``hops`` bottlenecks in a row: ``long_flow`` crosses all of them, a ``cross_flow`` each one."""
    packet = world.get("packet_bytes", 1500)
    size = buffer_for(capacity_mbps, 2 * delay_ms * hops, buffer_bdp, packet)
    links = tuple(
        LinkSettings(name=f"hop-{j}", capacity_mbps=capacity_mbps, delay_ms=delay_ms, buffer_bytes=size)
        for j in range(hops)
    )
    flows = [FlowSettings(**{"name": "long", **long_flow})]
    flows += [FlowSettings(**{"name": f"cross-{j}", "path": (f"hop-{j}",), **cross_flow}) for j in range(hops)]
    return WorldSettings(links=links, flows=tuple(flows), **world)


def two_way(
    flows: Sequence[FlowSettings | dict[str, Any]],
    opposite: Sequence[FlowSettings | dict[str, Any]] = (),
    *,
    capacity_mbps: float = 100.0,
    back_mbps: float = 100.0,
    rtt_ms: float = 30.0,
    buffer_bdp: float = 1.0,
    **world: Any,
) -> WorldSettings:
    """Return a world of two links, ``there`` and ``back``, of ``rtt_ms`` together.

    ``flows`` send there and are acknowledged back; those ``opposite`` the other way round, in the same two queues.
    Each queue holds ``buffer_bdp`` of its own bandwidth-delay products, at least two packets.
    """
    packet = world.get("packet_bytes", 1500)
    links = tuple(
        LinkSettings(
            name=name,
            capacity_mbps=mbps,
            delay_ms=rtt_ms / 2,
            buffer_bytes=buffer_for(mbps, rtt_ms, buffer_bdp, packet),
        )
        for name, mbps in (("there", capacity_mbps), ("back", back_mbps))
    )
    made = [
        _with_rtt(flow, rtt_ms).model_copy(update={"path": (path,), "back": (back,)})
        for some, path, back in ((flows, "there", "back"), (opposite, "back", "there"))
        for flow in some
    ]
    return WorldSettings(links=links, flows=tuple(made), **world)


def _field(flow: FlowSettings | dict[str, Any], name: str) -> Any:
    return flow.get(name) if isinstance(flow, dict) else getattr(flow, name)


def _with_rtt(flow: FlowSettings | dict[str, Any], rtt_ms: float) -> FlowSettings:
    settings = FlowSettings(**flow) if isinstance(flow, dict) else flow
    return settings if settings.rtt_ms is not None else settings.model_copy(update={"rtt_ms": rtt_ms})
