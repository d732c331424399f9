"""Processes for independent jobs, which end with the process that asked for them, however that ends.

A worker is a Python of its own that imports what its jobs need, and nothing else: a script without a main guard is not
run again, and what a script or a notebook defines itself is sent by value.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import Any, TypeVar

import cloudpickle

from astraea.errors import RunError

__all__ = ["WorkerPool", "worker_pool"]

Value = TypeVar("Value")


@contextmanager
def worker_pool(workers: int, *shared: Any) -> Iterator[WorkerPool]:
    """Lend a pool of ``workers`` processes, none of which outlives this one, killed or not.

    Jobs are called with ``shared``, which is sent to each worker once, before their own arguments. What a worker
    prints goes to standard error. Whoever leaves by an error waits for jobs that have begun, and for no others; an
    interruption is passed on to them.
    """
    pool = WorkerPool(workers, shared)
    try:
        yield pool
    except KeyboardInterrupt:
        pool.interrupt()
        raise
    finally:
        pool.close()


class WorkerPool:
    """Runs jobs, each worker one at a time; a worker that dies is replaced for the next job."""

    def __init__(self, workers: int, shared: tuple[Any, ...] = ()) -> None:
        # Each thread leads a worker of its own, and begins with its first job.
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="worker")
        self._shared = cloudpickle.dumps(shared)
        self._own = threading.local()
        self._all: list[_Worker] = []
        self._interrupted = False

    def submit(self, job: Callable[..., Value], /, *arguments: Any) -> Future[Value]:
        """Return the future of ``job(*shared, *arguments)``, whose error is the job's own.

        It is a :class:`RunError` if the worker dies, and what cloudpickle raises for what cannot be sent.
        """
        return self._threads.submit(self._run, cloudpickle.dumps((job, arguments)))

    def interrupt(self) -> None:
        """Interrupt jobs that have begun; no other will begin."""
        self._interrupted = True
        for worker in self._all:
            worker.process.terminate()

    def close(self) -> None:
        """Wait for jobs that have begun, drop the others, and end the workers."""
        self._threads.shutdown(cancel_futures=True)
        for worker in self._all:
            worker.end()

    def _run(self, job: bytes) -> Any:
        worker: _Worker | None = getattr(self._own, "worker", None)
        if worker is None or worker.process.poll() is not None:
            worker = self._own.worker = _Worker(self._shared)
            self._all.append(worker)
        if self._interrupted:  # after the worker is known, so that it is interrupted either here or there
            raise KeyboardInterrupt
        succeeded, value = worker.run(job)
        if not succeeded:
            raise value
        return value


class _Worker:
    """One worker, seen from the process that it works for."""

    def __init__(self, shared: bytes) -> None:
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)  # where the user's modules are found
        # Its standard output carries the results. -P: the folder it starts in is no place for modules.
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", "from astraea.workers import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path},
        )
        with suppress(OSError):  # one that is gone already is noticed with its first job
            self._send(shared)

    def run(self, job: bytes) -> tuple[bool, Any]:
        """Return whether ``job`` succeeded, and its result or its error."""
        assert self.process.stdout is not None
        try:
            self._send(job)
            reply = pickle.load(self.process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError):
            code = self.process.wait()
            how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            return False, RunError(f"the worker process died ({how}): run fewer jobs at once if memory ran out")
        succeeded, value = pickle.loads(reply)
        return succeeded, value

    def end(self) -> None:
        """Hang up and wait for the process to end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(OSError):
            self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def _send(self, message: bytes) -> None:
        assert self.process.stdin is not None
        pickle.dump(message, self.process.stdin)
        self.process.stdin.flush()


def main() -> None:
    """Do the jobs that come in through standard input until it ends, which ends a job under way too."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    inbox: SimpleQueue[bytes | None] = SimpleQueue()
    idle = threading.Event()
    idle.set()
    threading.Thread(target=_listen, args=(inbox, idle), daemon=True).start()
    interruption = _Interruption()
    shared: Any = inbox.get()
    while (message := inbox.get()) is not None:
        try:
            with interruption:
                if isinstance(shared, bytes):
                    shared = pickle.loads(shared)
                job, arguments = pickle.loads(message)
                interruption.check()  # an import may have swallowed it
                reply = cloudpickle.dumps((True, job(*shared, *arguments)))
        except BaseException as error:
            reply = _told(error)
        idle.set()
        pickle.dump(reply, replies)
        replies.flush()


class _Interruption:
    """Interrupts a job, once: the process that asked for it may pass on what all processes of a terminal got too."""

    def __init__(self) -> None:
        self._came = self._at_work = False
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._interrupt)

    def __enter__(self) -> None:
        self._at_work = True
        self.check()

    def __exit__(self, *_: object) -> None:
        self._at_work = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if it has come."""
        if self._came:
            raise KeyboardInterrupt

    def _interrupt(self, *_: object) -> None:
        first, self._came = not self._came, True
        if first and self._at_work:
            raise KeyboardInterrupt


def _listen(inbox: SimpleQueue[bytes | None], idle: threading.Event) -> None:
    with suppress(EOFError, OSError, pickle.UnpicklingError):
        while True:
            message = pickle.load(sys.stdin.buffer)
            idle.clear()
            inbox.put(message)
    if not idle.is_set():
        os._exit(1)
    inbox.put(None)


def _told(error: BaseException) -> bytes:
    error.add_note("in a worker process:\n" + "".join(traceback.format_exception(error)))
    try:
        reply: bytes = cloudpickle.dumps((False, error))
        pickle.loads(reply)  # some errors can be sent but not received
    except Exception:
        reply = cloudpickle.dumps((False, RunError(f"{type(error).__name__}: {error}")))
    return reply
