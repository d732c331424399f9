"""One worker of the processes engine: it loads what the engine publishes and runs one chain after another.

The engine sends ``("load", name, packed, region)`` and ``("chain", task, chain, spent)``, where ``spent`` are the
worker's regions that may be used again. The worker answers ``("ready",)`` once, then ``("done", task, packed,
region)`` for each chain, or ``("broken", name, reason)`` if it could not load something. A region travels ahead
of the first message that names it.
"""

from __future__ import annotations

import contextlib
import copy
import os
import select
import signal
import threading
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.reduction import recv_handle, send_handle
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from astraea.engines.allocator import keep_freed_memory
from astraea.engines.shared import Packed, Region, pack, unpack
from astraea.federation.plan import Chain, RoundPlan
from astraea.federation.training import Deadline, run_chain
from astraea.federation.vector import VectorModel

__all__ = ["Inbox", "Outbox", "main"]


class Inbox:
    """The other side's regions, as they arrive."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._regions: dict[int, Region] = {}

    def __len__(self) -> int:
        return len(self._regions)

    def map(self, number: int, size: int) -> None:
        """Take over the region that follows on the connection."""
        self._regions[number] = Region(size, recv_handle(self._connection))

    def unmap(self, number: int) -> None:
        """Forget a region that will not be used again."""
        self._regions.pop(number).close()

    def memory(self, number: int) -> NDArray[np.uint8]:
        """Return a new view of a region's memory."""
        return self._regions[number].bytes()

    def close(self) -> None:
        """Forget all regions."""
        for number in list(self._regions):
            self.unmap(number)


@dataclass
class Outbox:
    """Our regions for results: one is used again as soon as the other side has given it back."""

    connection: Connection
    regions: dict[int, Region] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)
    made: int = 0

    def send(self, task: tuple[int, int], value: Any) -> None:
        """Write ``value`` into a region and tell the other side."""
        packed, region = pack(value, self._place)
        number = next(key for key, known in self.regions.items() if known is region)
        self.connection.send(("done", task, packed, number))

    def _place(self, size: int) -> Region:
        for number in self.free:
            if self.regions[number].size >= size:
                self.free.remove(number)
                return self.regions[number]
        for number in self.free:  # too small for what now comes, and so for what will come next
            self.connection.send(("unmap", number))
            self.regions.pop(number).close()
        self.free.clear()
        self.made += 1
        region = self.regions[self.made] = Region(size)
        self.connection.send(("map", self.made, size))
        send_handle(self.connection, region.descriptor, None)
        return region


def main(descriptor: int, threads: int, visit_deadline: float | None) -> None:
    """Serve the engine at the other end of the socket ``descriptor`` until it hangs up."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # all processes may get it: the engine handles it
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_when_alone, args=(descriptor,), daemon=True).start()
    torch.set_num_threads(threads)
    keep_freed_memory()
    connection = Connection(descriptor)
    with contextlib.suppress(EOFError, ConnectionError):
        _serve(connection, Inbox(connection), Outbox(connection), Deadline(visit_deadline, time.monotonic))


def _end_when_alone(descriptor: int) -> None:
    """End this process as soon as the other side is gone, in the middle of a chain too."""
    poll = select.poll()
    poll.register(descriptor, 0)  # nothing but a hang-up
    poll.poll()
    os._exit(1)


def _serve(connection: Connection, inbox: Inbox, outbox: Outbox, deadline: Deadline) -> None:
    loaded: dict[str, Any] = {}
    connection.send(("ready",))
    while True:
        kind, *rest = connection.recv()
        if kind == "map":
            inbox.map(*rest)
        elif kind == "unmap":
            inbox.unmap(*rest)
        elif kind == "load":
            name, packed, number = rest
            try:
                loaded[name] = _load(name, packed, inbox.memory(number))
            except Exception as error:
                connection.send(("broken", name, f"{type(error).__name__}: {error}"))
                return
        else:
            task, chain, spent = rest
            outbox.free += spent
            _run(task, chain, loaded, outbox, deadline)


def _load(name: str, packed: Packed, memory: NDArray[np.uint8]) -> Any:
    value = unpack(packed, memory)
    if name != "model":
        return value
    module, bfloat16, dtype = value
    torch.set_default_dtype(dtype)
    own = copy.deepcopy(module)  # its buffers are written to, and the memory is all workers'
    return VectorModel(own, bfloat16=bfloat16)


def _run(task: tuple[int, int], chain: Chain, loaded: dict[str, Any], outbox: Outbox, deadline: Deadline) -> None:
    plan: RoundPlan = loaded["plan"]
    result = run_chain(plan, chain, loaded["model"], loaded["rule"], loaded["clients"], deadline)
    outbox.send(task, (result.end, result.reports, result.client_states))
