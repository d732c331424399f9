"""What any congestion controller must keep to, as a check that a test of one's own can call.

Alone, on a made-up connection: after every event the window is at least a packet, the rate is not negative, and nothing
is NaN or infinite that was not; the same events give the same bytes. In worlds with losses, marks, silence and a link
that fails for a while: data flows, what is to be sent arrives, and the same world gives the same bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from astraea.congestion.connection.record import INF, LIMITED, OPEN, RECOVERY, TIMEOUT, dtype_of, rows
from astraea.congestion.connection.settings import PolicySettings
from astraea.congestion.controllers.controller import Controller, state_of
from astraea.congestion.play import simulate
from astraea.congestion.simulator.results import Result
from astraea.congestion.simulator.settings import WorldSettings
from astraea.congestion.simulator.state import Flow, Packet
from astraea.congestion.simulator.topology import dumbbell
from astraea.errors import InputError

__all__ = ["WORLDS", "check_controller"]

_MS = 1_000_000
_PACKETS = 20  # of data that arrive at least in a world
_FLOW, _PACKET = dtype_of(Flow), dtype_of(Packet)

WORLDS: dict[str, dict[str, Any]] = {
    "a clean link": {},
    "random loss": {"link": {"loss": 0.02}},
    "a small buffer": {"buffer_bdp": 0.5},
    "congestion marks": {"link": {"mark_above_bytes": 9000}},
    "a link that fails for a second": {"link": {"steps": ((0, 2), (0.6, 0.0), (1.4, 2))}, "duration_s": 5.0},
    "an application that falls silent": {"flow": {"transfer_bytes": 15_000, "transfer_every_s": 1.0}},
    "few acknowledgements": {"flow": {"ack_every": 4, "jitter_ms": 1.0, "ack_slot_ms": 5.0}},
}
"""By name: what differs from 2 Mbit/s, 40 ms and a buffer of two products, for 3 s."""


def check_controller(controller: Any, *, parameter: float = 1.0, events: int = 3000) -> None:
    """Check ``controller``, in any form that a flow takes, alone and in :data:`WORLDS`.

    ``parameter`` is a flow's; ``events`` are made up. Raises :class:`InputError` with one sentence for the first
    thing that is wrong.
    """
    part = Controller.of(controller)
    for seed in range(3):
        if _alone(part, parameter, events, seed) != _alone(part, parameter, events, seed):
            raise InputError(f"the controller '{part.name}' answers the same events in two ways: let it draw by f.rng")
    flow = {"controller": part, "parameter": parameter}
    for name, fields in WORLDS.items():
        fields = dict(fields)
        one = {**flow, **fields.pop("flow", {})}
        settings = {"capacity_mbps": 2, "rtt_ms": 40, "buffer_bdp": 2, "duration_s": 3.0, "seed": 5, **fields}
        _in_world(part, name, dumbbell([{**one, "start_s": 0.2}, {**one, "size_bytes": 20_000}], **settings))


def _alone(part: Controller, parameter: float, count: int, seed: int) -> bytes:
    """Play ``count`` events and return the connection and the state in the end."""
    rng = np.random.default_rng(seed)
    f, c, packet = rows(1, _FLOW)[0], rows(1, state_of(type(part)))[0], rows(1, _PACKET)[0]
    for name in type(part).model_fields:
        c[name] = getattr(part, name)
    f.min_rtt = INF
    f.rng = seed + 1
    f.window_limited = f.burst = 1
    f.window_max, f.wire_bytes = 1 << 20, 1500
    for name, value in PolicySettings(refresh_s=10.0).fields().items():
        f[name] = value
    f.parameter = parameter
    f.conserves = part.conserves
    now = 0
    on = part.events
    on.start(f, c, now)
    _sound(part, "start", f, c)
    for _ in range(count):
        event = _play(on, f, c, packet, rng, now)
        now += int(rng.integers(1, 20 * _MS))
        _sound(part, event, f, c)
    return bytes(f.tobytes() + c.tobytes())


def _play(on: Any, f: Any, c: Any, packet: Any, rng: np.random.Generator, now: int) -> str:
    kind = rng.choice(
        ["on_ack", "on_loss", "on_mark", "on_timeout", "on_restart", "act"], p=[0.9, 0.04, 0.02, 0.01, 0.01, 0.02]
    )
    if kind == "act":
        if on.act is not None:
            on.act(f, c, float(rng.uniform(-1, 1)))
        return "act"
    f.inflight = int(rng.integers(0, max(min(int(f.cwnd), 1 << 20), 1) + 1))
    if kind != "on_ack":
        if kind == "on_timeout":
            f.undo_cwnd = f.cwnd
        elif kind == "on_loss":
            f.recovering, f.newly_lost = RECOVERY, 1
            f.lost += 1
            packet.inflight, packet.lost, packet.status = f.inflight + 1, f.lost - 1, LIMITED * int(rng.random() < 0.5)
            _call(on.on_packet_lost, f, c, packet, now)
        _call(getattr(on, kind), f, c, now)
        if kind == "on_timeout":
            f.recovering = TIMEOUT
            if rng.random() < 0.3:
                f.recovering = OPEN
                _call(on.on_undo, f, c, now)
        elif kind == "on_loss" and f.conserves:
            f.cwnd = max(f.ssthresh, 1.0)
        return str(kind)
    rtt = int((40 + 40 * rng.random() ** 4) * _MS)
    f.acked = int(rng.integers(1, 5))
    f.prior_inflight, f.newly_lost = f.inflight + f.acked, 0
    f.last_rtt, f.min_rtt = rtt, min(f.min_rtt, rtt)
    f.srtt = float(rtt) if f.srtt == 0.0 else f.srtt + (rtt - f.srtt) / 8
    f.sample_prior, f.sample_inflight, f.sample_lost = f.delivered, f.prior_inflight, 0
    f.delivered += f.acked
    f.sample_delivered, f.sample_interval = f.prior_inflight, rtt
    f.sample_limited = int(rng.random() < 0.1)
    f.round_start = int(f.delivered >= f.round_end)
    if f.round_start:
        f.round_end = f.delivered + f.inflight
        f.rounds += 1
    if f.recovering != OPEN and rng.random() < 0.2:
        f.recovering = OPEN
        _call(on.on_recovered, f, c, now)
    _call(on.on_ack, f, c, now)
    return "on_ack"


def _call(event: Any, *arguments: Any) -> None:
    if event is not None:
        event(*arguments)


def _sound(part: Controller, event: str, f: Any, c: Any) -> None:
    """Raise unless what the event has left can be sent by."""
    for name, value, least in (("cwnd", f.cwnd, 1.0), ("ssthresh", f.ssthresh, 1.0), ("pacing_rate", f.pacing_rate, 0)):
        if not (np.isfinite(value) and value >= least):
            raise InputError(
                f"the controller '{part.name}' leaves {name} = {value} after {event}: hold it above {least}"
            )
    for name in c.dtype.names:
        if np.isnan(c[name]).any():
            raise InputError(f"the controller '{part.name}' leaves {name} = NaN in its state after {event}")


def _in_world(part: Controller, name: str, settings: WorldSettings) -> None:
    result, again = simulate(settings), simulate(settings)
    if not _same(result, again):
        raise InputError(f"the controller '{part.name}' does not do the same twice in the world '{name}'")
    if not (np.isfinite(result.cwnd).all() and (result.cwnd[0, 2:] >= 1.0).all() and (result.pacing_mbps >= 0).all()):
        raise InputError(f"the controller '{part.name}' has no window to send by in the world '{name}'")
    if result.goodput[0] < _PACKETS:
        raise InputError(f"the controller '{part.name}' sends almost nothing in the world '{name}'")
    if np.isnan(result.completion_s[1]):
        raise InputError(f"the controller '{part.name}' does not get 20 kB across in the world '{name}'")


def _same(one: Result, other: Result) -> bool:
    pairs = ((getattr(one, name), getattr(other, name)) for name in ("cwnd", "rtt_ms", "pacing_mbps", "delivered"))
    return all(a.tobytes() == b.tobytes() for a, b in pairs)
