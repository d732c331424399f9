"""Senders and receivers: sockets of this process in the two namespaces, fed, drained and sampled by one thread.

The kernel does all that has to be on time. A sender's buffer holds half a second of data beside its window; a
receiver is drained now and then, and told by SO_RCVLOWAT to acknowledge at once all the same.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from astraea.congestion.emulation.bandit import Bandit
from astraea.congestion.emulation.relay import PORT
from astraea.congestion.emulation.tcp_info import TcpInfo, tcp_info
from astraea.congestion.emulation.wire import ADDRESSES, Wire
from astraea.congestion.simulator.settings import FlowSettings
from astraea.errors import InputError, RunError

__all__ = ["Sending", "play"]

_EVERY_S = 0.005
_PIECE = bytes(1 << 16)
_RECEIVED = 64 << 20
_LINGER_NOT = struct.pack("ii", 1, 0)
_SO_SNDBUFFORCE, _SO_RCVBUFFORCE = 32, 33


@dataclass
class Sending:
    """One flow while it is played, and what became of it."""

    flow: FlowSettings
    controller: str
    listener: socket.socket
    source: socket.socket | None = None
    sink: socket.socket | None = None
    handed: int = 0  # bytes given to the kernel
    over: bool = False
    done_s: float | None = None  # when all its data were acknowledged
    bandit: Bandit | None = None  # what chooses its controller anew while it lives
    times_s: list[float] = field(default_factory=list)
    infos: list[TcpInfo] = field(default_factory=list)


def play(
    wire: Wire,
    flows: Sequence[FlowSettings],
    controllers: Sequence[str],
    duration_s: float,
    sample_s: float,
    buffer_bytes: int,
    tell: Callable[[float, Sequence[Sending]], None] | None = None,
    bandits: Mapping[int, Bandit] | None = None,
) -> list[Sending]:
    """Start ``wire`` and play ``flows`` over it; return their samples, taken about every ``sample_s``.

    ``buffer_bytes`` is how much a sender's buffer holds. ``tell`` is called at each sample with the time. ``bandits``
    choose the controllers of some flows, by number, at each sample. Raises :class:`RunError` if a connection fails.
    """
    with ExitStack() as stack:
        plays = []
        for number, (flow, controller) in enumerate(zip(flows, controllers, strict=True)):
            with wire.inside("far"):
                listener = stack.enter_context(socket.socket())
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVED)
            listener.bind((ADDRESSES["far"], PORT + number))
            listener.listen()
            plays.append(Sending(flow, controller, listener, bandit=(bandits or {}).get(number)))
        _go_on(wire, plays, duration_s, sample_s, buffer_bytes, tell, stack)
    return plays


def _go_on(
    wire: Wire,
    plays: list[Sending],
    duration_s: float,
    sample_s: float,
    buffer_bytes: int,
    tell: Callable[[float, Sequence[Sending]], None] | None,
    stack: ExitStack,
) -> None:
    drain = bytearray(1 << 20)
    origin, now, sample_at = wire.start(), 0.0, 0.0
    while now < duration_s:
        for number, one in enumerate(plays):
            if not one.over and now >= one.flow.start_s:
                if one.source is None:
                    one.source = _connect(wire, one.controller, number, buffer_bytes, stack)
                _feed(one)
                _drain(one, drain, stack)
                _finish(one, now)
        if now >= sample_at:
            for one in plays:
                _sample(one, now)
            sample_at = (int(now / sample_s) + 1) * sample_s
            if tell is not None:
                tell(now, plays)
        time.sleep(max(min(_EVERY_S, duration_s - now), 0))
        now = (time.monotonic_ns() - origin) * 1e-9
    for one in plays:
        _sample(one, now)


def _connect(wire: Wire, controller: str, number: int, buffer_bytes: int, stack: ExitStack) -> socket.socket:
    with wire.inside("near"):
        source = stack.enter_context(socket.socket())
    source.setblocking(False)
    source.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    source.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, buffer_bytes)
    _choose(source, controller)
    reached = source.connect_ex((ADDRESSES["far"], PORT + number))
    if reached not in (0, errno.EINPROGRESS):
        raise RunError(f"a connection cannot be opened: {os.strerror(reached)}")
    return source


def _choose(source: socket.socket, controller: str) -> None:
    try:
        source.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, controller.encode())
    except OSError as error:
        raise InputError(f"the kernel takes no congestion controller '{controller}': {error.strerror}") from None


def _feed(one: Sending) -> None:
    """Give the kernel as much data as it takes."""
    assert one.source is not None
    while True:
        left = len(_PIECE) if one.flow.size_bytes is None else min(one.flow.size_bytes - one.handed, len(_PIECE))
        if left <= 0:
            return
        try:
            one.handed += one.source.send(memoryview(_PIECE)[:left])
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno == errno.ENOTCONN:  # still on its way
                return
            raise RunError(f"the connection of flow '{one.flow.name}' failed: {error.strerror}") from None


def _drain(one: Sending, room: bytearray, stack: ExitStack) -> None:
    """Take what has arrived and throw it away, without copying it."""
    if one.sink is None:
        try:
            one.sink = stack.enter_context(one.listener.accept()[0])
        except BlockingIOError:
            return
        one.sink.setblocking(False)
        one.sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, _RECEIVED // 2)
    try:
        while one.sink.recv_into(room, len(room), socket.MSG_TRUNC) == len(room):
            pass
    except BlockingIOError:
        pass


def _finish(one: Sending, now: float) -> None:
    """Let a flow leave whose time is over or whose data have all arrived."""
    assert one.source is not None
    whole = one.flow.size_bytes is not None and tcp_info(one.source).bytes_acked >= one.flow.size_bytes
    if whole or (one.flow.end_s is not None and now >= one.flow.end_s):
        if whole:
            one.done_s = now
        _sample(one, now)
        one.over = True
        one.source.close()


def _sample(one: Sending, now: float) -> None:
    if one.source is not None and not one.over:
        told = tcp_info(one.source)
        one.times_s.append(now)
        one.infos.append(told)
        if one.bandit is not None and (chosen := one.bandit.judge(now, told)) != one.controller:
            _choose(one.source, chosen)
            one.controller = chosen
