"""The workers of the processes engine, seen from the engine: starting, sending, collecting, replacing, ending."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import weakref
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import send_handle
from typing import Any

from astraea.engines.shared import Packed, Region, pack, unpack
from astraea.engines.worker import Inbox
from astraea.errors import InputError, RunError
from astraea.federation.plan import Chain

__all__ = ["Done", "Exit", "Task", "Worker", "WorkerPool"]

Task = tuple[int, int]
"""The round's token, and the chain's place in its plan."""


@dataclass(frozen=True)
class Done:
    """A chain was run; ``value`` is what the worker made of it, its tensors in shared memory."""

    task: Task
    value: Any


@dataclass(frozen=True)
class Exit:
    """A worker ended while it had ``tasks``, the first of which it was running."""

    tasks: tuple[Task, ...]
    code: int

    @property
    def cause(self) -> str:
        """How it ended, in words."""
        return f"killed by signal {-self.code}" if self.code < 0 else f"exit code {self.code}"


class Worker:
    """One worker process. It is ``ready`` once it has imported what it needs; only then is anything sent."""

    def __init__(self, threads: int, visit_deadline: float | None) -> None:
        ours, theirs = socket.socketpair()
        command = f"from astraea.engines.worker import main; main({theirs.fileno()}, {threads}, {visit_deadline})"
        path = os.pathsep.join(entry for entry in sys.path if entry)  # where the user's modules are found
        limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", command],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path} | limits,
        )
        theirs.close()
        self.connection = Connection(ours.detach())
        self.inbox = Inbox(self.connection)
        self.ready = False
        self.tasks: deque[Task] = deque()
        self.spent: list[int] = []
        self._mapped: set[int] = set()
        self._loaded: dict[str, int] = {}

    def send(self, task: Task, chain: Chain, publications: dict[str, Publication]) -> None:
        """Have ``chain`` run after what was sent before; a worker that is gone is noticed when collecting."""
        self.tasks.append(task)
        spent, self.spent[:] = list(self.spent), []
        with contextlib.suppress(OSError):
            for name, publication in publications.items():
                self._load(name, publication)
            self.connection.send(("chain", task, chain, spent))

    def _load(self, name: str, publication: Publication) -> None:
        if self._loaded.get(name) == publication.version:
            return
        if publication.number not in self._mapped:
            self.connection.send(("map", publication.number, publication.region.size))
            send_handle(self.connection, publication.region.descriptor, self.process.pid)
            self._mapped.add(publication.number)
        self.connection.send(("load", name, publication.packed, publication.number))
        self._loaded[name] = publication.version

    def forget(self, number: int) -> None:
        """Unmap a region that will not be used again."""
        if number in self._mapped:
            self._mapped.remove(number)
            with contextlib.suppress(OSError):
                self.connection.send(("unmap", number))

    def result(self, packed: Packed, number: int) -> Any:
        """Return a result; its memory is the worker's again when the last of its tensors is gone."""
        memory = self.inbox.memory(number)
        weakref.finalize(memory, self.spent.append, number).atexit = False
        return unpack(packed, memory)

    def end(self, patience: float) -> int:
        """Hang up, wait for ``patience`` seconds, then kill; return the exit code."""
        self.connection.close()
        self.inbox.close()
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


@dataclass(frozen=True)
class Publication:
    """A value that every worker needs, in the region ``number``."""

    version: int
    packed: Packed
    region: Region
    number: int


class WorkerPool:
    """A fixed number of workers, and what is published to them all."""

    def __init__(self, workers: int, threads: int, visit_deadline: float | None) -> None:
        if not hasattr(socket, "send_fds"):
            raise InputError("worker processes need Linux or macOS here: set engine.name = 'serial'")
        self._threads, self._visit_deadline = threads, visit_deadline
        self.workers = [self._new() for _ in range(workers)]
        self.started = False
        self._failed_starts = 0
        self._publications: dict[str, Publication] = {}
        self._count = 0

    def publish(self, name: str, value: Any, *, by_value: bool = False) -> None:
        """Let every worker have ``value`` under ``name`` before the next chain it is sent.

        What was published under that name before must not be in use any more: its memory is taken.
        """
        old = self._publications.get(name)

        def place(size: int) -> Region:
            return old.region if old is not None and size <= old.region.size <= 2 * size else Region(size)

        packed, region = pack(value, place, by_value=by_value)
        self._count += 1
        number = old.number if old is not None and region is old.region else self._count
        self._publications[name] = Publication(self._count, packed, region, number)
        if old is not None and number != old.number:
            old.region.close()
            for worker in self.workers:
                worker.forget(old.number)

    def send(self, worker: Worker, task: Task, chain: Chain) -> None:
        """Have ``worker`` run ``chain`` after what it was sent before."""
        worker.send(task, chain, self._publications)

    def collect(self, timeout: float | None = None) -> Iterator[Done | Exit]:
        """Yield what happened; wait up to ``timeout`` seconds (``None``: as long as it takes) if nothing has.

        Raises :class:`InputError` if a worker cannot load what was published, :class:`RunError` if workers end
        before they are up.
        """
        by_connection = {worker.connection: worker for worker in self.workers}
        for connection in wait(list(by_connection), timeout):
            worker = by_connection[connection]  # type: ignore[index]
            try:
                kind, *rest = worker.connection.recv()
            except (EOFError, OSError):
                yield self._replace(worker)
                continue
            if kind == "ready":
                worker.ready = self.started = True
                self._failed_starts = 0  # in a row, of which there may be as many as workers
            elif kind == "map":
                worker.inbox.map(*rest)
            elif kind == "unmap":
                worker.inbox.unmap(*rest)
            elif kind == "done":
                task, packed, number = rest
                worker.tasks.popleft()
                yield Done(task, worker.result(packed, number))
            else:
                name, reason = rest
                raise InputError(
                    f"worker processes cannot load the {name} ({reason}): define it in a module that can be "
                    "imported, or set engine.name = 'serial'"
                )

    def close(self) -> None:
        """End all workers; a second call does nothing."""
        for worker in self.workers:
            worker.connection.close()
        for worker in self.workers:
            worker.end(patience=0.1 if worker.tasks else 5.0)
        self.workers.clear()
        for publication in self._publications.values():
            publication.region.close()
        self._publications.clear()

    def _replace(self, worker: Worker) -> Exit:
        exit_ = Exit(tuple(worker.tasks), worker.end(patience=5.0))
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts > len(self.workers):
                raise RunError(
                    f"worker processes end as they start ({exit_.cause}; their own message is above): "
                    "set engine.name = 'serial'"
                )
        self.workers[self.workers.index(worker)] = self._new()
        return exit_

    def _new(self) -> Worker:
        return Worker(self._threads, self._visit_deadline)
