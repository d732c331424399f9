"""Two network namespaces, *near* and *far*, joined by an emulated link: for senders of ours and for any program."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from astraea.congestion.connection.record import INF, rows
from astraea.congestion.emulation.machine import obstacle
from astraea.congestion.emulation.namespaces import (
    counters,
    entered,
    make_namespace,
    make_tun,
    route_controller,
    set_up,
    sysctl,
)
from astraea.congestion.emulation.relay import BIN_NS, LANE, LATE_BINS, RELAY, SLOT_BYTES, carry
from astraea.congestion.emulation.thread import urgent
from astraea.congestion.simulator.build import build
from astraea.congestion.simulator.settings import FlowSettings, LinkSettings, WorldSettings
from astraea.errors import InputError, RunError

__all__ = ["ADDRESSES", "CEILING_MBPS", "Report", "Side", "Wire"]

Side = Literal["near", "far"]

ADDRESSES: dict[Side, str] = {"near": "10.77.0.1", "far": "10.77.0.2"}
CEILING_MBPS = 50.0  # what two busy cores carry with delays kept, see docs/results/real-stacks.md
_DEVICE = "astraea0"
_PLACES = 1 << 13  # least packets on their way in one lane; a link with longer queues has more
_MEMORY = str(64 << 20)


@dataclass(frozen=True)
class Report:
    """What the relay did, and how well."""

    carried: int  # packets delivered, both ways
    came: NDArray[np.int64]  # (flows + 1,) packets that came, forward; the last row is what belongs to no flow
    dropped: NDArray[np.int64]  # that found no room
    corrupted: NDArray[np.int64]  # lost at random
    bytes: NDArray[np.int64]  # delivered
    backlog_bytes: NDArray[np.float64]  # (samples,) forward
    utilisation: float  # of the forward link: what it carried of what it could have carried
    late_p50_ms: float  # how much later than due packets were handed over
    late_p99_ms: float
    late_max_ms: float
    real_time: bool  # whether the relay ran before all ordinary processes
    fault: str | None  # what makes it void: a clause without a full stop


class Wire:
    """An emulated link between the namespaces ``near`` and ``far``, while the context lasts.

    ``link`` leads from near to far, ``back`` the other way (by default without limits). Flow ``i`` is the TCP
    connection to or from port ``PORT + i`` of far; its round-trip time is ``rtts_ms[i]``, that of all else
    ``rtt_ms``, by default twice the link's delay. Packets are never reordered. Without ``bursts``, segmentation
    offload is off. Connections over the link run under ``controller`` if they ask for none. Raises :class:`RunError`
    where links cannot be emulated, :class:`InputError` for one that cannot be kept to.
    """

    def __init__(
        self,
        link: LinkSettings,
        *,
        back: LinkSettings | None = None,
        rtts_ms: Sequence[float] = (),
        rtt_ms: float | None = None,
        duration_s: float | None = None,
        sample_ms: float = 0.0,
        seed: int = 0,
        bursts: bool = True,
        controller: str | None = None,
        mtu: int = 1500,
    ) -> None:
        self.flows = len(rtts_ms)
        ways = (
            link,
            back or LinkSettings(name=f"{link.name} back", capacity_mbps=1e6, delay_ms=0, buffer_bytes=1 << 30),
        )
        one_way = sum(way.delay_ms for way in ways)
        rest = 2 * link.delay_ms if rtt_ms is None else rtt_ms
        if min(rest, *rtts_ms, rest) < one_way:
            raise InputError(f"the delays of the link take {one_way:g} ms: no flow has a smaller round-trip time")
        self._settings = ways, [rtt - one_way for rtt in (*rtts_ms, rest)]
        self._duration_s, self._sample_ms, self._seed, self._mtu = duration_s, sample_ms, seed, mtu
        self._bursts, self._controller = bursts, controller
        self._stack = ExitStack()
        self.namespaces: dict[Side, int] = {}
        self.real_time = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        if (lack := obstacle()) is not None:
            raise RunError(lack)
        try:
            devices = [self._make(side) for side in ADDRESSES]
            self._prepare(devices)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
        self._stack.close()

    @contextmanager
    def inside(self, side: Side) -> Iterator[None]:
        """Take the calling thread into a namespace: what it opens or starts meanwhile stays there."""
        with entered(self.namespaces[side]):
            yield

    def run(self, side: Side, command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start a program in a namespace; ``options`` are those of :class:`subprocess.Popen`."""
        with self.inside(side):
            return subprocess.Popen(command, **options)

    def start(self) -> int:
        """Start the relay; return its origin of time, in ns of the monotonic clock."""
        self._relay.origin = time.monotonic_ns()
        self._thread = threading.Thread(target=self._carry, name="astraea relay", daemon=True)
        self._thread.start()
        return int(self._relay.origin)

    def stop(self) -> None:
        """End the relay, if it runs, and wait for it."""
        if self._thread is not None:
            self._relay.stop = 1
            self._thread.join()
            self._thread = None

    def report(self) -> Report:
        """End the relay and say what it did."""
        self.stop()
        link, late = self._links[0], np.cumsum(self._late)
        missed = 0
        for side in ADDRESSES:
            with self.inside(side):
                missed += counters(_DEVICE)["dropped"]

        def quantile(share: float) -> float:
            return float(np.searchsorted(late, share * late[-1]) + 1) * BIN_NS * 1e-6 if late[-1] else 0.0

        relay = self._relay
        faults = {
            "packets on their way than the relay has room for": int(relay.overrun),
            "packets that came faster than the relay read them": missed,
            "packets that a device refused": int(relay.failed),
        }
        return Report(
            carried=int(relay.carried),
            **dict(zip(("came", "dropped", "corrupted", "bytes"), self._counts.T.copy(), strict=True)),
            backlog_bytes=self._backlogs[: int(relay.samples)].copy(),
            utilisation=float((link.bytes - relay.backlog) / relay.could) if relay.could else 0.0,
            late_p50_ms=quantile(0.5),
            late_p99_ms=quantile(0.99),
            late_max_ms=float(relay.late_max) * 1e-6,
            real_time=self.real_time,
            fault=next((f"{count} {what} were lost" for what, count in faults.items() if count), None),
        )

    def _make(self, side: Side) -> int:
        namespace = self.namespaces[side] = make_namespace()
        self._stack.callback(os.close, namespace)
        with self.inside(side):
            sysctl("ipv6.conf.all.disable_ipv6", "1")
            sysctl("ipv4.tcp_no_metrics_save", "1")
            sysctl("ipv4.tcp_rmem", f"4096 131072 {_MEMORY}")
            sysctl("ipv4.tcp_wmem", f"4096 16384 {_MEMORY}")
            device = make_tun(_DEVICE)
            self._stack.callback(os.close, device)
            set_up(_DEVICE, ADDRESSES[side], self._mtu, bursts=self._bursts)
            if self._controller is not None:
                route_controller(_DEVICE, ADDRESSES[side], self._controller)
        return device

    def _prepare(self, devices: list[int]) -> None:
        """Make what the relay works on, and compile it."""
        ways, back_ms = self._settings
        duration = 1e6 if self._duration_s is None else self._duration_s
        path = FlowSettings(path=(ways[0].name,))
        world = build(
            WorldSettings(
                links=ways, flows=(path,), duration_s=duration, sample_ms=0, seed=self._seed, packet_bytes=self._mtu
            )
        )
        self._links = world.links
        lanes = self.flows + 2
        table = rows(lanes, LANE)
        table["delay"][1:] = np.round(np.array(back_ms) * 1e6)
        samples = 0 if not self._sample_ms else int(duration * 1e3 / self._sample_ms + 1e-9)
        self._relays = rows(1, RELAY)
        self._relay = self._relays[0]
        self._relay.flows = self.flows
        self._relay.until = INF if self._duration_s is None else round(self._duration_s * 1e9)
        self._relay.sample_every = round(self._sample_ms * 1e6)
        self._backlogs = np.zeros(samples)
        self._counts = np.zeros((self.flows + 1, 4), np.int64)
        self._late = np.zeros(LATE_BINS, np.int64)
        on_way = (ways[0].buffer_bytes + ways[0].capacity_mbps * 125 * ways[0].delay_ms) / self._mtu
        places = max(_PLACES, 2 * round(on_way))
        memory = np.empty((lanes + 1, places, SLOT_BYTES), np.uint8)
        polls, clock = np.zeros(4, np.int32), np.zeros(4, np.int64)
        polls[::2] = devices
        self._arguments: tuple[Any, ...] = (
            self._relays,
            world.links,
            world.segments,
            world.delays,
            table,
            np.zeros((lanes, places), np.int64),
            np.zeros((lanes, places), np.int64),
            memory,
            memory.ctypes.data,
            np.array(devices, np.int64),
            polls,
            polls.ctypes.data,
            clock,
            clock.ctypes.data,
            self._backlogs,
            self._counts,
            self._late,
        )
        unused, links = self._relays.copy(), world.links.copy()
        self._relay.stop = 1
        carry(*self._arguments)  # compiled now, so that it starts at once
        self._relays[:], world.links[:] = unused, links

    def _carry(self) -> None:
        self.real_time = urgent()
        carry(*self._arguments)
